// Package replay runs an audit log against a policy: what would the policy
// have kept of it, what dropped, and what can the log not tell.
//
// The judge of every event is kube-apiserver's own policy evaluator, and the
// attributes it judges are rebuilt the way kube-apiserver made them: from the
// request's URI, by its RequestInfoFactory. The event's objectRef will not do,
// because the server fills its name in from the body later on.
package replay

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/request"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/auditlog"
)

// infoFactory has kube-apiserver's prefixes
// (k8s.io/apiserver/pkg/server, NewRequestInfoResolver).
var infoFactory = &request.RequestInfoFactory{
	APIPrefixes:          sets.NewString("api", "apis"),
	GrouplessAPIPrefixes: sets.NewString("api"),
}

// Attributes rebuilds what kube-apiserver showed to its policy evaluator. The
// verb is the event's own; an empty user name means that authentication
// failed, when there is no user; an impersonated user plays no part, because
// auditing comes first.
func Attributes(e *auditlog.Event) (authorizer.AttributesRecord, error) {
	a, err := requestAttributes(string(e.RequestURI), string(e.Verb))
	if err != nil {
		return a, err
	}
	if len(e.Username) > 0 {
		a.User = &user.DefaultInfo{Name: string(e.Username), Groups: e.GroupNames()}
	}
	return a, nil
}

func requestAttributes(uri, verb string) (authorizer.AttributesRecord, error) {
	u, err := url.ParseRequestURI(uri)
	if err != nil {
		return authorizer.AttributesRecord{}, fmt.Errorf("request URI %q: %w", uri, err)
	}
	info, err := infoFactory.NewRequestInfo(&http.Request{Method: method(verb), URL: u})
	if err != nil {
		return authorizer.AttributesRecord{}, fmt.Errorf("request URI %q: %w", uri, err)
	}
	a := authorizer.AttributesRecord{
		ResourceRequest: info.IsResourceRequest, Path: info.Path, Verb: verb,
		APIGroup: info.APIGroup, APIVersion: info.APIVersion, Resource: info.Resource,
		Subresource: info.Subresource, Namespace: info.Namespace, Name: info.Name,
	}
	return a, nil
}

// method is a method that makes kube-apiserver derive the verb. It decides
// whether a field selector can name an object, and nothing else: the verb
// itself is taken from the event.
func method(verb string) string {
	switch verb {
	case "get", "list", "watch":
		return http.MethodGet
	case "create":
		return http.MethodPost
	case "update":
		return http.MethodPut
	case "delete", "deletecollection":
		return http.MethodDelete
	}
	return strings.ToUpper(verb)
}

// uriKey is the part of a request URI that attributes depend on: the path, and
// the query only where a field selector may name the object.
func uriKey(uri, verb []byte) []byte {
	i := bytes.IndexByte(uri, '?')
	if i < 0 {
		return uri
	}
	switch string(verb) {
	case "create", "update", "patch", "delete", "deletecollection":
		return uri[:i]
	}
	query := uri[i+1:]
	if bytes.Contains(query, fieldSelector) {
		return essential(uri, i)
	}
	// A parameter's name may be written with escapes, though no client does.
	for len(query) > 0 {
		p, rest, _ := bytes.Cut(query, []byte{'&'})
		name, _, _ := bytes.Cut(p, []byte{'='})
		if bytes.IndexByte(name, '%') >= 0 {
			return uri
		}
		query = rest
	}
	return uri[:i]
}

var fieldSelector = []byte("fieldSelector")

// essential drops from a URI the parameters that change with every request and
// cannot matter: versions, and whole numbers that parse. (A parameter that does
// not parse matters: kube-apiserver then ignores the field selector.)
func essential(uri []byte, mark int) []byte {
	out := append(make([]byte, 0, len(uri)), uri[:mark+1]...)
	for query := uri[mark+1:]; len(query) > 0; {
		p, rest, _ := bytes.Cut(query, []byte{'&'})
		query = rest
		name, value, _ := bytes.Cut(p, []byte{'='})
		switch string(name) {
		case "resourceVersion":
			if bytes.IndexByte(value, '%') < 0 && bytes.IndexByte(value, ';') < 0 {
				continue
			}
		case "timeoutSeconds", "limit":
			if len(value) > 0 && len(value) < 18 && len(bytes.Trim(value, "0123456789")) == 0 {
				continue
			}
		}
		out = append(append(out, p...), '&')
	}
	return out
}

// longRunning says whether kube-apiserver treats a request as long-running, so
// that it emits ResponseStarted (cmd/kube-apiserver: watch and proxy, attach,
// exec, proxy, log, portforward, and profiling).
func longRunning(a *authorizer.AttributesRecord) bool {
	if !a.ResourceRequest {
		return strings.HasPrefix(a.Path, "/debug/pprof/")
	}
	return a.Verb == "watch" || a.Verb == "proxy" || streams(a.Subresource)
}

func streams(subresource string) bool {
	switch subresource {
	case "attach", "exec", "proxy", "log", "portforward":
		return true
	}
	return false
}

// bodies says which bodies kube-apiserver logs for a request at the level that
// asks for them: requests with one are writes of a resource, and no body comes
// through a stream. It is about what may be missing from a log, so "may" is
// enough.
func bodies(a *authorizer.AttributesRecord) (request, response bool) {
	switch {
	case !a.ResourceRequest:
		return false, strings.HasPrefix(a.Path, "/api") // discovery documents
	case a.Verb == "watch" || a.Verb == "proxy" || streams(a.Subresource):
		return false, false
	}
	switch a.Verb {
	case "get", "list":
		return false, true
	}
	return true, true
}

// Requests remembers what requests were for, by the part of their URI that
// decides it. It is for one goroutine.
type Requests struct {
	known map[string]*authorizer.AttributesRecord
	key   []byte
}

// Of returns what an event's request was for, without its user; nil where the
// URI cannot be parsed. The record must not be changed.
func (r *Requests) Of(e *auditlog.Event) *authorizer.AttributesRecord {
	k := append(append(append(r.key[:0], e.Verb...), 0), uriKey(e.RequestURI, e.Verb)...)
	r.key = k
	if a, ok := r.known[string(k)]; ok {
		return a
	}
	if r.known == nil || len(r.known) >= maxCached {
		r.known = map[string]*authorizer.AttributesRecord{}
	}
	var a *authorizer.AttributesRecord
	if rec, err := requestAttributes(string(e.RequestURI), string(e.Verb)); err == nil {
		a = &rec
	}
	r.known[string(k)] = a
	return a
}
