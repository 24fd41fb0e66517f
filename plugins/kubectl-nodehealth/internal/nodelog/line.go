package nodelog

import (
	"time"

	"github.com/clusterwright/kubectl-plugins/shared/logline"
)

// Record is a line of a log and when it was written.
type Record struct {
	// Time is zero where the line has none that can be read.
	Time time.Time
	// Raw is the line as it was.
	Raw string
	// Line is its number in what was read.
	Line int
}

// Meta is what a log's lines do not say themselves: the program that wrote it,
// and that it was read now, which gives klog and syslog their year. Times
// without a zone are UTC, as the kubelet asks the journal for them.
func Meta(component string, now time.Time) *logline.Meta {
	return &logline.Meta{Component: component, Restart: -1, Reference: now.UnixNano()}
}

// clock reads the times of lines.
type clock struct{ parser *logline.Parser }

func newClock(now time.Time) clock { return clock{logline.NewParser(Meta("", now), nil)} }

func (c clock) at(line string) time.Time {
	if ev := c.parser.Single([]byte(line), 1); ev.HasTime {
		return time.Unix(0, ev.Time).UTC()
	}
	return time.Time{}
}
