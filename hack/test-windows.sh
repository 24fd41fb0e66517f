#!/usr/bin/env bash
# Runs the unit tests as Windows programs under wine (hack/packages.txt). Command
# scripts are left out: they expect the words and slashes of Linux, and
# test/e2e/windows holds both systems' answers against each other.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
command -v wine >/dev/null || {
	echo "NOT TESTED: no wine here (hack/packages.txt)" >&2
	exit 1
}
work=$(mktemp -d)
export WINEPREFIX=$work/prefix WINEDEBUG=-all CGO_ENABLED=0
trap 'wineserver -k; rm -rf "$work"' EXIT
wine wineboot --init >/dev/null 2>&1
GOWORK=off go -C test run ./cmd/prng >"$WINEPREFIX/drive_c/windows/system32/bcryptprimitives.dll" || exit 1

# os.RemoveAll asks for a deletion that wine 8 has not; Go has a way without.
at=$(go env GOROOT)/src/internal/syscall/windows/at_windows.go
sed 's/^var TestDeleteatFallback bool$/var TestDeleteatFallback = true/' "$at" >"$work/at_windows.go"
printf '{"Replace": {"%s": "%s"}}' "$at" "$work/at_windows.go" >"$work/overlay.json"

GOOS=windows GOARCH=amd64 go test -short -skip 'TestScripts' -overlay "$work/overlay.json" -exec wine \
	./shared/... ./plugins/kubectl-{nodehealth,auditpolicy,certgen,logarch}/... "$@"
