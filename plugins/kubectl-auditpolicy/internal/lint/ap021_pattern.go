package lint

import (
	"fmt"
	"strings"

	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap021 = Rule{finding.Rule{
	ID: "AP021", Title: "resource pattern that matches nothing", Severity: finding.Error, Docs: auditing,
	Rationale: `A resource is written "pods", "pods/log", "*" (all resources and subresources), "pods/*" or "*/scale". Anything else is taken
literally and matches no request: "*/*", a partial glob such as "po*", a group or version before the name ("apps/deployments",
"deployments.apps"), more than one slash.`,
	Remedy: `Write "*", the resource's plural name, or RESOURCE/SUBRESOURCE; the group goes into the group field.`,
	Source: "ruleMatchesResource in k8s.io/apiserver pkg/audit/policy/checker.go; observed on kube-apiserver 1.36",
	Bad:    "- level: Metadata\n  resources:\n  - group: \"\"\n    resources: [\"*/*\"]\n- level: None",
	Good:   "- level: Metadata\n  resources:\n  - group: \"\"\n    resources: [\"*\"]\n- level: None",
}, func(c *Context, r finding.Rule) {
	c.eachResource(func(path, group, res string) {
		why, note, fix := malformed(c, group, res)
		if why == "" {
			return
		}
		c.explain(path)
		out := c.report(r, path, nil, "resource %q matches nothing: %s", res, why)
		out.Note = note
		if fix != "" {
			c.fixValue(out, path, fix)
		}
	})
}}

// eachResource visits the items of all lists of resources.
func (c *Context) eachResource(f func(path, group, res string)) {
	for i, rule := range c.rules() {
		for j, gr := range rule.Resources {
			for k, res := range gr.Resources {
				f(fmt.Sprintf("rules[%d].resources[%d].resources[%d]", i, j, k), gr.Group, res)
			}
		}
	}
}

// malformed says why a resource pattern can match nothing, "" if it can.
func malformed(c *Context, group, res string) (why, note, fix string) {
	a, b, slash := strings.Cut(res, "/")
	switch {
	case res == "":
		return "it is empty", "leave resources out to match all", ""
	case res == "*":
		return "", "", ""
	case res == "*/*":
		return `a "*" on both sides of the slash is taken literally`, `write "*"`, "*"
	case res != strings.TrimSpace(res):
		return "it has white space around it", "write " + strconvQuote(strings.TrimSpace(res)), strings.TrimSpace(res)
	case strings.ContainsAny(res, " ,"):
		return "one item names one resource", "write a list", ""
	case !slash && strings.Contains(res, "*"):
		return "only a whole * is a wildcard", "", ""
	case slash && (a == "" || b == ""):
		return "a part before or behind the slash is missing", "", ""
	case strings.Contains(b, "/"):
		return "it has more than one slash", "", ""
	case slash && (a != "*" && strings.Contains(a, "*") || b != "*" && strings.Contains(b, "*")):
		return "only a whole * is a wildcard", "", ""
	case slash && (c.Table.HasGroup(a) && a != "" || a == "v1" || a == "core") && len(c.Table.Named(b)) > 0:
		return "the group goes into the group field", "write " + b, ""
	case !slash && strings.Contains(res, "."):
		name, g, _ := strings.Cut(res, ".")
		return fmt.Sprintf("a group is written in the group field (group: %s)", g), "write " + name, ""
	}
	return "", "", ""
}
