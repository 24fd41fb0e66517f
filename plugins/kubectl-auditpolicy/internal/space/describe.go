package space

import (
	"fmt"
	"slices"
	"strings"
)

// Describe says in words which requests a box holds.
func (sp *Space) Describe(b Box) string {
	isResource, isURL := b[Path].Has(0), b[Path].count(sp.sizes[Path]) > 1 || !b[Path].Has(0)
	var parts []string
	switch {
	case isResource && isURL && sp.anyTarget(b):
		parts = append(parts, sp.verbWords(b, nil)+"every request")
	case isResource && !isURL:
		parts = append(parts, sp.verbWords(b, ResourceVerbs)+sp.resourceWords(b))
	case isURL && !isResource:
		parts = append(parts, sp.verbWords(b, URLVerbs)+sp.pathWords(b))
	default:
		parts = append(parts, sp.verbWords(b, nil)+sp.resourceWords(b)+", and "+sp.pathWords(b))
	}
	if w := sp.userWords(b); w != "" {
		parts = append(parts, w)
	}
	return strings.Join(parts, ", ")
}

func (sp *Space) full(b Box, d Dim) bool { return b[d].count(sp.sizes[d]) == sp.sizes[d] }

func (sp *Space) anyTarget(b Box) bool {
	for _, d := range []Dim{Group, Resource, Subresource, Namespace, Name} {
		if !sp.full(b, d) {
			return false
		}
	}
	return sp.full(b, Path)
}

// verbWords are the verbs, "" for all that there are.
func (sp *Space) verbWords(b Box, among []string) string {
	if among == nil {
		among = sp.verbs
	}
	var has, lacks []string
	for _, v := range among {
		if v == "proxy" || v == "" || v == "trace" {
			continue // nobody sends them
		}
		one := b
		one[Verb] = setOf(sp.sizes[Verb], sp.verbNo[v])
		if _, a := sp.Outside(Boxes{one}, nil, &Budget{Left: 1 << 20}); a == Empty {
			continue // no request for these has it
		}
		if b[Verb].Has(sp.verbNo[v]) {
			has = append(has, v)
		} else {
			lacks = append(lacks, v)
		}
	}
	switch {
	case len(lacks) == 0:
		return ""
	case len(has) == 0:
		return "other verbs on "
	case len(lacks) == 1 && len(has) > 3:
		return "all verbs but " + lacks[0] + " on "
	}
	return join(has) + " on "
}

// choice describes a set of values of which the last stands for all others.
func choice(values []string, s Set, all, but string) (words string, isAll bool) {
	n := len(values)
	if s.count(n) == n {
		return all, true
	}
	var has, lacks []string
	for i, v := range values {
		if i == n-1 {
			break
		}
		if s.Has(i) {
			has = append(has, show(v))
		} else {
			lacks = append(lacks, show(v))
		}
	}
	if s.Has(n - 1) {
		return but + join(lacks), false
	}
	return join(has), false
}

func show(v string) string {
	if v == "" {
		return `""`
	}
	return v
}

