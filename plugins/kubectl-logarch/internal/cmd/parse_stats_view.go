package cmd

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/stats"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
	"github.com/clusterwright/kubectl-plugins/shared/logline"
)

func writeStats(w io.Writer, st cli.Style, width int, r *statsReport, s *stats.Stats) error {
	var b strings.Builder
	layout := clockLayout
	if s.Last-s.First >= int64(24*time.Hour) {
		layout = dayLayout
	}
	line := count(r.Events, "event")
	if r.Events > 0 {
		errs := st.Good("no errors")
		if n := s.Errors(); n > 0 {
			errs = st.Error(fmt.Sprintf("%s (%s)", count(n, "error"), percent(r.ErrorRate)))
		}
		line += ", " + errs
		if n := s.Severities[logline.Warning]; n > 0 {
			line += ", " + st.Warning(count(n, "warning"))
		}
	}
	if s.First != 0 {
		line += fmt.Sprintf(", in %s", roundSpan(time.Duration(s.Last-s.First)))
		if r.PerMinute > 0 {
			line += fmt.Sprintf(" (%s a minute)", rate(r.PerMinute))
		}
	}
	fmt.Fprintln(&b, line)
	if s.First != 0 {
		fmt.Fprintf(&b, "  from       %s to %s\n", shortTime(s.First), shortTime(s.Last))
	}
	timeline(&b, st, width, layout, r)
	if r.By != "" {
		values(&b, st, width, layout, r)
	}
	section(&b, st, width, layout, "Errors", r.Errors)
	section(&b, st, width, layout, "Their causes (err=)", r.Causes)
	section(&b, st, width, layout, "Warnings", r.Warnings)
	section(&b, st, width, layout, "Other messages", r.Messages)
	if len(r.Components) > 1 {
		fmt.Fprintf(&b, "\n%s\n", st.Bold("Components"))
		for _, p := range r.Components {
			fmt.Fprintf(&b, "  %9s  %-32s %s\n", comma(p.Events), fold.Clip(oneLine(p.Name), max(32, width-30)), count(p.Errors, "error"))
		}
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
		fmt.Fprintf(&b, "\n%s\n  severity   %s\n  format     %s\n", st.Bold("All"), strings.Join(sev, ", "), strings.Join(formats, ", "))
	}
	if len(r.Unparsed) > 0 {
		fmt.Fprintf(&b, "\n%s\n", st.Bold("In no known format, such as"))
		for _, u := range r.Unparsed {
			fmt.Fprintf(&b, "  %s\n", fold.Clip(oneLine(u), width-2))
		}
	}
	if r.Others > 0 {
		fmt.Fprintf(&b, "\n%s of too many different messages to tell apart\n", count(r.Others, "event"))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func section(b *strings.Builder, st cli.Style, width int, layout, title string, list []statsMessage) {
	if len(list) == 0 {
		return
	}
	// On a narrow screen the message matters more than when it came first.
	wide := width >= 100
	head := fmt.Sprintf("%9s  %-*s    MESSAGE", "COUNT", len(layout), "LAST")
	if wide {
		head = fmt.Sprintf("%9s  %-*s  %-*s    MESSAGE", "COUNT", len(layout), "FIRST", len(layout), "LAST")
	}
	fmt.Fprintf(b, "\n%s\n  %s\n", st.Bold(title), st.Faint(head))
	for _, m := range list {
		when := clock(m.last, layout)
		if wide {
			when = clock(m.first, layout) + "  " + when
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
		text = oneLine(text)
		room := width - 17 - len(when)
		if !wide && utf8.RuneCountInString(text+place) > room {
			place = ""
		}
		text = fold.Clip(text, max(20, room-utf8.RuneCountInString(place)))
		paint := func(s string) string { return s }
		switch {
		case sev >= logline.Error:
			paint = st.Error
		case sev == logline.Warning:
			paint = st.Warning
		}
		fmt.Fprintf(b, "  %9s  %s  %s %s%s\n", comma(m.Count), when, paint(string(sev.Letter())), paint(text), st.Faint(logline.Visible(place)))
		if m.Cause != "" {
			indent := strings.Repeat(" ", 15+len(when))
			fmt.Fprintf(b, "%s%s\n", indent, st.Faint(fold.Clip("err: "+oneLine(m.Cause), max(20, width-len(indent)-1))))
		}
	}
}

func roundSpan(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		if days := d.Hours() / 24; days < 100 {
			return fmt.Sprintf("%.3g days", days)
		}
		return comma(int64(math.Round(d.Hours()/24))) + " days"
	case d >= time.Minute:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Millisecond).String()
}

// The times of a log of less than a day, and of a longer one.
const (
	clockLayout = "15:04:05"
	dayLayout   = "01-02 15:04"
)

func clock(t int64, layout string) string {
	if t == 0 {
		return "-" + strings.Repeat(" ", len(layout)-1)
	}
	return time.Unix(0, t).UTC().Format(layout)
}

// oneLine is a text of a log as a row may show it.
func oneLine(s string) string { return logline.Visible(strings.Join(strings.Fields(s), " ")) }

// percent writes a part of one, a small one with two digits.
func percent(part float64) string {
	if part >= 0.1 {
		return fmt.Sprintf("%.0f%%", 100*part)
	}
	return fmt.Sprintf("%.2g%%", 100*part)
}

// rate writes a number of events a minute.
func rate(perMinute float64) string {
	if perMinute >= 10 {
		return comma(int64(perMinute + 0.5))
	}
	return fmt.Sprintf("%.2g", perMinute)
}

// timelineParts is how many parts a timeline has at most.
const timelineParts = 48

// levels are the heights that it draws: signs of ASCII, which every terminal has
// and a screen reader passes over.
const levels = " .:-=+*#@"

// timeline draws when events and errors came, and says in words when most did.
func timeline(b *strings.Builder, st cli.Style, width int, layout string, r *statsReport) {
	t := r.Timeline
	if t == nil {
		return
	}
	draw := func(title string, counts []int64, at *statsMinute, of func(*statsMinute) int64, paint func(string) string) {
		most := slices.Max(counts)
		if most == 0 || at == nil {
			return
		}
		bars := make([]byte, len(counts))
		for i, n := range counts {
			bars[i] = levels[(n*int64(len(levels)-1)+most-1)/most]
		}
		when := strings.Replace(at.At[5:16], "T", " ", 1)
		if layout == clockLayout {
			when = when[6:]
		}
		words := fmt.Sprintf("most at %s (%s in that minute)", when, comma(of(at)))
		gap := "  "
		if len("  errors     ")+len(bars)+len(gap)+len(words) > width {
			gap = "\n" + strings.Repeat(" ", len("  errors     "))
		}
		fmt.Fprintf(b, "  %-10s %s%s%s\n", title, paint(string(bars)), gap, words)
	}
	draw("events", t.Events, r.Busiest, func(m *statsMinute) int64 { return m.Events }, st.Faint)
	draw("errors", t.Errors, r.WorstMinute, func(m *statsMinute) int64 { return m.Errors }, st.Error)
}

// values lists the values of the key asked for.
func values(b *strings.Builder, st cli.Style, width int, layout string, r *statsReport) {
	fmt.Fprintf(b, "\n%s\n  %s\n", st.Bold("By "+r.By), st.Faint("   EVENTS    ERRORS  LAST"+strings.Repeat(" ", len(layout)-4)+"  VALUE"))
	for _, v := range r.Values {
		when := clock(v.last, layout)
		errs := fmt.Sprintf("%8s", comma(v.Errors))
		if v.Errors > 0 {
			errs = st.Error(errs)
		}
		fmt.Fprintf(b, "  %9s  %s  %s  %s\n", comma(v.Events), errs, when, fold.Clip(oneLine(v.Value), max(20, width-25-len(layout))))
	}
}
