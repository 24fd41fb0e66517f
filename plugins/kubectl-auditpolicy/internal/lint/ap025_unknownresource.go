package lint

import (
	"fmt"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/apitable"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap025 = Rule{finding.Rule{
	ID: "AP025", Title: "resource does not exist", Severity: finding.Error, Docs: auditing,
	Rationale: `Resources are written as in a URL: in the plural and in lower case. A kind (Pod), a singular (pod), a short name (po), a slip of
the pen or a subresource that the API does not have loads and matches nothing. Some names exist for RBAC alone: nodes/metrics, nodes/log,
nodes/stats and nodes/spec are no subresources of the API server.

A resource that only other versions of Kubernetes have is an info: policies often serve several. Groups that Kubernetes does not have
itself are not judged offline (AP033); --live judges them too.`,
	Remedy: "Write the plural name that kubectl api-resources shows, or RESOURCE/SUBRESOURCE.",
	Source: "api/discovery of k8s.io/kubernetes; openshift/library-go (tokenrequests)",
	Bad:    "- level: Metadata\n  resources:\n  - group: \"\"\n    resources: [secret]\n- level: None",
	Good:   "- level: Metadata\n  resources:\n  - group: \"\"\n    resources: [secrets]\n- level: None",
}, func(c *Context, r finding.Rule) {
	c.eachResource(func(path, group, res string) {
		if c.explained[path] || coreAlias(group) {
			return
		}
		name := strings.TrimSuffix(res, "/*")
		if strings.HasPrefix(name, "*/") {
			c.unknownSubresource(r, path, strings.TrimPrefix(name, "*/"))
			return
		}
		if name == "*" {
			return
		}
		if group == "*" {
			c.unknownEverywhere(r, path, name)
			return
		}
		if gone, ok := removed[group+" "+name]; ok && (c.Minor >= gone || c.Opt.Minor == 0) {
			c.explain(path)
			c.report(severity(r, finding.Info), path, nil, "%s was removed in Kubernetes 1.%d: this entry matches nothing from there on", name, gone)
			return
		}
		if !c.Table.HasGroup(group) || c.serves(group, name) {
			return
		}
		base, sub, hasSub := strings.Cut(name, "/")
		if e, ok := apitable.Ever(group, name); ok {
			c.explain(path)
			when := fmt.Sprintf("from 1.%d on", e.From)
			if e.To < apitable.Newest {
				when = fmt.Sprintf("up to 1.%d", e.To)
			}
			c.report(severity(r, finding.Info), path, nil, "Kubernetes 1.%d does not have %s in %s (it is there %s)", c.Minor, name, groupName(group), when)
			return
		}
		c.explain(path)
		out := c.report(r, path, nil, "%s has no %s: this entry matches nothing", groupName(group), noun(name))
		if hasSub && c.serves(group, base) {
			out.Message = fmt.Sprintf("%s has no subresource %s: this entry matches nothing", base, sub)
			if rbacOnly(name) {
				out.Message += "; the name means something to RBAC and the kubelet only"
			} else if s := c.nearestResource(group, name); s != "" {
				out.Note = "did you mean " + s + "?"
			}
			return
		}
		if e := c.Table.Meant(group, base); e != nil {
			full := e.Resource
			if hasSub {
				full += "/" + sub
			}
			out.Note = "did you mean " + full + "?"
			if e.Group == group {
				c.fixValue(out, path, full)
			} else {
				out.Note = fmt.Sprintf("did you mean %s in %s?", full, groupName(e.Group))
			}
		} else if e := c.madeOf(name); e != nil {
			out.Note = fmt.Sprintf("did you mean %s in %s?", e.Resource, groupName(e.Group))
		} else if s := c.nearestResource(group, name); s != "" {
			out.Note = "did you mean " + s + "?"
		}
	})
}}

// madeOf is the subresource whose kind somebody made a plural of: tokenrequests
// are serviceaccounts/token, evictions pods/eviction.
func (c *Context) madeOf(name string) *apitable.Entry {
	for _, e := range c.Table.Entries() {
		if strings.Contains(e.Resource, "/") && (strings.EqualFold(e.Kind, name) || strings.EqualFold(e.Kind+"s", name)) {
			return e
		}
	}
	return nil
}

func noun(name string) string {
	if strings.Contains(name, "/") {
		return "subresource " + name
	}
	return "resource " + name
}

// removed are resources that Kubernetes had before the table begins, with the
// minor version that no longer has them.
// Source: https://kubernetes.io/docs/reference/using-api/deprecation-guide/
var removed = map[string]int{
	"policy podsecuritypolicies": 25, "extensions podsecuritypolicies": 16, "extensions deployments": 16, "extensions daemonsets": 16,
	"extensions replicasets": 16, "extensions networkpolicies": 16, "extensions ingresses": 22,
}

func rbacOnly(name string) bool {
	switch name {
	case "nodes/metrics", "nodes/log", "nodes/logs", "nodes/stats", "nodes/spec", "nodes/pods", "nodes/healthz", "nodes/configz", "nodes/checkpoint":
		return true
	}
	return false
}

// nearestResource is the resource of a group that a slip of the pen meant.
func (c *Context) nearestResource(group, name string) string {
	var names []string
	for _, e := range c.Table.Entries() {
		if e.Group == group {
			names = append(names, e.Resource)
		}
	}
	return nearest(name, names)
}

// unknownSubresource reports "*/SUB" for a subresource that nothing has.
func (c *Context) unknownSubresource(r finding.Rule, path, sub string) {
	var names []string
	for _, e := range c.Table.Entries() {
		if _, s, ok := strings.Cut(e.Resource, "/"); ok {
			if s == sub {
				return
			}
			names = append(names, s)
		}
	}
	if c.Opt.Cluster == nil && nearest(sub, names) == "" {
		return // an aggregated API may have it
	}
	c.explain(path)
	out := c.report(r, path, nil, "no resource has a subresource %s: this entry matches nothing", sub)
	if s := nearest(sub, names); s != "" {
		out.Note = "did you mean */" + s + "?"
	}
}

// unknownEverywhere reports a name of any group that is a kind, a singular, a
// short name or a slip of the pen: a warning, for an aggregated API or a custom
// resource may have just that.
func (c *Context) unknownEverywhere(r finding.Rule, path, name string) {
	base, sub, hasSub := strings.Cut(name, "/")
	if len(c.Table.Named(name)) > 0 || len(c.Table.Named(base)) > 0 && !hasSub {
		return
	}
	meant := ""
	if e := c.Table.Meant("", base); e != nil && e.Resource != base {
		meant = e.Resource
	} else if e == nil && !hasSub {
		var names []string
		for _, e := range c.Table.Entries() {
			names = append(names, e.Resource)
		}
		meant = nearest(base, names)
	}
	if meant == "" {
		return
	}
	if hasSub {
		meant += "/" + sub
	}
	c.explain(path)
	c.report(severity(r, finding.Warning), path, nil, "no group of Kubernetes has a %s: this entry matches nothing", noun(name)).Note = "did you mean " + meant + "?"
}
