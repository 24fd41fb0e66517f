: logarch tailer
# Copies a log file to stdout, every line once: also when the file is renamed,
# emptied, missing or late. At SIGTERM it copies what is left, then ends.
f=$1 linger=${2:-0} state=$3 quit= quiet=0 p=0 o=0 seen= late=0 met=
b=${f##*/} stem=${f%/*}/${b%.*}
IFS='
'
trap 'quit=1 quiet=0' TERM INT
nap() { sleep "$1" & wait $!; }
# id knows a file again: its inode and first line
id() { i=$(stat -L -c %i "$1" 2>/dev/null); IFS= read -r h 2>/dev/null <"$1" || h=; }
# rotated lists older files, oldest first; packed ones cannot be read
rotated() { ls -dtr "$f".[0-9]* "$f".old "$f"-[0-9]* "$stem"[.-][0-9]* 2>/dev/null | grep -vE '\.(gz|bz2|xz|zst)$'; }
# eol ends a last line that has no end
eol() { [ -z "$(tail -c1 "$1")" ] || echo; }
end() { pump; sleep 1; exit 0; }
# pump copies what is new in the current file (3); p is how far that is
pump() { cat <&3; read -r p </proc/self/fdinfo/3; p=${p##*[!0-9]}; }
save() { [ -z "$state" ] || printf '%s\n' "$fi $p" "$fh" "$seen" >"$state"; } ##state
follow() { p=0 o=0; command exec 3<"$1" && id /proc/self/fd/3 && fi=$i fh=$h; }
# missed copies rotated files not seen before, or what an emptied one still held
missed() {
  for c in $(rotated); do
    [ "$c" -ef "$f" ] && continue
    id "$c"
    case "$seen" in *"|$i $h|"*) continue;; esac
    seen="$seen|$i $h|"
    if [ "$i" = "$fi" ]; then continue
    elif [ "$1" ] && [ "$fh" ] && [ "$h" = "$fh" ]; then tail -c +$((p + 1)) "$c"
    else cat "$c"; fi
    eol "$c"
  done
}
# ended: no process is left in the pod but tailers ##job
ended() { ##job
  for d in /proc/[0-9]*; do ##job
    { read -r s <$d/stat; } 2>/dev/null && c= || continue ##job
    case "$d ${s##*) }" in "/proc/1 "*|*" Z 0 "*) continue;; $d" "?" 0 "*) ;; *) continue;; esac ##job
    { IFS= read -r c <$d/cmdline; } 2>/dev/null ##job
    case "$c" in *'logarch tailer'*) continue;; esac ##job
    met=1; return 1 ##job
  done ##job
  [ "$met" ] || [ "$quiet" -ge 60 ] ##job
} ##job
# find waits for the file
find() {
  if [ -s "$state" ]; then ##state
    { read -r a; IFS= read -r g; read -r seen; } <"$state" ##state
    for c in "$f" $(rotated); do ##state
      id "$c" ##state
      [ "$i" = "${a% *}" ] && [ "$h" = "$g" ] && follow "$c" && dd bs=1 skip="${a#* }" count=0 <&3 2>/dev/null && return ##state
    done ##state
  else ##state
  for c in $(rotated); do id "$c"; seen="$seen|$i $h|"; done
  fi ##state
  until [ -f "$f" ] && [ -r "$f" ] && follow "$f"; do
    [ -z "$quit" ] || exit 0
    ! ended || exit 0 ##job
    [ -e "$f" ] && [ "$quiet" = 5 ] && echo "logarch: cannot read $f as $(id -u):$(id -g): $(ls -dln "$f")" >&2
    quiet=$((quiet + 1))
    nap 1
  done
}
find
while :; do
  stop=$quit s=$(stat -L -c %s /proc/self/fd/3)
  [ "$fh" ] || { id /proc/self/fd/3; fh=$h; }
  IFS= read -r h </proc/self/fd/3 || h=
  if [ "$s" -lt "$p" ] || [ "$fh" ] && [ "$h" != "$fh" ]; then
    # emptied: shorter than before, or another first line
    missed truncated; follow /proc/self/fd/3
  elif [ "$s" -gt "$p" ]; then
    pump
    save ##state
  fi
  [ "$late" -le 0 ] || { cat <&4; late=$((late - 1)); [ "$late" -gt 0 ] || exec 4<&-; }
  if [ "$p" = "$o" ]; then quiet=$((quiet + 1)) t=1; else quiet=0 t=0.2 o=$p; fi
  if [ -r "$f" ] && ! [ "$f" -ef /proc/self/fd/3 ]; then
    # renamed: copy the rest, then the files in between, then the new one
    t=0.2
    if [ "$stop" ] || [ "$quiet" -ge 8 ]; then
      pump; eol /proc/self/fd/3
      exec 4<&3; late=60 # who still writes to the old one is read for a while
      seen="$seen|$fi $fh|"
      missed; follow "$f"; quiet=0
      save ##state
      continue
    fi
  elif [ "$stop" ] && [ "$quiet" -ge "$linger" ]; then
    end
  elif [ "$quiet" -ge 2 ] && ended; then ##job
    end ##job
  fi
  [ "$stop" ] && [ "$linger" = 0 ] || nap "$t"
done
