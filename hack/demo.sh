#!/usr/bin/env bash
# Builds the plugins and runs each one's main job on the inputs in examples/.
# Needs Go and nothing else: no cluster, no network beyond Go modules.
set -uo pipefail
cd "$(dirname "$0")/.."
start=$SECONDS
make --no-print-directory build || exit 1
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

printf '\ndemo: %ds, build included\n' $((SECONDS - start))
