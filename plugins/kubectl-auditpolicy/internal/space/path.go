package space

import (
	"cmp"
	"slices"
	"strings"

	"k8s.io/apiserver/pkg/apis/audit"
)

// pathMatches is upstream's rule for one pattern; the tests hold it against
// upstream's evaluator.
func pathMatches(path, spec string) bool {
	return spec == "*" || spec == path ||
		strings.HasSuffix(spec, "*") && strings.HasPrefix(path, strings.TrimRight(spec, "*"))
}

// IsResourcePath says whether kube-apiserver takes a path for a resource.
func IsResourcePath(path string) bool {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if strings.Trim(path, "/") == "" || len(parts) < 3 {
		return false
	}
	switch parts[0] {
	case "api":
		return true
	case "apis":
		return len(parts) >= 4
	}
	return false
}

// addPaths finds one path for each class that the patterns tell apart. Two
// paths that are no exact pattern are alike when the longest prefix pattern
// that holds them is the same, because all others that hold them are prefixes
// of that one.
func (sp *Space) addPaths(rules []*audit.PolicyRule) {
	var exact, prefix values
	for _, r := range rules {
		for _, u := range r.NonResourceURLs {
			switch {
			case u == "*" || !strings.HasPrefix(u, "/"):
			case strings.HasSuffix(u, "*"):
				prefix.add(strings.TrimRight(u, "*"))
			default:
				exact.add(u)
			}
		}
	}
	sp.paths = []string{""}
	seen := map[string]bool{}
	take := func(p string) {
		if !seen[p] && !IsResourcePath(p) {
			seen[p] = true
			sp.paths = append(sp.paths, p)
		}
	}
	for _, p := range exact.list {
		take(p)
	}
	sorted := slices.Clone(prefix.list)
	slices.SortFunc(sorted, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	// The longest prefix pattern of a path.
	longest := func(path string) string {
		best := ""
		for _, p := range sorted {
			if strings.HasPrefix(path, p) {
				best = p
			}
		}
		return best
	}
	for _, p := range sorted {
		for _, suffix := range []string{"", "x", "/x", "other", "/", "//", "-other", "0"} {
			c := p + suffix
			if !exact.seen[c] && !IsResourcePath(c) && longest(c) == p {
				take(c)
				break
			}
		}
	}
	for _, c := range []string{"/metrics", "/healthz", "/readyz", "/version", "/openapi/v3", "/other", "/0other"} {
		if !exact.seen[c] && longest(c) == "" {
			take(c)
			return
		}
	}
	for c := "/other"; ; c += "x" {
		if len(c) > 200 {
			// A pattern such as /* leaves nothing over.
			return
		}
		if !exact.seen[c] && longest(c) == "" {
			take(c)
			return
		}
	}
}
