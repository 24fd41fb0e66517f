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
# Windows has files of its own; what the cross-build compiles the tests under
# wine need, too.
GOOS=windows go vet ./shared/... $(printf './plugins/kubectl-%s/... ' nodehealth auditpolicy certgen logarch) || say "go vet for Windows"
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

# Tools are pinned in modules of their own, outside the workspace. staticcheck
# and deadcode take a minute or two the first time; golangci-lint takes ten to
# build and has a target of its own (make lint-full).
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
if GOWORK=off CGO_ENABLED=0 go -C hack/tools/lint build -o "$tools" honnef.co/go/tools/cmd/staticcheck golang.org/x/tools/cmd/deadcode; then
	code=(./shared/... $(printf './plugins/kubectl-%s/... ' nodehealth auditpolicy certgen logarch))
	"$tools/staticcheck" "${code[@]}" || say "staticcheck"
	out=$("$tools/deadcode" -test "${code[@]}") || say "deadcode"
	[ -z "$out" ] || say "nothing uses: $out"
else
	say "the linters of hack/tools/lint cannot be built"
fi

# The programs behind the release, and the pages that they write.
(cd hack && GOWORK=off go vet ./... && GOWORK=off go test ./...) >/dev/null || say "hack/: go vet or go test"
for page in errors licenses; do
	GOWORK=off go -C hack run ./house $page --check .. || say "house $page"
done

# The manuals, where the machine can read them (hack/packages.txt has mandoc and
# man-db). They have no date, so that equal source gives equal bytes.
if command -v mandoc >/dev/null; then
	out=$(mandoc -Tlint -W warning docs/man/*.1 | grep -v 'missing date')
	[ -z "$out" ] || say "man pages: $out"
else
	echo "lint: NOT CHECKED: man pages (no mandoc here)"
fi

# Size: 32 MB stripped.
for p in nodehealth auditpolicy certgen logarch; do
	if [ -f "bin/kubectl-$p" ]; then
		n=$(stat -c %s "bin/kubectl-$p" 2>/dev/null || stat -f %z "bin/kubectl-$p")
		[ "$n" -le 32000000 ] || say "bin/kubectl-$p has $n bytes (32 MB at most)"
	fi
done
exit $bad
