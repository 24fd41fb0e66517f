: logarch rotation
max=$1 keep=$2
shift 2
trap 'exit 0' TERM INT
size() { stat -L -c %s "$1" 2>/dev/null || echo 0; }
while :; do
  for f; do
    [ "$(size "$f")" -ge "$max" ] || continue
    [ -w "$f" ] || { echo "logarch: cannot truncate $f as $(id -u):$(id -g): $(ls -ln "$f")" >&2; continue; }
    # a full disk: the oldest copy makes room for the next try
    cp "$f" "$f.tmp" || { rm -f "$f.tmp" "$f.$keep"; continue; }
    i=$keep
    while [ "$i" -gt 1 ]; do
      i=$((i - 1))
      [ ! -e "$f.$i" ] || mv -f "$f.$i" "$f.$((i + 1))"
    done
    mv -f "$f.tmp" "$f.1"
    while s=$(size "$f.1"); [ "$(size "$f")" -gt "$s" ]; do tail -c +$((s + 1)) "$f" >>"$f.1" || continue 2; done
    : >"$f"
  done
  sleep 5 & wait $!
done
