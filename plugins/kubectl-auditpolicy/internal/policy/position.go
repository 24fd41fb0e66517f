package policy

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/clusterwright/kubectl-plugins/shared/yamldoc"
)

// textPlace says where the text of an embedded policy stands in its file.
type textPlace struct {
	// scalar is the string that holds the text, nil for a policy that is not a
	// string in another document.
	scalar *yaml.Node
	// indent is the number of bytes before each line of a literal block, -1
	// for a string whose lines are not those of the file.
	indent int
}

// Exact says whether the places of the policy's nodes are known exactly; if
// not, all are the place of the string that holds the policy.
func (p *Policy) Exact() bool { return p.place.scalar == nil || p.place.indent >= 0 }

// Position is the line and column of a node in the file, both from 1; zeroes
// for nil.
func (p *Policy) Position(n *yaml.Node) (line, column int) {
	if n == nil {
		return 0, 0
	}
	line, column = n.Line, n.Column
	switch {
	case p.place.scalar == nil:
		return line, column
	case p.place.indent < 0:
		return p.place.scalar.Line, p.place.scalar.Column
	}
	return p.place.scalar.Line + line, column + p.place.indent
}

// Lines are the first and last line of the file that belong to the policy: all
// where it is the only one.
func (p *Policy) Lines() (first, last int) {
	switch {
	case p.alone:
		return 1, p.file.Lines()
	case p.place.scalar != nil:
		return p.place.scalar.Line + 1, p.place.scalar.Line + bytes.Count(p.Text, []byte("\n")) + 1
	}
	return p.Root.Line, LastLine(p.Root)
}

// LastLine is the last line that a node's values stand on.
func LastLine(n *yaml.Node) int {
	last := n.Line
	for _, c := range n.Content {
		last = max(last, LastLine(c))
	}
	return last
}

// Offset is the byte offset in the file of a place in Text; false where Text
// is not written out in the file.
func (p *Policy) Offset(line, column int) (int, bool) {
	if p.place.scalar == nil {
		return p.file.Offset(line, column), true
	}
	if p.place.indent < 0 {
		return 0, false
	}
	return p.file.Offset(p.place.scalar.Line+line, column+p.place.indent), true
}

// Width is the number of characters that a node takes on its line, at least 1.
func Width(n *yaml.Node) int {
	if n == nil || n.Kind != yaml.ScalarNode {
		return 1
	}
	w := utf8.RuneCountInString(n.Value)
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		w += 2
	}
	return max(w, 1)
}

// literalIndent is the indentation of a literal block's lines in the file, -1
// where the scalar is no literal block.
func literalIndent(file *yamldoc.File, n *yaml.Node) int {
	if n.Style&yaml.LiteralStyle == 0 {
		return -1
	}
	first, _, _ := strings.Cut(n.Value, "\n")
	start := file.Offset(n.Line+1, 1)
	line, _, _ := strings.Cut(string(file.Bytes[start:]), "\n")
	line = strings.TrimSuffix(line, "\r")
	if strings.TrimSpace(first) == "" || !strings.HasSuffix(line, first) {
		// The first line is blank: look for the first that is not.
		for i, text := range strings.Split(n.Value, "\n") {
			if strings.TrimSpace(text) == "" {
				continue
			}
			at := file.Offset(n.Line+1+i, 1)
			l, _, _ := strings.Cut(string(file.Bytes[at:]), "\n")
			l = strings.TrimSuffix(l, "\r")
			if !strings.HasSuffix(l, text) {
				return -1
			}
			return len(l) - len(text)
		}
		return -1
	}
	return len(line) - len(first)
}
