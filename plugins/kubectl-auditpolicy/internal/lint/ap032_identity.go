package lint

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apiserver/pkg/authentication/serviceaccount"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap032 = Rule{finding.Rule{
	ID: "AP032", Title: "user and group confused", Severity: finding.Warning, Docs: auditing, Heuristic: true,
	Rationale: `users are names of users, userGroups names of groups, each with its full "system:" prefix. A group under users, a user under
userGroups, or a service account that is not written system:serviceaccount:NAMESPACE:NAME matches nobody. system:unsecured was the user
of the insecure port, which is gone since Kubernetes 1.20; copies of the GCE policy still name it, harmlessly (an info).`,
	Remedy: "Move the name to the other list, or write it in full.",
	Source: "website#37958; k8s.io/apiserver pkg/authentication/user and serviceaccount; Kubernetes 1.20 changelog",
	Bad:    "- level: None\n  users: [\"system:nodes\"]\n- level: Metadata",
	Good:   "- level: None\n  userGroups: [\"system:nodes\"]\n- level: Metadata",
}, func(c *Context, r finding.Rule) {
	for i, rule := range c.rules() {
		bad := 0
		for k, u := range rule.Users {
			path := fmt.Sprintf("%s.users[%d]", policy.RulePath(i), k)
			msg, note := userMistake(u)
			if msg == "" || c.explained[path] {
				continue
			}
			sev := r
			if u == "system:unsecured" {
				sev = severity(r, finding.Info)
			}
			bad++
			c.explain(path)
			c.report(sev, path, nil, "%s", msg).Note = note
		}
		for k, g := range rule.UserGroups {
			path := fmt.Sprintf("%s.userGroups[%d]", policy.RulePath(i), k)
			msg, note := groupMistake(g)
			if msg == "" || c.explained[path] {
				continue
			}
			bad++
			c.explain(path)
			c.report(r, path, nil, "%s", msg).Note = note
		}
	}
}}

var knownGroups = []string{"system:masters", "system:nodes", "system:authenticated", "system:unauthenticated", "system:serviceaccounts", "system:bootstrappers", "system:monitoring"}

var knownUsers = []string{"system:anonymous", "system:apiserver", "system:kube-proxy", "system:kube-scheduler", "system:kube-controller-manager",
	"system:cloud-controller-manager", "system:admin", "system:volume-scheduler"}

func userMistake(u string) (msg, note string) {
	switch {
	case u == "":
		return "an empty user name matches nobody", ""
	case u == "system:unsecured":
		return "system:unsecured is gone with the insecure port since Kubernetes 1.20: it matches nobody", ""
	case slices.Contains(knownGroups, u) || strings.HasPrefix(u, "system:serviceaccounts:") || strings.HasPrefix(u, "system:bootstrappers:"):
		return fmt.Sprintf("%s is a group: as a user it matches nobody", u), "use userGroups"
	case u == "system:node":
		return "system:node is no user: nodes are system:node:NAME", "use userGroups: [system:nodes]"
	case strings.HasPrefix(u, "system:serviceaccount"):
		if _, _, err := serviceaccount.SplitUsername(u); err != nil {
			return fmt.Sprintf("%s is no service account: they are system:serviceaccount:NAMESPACE:NAME", u), ""
		}
	case strings.HasPrefix(u, "serviceaccount:"), strings.HasPrefix(u, "system:sa:"):
		return fmt.Sprintf("%s is no service account: they are system:serviceaccount:NAMESPACE:NAME", u), ""
	case slices.Contains(knownUsers, "system:"+u) && u != "admin":
		return fmt.Sprintf("%s lacks its prefix: it matches nobody", u), "write system:" + u
	}
	return "", ""
}

func groupMistake(g string) (msg, note string) {
	switch {
	case g == "":
		return "an empty group name matches nobody", ""
	case slices.Contains(knownUsers, g) || strings.HasPrefix(g, "system:node:"):
		return fmt.Sprintf("%s is a user: as a group it matches nobody", g), "use users"
	case strings.HasPrefix(g, "system:serviceaccount:"):
		return fmt.Sprintf("%s is a user: as a group it matches nobody", g), "use users, or system:serviceaccounts:NAMESPACE"
	case strings.HasPrefix(g, "system:serviceaccounts:") && strings.Count(g, ":") > 2:
		return fmt.Sprintf("%s is no group: they are system:serviceaccounts:NAMESPACE", g), ""
	case slices.Contains(knownGroups, "system:"+g) && g != "monitoring":
		return fmt.Sprintf("%s lacks its prefix: it matches nobody", g), "write system:" + g
	}
	return "", ""
}
