package certlint

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/input"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// Users that components of Kubernetes have by name.
var systemUsers = []string{
	"system:kube-controller-manager", "system:kube-scheduler", "system:kube-proxy", "system:apiserver", "system:anonymous",
	"system:volume-scheduler", "system:konnectivity-server", "system:monitoring", "system:node-problem-detector", "system:admin",
}

// Groups that Kubernetes gives a meaning.
var systemGroups = []string{"system:masters", "system:nodes", "system:authenticated", "system:unauthenticated", "system:serviceaccounts", "system:bootstrappers", "system:monitoring"}

// subject judges a distinguished name.
func (l *linter) subject(f *input.File, dn input.DN) {
	for _, a := range dn {
		if a.Value.Placeholder() {
			l.placeholder(f, a.Value)
			continue
		}
		if a.Value.Dynamic() {
			continue
		}
		n := utf8.RuneCountInString(a.Value.Value)
		switch {
		case a.Type == "CN" && n > 64:
			l.add(f, LongCN, a.Value, fmt.Sprintf("the common name has %d characters, 64 are allowed: openssl refuses it, cfssl and Go sign it and strict clients reject the certificate", n)).
				remedy("put the long name into the subject alternative names and a short one here")
		case (a.Type == "O" || a.Type == "OU") && n > 64:
			l.add(f, BadSubject, a.Value, fmt.Sprintf("%s has %d characters, 64 are allowed (RFC 5280, appendix A)", a.Type, n))
		case a.Type == "C" && n != 2:
			l.add(f, BadSubject, a.Value, fmt.Sprintf("a country is two letters, not %q: openssl refuses it", a.Value.Value))
		}
	}
	l.identity(f, dn)
}

// identity judges a subject as the user and the groups that kube-apiserver
// makes of it.
func (l *linter) identity(f *input.File, dn input.DN) {
	cns, os := dn.Get("CN"), dn.Get("O")
	var cn input.Text
	if len(cns) > 0 {
		cn = cns[len(cns)-1]
	}
	groups := map[string]input.Text{}
	open := false
	for _, o := range os {
		groups[o.Value] = o
		open = open || !o.Fixed()
		switch v := o.Value; {
		case !o.Fixed():
		case strings.HasPrefix(v, "system:system:"):
			right := strings.TrimPrefix(v, "system:")
			l.add(f, BadIdentity, o, fmt.Sprintf("the group %q has its prefix twice: no role is bound to it", v)).
				note(fmt.Sprintf("did you mean %q?", right)).fix(inner(f, o), right)
		case v == "system:masters":
			l.add(f, Masters, o, "whoever holds this certificate passes every authorization check, and only a new CA takes that away")
		case strings.HasPrefix(v, "system:") && !slices.Contains(systemGroups, v) && !slices.Contains(systemUsers, v) && !strings.HasPrefix(v, "system:serviceaccounts:") && !strings.HasPrefix(v, "system:bootstrappers:"):
			if near := near(v, systemGroups); near != "" {
				l.add(f, BadIdentity, o, fmt.Sprintf("Kubernetes knows no group %q", v)).note(fmt.Sprintf("did you mean %q?", near)).fix(inner(f, o), near)
			}
		}
	}
	if cn.Value == "" || cn.Placeholder() {
		return
	}
	_, nodes := groups["system:nodes"]
	node, isNode := strings.CutPrefix(cn.Value, "system:node:")
	switch {
	case isNode && node == "":
		l.add(f, BadIdentity, cn, "the node's name is missing behind system:node:")
	case isNode && !nodes && !open:
		l.add(f, BadIdentity, cn, fmt.Sprintf("%s without O=system:nodes is no node: the Node authorizer refuses it", cn.Value)).
			remedy("add the organisation system:nodes")
	case nodes && !isNode && !cn.Dynamic():
		l.add(f, BadIdentity, cn, fmt.Sprintf("O=system:nodes with CN=%s: the Node authorizer only knows users system:node:NAME, and the kubelet signers refuse it", cn.Value)).as(finding.Warning)
	case !cn.Fixed():
	case strings.HasPrefix(cn.Value, "system:system:"):
		right := strings.TrimPrefix(cn.Value, "system:")
		l.add(f, BadIdentity, cn, fmt.Sprintf("the user %q has its prefix twice", cn.Value)).note(fmt.Sprintf("did you mean %q?", right)).fix(inner(f, cn), right)
	case strings.HasPrefix(cn.Value, "system:nodes:"):
		l.add(f, BadIdentity, cn, fmt.Sprintf("a node's user is system:node:NAME, not %s", cn.Value)).
			fix(inner(f, cn), "system:node:"+strings.TrimPrefix(cn.Value, "system:nodes:"))
	case strings.HasPrefix(cn.Value, "system:") && !isNode && !slices.Contains(systemUsers, cn.Value):
		if near := near(cn.Value, systemUsers); near != "" {
			l.add(f, BadIdentity, cn, fmt.Sprintf("Kubernetes binds no role to a user %q", cn.Value)).note(fmt.Sprintf("did you mean %q?", near)).guess()
		}
	}
}

// near is Nearest for names that differ by a slip of the finger, not more.
func near(s string, known []string) string {
	n := input.Nearest(s, known)
	if n == "" || len(n)-len(s) > 2 || len(s)-len(n) > 2 {
		return ""
	}
	diff := 0
	for i := range min(len(n), len(s)) {
		if n[i] != s[i] {
			diff++
		}
	}
	if len(n) == len(s) && diff > 2 {
		return ""
	}
	return n
}

// inner is the place of a text without the quotes around it.
func inner(f *input.File, t input.Text) input.Text {
	if t.End-t.Start == len(t.Value)+2 {
		t.Start++
		t.End--
	}
	return t
}
