package lint

import (
	"k8s.io/apiserver/pkg/apis/audit"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/space"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap061 = Rule{finding.Rule{
	ID: "AP061", Title: "noise is recorded", Severity: finding.Info, Docs: auditing, Heuristic: true,
	Rationale: `Some requests repeat day and night and tell nobody anything: nodes and controllers renew their leases every few seconds, the scheduler and the
kubelets write events (in events.k8s.io today, in the core group before), controllers write endpoint slices, probes ask /livez and /readyz.
Policies that were copied years ago drop their predecessors (endpoints, core events, /healthz) and let these through. What the finding
lists is decided exactly; that it is noise is a judgement.`,
	Remedy: "Add a None rule for them at the top, narrowed to the system's own users; 'kubectl auditpolicy suggest' measures what each would save.",
	Source: "kubernetes#97316; kubespray#9081",
	Bad:    "- level: Metadata",
	Good: `- level: None
  verbs: [get, update, patch]
  resources:
  - group: coordination.k8s.io
    resources: [leases]
- level: None
  resources:
  - group: ""
    resources: [events]
  - group: events.k8s.io
    resources: [events]
- level: None
  userGroups: ["system:serviceaccounts:kube-system"]
  resources:
  - group: discovery.k8s.io
    resources: [endpointslices]
- level: None
  nonResourceURLs: [/livez*, /readyz*, /healthz*]
- level: Metadata`,
}, func(c *Context, r finding.Rule) {
	var what []string
	for _, n := range noise {
		by := c.Space.Plain()
		if len(n.Rule.Users)+len(n.Rule.UserGroups) == 0 {
			by = c.Space.Anybody()
		}
		if _, _, ans := c.First(c.Ask(&n.Rule, c.Space.Authenticated(), by), recorded); ans == space.Found {
			what = append(what, n.Name)
		}
	}
	if len(what) == 0 {
		return
	}
	c.report(r, "rules", c.P.Key("rules"), "noise is recorded: %s", semicolons(what))
}}

// noise are requests by the identities that make most of them.
var noise = []Concern{
	{"lease renewals of nodes", audit.PolicyRule{UserGroups: []string{"system:nodes"}, Verbs: []string{"update"}, Namespaces: []string{"kube-node-lease"},
		Resources: []audit.GroupResources{{Group: "coordination.k8s.io", Resources: []string{"leases"}}}}},
	{"events.k8s.io events", audit.PolicyRule{Users: []string{"system:kube-scheduler"}, Verbs: []string{"create", "patch"},
		Resources: []audit.GroupResources{{Group: "events.k8s.io", Resources: []string{"events"}}}}},
	{"core events", audit.PolicyRule{UserGroups: []string{"system:nodes"}, Verbs: []string{"create", "patch"},
		Resources: []audit.GroupResources{{Group: "", Resources: []string{"events"}}}}},
	{"endpoint slices of the controller", audit.PolicyRule{Users: []string{"system:serviceaccount:kube-system:endpointslice-controller"}, Verbs: []string{"create", "update"},
		Resources: []audit.GroupResources{{Group: "discovery.k8s.io", Resources: []string{"endpointslices"}}}}},
	{"/livez and /readyz probes", audit.PolicyRule{Verbs: []string{"get"}, NonResourceURLs: []string{"/livez", "/readyz"}}},
}

// questions are all rules that checks ask about, for the request space.
func questions() []audit.PolicyRule {
	var out []audit.PolicyRule
	add := func(cs []Concern) {
		for _, c := range cs {
			out = append(out, c.Rule)
		}
	}
	add(CIS)
	add(privilegeWrites)
	add(noise)
	for _, q := range credentials {
		for _, b := range q.bodies {
			out = append(out, b.rule)
		}
	}
	for _, b := range configMapBodies {
		out = append(out, b.rule)
	}
	out = append(out, execRequests, writes)
	out = append(out, longRunning...)
	out = append(out, siblingQuestions()...)
	for _, s := range []string{"pods/exec", "pods/attach", "pods/portforward"} {
		out = append(out, ask("", []string{s}, []string{"get", "create"}))
	}
	return out
}
