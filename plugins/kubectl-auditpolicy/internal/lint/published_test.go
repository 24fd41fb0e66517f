package lint

import (
	"slices"
	"strings"
	"testing"
)

// What policies published by others showed: the mistake, boiled down, and what
// has to be said of it, or must not be.
func TestPublished(t *testing.T) {
	for name, c := range map[string]struct {
		rules   string
		enable  string
		want    []string // one result each, in order
		witness string   // part of the first result's evidence
		note    string
	}{
		"a verb that earlier rules take anyway": {
			"- level: None\n  users: [system:kube-proxy]\n- level: RequestResponse\n  verbs: [create, delete]\n  resources:\n  - group: ''\n    resources: [pods]\n- level: RequestResponse",
			"AP028", nil, "", "",
		},
		"a verb that no rule takes": {
			"- level: None\n  users: [system:kube-proxy]\n- level: Metadata\n  verbs: [delete]\n  resources:\n  - group: ''\n    resources: [pods]",
			"AP028", []string{"delete without deletecollection: a deletecollection gets level None: no rule takes it"}, "", "",
		},
		"a listing that an earlier rule drops": {
			"- level: None\n  users: [system:kube-proxy]\n- level: Metadata\n  namespaces: [prod]\n  resources:\n  - group: ''\n    resources: [secrets]\n- level: Metadata",
			"AP030", nil, "", "",
		},
		"a last None in words": {
			"- level: Metadata\n  resources:\n  - group: ''\n    resources: [secrets]\n- level: None",
			"AP012", nil, "", "",
		},
		"a None before the last": {
			"- level: None\n  verbs: [get]\n- level: Metadata\n  users: [a]\n  verbs: [list]\n- level: None",
			"AP012", []string{"rule 1 changes nothing: its requests would get the same from rule 3"}, "", "",
		},
		"the request shown goes to the rule named": {
			"- level: None\n  resources:\n  - group: ''\n    resources: [events]\n- level: Metadata\n- level: RequestResponse\n  namespaces: [kube-system]\n  resources:\n  - group: ''",
			"AP010", []string{"rule 3 can never match: rule 2 takes all of it"}, "-> rule 2, level Metadata", "",
		},
		"an entry that one rule takes alone": {
			"- level: None\n  users: [a]\n  verbs: [get]\n  resources:\n  - group: ''\n- level: None\n  verbs: [get, list, watch]\n  resources:\n  - group: ''\n- level: Request\n  verbs: [get, list, watch]\n  resources:\n  - group: ''\n  - group: apps\n- level: Metadata",
			"AP011", []string{"the core group never reaches rule 3: rule 2 takes all of it"}, "", "",
		},
		"only a part of a concern is lost": {
			"- level: None\n  verbs: [get, list, watch]\n  resources:\n  - group: ''\n    resources: [secrets]\n- level: Metadata",
			"AP044", []string{"CIS 3.2.2: not recorded: access to Secrets by get, list and watch (rule 1 drops it)"}, "", "",
		},
		"two rules lose parts of a concern": {
			"- level: None\n  verbs: [get]\n  resources:\n  - group: ''\n    resources: [pods/exec, pods/proxy, services/proxy]\n- level: Metadata\n  verbs: [get, list, watch, create, update, patch, delete]\n- level: None",
			"AP044", []string{
				"CIS 3.2.2: not recorded: exec into Pods by get; proxying to Pods and Services by get (rule 1 drops it)",
				"CIS 3.2.2: not recorded: access to Secrets by deletecollection; changes of Pods by deletecollection; changes of Deployments by deletecollection (rule 3 drops it)",
			}, "", "",
		},
		"lost in one namespace": {
			"- level: None\n  namespaces: [tools]\n  resources:\n  - group: ''\n- level: Metadata",
			"AP044", []string{"CIS 3.2.2: not recorded: access to Secrets in namespace tools; changes of Pods in namespace tools; exec into Pods in namespace tools; port forwarding in namespace tools; proxying to Pods and Services in namespace tools (rule 1 drops it)"}, "-n tools", "",
		},
		"writes lost but for one verb": {
			"- level: Metadata\n  verbs: [create, update, patch, delete]\n- level: None",
			"AP046", []string{"writes are not recorded: RBAC by deletecollection; admission webhooks and policies by deletecollection; API services by deletecollection (rule 2 drops them)"}, "", "",
		},
		"a field of the rule in a mapping that should be a list": {
			"- level: Request\n  resources:\n    resources: [pods]\n    verbs: [create]\n- level: Metadata",
			"AP002", []string{`unknown field "verbs": the entry is read without it`}, "", "verbs belongs to the rule, beside resources",
		},
		"a command of kubectl as a verb": {
			"- level: Request\n  verbs: [create, exec]\n- level: Metadata",
			"AP026", []string{`verb "exec" never occurs with any request`}, "", "use resources, such as pods/exec",
		},
		"a command of kubectl with its resource": {
			"- level: Request\n  verbs: [exec]\n  resources:\n  - group: ''\n    resources: [pods/exec]\n- level: Metadata",
			"AP026", []string{`verb "exec" never occurs with resources`}, "", "write create and get",
		},
		"commands of kubectl that patch": {
			"- level: Request\n  verbs: [create, label, annotate]\n- level: Metadata",
			"AP026", []string{`verb "label" never occurs with any request`, `verb "annotate" never occurs with any request`}, "", "write patch",
		},
		"verbs in one string": {
			"- level: Request\n  verbs: ['get,list, Watch', delete]\n- level: Metadata",
			"AP026", []string{`verb "get,list, Watch" never occurs with any request`}, "", "write each as an entry of its own: get, list, watch",
		},
		"a verb of RBAC": {
			"- level: Request\n  verbs: [impersonate]\n- level: Metadata",
			"AP026", []string{`verb "impersonate" never occurs with any request`}, "", "RBAC alone knows it",
		},
		"a subresource's kind in the plural": {
			"- level: None\n  resources:\n  - group: authentication.k8s.io\n    resources: [tokenrequests]\n- level: Metadata",
			"AP025", []string{"group authentication.k8s.io has no resource tokenrequests: this entry matches nothing"}, "", "did you mean serviceaccounts/token in the core group?",
		},
		"a singular in any group": {
			"- level: None\n  resources:\n  - group: '*'\n    resources: [secret, pods, foos, 'deployment/*', deployments/scale]\n- level: Metadata",
			"AP025", []string{"no group of Kubernetes has a resource secret: this entry matches nothing", "no group of Kubernetes has a resource deployment: this entry matches nothing"}, "", "did you mean secrets?",
		},
		"a pattern for a resource that is elsewhere": {
			"- level: None\n  resources:\n  - group: apps\n    resources: ['pods/*']\n- level: Metadata", "AP022", nil, "", "",
		},
		"bodies without the stage that has them": {
			"- level: Request\n  omitStages: [ResponseComplete]\n- level: Metadata\n  omitStages: [ResponseComplete]",
			"AP060", []string{"level Request records no more than Metadata here: bodies are in the event at ResponseComplete, which is omitted"}, "", "",
		},
		"bodies of logs": {
			"- level: RequestResponse\n  resources:\n  - group: ''\n    resources: [pods/log]\n- level: Metadata",
			"AP060", []string{"level RequestResponse records no more than Metadata here: streams have no body"}, "", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, full(c.rules), Options{Enable: []string{c.enable}})
			var got []string
			for _, x := range r.Results {
				got = append(got, x.Message)
			}
			if !slices.Equal(got, c.want) {
				t.Fatalf("%q, want %q", got, c.want)
			}
			if len(got) == 0 {
				return
			}
			if e := strings.Join(r.Results[0].Evidence, "\n"); !strings.Contains(e, c.witness) {
				t.Errorf("shown is %q, want %q", e, c.witness)
			}
			if r.Results[0].Note != c.note && c.note != "" {
				t.Errorf("note %q, want %q", r.Results[0].Note, c.note)
			}
			edits, _ := r.Fixes()
			if c.enable == "AP026" && len(edits) > 1 {
				t.Errorf("the same verb is written %d times", len(edits))
			}
		})
	}
}
