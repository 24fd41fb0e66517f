package certlint

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/input"
	"github.com/clusterwright/kubectl-plugins/shared/clitest"
)

// corpusSets are the files of the corpus: each alone, and the folders that
// belong together as one set.
func corpusSets(t *testing.T) (names []string, sets map[string][]*input.File) {
	t.Helper()
	root := "../../testdata/lint"
	sets = map[string][]*input.File{}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Dir(p) == filepath.Clean(root) {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		data, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		f, err := input.Parse(rel, data)
		if err != nil {
			t.Logf("%v", err)
			return nil
		}
		set := rel
		if dir := filepath.ToSlash(filepath.Dir(rel)); strings.HasPrefix(dir, "traps/set-") {
			set = dir
		}
		if sets[set] == nil {
			names = append(names, set)
		}
		sets[set] = append(sets[set], f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names, sets
}

func line(i Issue) string {
	s := fmt.Sprintf("%s: %s %s: %s", i.Subject.Location(), i.Severity, i.ID, i.Message)
	if len(i.Fix) > 0 {
		s += " (fix)"
	}
	return s
}

// What the linter says about the whole corpus, and what is left when its fixes
// are written, as `lint --fix` does.
func TestGoldenCorpus(t *testing.T) {
	var b strings.Builder
	names, sets := corpusSets(t)
	for _, n := range names {
		set := sets[n]
		fmt.Fprintf(&b, "== %s\n", n)
		issues := Lint(set)
		for _, i := range issues {
			fmt.Fprintf(&b, "%s\n", line(i))
		}
		fixed := 0
		for range 4 {
			k := 0
			for i, f := range set {
				data, n := Fixed(f, issues)
				if n == 0 {
					continue
				}
				g, err := input.Parse(f.Name, data)
				if err != nil {
					t.Errorf("%s: the fixes break the file: %v\n%s", f.Name, err, data)
					continue
				}
				set[i] = g
				k += n
			}
			if fixed += k; k == 0 {
				break
			}
			issues = Lint(set)
		}
		if fixed > 0 {
			fmt.Fprintf(&b, "-- %d mended, left:\n", fixed)
			for _, i := range issues {
				fmt.Fprintf(&b, "%s\n", line(i))
			}
		}
	}
	clitest.Golden(t, "../../testdata/lint/golden.txt", []byte(b.String()))
}
