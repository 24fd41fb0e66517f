package npd

import (
	"fmt"
	"regexp"
	"strings"
)

// Line is a log line as the monitor's watcher hands it over.
type Line struct {
	// Number counts from 1 in the file it came from.
	Number int
	// Time is the line's own time as it is written, "" where it has none.
	Time    string
	Message string
}

// Firing is a rule that matched.
type Firing struct {
	// Rule is the index in Config.Rules.
	Rule   int    `json:"rule"`
	Type   string `json:"type"`
	Reason string `json:"reason"`
	// Condition is the condition set to True, "" for an event or for a
	// permanent rule whose condition the configuration does not declare.
	Condition string `json:"condition,omitempty"`
	// Changed says that the condition's status or reason changed, which is when
	// the detector sends an event for it.
	Changed bool `json:"changed,omitempty"`
	// First and Last are the numbers of the lines that matched.
	First   int    `json:"firstLine"`
	Last    int    `json:"lastLine"`
	Time    string `json:"time,omitempty"`
	Message string `json:"message"`
}

// State is a condition after the log.
type State struct {
	Type    string `json:"type"`
	Status  string `json:"status"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// Monitor is a log monitor: lines go in, firings come out.
type Monitor struct {
	config   *Config
	patterns []*regexp.Regexp
	ring     []Line
	next     int
	states   []State
}

// NewMonitor returns a monitor in its initial state: all conditions False. The
// error is that of a pattern that does not compile, with which the detector
// does not start.
func NewMonitor(c *Config) (*Monitor, error) {
	if c.BufferSize < 0 {
		return nil, fmt.Errorf("bufferSize %d: less than 0; give a number of lines such as 10", c.BufferSize)
	}
	m := &Monitor{config: c, ring: make([]Line, c.Lines())}
	for _, r := range c.Rules {
		re, err := compile(r.Pattern)
		if err != nil {
			return nil, err
		}
		m.patterns = append(m.patterns, re)
	}
	for _, cond := range c.Conditions {
		m.states = append(m.states, State{Type: cond.Type, Status: "False", Reason: cond.Reason, Message: cond.Message})
	}
	return m, nil
}

// Push adds a line and returns the rules that match now. The last lines (as
// many as the buffer holds) are matched as one text that ends with this line.
func (m *Monitor) Push(l Line) []Firing {
	m.ring[m.next%len(m.ring)] = l
	m.next++
	text := m.text()
	var out []Firing
	for i, re := range m.patterns {
		loc := re.FindStringIndex(text)
		if loc == nil {
			continue
		}
		out = append(out, m.fire(i, m.linesFrom(len(text)-loc[0])))
	}
	return out
}

// text joins the buffered lines. A buffer that is not full yet has empty lines
// in front, as in the detector.
func (m *Monitor) text() string {
	messages := make([]string, 0, len(m.ring))
	for i := range m.ring {
		messages = append(messages, m.ring[(m.next+i)%len(m.ring)].Message)
	}
	return strings.Join(messages, "\n")
}

// linesFrom returns the last lines that hold the last n bytes of the text.
func (m *Monitor) linesFrom(n int) []Line {
	var out []Line
	total := 0
	for i := 1; i <= len(m.ring) && i <= m.next; i++ {
		l := m.ring[(m.next-i)%len(m.ring)]
		out = append([]Line{l}, out...)
		total += len(l.Message) + 1
		if total > n-1 {
			break
		}
	}
	return out
}

func (m *Monitor) fire(rule int, lines []Line) Firing {
	r := m.config.Rules[rule]
	messages := make([]string, len(lines))
	for i, l := range lines {
		messages[i] = l.Message
	}
	f := Firing{
		Rule: rule, Type: r.Type, Reason: r.Reason, Message: strings.Join(messages, "\n"),
		First: lines[0].Number, Last: lines[len(lines)-1].Number, Time: lines[0].Time,
	}
	if r.MessageSuffix != "" {
		f.Message += "; " + r.MessageSuffix
	}
	if r.Type == Temporary {
		return f
	}
	for i := range m.states {
		s := &m.states[i]
		if s.Type != r.Condition {
			continue
		}
		f.Condition = s.Type
		f.Changed = s.Status == "False" || s.Reason != r.Reason
		if f.Changed {
			s.Message = f.Message
		}
		s.Status, s.Reason = "True", r.Reason
		break
	}
	return f
}

// States are the conditions as they stand.
func (m *Monitor) States() []State { return append([]State(nil), m.states...) }
