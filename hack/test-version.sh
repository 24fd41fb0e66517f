#!/usr/bin/env bash
# Runs the main cluster tests of all four plugins on another Kubernetes version
# than the tests' own: test-version.sh VERSION. Builds that Kubernetes once (ten
# minutes on two cores); the tests take about twenty.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
export CGO_ENABLED=0 CLUSTERWRIGHT_VERSION=$1
make --no-print-directory build && hack/packages.sh && hack/build-k8s.sh "$1" || exit 1
failed=()
run() { # run PACKAGE TESTS
	echo "==> $1 ($2) on Kubernetes $CLUSTERWRIGHT_VERSION"
	GOWORK=off go -C test test -count=1 -timeout 40m -run "$2" "./$1" || failed+=("$1")
}
run e2e/examples .
run e2e/nodehealth TestFaultMatrix
run e2e/auditpolicy 'TestDiscovery|TestOracle|TestBoot'
run e2e/certgen-live 'TestLive|TestRequest|TestServices'
run e2e/logarch TestInject
for f in ${failed[@]+"${failed[@]}"}; do echo "FAILED on $CLUSTERWRIGHT_VERSION: $f"; done
[ ${#failed[@]} -eq 0 ]
