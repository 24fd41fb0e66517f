// Package backend knows what surrounds an audit policy: the API server's flags
// that switch auditing on, the files and mounts they need on each kind of
// cluster, what their values have to be for a given load, and how to tell from
// outside whether it works.
package backend

import (
	"fmt"
	"math"
	"time"
)

// Load is what a backend has to carry.
type Load struct {
	// Rate is how many requests a second the API server takes.
	Rate float64 `json:"requestsPerSecond"`
	// EventsPerRequest is how many events a request makes: two with
	// RequestReceived and ResponseComplete, a little more than one without the
	// former.
	EventsPerRequest float64 `json:"eventsPerRequest"`
	// EventSize is the mean size of an event in bytes.
	EventSize int `json:"eventBytes"`
	// BatchSize is how many events go out together.
	BatchSize int `json:"batchSize"`
	// Latency is how long the backend may take for a batch.
	Latency time.Duration `json:"-"`
	// Headroom multiplies what the load needs; 1 is the bare minimum.
	Headroom float64 `json:"headroom"`
}

// Sizing is what a load needs of the batching backend.
type Sizing struct {
	EventsPerSecond float64 `json:"eventsPerSecond"`
	// MinQPS is the least rate of batches that carries the load. At exactly
	// that rate a backlog never shrinks.
	MinQPS float64 `json:"minQPS"`
	// QPS, Burst, Buffer and MaxSize are the values for the flags.
	QPS     int           `json:"throttleQPS"`
	Burst   int           `json:"throttleBurst"`
	Buffer  int           `json:"bufferSize"`
	MaxSize int           `json:"batchMaxSize"`
	MaxWait time.Duration `json:"-"`
	// MinBuffer holds the events that come while the backend takes its time.
	MinBuffer int `json:"minBuffer"`
	// BufferBytes is the memory of a full buffer, as serialised; in memory an
	// event takes several times as much.
	BufferBytes int64 `json:"bufferBytes"`
	// BytesPerSecond is what arrives at the backend.
	BytesPerSecond float64 `json:"bytesPerSecond"`
}

// Size computes the sizing by the reasoning of the handbook: 100 requests a
// second with two events each are 200 events a second; in batches of 100 that
// is at least 2 batches a second; a backend that may take 5 s needs room for 5 s
// of events, 1,000.
func Size(l Load) (Sizing, error) {
	switch {
	case !(l.Rate > 0) || math.IsInf(l.Rate, 0):
		return Sizing{}, fmt.Errorf("--rate %v: not above 0", l.Rate)
	case !(l.EventsPerRequest > 0) || l.EventsPerRequest > 4:
		return Sizing{}, fmt.Errorf("--events-per-request %v: not above 0 and at most 4, one a stage", l.EventsPerRequest)
	case l.BatchSize < 1:
		return Sizing{}, fmt.Errorf("--batch-size %d: not 1 or more", l.BatchSize)
	case l.Latency <= 0:
		return Sizing{}, fmt.Errorf("--latency %s: not above 0", l.Latency)
	case !(l.Headroom >= 1):
		return Sizing{}, fmt.Errorf("--headroom %v: not 1 or more", l.Headroom)
	}
	s := Sizing{EventsPerSecond: l.Rate * l.EventsPerRequest, MaxSize: l.BatchSize}
	s.MinQPS = s.EventsPerSecond / float64(l.BatchSize)
	s.QPS = int(math.Ceil(s.MinQPS*l.Headroom - 1e-9))
	s.MinBuffer = int(math.Ceil(s.EventsPerSecond*l.Latency.Seconds() - 1e-9))
	// A buffer below two batches would drop while one is being taken out.
	s.Buffer = max(int(math.Ceil(float64(s.MinBuffer)*l.Headroom-1e-9)), 2*l.BatchSize)
	if float64(s.Buffer) > 1e7 || float64(s.QPS) > 1e6 {
		return Sizing{}, fmt.Errorf("%.0f events a second need a buffer of %d events; no API server has the memory for it; record less, or give a larger --batch-size", s.EventsPerSecond, s.Buffer)
	}
	// After a stall a whole buffer may go out at once.
	s.Burst = max(15, s.QPS, int(math.Ceil(float64(s.Buffer)/float64(l.BatchSize))))
	// A batch that does not fill is sent after this time, so no event is older
	// when it arrives.
	s.MaxWait = 30 * time.Second
	if fill := float64(l.BatchSize) / s.EventsPerSecond; fill > 5 {
		s.MaxWait = 5 * time.Second
	}
	s.BufferBytes = int64(s.Buffer) * int64(l.EventSize)
	s.BytesPerSecond = s.EventsPerSecond * float64(l.EventSize)
	return s, nil
}

// OrDefaults keeps kube-apiserver's own buffer and rate of batches where they are
// larger: for a load that nobody has named.
func (s Sizing) OrDefaults(eventSize int) Sizing {
	d := Defaults(noRotation).Webhook
	s.QPS, s.Buffer = max(s.QPS, int(d.QPS)), max(s.Buffer, d.BufferSize)
	s.Burst = max(s.Burst, s.QPS, int(math.Ceil(float64(s.Buffer)/float64(s.MaxSize))))
	s.BufferBytes = int64(s.Buffer) * int64(eventSize)
	return s
}

// Retention is how a log on disk is kept.
type Retention struct {
	// MaxSize is the size in MB at which the file is rotated, MaxBackups how
	// many rotated ones are kept, MaxAge for how many days.
	MaxSize, MaxBackups, MaxAge int
}

// Disk is the most that the files take, in bytes; 0 for no bound.
func (r Retention) Disk() int64 {
	if r.MaxBackups == 0 || r.MaxSize == 0 {
		return 0
	}
	return int64(r.MaxBackups+1) * int64(r.MaxSize) * 1 << 20
}

// Days is how far the files reach back at a rate, in days.
func (r Retention) Days(bytesPerSecond float64) float64 {
	days := math.Inf(1)
	if d := r.Disk(); d > 0 && bytesPerSecond > 0 {
		days = float64(d) / bytesPerSecond / 86400
	}
	if r.MaxAge > 0 {
		days = min(days, float64(r.MaxAge))
	}
	return days
}

// Retain computes the rotation that keeps days of log at a rate, in files of
// maxSize MB. disk bounds the space in bytes, 0 is no bound.
func Retain(bytesPerSecond float64, days, maxSize int, disk int64) Retention {
	r := Retention{MaxSize: maxSize, MaxAge: days}
	file := float64(maxSize) * (1 << 20)
	backups := math.Ceil(bytesPerSecond * 86400 * float64(days) / file)
	if disk > 0 {
		backups = min(backups, math.Floor(float64(disk)/file)-1)
	}
	// The benchmark asks for at least ten.
	r.MaxBackups = int(max(backups, 10))
	if disk > 0 && r.Disk() > disk {
		r.MaxBackups = int(max(math.Floor(float64(disk)/file)-1, 1))
	}
	return r
}
