// Package walkthrough follows CONTRIBUTING.md to the letter in a copy of the
// repository: a new check, added as it says, has to work the first time.
package walkthrough

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/test/program"
)

var block = regexp.MustCompile("(?ms)^```(go|diff|sh) ?(\\S*)\\n(.*?)^```$")

func TestACheckInTenMinutes(t *testing.T) {
	repo := program.Repo()
	text, err := os.ReadFile(filepath.Join(repo, "CONTRIBUTING.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "\n## A check in ten minutes\n")
	if !ok {
		t.Fatal("CONTRIBUTING.md has no walk-through")
	}
	section, _, _ = strings.Cut(section, "\n## ")

	dir := filepath.Join(t.TempDir(), "repository")
	program.CopyRepo(t, dir)
	counts := map[string]int{}
	for _, m := range block.FindAllStringSubmatch(section, -1) {
		kind, file, body := m[1], filepath.Join(dir, m[2]), m[3]
		counts[kind]++
		switch kind {
		case "go":
			if _, err := os.Stat(file); err == nil {
				t.Fatalf("%s is there already", m[2])
			}
			write(t, file, body)
		case "diff":
			old, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var from, to strings.Builder
			for _, l := range strings.SplitAfter(body, "\n") {
				if rest, ok := strings.CutPrefix(l, "-"); ok {
					from.WriteString(rest)
				} else if rest, ok := strings.CutPrefix(l, "+"); ok {
					to.WriteString(rest)
				}
			}
			if strings.Count(string(old), from.String()) != 1 {
				t.Fatalf("%s has not exactly one place for\n%s", m[2], body)
			}
			write(t, file, strings.Replace(string(old), from.String(), to.String(), 1))
		case "sh":
			out := shell(t, dir, body)
			if !strings.Contains(out, "kubelet is a pre-release") || !strings.Contains(out, "install the release") {
				t.Errorf("checks does not explain the new check:\n%s", out)
			}
		}
	}
	if counts["go"] != 2 || counts["diff"] != 1 || counts["sh"] != 1 {
		t.Errorf("the walk-through has %v blocks, not two of go, one of diff and one of sh", counts)
	}
	if out := shell(t, dir, "gofmt -l plugins/kubectl-nodehealth && cat docs/nodehealth-checks.md"); !strings.Contains(out, "## NH990") {
		t.Error("the reference page does not have the new check")
	} else if strings.HasPrefix(out, "plugins") {
		t.Errorf("not gofmt'ed: %s", strings.SplitN(out, "\n", 2)[0])
	}
}

func write(t *testing.T, file, body string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(body), 0o644); err != nil {
		t.Fatal(err)
	}
}

func shell(t *testing.T, dir, script string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), "bash", "-ec", script)
	c.Dir = dir
	c.Env = append(os.Environ(), "GOWORK=", "GOFLAGS=-trimpath -buildvcs=false", "CGO_ENABLED=0")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s\n%v\n%s", script, err, out)
	}
	return string(out)
}
