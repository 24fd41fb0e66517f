package parse

import (
	"math"
	"testing"
	"time"
)

// TestNanos: a bound beyond what nanoseconds reach is no bound on the other side.
func TestNanos(t *testing.T) {
	for year, want := range map[int]int64{1: math.MinInt64, 1970: 0, 9999: math.MaxInt64} {
		if got := Nanos(time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)); got != want {
			t.Errorf("year %d: %d nanoseconds, want %d", year, got, want)
		}
	}
}
