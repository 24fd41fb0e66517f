package cmd

import (
	"fmt"
	"io"
	"sort"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/parse"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/stats"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/logline"
)

// errPipe is what a write gives when the reader (head, less) has gone.
var errPipe error = syscall.EPIPE

// statsReport is `parse --stats -o json`.
type statsReport struct {
	APIVersion  string           `json:"apiVersion"`
	Kind        string           `json:"kind"`
	Events      int64            `json:"events"`
	First       string           `json:"first,omitempty"`
	Last        string           `json:"last,omitempty"`
	PerMinute   float64          `json:"eventsPerMinute,omitempty"`
	ErrorRate   float64          `json:"errorRate"`
	Bytes       int64            `json:"bytes"`
	Severities  map[string]int64 `json:"severities"`
	Formats     map[string]int64 `json:"formats"`
	Components  []statsPart      `json:"components,omitempty"`
	Busiest     *statsMinute     `json:"busiestMinute,omitempty"`
	WorstMinute *statsMinute     `json:"worstMinute,omitempty"`
	Errors      []statsMessage   `json:"errors"`
	Causes      []statsMessage   `json:"causes"`
	Messages    []statsMessage   `json:"messages"`
	Unparsed    []string         `json:"unparsedExamples,omitempty"`
	// Others are events beyond the number of different messages that is kept.
	Others int64 `json:"others,omitempty"`
}

type statsPart struct {
	Name   string `json:"name"`
	Events int64  `json:"events"`
	Errors int64  `json:"errors"`
}

type statsMinute struct {
	At     string `json:"at"`
	Events int64  `json:"events"`
	Errors int64  `json:"errors"`
}

type statsMessage struct {
	Count    int64  `json:"count"`
	Severity string `json:"severity"`
	Message  string `json:"message"`
	Caller   string `json:"caller,omitempty"`
	First    string `json:"first,omitempty"`
	Last     string `json:"last,omitempty"`
	Example  string `json:"example,omitempty"`
	first    int64
	last     int64
}

func (o *parseOptions) showStats(env *cli.Env, r *parse.Result) error {
	s := r.Stats
	if s == nil {
		s = stats.New()
	}
	rep := o.statsReport(r, s)
	if o.output == "json" {
		return finding.WriteJSON(env.Out, rep)
	}
	return writeStats(env.Out, env.Style(env.Out), env.Width(), rep, s)
}

func (o *parseOptions) statsReport(r *parse.Result, s *stats.Stats) *statsReport {
	rep := &statsReport{
		APIVersion: "logarch.clusterwright.dev/v1alpha1", Kind: "LogStats",
		Events: s.Events, Bytes: r.Bytes, Severities: map[string]int64{}, Formats: map[string]int64{},
		Unparsed: s.Unparsed, Others: s.Others,
		Errors: []statsMessage{}, Causes: []statsMessage{}, Messages: []statsMessage{},
	}
	for i, n := range s.Severities {
		if n > 0 {
			rep.Severities[logline.Severity(i).String()] = n
		}
	}
	for i, n := range s.Formats {
		if n > 0 {
			rep.Formats[logline.Format(i).String()] = n
		}
	}
	if s.Events > 0 {
		rep.ErrorRate = float64(s.Errors()) / float64(s.Events)
	}
	if s.First != 0 {
		rep.First, rep.Last = stamp(s.First), stamp(s.Last)
		if span := time.Duration(s.Last - s.First); span >= time.Second {
			rep.PerMinute = float64(s.Events) / span.Minutes()
		}
	}
	for name, p := range s.Components {
		rep.Components = append(rep.Components, statsPart{name, p.Events, p.Errors})
	}
	sort.Slice(rep.Components, func(i, j int) bool {
		a, b := rep.Components[i], rep.Components[j]
		return a.Events > b.Events || a.Events == b.Events && a.Name < b.Name
	})
	if at, p := s.Busiest(false); at >= 0 {
		rep.Busiest = &statsMinute{stamp(at), p.Events, p.Errors}
	}
	if at, p := s.Busiest(true); at >= 0 && p.Errors > 0 {
		rep.WorstMinute = &statsMinute{stamp(at), p.Events, p.Errors}
	}
	list := func(in []*stats.Message) []statsMessage {
		out := []statsMessage{}
		for _, m := range in {
			sm := statsMessage{Count: m.Count, Severity: m.Severity.String(), Message: m.Signature, Caller: m.Caller, first: m.First, last: m.Last}
			if m.Example != m.Signature {
				sm.Example = m.Example
			}
			if m.First != 0 {
				sm.First, sm.Last = stamp(m.First), stamp(m.Last)
			}
			out = append(out, sm)
		}
		return out
	}
	isError := func(m *stats.Message) bool { return m.Severity >= logline.Error }
	rep.Errors = list(stats.Top(s.Messages, o.top, isError))
	rep.Causes = list(stats.Top(s.Causes, o.top, nil))
	rep.Messages = list(stats.Top(s.Messages, o.top, func(m *stats.Message) bool { return !isError(m) }))
	return rep
}

