package space

import (
	"slices"
	"strings"

	"k8s.io/apiserver/pkg/apis/audit"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"
)

// identity is a user or a class of users.
type identity struct {
	name   string
	groups []string // what the API server puts every such user in
	// open says whether the user may be in other groups too.
	open bool
	// class says in words which users this one stands for, "" for a user that
	// is named.
	class string
}

// The identities that every space has, by number.
const (
	nobody    = iota // authentication failed: no user at all
	anonymous        // system:anonymous
	ordinary         // any user that is not named and not of the classes below
	firstNamed
)

// ForcedGroups are the groups that kube-apiserver puts a user in, and whether
// the user may be in others.
//
// Sources: pkg/authentication/group/authenticated_group_adder.go,
// pkg/authentication/serviceaccount, pkg/authentication/request/anonymous,
// pkg/server/config.go (the loopback user) of k8s.io/apiserver; a node's client
// certificate has the organisation system:nodes.
func ForcedGroups(name string) (groups []string, open bool) {
	switch {
	case name == user.Anonymous:
		return []string{user.AllUnauthenticated}, false
	case name == user.APIServerUser:
		return []string{user.AllAuthenticated, user.SystemPrivilegedGroup}, false
	case strings.HasPrefix(name, "system:node:") && len(name) > len("system:node:"):
		return []string{user.AllAuthenticated, user.NodesGroup}, false
	}
	if ns, _, err := serviceaccount.SplitUsername(name); err == nil {
		return append(serviceaccount.MakeGroupNames(ns), user.AllAuthenticated), false
	}
	return []string{user.AllAuthenticated}, true
}

// ServerGroup says whether a group is one that only the API server gives.
func ServerGroup(g string) bool {
	return g == user.AllAuthenticated || g == user.AllUnauthenticated ||
		g == serviceaccount.AllServiceAccountsGroup || strings.HasPrefix(g, serviceaccount.ServiceAccountGroupPrefix)
}

func (sp *Space) addIdentities(rules []*audit.PolicyRule) {
	var users, extras, saNamespaces values
	for _, r := range rules {
		for _, u := range r.Users {
			if u != "" && u != user.Anonymous && !strings.Contains(u, "*") {
				users.add(u)
			}
		}
		for _, g := range r.UserGroups {
			if ns, ok := strings.CutPrefix(g, serviceaccount.ServiceAccountGroupPrefix); ok && segment(ns) {
				saNamespaces.add(ns)
			}
			if g != "" && !ServerGroup(g) && !strings.Contains(g, "*") {
				extras.add(g)
			}
		}
	}
	add := func(name, class string) {
		groups, open := ForcedGroups(name)
		sp.users = append(sp.users, identity{name, groups, open, class})
	}
	sp.users = append(sp.users, identity{class: "requests that failed authentication"})
	add(user.Anonymous, "")
	add(other(users.seen, "alice", "bob", "carol"), "other users")
	for _, u := range users.list {
		add(u, "")
	}
	add(other(users.seen, "system:node:node-1", "system:node:node-2"), "other nodes")
	for _, ns := range saNamespaces.list {
		if serviceaccount.MatchesUsername(ns, "default", "system:serviceaccount:"+ns+":default") {
			add(other(users.seen, "system:serviceaccount:"+ns+":default", "system:serviceaccount:"+ns+":app"), "other service accounts of "+ns)
		}
	}
	ns := other(saNamespaces.seen, "default", "team-a", "team-b")
	add(other(users.seen, "system:serviceaccount:"+ns+":app", "system:serviceaccount:"+ns+":other"), "other service accounts")
	sp.userNo = map[string]int{}
	for i, u := range sp.users {
		if u.class == "" {
			sp.userNo[u.name] = i
		}
	}
	sp.extras = append([]string{""}, extras.list...)
	sp.extraNo = numbers(sp.extras)
}

// identities are the users and groups that a rule matches, as boxes.
func (sp *Space) identities(r *audit.PolicyRule) Boxes {
	var users Set
	if len(r.Users) > 0 {
		users = setOf(len(sp.users))
		for _, u := range r.Users {
			if i, ok := sp.userNo[u]; ok {
				users[i/64] |= 1 << (i % 64)
			}
		}
	}
	if len(r.UserGroups) == 0 {
		return Boxes{{User: users}}
	}
	// By the groups that users have anyway, or by an extra one.
	forced := setOf(len(sp.users))
	for i, u := range sp.users {
		if users.Has(i) && slices.ContainsFunc(u.groups, func(g string) bool { return slices.Contains(r.UserGroups, g) }) {
			forced[i/64] |= 1 << (i % 64)
		}
	}
	var out Boxes
	if !forced.empty() {
		out = append(out, Box{User: forced})
	}
	named := setOf(len(sp.extras))
	for _, g := range r.UserGroups {
		if i, ok := sp.extraNo[g]; ok && i > 0 {
			named[i/64] |= 1 << (i % 64)
		}
	}
	if !named.empty() {
		out = append(out, Box{User: users, Extra1: named})
		if sp.extra2 {
			out = append(out, Box{User: users, Extra2: named})
		}
	}
	return out
}
