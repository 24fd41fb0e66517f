# A shipper of one's own: everything that the file gets, to stdout.
exec tail -n +1 -F "$1"
