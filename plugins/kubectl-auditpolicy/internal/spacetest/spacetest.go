// Package spacetest has what the exactness tests share: a small grammar of
// rules, and the universe of all requests that it can tell apart, each made by
// kube-apiserver's own RequestInfoFactory from a real HTTP request.
package spacetest

import (
	"fmt"
	"net/http"
	"net/url"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/apis/audit"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/request"
)

// Grammar are the rules that the brute-force tests combine: one for each way in
// which a rule can look at a request, and pairs that overlap.
var Grammar = []audit.PolicyRule{
	{},
	{Users: []string{"ann"}},
	{UserGroups: []string{"devs"}},
	{UserGroups: []string{"system:authenticated"}},
	{UserGroups: []string{"system:unauthenticated", "ops"}},
	{UserGroups: []string{"system:serviceaccounts:ns1"}, Verbs: []string{"get", "list"}},
	{Users: []string{"system:serviceaccount:ns1:a", "system:node:n1"}},
	{UserGroups: []string{"system:serviceaccounts", "system:nodes"}, Users: []string{"ann", "system:serviceaccount:ns1:a"}},
	{Verbs: []string{"get"}},
	{Verbs: []string{"list", "watch", "deletecollection"}, Resources: []audit.GroupResources{{Group: ""}}},
	{Resources: []audit.GroupResources{{Group: "", Resources: []string{"pods"}}}},
	{Resources: []audit.GroupResources{{Group: "", Resources: []string{"pods/*"}}}},
	{Resources: []audit.GroupResources{{Group: "", Resources: []string{"pods/log", "*/scale"}}}},
	{Resources: []audit.GroupResources{{Group: "*", Resources: []string{"*"}}}},
	{Resources: []audit.GroupResources{{Group: "apps", Resources: []string{"*/*", "po*", "pods/log/x"}}}},
	{Resources: []audit.GroupResources{{Group: "", Resources: []string{"*/", "pods/", "/log", "/*", ""}}}},
	{Resources: []audit.GroupResources{{Group: "", Resources: []string{"pods"}, ResourceNames: []string{"x"}}, {Group: "apps"}}},
	{Resources: []audit.GroupResources{{Group: "", Resources: []string{"pods"}}, {Group: "apps", Resources: []string{"pods"}}}},
	{Resources: []audit.GroupResources{{Group: "", Resources: []string{"pods/log"}, ResourceNames: []string{""}}}},
	{Verbs: []string{"deletecollection"}, Resources: []audit.GroupResources{{Group: "", Resources: []string{"*"}, ResourceNames: []string{"x", "y"}}}},
	{Resources: []audit.GroupResources{{Group: "", Resources: []string{"namespaces"}}}, Namespaces: []string{""}},
	{Namespaces: []string{"ns1", ""}},
	{Namespaces: []string{"ns1"}, Verbs: []string{"create", "get"}},
	{NonResourceURLs: []string{"/healthz", "/api*"}},
	{NonResourceURLs: []string{"*"}},
	{NonResourceURLs: []string{"/api/v1/pods", "/apis/*", "/api"}, Verbs: []string{"get", "post"}},
}

// Universe are all requests that the grammar can tell apart, as attributes that
// an API server made of a real HTTP request.
func Universe(forced func(user string) (groups []string, open bool)) []authorizer.AttributesRecord {
	var users []user.Info
	add := func(name string, extra ...string) {
		groups, open := forced(name)
		if !open && len(extra) > 0 {
			return
		}
		users = append(users, &user.DefaultInfo{Name: name, Groups: append(groups, extra...)})
	}
	for _, extra := range [][]string{nil, {"devs"}, {"ops"}, {"devs", "ops"}, {"system:nodes"}, {"system:nodes", "devs"}, {"system:nodes", "ops"}} {
		for _, u := range []string{"ann", "zoe", "system:anonymous", "system:serviceaccount:ns1:a", "system:serviceaccount:ns1:b", "system:serviceaccount:ns9:b", "system:node:n1", "system:node:n9", "system:apiserver"} {
			add(u, extra...)
		}
	}
	seen := map[string]bool{}
	var targets []authorizer.AttributesRecord
	try := func(method, uri string) {
		a, err := FromHTTP(method, uri)
		if err != nil {
			panic(err)
		}
		a.Path = func() string {
			if a.ResourceRequest {
				return ""
			}
			return a.Path
		}()
		a.APIVersion = ""
		if k := fmt.Sprintf("%+v", a); !seen[k] {
			seen[k] = true
			targets = append(targets, a)
		}
	}
	methods := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"}
	for _, prefix := range []string{"/api/v1", "/apis/apps/v1", "/apis/example.com/v1"} {
		for _, special := range []string{"", "/watch", "/proxy"} {
			for _, ns := range []string{"", "/namespaces/ns1", "/namespaces/ns9"} {
				for _, res := range []string{"pods", "widgets", "namespaces"} {
					for _, rest := range []string{"", "/x", "/y", "/x/log", "/y/scale", "/x/other"} {
						for _, q := range []string{"", "?watch=true", "?fieldSelector=metadata.name%3Dx", "?watch=1&fieldSelector=metadata.name%3Dx"} {
							if q != "" && (rest != "" || special != "") {
								continue
							}
							for _, m := range methods {
								try(m, prefix+special+ns+"/"+res+rest+q)
							}
						}
					}
				}
			}
		}
	}
	for _, p := range []string{"/", "/healthz", "/healthz/x", "/api", "/apis", "/api/v1", "/apis/apps/v1", "/apix", "/version"} {
		for _, m := range methods {
			try(m, p)
		}
	}
	var out []authorizer.AttributesRecord
	for _, tg := range targets {
		out = append(out, tg)
		for _, u := range users {
			a := tg
			a.User = u
			out = append(out, a)
		}
	}
	return out
}

var factory = &request.RequestInfoFactory{APIPrefixes: sets.NewString("api", "apis"), GrouplessAPIPrefixes: sets.NewString("api")}

// FromHTTP is what the API server makes of a request, without a user.
func FromHTTP(method, uri string) (a authorizer.AttributesRecord, err error) {
	u, err := url.Parse(uri)
	if err != nil {
		return a, err
	}
	i, err := factory.NewRequestInfo(&http.Request{Method: method, URL: u})
	if err != nil {
		return a, err
	}
	return authorizer.AttributesRecord{Verb: i.Verb, ResourceRequest: i.IsResourceRequest, Path: i.Path, APIGroup: i.APIGroup, APIVersion: i.APIVersion,
		Resource: i.Resource, Subresource: i.Subresource, Namespace: i.Namespace, Name: i.Name}, nil
}
