package space

import (
	"slices"
	"strings"

	"k8s.io/apiserver/pkg/apis/audit"
)

// Verbs of requests for resources, as kube-apiserver's RequestInfo makes them.
// "proxy" comes from a path that no server serves any more, and "" from HTTP
// methods that mean nothing to resources (OPTIONS); both are still audited.
var ResourceVerbs = []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "proxy", ""}

// URLVerbs are the verbs of requests for paths that are no resources: the HTTP
// methods in lower case.
var URLVerbs = []string{"get", "post", "put", "patch", "delete", "head", "options", "trace"}

// Space is the request space of some policies.
type Space struct {
	users                                        []identity
	extras                                       []string // 0 is none
	extra2                                       bool
	verbs                                        []string
	groups, resources, subs, namespaces, names   []string // the last is the value for all others
	paths                                        []string // 0 is "for a resource"
	userNo, extraNo, verbNo, groupNo, resourceNo map[string]int
	subNo, namespaceNo, nameNo                   map[string]int
	impossible                                   Boxes
	order                                        []Dim
	sizes                                        [dims]int
	sensible                                     Box
	hints                                        Hints
}

// Hints make witnesses read well; they never change an answer.
type Hints struct {
	// Known tells of a resource ("pods") or subresource ("pods/log") of a group
	// whether requests for it need a namespace and which verbs it takes.
	Known func(group, resource, subresource string) (namespaced bool, verbs []string, ok bool)
	// Sample gives a resource of a group that is not one of some.
	Sample func(group string, not func(resource string) bool) (string, bool)
}

// New makes the space in which the rules of some policies, and some further
// rules that ask questions, are sets. Nil policies are ignored.
func New(hints Hints, questions []audit.PolicyRule, policies ...*audit.Policy) *Space {
	sp := &Space{hints: hints}
	var rules []*audit.PolicyRule
	withGroups := 0
	for _, p := range policies {
		if p == nil {
			continue
		}
		has := false
		for i := range p.Rules {
			rules = append(rules, &p.Rules[i])
			has = has || len(p.Rules[i].UserGroups) > 0
		}
		if has {
			withGroups++
		}
	}
	for i := range questions {
		rules = append(rules, &questions[i])
		if len(questions[i].UserGroups) > 0 {
			withGroups++
		}
	}
	sp.extra2 = withGroups > 1
	sp.addIdentities(rules)
	sp.addResources(rules)
	sp.addPaths(rules)
	sp.verbs = slices.Clone(ResourceVerbs)
	for _, v := range URLVerbs {
		if !slices.Contains(sp.verbs, v) {
			sp.verbs = append(sp.verbs, v)
		}
	}
	sp.verbNo = numbers(sp.verbs)
	sp.sizes = [dims]int{User: len(sp.users), Extra1: len(sp.extras), Extra2: 1, Verb: len(sp.verbs), Group: len(sp.groups),
		Resource: len(sp.resources), Subresource: len(sp.subs), Namespace: len(sp.namespaces), Name: len(sp.names), Path: len(sp.paths)}
	if sp.extra2 {
		sp.sizes[Extra2] = len(sp.extras)
	}
	sp.order = []Dim{Path, Verb, Resource, Group, Subresource, Namespace, User, Extra1, Extra2, Name}
	sp.forbid()
	return sp
}

func (sp *Space) size(d Dim) int { return sp.sizes[d] }

func numbers(values []string) map[string]int {
	m := make(map[string]int, len(values))
	for i, v := range values {
		m[v] = i
	}
	return m
}

// values collects distinct values in their order, then one for all others.
type values struct {
	list []string
	seen map[string]bool
}

func (v *values) add(s string) {
	if v.seen == nil {
		v.seen = map[string]bool{}
	}
	if !v.seen[s] {
		v.seen[s] = true
		v.list = append(v.list, s)
	}
}

// segment says whether a string can be a segment of a URL that names a
// resource or a namespace.
func segment(s string) bool {
	return s != "" && !strings.ContainsAny(s, "/*%?#") && s != "." && s != ".."
}

// other is a value that is not among some, for display.
func other(not map[string]bool, candidates ...string) string {
	for _, c := range candidates {
		if !not[c] {
			return c
		}
	}
	c := candidates[len(candidates)-1]
	for not[c] {
		c += "x"
	}
	return c
}

