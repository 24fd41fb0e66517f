// Package request makes the requests that people ask about: from flags, from a
// URL, or from a line of kubectl; and says what kube-apiserver records of one.
package request

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/request"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/apitable"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/space"
)

// Spec is a request as flags describe it.
type Spec struct {
	User            string
	Groups          []string
	Unauthenticated bool
	Verb            string
	// Resource is "pods", "deployments.apps", "pods/exec".
	Resource        string
	Name, Namespace string
	// NamespaceSet says that the namespace was given, be it "".
	NamespaceSet bool
	URL          string
}

// Request is a request, and what was filled in to make it one.
type Request struct {
	authorizer.AttributesRecord
	// Notes say what was assumed.
	Notes []string
	// Why says what a client makes the request for, "" if it is the request
	// that was asked about.
	Why string
}

// AnyUser is the user of requests for which none is named.
const AnyUser = "alice"

// Identity is a user with the groups that kube-apiserver adds.
func Identity(name string, groups []string) user.Info {
	forced, _ := space.ForcedGroups(name)
	all := slices.Clone(groups)
	for _, g := range forced {
		if !slices.Contains(all, g) {
			all = append(all, g)
		}
	}
	return &user.DefaultInfo{Name: name, Groups: all}
}

// Make builds the request that a spec describes. The table says which group a
// resource is in and whether it lives in a namespace.
func Make(s Spec, table *apitable.Table) (*Request, error) {
	r := &Request{}
	if !s.Unauthenticated {
		name := s.User
		if name == "" {
			name = AnyUser
			r.Notes = append(r.Notes, "no --user: any user, here "+AnyUser)
		}
		r.User = Identity(name, s.Groups)
	}
	if s.URL != "" {
		return r, r.fromURL(s.URL, s.Verb)
	}
	if s.Verb == "" {
		return nil, fmt.Errorf("a verb is needed: get, list, watch, create, update, patch, delete or deletecollection")
	}
	if s.Resource == "" {
		return nil, fmt.Errorf("a resource or a URL is needed")
	}
	return r, r.fromResource(s, table)
}

var factory = &request.RequestInfoFactory{APIPrefixes: sets.NewString("api", "apis"), GrouplessAPIPrefixes: sets.NewString("api")}

// methods are the HTTP methods of verbs.
var methods = map[string]string{"get": "GET", "list": "GET", "watch": "GET", "create": "POST", "update": "PUT", "patch": "PATCH", "delete": "DELETE", "deletecollection": "DELETE"}

// fromURL takes a path with its query and a verb or an HTTP method; the verb
// of the request is the one that kube-apiserver derives.
func (r *Request) fromURL(raw, verb string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return fmt.Errorf("URL %q: %w", raw, err)
	}
	if !strings.HasPrefix(u.Path, "/") {
		return fmt.Errorf("URL %q: it must begin with a / or with https://", raw)
	}
	method := methods[strings.ToLower(verb)]
	if method == "" {
		if method = strings.ToUpper(verb); method == "" {
			method = http.MethodGet
		}
	}
	info, err := factory.NewRequestInfo(&http.Request{Method: method, URL: u})
	if err != nil {
		return fmt.Errorf("URL %q: %w", raw, err)
	}
	r.Verb, r.Path, r.ResourceRequest = info.Verb, info.Path, info.IsResourceRequest
	r.APIGroup, r.APIVersion, r.Resource, r.Subresource = info.APIGroup, info.APIVersion, info.Resource, info.Subresource
	r.Namespace, r.Name = info.Namespace, info.Name
	if verb != "" && strings.ToLower(verb) != info.Verb && methods[strings.ToLower(verb)] != "" {
		r.Notes = append(r.Notes, fmt.Sprintf("the verb that kube-apiserver derives from this URL is %s", info.Verb))
	}
	return nil
}

// nameless are the verbs whose requests are for no particular object.
func nameless(verb, sub string) bool {
	return sub == "" && slices.Contains([]string{"create", "list", "watch", "deletecollection"}, verb)
}

