package pictures

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/clusterwright/kubectl-plugins/test/examples"
	"github.com/clusterwright/kubectl-plugins/test/program"
)

var update = flag.Bool("update", false, "make the pictures anew")

// sessions are the pictures: what is typed, one after another in one folder.
var sessions = []struct {
	name, title string
	commands    []string
}{
	{"nodehealth", "kubectl nodehealth tells a broken node from a pasted kubectl describe", []string{
		"kubectl nodehealth --from examples/nodehealth/kube-worker-1.describe.txt",
	}},
	{"auditpolicy", "kubectl auditpolicy lint finds a misspelt key and a rule that nothing reaches", []string{
		"kubectl auditpolicy lint swallowed.yaml",
	}},
	{"certgen", "kubectl certgen makes an API server's certificate, and asks eight TLS clients' rules", []string{
		"kubectl certgen server --ip 203.0.113.10",
		"kubectl certgen verify pki/server.crt --clients --host 203.0.113.10",
	}},
	{"logarch", "kubectl logarch adds logging sidecars, and takes them out byte for byte", []string{
		"kubectl logarch inject -f counter.yaml --log /var/log/1.log --log /var/log/2.log > out.yaml",
		"kubectl logarch eject -f out.yaml | cmp - counter.yaml && echo the same bytes",
	}},
}

// A picture is what its commands print on a terminal, but for the dates. No
// line of it is wider than the terminal, but for commands.
func TestPictures(t *testing.T) {
	repo := program.Repo()
	bin := t.TempDir()
	r := examples.Runner{Repo: repo, Bin: bin, Work: t.TempDir(), Columns: Columns}
	for _, s := range sessions {
		build := exec.Command("go", "build", "-o", bin, "./plugins/kubectl-"+s.name)
		build.Dir = repo
		build.Env = append(os.Environ(), "GOWORK=", "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("go build: %v\n%s", err, out)
		}
		dir, err := r.Scratch()
		if err != nil {
			t.Fatal(err)
		}
		var shown strings.Builder
		for i, c := range s.commands {
			e := examples.Example{Command: "( " + strings.ReplaceAll(c, "kubectl "+s.name+" ", "kubectl "+s.name+" --color always ") + " ) 2>&1"}
			res, err := r.Run(t.Context(), dir, e)
			if err != nil {
				t.Fatal(err)
			}
			if err := res.Failed(); err != nil {
				t.Fatalf("%s: %v", c, err)
			}
			if i > 0 {
				shown.WriteString("\n")
			}
			for _, l := range strings.Split(colour.ReplaceAllString(res.Stdout, ""), "\n") {
				if utf8.RuneCountInString(l) > Columns && !strings.Contains(l, "kubectl ") && !strings.Contains(l, "ssh ") {
					t.Errorf("%s: %d columns: %s", c, utf8.RuneCountInString(l), l)
				}
			}
			shown.WriteString("\x1b[2m$\x1b[0m \x1b[1m" + c + "\x1b[0m\n" + res.Stdout)
		}
		got := SVG(s.title, shown.String())
		if strings.Contains(got, "unknown-") {
			t.Errorf("%s: a colour that the picture does not know", s.name)
		}
		file := filepath.Join(repo, "docs", "pictures", s.name+".svg")
		want, err := os.ReadFile(file)
		if err == nil && undated(string(want)) == undated(got) {
			continue // only the dates are others
		}
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		t.Errorf("docs/pictures/%s.svg is not what the command prints now (make pictures)\n%s", s.name, shown.String())
	}
}

var (
	colour = regexp.MustCompile("\x1b\\[[0-9;]*m")

	date = regexp.MustCompile(`\d{4}-\d\d-\d\d`)
	days = regexp.MustCompile(`\d+ days`)
)

func undated(s string) string {
	return days.ReplaceAllString(date.ReplaceAllString(s, "DATE"), "DAYS")
}
