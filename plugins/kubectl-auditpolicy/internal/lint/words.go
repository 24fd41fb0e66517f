package lint

import (
	"strconv"
	"strings"

	"github.com/clusterwright/kubectl-plugins/shared/spelling"
)

func strconvQuote(s string) string { return strconv.Quote(s) }

// quoted is the first quoted word of a message.
func quoted(s string) string {
	_, s, ok := strings.Cut(s, `"`)
	if !ok {
		return ""
	}
	s, _, _ = strings.Cut(s, `"`)
	return s
}

// nearest is the candidate that is a slip of the pen away from a word, "" if
// there is none.
func nearest(word string, candidates []string) string {
	best, dist := "", 3
	if len(word) < 5 {
		dist = 2
	}
	for _, c := range candidates {
		if d := spelling.Distance(strings.ToLower(word), strings.ToLower(c)); d < dist {
			best, dist = c, d
		}
	}
	return best
}

// list joins words: "a, b and c", and no more than some.
func list(words []string) string {
	if len(words) > 5 {
		words = append(append([]string(nil), words[:4]...), strconv.Itoa(len(words)-4)+" more")
	}
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

// groupName is how messages call an API group.
func groupName(g string) string {
	if g == "" {
		return "the core group"
	}
	return "group " + g
}

func itoa(i int) string { return strconv.Itoa(i) }

// semicolons joins phrases that have commas and ands of their own.
func semicolons(phrases []string) string { return strings.Join(phrases, "; ") }
