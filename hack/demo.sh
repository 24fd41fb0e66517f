#!/usr/bin/env bash
# Builds the plugins and runs each one's main job on the inputs in examples/.
# Needs Go and git: no make, no cluster, no network beyond Go modules.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
start=$SECONDS
hack/build.sh || exit 1
PATH="$PWD/bin:$PATH"

show() { # show TITLE COMMAND...: runs the command as kubectl would
	local title=$1
	shift
	printf '\n── %s\n$ kubectl %s\n\n' "$title" "$*"
	local plugin=$1
	shift
	"kubectl-$plugin" "$@"
	printf '(exit status %d)\n' $?
}

show "A node that went away, told from the text of kubectl describe" \
	nodehealth --from examples/nodehealth/kube-worker-1.describe.txt
show "The same node after it came back, told from its YAML" \
	nodehealth --from examples/nodehealth/kube-worker-1.yaml

show "An audit policy of the field that does not record what it means to" \
	auditpolicy lint examples/auditpolicy/bad.yaml

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
show "A CA and an API server's certificate that every client accepts" \
	certgen server --ip 203.0.113.10 --service-cidr 10.96.0.0/12 --out "$work/pki"

printf '\n── Two log files of a pod on two streams, nothing else touched\n$ kubectl logarch inject -f examples/logarch/counter.yaml --log /var/log/1.log --log /var/log/2.log >injected.yaml\n\n'
kubectl-logarch inject -f examples/logarch/counter.yaml --log /var/log/1.log --log /var/log/2.log >"$work/injected.yaml"
printf '(exit status %d)\n' $?
printf '\n$ kubectl logarch eject -f injected.yaml | diff - examples/logarch/counter.yaml\n'
kubectl-logarch eject -f "$work/injected.yaml" 2>/dev/null | diff - examples/logarch/counter.yaml && echo "byte for byte as it was"

printf '\ndemo: %ds, build included\n' $((SECONDS - start))
