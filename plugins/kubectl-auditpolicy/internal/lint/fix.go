package lint

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
	"github.com/clusterwright/kubectl-plugins/shared/yamldoc"
)

// The helpers below attach a change of the text to a finding. A change is made
// only where the text is written out in the file in a plain way; a value behind
// an alias or in a folded string is left to the author.

func (c *Context) span(n *yaml.Node) (start, end int, ok bool) {
	if n == nil || n.Kind != yaml.ScalarNode || n.Style&(yaml.LiteralStyle|yaml.FoldedStyle|yaml.TaggedStyle) != 0 || n.Anchor != "" {
		return 0, 0, false
	}
	start, ok = c.P.Offset(n.Line, n.Column)
	if !ok {
		return 0, 0, false
	}
	text := string(c.P.File().Bytes[start:])
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0:
		if want := `"` + n.Value + `"`; strings.HasPrefix(text, want) {
			return start, start + len(want), true
		}
	case n.Style&yaml.SingleQuotedStyle != 0:
		if want := "'" + n.Value + "'"; strings.HasPrefix(text, want) {
			return start, start + len(want), true
		}
	case strings.HasPrefix(text, n.Value) && n.Value != "":
		return start, start + len(n.Value), true
	}
	return 0, 0, false
}

// fixValue replaces the scalar at a path.
func (c *Context) fixValue(res *Result, path, value string) {
	n := c.P.Node(path)
	start, end, ok := c.span(n)
	if !ok || !c.P.Has(path) {
		return
	}
	text := value
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0 || value == "" || strings.ContainsAny(value, "*"):
		text = `"` + value + `"`
	case n.Style&yaml.SingleQuotedStyle != 0:
		text = "'" + value + "'"
	}
	c.fix(res, fmt.Sprintf("%s: write %s", path, text), yamldoc.Edit{Start: start, End: end, Text: text})
}

// fixKey renames a key.
func (c *Context) fixKey(res *Result, key *yaml.Node, name string) {
	if start, end, ok := c.span(key); ok {
		switch {
		case key.Style&yaml.DoubleQuotedStyle != 0:
			name = `"` + name + `"`
		case key.Style&yaml.SingleQuotedStyle != 0:
			name = "'" + name + "'"
		}
		c.fix(res, fmt.Sprintf("rename %s to %s", key.Value, name), yamldoc.Edit{Start: start, End: end, Text: name})
	}
}

func (c *Context) fix(res *Result, what string, edits ...yamldoc.Edit) {
	if res.Fix == nil {
		res.Fix = &Fix{What: what}
	} else {
		res.Fix.What += "; " + what
	}
	res.Fix.Edits = append(res.Fix.Edits, edits...)
}

// fixDeleteRule deletes a rule with its own lines; comments above it stay.
func (c *Context) fixDeleteRule(res *Result, i int) {
	n := c.P.RuleNode(i)
	if n == nil || n.Kind != yaml.MappingNode || n.Style&yaml.FlowStyle != 0 || len(c.rules()) < 2 {
		return
	}
	c.fixDeleteLines(res, fmt.Sprintf("delete rule %d", i+1), n, n.Line, true)
}

// fixDeleteField deletes a field of a block mapping with its lines.
func (c *Context) fixDeleteField(res *Result, path string) {
	i := strings.LastIndexByte(path, '.')
	if i < 0 {
		return
	}
	parent, key, value := c.P.Node(path[:i]), c.P.Key(path), c.P.Node(path)
	if parent == nil || key == nil || parent.Kind != yaml.MappingNode || parent.Style&yaml.FlowStyle != 0 || !c.P.Has(path) || value.Kind == yaml.AliasNode ||
		len(parent.Content) < 4 || key.Line == parent.Line {
		return // the first field shares its line with the dash
	}
	c.fixDeleteLines(res, "delete "+path, value, key.Line, false)
}

// fixDeleteLines deletes the whole lines of a node from the given one on,
// provided that they are all of it and nothing is lost with them: no comment,
// and no anchor to which an alias may refer.
func (c *Context) fixDeleteLines(res *Result, what string, n *yaml.Node, from int, dash bool) {
	start, ok := c.P.Offset(from, 1)
	if !ok || anchored(n) {
		return
	}
	// The file's own lines, also of an embedded policy.
	file := c.P.File()
	first, _ := file.Position(start)
	last := first + policy.LastLine(n) - from
	start, end := file.LineStart(first), file.LineStart(last+1)
	text := string(file.Bytes[start:end])
	if dash != strings.HasPrefix(strings.TrimSpace(text), "-") || comment.MatchString(text) || !closed(text) {
		return
	}
	c.fix(res, what, yamldoc.Edit{Start: start, End: end})
}

// comment finds a comment, and now and then a string that looks like one.
var comment = lazyregexp.New(`(^|\s)#`)

// closed says whether brackets and quotes that a text opens end in it.
func closed(text string) bool {
	return strings.Count(text, "[") == strings.Count(text, "]") && strings.Count(text, "{") == strings.Count(text, "}") &&
		strings.Count(text, `"`)%2 == 0 && strings.Count(text, "'")%2 == 0
}

// anchored says whether a node or one in it has an anchor.
func anchored(n *yaml.Node) bool {
	return n.Anchor != "" || slices.ContainsFunc(n.Content, anchored)
}

// fixMove says that items of a list belong under another group; the text is
// changed only where the list is a flow or block sequence of its own.
func (c *Context) fixMove(res *Result, path string, groups []string) {
	if len(groups) == 1 {
		res.Note = "move it to an entry with group: " + groups[0]
	}
}

// Fixes are the edits of all results that can be mended together: of
// overlapping ones the first.
func (r *Report) Fixes() (edits []yamldoc.Edit, done []Result) {
	overlaps := func(e yamldoc.Edit) bool {
		for _, o := range edits {
			if e.Start < o.End && o.Start < e.End || e.Start == o.Start {
				return true
			}
		}
		return false
	}
next:
	for _, x := range r.Results {
		if x.Fix == nil {
			continue
		}
		for _, e := range x.Fix.Edits {
			if overlaps(e) {
				continue next
			}
		}
		edits = append(edits, x.Fix.Edits...)
		done = append(done, x)
	}
	return edits, done
}
