package space

// Anybody is the set of requests by a user whom no rule names, in no group
// that a rule names beyond those the API server gives, for an object that no
// rule names: the requests that a general statement such as "reading a Secret
// is recorded" is about.
func (sp *Space) Anybody() Box {
	b := Box{User: setOf(len(sp.users), ordinary), Extra1: setOf(len(sp.extras), 0)}
	if sp.extra2 {
		b[Extra2] = setOf(len(sp.extras), 0)
	}
	b[Name] = setOf(len(sp.names), 0, len(sp.names)-1)
	return b
}

// Unauthenticated is the set of requests whose authentication failed.
func (sp *Space) Unauthenticated() Box { return Box{User: setOf(len(sp.users), nobody)} }

// Authenticated is the set of all other requests.
func (sp *Space) Authenticated() Box {
	return Box{User: Set(nil).minus(setOf(len(sp.users), nobody), len(sp.users))}
}

// UnnamedGroup is the set of requests for resources of a group that no rule
// names, as those of custom resources are.
func (sp *Space) UnnamedGroup() Box {
	return Box{Path: setOf(len(sp.paths), 0), Group: setOf(len(sp.groups), len(sp.groups)-1)}
}

// Empty says whether there is nothing in the boxes at all.
func (b Boxes) Empty() bool {
	for i := range b {
		if !b[i].empty() {
			return false
		}
	}
	return true
}

// UnnamedNamespace is the set of requests in a namespace that no rule names, or
// in none.
func (sp *Space) UnnamedNamespace() Box {
	return Box{Namespace: setOf(len(sp.namespaces), 0, len(sp.namespaces)-1)}
}

// Unnamed is the set of requests for objects that no rule names, or for no
// particular object.
func (sp *Space) Unnamed() Box { return Box{Name: setOf(len(sp.names), 0, len(sp.names)-1)} }

// Plain is the set of requests by users in no group but those that the API
// server puts them in.
func (sp *Space) Plain() Box {
	b := Box{Extra1: setOf(len(sp.extras), 0)}
	if sp.extra2 {
		b[Extra2] = setOf(len(sp.extras), 0)
	}
	return b
}

// Anonymous is the set of requests by system:anonymous.
func (sp *Space) Anonymous() Box {
	b := sp.Unnamed()
	b[User] = setOf(len(sp.users), anonymous)
	return b
}
