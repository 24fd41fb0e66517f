package npd

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
)

// variable parts of a kernel or service message, in the order in which they are
// looked for.
var variable = []struct {
	find    *lazyregexp.Regexp
	pattern string
}{
	{lazyregexp.New(`0x[0-9a-fA-F]+`), `0x[0-9a-fA-F]+`},
	{lazyregexp.New(`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`), `[0-9a-f-]{36}`},
	{lazyregexp.New(`\b(?:[0-9a-f]*[0-9][0-9a-f]*[a-f][0-9a-f]*|[0-9a-f]*[a-f][0-9a-f]*[0-9][0-9a-f]*)\b`), `[0-9a-f]+`},
	{lazyregexp.New(`\d+`), `\d+`},
}

// NewRule makes a rule from a sample line: what looks variable (numbers,
// addresses, ids) becomes a class, everything else is matched literally, and
// the end is left open. A condition makes it permanent. The result fires on the
// sample, which is checked with the monitor itself.
func NewRule(sample, reason, condition string) (Rule, error) {
	if strings.TrimSpace(sample) == "" {
		return Rule{}, fmt.Errorf("the sample line is empty; give a line of the log in quotes")
	}
	r := Rule{Type: Temporary, Reason: reason, Pattern: generalize(sample) + ".*"}
	c := &Config{Plugin: "kmsg"}
	if condition != "" {
		r.Type, r.Condition = Permanent, condition
		c.Conditions = []Condition{{Type: condition}}
	}
	c.Rules = []Rule{r}
	m, err := NewMonitor(c)
	if err != nil {
		return Rule{}, fmt.Errorf("the pattern %q made from the sample does not compile: %w", r.Pattern, err)
	}
	if len(m.Push(Line{Number: 1, Message: sample})) == 0 {
		return Rule{}, fmt.Errorf("the pattern %q made from the sample does not match it", r.Pattern)
	}
	return r, nil
}

func generalize(s string) string {
	if s == "" {
		return ""
	}
	first, at := -1, []int{len(s), len(s)}
	for i, v := range variable {
		if loc := v.find.FindStringIndex(s); loc != nil && loc[0] < at[0] {
			first, at = i, loc
		}
	}
	if first < 0 {
		return regexp.QuoteMeta(s)
	}
	return regexp.QuoteMeta(s[:at[0]]) + variable[first].pattern + generalize(s[at[1]:])
}
