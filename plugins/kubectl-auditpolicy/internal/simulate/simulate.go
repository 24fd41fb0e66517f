// Package simulate runs kube-apiserver's audit backends on a virtual clock:
// what would they drop, how late would events be, how much memory would they
// hold, for the arrivals of a log or of a rate.
//
// The model is k8s.io/apiserver/plugin/pkg/audit/buffered and the webhook's
// repeats, step for step; the tests run that package beside it, on the same
// arrivals and a virtual clock, and compare.
package simulate

import (
	"container/heap"
	"math"
	"slices"
	"time"
)

// Arrival is one event on its way into a backend.
type Arrival struct {
	At   time.Duration
	Size int32
}

// Config is a backend's configuration, and how its receiver behaves.
type Config struct {
	// Mode is batch, blocking or blocking-strict.
	Mode string
	// BufferSize, MaxBatchSize, MaxBatchWait, Throttle, QPS and Burst are those
	// of the flags.
	BufferSize, MaxBatchSize int
	MaxBatchWait             time.Duration
	Throttle                 bool
	QPS                      float64
	Burst                    int
	// Async says that batches are sent side by side: the webhook's way. The
	// log writes one after the other.
	Async bool
	// Latency is how long the receiver, or the disk, takes for a batch;
	// PerEvent is added for each event in it.
	Latency, PerEvent time.Duration
	// Outages are when the receiver refuses. Attempts says how often a batch is
	// tried, Backoff is the pause before the second attempt, which grows by half
	// each time.
	Outages  []Window
	Attempts int
	Backoff  time.Duration
}

// Window is a stretch of time.
type Window struct{ From, To time.Duration }

// Result is what a run came to.
type Result struct {
	Events int64 `json:"events"`
	Bytes  int64 `json:"bytes"`
	// Delivered arrived; Dropped did not fit into the buffer; Failed were given
	// up after the last attempt.
	Delivered int64 `json:"delivered"`
	Dropped   int64 `json:"dropped"`
	Failed    int64 `json:"failed"`
	Batches   int64 `json:"batches"`
	// FirstDrop is when the first event was dropped; -1 for never.
	FirstDrop time.Duration `json:"-"`
	// MaxLag and P99Lag are how long after it was made an event arrived.
	MaxLag time.Duration `json:"-"`
	P99Lag time.Duration `json:"-"`
	// MaxBuffer is the largest number of events in the buffer, MaxHeld with
	// those in batches on their way, MaxHeldBytes their size as serialised.
	MaxBuffer    int64 `json:"maxBuffer"`
	MaxHeld      int64 `json:"maxHeld"`
	MaxHeldBytes int64 `json:"maxHeldBytes"`
	// MaxInFlight is the largest number of batches on their way at once.
	MaxInFlight int `json:"maxInFlight"`
	// Wait is how long requests waited for the backend in a blocking mode, in
	// the mean and at most.
	MeanWait time.Duration `json:"-"`
	MaxWait  time.Duration `json:"-"`
	// Rejected counts the requests that blocking-strict refused.
	Rejected int64 `json:"rejected"`
	// End is when the last event was dealt with.
	End time.Duration `json:"-"`
}

// Run simulates. The arrivals must be sorted by time.
func Run(c Config, arrivals []Arrival) Result {
	if c.Attempts < 1 {
		c.Attempts = 1
	}
	s := &sim{c: c, lags: newLags()}
	s.r.FirstDrop = -1
	for _, a := range arrivals {
		s.r.Events++
		s.r.Bytes += int64(a.Size)
	}
	if c.Mode == "batch" {
		s.batch(arrivals)
	} else {
		s.blocking(arrivals)
	}
	s.r.P99Lag = min(s.lags.quantile(0.99), s.r.MaxLag)
	return s.r
}

type sim struct {
	c    Config
	r    Result
	lags *lags

	buffer    []Arrival
	head      int
	held      int64
	heldBytes int64
	flights   flights
	tokens    float64
	tokensAt  time.Duration
}

