package space

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/group"
	nameless "k8s.io/apiserver/pkg/authentication/request/anonymous"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/spacetest"
)

// The groups that the space gives users are those that kube-apiserver's own
// authenticators give them.
func TestForcedGroupsAreTheServers(t *testing.T) {
	is := func(name string, groups ...string) authenticator.Request {
		return authenticator.RequestFunc(func(*http.Request) (*authenticator.Response, bool, error) {
			return &authenticator.Response{User: &user.DefaultInfo{Name: name, Groups: groups}}, true, nil
		})
	}
	account := serviceaccount.UserInfo("team", "app", "")
	for name, c := range map[string]struct {
		by   authenticator.Request
		open bool
	}{
		"system:anonymous":               {nameless.NewAuthenticator(nil), false},
		"system:serviceaccount:team:app": {is(account.GetName(), account.GetGroups()...), false},
		"system:serviceaccount:team":     {is("system:serviceaccount:team"), true},
		"system:node:n1":                 {is("system:node:n1", user.NodesGroup), false},
		"system:node:":                   {is("system:node:"), true},
		"system:apiserver":               {is(user.APIServerUser, user.SystemPrivilegedGroup), false},
		"system:kube-scheduler":          {is("system:kube-scheduler"), true},
		"alice":                          {is("alice"), true},
	} {
		r, ok, err := group.NewAuthenticatedGroupAdder(c.by).AuthenticateRequest(&http.Request{})
		if err != nil || !ok || r.User.GetName() != name {
			t.Fatalf("%s: %+v %v %v", name, r, ok, err)
		}
		want := slices.Sorted(slices.Values(r.User.GetGroups()))
		got, open := ForcedGroups(name)
		if slices.Sort(got); !slices.Equal(got, want) || open != c.open {
			t.Errorf("%s: groups %v, open %v; the server gives %v", name, got, open, want)
		}
	}
}

// A path is a resource's where kube-apiserver takes it for one.
func TestResourcePathsAreTheServers(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	segments := []string{"api", "apis", "v1", "apps", "pods", "namespaces", "watch", "", "x"}
	resources := 0
	for range 20_000 {
		var path strings.Builder
		for range 1 + rnd.IntN(6) {
			path.WriteString("/" + segments[rnd.IntN(len(segments))])
		}
		p := path.String()
		a, err := spacetest.FromHTTP(http.MethodGet, "http://server"+p)
		if err != nil {
			continue // no request at all
		}
		if IsResourcePath(p) != a.ResourceRequest {
			t.Fatalf("%s: taken for a resource's: %v, by the server: %v", p, IsResourcePath(p), a.ResourceRequest)
		}
		if a.ResourceRequest {
			resources++
		}
	}
	if resources < 1000 {
		t.Errorf("only %d paths of resources: nothing was tested", resources)
	}
}
