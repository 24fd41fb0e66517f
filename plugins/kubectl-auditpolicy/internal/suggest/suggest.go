// Package suggest looks for what an audit log could do without: chatter of
// named components that reads the same things over and over.
//
// It is careful to a fault. It never proposes to drop a write, nor anything
// about secrets, config maps, roles, tokens, certificates, webhooks or streams
// into pods; nor what a person did, nor what was refused, nor what somebody did
// under another's name.
package suggest

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/auditlog"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/replay"
)

// Options say how far to go.
type Options struct {
	// Leases includes renewals of leases, which are writes.
	Leases bool
	// MinShare is the least share of the bytes or of the events that a
	// suggestion must save, 0.01 for one in a hundred.
	MinShare float64
	// Max is how many suggestions to make at most.
	Max int
}

// Visitor gathers what is read by whom. It implements auditlog.Visitor.
type Visitor struct {
	judge    *replay.Judge
	requests replay.Requests
	o        Options
	max      int // classes
	classes  map[class]*tally
	total    replay.Amount
	received replay.Amount
	withheld map[string]*replay.Amount
	// full says that events were met of classes that found no place.
	full bool
}

// class is what one rule can tell apart.
type class struct {
	who                   who
	verb, group, resource string // resource with its subresource
	path                  string // for what is not a resource
}

// who is an identity as a rule names it.
type who struct {
	name  string
	group bool
	// foreign says that it is a service account outside kube-system.
	foreign bool
}

type tally struct {
	replay.Amount
	// tainted says why no rule may drop the class.
	tainted string
}

// maxClasses bounds the memory of a worker. A large cluster has some thousand
// service accounts that each read a handful of resources.
const maxClasses = 1 << 16

// NewVisitor makes a visitor for one worker. judge may be nil: then every event
// of the log counts as it is.
func NewVisitor(judge *replay.Judge, o Options) *Visitor {
	return &Visitor{judge: judge, o: o, max: maxClasses, classes: map[class]*tally{}, withheld: map[string]*replay.Amount{}}
}

// Visit counts one event.
func (v *Visitor) Visit(e *auditlog.Event) {
	size := v.judge.Kept(e)
	if size == 0 {
		return
	}
	v.total.Events++
	v.total.Bytes += size
	if string(e.Stage) == "RequestReceived" {
		v.received.Events++
		v.received.Bytes += size
	}
	a := v.requests.Of(e)
	if a == nil {
		return
	}
	c, why := v.classify(a, e)
	if why != "" {
		v.withhold(why, size)
		return
	}
	t := v.classes[c]
	if t == nil {
		if len(v.classes) >= v.max {
			v.full = true
			v.withhold(reasonMany, size)
			return
		}
		t = &tally{}
		v.classes[c] = t
	}
	t.Events++
	t.Bytes += size
	if t.tainted == "" {
		t.tainted = taint(e)
	}
}

func (v *Visitor) withhold(why string, size int64) {
	if why == notChatter {
		return
	}
	w := v.withheld[why]
	if w == nil {
		w = &replay.Amount{}
		v.withheld[why] = w
	}
	w.Events++
	w.Bytes += size
}

// protectedGroups are the API groups that no suggestion touches.
var protectedGroups = map[string]bool{
	"rbac.authorization.k8s.io": true, "authentication.k8s.io": true, "authorization.k8s.io": true,
	"certificates.k8s.io": true, "admissionregistration.k8s.io": true, "apiregistration.k8s.io": true,
}

// Reasons for holding a class back, as the report says them.
const (
	reasonWrite     = "writes"
	reasonLease     = "lease renewals (writes; --leases adds them)"
	reasonProtected = "secrets, config maps, roles, tokens and other protected resources"
	reasonStream    = "exec and other streams into pods"
	reasonPerson    = "reads by people and unknown users"
	reasonMany      = "more kinds of reads than are told apart"
	// notChatter is what is not worth a line in the report.
	notChatter = "not chatter"
)

