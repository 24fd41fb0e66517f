#!/usr/bin/env bash
# Builds the release into dist/: dist.sh VERSION [FLAGS of hack/dist].
set -euo pipefail
cd "$(dirname "$0")/.."
version=$1
shift
tool=$(mktemp)
trap 'rm -f "$tool"' EXIT
GOWORK=off CGO_ENABLED=0 go -C hack build -o "$tool" ./dist
"$tool" "$@" "$version"
