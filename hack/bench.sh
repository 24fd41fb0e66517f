#!/usr/bin/env bash
# Runs the benchmarks: every figure is a ratio to a peer or to a limit,
# measured in the same run.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
export CGO_ENABLED=0
status=0
[ "$(id -u)" = 0 ] && { hack/packages.sh && hack/build-k8s.sh || status=1; }
GOWORK=off go -C test test -count=1 -p 1 -timeout 90m -v -run Bench ./bench/... || status=1
while read -r m; do
	GOWORK=off go -C "$(dirname "$m")" test -count=1 -timeout 60m -v -run Bench ./... || status=1
done < <(git ls-files 'test/bench/*go.mod')
exit $status