func stamp(t int64) string { return time.Unix(0, t).UTC().Format(time.RFC3339Nano) }

func writeStats(w io.Writer, st cli.Style, width int, r *statsReport, s *stats.Stats) error {
	var b strings.Builder
	line := count(r.Events, "event")
	if r.Events > 0 {
		errs := st.Good("no errors")
		if n := s.Errors(); n > 0 {
			errs = st.Error(fmt.Sprintf("%s errors (%.2g%%)", comma(n), 100*r.ErrorRate))
			if n == 1 {
				errs = st.Error(fmt.Sprintf("1 error (%.2g%%)", 100*r.ErrorRate))
			}
		}
		line += ", " + errs
	}
	if s.First != 0 {
		line += fmt.Sprintf(", in %s", roundSpan(time.Duration(s.Last-s.First)))
		if r.PerMinute > 0 {
			line += fmt.Sprintf(" (%.3g a minute)", r.PerMinute)
		}
	}
	fmt.Fprintln(&b, line)
	if s.First != 0 {
		fmt.Fprintf(&b, "  from       %s to %s\n", shortTime(s.First), shortTime(s.Last))
	}
	var sev, formats []string
	for i := len(s.Severities) - 1; i >= 0; i-- {
		if n := s.Severities[i]; n > 0 {
			sev = append(sev, fmt.Sprintf("%s %s", logline.Severity(i), comma(n)))
		}
	}
	for i, n := range s.Formats {
		if n > 0 {
			formats = append(formats, fmt.Sprintf("%s %s", logline.Format(i), comma(n)))
		}
	}
	if len(sev) > 0 {
		fmt.Fprintf(&b, "  severity   %s\n  format     %s\n", strings.Join(sev, ", "), strings.Join(formats, ", "))
	}
	for _, m := range []struct {
		title string
		at    *statsMinute
	}{{"busiest", r.Busiest}, {"worst", r.WorstMinute}} {
		if m.at != nil {
			fmt.Fprintf(&b, "  %-10s minute %s: %s, %s\n", m.title, strings.Replace(strings.TrimSuffix(m.at.At, ":00Z"), "T", " ", 1), count(m.at.Events, "event"), count(m.at.Errors, "error"))
		}
	}
	if len(r.Components) > 1 {
		fmt.Fprintf(&b, "\n%s\n", st.Bold("Components"))
		for _, p := range r.Components {
			fmt.Fprintf(&b, "  %9s  %-32s %s\n", comma(p.Events), p.Name, count(p.Errors, "error"))
		}
	}
	section(&b, st, width, "Errors", r.Errors)
	section(&b, st, width, "Their causes (err=)", r.Causes)
	section(&b, st, width, "Other messages", r.Messages)
	if len(r.Unparsed) > 0 {
		fmt.Fprintf(&b, "\n%s\n", st.Bold("In no known format, such as"))
		for _, u := range r.Unparsed {
			fmt.Fprintf(&b, "  %s\n", clipTo(u, width-2))
		}
	}
	if r.Others > 0 {
		fmt.Fprintf(&b, "\n%s of too many different messages to tell apart\n", count(r.Others, "event"))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func section(b *strings.Builder, st cli.Style, width int, title string, list []statsMessage) {
	if len(list) == 0 {
		return
	}
	// On a narrow screen the message matters more than when it came first.
	wide := width >= 100
	head := "    COUNT  LAST        MESSAGE"
	if wide {
		head = "    COUNT  FIRST     LAST        MESSAGE"
	}
	fmt.Fprintf(b, "\n%s\n  %s\n", st.Bold(title), st.Faint(head))
	for _, m := range list {
		when := "-       "
		if m.first != 0 {
			when = time.Unix(0, m.last).UTC().Format("15:04:05")
		}
		if wide {
			first := "-       "
			if m.first != 0 {
				first = time.Unix(0, m.first).UTC().Format("15:04:05")
			}
			when = first + "  " + when
		}
		sev, _ := logline.ParseSeverity(m.Severity)
		text := m.Message
		if m.Count == 1 && m.Example != "" {
			text = m.Example
		}
		place := ""
		if m.Caller != "" {
			place = "  " + m.Caller
		}
		text = strings.ReplaceAll(text, "\n", " ")
		room := width - 17 - len(when)
		if !wide && utf8.RuneCountInString(text+place) > room {
			place = ""
		}
		text = clipTo(text, max(20, room-utf8.RuneCountInString(place)))
		paint := func(s string) string { return s }
		switch {
		case sev >= logline.Error:
			paint = st.Error
		case sev == logline.Warning:
			paint = st.Warning
		}
		fmt.Fprintf(b, "  %9s  %s  %s %s%s\n", comma(m.Count), when, paint(string(sev.Letter())), paint(text), st.Faint(place))
	}
}

// clipTo shortens a text to a number of characters.
func clipTo(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:max(1, n-1)]) + "…"
}

func roundSpan(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%.3g days", d.Hours()/24)
	case d >= time.Minute:
		s := d.Round(time.Second).String()
		return s
	case d >= time.Second:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Millisecond).String()
}
