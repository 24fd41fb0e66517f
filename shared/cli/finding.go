package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

// Shown is a finding as text shows it, in the manner of a compiler:
//
//	policy.yaml:7:5: error: what is wrong [AP050]
//	    7 |   - ResponseStarted
//	      |     ^~~~~~~~~~~~~~~ what to do
//	      | what more there is to say
type Shown struct {
	finding.Finding
	// Head stands in the first line in place of the message.
	Head string
	// Source is the text that the finding is in, and Mark the number of
	// characters to underline; 0 shows no source.
	Source []byte
	Mark   int
	// Note stands behind the caret where there is room, and below where not.
	Note string
	// Below are further paragraphs. One that begins with "try: " or "->" is a
	// command or its outcome, and never folded.
	Below []string
}

// WriteFinding writes a finding to standard output. FILE:LINE:COLUMN stands
// first, so that editors can jump to it; the first line has all of the message
// wherever it is not a terminal that shows it, for grep.
func (e *Env) WriteFinding(f Shown) {
	w, st, width := e.Out, e.Style(e.Out), e.Width()
	head := f.Head
	if head == "" {
		head = f.Message
	}
	text := fmt.Sprintf("%s: %s: %s %s", st.Bold(f.Subject.Location()), st.Severity(f.Severity), head, st.Faint("["+f.ID+"]"))
	fold.Hang(w, "", "      ", text, e.Columns(w))
	below := f.Below
	shown := ""
	if f.Mark > 0 {
		shown = finding.Snippet(f.Source, f.Subject.Line, f.Subject.Column, f.Mark, f.Note, max(width, e.Columns(w)))
	}
	if _, _ = io.WriteString(w, shown); shown == "" {
		below = append([]string{f.Note}, below...)
	}
	for _, text := range below {
		for _, l := range strings.Split(text, "\n") {
			margin(w, l, width)
		}
	}
}

// margin writes a paragraph below a source line.
func margin(w io.Writer, text string, width int) {
	const bar = "      | "
	switch {
	case text == "":
	case strings.HasPrefix(text, "->"):
		fmt.Fprintf(w, "%s     %s\n", bar, text)
	case strings.HasPrefix(text, "try: kubectl "):
		fmt.Fprintf(w, "%s%s\n", bar, text)
	default:
		fold.Hang(w, bar, bar, text, width)
	}
}
