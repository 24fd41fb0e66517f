package space

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"k8s.io/apiserver/pkg/apis/audit"
)

// Whatever the patterns, each path that they tell apart from others has one of
// its kind in the space: here all paths of up to three characters of a few, and
// patterns that take away whatever comes to mind first.
func TestEveryKindOfPathHasOne(t *testing.T) {
	stems := []string{"/", "//", "/m", "/h", "/r", "/v", "/o", "/0", "/x", "/x/", "/-", "/other", "/metrics", "/mx", "/a", "/z", "/api/v1", "/api/v1/", "/api/v1/pods"}
	var paths []string
	for _, a := range strings.Split("mhrvo0x-azq/", "") {
		paths = append(paths, "/"+a)
		for _, b := range strings.Split("xmo0-zq/", "") {
			paths = append(paths, "/"+a+b, "/api/v1"+a+b)
		}
	}
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 20_000 {
		var patterns []string
		for range 1 + rnd.IntN(14) {
			p := stems[rnd.IntN(len(stems))]
			if rnd.IntN(3) > 0 {
				p += "*"
			}
			patterns = append(patterns, p)
		}
		sp := New(Hints{}, nil, &audit.Policy{Rules: []audit.PolicyRule{{NonResourceURLs: patterns}}})
		for _, p := range paths {
			if !IsResourcePath(p) && sp.pathOf(p, patterns) == 0 {
				t.Fatalf("%s: of the paths like %s none is in the space: %q", fmt.Sprint(patterns), p, sp.paths[1:])
			}
		}
	}
}
