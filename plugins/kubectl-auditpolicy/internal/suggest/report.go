package suggest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/replay"
)

// Report is what could be cut.
type Report struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// Base is what is recorded now: the log, or what the policy keeps of it.
	Base  replay.Amount `json:"base"`
	Saves replay.Amount `json:"saves"`
	// Suggestions are the cuts, the largest first.
	Suggestions []Suggestion `json:"suggestions"`
	// Stage is what omitStages: [RequestReceived] would save, of which nothing
	// is lost that another stage does not tell.
	Stage *replay.Amount `json:"omitRequestReceived,omitempty"`
	// Withheld is what is left alone and why, with its size.
	Withheld []Withheld `json:"withheld"`
}

// Suggestion is one rule to put above all others.
type Suggestion struct {
	Title string             `json:"title"`
	Rule  auditv1.PolicyRule `json:"rule"`
	// YAML is the rule as text, to be pasted.
	YAML string `json:"yaml"`
	// Saves counts what no suggestion above it takes.
	Saves replay.Amount `json:"saves"`
	// Review says that the identity is no part of Kubernetes, so that somebody
	// who knows it should look.
	Review bool `json:"review"`
}

// Withheld is chatter that is not suggested.
type Withheld struct {
	Reason string `json:"reason"`
	replay.Amount
}

// NewReport puts together what the visitors of one reading counted.
func NewReport(visitors []*Visitor, o Options) *Report {
	spoilUnseen(visitors)
	v := visitors[0]
	for _, other := range visitors[1:] {
		v.merge(other)
	}
	r := &Report{Base: v.total, Suggestions: []Suggestion{}, Withheld: []Withheld{}}
	for _, s := range v.suggestions() {
		big := share(s.Saves.Bytes, v.total.Bytes) >= o.MinShare || share(s.Saves.Events, v.total.Events) >= o.MinShare
		if big && len(r.Suggestions) < o.Max {
			r.Suggestions = append(r.Suggestions, s)
			r.Saves.Add(s.Saves)
		}
	}
	for reason, a := range v.withheld {
		r.Withheld = append(r.Withheld, Withheld{reason, *a})
	}
	tainted := map[string]replay.Amount{}
	for _, t := range v.classes {
		if t.tainted != "" {
			a := tainted[t.tainted]
			a.Add(t.Amount)
			tainted[t.tainted] = a
		}
	}
	for reason, a := range tainted {
		r.Withheld = append(r.Withheld, Withheld{"chatter, but " + reason, a})
	}
	slices.SortFunc(r.Withheld, func(a, b Withheld) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Reason, b.Reason))
	})
	if share(v.received.Events, v.total.Events) >= o.MinShare {
		r.Stage = &v.received
	}
	return r
}

// spoilUnseen taints the classes of which a worker without room for more has
// seen no event: one that was refused may have been among those.
func spoilUnseen(visitors []*Visitor) {
	for _, full := range visitors {
		if !full.full {
			continue
		}
		for _, v := range visitors {
			for c, t := range v.classes {
				if full.classes[c] == nil && t.tainted == "" {
					t.tainted = "not all of its events were looked at"
				}
			}
		}
	}
}

func share(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// suggestions make one rule for each identity and set of verbs: a rule is a
// product of its lists, and resources that are read with other verbs must not
// be drawn in.
func (v *Visitor) suggestions() []Suggestion {
	type target struct {
		who   who
		group string
		res   string
		path  string
	}
	verbs := map[target]map[string]bool{}
	sums := map[target]*replay.Amount{}
	spoilt := map[target]bool{}
	for c, t := range v.classes {
		k := target{c.who, c.group, c.resource, c.path}
		if t.tainted != "" {
			// With one verb refused, the others of this target are left too.
			spoilt[k] = true
			continue
		}
		if verbs[k] == nil {
			verbs[k], sums[k] = map[string]bool{}, &replay.Amount{}
		}
		verbs[k][c.verb] = true
		sums[k].Add(t.Amount)
	}
	type ruleKey struct {
		who   who
		verbs string
		paths bool
	}
	rules := map[ruleKey][]target{}
	for k, vs := range verbs {
		if !spoilt[k] {
			rk := ruleKey{k.who, strings.Join(sortedVerbs(vs), ","), k.path != ""}
			rules[rk] = append(rules[rk], k)
		}
	}
	var out []Suggestion
	for rk, targets := range rules {
		slices.SortFunc(targets, func(a, b target) int {
			return cmp.Or(cmp.Compare(sums[b].Bytes, sums[a].Bytes), cmp.Compare(a.group, b.group), cmp.Compare(a.res, b.res), cmp.Compare(a.path, b.path))
		})
		s := Suggestion{Rule: auditv1.PolicyRule{Level: auditv1.LevelNone}, Review: rk.who.foreign}
		var what []string
		groups := map[string]int{}
		for _, k := range targets {
			// Leave out what is not worth a line.
			if len(what) > 0 && sums[k].Bytes*200 < sums[targets[0]].Bytes {
				continue
			}
			s.Saves.Add(*sums[k])
			if k.path != "" {
				s.Rule.NonResourceURLs = append(s.Rule.NonResourceURLs, k.path)
				what = append(what, k.path)
				continue
			}
			what = append(what, k.res)
			i, ok := groups[k.group]
			if !ok {
				i = len(s.Rule.Resources)
				groups[k.group] = i
				s.Rule.Resources = append(s.Rule.Resources, auditv1.GroupResources{Group: k.group})
			}
			s.Rule.Resources[i].Resources = append(s.Rule.Resources[i].Resources, k.res)
		}
		by := ""
		switch {
		case rk.who.name == "":
		case rk.who.group:
			s.Rule.UserGroups, by = []string{rk.who.name}, " by the nodes"
		default:
			s.Rule.Users, by = []string{rk.who.name}, " by "+rk.who.name
		}
		if rk.verbs != "" {
			s.Rule.Verbs = strings.Split(rk.verbs, ",")
		}
		if len(what) > 4 {
			what = append(what[:4], "...")
		}
		verb := strings.ReplaceAll(rk.verbs, ",", "/")
		if rk.paths {
			verb = "probes of"
			if rk.who.name != "" {
				verb = "asking for"
			}
		}
		s.Title = fmt.Sprintf("%s %s%s", verb, strings.Join(what, ", "), by)
		s.YAML = ruleYAML(s.Rule)
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b Suggestion) int {
		return cmp.Or(cmp.Compare(b.Saves.Bytes, a.Saves.Bytes), cmp.Compare(a.Title, b.Title))
	})
	return out
}

// ruleYAML writes a rule as people write rules.
func ruleYAML(r auditv1.PolicyRule) string {
	var b strings.Builder
	list := func(indent, name string, ss []string) {
		if len(ss) == 0 {
			return
		}
		quoted := make([]string, len(ss))
		for i, s := range ss {
			quoted[i] = fmt.Sprintf("%q", s)
		}
		fmt.Fprintf(&b, "%s%s: [%s]\n", indent, name, strings.Join(quoted, ", "))
	}
	fmt.Fprintf(&b, "- level: %s\n", r.Level)
	list("  ", "users", r.Users)
	list("  ", "userGroups", r.UserGroups)
	list("  ", "verbs", r.Verbs)
	list("  ", "nonResourceURLs", r.NonResourceURLs)
	if len(r.Resources) > 0 {
		b.WriteString("  resources:\n")
	}
	for _, g := range r.Resources {
		fmt.Fprintf(&b, "  - group: %q\n", g.Group)
		list("    ", "resources", g.Resources)
	}
	return b.String()
}
