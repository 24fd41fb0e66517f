package lint

import (
	"fmt"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap020 = Rule{finding.Rule{
	ID: "AP020", Title: "wildcard where none works", Severity: finding.Error, Docs: auditing,
	Rationale: `users, userGroups, verbs, namespaces and resourceNames are compared as whole strings, letter by letter. A "*" or a glob in them
is an ordinary character: verbs: ["*"] loads and then matches nothing. An empty or missing list is what matches everything.`,
	Remedy: "Leave the list out to match everything; list names one by one, or use a group such as system:serviceaccounts:NAMESPACE.",
	Source: "hasString in k8s.io/apiserver pkg/audit/policy/checker.go; website#37958",
	Bad:    "- level: None\n  users: [\"system:serviceaccount:kube-system:*\"]\n- level: Metadata",
	Good:   "- level: None\n  userGroups: [\"system:serviceaccounts:kube-system\"]\n- level: Metadata",
}, func(c *Context, r finding.Rule) {
	for i, rule := range c.rules() {
		at := policy.RulePath(i)
		look := func(field, path string, values []string) {
			for k, v := range values {
				if !strings.Contains(v, "*") && !(field != "resourceNames" && len(v) > 1 && strings.ContainsAny(v, "?[]^$")) {
					continue
				}
				p := fmt.Sprintf("%s[%d]", path, k)
				c.explain(p)
				res := c.report(r, p, nil, "%s %q is no wildcard here: it matches only that very name", singular[field], v)
				switch {
				case v == "*":
					res.Message = fmt.Sprintf("%s %q is no wildcard here: it matches nothing", singular[field], v)
					res.Note = "leave " + field + " out to match all"
					if len(values) == 1 {
						c.fixDeleteField(res, path)
					}
				case field == "users" && strings.HasPrefix(v, "system:serviceaccount:") && strings.HasSuffix(v, ":*") && strings.Count(v, ":") == 3:
					res.Note = "use userGroups: [system:serviceaccounts:" + strings.Split(v, ":")[2] + "]"
				case field == "users" && v == "system:serviceaccount:*":
					res.Note = "use userGroups: [system:serviceaccounts]"
				case field == "users" && v == "system:node:*":
					res.Note = "use userGroups: [system:nodes]"
				}
			}
		}
		look("users", at+".users", rule.Users)
		look("userGroups", at+".userGroups", rule.UserGroups)
		look("verbs", at+".verbs", rule.Verbs)
		look("namespaces", at+".namespaces", rule.Namespaces)
		for j, gr := range rule.Resources {
			look("resourceNames", fmt.Sprintf("%s.resources[%d].resourceNames", at, j), gr.ResourceNames)
		}
	}
}}

var singular = map[string]string{"users": "user", "userGroups": "group", "verbs": "verb", "namespaces": "namespace", "resourceNames": "name"}