// classify names the class of an event, or why it has none.
func (v *Visitor) classify(a *authorizer.AttributesRecord, e *auditlog.Event) (class, string) {
	if !a.ResourceRequest {
		return v.path(a, e)
	}
	c := class{verb: a.Verb, group: a.APIGroup, resource: a.Resource}
	if a.Subresource != "" {
		c.resource += "/" + a.Subresource
	}
	switch {
	case protectedGroups[a.APIGroup], a.APIGroup == "" && (a.Resource == "secrets" || a.Resource == "configmaps" || a.Resource == "serviceaccounts"):
		return c, reasonProtected
	case a.Subresource != "" && a.Subresource != "status" && a.Subresource != "scale":
		return c, reasonStream
	}
	switch a.Verb {
	case "get", "list", "watch":
	case "update", "patch":
		if a.APIGroup == "coordination.k8s.io" && a.Resource == "leases" && a.Subresource == "" {
			if !v.o.Leases {
				return c, reasonLease
			}
			break
		}
		return c, reasonWrite
	default:
		return c, reasonWrite
	}
	var ok bool
	if c.who, ok = identify(e); !ok {
		return c, reasonPerson
	}
	return c, ""
}

// healthPaths are probed by load balancers and kubelets, who may not log in.
var healthPaths = []string{"/healthz", "/livez", "/readyz"}

func (v *Visitor) path(a *authorizer.AttributesRecord, e *auditlog.Event) (class, string) {
	if a.Verb != "get" && a.Verb != "head" {
		return class{}, reasonWrite
	}
	for _, p := range healthPaths {
		if a.Path == p || strings.HasPrefix(a.Path, p+"/") {
			return class{verb: a.Verb, path: p + "*"}, ""
		}
	}
	p := a.Path
	switch {
	case p == "/version" || p == "/metrics":
	case p == "/api" || p == "/apis" || strings.HasPrefix(p, "/api/") || strings.HasPrefix(p, "/apis/"):
		p = "/api*"
	case strings.HasPrefix(p, "/openapi/"):
		p = "/openapi/*"
	default:
		return class{}, notChatter
	}
	w, ok := identify(e)
	if !ok {
		return class{}, reasonPerson
	}
	return class{who: w, verb: a.Verb, path: p}, ""
}

// components are the users of the control plane and of every node.
var components = map[string]bool{
	"system:kube-controller-manager": true, "system:kube-scheduler": true, "system:cloud-controller-manager": true,
	"system:apiserver": true, "system:kube-proxy": true, "system:aggregator": true,
}

var nodesGroup = []byte(`"system:nodes"`)

// identify names a component as a rule would. People, and whoever may be one,
// have no name here.
func identify(e *auditlog.Event) (who, bool) {
	name := string(e.Username)
	switch {
	case strings.HasPrefix(name, "system:node:") && bytes.Contains(e.Groups, nodesGroup):
		return who{name: "system:nodes", group: true}, true
	case components[name]:
		return who{name: name}, true
	case strings.HasPrefix(name, "system:serviceaccount:kube-system:"):
		return who{name: name}, true
	case strings.HasPrefix(name, "system:serviceaccount:"):
		return who{name: name, foreign: true}, true
	}
	return who{}, false
}

// taint says why an event forbids dropping its class: the component was
// refused something, or acted for somebody else.
func taint(e *auditlog.Event) string {
	if e.ImpersonatedUser.Value != nil {
		return "its user acts for others"
	}
	switch code(e.ResponseStatus.Value) {
	case 401, 403:
		return "some requests were refused"
	}
	return ""
}

// code reads the status code of a response.
func code(status []byte) int {
	i := bytes.LastIndex(status, []byte(`"code":`))
	if i < 0 {
		return 0
	}
	digits := bytes.TrimLeft(status[i+7:], " ") // shippers that write JSON anew put one there
	n := 0
	for n < len(digits) && digits[n] >= '0' && digits[n] <= '9' {
		n++
	}
	v, _ := strconv.Atoi(string(digits[:n]))
	return v
}

func (v *Visitor) merge(o *Visitor) {
	v.total.Add(o.total)
	v.received.Add(o.received)
	for k, t := range o.classes {
		if have := v.classes[k]; have != nil {
			have.Add(t.Amount)
			have.tainted = cmp.Or(have.tainted, t.tainted)
		} else {
			v.classes[k] = t
		}
	}
	for k, a := range o.withheld {
		if have := v.withheld[k]; have != nil {
			have.Add(*a)
		} else {
			v.withheld[k] = a
		}
	}
}

func sortedVerbs(m map[string]bool) []string {
	var out []string
	for v := range m {
		out = append(out, v)
	}
	slices.Sort(out)
	return out
}
