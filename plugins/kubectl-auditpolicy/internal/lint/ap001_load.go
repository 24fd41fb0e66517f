package lint

import (
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap001 = Rule{finding.Rule{
	ID: "AP001", Title: "kube-apiserver refuses the policy", Severity: finding.Error, Docs: auditing,
	Rationale: `kube-apiserver loads the policy once, when it starts. If decoding or validation fails it does not start at all, so on
a control plane that runs it as a static pod a bad policy file is an outage.

All reasons are told at once, where kube-apiserver itself tells the first one only.`,
	Remedy: "Mend every place named; the policy is refused until none is left.",
	Source: "k8s.io/apiserver pkg/audit/policy/reader.go and pkg/apis/audit/validation/validation.go",
	Bad:    "- level: metadata",
	Good:   "- level: Metadata",
}, func(c *Context, r finding.Rule) {
	for _, p := range c.P.Refused {
		if p.Kind == policy.WrongVersion && removedVersion(c.P.Version) && p.Path == "apiVersion" {
			continue // AP005
		}
		c.explain(p.Path)
		res := c.report(r, p.Path, p.Node, "%s", p.Message)
		res.Note = suggestValue(p)
		if res.Note == "" && strings.HasSuffix(p.Path, ".group") {
			if g, _, ok := strings.Cut(quoted(p.Message), "/"); ok {
				res.Note = "write " + strconvQuote(strings.TrimPrefix(g, "core"))
				c.fixValue(res, p.Path, strings.TrimPrefix(g, "core"))
			}
		}
		if v, ok := canonical(p); ok {
			c.fixValue(res, p.Path, v)
		}
	}
}}

// canonical is the level or stage that a value in another case means.
func canonical(p policy.Problem) (string, bool) {
	v := quoted(p.Message)
	for _, l := range policy.AllLevels {
		if strings.EqualFold(string(l), v) && strings.HasSuffix(p.Path, ".level") {
			return string(l), true
		}
	}
	for _, s := range policy.AllStages {
		if strings.EqualFold(string(s), v) && strings.Contains(p.Path, "omitStages") {
			return string(s), true
		}
	}
	return "", false
}

func suggestValue(p policy.Problem) string {
	if v, ok := canonical(p); ok {
		return "write " + v
	}
	v := quoted(p.Message)
	if v == "" {
		return ""
	}
	var names []string
	switch {
	case strings.HasSuffix(p.Path, ".level"):
		for _, l := range policy.AllLevels {
			names = append(names, string(l))
		}
	case strings.Contains(p.Path, "omitStages"):
		for _, s := range policy.AllStages {
			names = append(names, string(s))
		}
	}
	if s := nearest(v, names); s != "" {
		return "did you mean " + s + "?"
	}
	return ""
}
