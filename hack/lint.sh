#!/usr/bin/env bash
# The house rules that a machine can check.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
bad=0
say() {
	echo "lint: $*"
	bad=1
}

plugins=(nodehealth auditpolicy certgen logarch)
code=(./shared/...)
for p in "${plugins[@]}"; do code+=("./plugins/kubectl-$p/..."); done
files=()
while IFS= read -r f; do [ ! -f "$f" ] || files+=("$f"); done < <(git ls-files '*.go')
[ ${#files[@]} -gt 0 ] || say "git knows no Go files here"
out=$(gofmt -l "${files[@]}")
[ -z "$out" ] || say "not gofmt'ed: $out"

go vet "${code[@]}" || say "go vet"
# Windows has files of its own; what the cross-build compiles the tests under
# wine need, too.
GOOS=windows go vet "${code[@]}" || say "go vet for Windows"
GOWORK=off go -C test vet ./... || say "go vet in test/"

# Dependencies point one way (see CONTRIBUTING.md).
mod=github.com/clusterwright/kubectl-plugins
imports() { go list -f '{{$p := .ImportPath}}{{range .Imports}}{{$p}} {{.}}{{"\n"}}{{end}}' "${code[@]}"; }
graph=$(imports && GOOS=windows imports) || say "go list"
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
		github.com/spf13/* | k8s.io/cli-runtime/* | "$mod"/shared/cli | "$mod"/shared/output | "$mod"/plugins/*/internal/cmd)
			say "a domain package knows the command line: $pkg -> $dep"
			;;
		esac
		;;
	esac
done < <(sort -u <<<"$graph")

out=$(git grep -lE 'os\.(Stdout|Stderr|Stdin|Exit)\b' -- 'plugins/*/internal/*.go' ':!*/internal/cmd/*' ':!*_test.go')
[ -z "$out" ] || say "a domain package touches the process: $out"

for f in "${files[@]}"; do
	n=$(wc -l <"$f")
	[ "$n" -le 500 ] || grep -q '^// Code generated' "$f" || say "$f has $n lines (500 at most)"
done

out=$(git grep -nIE '(//|#).*\b(TODO|FIXME|XXX)\b' -- '*.go' '*.sh' ':!hack/lint.sh')
[ -z "$out" ] || say "unfinished: $out"

# Tools are pinned in modules of their own, outside the workspace. staticcheck,
# deadcode and dupl take a minute or two the first time; golangci-lint takes ten to
# build and has a target of its own (make lint-full).
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
if GOWORK=off CGO_ENABLED=0 go -C hack/tools/lint build -o "$tools" honnef.co/go/tools/cmd/staticcheck golang.org/x/tools/cmd/deadcode github.com/mibk/dupl github.com/rhysd/actionlint/cmd/actionlint; then
	"$tools/staticcheck" "${code[@]}" || say "staticcheck"
	out=$("$tools/deadcode" -test "${code[@]}") || say "deadcode"
	[ -z "$out" ] || say "nothing uses: $out"
	# The same logic twice, over all modules: 70 tokens of syntax tree are some
	# twelve lines. Below that, the constructors of cobra commands are alike.
	out=$(printf '%s\n' "${files[@]}" | "$tools/dupl" -t 70 -plumbing -files) || say "dupl"
	[ -z "$out" ] || say "written twice: $out"
	"$tools/actionlint" .github/workflows/*.yml || say "actionlint"
else
	say "the linters of hack/tools/lint cannot be built"
fi

# The programs behind the release, and the pages that they write.
(cd hack && GOWORK=off go vet ./... && GOWORK=off go test ./...) >/dev/null || say "hack/: go vet or go test"
for page in errors licenses; do
	GOWORK=off go -C hack run ./house $page --check .. || say "house $page"
done

# What this machine has not the program for is not checked, and said; in CI that
# is a failure.
unchecked() {
	echo "lint: NOT CHECKED: $*"
	[ "${CI:-}" != true ] || bad=1
}

# The shell scripts, those that users run too. tail.sh and rotate.sh run in a
# container's sh, which is busybox as often as not: what a stranger may call
# careless in them is meant, and its test knows -ef.
if command -v shellcheck >/dev/null; then
	shellcheck -S warning hack/*.sh .ci/run test/examples/testdata/bin/* || say "shellcheck"
	shellcheck -s sh -S warning -e SC1007,SC2010,SC3013 plugins/kubectl-logarch/internal/*/*.sh || say "shellcheck"
else
	unchecked "shell scripts (no shellcheck here)"
fi

# The manuals, where the machine can read them (hack/packages.txt has mandoc and
# man-db). They have no date, so that equal source gives equal bytes.
if command -v mandoc >/dev/null; then
	out=$(mandoc -Tlint -W warning docs/man/*.1 | grep -v 'missing date')
	[ -z "$out" ] || say "man pages: $out"
else
	unchecked "man pages (no mandoc here)"
fi

# Size: 32 MB stripped.
for p in "${plugins[@]}"; do
	if [ -f "bin/kubectl-$p" ]; then
		n=$(stat -c %s "bin/kubectl-$p" 2>/dev/null || stat -f %z "bin/kubectl-$p")
		[ "$n" -le 32000000 ] || say "bin/kubectl-$p has $n bytes (32 MB at most)"
	fi
done
exit $bad
