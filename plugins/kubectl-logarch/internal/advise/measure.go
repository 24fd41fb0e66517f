package advise

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// measureBytes is the most that is read of one log to measure its rate.
const measureBytes = 2 << 20

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

// rate measures a container's log. Where more came than is read, a shorter time is
// measured: what kubectl logs shows is one file, and a fast one is young.
func (c *collector) rate(ctx context.Context, p *corev1.Pod, container string) (Rate, error) {
	window := c.o.Window
	for _, s := range slices.Concat(p.Status.ContainerStatuses, p.Status.InitContainerStatuses) {
		if s.Name == container && s.State.Running != nil {
			if age := c.o.Now.Sub(s.State.Running.StartedAt.Time); age > 0 && age < window {
				window = max(age, time.Second)
			}
		}
	}
	for {
		bytes, full, err := c.read(ctx, p, container, window)
		switch shorter := max(window/8, time.Second); {
		case err != nil:
			return Rate{}, err
		case full && shorter < window:
			window = shorter
		case full:
			return Rate{BytesPerMinute: bytes / window.Minutes(), AtLeast: true, Source: fmt.Sprintf("at least: %s came within %s", Bytes(bytes), window.Round(time.Second))}, nil
		default:
			return Rate{BytesPerMinute: bytes / window.Minutes(), Source: fmt.Sprintf("measured over %s", window.Round(time.Second))}, nil
		}
	}
}

// read says how many bytes a container's log grew by on the node's disk in the last
// time, and whether there was more than is read.
func (c *collector) read(ctx context.Context, p *corev1.Pod, container string, window time.Duration) (bytes float64, full bool, err error) {
	secs, limit := int64(window/time.Second), int64(measureBytes)
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
