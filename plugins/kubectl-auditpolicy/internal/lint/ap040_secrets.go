package lint

import (
	"k8s.io/apiserver/pkg/apis/audit"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/space"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap040 = Rule{finding.Rule{
	ID: "AP040", Title: "credentials are written to the log", Severity: finding.Error, Docs: auditing,
	Rationale: `At level Request the log holds request bodies, at RequestResponse the answers too. For Secrets that is their content, for
serviceaccounts/token a fresh service account token, for tokenreviews the token under review. Whoever can read the audit log, its backups or
the system that it is shipped to then has them.

Decided exactly, in rule order: what counts is the level that such a request really gets. Only bodies that hold the credential count: a Secret
is in the body of create, update and patch at Request and in the answers to reads and deletes at RequestResponse; a token request
holds its token only in the answer, a token review in the request.`,
	Remedy: "Put '- level: Metadata' for these resources above the rules that take them.",
	Source: "kubernetes PR#47921 and PR#102040 (the GCE policy); CIS Kubernetes Benchmark 3.2.2",
	Bad:    "- level: RequestResponse",
	Good:   "- level: Metadata\n  resources:\n  - group: \"\"\n    resources: [secrets, configmaps, serviceaccounts/token]\n  - group: authentication.k8s.io\n    resources: [tokenreviews]\n- level: Metadata",
}, func(c *Context, r finding.Rule) {
	// One finding for each rule, with all that it lets in.
	type leak struct {
		what []string
		show string
	}
	byRule := map[int]*leak{}
	for _, q := range credentials {
		for i := range c.rules() {
			if c.Decisions[i].Level != audit.LevelRequest && c.Decisions[i].Level != audit.LevelRequestResponse {
				continue
			}
			for _, b := range q.bodies {
				if policy.Rank(c.Decisions[i].Level) < policy.Rank(b.level) {
					continue
				}
				w, ans := c.Reaches(i, c.Ask(&b.rule, c.Space.Authenticated()))
				if ans == space.Undecided {
					c.undecide(r, "whether "+ruleName(i)+" records "+q.name)
				}
				if ans != space.Found {
					continue
				}
				if byRule[i] == nil {
					byRule[i] = &leak{show: c.try(w)}
				}
				byRule[i].what = append(byRule[i].what, q.name)
				c.credentials++
				break
			}
		}
	}
	for i := range c.rules() {
		if l := byRule[i]; l != nil {
			res := c.report(r, policy.RulePath(i), c.levelNode(i), "rule %d writes credentials to the log at level %s: %s", i+1, c.rules()[i].Level, list(l.what))
			res.Evidence = append(res.Evidence, l.show)
			res.Remedy = "put a Metadata rule for them above it"
		}
	}
}}

// body is a kind of request whose body or answer holds something from a level
// on.
type body struct {
	level audit.Level
	rule  audit.PolicyRule
}

// credentials are the bodies that hold credentials.
var credentials = []struct {
	name   string
	bodies []body
}{
	{"Secrets", []body{
		{audit.LevelRequest, ask("", []string{"secrets"}, []string{"create", "update", "patch"})},
		{audit.LevelRequestResponse, ask("", []string{"secrets"}, []string{"get", "list", "delete", "deletecollection"})},
	}},
	{"service account tokens", []body{{audit.LevelRequestResponse, ask("", []string{"serviceaccounts/token"}, []string{"create"})}}},
	{"tokens under review", []body{{audit.LevelRequest, ask("authentication.k8s.io", []string{"tokenreviews"}, []string{"create"})}}},
}

var configMapBodies = []body{
	{audit.LevelRequest, ask("", []string{"configmaps"}, []string{"create", "update", "patch"})},
	{audit.LevelRequestResponse, ask("", []string{"configmaps"}, []string{"get", "list", "delete", "deletecollection"})},
}
