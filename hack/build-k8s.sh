#!/usr/bin/env bash
# Builds etcd, the Kubernetes components, kubeadm and kubectl of the test
# cluster as one binary (test/cmd/k8s), once: 7 to 15 minutes on two cores the
# first time, nothing when the version is cached.
#
#	build-k8s.sh [VERSION]
#
# Without a version it is that of test/go.mod. Another version is built from the
# same main package in a module made for it, beside the binary in the cache.
set -euo pipefail
cd "$(dirname "$0")/../test"
default=$(sed -n 's/^\tk8s.io\/kubernetes \(v[0-9.]*\)$/\1/p' go.mod)
[ -n "$default" ] || { echo "test/go.mod names no k8s.io/kubernetes version" >&2; exit 1; }
version=${1:-$default}
minor=${version#v1.}
minor=${minor%%.*}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/clusterwright
out=$cache/k8s-$version
[ -x "$out" ] && exit 0
export GOWORK=off CGO_ENABLED=0
mkdir -p "$cache"

src=.
if [ "$version" != "$default" ]; then
	src=$cache/src-$version
	rm -rf "$src"
	mkdir -p "$src/cmd/k8s"
	cp cmd/k8s/main.go "$src/cmd/k8s/"
	gomod=$(cd "$src" && go mod download -json "k8s.io/kubernetes@$version" | sed -n 's/^\t"GoMod": "\(.*\)",$/\1/p')
	[ -n "$gomod" ] || { echo "k8s.io/kubernetes $version cannot be had" >&2; exit 1; }
	# The published module points at its staging folder; the same modules are
	# published as v0.MINOR.PATCH.
	{
		printf 'module k8s\n\ngo 1.26.0\n\nrequire k8s.io/kubernetes %s\n\nreplace (\n' "$version"
		sed -nE "s|^\t(k8s.io/[a-z0-9-]+) => ./staging/.*|\t\1 => \1 v0${version#v1}|p" "$gomod"
		printf ')\n'
	} >"$src/go.mod"
	rm -f "$src/go.sum"
	export GOFLAGS="${GOFLAGS:-} -mod=mod"
fi
echo "building Kubernetes $version for the test cluster (once, about ten minutes)"
v=k8s.io/component-base/version
c=k8s.io/client-go/pkg/version
go -C "$src" build -o "$out.part" -ldflags "-s -w \
	-X $v.gitVersion=$version -X $v.gitMajor=1 -X $v.gitMinor=$minor -X $v.gitTreeState=clean \
	-X $c.gitVersion=$version -X $c.gitMajor=1 -X $c.gitMinor=$minor" ./cmd/k8s
mv "$out.part" "$out"