func join(words []string) string {
	if len(words) > 8 {
		words = append(slices.Clone(words[:7]), fmt.Sprintf("%d more", len(words)-7))
	}
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

// subresourceWords describes subresources; whether the resource itself, whose
// subresource is "", is among them is said elsewhere.
func (sp *Space) subresourceWords(s Set) string {
	last := len(sp.subs) - 1
	var has, lacks []string
	for i := 1; i < last; i++ {
		if s.Has(i) {
			has = append(has, sp.subs[i])
		} else {
			lacks = append(lacks, sp.subs[i])
		}
	}
	switch {
	case !s.Has(last) && len(has) == 1:
		return "subresource " + has[0]
	case !s.Has(last):
		return "subresources " + join(has)
	case len(lacks) == 0:
		return "all subresources"
	}
	return "all subresources but " + join(lacks)
}

func (sp *Space) resourceWords(b Box) string {
	var out strings.Builder
	res, allRes := choice(sp.resources, b[Resource], "all resources", "all resources but ")
	subOnly := ""
	switch n := sp.sizes[Subresource]; {
	case b[Subresource].count(n) == n:
		if !allRes {
			subOnly = " and their subresources"
		}
	case !b[Subresource].Has(0):
		if allRes {
			res = "any resource"
		}
		res = sp.subresourceWords(b[Subresource]) + " of " + res
	case b[Subresource].count(n) == 1:
		if allRes || b[Resource].Has(sp.sizes[Resource]-1) {
			subOnly = ", not subresources"
		}
	default:
		subOnly = " and " + sp.subresourceWords(b[Subresource])
	}
	out.WriteString(res + subOnly)
	n := sp.sizes[Group]
	if b[Group].count(n) != n {
		w, _ := choice(sp.groups, b[Group], "", "groups other than ")
		switch {
		case b[Group].Has(n - 1):
			out.WriteString(" in " + strings.ReplaceAll(w, `""`, "core"))
		case w == `""`:
			out.WriteString(" of the core group")
		default:
			out.WriteString(" of " + strings.ReplaceAll(w, `""`, "core"))
		}
	}
	switch n := sp.sizes[Namespace]; {
	case b[Namespace].count(n) == n:
	case b[Namespace].count(n) == 1 && b[Namespace].Has(0):
		out.WriteString(", in no namespace (cluster-scoped, or over all)")
	case b[Namespace].count(n) == n-1 && !b[Namespace].Has(0):
		out.WriteString(", in a namespace")
	default:
		w, _ := choice(sp.namespaces, b[Namespace], "", "namespaces other than ")
		out.WriteString(", in " + strings.ReplaceAll(w, `""`, "none"))
	}
	switch n := sp.sizes[Name]; {
	case b[Name].count(n) == n:
	case b[Name].count(n) == 1 && b[Name].Has(0):
		out.WriteString(", without a name")
	case b[Name].count(n) == n-1 && !b[Name].Has(0):
	default:
		w, _ := choice(sp.names, b[Name], "", "other than ")
		out.WriteString(", named " + strings.ReplaceAll(w, `""`, "nothing"))
	}
	return out.String()
}

func (sp *Space) pathWords(b Box) string {
	var has, lacks []string
	for i := 1; i < len(sp.paths); i++ {
		if b[Path].Has(i) {
			has = append(has, sp.paths[i])
		} else {
			lacks = append(lacks, sp.paths[i])
		}
	}
	if len(lacks) == 0 {
		return "all paths that are no resources"
	}
	if len(lacks) < len(has) && len(has) > 4 {
		return "all paths but " + join(lacks)
	}
	return "paths such as " + join(has)
}

func (sp *Space) userWords(b Box) string {
	var out []string
	n := sp.sizes[User]
	if b[User].count(n) != n {
		var has, lacks []string
		for i, u := range sp.users {
			name := u.name
			if u.class != "" {
				name = u.class
			}
			if b[User].Has(i) {
				has = append(has, name)
			} else {
				lacks = append(lacks, name)
			}
		}
		switch {
		case b[User].Has(ordinary) && len(lacks) == 1 && !b[User].Has(nobody):
			out = append(out, "by anybody who is authenticated or anonymous")
		case b[User].Has(ordinary) && (len(lacks) <= len(has) || len(has) > 6):
			out = append(out, "by all but "+join(lacks))
		default:
			out = append(out, "by "+join(has))
		}
	}
	// The two extra groups stand for the same thing: who is in which group.
	in, notIn := []string{}, []string{}
	for _, d := range []Dim{Extra1, Extra2} {
		size := sp.sizes[d]
		if size < 2 || b[d].count(size) == size {
			continue
		}
		for i := 1; i < size; i++ {
			g := sp.extras[i]
			if b[d].Has(i) && !b[d].Has(0) && !slices.Contains(in, g) {
				in = append(in, g)
			}
			if !b[d].Has(i) && b[d].Has(0) && !slices.Contains(notIn, g) {
				notIn = append(notIn, g)
			}
		}
	}
	if len(in) > 0 {
		out = append(out, "in group "+strings.Join(in, " or "))
	}
	if len(notIn) > 0 {
		out = append(out, "not in "+join(notIn))
	}
	return strings.Join(out, ", ")
}
