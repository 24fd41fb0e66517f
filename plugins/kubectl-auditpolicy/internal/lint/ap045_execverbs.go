package lint

import (
	"strings"

	"k8s.io/apiserver/pkg/apis/audit"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/space"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var ap045 = Rule{finding.Rule{
	ID: "AP045", Title: "exec by GET and by POST differ", Severity: finding.Warning, Docs: auditing,
	Rationale: `Since kubectl 1.30 exec, attach and port-forward open a websocket with GET and fall back to POST (SPDY). The verb of the same
command is therefore get today and was create yesterday. A policy that treats reads and writes differently treats the two differently: at worst it
drops the one that is used. Where both are recorded the difference of level adds nothing, because such a stream has no body; detections that
look for the level or the verb still miss one of them.`,
	Remedy: "Give pods/exec, pods/attach and pods/portforward a rule of their own without verbs.",
	Source: "sapcc/kubernikus PR#996; kubectl 1.30 and 1.31 changelogs; observed with kubectl 1.32",
	Bad:    "- level: RequestResponse\n  verbs: [create, update, patch, delete]\n  resources:\n  - group: \"\"\n    resources: [pods, pods/exec]\n- level: None",
	Good:   "- level: Metadata\n  resources:\n  - group: \"\"\n    resources: [pods/exec, pods/attach, pods/portforward]\n- level: None",
}, func(c *Context, r finding.Rule) {
	type pair struct{ get, create int }
	subs := map[pair][]string{}
	var order []pair
	show := map[pair][2]string{}
	for _, s := range []string{"pods/exec", "pods/attach", "pods/portforward"} {
		var p pair
		var w [2]string
		for k, v := range []string{"get", "create"} {
			q := ask("", []string{s}, []string{v})
			rule, req, ans := c.First(c.Ask(&q, c.Space.Anybody()), func(policy.Decision) bool { return true })
			if ans != space.Found {
				return
			}
			w[k] = c.try(req)
			if k == 0 {
				p.get = rule
			} else {
				p.create = rule
			}
		}
		if c.levelOf(p.get) == c.levelOf(p.create) {
			continue
		}
		if subs[p] == nil {
			order = append(order, p)
			show[p] = w
		}
		subs[p] = append(subs[p], s)
	}
	for _, p := range order {
		get, post := c.levelOf(p.get), c.levelOf(p.create)
		at := p.get
		if at == policy.NoRule {
			at = p.create
		}
		note := ""
		switch {
		case get == audit.LevelNone:
			note = ": what today's kubectl sends is not recorded"
		case post == audit.LevelNone:
			note = ": what older clients send is not recorded"
		}
		res := c.report(r, policy.RulePath(at), c.levelNode(at), "%s by GET (websocket) gets %s from %s, by POST (SPDY) %s from %s%s",
			strings.Join(subs[p], ", "), get, ruleName(p.get), post, ruleName(p.create), note)
		if get == audit.LevelNone {
			res.Evidence = append(res.Evidence, show[p][0])
		} else {
			res.Evidence = append(res.Evidence, show[p][1])
		}
	}
}}
