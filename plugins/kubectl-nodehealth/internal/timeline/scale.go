package timeline

import (
	"math"
	"slices"
	"time"
)

// scale maps times to the axis. Between two times at which something happened it
// is even; a gap gets room by the logarithm of its length.
type scale struct {
	times []time.Time
	at    []float64
}

// tickRoom is the least distance of two labels of the axis.
const tickRoom = 84

func newScale(entries []Entry) scale {
	var s scale
	for _, e := range entries {
		s.times = append(s.times, e.Time)
		if !e.Until.IsZero() {
			s.times = append(s.times, e.Until)
		}
	}
	slices.SortFunc(s.times, time.Time.Compare)
	s.times = slices.CompactFunc(s.times, time.Time.Equal)
	total := 0.0
	for i, t := range s.times {
		if i > 0 {
			total += math.Log2(1 + t.Sub(s.times[i-1]).Seconds()/5)
		}
		s.at = append(s.at, total)
	}
	const from, room = left + 30, width - right - 30 - (left + 30)
	for i := range s.at {
		if total > 0 {
			s.at[i] = from + room*s.at[i]/total
		} else {
			s.at[i] = from
		}
	}
	return s
}

func (s scale) x(t time.Time) float64 {
	i, found := slices.BinarySearchFunc(s.times, t, time.Time.Compare)
	switch {
	case len(s.times) == 0:
		return left
	case found, i == 0:
		return s.at[min(i, len(s.at)-1)]
	case i == len(s.times):
		return s.at[i-1]
	}
	part := float64(t.Sub(s.times[i-1])) / float64(s.times[i].Sub(s.times[i-1]))
	return s.at[i-1] + part*(s.at[i]-s.at[i-1])
}

// ticks are times at which something happened, as many as can be labelled, the
// first and the last among them.
func (s scale) ticks() []time.Time {
	var out []time.Time
	if len(s.times) == 0 {
		return out
	}
	last := len(s.times) - 1
	before := math.Inf(-1)
	for i, t := range s.times {
		room := s.at[i]-before >= tickRoom
		if i == last || room && s.at[last]-s.at[i] >= tickRoom {
			out = append(out, t)
			before = s.at[i]
		}
	}
	return out
}
