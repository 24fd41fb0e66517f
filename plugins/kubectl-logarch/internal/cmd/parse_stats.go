package cmd

import (
	"sort"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/parse"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/stats"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/logline"
)

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
	Warnings    []statsMessage   `json:"warnings"`
	Messages    []statsMessage   `json:"messages"`
	// Values are the values of the key asked for with --by.
	By       string         `json:"by,omitempty"`
	Values   []statsValue   `json:"values,omitempty"`
	Timeline *statsTimeline `json:"timeline,omitempty"`
	Unparsed []string       `json:"unparsedExamples,omitempty"`
	// Others are events beyond the number of different messages that is kept.
	Others int64 `json:"others,omitempty"`
}

type statsPart struct {
	Name   string `json:"name"`
	Events int64  `json:"events"`
	Errors int64  `json:"errors"`
}

type statsValue struct {
	Value  string `json:"value"`
	Events int64  `json:"events"`
	Errors int64  `json:"errors"`
	First  string `json:"first,omitempty"`
	Last   string `json:"last,omitempty"`
	last   int64
}

// statsTimeline counts events in parts of equal length.
type statsTimeline struct {
	Start   string  `json:"start"`
	Seconds int64   `json:"secondsEach"`
	Events  []int64 `json:"events"`
	Errors  []int64 `json:"errors"`
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
	Cause    string `json:"cause,omitempty"`
	first    int64
	last     int64
}

func (o *parseOptions) showStats(env *cli.Env, r *parse.Result) error {
	s := r.Stats
	if s == nil {
		s = stats.New(o.by)
	}
	rep := o.statsReport(r, s)
	if o.output == "json" {
		return finding.WriteJSON(env.Out, rep)
	}
	return writeStats(env.Out, env.Style(env.Out), env.Width(), rep, s)
}

func (o *parseOptions) statsReport(r *parse.Result, s *stats.Stats) *statsReport {
	rep := &statsReport{
		APIVersion: apiVersion, Kind: "LogStats",
		Events: s.Events, Bytes: r.Bytes, Severities: map[string]int64{}, Formats: map[string]int64{},
		Unparsed: s.Unparsed, Others: s.Others,
		Errors: []statsMessage{}, Causes: []statsMessage{}, Warnings: []statsMessage{}, Messages: []statsMessage{},
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
			sm := statsMessage{Count: m.Count, Severity: m.Severity.String(), Message: m.Signature, Caller: m.Caller, Cause: m.Cause, first: m.First, last: m.Last}
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
	between := func(least, most logline.Severity) func(*stats.Message) bool {
		return func(m *stats.Message) bool { return m.Severity >= least && m.Severity <= most }
	}
	rep.Errors = list(stats.Top(s.Messages, o.top, between(logline.Error, logline.Fatal)))
	rep.Causes = list(stats.Top(s.Causes, o.top, between(logline.Error, logline.Fatal)))
	rep.Warnings = list(stats.Top(s.Messages, o.top, between(logline.Warning, logline.Warning)))
	rep.Messages = list(stats.Top(s.Messages, o.top, between(logline.Unknown, logline.Info)))
	if o.by != "" {
		rep.By, rep.Values = o.by, []statsValue{}
		for _, m := range stats.Top(s.Values, o.top, nil) {
			v := statsValue{Value: m.Signature, Events: m.Count, Errors: m.Errors, last: m.Last}
			if m.First != 0 {
				v.First, v.Last = stamp(m.First), stamp(m.Last)
			}
			rep.Values = append(rep.Values, v)
		}
	}
	if start, width, parts := s.Timeline(timelineParts); len(parts) > 1 {
		t := &statsTimeline{Start: stamp(start), Seconds: width / int64(time.Second)}
		for _, p := range parts {
			t.Events, t.Errors = append(t.Events, p.Events), append(t.Errors, p.Errors)
		}
		rep.Timeline = t
	}
	return rep
}

func stamp(t int64) string { return time.Unix(0, t).UTC().Format(time.RFC3339Nano) }
