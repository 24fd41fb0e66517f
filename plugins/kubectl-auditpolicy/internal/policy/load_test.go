package policy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	upstream "k8s.io/apiserver/pkg/audit/policy"
)

// kube-apiserver's own loader is the judge: our list of reasons is empty
// exactly when it takes the policy.
func TestRefusedAgreesWithLoader(t *testing.T) {
	const head = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"
	for name, text := range map[string]string{
		"plain":            head + "rules:\n- level: Metadata\n",
		"no kind":          "apiVersion: audit.k8s.io/v1\nrules:\n- level: Metadata\n",
		"no apiVersion":    "kind: Policy\nrules:\n- level: Metadata\n",
		"v1beta1":          "apiVersion: audit.k8s.io/v1beta1\nkind: Policy\nrules:\n- level: Metadata\n",
		"other kind":       "apiVersion: audit.k8s.io/v1\nkind: AuditPolicy\nrules:\n- level: Metadata\n",
		"no rules":         head,
		"null rules":       head + "rules:\n",
		"Level":            head + "rules:\n- Level: Metadata\n",
		"lower level":      head + "rules:\n- level: metadata\n",
		"string verbs":     head + "rules:\n- level: None\n  verbs: get\n",
		"bool verb":        head + "rules:\n- level: None\n  verbs: [on]\n",
		"number user":      head + "rules:\n- level: None\n  users: [1000]\n",
		"quoted number":    head + "rules:\n- level: None\n  users: ['1000']\n",
		"null user":        head + "rules:\n- level: None\n  users: [~]\n",
		"rule list":        head + "rules:\n  level: None\n",
		"resource string":  head + "rules:\n- level: None\n  resources: [pods]\n",
		"url":              head + "rules:\n- level: None\n  nonResourceURLs: [healthz]\n",
		"url wildcard":     head + "rules:\n- level: None\n  nonResourceURLs: ['/a/*/b']\n",
		"both":             head + "rules:\n- level: None\n  nonResourceURLs: ['/a']\n  namespaces: [x]\n",
		"group version":    head + "rules:\n- level: None\n  resources: [{group: apps/v1}]\n",
		"names":            head + "rules:\n- level: None\n  resources: [{group: '', resourceNames: [x]}]\n",
		"stage":            head + "omitStages: [RequestRecieved]\nrules:\n- level: None\n",
		"unknown":          head + "rules:\n- level: None\n  verb: [get]\n",
		"duplicate":        head + "rules:\n- level: None\n  level: Metadata\n",
		"meta":             head + "metadata: {nme: x}\nrules:\n- level: None\n",
		"managed":          head + "omitManagedFields: yes\nrules:\n- level: None\n",
		"managed string":   head + "omitManagedFields: 'true'\nrules:\n- level: None\n",
		"merge":            head + "x: &x\n  level: None\nrules:\n- <<: *x\n  users: [a]\n",
		"rule null":        head + "rules:\n- \n- level: None\n",
		"timestamp":        head + "rules:\n- level: None\n  users: [2001-01-01]\n",
		"sexagesimal":      head + "rules:\n- level: None\n  users: [1:20]\n",
		"extra document":   head + "rules:\n- level: None\n---\nfoo: [\n",
		"tagged":           head + "rules:\n- level: None\n  users: [!!str 1]\n",
		"upper star group": head + "rules:\n- level: None\n  resources: [{group: '*'}]\n",
	} {
		_, err := upstream.LoadPolicyFromBytes([]byte(text))
		ps, lerr := Load("p.yaml", []byte(text))
		if lerr != nil {
			t.Errorf("%s: %v", name, lerr)
			continue
		}
		p := ps[0]
		if (err != nil) != (len(p.Refused) > 0) {
			t.Errorf("%s: the loader says %v, we say %v", name, err, p.Refused)
		}
		// The walk alone must come to the same judgement, or its list of all
		// errors could not be trusted on a policy that has several.
		w := &walker{}
		w.policy(p.Root)
		if err == nil && len(w.wrong) > 0 {
			t.Errorf("%s: the loader takes it, the walk says %v", name, w.wrong)
		}
		for _, r := range p.Refused {
			if r.Message == "" || strings.Contains(r.Message, "audit.") && r.Kind == WrongType {
				t.Errorf("%s: message %q", name, r.Message)
			}
		}
	}
}

// Of merged mappings (<<) kube-apiserver's YAML library takes what stands last,
// whichever of the two it is. What it runs, where a rule's level stands, and what
// is told of it have to agree.
func TestMergeOrder(t *testing.T) {
	const head = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- &n\n  level: None\n  verbs: [get]\n- &m\n  level: Request\n  users: [a]\n"
	for text, want := range map[string]struct {
		level string
		line  int // of the level that counts
		said  string
	}{
		"- level: Metadata\n  <<: *n\n":                      {"None", 5, "level stands before a merge (<<) that brings the one of line 5, which wins: put the merge first"},
		"- level: None\n  <<: *n\n":                          {"None", 5, ""},
		"- <<: *n\n  level: Metadata\n":                      {"Metadata", 11, ""},
		"- <<: [*n, *m]\n  namespaces: [x]\n":                {"None", 5, ""},
		"- <<: *n\n  <<: *m\n":                               {"Request", 8, ""},
		"- users: [b]\n  <<: [*m]\n  level: Metadata\n":      {"Metadata", 12, "users stands before a merge (<<) that brings the one of line 9, which wins: put the merge first"},
		"- level: None\n  level: Metadata\n  verbs: [get]\n": {"Metadata", 11, "level stands twice here; the one in line 11 wins"},
	} {
		ps, err := Load("p.yaml", []byte(head+text))
		if err != nil {
			t.Fatal(err)
		}
		p, said := ps[0], ""
		if len(p.Dropped) > 0 {
			said = p.Dropped[0].Message
		}
		w := &walker{}
		w.policy(p.Root)
		line, _ := p.Position(p.Node("rules[2].level"))
		if got := string(p.Internal.Rules[2].Level); got != want.level || string(w.out.Rules[2].Level) != got || line != want.line || said != want.said {
			t.Errorf("%q: level %s (the walk: %s) of line %d, %q", text, got, w.out.Rules[2].Level, line, said)
		}
	}
}

func TestCorpusLoads(t *testing.T) {
	files, _ := filepath.Glob("../../testdata/policies/*.yaml")
	if len(files) < 10 {
		t.Fatalf("%d policies", len(files))
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		ps, err := Load(f, data)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, p := range ps {
			if len(p.Refused) > 0 {
				t.Errorf("%s: %v", f, p.Refused)
			}
			w := &walker{}
			w.policy(p.Root)
			if got, want := len(w.out.Rules), len(p.Internal.Rules); got != want {
				t.Errorf("%s: the walk finds %d rules, the loader %d", f, got, want)
			}
		}
	}
}
