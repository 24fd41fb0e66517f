package diff

import (
	"encoding/json"
	"slices"
	"sort"

	"k8s.io/apiserver/pkg/apis/audit"
)

// partners tells which rules of two policies match the same requests and stand
// in the same order in both, as a longest such choice: for each rule of either
// policy the index of its partner in the other, or -1. The default, which stands
// behind the last rule, is the default's partner.
//
// A request that a rule decides in one policy matches the rule's partner in the
// other, so it is decided there by the partner or by a rule that has none: a
// partnered one before it would have taken the request in the first policy too.
// Long policies that differ in some rules are compared in those alone.
func partners(before, after []audit.PolicyRule) (old, young []int) {
	at := map[string]int{}
	for j := len(after) - 1; j >= 0; j-- {
		at[asks(&after[j])] = j // the first of equal ones: the others are never reached
	}
	old, young = make([]int, len(before)+1), make([]int, len(after)+1)
	for i := range old {
		old[i] = -1
	}
	for j := range young {
		young[j] = -1
	}
	// The longest rising sequence: ends[n] is the rule of the old policy whose
	// partner is the least with which n+1 pairs in order can end.
	var ends []int
	partner, previous := make([]int, len(before)), make([]int, len(before))
	seen := map[string]bool{}
	for i := range before {
		k := asks(&before[i])
		j, ok := at[k]
		if !ok || seen[k] {
			continue
		}
		seen[k] = true
		n := sort.Search(len(ends), func(n int) bool { return partner[ends[n]] >= j })
		partner[i], previous[i] = j, -1
		if n > 0 {
			previous[i] = ends[n-1]
		}
		if n == len(ends) {
			ends = append(ends, i)
		}
		ends[n] = i
	}
	if len(ends) > 0 {
		for i := ends[len(ends)-1]; i >= 0; i = previous[i] {
			old[i], young[partner[i]] = partner[i], i
		}
	}
	old[len(before)], young[len(after)] = len(after), len(before)
	return old, young
}

// asks is what a rule asks of a request, whatever it then records. Which of
// equal lists comes first makes no difference.
func asks(r *audit.PolicyRule) string {
	sorted := func(s []string) []string {
		s = slices.Clone(s)
		slices.Sort(s)
		return s
	}
	c := audit.PolicyRule{Users: sorted(r.Users), UserGroups: sorted(r.UserGroups), Verbs: sorted(r.Verbs), Namespaces: sorted(r.Namespaces),
		NonResourceURLs: sorted(r.NonResourceURLs)}
	for _, g := range r.Resources {
		c.Resources = append(c.Resources, audit.GroupResources{Group: g.Group, Resources: sorted(g.Resources), ResourceNames: sorted(g.ResourceNames)})
	}
	text, _ := json.Marshal(c) // of strings and lists alone: there is no error
	return string(text)
}
