package lint

import (
	"strconv"
	"strings"
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
		if d := distance(strings.ToLower(word), strings.ToLower(c)); d < dist {
			best, dist = c, d
		}
	}
	return best
}

// distance is the number of insertions, deletions, replacements and swaps of
// neighbours between two words.
func distance(a, b string) int {
	if d := len(a) - len(b); d > 3 || d < -3 {
		return 4
	}
	before := make([]int, len(b)+1)
	prev := make([]int, len(b)+1)
	cur := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
		before, prev, cur = prev, cur, before
	}
	return prev[len(b)]
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
