package leaks

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/auditlog"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/replay"
)

// Leak is one credential, however often it stands in the log.
type Leak struct {
	// Rule is an index in Rules.
	Rule int
	// What names the credential's kind.
	What string
	// Length is that of the credential in characters.
	Length int
	// Hash is the beginning of its SHA-256, to recognise it by elsewhere; empty
	// for what is so short that a hash would let somebody guess it.
	Hash string
	// Subject is the service account of a token, Expires when it ends (zero:
	// never, or not said).
	Subject string
	Expires time.Time
	// Events counts the events that hold it.
	Events int64
	// The first of them, in the order of the log.
	Path, AuditID, File string
	Line                int64
	Level, Request      string
	User                string
	Time                time.Time
	// PolicyRule is the index of the rule that let the first in, where a policy
	// was given: -1 for none, NotAsked without a policy. PolicyLevel is its
	// level.
	PolicyRule  int
	PolicyLevel string
}

// NotAsked is Leak.PolicyRule where no policy was given.
const NotAsked = -2

// minHashed is the least length in characters of what is shown with a hash. 32
// characters of base64 are 24 bytes: a person does not choose such a password.
const minHashed = 32

// maxLeaks bounds the number of different credentials that are remembered.
const maxLeaks = 20000

// Visitor looks for credentials. It implements auditlog.Visitor.
type Visitor struct {
	judge *replay.Judge
	found map[key]*Leak
	// Overflow counts credentials beyond the bound.
	Overflow int64
	// Events counts the events that hold any.
	Events int64
}

type key struct {
	rule int
	what string
	sum  [sha256.Size]byte
}

// NewVisitor makes a visitor for one worker. judge may be nil.
func NewVisitor(judge *replay.Judge) *Visitor {
	return &Visitor{judge: judge, found: map[key]*Leak{}}
}

var secretsPath = []byte("/secrets")

// Visit looks through one event.
func (v *Visitor) Visit(e *auditlog.Event) {
	var hits []located
	if worthALook(e.RequestURI) {
		hits = inURI(string(e.RequestURI))
	}
	ofSecret := bytes.Contains(e.RequestURI, secretsPath) && string(e.Verb) == "patch"
	if e.RequestObject.Value != nil {
		hits = append(hits, inBody("requestObject", e.RequestObject.Value, ofSecret)...)
	}
	if e.ResponseObject.Value != nil {
		hits = append(hits, inBody("responseObject", e.ResponseObject.Value, false)...)
	}
	if len(hits) == 0 {
		return
	}
	v.Events++
	seen := map[key]bool{}
	for _, h := range hits {
		k := key{h.rule, h.what, sha256.Sum256([]byte(h.value))}
		if seen[k] {
			continue
		}
		seen[k] = true
		l := v.found[k]
		if l == nil {
			if len(v.found) >= maxLeaks {
				v.Overflow++
				continue
			}
			l = &Leak{Rule: h.rule, What: h.what, Length: len(h.value), Subject: h.subject, Expires: h.expires, PolicyRule: NotAsked}
			if len(h.value) >= minHashed {
				l.Hash = hex.EncodeToString(k.sum[:4])
			}
			v.found[k] = l
		}
		l.Events++
		if l.AuditID == "" || earlier(e, l) {
			v.describe(l, e, h.path)
		}
	}
}

// worthALook spares the many URIs that have neither a query nor a token. The
// query of a watch has numbers only.
func worthALook(uri []byte) bool {
	return bytes.Contains(uri, []byte("command=")) || bytes.Contains(uri, []byte("eyJ")) || bytes.Contains(uri, []byte("oken")) ||
		bytes.Contains(uri, []byte("/proxy")) || bytes.Contains(uri, []byte("assword")) || bytes.Contains(uri, []byte("secret=")) ||
		bytes.Contains(uri, []byte("key=")) || bytes.Contains(uri, []byte("AKIA"))
}

func earlier(e *auditlog.Event, l *Leak) bool {
	if t, ok := e.Time(); ok && !l.Time.IsZero() && !t.Equal(l.Time) {
		return t.Before(l.Time)
	}
	return cmp.Or(cmp.Compare(e.File, l.File), cmp.Compare(e.Line, l.Line), cmp.Compare(string(e.AuditID), l.AuditID)) < 0
}

func (v *Visitor) describe(l *Leak, e *auditlog.Event, path string) {
	l.Path, l.AuditID, l.File, l.Line = path, cleanName(string(e.AuditID)), e.File, e.Line
	l.Level, l.User = string(e.Level), cleanName(string(e.Username))
	l.Time, _ = e.Time()
	l.Request = request(e)
	if v.judge != nil {
		if d, ok := v.judge.Decide(e); ok {
			l.PolicyRule, l.PolicyLevel = d.Rule, string(d.Level)
		}
	}
}

// request names a request without its URI, which may be what leaks.
func request(e *auditlog.Event) string {
	a, err := replay.Attributes(e)
	if err != nil {
		return cleanName(string(e.Verb))
	}
	parts := []string{a.Verb}
	if !a.ResourceRequest {
		return cleanName(a.Verb) + " " + cleanName(a.Path)
	}
	r := a.Resource
	if a.Subresource != "" {
		r += "/" + a.Subresource
	}
	parts = append(parts, cleanName(r))
	switch {
	case a.Namespace != "" && a.Name != "":
		parts = append(parts, cleanName(a.Namespace+"/"+a.Name))
	case a.Namespace != "":
		parts = append(parts, "in "+cleanName(a.Namespace))
	case a.Name != "":
		parts = append(parts, cleanName(a.Name))
	}
	return strings.Join(parts, " ")
}

// Merge puts together what the visitors of one reading found: by kind, then
// those that stand in the log first.
func Merge(visitors []*Visitor) (leaks []*Leak, events, overflow int64) {
	all := map[key]*Leak{}
	for _, v := range visitors {
		events += v.Events
		overflow += v.Overflow
		for k, l := range v.found {
			have := all[k]
			if have == nil {
				all[k] = l
				continue
			}
			n := have.Events + l.Events
			if compare(l, have) < 0 {
				*have = *l
			}
			have.Events = n
		}
	}
	for _, l := range all {
		leaks = append(leaks, l)
	}
	slices.SortFunc(leaks, func(a, b *Leak) int { return cmp.Or(cmp.Compare(a.Rule, b.Rule), compare(a, b)) })
	return leaks, events, overflow
}

func compare(a, b *Leak) int {
	return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line),
		cmp.Compare(a.AuditID, b.AuditID), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Hash, b.Hash), cmp.Compare(a.What, b.What))
}