func (s *sim) buffered() int { return len(s.buffer) - s.head }

func (s *sim) pop() Arrival {
	a := s.buffer[s.head]
	s.head++
	if s.head > 4096 && s.head*2 > len(s.buffer) {
		s.buffer = s.buffer[:copy(s.buffer, s.buffer[s.head:])]
		s.head = 0
	}
	return a
}

// flight is a batch on its way.
type flight struct {
	lands time.Duration
	n     int64
	bytes int64
}

type flights []flight

func (f flights) Len() int           { return len(f) }
func (f flights) Less(i, j int) bool { return f[i].lands < f[j].lands }
func (f flights) Swap(i, j int)      { f[i], f[j] = f[j], f[i] }
func (f *flights) Push(x any)        { *f = append(*f, x.(flight)) }
func (f *flights) Pop() any {
	old := *f
	x := old[len(old)-1]
	*f = old[:len(old)-1]
	return x
}

// land takes what has arrived by now off the books.
func (s *sim) land(now time.Duration) {
	for len(s.flights) > 0 && s.flights[0].lands <= now {
		f := heap.Pop(&s.flights).(flight)
		s.held -= f.n
		s.heldBytes -= f.bytes
		s.r.End = max(s.r.End, f.lands)
	}
}

// batch is the buffered backend: one goroutine that fills a batch, waits for
// the throttle and hands the batch on.
func (s *sim) batch(arrivals []Arrival) {
	s.tokens = float64(s.c.Burst)
	next := 0
	// arrive puts everything that comes up to a moment into the buffer.
	arrive := func(until time.Duration) {
		for next < len(arrivals) && arrivals[next].At <= until {
			a := arrivals[next]
			next++
			s.land(a.At)
			if s.buffered() >= s.c.BufferSize {
				s.r.Dropped++
				if s.r.FirstDrop < 0 {
					s.r.FirstDrop = a.At
				}
				continue
			}
			s.buffer = append(s.buffer, a)
			s.held++
			s.heldBytes += int64(a.Size)
			s.r.MaxBuffer = max(s.r.MaxBuffer, int64(s.buffered()))
			s.r.MaxHeld = max(s.r.MaxHeld, s.held)
			s.r.MaxHeldBytes = max(s.r.MaxHeldBytes, s.heldBytes)
		}
	}
	now := time.Duration(0)
	var batch []Arrival
	for next < len(arrivals) || s.buffered() > 0 {
		// Collect until the batch is full or the timer, set at the beginning,
		// has run. Without batching there is no timer.
		deadline := time.Duration(math.MaxInt64)
		if s.c.MaxBatchSize > 1 {
			deadline = now + s.c.MaxBatchWait
		}
		arrive(now)
		batch = batch[:0]
		for len(batch) < s.c.MaxBatchSize {
			if s.buffered() > 0 {
				batch = append(batch, s.pop())
				continue
			}
			if next >= len(arrivals) || arrivals[next].At > deadline {
				break
			}
			now = arrivals[next].At
			arrive(now)
		}
		if len(batch) < s.c.MaxBatchSize {
			if next >= len(arrivals) && deadline == math.MaxInt64 {
				// Nothing more will come.
				deadline = now
			}
			now = deadline
			arrive(now)
		}
		if len(batch) == 0 {
			// An idle wait; skip to the round in which something comes.
			if next < len(arrivals) && s.c.MaxBatchWait > 0 && arrivals[next].At > now {
				now += (arrivals[next].At - now) / s.c.MaxBatchWait * s.c.MaxBatchWait
			}
			continue
		}
		if s.c.Throttle {
			now += s.reserve(now)
			arrive(now)
		}
		s.r.Batches++
		lands := s.send(now, batch)
		if !s.c.Async {
			now = lands
			arrive(now)
		}
	}
	s.land(math.MaxInt64)
}

