package space

import (
	"fmt"
	"net/url"
	"runtime"
	"slices"
	"strings"

	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// Point is one request of the space: a value for each dimension.
type Point [dims]int

// Witness finds a request of some boxes outside others, and one that reads
// well if there is one.
func (sp *Space) Witness(in Boxes, out []*Box, budget *Budget) (Point, Answer) {
	b, a := sp.Outside(in.And(Boxes{sp.sensible}), out, budget)
	if a != Found {
		if b, a = sp.Outside(in, out, budget); a != Found {
			return Point{}, a
		}
	}
	return sp.choose(b), Found
}

// choose picks a request of a box all of whose requests are possible.
func (sp *Space) choose(b Box) Point {
	var p Point
	first := func(d Dim) int {
		for v := range sp.sizes[d] {
			if b[d].Has(v) {
				return v
			}
		}
		return 0
	}
	for d := range dims {
		p[d] = first(d)
	}
	// Users: one that stands for no particular, then a named one, and no user
	// only where there is no other.
	prefer := func(d Dim, order ...int) {
		for _, v := range order {
			if v < sp.sizes[d] && b[d].Has(v) {
				p[d] = v
				return
			}
		}
	}
	rest := []int{ordinary}
	for i := firstNamed; i < len(sp.users); i++ {
		rest = append(rest, i)
	}
	prefer(User, append(rest, anonymous, nobody)...)
	if p[Path] != 0 {
		prefer(Verb, sp.verbNo["get"])
		return p
	}
	sp.chooseTarget(b, &p)
	return p
}

// chooseTarget prefers resources that exist, with a verb that they have and a
// namespace if they live in one.
func (sp *Space) chooseTarget(b Box, p *Point) {
	const many = 4000
	tried := 0
	namespaced := true
	found := false
	if sp.hints.Known != nil {
	search:
		for _, g := range b[Group].Values(sp.sizes[Group]) {
			for _, r := range b[Resource].Values(sp.sizes[Resource]) {
				for _, s := range b[Subresource].Values(sp.sizes[Subresource]) {
					if tried++; tried > many {
						break search
					}
					q := *p
					q[Group], q[Resource], q[Subresource] = g, r, s
					group, res, sub := sp.target(q)
					ns, verbs, ok := sp.hints.Known(group, res, sub)
					if !ok {
						continue
					}
					for _, v := range verbs {
						if i, ok := sp.verbNo[v]; ok && b[Verb].Has(i) {
							*p, found, namespaced = q, true, ns
							p[Verb] = i
							break search
						}
					}
				}
			}
		}
	}
	if !found {
		for _, r := range b[Resource].Values(sp.sizes[Resource]) {
			if sp.resources[r] != "namespaces" {
				p[Resource] = r
				break
			}
		}
	}
	noNS, noName := b[Namespace].Has(0), b[Name].Has(0)
	if !namespaced && noNS {
		p[Namespace] = 0
	} else if namespaced {
		last := sp.sizes[Namespace] - 1
		if b[Namespace].Has(last) {
			p[Namespace] = last
		} else if v := b[Namespace].Values(sp.sizes[Namespace]); len(v) > 1 {
			p[Namespace] = v[len(v)-1]
		}
	}
	verb := sp.verbs[p[Verb]]
	if noName && slices.Contains([]string{"create", "list", "watch", "deletecollection"}, verb) && p[Subresource] == 0 {
		p[Name] = 0
	} else if last := sp.sizes[Name] - 1; b[Name].Has(last) {
		p[Name] = last
	} else if v := b[Name].Values(sp.sizes[Name]); len(v) > 1 && p[Name] == 0 {
		p[Name] = v[1]
	}
}

// target is the group, resource and subresource of a point. A value that
// stands for all others becomes one that exists, if there is one.
func (sp *Space) target(p Point) (group, resource, sub string) {
	group, resource, sub = sp.groups[p[Group]], sp.resources[p[Resource]], sp.subs[p[Subresource]]
	if p[Resource] == len(sp.resources)-1 && sp.hints.Sample != nil {
		if r, ok := sp.hints.Sample(group, func(r string) bool { _, named := sp.resourceNo[r]; return named }); ok {
			resource = r
		}
	}
	return group, resource, sub
}

// Request is the point as the API server sees it.
func (sp *Space) Request(p Point) authorizer.AttributesRecord {
	var a authorizer.AttributesRecord
	if p[User] != nobody {
		u := sp.users[p[User]]
		info := &user.DefaultInfo{Name: u.name, Groups: slices.Clone(u.groups)}
		for _, d := range []Dim{Extra1, Extra2} {
			if g := sp.extras[p[d]]; g != "" && !slices.Contains(info.Groups, g) {
				info.Groups = append(info.Groups, g)
			}
		}
		a.User = info
	}
	a.Verb = sp.verbs[p[Verb]]
	if p[Path] != 0 {
		a.Path = sp.paths[p[Path]]
		return a
	}
	a.ResourceRequest = true
	a.APIGroup, a.Resource, a.Subresource = sp.target(p)
	a.APIVersion = "v1"
	a.Namespace, a.Name = sp.namespaces[p[Namespace]], sp.names[p[Name]]
	return a
}

// Flags are the arguments of `match` for a request.
func Flags(a authorizer.Attributes) string {
	var b strings.Builder
	arg := func(name, value string) { fmt.Fprintf(&b, " --%s %s", name, Quote(value)) }
	if u := a.GetUser(); u == nil {
		b.WriteString(" --unauthenticated")
	} else {
		arg("user", u.GetName())
		forced, _ := ForcedGroups(u.GetName())
		for _, g := range u.GetGroups() {
			if !slices.Contains(forced, g) {
				arg("group", g)
			}
		}
	}
	if a.GetVerb() == "create" && a.GetName() != "" && a.GetSubresource() == "" && a.IsResourceRequest() {
		// No create has a name, but for the wrong POST to an object.
		arg("verb", "post")
		u := url.URL{Path: URLPath(&authorizer.AttributesRecord{APIGroup: a.GetAPIGroup(), APIVersion: "v1", Resource: a.GetResource(),
			Namespace: a.GetNamespace(), Name: a.GetName(), Verb: a.GetVerb()})}
		arg("url", u.EscapedPath())
		return b.String()[1:]
	}
	arg("verb", a.GetVerb())
	if !a.IsResourceRequest() {
		arg("url", a.GetPath())
		return b.String()[1:]
	}
	res := a.GetResource()
	if g := a.GetAPIGroup(); g != "" {
		res += "." + g
	}
	if s := a.GetSubresource(); s != "" {
		res += "/" + s
	}
	arg("resource", res)
	if n := a.GetName(); n != "" {
		arg("name", n)
	}
	if n := a.GetNamespace(); n != "" {
		fmt.Fprintf(&b, " -n %s", Quote(n))
	}
	return b.String()[1:]
}

// URLPath is the URL path of a request for a resource.
func URLPath(a *authorizer.AttributesRecord) string {
	p := "/api/" + a.APIVersion
	if a.APIGroup != "" {
		p = "/apis/" + a.APIGroup + "/" + a.APIVersion
	}
	if a.Namespace != "" && a.Resource != "namespaces" {
		p += "/namespaces/" + a.Namespace
	}
	p += "/" + a.Resource
	if a.Name != "" && a.Verb != "list" && a.Verb != "watch" {
		p += "/" + a.Name
		if a.Subresource != "" {
			p += "/" + a.Subresource
		}
	}
	return p
}

// Quote quotes a word for a shell where it has to be: for cmd.exe and PowerShell
// on Windows, where it stands for itself but for blanks and a few more.
func Quote(s string) string {
	if runtime.GOOS == "windows" {
		if s != "" && !strings.ContainsAny(s, " \t\"'&|;,<>()[]{}^%!#~`$@*?") {
			return s
		}
		return `"` + s + `"`
	}
	if s != "" && !strings.ContainsAny(s, " \t\n\"'*?$&|;<>()[]{}\\!#~`") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
