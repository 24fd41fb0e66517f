package replay

import (
	"strings"

	auditinternal "k8s.io/apiserver/pkg/apis/audit"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/auditlog"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
)

// Evaluator asks a policy's evaluator; *policy.Evaluator is one.
type Evaluator interface {
	Match(authorizer.Attributes) policy.Decision
}

// verdict is a decision with what replaying wants to know of the request.
type verdict struct {
	policy.Decision
	ok                              bool
	omit                            [4]bool
	longRunning                     bool
	mayHaveRequest, mayHaveResponse bool
}

// cache answers for an event. It holds two tables: by the request as the log
// writes it, and by the class of its attributes. In both, every user, group,
// namespace and object that the policy does not name is one and the same: a rule
// compares strings for equality and paths with prefixes and does nothing else,
// so the members of a class get the same answer. The answer itself is the
// evaluator's.
//
// Both are emptied when they grow large: a log can name any number of paths.
type cache struct {
	evaluator Evaluator
	literals  literals
	requests  map[string]*verdict
	classes   map[string]*verdict
	key       []byte
}

const maxCached = 1 << 14

func newCache(d Evaluator, p *auditinternal.Policy) *cache {
	return &cache{evaluator: d, literals: newLiterals(p), requests: map[string]*verdict{}, classes: map[string]*verdict{}}
}

func (c *cache) verdict(e *auditlog.Event) *verdict {
	k := append(c.key[:0], e.Verb...)
	k = append(k, 0)
	k = c.literals.appendUser(k, e)
	k = append(k, 0)
	k = c.literals.appendURI(k, e)
	c.key = k
	if v := c.requests[string(k)]; v != nil {
		return v
	}
	if len(c.requests) >= maxCached {
		clear(c.requests)
	}
	v := c.class(e)
	c.requests[string(k)] = v
	return v
}

func (c *cache) class(e *auditlog.Event) *verdict {
	if len(e.Verb) == 0 && len(e.RequestURI) == 0 {
		return &verdict{}
	}
	a, err := Attributes(e)
	if err != nil {
		return &verdict{}
	}
	k := c.literals.class(&a)
	if v := c.classes[k]; v != nil {
		return v
	}
	if len(c.classes) >= maxCached {
		clear(c.classes)
	}
	v := &verdict{Decision: c.evaluator.Match(&a), ok: true, longRunning: longRunning(&a)}
	v.mayHaveRequest, v.mayHaveResponse = bodies(&a)
	for _, s := range v.OmitStages {
		if i := stageIndex([]byte(s)); i >= 0 {
			v.omit[i] = true
		}
	}
	c.classes[k] = v
	return v
}

// literals are the strings that a policy names, by what they are compared
// with.
type literals struct {
	users, groups, namespaces, names map[string]bool
	// paths says that some rule looks at paths.
	paths bool
}

func newLiterals(p *auditinternal.Policy) literals {
	l := literals{map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}, false}
	add := func(m map[string]bool, ss []string) {
		for _, s := range ss {
			m[s] = true
		}
	}
	for _, r := range p.Rules {
		add(l.users, r.Users)
		add(l.groups, r.UserGroups)
		add(l.namespaces, r.Namespaces)
		l.paths = l.paths || len(r.NonResourceURLs) > 0
		for _, g := range r.Resources {
			add(l.names, g.ResourceNames)
		}
	}
	return l
}

// class is the key of a request's class. What the policy does not name is
// written as a value that no request can have.
func (l *literals) class(a *authorizer.AttributesRecord) string {
	var b strings.Builder
	field := func(s string) {
		b.WriteString(s)
		b.WriteByte(0)
	}
	named := func(m map[string]bool, s string) {
		if m[s] {
			field(s)
		} else {
			field("\x01")
		}
	}
	if u, ok := a.User.(*user.DefaultInfo); ok && u != nil {
		named(l.users, u.Name)
		for _, g := range u.Groups {
			if l.groups[g] {
				field(g)
			}
		}
		field("\x02")
	} else {
		field("\x03")
	}
	field(a.Verb)
	if !a.ResourceRequest {
		// Whether a discovery path, for its body.
		_, response := bodies(a)
		switch {
		case l.paths:
			field(a.Path)
		case response:
			field("\x04")
		case longRunning(a):
			field("\x05")
		}
		return b.String()
	}
	field("\x06")
	field(a.APIGroup)
	field(a.Resource)
	field(a.Subresource)
	named(l.namespaces, a.Namespace)
	named(l.names, a.Name)
	return b.String()
}

// Judge tells which rule of a policy takes an event. It is for one goroutine.
type Judge struct{ cache *cache }

// NewJudge makes a judge.
func NewJudge(e Evaluator, p *auditinternal.Policy) *Judge { return &Judge{newCache(e, p)} }

// Decide judges an event. ok is false where its request cannot be rebuilt.
func (j *Judge) Decide(e *auditlog.Event) (d policy.Decision, ok bool) {
	v := j.cache.verdict(e)
	return v.Decision, v.ok
}
