package inject

import (
	"bufio"
	"slices"
	"strings"

	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// The actions of an Item.
const (
	Injected = "injected"
	Skipped  = "skipped"
	Refused  = "refused"
)

// Item is what was done to one workload.
type Item struct {
	Subject   finding.Subject   `json:"subject"`
	Action    string            `json:"action"`
	Reason    string            `json:"reason,omitempty"`
	Container string            `json:"container,omitempty"`
	Mode      Mode              `json:"mode,omitempty"`
	Native    bool              `json:"native,omitempty"`
	Sidecars  []Sidecar         `json:"sidecars,omitempty"`
	Volumes   []string          `json:"volumes,omitempty"`
	ConfigMap string            `json:"configMap,omitempty"`
	Security  *Security         `json:"podSecurity,omitempty"`
	Findings  []finding.Finding `json:"findings"`
	Summary   finding.Summary   `json:"summary"`
	// Patch makes what was added as a strategic merge patch; nil where nothing was. It
	// returns nil where no such patch can say it.
	Patch func() map[string]any `json:"-"`
	// Known says that the kind is Kubernetes' own.
	Known bool `json:"-"`
}

// Outcome is what became of a file.
type Outcome struct {
	Name      string
	Documents int
	Items     []Item
	// pieces are the file's new text; that of the input where nothing was to be
	// done or a document was refused.
	pieces []string
}

// NewOutcome is the outcome of a file whose new text is known.
func NewOutcome(name, text string) *Outcome { return &Outcome{Name: name, pieces: []string{text}} }

// Text is the file's new text.
func (o *Outcome) Text() string {
	if len(o.pieces) != 1 {
		o.pieces = []string{strings.Join(o.pieces, "")}
	}
	return o.pieces[0]
}

// Write writes the file's new text.
func (o *Outcome) Write(w *bufio.Writer) error {
	for _, p := range o.pieces {
		if _, err := w.WriteString(p); err != nil {
			return err
		}
	}
	return nil
}

// EndsLine says whether the text ends with a line end.
func (o *Outcome) EndsLine() bool {
	return len(o.pieces) > 0 && strings.HasSuffix(o.pieces[len(o.pieces)-1], "\n")
}

// Refused says whether a document was refused.
func (o *Outcome) Refused() bool {
	return slices.ContainsFunc(o.Items, func(i Item) bool { return i.Action == Refused })
}
