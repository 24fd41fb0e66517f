#!/usr/bin/env bash
# Installs the Debian packages that the tests need (hack/packages.txt) and are
# not there yet.
set -euo pipefail
cd "$(dirname "$0")"
missing=()
while read -r p _; do
	case "$p" in '' | \#*) continue ;; esac
	dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || missing+=("$p")
done <packages.txt
[ ${#missing[@]} -gt 0 ] || exit 0
echo "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