func (sp *Space) addResources(rules []*audit.PolicyRule) {
	var groups, resources, subs, namespaces, names values
	subs.add("")
	namespaces.add("")
	names.add("")
	groups.add("")
	for _, r := range rules {
		for _, ns := range r.Namespaces {
			if segment(ns) {
				namespaces.add(ns)
			}
		}
		for i := range r.Resources {
			gr := &r.Resources[i]
			if segment(gr.Group) {
				groups.add(gr.Group)
			}
			for _, res := range gr.Resources {
				a, b, _ := strings.Cut(res, "/")
				if segment(a) {
					resources.add(a)
				}
				if segment(b) {
					subs.add(b)
				}
			}
			for _, n := range gr.ResourceNames {
				if segment(strings.ReplaceAll(n, "*", "x")) {
					names.add(n)
				}
			}
		}
	}
	resources.add("namespaces")
	sp.groups = append(groups.list, other(groups.seen, "example.com", "other.example.com"))
	sp.resources = append(resources.list, other(resources.seen, "widgets", "gadgets"))
	sp.subs = append(subs.list, other(subs.seen, "status", "other"))
	sp.namespaces = append(namespaces.list, other(namespaces.seen, "default", "team-a", "team-b"))
	sp.names = append(names.list, other(names.seen, "demo", "other"))
	sp.groupNo, sp.resourceNo, sp.subNo = numbers(sp.groups), numbers(sp.resources), numbers(sp.subs)
	sp.namespaceNo, sp.nameNo = numbers(sp.namespaces), numbers(sp.names)
}

// forbid lists the combinations that no request has.
func (sp *Space) forbid() {
	verbs := func(names ...string) Set {
		var no []int
		for _, n := range names {
			no = append(no, sp.verbNo[n])
		}
		return setOf(len(sp.verbs), no...)
	}
	isResource := setOf(len(sp.paths), 0)
	isURL := Set(nil).minus(isResource, len(sp.paths))
	add := func(b Box) { sp.impossible = append(sp.impossible, b) }
	rv, uv := verbs(ResourceVerbs...), verbs(URLVerbs...)
	add(Box{Path: isResource, Verb: Set(nil).minus(rv, len(sp.verbs))})
	if len(sp.paths) > 1 {
		add(Box{Path: isURL, Verb: Set(nil).minus(uv, len(sp.verbs))})
	}
	noSub, noName, noNS := setOf(len(sp.subs), 0), setOf(len(sp.names), 0), setOf(len(sp.namespaces), 0)
	hasSub, hasName := Set(nil).minus(noSub, len(sp.subs)), Set(nil).minus(noName, len(sp.names))
	// list and deletecollection are what get and delete become without a name;
	// a field selector can still name one object of a list.
	add(Box{Path: isResource, Verb: verbs("list", "deletecollection", "proxy"), Subresource: hasSub})
	add(Box{Path: isResource, Verb: verbs("deletecollection"), Name: hasName})
	add(Box{Path: isResource, Verb: verbs("get", "delete"), Name: noName})
	add(Box{Path: isResource, Subresource: hasSub, Name: noName})
	// /api/v1/namespaces/NAME has namespace NAME.
	named := Set(nil).minus(verbs("list", "watch"), len(sp.verbs))
	add(Box{Path: isResource, Verb: named, Resource: setOf(len(sp.resources), sp.resourceNo["namespaces"]), Name: hasName, Namespace: noNS})
	add(Box{Path: isResource, Subresource: hasSub, Resource: setOf(len(sp.resources), sp.resourceNo["namespaces"]), Namespace: noNS})
	// Only ordinary users have groups that the API server does not give.
	var closed []int
	for i, u := range sp.users {
		if !u.open {
			closed = append(closed, i)
		}
	}
	if len(sp.extras) > 1 {
		some := Set(nil).minus(setOf(len(sp.extras), 0), len(sp.extras))
		add(Box{User: setOf(len(sp.users), closed...), Extra1: some})
		if sp.extra2 {
			add(Box{User: setOf(len(sp.users), closed...), Extra2: some})
		}
	}
	plain := Set(nil).minus(setOf(len(sp.users), nobody, anonymous), len(sp.users))
	sp.sensible = Box{User: plain, Verb: Set(nil).minus(verbs("", "proxy", "head", "options", "trace"), len(sp.verbs))}
}

