package lint

import (
	"slices"
	"strings"

	"github.com/clusterwright/kubectl-plugins/shared/finding"

	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
)

// A comment silences findings, with a reason:
//
//	# auditpolicy:ignore AP013 the webhook's own policy records the rest
//
// It counts for its own line and the next one; above or beside the first line
// of a rule for the whole rule; with ignore-file for the whole policy.
var suppressComment = lazyregexp.New(`#\s*auditpolicy:ignore(-file)?\b[ \t:]*(.*)$`)

var ruleID = lazyregexp.New(`^AP\d{3}$`)

type suppression struct {
	line     int
	from, to int // lines that it covers
	file     bool
	ids      []string
	reason   string
	used     bool
	badIDs   []string
	foreign  bool // stands outside the policy, as in another one of the file
}

type suppressions []*suppression

func (c *Context) suppressions() suppressions {
	var out suppressions
	text := c.P.File().Bytes
	if !strings.Contains(string(text), "auditpolicy:ignore") {
		return nil
	}
	lines := strings.Split(string(text), "\n")
	begin, end := c.P.Lines()
	// The first and last line of each rule.
	type span struct{ from, to int }
	var spans []span
	for i := range c.rules() {
		l, _ := c.P.Position(c.P.RuleNode(i))
		if i > 0 && l > 0 {
			spans[i-1].to = l - 1
		}
		spans = append(spans, span{l, len(lines)})
	}
	for i, l := range lines {
		m := suppressComment.FindStringSubmatch(l)
		if m == nil {
			continue
		}
		s := &suppression{line: i + 1, from: i + 1, to: i + 2, file: m[1] != ""}
		if s.foreign = s.line < begin || s.line > end; s.foreign && !s.file {
			continue
		}
		words := strings.Fields(strings.NewReplacer(",", " ", ":", " ").Replace(m[2]))
		for len(words) > 0 && strings.HasPrefix(strings.ToUpper(words[0]), "AP") && len(words[0]) == 5 {
			id := strings.ToUpper(words[0])
			if _, ok := Find(id); ok && ruleID.MatchString(id) {
				s.ids = append(s.ids, id)
			} else {
				s.badIDs = append(s.badIDs, id)
			}
			words = words[1:]
		}
		s.reason = strings.Trim(strings.Join(words, " "), "-: ")
		// A comment that only other comments separate from a rule's first line
		// is the rule's.
		first := i
		if strings.HasPrefix(strings.TrimSpace(l), "#") {
			for first < len(lines) && (strings.HasPrefix(strings.TrimSpace(lines[first]), "#") || strings.TrimSpace(lines[first]) == "") {
				first++
			}
			s.to = first + 1
		}
		for _, sp := range spans {
			if sp.from == first+1 {
				s.to = max(s.to, sp.to)
			}
		}
		out = append(out, s)
	}
	return out
}

func (ss suppressions) silences(r Result) bool {
	hit := false
	for _, s := range ss {
		if s.reason == "" || !slices.Contains(s.ids, r.ID) {
			continue
		}
		if s.file || r.Subject.Line >= s.from && r.Subject.Line <= s.to {
			s.used, hit = true, true
		}
	}
	return hit
}

// complaints are findings about the comments themselves.
func (ss suppressions) complaints(c *Context) []Result {
	rule, _ := Find("AP008")
	if c.off("AP008") {
		return nil
	}
	var out []Result
	say := func(s *suppression, sev finding.Severity, msg string) {
		f := rule.New(finding.Subject{Kind: "Policy", Name: c.P.Name, Line: s.line, Column: 1}, msg)
		f.Severity, f.Remedy = sev, ""
		out = append(out, Result{Finding: f, Width: 0})
	}
	for _, s := range ss {
		switch {
		case s.foreign:
			// The policy that it stands in tells.
		case len(s.badIDs) > 0:
			say(s, finding.Warning, "there is no check "+strings.Join(s.badIDs, ", ")+" to ignore")
		case len(s.ids) == 0:
			say(s, finding.Warning, "auditpolicy:ignore names no check: write # auditpolicy:ignore AP013 the reason")
		case s.reason == "":
			say(s, finding.Warning, "auditpolicy:ignore "+strings.Join(s.ids, " ")+" has no reason and so silences nothing: add one")
		case !s.used && len(c.Opt.Enable) == 0 && !slices.ContainsFunc(s.ids, func(id string) bool { return slices.Contains(c.Opt.Disable, id) }):
			say(s, finding.Info, "auditpolicy:ignore "+strings.Join(s.ids, " ")+" silences nothing here any more")
		}
	}
	return out
}
