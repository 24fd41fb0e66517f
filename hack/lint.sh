#!/usr/bin/env bash
# The house rules that a machine can check.
set -uo pipefail
cd "$(dirname "$0")/.."
bad=0
say() {
	echo "lint: $*"
	bad=1
}

files=$(git ls-files '*.go')
out=$(gofmt -l $files)
[ -z "$out" ] || say "not gofmt'ed: $out"

go vet ./shared/... $(printf './plugins/kubectl-%s/... ' nodehealth auditpolicy certgen logarch) || say "go vet"
GOWORK=off go -C test vet ./... || say "go vet in test/"

# Dependencies point one way (see CONTRIBUTING.md).
mod=github.com/clusterwright/kubectl-plugins
imports() { go list -f '{{$p := .ImportPath}}{{range .Imports}}{{$p}} {{.}}{{"\n"}}{{end}}' "$@"; }
while read -r pkg dep; do
	[ -n "$pkg" ] || continue
	plugin=$(sed -nE "s|^$mod/plugins/([^/]+).*|\1|p" <<<"$pkg")
	case "$dep" in
	$mod/plugins/*)
		[ -n "$plugin" ] || say "shared imports a plugin: $pkg -> $dep"
		[[ "$dep" == "$mod/plugins/$plugin"* ]] || say "a plugin imports another: $pkg -> $dep"
		;;
	text/template | html/template) say "text/template switches off dead-code elimination: $pkg -> $dep" ;;
	esac
	case "$pkg" in
	$mod/plugins/*/internal/cmd | $mod/plugins/*/internal/cmd/*) ;;
	$mod/plugins/*/internal/*)
		case "$dep" in
		github.com/spf13/* | k8s.io/cli-runtime/* | $mod/shared/cli | $mod/shared/output | $mod/plugins/*/internal/cmd)
			say "a domain package knows the command line: $pkg -> $dep"
			;;
		esac
		;;
	esac
done < <(imports ./shared/... $(printf './plugins/kubectl-%s/... ' nodehealth auditpolicy certgen logarch))

for f in $(grep -lE 'os\.(Stdout|Stderr|Stdin|Exit)\b' $(git ls-files 'plugins/*/internal/*.go' | grep -v /internal/cmd/ | grep -v _test.go) 2>/dev/null); do
	say "a domain package touches the process: $f"
done

for f in $files; do
	n=$(wc -l <"$f")
	[ "$n" -le 500 ] || grep -q '^// Code generated' "$f" || say "$f has $n lines (500 at most)"
done

out=$(git grep -nIE '(//|#).*\b(TODO|FIXME|XXX)\b' -- '*.go' '*.sh' ':!hack/lint.sh')
[ -z "$out" ] || say "unfinished: $out"

# Size: 32 MB stripped.
for p in nodehealth auditpolicy certgen logarch; do
	if [ -f "bin/kubectl-$p" ]; then
		n=$(stat -c %s "bin/kubectl-$p" 2>/dev/null || stat -f %z "bin/kubectl-$p")
		[ "$n" -le $((32 * 1024 * 1024)) ] || say "bin/kubectl-$p has $n bytes (32 MB at most)"
	fi
done
exit $bad
