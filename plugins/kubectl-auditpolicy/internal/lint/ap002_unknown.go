package lint

import (
	"slices"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap002 = Rule{finding.Rule{
	ID: "AP002", Title: "unknown field, dropped", Severity: finding.Error, Docs: auditing,
	Rationale: `kube-apiserver decodes the policy strictly first and, if that fails, again leniently: it drops every field that it does not
know, writes one warning line to its log and goes on. A rule that lost a field matches more than its author wrote: verb instead of
verbs makes a rule that takes every verb, and verbs written inside resources makes one that takes a whole API group. With level None
such a rule silently drops what nobody wanted dropped, Secrets included.

The finding says what the rule became. A field that only describes the rule (name, description, comment) loses nothing and is a warning.`,
	Remedy: "Write the field's right name at its right place.",
	Source: "kubernetes#110116, kubernetes#113266, gardener#12126; pkg/audit/policy/reader.go",
	Bad:    "- level: None\n  verb: [get]\n  nonResourceURLs: [/healthz]\n- level: Metadata",
	Good:   "- level: None\n  verbs: [get]\n  nonResourceURLs: [/healthz]\n- level: Metadata",
}, func(c *Context, r finding.Rule) {
	for _, p := range c.P.Dropped {
		if p.Kind != policy.UnknownField {
			continue
		}
		parent := p.Path[:max(0, strings.LastIndexByte(p.Path, '.'))]
		where, became, meant := meaning(c, parent, p.Field)
		rule := r
		if became == "" {
			rule = severity(r, finding.Warning)
		}
		msg := "unknown field " + strconvQuote(p.Field)
		if became != "" {
			msg += ": " + became
		} else {
			msg += " has no effect"
		}
		res := c.report(rule, p.Path, p.Node, "%s", msg)
		res.Remedy = "kube-apiserver drops it with one warning line"
		switch {
		case meant != "" && where != "":
			res.Note = meant + " belongs to " + where
		case meant != "":
			res.Note = "did you mean " + strconvQuote(meant) + "?"
			if !c.P.Has(parent + "." + meant) {
				c.fixKey(res, p.Node, meant)
			}
		}
	}
}}

// notes are fields with which people describe a rule; nothing is lost with
// them.
var notes = []string{"name", "description", "comment", "comments", "id", "title", "note", "notes", "message", "displayName", "labels", "annotations"}

// misnamed are the names that people give to fields and that are no mere slip.
var misnamed = map[string]map[string]string{
	"rule": {"user": "users", "group": "userGroups", "groups": "userGroups", "usergroup": "userGroups", "verb": "verbs", "operations": "verbs",
		"methods": "verbs", "actions": "verbs", "resource": "resources", "apigroups": "resources", "namespace": "namespaces", "nonresourceurl": "nonResourceURLs",
		"nonresourcepaths": "nonResourceURLs", "urls": "nonResourceURLs", "paths": "nonResourceURLs", "stages": "omitStages", "omitstage": "omitStages",
		"omitmanagedfield": "omitManagedFields", "subjects": "users", "serviceaccounts": "users"},
	"resource": {"apigroup": "group", "apigroups": "group", "groups": "group", "resource": "resources", "kinds": "resources", "names": "resourceNames",
		"resourcename": "resourceNames", "name": "resourceNames", "subresources": "resources"},
	"policy": {"rule": "rules", "omitstage": "omitStages", "stages": "omitStages", "omitmanagedfield": "omitManagedFields"},
}

// meaning says what an unknown field made of its surroundings: where the field
// belongs, if elsewhere, what the rule became without it, "" if nothing was
// lost, and the field that was meant.
func meaning(c *Context, parent, field string) (where, became, meant string) {
	fields, kind := policy.PolicyFields, "policy"
	switch {
	case strings.HasPrefix(parent, "metadata"):
		return "", "", ""
	case strings.Contains(parent, ".resources"):
		fields, kind = policy.ResourceFields, "resource"
	case strings.HasPrefix(parent, "rules["):
		fields, kind = policy.RuleFields, "rule"
	}
	meant = misnamed[kind][strings.ToLower(field)]
	for _, f := range fields {
		if strings.EqualFold(f, field) {
			meant = f
		}
	}
	if meant == "" {
		meant = nearest(field, fields)
	}
	elsewhere := ""
	if meant == "" || !slices.Contains(fields, field) {
		switch {
		case kind == "resource" && slices.Contains(policy.RuleFields, field):
			meant, elsewhere = field, "the rule, beside resources"
		case kind == "rule" && field == "resourceNames":
			meant, elsewhere = field, "an entry of resources"
		case kind == "rule" && slices.Contains([]string{"apiGroup", "apiGroups"}, field):
			meant, elsewhere = "group", "an entry of resources"
		case kind == "policy" && slices.Contains(policy.RuleFields, field):
			meant, elsewhere = field, "a rule"
		case kind == "resource" && slices.Contains([]string{"user", "username", "verb", "userGroup", "namespace"}, field):
			meant, elsewhere = misnamed["rule"][strings.ToLower(field)], "the rule, beside resources"
			if field == "username" {
				meant = "users"
			}
		}
	}
	if kind != "resource" && slices.Contains(notes, field) || strings.HasPrefix(field, "x-") {
		return "", "", ""
	}
	if kind == "policy" {
		if meant == "" {
			if c.P.Has(field + ".rules") {
				return "the top of the policy", "the rules in it are not read", "rules"
			}
			return "", "", ""
		}
		return elsewhere, "the policy is read without it", meant
	}
	return elsewhere, became_(c, parent, kind, meant), meant
}

// became_ says what a rule or an entry of its resources takes without a field.
func became_(c *Context, parent, kind, meant string) string {
	every := map[string]string{"users": "every user", "userGroups": "every group", "verbs": "every verb", "namespaces": "every namespace",
		"nonResourceURLs": "every path and resource", "level": "no level"}
	if kind == "resource" {
		i, j := indexes(parent)
		if i >= len(c.rules()) || j < 0 || j >= len(c.rules()[i].Resources) {
			return "the entry is read without it"
		}
		gr := c.rules()[i].Resources[j]
		g := groupName(gr.Group)
		if !c.P.Has(parent + ".group") {
			g = "the core group (no group is named)"
		}
		what := "all resources of " + g
		if len(gr.Resources) > 0 {
			what = list(gr.Resources) + " of " + g
		}
		if e, ok := every[meant]; ok {
			what += ", " + strings.Replace(e, "every", "for every", 1)
		}
		return "this entry takes " + what
	}
	if e, ok := every[meant]; ok && !c.P.Has(parent+"."+meant) {
		if meant == "level" {
			return "the rule has no level"
		}
		return "this rule takes " + e
	}
	if meant == "resources" && !c.P.Has(parent+".resources") {
		return "this rule takes every resource and every path"
	}
	return "the rule is read without it"
}
