// Package apitable knows the resources, subresources and verbs of each
// Kubernetes version from 1.28 on, offline. The table is written by
// test/cmd/apitable from the API descriptions in the k8s.io/kubernetes modules.
package apitable

import (
	_ "embed"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:embed table.txt
var text string

// Oldest and Newest are the minor versions of Kubernetes 1 that the table
// covers.
const (
	Oldest = 28
	Newest = 37
)

// Entry is a resource or subresource of one group.
type Entry struct {
	Group string
	// Resource is the plural name, with "/subresource" for a subresource.
	Resource   string
	Kind       string
	Singular   string
	ShortNames []string
	Namespaced bool
	Verbs      []string
	// From and To are the first and last minor version of the table that have
	// it; 0 for an entry that came from a cluster.
	From, To int
}

// Table is what one version, or one cluster, serves.
type Table struct {
	// Minor is the minor version, 0 for a cluster's own discovery.
	Minor   int
	entries map[string]*Entry // by "group resource"
	byName  map[string][]*Entry
	groups  map[string]bool
	order   []*Entry
}

type line struct {
	Entry
	minors []int
}

var parsed = sync.OnceValue(func() []line {
	var out []line
	for l := range strings.Lines(text) {
		l = strings.TrimSuffix(l, "\n")
		f := strings.Split(l, "\t")
		if len(f) != 8 || strings.HasPrefix(l, "#") {
			continue
		}
		e := line{Entry: Entry{Group: f[0], Resource: f[1], Kind: f[2], Singular: f[3], Namespaced: f[5] == "N", Verbs: strings.Split(f[6], ",")}}
		if f[4] != "" {
			e.ShortNames = strings.Split(f[4], ",")
		}
		for _, r := range strings.Split(f[7], ",") {
			a, b, ok := strings.Cut(r, "-")
			if !ok {
				b = a
			}
			from, _ := strconv.Atoi(a)
			to, _ := strconv.Atoi(b)
			for m := from; m <= to; m++ {
				e.minors = append(e.minors, m)
			}
		}
		e.From, e.To = e.minors[0], e.minors[len(e.minors)-1]
		out = append(out, e)
	}
	return out
})

// For is the table of a minor version of Kubernetes 1; versions outside the
// table get the nearest one that it has, and 0 gets the newest.
func For(minor int) *Table {
	if minor == 0 {
		minor = Newest
	}
	minor = min(max(minor, Oldest), Newest)
	t := &Table{Minor: minor}
	lines := parsed()
	for i := range lines {
		if slices.Contains(lines[i].minors, minor) {
			t.add(&lines[i].Entry)
		}
	}
	return t
}

// New makes a table of given entries, as a cluster's discovery tells them.
func New(entries []Entry) *Table {
	t := &Table{}
	for i := range entries {
		t.add(&entries[i])
	}
	return t
}

func (t *Table) add(e *Entry) {
	if t.entries == nil {
		t.entries, t.byName, t.groups = map[string]*Entry{}, map[string][]*Entry{}, map[string]bool{}
	}
	t.entries[e.Group+" "+e.Resource] = e
	t.byName[e.Resource] = append(t.byName[e.Resource], e)
	t.groups[e.Group] = true
	t.order = append(t.order, e)
}

// Lookup finds "pods" or "pods/log" in a group.
func (t *Table) Lookup(group, resource string) (*Entry, bool) {
	e, ok := t.entries[group+" "+resource]
	return e, ok
}

// HasGroup says whether a group is served.
func (t *Table) HasGroup(group string) bool { return t.groups[group] }

// Groups are the groups, sorted.
func (t *Table) Groups() []string {
	var out []string
	for g := range t.groups {
		out = append(out, g)
	}
	slices.Sort(out)
	return out
}

// Named are the entries of a resource name in whatever group.
func (t *Table) Named(resource string) []*Entry { return t.byName[resource] }

// Entries are all entries in the table's order.
func (t *Table) Entries() []*Entry { return t.order }

// Meant finds the resource that somebody means by a kind, a singular, a short
// name or a name in another case; nil if none is it. Resources of the group
// come first.
func (t *Table) Meant(group, name string) *Entry {
	var found *Entry
	for _, e := range t.order {
		if strings.Contains(e.Resource, "/") {
			continue
		}
		if strings.EqualFold(e.Kind, name) || strings.EqualFold(e.Singular, name) || slices.Contains(e.ShortNames, strings.ToLower(name)) ||
			strings.EqualFold(e.Resource, name) {
			if e.Group == group {
				return e
			}
			if found == nil {
				found = e
			}
		}
	}
	return found
}

// Ever finds a resource of a group in any version of the table.
func Ever(group, resource string) (*Entry, bool) {
	lines := parsed()
	for i := range lines {
		if lines[i].Group == group && lines[i].Resource == resource {
			return &lines[i].Entry, true
		}
	}
	return nil, false
}

// Sample gives a resource of a group that is not one of some: what stands for
// "any other resource" in an example.
func (t *Table) Sample(group string, not func(string) bool) (string, bool) {
	for _, e := range t.order {
		if e.Group == group && !strings.Contains(e.Resource, "/") && !not(e.Resource) && slices.Contains(e.Verbs, "list") {
			return e.Resource, true
		}
	}
	return "", false
}

// Known tells whether a resource lives in a namespace, and its verbs.
func (t *Table) Known(group, resource, subresource string) (namespaced bool, verbs []string, ok bool) {
	if subresource != "" {
		resource += "/" + subresource
	}
	e, ok := t.Lookup(group, resource)
	if !ok {
		return true, nil, false
	}
	return e.Namespaced, e.Verbs, true
}
