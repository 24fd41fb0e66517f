package simulate

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/auditlog"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/replay"
)

// MaxArrivals bounds how many events a run takes.
const MaxArrivals = 10_000_000

// Visitor gathers the arrivals of a log, or of what a policy keeps of it. It
// implements auditlog.Visitor.
type Visitor struct {
	judge *replay.Judge
	at    []stamped
	// Untimed counts events without a time, Overflow those beyond MaxArrivals,
	// which all visitors of a reading share.
	Untimed, Overflow int64
	taken             *atomic.Int64
}

type stamped struct {
	micros int64
	size   int32
}

// NewVisitor makes a visitor for one worker. judge may be nil; taken counts for
// all visitors of a reading.
func NewVisitor(judge *replay.Judge, taken *atomic.Int64) *Visitor {
	return &Visitor{judge: judge, taken: taken}
}

// Visit takes one event.
func (v *Visitor) Visit(e *auditlog.Event) {
	size := v.judge.Kept(e)
	if size == 0 {
		return
	}
	t, ok := e.Time()
	switch {
	case !ok:
		v.Untimed++
	case v.taken.Add(1) > MaxArrivals:
		v.Overflow++
	default:
		v.at = append(v.at, stamped{t.UnixMicro(), int32(min(size, 1<<30))})
	}
}

// Arrivals puts what visitors gathered in order. The first event comes at 0.
// The visitors are empty afterwards.
func Arrivals(visitors []*Visitor) []Arrival {
	var all []stamped
	for _, v := range visitors {
		all = append(all, v.at...)
		v.at = nil
	}
	slices.SortFunc(all, func(a, b stamped) int { return cmp.Compare(a.micros, b.micros) })
	out := make([]Arrival, len(all))
	for i, s := range all {
		out[i] = Arrival{time.Duration(s.micros-all[0].micros) * time.Microsecond, s.size}
	}
	return out
}

// Peak is a stretch in which a multiple of the rate comes.
type Peak struct {
	Window
	Factor float64
}

// Poisson makes arrivals at a mean rate in events a second, as independent
// requests make them: at random, and the same in every run.
func Poisson(rate float64, length time.Duration, size int32, peak Peak) []Arrival {
	r := rand.New(rand.NewPCG(1, 1))
	var out []Arrival
	for t := time.Duration(0); len(out) < MaxArrivals; {
		now := rate
		if peak.Factor > 0 && t >= peak.From && t < peak.To {
			now *= peak.Factor
		}
		// A pause may be longer than a Duration can say; the end will do for it.
		step := time.Duration(min(r.ExpFloat64()/now*float64(time.Second), float64(length-t)))
		// A step must not leap over the beginning of the peak.
		if peak.Factor > 0 && t < peak.From && t+step > peak.From {
			t = peak.From
			continue
		}
		if t += step; t >= length {
			break
		}
		out = append(out, Arrival{t, size})
	}
	return out
}