// reserve takes a token from the bucket and returns how long to wait for it.
func (s *sim) reserve(now time.Duration) time.Duration {
	s.tokens = min(float64(s.c.Burst), s.tokens+(now-s.tokensAt).Seconds()*s.c.QPS)
	s.tokensAt = now
	s.tokens--
	if s.tokens >= 0 {
		return 0
	}
	return time.Duration(-s.tokens / s.c.QPS * float64(time.Second))
}

// send hands a batch on and returns when the delegate is done with it.
func (s *sim) send(now time.Duration, batch []Arrival) time.Duration {
	var bytes int64
	for _, a := range batch {
		bytes += int64(a.Size)
	}
	lands, ok := s.attempt(now, len(batch))
	for _, a := range batch {
		if ok {
			s.r.Delivered++
			s.lag(lands - a.At)
		} else {
			s.r.Failed++
		}
	}
	heap.Push(&s.flights, flight{lands, int64(len(batch)), bytes})
	s.land(now)
	s.r.MaxInFlight = max(s.r.MaxInFlight, len(s.flights))
	return lands
}

// attempt tries a batch as often as the webhook does.
func (s *sim) attempt(now time.Duration, n int) (lands time.Duration, ok bool) {
	took := s.c.Latency + time.Duration(n)*s.c.PerEvent
	pause := s.c.Backoff
	for i := 1; ; i++ {
		if !s.down(now) {
			return now + took, true
		}
		if i >= s.c.Attempts {
			return now, false
		}
		now += pause
		pause += pause / 2
	}
}

func (s *sim) down(t time.Duration) bool {
	return slices.ContainsFunc(s.c.Outages, func(w Window) bool { return t >= w.From && t < w.To })
}

func (s *sim) lag(d time.Duration) {
	s.r.MaxLag = max(s.r.MaxLag, d)
	s.lags.add(d)
}

// blocking hands every event on at once, and its request waits. The log's
// writes are one after the other, a webhook's side by side.
func (s *sim) blocking(arrivals []Arrival) {
	var free time.Duration
	var total float64 // the sum of many waits is more than a Duration holds
	for _, a := range arrivals {
		s.land(a.At)
		begin := a.At
		if !s.c.Async {
			begin = max(begin, free)
		}
		s.held++
		s.heldBytes += int64(a.Size)
		s.r.MaxHeld = max(s.r.MaxHeld, s.held)
		s.r.MaxHeldBytes = max(s.r.MaxHeldBytes, s.heldBytes)
		lands, ok := s.attempt(begin, 1)
		s.r.Batches++
		free = lands
		heap.Push(&s.flights, flight{lands, 1, int64(a.Size)})
		s.r.MaxInFlight = max(s.r.MaxInFlight, len(s.flights))
		wait := lands - a.At
		total += float64(wait)
		s.r.MaxWait = max(s.r.MaxWait, wait)
		switch {
		case ok:
			s.r.Delivered++
			s.lag(wait)
		case s.c.Mode == "blocking-strict":
			s.r.Rejected++
			s.r.Failed++
		default:
			s.r.Failed++
		}
	}
	s.land(math.MaxInt64)
	if n := len(arrivals); n > 0 {
		s.r.MeanWait = time.Duration(total / float64(n))
	}
}

// lags is a histogram with buckets a twentieth apart, so that any number of
// events takes the same memory.
type lags struct {
	buckets [1000]int64
	n       int64
}

func newLags() *lags { return &lags{} }

const lagStep = 1.05

func (l *lags) add(d time.Duration) {
	i := 0
	if us := float64(d.Microseconds()); us > 1 {
		i = int(math.Log(us)/math.Log(lagStep)) + 1
	}
	l.buckets[min(i, len(l.buckets)-1)]++
	l.n++
}

func (l *lags) quantile(q float64) time.Duration {
	if l.n == 0 {
		return 0
	}
	left := int64(math.Ceil(q * float64(l.n)))
	for i, c := range l.buckets {
		if left -= c; left <= 0 {
			return time.Duration(math.Pow(lagStep, float64(i))) * time.Microsecond
		}
	}
	return 0
}
