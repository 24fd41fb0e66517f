package advise

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
)

const (
	// measureBytes is the most that is read of one log to measure its rate; where
	// there was more, a shorter time is measured, down to measureTime.
	measureBytes = 8 << 20
	measureTime  = 5 * time.Second
)

// measure reads the last minutes of one pod's logs per workload.
func (c *collector) measure(ctx context.Context) {
	slots := make(chan struct{}, 8)
	var wg sync.WaitGroup
	n, failed, lastErr := 0, 0, ""
	for _, w := range c.s.Workloads {
		p := c.pods[w]
		if p == nil {
			continue
		}
		if n++; n > c.o.Sample {
			continue
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			slots <- struct{}{}
			defer func() { <-slots }()
			for _, name := range running(p) {
				rate, err := c.rate(ctx, p, name)
				c.mu.Lock()
				if err != nil {
					failed++
					lastErr = reason(err)
				} else {
					w.Rates[name] = rate
				}
				c.mu.Unlock()
			}
		}()
	}
	wg.Wait()
	if failed > 0 {
		c.note("could not read the logs of %d containers to measure their rate (%s)", failed, lastErr)
	}
	if n > c.o.Sample {
		c.note("the log rate of %d of %d workloads was measured (--sample)", c.o.Sample, n)
	}
}

// running are the containers that write as long as the pod runs: native sidecars
// among the init containers, too.
func running(p *corev1.Pod) []string {
	var names []string
	for _, k := range p.Spec.InitContainers {
		if k.RestartPolicy != nil && *k.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			names = append(names, k.Name)
		}
	}
	for _, k := range p.Spec.Containers {
		names = append(names, k.Name)
	}
	return names
}

// maxTurns is how often a log may be rotated while it is measured; what is read
// after that may be of a younger file than is thought.
const maxTurns = 3

// rate measures a container's log, over what kubectl logs shows of it: the container
// may have been restarted in the meantime, and the newest file begun.
func (c *collector) rate(ctx context.Context, p *corev1.Pod, container string) (Rate, error) {
	longest, turns := c.o.Window, 0
	for {
		begin, err := c.begin(ctx, p, container)
		if err != nil {
			return Rate{}, err
		}
		window := c.shown(p, container, begin, longest)
		bytes, full, err := c.read(ctx, p, container, window)
		if err != nil {
			return Rate{}, err
		}
		after, err := c.begin(ctx, p, container)
		if err != nil {
			return Rate{}, err
		}
		if !after.Equal(begin) && turns < maxTurns {
			turns++
			continue
		}
		switch shorter := max(window/8, measureTime).Truncate(time.Second); {
		case full && shorter < window:
			longest = shorter
		case full, !after.Equal(begin):
			return Rate{BytesPerMinute: bytes / window.Minutes(), AtLeast: true, Source: fmt.Sprintf("at least: %s came within %s", Bytes(bytes), window.Round(time.Second))}, nil
		default:
			return Rate{BytesPerMinute: bytes / window.Minutes(), Source: fmt.Sprintf("measured over %s", window.Round(time.Second))}, nil
		}
	}
}

// shown is the time that kubectl logs shows, up to the longest: the time since the
// container was started, or the newest file was begun.
func (c *collector) shown(p *corev1.Pod, container string, begin time.Time, longest time.Duration) time.Duration {
	window := longest
	since := func(t time.Time) {
		if age := c.o.Now().Sub(t); age < window {
			window = max(age, time.Second)
		}
	}
	for _, s := range slices.Concat(p.Status.ContainerStatuses, p.Status.InitContainerStatuses) {
		if s.Name == container && s.State.Running != nil {
			since(s.State.Running.StartedAt.Time)
		}
	}
	if !begin.IsZero() {
		since(begin)
	}
	return window
}

// begin is when the first line of the newest file of a log was written, zero where
// there is none.
func (c *collector) begin(ctx context.Context, p *corev1.Pod, container string) (time.Time, error) {
	limit := int64(len(time.RFC3339Nano))
	one, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	b, err := c.c.CoreV1().Pods(p.Namespace).GetLogs(p.Name, &corev1.PodLogOptions{Container: container, LimitBytes: &limit, Timestamps: true}).DoRaw(one)
	if err != nil {
		return time.Time{}, err
	}
	first, _, _ := bytes.Cut(b, []byte{' '})
	t, err := time.Parse(time.RFC3339Nano, string(first))
	if err != nil {
		return time.Time{}, nil // a runtime that writes no times
	}
	return t, nil
}

// read says how many bytes a container's log grew by on the node's disk in the last
// time, and whether there was more than is read.
func (c *collector) read(ctx context.Context, p *corev1.Pod, container string, window time.Duration) (bytes float64, full bool, err error) {
	secs, limit := int64(math.Ceil(window.Seconds())), int64(measureBytes)
	one, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	// Timestamps make each line as long as it is on the node's disk, where
	// "stdout F " is added too.
	r, err := c.c.CoreV1().Pods(p.Namespace).GetLogs(p.Name, &corev1.PodLogOptions{Container: container, SinceSeconds: &secs, LimitBytes: &limit, Timestamps: true}).Stream(one)
	if err != nil {
		return 0, false, err
	}
	defer r.Close()
	lines := countLines(0)
	n, err := io.Copy(&lines, r)
	return float64(n) + 9*float64(lines), n >= limit, err
}

// countLines counts the lines that are written to it.
type countLines int64

func (c *countLines) Write(b []byte) (int, error) {
	*c += countLines(bytes.Count(b, []byte{'\n'}))
	return len(b), nil
}
