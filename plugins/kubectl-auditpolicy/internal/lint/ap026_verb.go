package lint

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"k8s.io/apiserver/pkg/apis/audit"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/space"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap026 = Rule{finding.Rule{
	ID: "AP026", Title: "verb that never occurs", Severity: finding.Error, Docs: auditing,
	Rationale: `kube-apiserver derives the verb from the HTTP request. Requests for resources have get, list, watch, create, update, patch, delete or
deletecollection; requests for other paths have the HTTP method in lower case: get, post, put, patch, delete, head, options. So post
never occurs with resources and list never with paths, an exec is create or get and not connect, and the verbs that only RBAC knows
(bind, escalate, impersonate, use, approve, sign) occur nowhere. Verbs are in lower case.

It is an error if the requests that the verb was to catch are missed by the rule, and a warning if another verb of the list catches them
or nothing would.`,
	Remedy: "Write the verbs that the request will have.",
	Source: "k8s.io/apiserver pkg/endpoints/request/requestinfo.go",
	Bad:    "- level: Request\n  verbs: [post, put]\n  resources:\n  - group: apps\n- level: Metadata",
	Good:   "- level: Request\n  verbs: [create, update]\n  resources:\n  - group: apps\n- level: Metadata",
}, func(c *Context, r finding.Rule) {
	for i, rule := range c.rules() {
		ok := verbsFor(&rule)
		bad, fixed := 0, map[string]bool{}
		for k, v := range rule.Verbs {
			path := fmt.Sprintf("%s.verbs[%d]", policy.RulePath(i), k)
			if slices.Contains(ok, v) || strings.Contains(v, "*") {
				continue
			}
			bad++
			c.explain(path)
			meant := counterpart(v, &rule)
			sev := r
			if len(rule.Verbs) > 1 && (len(meant) == 0 || slices.ContainsFunc(meant, func(m string) bool { return slices.Contains(rule.Verbs, m) })) {
				sev = severity(r, finding.Warning)
			}
			var res *Result
			switch {
			case v == "":
				res = c.report(sev, path, nil, "an empty verb occurs with methods such as OPTIONS only")
				res.Severity = finding.Warning
			case v == "proxy":
				res = c.report(sev, path, nil, `verb "proxy" occurs with paths of old versions only: a proxied request has get, create and so on`)
				res.Severity = finding.Warning
				res.Note = "use resources such as pods/proxy"
			case slices.Contains(ok, strings.ToLower(v)):
				res = c.report(r, path, nil, "verb %q never occurs: verbs are in lower case", v)
				res.Note = "write " + strings.ToLower(v)
				c.fixValue(res, path, strings.ToLower(v))
			default:
				res = c.report(sev, path, nil, "verb %q never occurs with %s", v, kindOf(&rule))
				sub := subresource(v, &rule)
				switch {
				case separate(v, ok) != nil:
					res.Severity, res.Note = r.Severity, "write each as an entry of its own: "+strings.Join(separate(v, ok), ", ")
				case slices.Contains(rbacVerbs, v):
					res.Note = "RBAC alone knows it"
				case sub != "" && len(rule.NonResourceURLs) == 0:
					res.Note = "use resources, such as " + sub
				case len(meant) > 0:
					res.Note = "write " + list(meant)
					if len(meant) == 1 && !slices.Contains(rule.Verbs, meant[0]) && !fixed[meant[0]] {
						fixed[meant[0]] = true
						c.fixValue(res, path, meant[0])
					}
				default:
					s := nearest(v, ok)
					if s == "" {
						break
					}
					res.Severity = r.Severity
					res.Note = "did you mean " + s + "?"
					if !slices.Contains(rule.Verbs, s) {
						c.fixValue(res, path, s)
					}
				}
			}
		}
		if bad > 0 && bad == len(rule.Verbs) {
			c.explain(policy.RulePath(i))
		}
	}
}}

// rbacVerbs are verbs that only RBAC's rules have.
var rbacVerbs = []string{"bind", "escalate", "impersonate", "use", "approve", "sign"}

// separate are the verbs of an entry that holds several, nil of any other.
func separate(v string, ok []string) []string {
	parts := strings.FieldsFunc(v, func(r rune) bool { return strings.ContainsRune(", |;/", r) })
	if len(parts) < 2 || slices.ContainsFunc(parts, func(p string) bool { return !slices.Contains(ok, strings.ToLower(p)) }) {
		return nil
	}
	for i := range parts {
		parts[i] = strings.ToLower(parts[i])
	}
	return parts
}

func forResources(r *audit.PolicyRule) bool { return len(r.Resources) > 0 || len(r.Namespaces) > 0 }

func verbsFor(r *audit.PolicyRule) []string {
	real := slices.DeleteFunc(slices.Clone(space.ResourceVerbs), func(v string) bool { return v == "" || v == "proxy" })
	switch {
	case forResources(r):
		return real
	case len(r.NonResourceURLs) > 0:
		return space.URLVerbs
	}
	return append(real, space.URLVerbs...)
}

func kindOf(r *audit.PolicyRule) string {
	switch {
	case forResources(r):
		return "resources"
	case len(r.NonResourceURLs) > 0:
		return "nonResourceURLs"
	}
	return "any request"
}

// counterpart are the verbs that requests have for which somebody writes a
// verb that never occurs.
func counterpart(v string, r *audit.PolicyRule) []string {
	v = strings.ToLower(v)
	if len(r.NonResourceURLs) > 0 {
		return map[string][]string{"list": {"get"}, "watch": {"get"}, "create": {"post"}, "update": {"put"}, "deletecollection": {"delete"}, "read": {"get"}}[v]
	}
	return commands[v]
}

// commands are the verbs that requests have for words of kubectl, of HTTP and of
// plain English.
var commands = map[string][]string{
	"post": {"create"}, "put": {"update"}, "head": {"get"}, "connect": {"create", "get"},
	"exec": {"create", "get"}, "attach": {"create", "get"}, "portforward": {"create", "get"}, "port-forward": {"create", "get"},
	"log": {"get"}, "logs": {"get"}, "read": {"get", "list"}, "describe": {"get", "list"},
	"write": {"create", "update", "patch"}, "add": {"create"}, "run": {"create"}, "expose": {"create"},
	"edit": {"update", "patch"}, "modify": {"update", "patch"}, "replace": {"update"}, "apply": {"patch"}, "scale": {"update", "patch"},
	"label": {"patch"}, "annotate": {"patch"}, "rollout": {"patch"}, "taint": {"patch"}, "cordon": {"patch"},
	"remove": {"delete"}, "deletecollections": {"deletecollection"},
}

// subresource is the subresource that somebody means who writes a verb that
// never occurs, "" where the rule names it already.
func subresource(verb string, r *audit.PolicyRule) string {
	sub := map[string]string{"exec": "pods/exec", "attach": "pods/attach", "portforward": "pods/portforward", "port-forward": "pods/portforward",
		"log": "pods/log", "logs": "pods/log", "scale": "deployments/scale"}[strings.ToLower(verb)]
	for _, gr := range r.Resources {
		for _, res := range gr.Resources {
			if strings.Contains(res, "/") && path.Base(res) == path.Base(sub) {
				return ""
			}
		}
	}
	return sub
}
