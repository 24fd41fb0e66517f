#!/usr/bin/env bash
# Runs golangci-lint (.golangci.yml) on every module that plugins are made of,
# and on the programs of hack/.
set -uo pipefail
cd "$(dirname "$0")/.."
export CGO_ENABLED=0
tool=${XDG_CACHE_HOME:-$HOME/.cache}/clusterwright/golangci-lint-$(sha256sum hack/tools/golangci/go.mod | cut -c1-12)
if [ ! -x "$tool" ]; then
	echo "building golangci-lint (once, about ten minutes)"
	mkdir -p "$(dirname "$tool")"
	GOWORK=off go -C hack/tools/golangci build -o "$tool.part" github.com/golangci/golangci-lint/v2/cmd/golangci-lint || exit 1
	mv "$tool.part" "$tool"
fi
config=$PWD/.golangci.yml status=0
for m in shared plugins/kubectl-nodehealth plugins/kubectl-auditpolicy plugins/kubectl-certgen plugins/kubectl-logarch; do
	(cd "$m" && "$tool" run --allow-parallel-runners --config "$config" ./...) || status=1
done
(cd hack && GOWORK=off "$tool" run --allow-parallel-runners --config "$config" ./...) || status=1
exit $status
