package examples

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/test/program"
)

func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.md")
	text := "```sh\n# no command\na \\\n  b\n\nc\n```\n```console\n$ d\none\n...\n$ e\n```\n```yaml\nf: g\n```\n```sh\nh\n```\n"
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	var commands []string
	for _, e := range got {
		commands = append(commands, e.Command)
	}
	if strings.Join(commands, "|") != "a b|c|d|e|h" {
		t.Errorf("commands: %q", commands)
	}
	if err := Shows(got[2].Output, "one\ntwo\nthree\n"); err != nil {
		t.Error(err)
	}
	if err := Shows(got[2].Output, "two\n"); err == nil {
		t.Error("an output that is not shown passed")
	}
}

// Every example that needs no cluster works. Those that need one are known by
// failing for the want of it; e2e/examples runs all of them on a real one.
func TestOffline(t *testing.T) {
	repo := program.Repo()
	bin := t.TempDir()
	for _, p := range []string{"nodehealth", "auditpolicy", "certgen", "logarch"} {
		c := exec.Command("go", "build", "-o", bin, "./plugins/kubectl-"+p)
		c.Dir = repo
		c.Env = append(os.Environ(), "GOWORK=", "CGO_ENABLED=0")
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("go build: %v\n%s", err, out)
		}
	}
	report := Check(t, Runner{Repo: repo, Bin: bin, Work: t.TempDir()})
	t.Logf("%d examples: %d ran, %d need a cluster, %d are excepted", report.All, report.Ran, report.NeedCluster, report.Excepted)
	if report.Ran < report.All/2 {
		t.Errorf("only %d of %d ran", report.Ran, report.All)
	}
}
