package cmd

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

func TestNumbersOfStats(t *testing.T) {
	for part, want := range map[float64]string{1: "100%", 0.999: "100%", 0.123: "12%", 0.0123: "1.2%", 0.00001: "0.001%"} {
		if got := percent(part); got != want {
			t.Errorf("%g: %s, want %s", part, got, want)
		}
	}
	const day = 24 * time.Hour
	for span, want := range map[time.Duration]string{3 * day: "3 days", 60 * time.Hour: "2.5 days", 999*day + 23*time.Hour: "1,000 days", 20000 * day: "20,000 days", 90 * time.Second: "1m30s"} {
		if got := roundSpan(span); got != want {
			t.Errorf("%v: %s, want %s", span, got, want)
		}
	}
}

// TestTimelineFits: what does not fit beside the bars stands below them.
func TestTimelineFits(t *testing.T) {
	r := &statsReport{Busiest: &statsMinute{At: "2026-11-26T14:00:00Z", Events: 123456}, Timeline: &statsTimeline{Events: slices.Repeat([]int64{1}, timelineParts), Errors: []int64{0}}}
	for width, lines := range map[int]int{80: 2, 120: 1} {
		var b strings.Builder
		timeline(&b, cli.Style{}, width, dayLayout, r)
		got := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		if len(got) != lines {
			t.Errorf("width %d: %q", width, got)
		}
		for _, l := range got {
			if utf8.RuneCountInString(l) > width {
				t.Errorf("width %d: %q", width, l)
			}
		}
	}
}
