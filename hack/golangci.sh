#!/usr/bin/env bash
# Runs golangci-lint (.golangci.yml) on every module of the repository.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
export CGO_ENABLED=0
tool=${XDG_CACHE_HOME:-$HOME/.cache}/clusterwright/golangci-lint-$(sha256sum hack/tools/golangci/go.mod | cut -c1-12)
if [ ! -x "$tool" ]; then
	echo "building golangci-lint (once, about ten minutes)"
	mkdir -p "$(dirname "$tool")"
	GOWORK=off go -C hack/tools/golangci build -o "$tool.part" github.com/golangci/golangci-lint/v2/cmd/golangci-lint || exit 1
	mv "$tool.part" "$tool"
fi
config=$PWD/.golangci.yml status=0
for m in $(git ls-files '*go.mod' | grep -v '^hack/tools/' | xargs -n1 dirname); do
	work=off
	case $m in shared | plugins/*) work= ;; esac
	(cd "$m" && GOWORK=$work "$tool" run --allow-parallel-runners --config "$config" ./...) || {
		echo "golangci-lint: $m"
		status=1
	}
done
exit $status
