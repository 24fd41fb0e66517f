package finding

// Rule describes a check: what `checks ID` prints, and what the generated
// reference pages and SARIF carry. A plugin keeps its rules in one ordered
// table.
type Rule struct {
	ID       string   `json:"id"`
	Title    string   `json:"title"`
	Severity Severity `json:"severity"`
	// Rationale says why it matters, in a paragraph or a few.
	Rationale string `json:"rationale"`
	// Remedy says what to do.
	Remedy string `json:"remedy,omitempty"`
	// Source is the authority: a KEP, a file of Kubernetes, a page, a version.
	Source string `json:"source"`
	// Docs is a page to read.
	Docs string `json:"docs,omitempty"`
	// Since says which versions of Kubernetes it concerns ("1.36 and later");
	// empty is all.
	Since string `json:"since,omitempty"`
	// Heuristic marks a check that may be wrong; all others are decided.
	Heuristic bool `json:"heuristic,omitempty"`
	// Bad and Good are a failing and a passing example.
	Bad  string `json:"bad,omitempty"`
	Good string `json:"good,omitempty"`
}

// New starts a finding of this rule.
func (r Rule) New(s Subject, message string) Finding {
	return Finding{
		ID: r.ID, Severity: r.Severity, Title: r.Title, Message: message,
		Subject: s, Remedy: r.Remedy, Docs: r.Docs, Heuristic: r.Heuristic,
	}
}
