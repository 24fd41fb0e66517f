#!/usr/bin/env bash
# Runs every test layer, says what it is doing and how long each took. Packages
# and the Kubernetes binary are installed and built the first time and cached.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
export CGO_ENABLED=0
start=$SECONDS
failed=() untested=() timing=() flaky=() logs=
trap '[ -z "$logs" ] || rm -rf "$logs"' EXIT

layer() { # layer NAME COMMAND...
	local name=$1 t=$SECONDS
	shift
	echo "==> $name"
	if "$@"; then
		timing+=("$(printf '%5ds  ok    %s' $((SECONDS - t)) "$name")")
	else
		timing+=("$(printf '%5ds  FAIL  %s' $((SECONDS - t)) "$name")")
		failed+=("$name")
	fi
}

modules_under() { find "$1" -name go.mod -not -path '*/testdata/*' -exec dirname {} \; | sort; }

# The packages of the real layer wait for their clusters more than they compute,
# so two run at a time, those that take longest first. Real clusters on a small
# machine can miss a deadline that has nothing to do with the code: a package
# that fails is run once more, alone, and that it took two runs is said at the
# end. What fails twice has failed, and so has what hung: another 40 minutes
# would say the same. A package passes by saying so, not by keeping silent: one
# whose process was killed has failed.
e2e_package() { # e2e_package PACKAGE LOGS
	local log=$2/${1//\//_} t=$SECONDS verdict=FAIL
	GOWORK=off go -C test test -count=1 -timeout 40m "$1" >"$log" 2>&1 && verdict=ok
	{
		flock 9
		[ $verdict = FAIL ] || echo "$1" >>"$2/passed"
		echo "--- $1: $verdict after $((SECONDS - t))s"
		cat "$log"
	} 9>"$2/lock"
}
export -f e2e_package
e2e() {
	local ok=0 p all first=(nodehealth logarch nodetools clusterhealth krew certgen-live)
	all=$(GOWORK=off go -C test list ./cluster/... ./e2e/...) || return 1
	all=$(sed 's|^.*/kubectl-plugins/test/|./|' <<<"$all")
	all=$(printf './e2e/%s\n' "${first[@]}" && grep -vxF "$(printf './e2e/%s\n' "${first[@]}")" <<<"$all")
	logs=$(mktemp -d)
	touch "$logs/passed"
	xargs -P 2 -I{} bash -c 'e2e_package "$1" "$2" || :' _ {} "$logs" <<<"$all"
	for p in $all; do
		grep -qxF "$p" "$logs/passed" && continue
		if grep -q '^panic: test timed out' "$logs/${p//\//_}" 2>/dev/null; then
			echo "--- $p hung"
			ok=1
			continue
		fi
		echo "--- once more: $p"
		if GOWORK=off go -C test test -count=1 -timeout 40m "$p"; then
			flaky+=("$p")
		else
			ok=1
		fi
	done
	return $ok
}
judges() {
	local ok=0 m
	for m in $(modules_under test/judges); do
		echo "--- $m"
		GOWORK=off go -C "$m" test -count=1 -timeout 20m ./... && continue
		# Real agents miss deadlines too, on a busy machine.
		echo "--- once more: $m"
		if GOWORK=off go -C "$m" test -count=1 -timeout 20m ./...; then
			flaky+=("$m")
		else
			ok=1
		fi
	done
	return $ok
}

real=
[ "$(uname -s)" = Linux ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && real=1
# First of all: the house rules look at scripts and manuals with some of them.
[ -z "$real" ] || layer "packages of the peers and the cluster" hack/packages.sh
layer "build the plugins" make --no-print-directory build
layer "house rules" hack/lint.sh
layer "unit and command scripts" make --no-print-directory test-unit
layer "start-up and size against their limits" env GOWORK=off go -C test test -count=1 -v ./bench/startup
layer "examples of the documentation, and its pictures" env GOWORK=off go -C test test ./examples ./pictures ./walkthrough

if [ -n "$real" ]; then
	layer "Kubernetes for the test cluster" hack/build-k8s.sh
	layer "real cluster and real peers" e2e
	layer "judges with dependencies of their own" judges
else
	untested+=("the real cluster and the real peers (needs Linux, root and Debian's apt-get)")
fi

echo
printf '%s\n' "${timing[@]}"
echo "total $((SECONDS - start))s"
for f in ${flaky[@]+"${flaky[@]}"}; do echo "NEEDED TWO RUNS: $f"; done
for f in ${failed[@]+"${failed[@]}"}; do echo "FAILED: $f"; done
for u in ${untested[@]+"${untested[@]}"}; do echo "NOT TESTED: $u"; done
[ ${#failed[@]} -eq 0 ] || exit 1
if [ ${#untested[@]} -ne 0 ] && [ "${CI:-}" = true ]; then
	echo "in CI that is a failure"
	exit 1
fi
exit 0