// Rule is the set of requests that a rule matches, whatever stands before it.
// The rule's values must be among those that the space was made of.
func (sp *Space) Rule(r *audit.PolicyRule) Boxes {
	var verbs Set
	if len(r.Verbs) > 0 {
		verbs = sp.pick(Verb, sp.verbNo, r.Verbs)
	}
	var targets Boxes
	switch {
	case len(r.Namespaces) > 0 || len(r.Resources) > 0:
		targets = sp.resourceBoxes(r)
	case len(r.NonResourceURLs) > 0:
		var no []int
		for i := 1; i < len(sp.paths); i++ {
			if slices.ContainsFunc(r.NonResourceURLs, func(spec string) bool { return pathMatches(sp.paths[i], spec) }) {
				no = append(no, i)
			}
		}
		targets = Boxes{{Path: setOf(len(sp.paths), no...)}}
	default:
		targets = Boxes{{}}
	}
	var out Boxes
	for _, id := range sp.identities(r) {
		id[Verb] = verbs
		for _, t := range targets {
			b, ok := id.And(t)
			if ok {
				out = append(out, b)
			}
		}
	}
	return out
}

// pick is the set of the named values; those that are not in the space match
// nothing.
func (sp *Space) pick(d Dim, no map[string]int, names []string) Set {
	s := setOf(sp.sizes[d])
	for _, n := range names {
		if i, ok := no[n]; ok && (d == Verb || i != sp.sizes[d]-1 || d == Path) {
			s[i/64] |= 1 << (i % 64)
		}
	}
	return s
}

func (sp *Space) resourceBoxes(r *audit.PolicyRule) Boxes {
	base := Box{Path: setOf(len(sp.paths), 0)}
	if len(r.Namespaces) > 0 {
		base[Namespace] = sp.pick(Namespace, sp.namespaceNo, r.Namespaces)
	}
	if len(r.Resources) == 0 {
		return Boxes{base}
	}
	// Entries that differ in their group alone are one box.
	type key struct{ resources, names string }
	index := map[key]int{}
	var entries []audit.GroupResources
	var groups []Set
	for _, gr := range r.Resources {
		var g Set
		if gr.Group != "*" {
			g = sp.pick(Group, sp.groupNo, []string{gr.Group})
		}
		k := key{strings.Join(gr.Resources, "\x00"), strings.Join(gr.ResourceNames, "\x00")}
		if i, ok := index[k]; ok {
			groups[i] = groups[i].or(g)
			continue
		}
		index[k] = len(entries)
		entries, groups = append(entries, gr), append(groups, g)
	}
	var out Boxes
	for i, gr := range entries {
		b := base
		b[Group] = groups[i]
		if len(gr.Resources) == 0 {
			out = append(out, b)
			continue
		}
		if len(gr.ResourceNames) > 0 {
			b[Name] = sp.pick(Name, sp.nameNo, gr.ResourceNames)
		}
		out = append(out, sp.patternBoxes(b, gr.Resources)...)
	}
	return out
}

// patternBoxes adds the resource and subresource of each pattern to a box, with
// as few boxes as there are different subresources.
func (sp *Space) patternBoxes(b Box, patterns []string) Boxes {
	var all, anySub, withSub []string // "*", "pods/*", and "pods" or "pods/log" by subresource
	bySub := map[string][]string{}
	var everyResource []string // the subresources of "*/scale"
	for _, p := range patterns {
		res, sub, has := strings.Cut(p, "/")
		switch {
		case p == "*":
			all = append(all, p)
		case has && (sub == "" || strings.Contains(sub, "/")):
			// "*/" and "a/b/c" are no request's resource and subresource.
		case has && res == "*":
			everyResource = append(everyResource, sub)
		case has && sub == "*":
			anySub = append(anySub, res)
		default:
			if _, ok := bySub[sub]; !ok {
				withSub = append(withSub, sub)
			}
			bySub[sub] = append(bySub[sub], res)
		}
	}
	var out Boxes
	if len(all) > 0 {
		return append(out, b)
	}
	if len(anySub) > 0 {
		c := b
		c[Resource] = sp.pick(Resource, sp.resourceNo, anySub)
		out = append(out, c)
	}
	if len(everyResource) > 0 {
		c := b
		c[Subresource] = sp.pick(Subresource, sp.subNo, everyResource)
		if !c.empty() {
			out = append(out, c)
		}
	}
	for _, sub := range withSub {
		c := b
		c[Resource] = sp.pick(Resource, sp.resourceNo, bySub[sub])
		c[Subresource] = sp.pick(Subresource, sp.subNo, []string{sub})
		out = append(out, c)
	}
	return out
}
