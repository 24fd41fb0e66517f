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
	// One path of a class, the first that reads well if there is one.
	one := func(class, stem string, suffixes ...string) {
		for _, s := range suffixes {
			if c := stem + s; !exact.seen[c] && !IsResourcePath(c) && longest(c) == class {
				take(c)
				return
			}
		}
		for _, s := range append(suffixes, strings.Split(inPaths, "")...) {
			c := stem + s
			for exact.seen[c] {
				c += "x"
			}
			if !IsResourcePath(c) && longest(c) == class {
				take(c)
				return
			}
		}
		// Nothing is left over, as behind /* or below the path of a resource.
	}
	for _, p := range sorted {
		one(p, p, "", "x", "/x", "other", "/", "//", "-other", "0")
	}
	one("", "/", "metrics", "healthz", "readyz", "version", "openapi/v3", "other", "0other")
}

// inPaths are the characters that paths are made of.
const inPaths = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~/"
