package simulate

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	auditinternal "k8s.io/apiserver/pkg/apis/audit"
	"k8s.io/apiserver/plugin/pkg/audit/buffered"
	"k8s.io/klog/v2"
)

// receiver is the delegate of a real buffered backend.
type receiver struct {
	mu        sync.Mutex
	latency   time.Duration
	start     time.Time
	delivered int64
	batches   int64
	maxLag    time.Duration
	inFlight  int
	most      int
}

func (r *receiver) ProcessEvents(events ...*auditinternal.Event) bool {
	r.mu.Lock()
	r.inFlight++
	r.most = max(r.most, r.inFlight)
	r.mu.Unlock()
	time.Sleep(r.latency)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inFlight--
	r.batches++
	for _, e := range events {
		r.delivered++
		r.maxLag = max(r.maxLag, time.Since(e.StageTimestamp.Time))
	}
	return true
}

func (r *receiver) Run(<-chan struct{}) error { return nil }
func (r *receiver) Shutdown()                 {}
func (r *receiver) String() string            { return "receiver" }

// TestAgainstApiserver runs kube-apiserver's own buffered backend and the
// simulation on the same arrivals, both on a virtual clock: they must drop the
// same number of events and send the same number of batches.
func TestAgainstApiserver(t *testing.T) {
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	rnd := rand.New(rand.NewPCG(7, 8))
	n := 120
	if testing.Short() {
		n = 20
	}
	dropping := 0
	for i := range n {
		c := Config{
			Mode: "batch", BufferSize: 1 + rnd.IntN(60), MaxBatchSize: 1 + rnd.IntN(30),
			// Odd numbers of nanoseconds keep a timer and an arrival from
			// falling on the same moment, where the real code throws dice.
			MaxBatchWait: time.Duration(50+rnd.IntN(2000))*time.Millisecond + 7,
			Throttle:     rnd.IntN(3) > 0, QPS: float64(1+rnd.IntN(40)) / 2, Burst: 1 + rnd.IntN(10),
			Async: rnd.IntN(2) == 0, Latency: time.Duration(rnd.IntN(700))*time.Millisecond + 13,
		}
		arrivals := Poisson(float64(1+rnd.IntN(200)), 20*time.Second, 1000, Peak{Window{5 * time.Second, 8 * time.Second}, 1 + 5*rnd.Float64()})
		for k := range arrivals {
			// The same gaps, and different moments.
			arrivals[k].At += time.Duration(k%97) * 3
		}
		for k := 1; k < len(arrivals); k++ {
			arrivals[k].At = max(arrivals[k].At, arrivals[k-1].At+1)
		}
		want := Run(c, arrivals)
		r := &receiver{latency: c.Latency}
		synctest.Test(t, func(t *testing.T) {
			r.start = time.Now()
			b := buffered.NewBackend(r, buffered.BatchConfig{
				BufferSize: c.BufferSize, MaxBatchSize: c.MaxBatchSize, MaxBatchWait: c.MaxBatchWait,
				ThrottleEnable: c.Throttle, ThrottleQPS: float32(c.QPS), ThrottleBurst: c.Burst, AsyncDelegate: c.Async,
			})
			stop := make(chan struct{})
			if err := b.Run(stop); err != nil {
				t.Fatal(err)
			}
			for _, a := range arrivals {
				time.Sleep(a.At - time.Since(r.start))
				// The queue's reader runs before the next event comes.
				synctest.Wait()
				e := &auditinternal.Event{}
				e.StageTimestamp.Time = time.Now()
				b.ProcessEvents(e)
				synctest.Wait()
			}
			// Long enough for everything to be on its way before the stop, which
			// would send a batch that is not full.
			time.Sleep(10 * time.Minute)
			close(stop)
			b.Shutdown()
		})
		name := fmt.Sprintf("run %d %+v, %d events", i, c, len(arrivals))
		if r.delivered != want.Delivered || int64(len(arrivals))-r.delivered != want.Dropped || r.batches != want.Batches {
			t.Errorf("%s: kube-apiserver delivered %d in %d batches, the simulation %d in %d (%d dropped)", name, r.delivered, r.batches, want.Delivered, want.Batches, want.Dropped)
		}
		if d := r.maxLag - want.MaxLag; d > time.Millisecond || d < -time.Millisecond {
			t.Errorf("%s: an event was %s late, in the simulation %s", name, r.maxLag, want.MaxLag)
		}
		if r.most != want.MaxInFlight {
			t.Errorf("%s: %d batches at once, in the simulation %d", name, r.most, want.MaxInFlight)
		}
		if want.Dropped > 0 {
			dropping++
		}
	}
	if dropping < n/5 || dropping == n {
		t.Errorf("%d of %d runs drop: they do not tell enough", dropping, n)
	}
}

