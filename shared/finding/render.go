package finding

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"sigs.k8s.io/yaml"
)

// Formats are the report formats, for completion and help.
var Formats = []string{"text", "json", "yaml", "sarif", "github", "junit"}

// WriteJSON writes any report as indented JSON.
func WriteJSON(w io.Writer, report any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(report)
}

// WriteYAML writes any report as YAML, with the keys of its JSON.
func WriteYAML(w io.Writer, report any) error {
	b, err := yaml.Marshal(report)
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

// WriteGitHub writes findings as workflow commands, which a GitHub Actions run
// shows as annotations.
// https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
func WriteGitHub(w io.Writer, fs []Finding) error {
	for _, f := range fs {
		level := map[Severity]string{Error: "error", Warning: "warning"}[f.Severity]
		if level == "" {
			level = "notice"
		}
		var props []string
		if f.Subject.Line > 0 {
			name := f.Subject.File
			if name == "" {
				name = f.Subject.Name
			}
			props = append(props, "file="+ghProperty(name), fmt.Sprintf("line=%d", f.Subject.Line))
			if f.Subject.Column > 0 {
				props = append(props, fmt.Sprintf("col=%d", f.Subject.Column))
			}
		}
		props = append(props, "title="+ghProperty(f.ID+" "+f.Title))
		msg := f.Message
		if f.Subject.Line == 0 && f.Subject.Name != "" {
			msg = f.Subject.Name + ": " + msg
		}
		if _, err := fmt.Fprintf(w, "::%s %s::%s\n", level, strings.Join(props, ","), ghData(msg)); err != nil {
			return err
		}
	}
	return nil
}

func ghData(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func ghProperty(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(s)
}

// Case is a test case in a JUnit report: a file, a node, an expectation.
type Case struct {
	Suite string
	Name  string
	// Findings at or above the severity that fails the command make the case
	// fail; the others are told in its output.
	Findings []Finding
	FailOn   FailOn
	// Unknown, where it is set, says why the case could not be judged.
	Unknown string
}

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Failure *junitMessage `xml:"failure,omitempty"`
	Error   *junitMessage `xml:"error,omitempty"`
	Out     string        `xml:"system-out,omitempty"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// WriteJUnit writes cases as a JUnit XML report, one suite for each
// Case.Suite in the order in which they come.
func WriteJUnit(w io.Writer, cases []Case) error {
	out := junitSuites{}
	index := map[string]int{}
	for _, c := range cases {
		i, ok := index[c.Suite]
		if !ok {
			i = len(out.Suites)
			index[c.Suite] = i
			out.Suites = append(out.Suites, junitSuite{Name: c.Suite})
		}
		s := &out.Suites[i]
		jc := junitCase{Class: c.Suite, Name: c.Name}
		s.Tests++
		out.Tests++
		switch {
		case c.FailOn.Fails(c.Findings):
			s.Failures++
			out.Failures++
			jc.Failure = &junitMessage{Message: Summarize(c.Findings).String(), Text: plain(c.Findings)}
		case c.Unknown != "":
			s.Errors++
			out.Errors++
			jc.Error = &junitMessage{Message: c.Unknown}
			jc.Out = plain(c.Findings)
		default:
			jc.Out = plain(c.Findings)
		}
		s.Cases = append(s.Cases, jc)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(out); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func plain(fs []Finding) string {
	var b strings.Builder
	for _, f := range fs {
		fmt.Fprintf(&b, "%s: %s: %s [%s]\n", f.Subject.Location(), f.Severity, f.Message, f.ID)
	}
	return b.String()
}
