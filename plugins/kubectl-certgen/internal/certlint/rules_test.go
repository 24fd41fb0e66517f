package certlint

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/input"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// lintText lints one example; its first line, "# NAME", is the file's name.
func lintText(t *testing.T, example string) []Issue {
	t.Helper()
	head, body, ok := strings.Cut(example, "\n")
	name, isName := strings.CutPrefix(head, "# ")
	if !ok || !isName {
		t.Fatalf("an example begins with a line \"# FILE\", not %q", head)
	}
	f, err := input.Parse(name, []byte(body))
	if err != nil {
		t.Fatalf("%v\n%s", err, example)
	}
	return Lint([]*input.File{f})
}

func ids(is []Issue) []string {
	var out []string
	for _, i := range is {
		out = append(out, i.ID)
	}
	return out
}

func TestExamplesOfRules(t *testing.T) {
	shape := regexp.MustCompile(`^CG\d{3}$`)
	seen := map[string]bool{}
	last := ""
	for _, r := range Rules() {
		t.Run(r.ID, func(t *testing.T) {
			if !shape.MatchString(r.ID) || seen[r.ID] || r.ID < last {
				t.Errorf("id out of order, repeated or of another form (after %s)", last)
			}
			seen[r.ID], last = true, r.ID
			if r.Title == "" || r.Bad == "" || r.Good == "" || r.Rationale == "" || r.Source == "" || r.Remedy == "" || r.Severity.Rank() == 0 {
				t.Error("title, rationale, source, remedy or severity is missing")
			}
			if slices.ContainsFunc(CertRules(), func(c finding.Rule) bool { return c.ID == r.ID }) {
				return // their examples are certificates, which the tests of package verify make
			}
			if !slices.Contains(ids(lintText(t, r.Bad)), r.ID) {
				t.Errorf("its bad example gives %v", ids(lintText(t, r.Bad)))
			}
			for _, i := range lintText(t, r.Good) {
				if i.Severity.Rank() > 1 {
					t.Errorf("its good example gives %s: %s", i.ID, i.Message)
				}
			}
		})
	}
}

// Every fix must take its own issue away, bring no new one, and leave a file
// that still parses.
func TestFixesMendAndDoNotHarm(t *testing.T) {
	var texts []string
	for _, r := range Rules() {
		if r.Bad != "" && strings.HasPrefix(r.Bad, "# ") {
			texts = append(texts, r.Bad)
		}
	}
	for _, p := range corpus(t) {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, "# "+filepath.ToSlash(p)+"\n"+string(b))
	}
	mended := 0
	for _, text := range texts {
		head, body, _ := strings.Cut(text, "\n")
		name := strings.TrimPrefix(head, "# ")
		f, err := input.Parse(name, []byte(body))
		if err != nil {
			continue
		}
		before := Lint([]*input.File{f})
		for _, i := range before {
			if len(i.Fix) == 0 {
				continue
			}
			mended++
			data, _ := Fixed(f, []Issue{i})
			g, err := input.Parse(name, data)
			if err != nil {
				t.Errorf("%s: the fix of %s breaks the file: %v", name, i.ID, err)
				continue
			}
			after := Lint([]*input.File{g})
			if len(after) >= len(before) {
				t.Errorf("%s: the fix of %s at %d:%d leaves %v of %v\n%s", name, i.ID, i.Subject.Line, i.Subject.Column, ids(after), ids(before), data)
			}
		}
	}
	if mended < 25 {
		t.Errorf("only %d fixes were tried", mended)
	}
}

func corpus(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, g := range []string{"kthw/*", "proxy/*", "website/*", "cfssl/*", "etcd/*", "kubernetes/*", "microk8s/*", "ok/*"} {
		m, err := filepath.Glob(filepath.Join("../../testdata/lint", g))
		if err != nil || len(m) == 0 {
			t.Fatalf("no files for %s: %v", g, err)
		}
		out = append(out, m...)
	}
	return out
}

// What the real files are known to have: no more errors, no fewer.
func TestKnownDefectsOfRealFiles(t *testing.T) {
	for name, want := range map[string]string{
		"kthw/ca.conf":                                            "CG061:6 CG055:7 CG034:23 CG057:44 CG057:66 CG032:73 CG057:92 CG010:104",
		"proxy/Makefile":                                          "CG032:16 CG015:16 CG050:24 CG032:25 CG015:25",
		"microk8s/csr.conf.template":                              "CG052:32",
		"etcd/ca-config.json":                                     "CG072:10",
		"etcd/ca-csr.json":                                        "",
		"etcd/req-csr.json":                                       "",
		"kubernetes/client.config.json":                           "CG073:15",
		"kubernetes/client.csr.json":                              "",
		"kubernetes/intermediate.config.json":                     "",
		"kubernetes/root.csr.json":                                "",
		"cfssl/config_testdata_invalid_profile.json":              "CG070:10",
		"cfssl/config_testdata_invalid_usage.json":                "CG051:9 CG050:9",
		"cfssl/config_testdata_valid_config.json":                 "CG002:18",
		"cfssl/cli_testdata_csr.json":                             "",
		"cfssl/bundler_testdata_client-auth_root-config.json":     "",
		"cfssl/bundler_testdata_client-auth_leaf-server-csr.json": "CG022:1",
	} {
		b, err := os.ReadFile(filepath.Join("../../testdata/lint", name))
		if err != nil {
			t.Fatal(err)
		}
		f, err := input.Parse(name, b)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, i := range Lint([]*input.File{f}) {
			line, _ := f.Position(i.At.Start)
			got = append(got, i.ID+":"+itoa(line))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s\n got %s\nwant %s", name, strings.Join(got, " "), want)
		}
	}
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + itoa(n%10)
}

func TestGoodFilesAreSilent(t *testing.T) {
	files, _ := filepath.Glob("../../testdata/lint/ok/*")
	var set []*input.File
	for _, p := range files {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		f, err := input.Parse(p, b)
		if err != nil {
			t.Fatal(err)
		}
		set = append(set, f)
		for _, i := range Lint([]*input.File{f}) {
			t.Errorf("%s:%d: %s %s", p, i.Subject.Line, i.ID, i.Message)
		}
	}
	for _, i := range Lint(set) {
		t.Errorf("together: %s:%d: %s %s", i.File.Name, i.Subject.Line, i.ID, i.Message)
	}
}
