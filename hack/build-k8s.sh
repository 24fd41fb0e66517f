#!/usr/bin/env bash
# Builds etcd, the Kubernetes components, kubeadm and kubectl of the test
# cluster as one binary (test/cmd/k8s), once: 7 to 15 minutes on two cores the
# first time, nothing when the version is cached.
set -euo pipefail
cd "$(dirname "$0")/../test"
version=$(sed -n 's/^\tk8s.io\/kubernetes \(v[0-9.]*\)$/\1/p' go.mod)
[ -n "$version" ] || { echo "test/go.mod names no k8s.io/kubernetes version" >&2; exit 1; }
minor=${version#v1.}
minor=${minor%%.*}
out=${XDG_CACHE_HOME:-$HOME/.cache}/clusterwright/k8s-$version
[ -x "$out" ] && exit 0
echo "building Kubernetes $version for the test cluster (once, about ten minutes)"
mkdir -p "$(dirname "$out")"
v=k8s.io/component-base/version
c=k8s.io/client-go/pkg/version
GOWORK=off CGO_ENABLED=0 go build -o "$out.part" -ldflags "-s -w \
	-X $v.gitVersion=$version -X $v.gitMajor=1 -X $v.gitMinor=$minor -X $v.gitTreeState=clean \
	-X $c.gitVersion=$version -X $c.gitMajor=1 -X $c.gitMinor=$minor" ./cmd/k8s
mv "$out.part" "$out"