func (r *Request) fromResource(s Spec, table *apitable.Table) error {
	full, sub, _ := strings.Cut(s.Resource, "/")
	name, group, hasGroup := strings.Cut(full, ".")
	if version, rest, ok := strings.Cut(group, "."); ok && isVersion(version) { // deployments.v1.apps, as kubectl takes it
		group = rest
	}
	if strings.Contains(sub, ".") && !hasGroup { // pods/exec.GROUP is not how it is written, but clear
		sub, group, hasGroup = strings.Cut(sub, ".")
	}
	if strings.Contains(s.Resource, "*") {
		return fmt.Errorf("resource %q: a request is for one resource; only rules have a *", s.Resource)
	}
	r.ResourceRequest, r.APIVersion, r.Verb = true, "v1", s.Verb
	entry, found := table.Lookup(group, name)
	if !hasGroup && !found {
		switch named := table.Named(name); {
		case len(named) > 0:
			entry, found, group = named[0], true, named[0].Group
			r.Notes = append(r.Notes, fmt.Sprintf("%s is in group %s", name, group))
		default:
			if e := table.Meant("", name); e != nil {
				entry, found, group = e, true, e.Group
				r.Notes = append(r.Notes, fmt.Sprintf("%s is %s", name, qualified(e)))
				name = e.Resource
			} else {
				r.Notes = append(r.Notes, fmt.Sprintf("%s is not a resource of Kubernetes: the core group is assumed", name))
			}
		}
	}
	if e := table.Meant(group, name); hasGroup && !found && e != nil && e.Group == group {
		entry, found = e, true
		r.Notes = append(r.Notes, fmt.Sprintf("%s is %s", name, qualified(e)))
		name = e.Resource
	}
	if hasGroup && !found && table.HasGroup(group) {
		r.Notes = append(r.Notes, fmt.Sprintf("%s has no %s: the request fails, and is audited all the same", group, name))
	}
	r.APIGroup, r.Resource, r.Subresource = group, name, sub
	r.Name, r.Namespace = s.Name, s.Namespace
	if r.Name != "" && sub == "" && (r.Verb == "create" || r.Verb == "deletecollection") {
		// What is created has its name in the body, which rules do not see.
		r.Notes = append(r.Notes, fmt.Sprintf("a %s has no name in its URL: resourceNames do not see %q, and --name is left out", r.Verb, r.Name))
		r.Name = ""
	}
	if r.Name == "" && !nameless(r.Verb, sub) {
		r.Name = "demo"
		r.Notes = append(r.Notes, "no --name: any name, here demo")
	}
	switch {
	case s.NamespaceSet:
	case found && !entry.Namespaced:
		if name == "namespaces" && r.Name != "" {
			r.Namespace = r.Name
		}
	case slices.Contains([]string{"list", "watch"}, r.Verb) && sub == "":
		r.Notes = append(r.Notes, "no -n: over all namespaces")
	default:
		r.Namespace = "default"
		r.Notes = append(r.Notes, "no -n: namespace default")
	}
	e, ok := table.Lookup(group, slashed(name, sub))
	if sub != "" && found && !ok {
		r.Notes = append(r.Notes, fmt.Sprintf("%s has no subresource %s: the request fails, and is audited all the same", name, sub))
	}
	if ok && !slices.Contains(e.Verbs, r.Verb) && slices.Contains(space.ResourceVerbs, r.Verb) {
		r.Notes = append(r.Notes, fmt.Sprintf("%s has no %s: the request fails, and is audited all the same", slashed(name, sub), r.Verb))
	}
	if !slices.Contains(space.ResourceVerbs, r.Verb) {
		r.Notes = append(r.Notes, fmt.Sprintf("no request for a resource has the verb %q: %s", r.Verb, verbHint(r.Verb)))
	}
	r.Path = space.URLPath(&r.AttributesRecord)
	return nil
}

// isVersion says whether a word is a version of an API, such as v1 or v2beta1.
func isVersion(s string) bool {
	return len(s) > 1 && s[0] == 'v' && s[1] >= '0' && s[1] <= '9'
}

// verbHint says what to write for a verb that no request has.
func verbHint(verb string) string {
	low := strings.ToLower(verb)
	for v, method := range map[string]string{"create": "POST", "update": "PUT", "get": "HEAD"} {
		if strings.EqualFold(verb, method) {
			return "write " + v
		}
	}
	switch {
	case slices.Contains(space.ResourceVerbs, low):
		return "write " + low
	case slices.Contains([]string{"connect", "exec", "attach", "portforward", "port-forward"}, low):
		return "a stream such as pods/exec is get (websocket) or create (SPDY)"
	}
	return "it is one of get, list, watch, create, update, patch, delete and deletecollection"
}

func slashed(name, sub string) string {
	if sub == "" {
		return name
	}
	return name + "/" + sub
}

func qualified(e *apitable.Entry) string {
	if e.Group == "" {
		return e.Resource
	}
	return e.Resource + "." + e.Group
}

// HTTP is a request as a client sends it: method and URL.
func HTTP(a authorizer.Attributes) (method, uri string) {
	if !a.IsResourceRequest() {
		return strings.ToUpper(a.GetVerb()), a.GetPath()
	}
	rec := authorizer.AttributesRecord{APIGroup: a.GetAPIGroup(), APIVersion: a.GetAPIVersion(), Resource: a.GetResource(), Subresource: a.GetSubresource(),
		Namespace: a.GetNamespace(), Name: a.GetName(), Verb: a.GetVerb()}
	if rec.APIVersion == "" {
		rec.APIVersion = "v1"
	}
	uri = space.URLPath(&rec)
	method = methods[a.GetVerb()]
	if method == "" {
		method = strings.ToUpper(a.GetVerb())
	}
	var query []string
	if a.GetVerb() == "watch" {
		query = append(query, "watch=true")
	}
	if a.GetName() != "" && (a.GetVerb() == "list" || a.GetVerb() == "watch") {
		query = append(query, "fieldSelector=metadata.name%3D"+url.QueryEscape(a.GetName()))
	}
	if len(query) > 0 {
		uri += "?" + strings.Join(query, "&")
	}
	return method, uri
}
