package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/space"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap031 = Rule{finding.Rule{
	ID: "AP031", Title: "path that is no non-resource URL", Severity: finding.Warning, Docs: auditing,
	Rationale: `nonResourceURLs match requests that are for no resource: /healthz, /metrics, /version, discovery such as /api/v1 and
/apis/apps/v1. A path below those (/api/v1/secrets) is a resource request and never matches; so does a pattern with a query. A pattern is
compared with the path alone: "/readyz" does not match "/readyz/etcd", and "/api*" matches "/apis" too.

A path that can never match is a warning, health endpoints without their children (kubelets and load balancers ask /livez?verbose
and /readyz, people ask the rest) an info.`,
	Remedy: "Use resources for resource paths; write /readyz* for an endpoint and its children.",
	Source: "k8s.io/apiserver pkg/endpoints/request/requestinfo.go and pkg/audit/policy/checker.go",
	Bad:    "- level: None\n  nonResourceURLs: [/api/v1/nodes]\n- level: Metadata",
	Good:   "- level: None\n  nonResourceURLs: [/readyz*, /livez*]\n- level: Metadata",
}, func(c *Context, r finding.Rule) {
	var health []string
	at := ""
	for i, rule := range c.rules() {
		dead := 0
		for k, u := range rule.NonResourceURLs {
			path := fmt.Sprintf("%s.nonResourceURLs[%d]", policy.RulePath(i), k)
			if c.explained[path] {
				continue
			}
			stem := strings.TrimRight(u, "*")
			switch {
			case strings.ContainsAny(u, "?#"):
				dead++
				c.explain(path)
				c.report(r, path, nil, "%s never matches: a path is compared without its query", u).Note = "write " + strings.FieldsFunc(u, func(r rune) bool { return r == '?' || r == '#' })[0]
			case space.IsResourcePath(stem) && (stem == u || !strings.HasSuffix(stem, "/") || space.IsResourcePath(stem)):
				dead++
				c.explain(path)
				c.report(r, path, nil, "%s never matches: it is the path of a resource", u).Note = "use resources"
			case slices.Contains([]string{"/readyz", "/livez", "/healthz"}, u) && !covers(rule.NonResourceURLs, u+"/etcd"):
				health = append(health, u)
				if at == "" {
					at = path
				}
			}
		}
		if dead > 0 && dead == len(rule.NonResourceURLs) {
			c.explain(policy.RulePath(i))
		}
	}
	if len(health) > 0 {
		c.report(severity(r, finding.Info), at, nil, "%s without the paths below: %s/etcd and the like still go on to later rules", list(health), health[0]).Note = "write " + health[0] + "*"
	}
}}

func covers(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		return p == "*" || strings.HasSuffix(p, "*") && strings.HasPrefix(path, strings.TrimRight(p, "*"))
	})
}