func TestConservation(t *testing.T) {
	for _, mode := range []string{"batch", "blocking", "blocking-strict"} {
		for _, async := range []bool{false, true} {
			c := Config{Mode: mode, BufferSize: 100, MaxBatchSize: 10, MaxBatchWait: time.Second, Throttle: true, QPS: 5, Burst: 3, Async: async, Latency: 20 * time.Millisecond,
				Outages: []Window{{20 * time.Second, 40 * time.Second}}, Attempts: 5, Backoff: time.Second}
			a := Poisson(60, time.Minute, 1000, Peak{})
			r := Run(c, a)
			if r.Delivered+r.Dropped+r.Failed != r.Events || r.Events != int64(len(a)) || r.Bytes != 1000*r.Events {
				t.Errorf("%s: %+v", mode, r)
			}
			if r.MaxBuffer > 100 || mode == "batch" && (r.Dropped == 0 || r.FirstDrop < 0) || mode != "batch" && r.Dropped > 0 {
				t.Errorf("%s: %+v", mode, r)
			}
			if (r.Rejected > 0) != (mode == "blocking-strict") || mode != "batch" && r.MaxWait < time.Second {
				t.Errorf("%s: %+v", mode, r)
			}
		}
	}
}

// A batch is given up after five attempts: 10 s, 15 s, 22.5 s and 33.75 s apart,
// so an outage of 80 s is ridden out by what comes at its beginning and one of
// 90 s is not.
func TestAttempts(t *testing.T) {
	c := Config{Mode: "batch", BufferSize: 10, MaxBatchSize: 1, Async: true, Attempts: 5, Backoff: 10 * time.Second}
	for outage, failed := range map[time.Duration]int64{80 * time.Second: 0, 90 * time.Second: 1} {
		c.Outages = []Window{{0, outage}}
		if r := Run(c, []Arrival{{0, 1}}); r.Failed != failed || r.Failed+r.Delivered != 1 {
			t.Errorf("outage of %s: %+v", outage, r)
		}
	}
}

func TestPoisson(t *testing.T) {
	a := Poisson(100, 100*time.Second, 1, Peak{Window{50 * time.Second, 60 * time.Second}, 10})
	in := 0
	for i, x := range a {
		if x.At >= 50*time.Second && x.At < 60*time.Second {
			in++
		}
		if i > 0 && x.At < a[i-1].At {
			t.Fatal("not sorted")
		}
	}
	if math.Abs(float64(in)-10000) > 400 || math.Abs(float64(len(a)-in)-9000) > 400 {
		t.Errorf("%d in the peak, %d outside", in, len(a)-in)
	}
}

func TestLags(t *testing.T) {
	l := newLags()
	for i := range 1000 {
		l.add(time.Duration(i+1) * time.Millisecond)
	}
	if q := l.quantile(0.99); q < 940*time.Millisecond || q > 1040*time.Millisecond {
		t.Error(q)
	}
}

// A rate whose pauses are longer than a Duration can say ends at the end.
func TestPoissonRare(t *testing.T) {
	if got := Poisson(1e-12, time.Hour, 1, Peak{}); len(got) != 0 {
		t.Errorf("%d arrivals, the first at %s", len(got), got[0].At)
	}
}
