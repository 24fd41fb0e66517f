package backend

import (
	"bufio"
	"bytes"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Counters are an API server's audit metrics at one moment.
type Counters struct {
	// Start is when the process started, in seconds since 1970: it tells API
	// servers behind one address apart. 0 where it is not told.
	Start float64 `json:"processStart"`
	// Events is apiserver_audit_event_total.
	Events float64 `json:"events"`
	// Errors is apiserver_audit_error_total by plugin, Levels
	// apiserver_audit_level_total by level.
	Errors map[string]float64 `json:"errors"`
	Levels map[string]float64 `json:"levels"`
	// Rejected is apiserver_audit_requests_rejected_total.
	Rejected float64 `json:"rejected"`
	// Found says that the metrics were there at all.
	Found bool `json:"-"`
}

// ReadMetrics reads the audit counters from the text of /metrics.
func ReadMetrics(text []byte) (Counters, error) {
	c := Counters{Errors: map[string]float64{}, Levels: map[string]float64{}}
	s := bufio.NewScanner(bytes.NewReader(text))
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		line := s.Text()
		if !strings.HasPrefix(line, "apiserver_audit_") && !strings.HasPrefix(line, "process_start_time_seconds") {
			continue
		}
		series, rest, ok := cutSeries(line)
		if !ok {
			return c, fmt.Errorf("metrics: the line %.60q is not of the form NAME VALUE", line)
		}
		v, err := strconv.ParseFloat(rest, 64)
		if err != nil {
			return c, fmt.Errorf("metrics: the line %.60q has no number", line)
		}
		name, labels, _ := strings.Cut(series, "{")
		switch name {
		case "process_start_time_seconds":
			c.Start = v
			continue
		case "apiserver_audit_event_total":
			c.Events = v
		case "apiserver_audit_requests_rejected_total":
			c.Rejected = v
		case "apiserver_audit_error_total":
			c.Errors[label(labels, "plugin")] += v
		case "apiserver_audit_level_total":
			c.Levels[label(labels, "level")] += v
		}
		c.Found = true
	}
	return c, s.Err()
}

func cutSeries(line string) (series, value string, ok bool) {
	i := strings.IndexByte(line, ' ')
	if j := strings.LastIndexByte(line, '}'); j > 0 {
		i = j + 1
	}
	if i <= 0 || i >= len(line) {
		return "", "", false
	}
	fields := strings.Fields(line[i:]) // a timestamp may follow
	if len(fields) == 0 {
		return "", "", false
	}
	return line[:i], fields[0], true
}

func label(labels, name string) string {
	_, rest, ok := strings.Cut(labels, name+`="`)
	if !ok {
		return ""
	}
	v, _, _ := strings.Cut(rest, `"`)
	return v
}

// The states of auditing, worst first.
const (
	Failing     = "failing"
	Dropping    = "dropping"
	NotAuditing = "not auditing"
	Silent      = "silent"
	Auditing    = "auditing"
	Mixed       = "unknown"
)

// Verdict is what two readings of one API server say.
type Verdict struct {
	State string `json:"state"`
	// Why explains it in sentences, with the figures.
	Why []string `json:"why"`
	// Remedy says what to do about it.
	Remedy string `json:"remedy,omitempty"`
	// Seconds is the time between the readings, the counts are what came
	// between them.
	Seconds  float64            `json:"seconds"`
	Events   float64            `json:"events"`
	Requests float64            `json:"requests"`
	Errors   map[string]float64 `json:"errors"`
	Rejected float64            `json:"rejected"`
	Before   Counters           `json:"before"`
	After    Counters           `json:"after"`
}

// Judge compares two readings of the same API server, taken dt apart.
func Judge(before, after Counters, dt time.Duration) Verdict {
	v := Verdict{Seconds: dt.Seconds(), Errors: map[string]float64{}, Before: before, After: after}
	why := func(format string, args ...any) { v.Why = append(v.Why, fmt.Sprintf(format, args...)) }
	if before.Start != after.Start || after.Events < before.Events {
		v.State = Mixed
		why("the two readings come from two processes: several API servers stand behind this address, or it was restarted")
		v.Remedy = "Ask one API server: --server https://NODE:6443, with --tls-server-name where its certificate does not name the node."
		return v
	}
	v.Events = after.Events - before.Events
	v.Rejected = after.Rejected - before.Rejected
	for l, n := range after.Levels {
		v.Requests += n - before.Levels[l]
	}
	var failed, total float64
	var plugins []string
	for p, n := range after.Errors {
		total += n
		if d := n - before.Errors[p]; d > 0 {
			v.Errors[p] = d
			failed += d
			plugins = append(plugins, p)
		}
	}
	sort.Strings(plugins)
	counted := 0.0
	for _, n := range after.Levels {
		counted += n
	}
	if !after.Found || counted == 0 {
		v.State = NotAuditing
		why("no request has been judged by a policy since the API server started, this one included: there is no policy, or no backend")
		v.Remedy = "Set --audit-policy-file and a backend: 'kubectl auditpolicy backend log' writes both."
		return v
	}
	what := map[string]string{
		"buffered": "dropped because the buffer was full", "webhook": "not taken by the receiver",
		"log": "not written to the log", "truncate": "too large even without bodies",
	}
	for _, p := range plugins {
		say := what[p]
		if say == "" {
			say = "failed"
		}
		why("%.0f events were %s (plugin %s) in %s", v.Errors[p], say, p, dt.Round(time.Second))
	}
	if v.Rejected > 0 {
		why("%.0f requests were refused because they could not be logged", v.Rejected)
	}
	switch {
	case v.Errors["buffered"] > 0 && failed == v.Errors["buffered"] && v.Rejected == 0:
		v.State = Dropping
		v.Remedy = "Raise throttle-qps and buffer-size, or record less: 'kubectl auditpolicy backend webhook --rate N' and 'replay' tell how much."
	case failed > 0 || v.Rejected > 0:
		v.State = Failing
		v.Remedy = "Look at the receiver or the disk; the API server's own log names each failed event."
	case v.Events > 0:
		v.State = Auditing
		why("%.0f events of %.0f requests in %s, none failed", v.Events, v.Requests, dt.Round(time.Second))
	default:
		v.State = Silent
		why("%.0f requests in %s made no event: the policy records none of them", v.Requests, dt.Round(time.Second))
		v.Remedy = "Look at the policy: 'kubectl auditpolicy match' tells which rule takes a request."
	}
	if total > failed {
		why("%.0f events have failed since the API server started", total-failed)
	}
	if before.Rejected > 0 {
		why("%.0f requests have been refused since the API server started", before.Rejected)
	}
	return v
}

// Alerts is a PrometheusRule with the alerts that tell when auditing stops,
// drops or fails.
const Alerts = `apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: kube-apiserver-audit
  namespace: monitoring
spec:
  groups:
    - name: kube-apiserver-audit
      rules:
        # A full buffer, a receiver that refuses, a disk that is full: the
        # plugin says which.
        - alert: AuditEventsLost
          expr: sum by (instance, plugin) (rate(apiserver_audit_error_total[5m])) > 0
          for: 5m
          labels: {severity: critical}
          annotations:
            summary: "{{ $labels.instance }} loses audit events (plugin {{ $labels.plugin }})"
        # Every API server gets requests all the time. One that makes no event
        # does not audit.
        - alert: AuditSilent
          expr: sum by (instance) (rate(apiserver_audit_event_total[10m])) == 0
          for: 15m
          labels: {severity: critical}
          annotations:
            summary: "{{ $labels.instance }} has recorded no audit event for 15 minutes"
        # With blocking-strict, clients get HTTP 500 instead.
        - alert: AuditRejectsRequests
          expr: sum by (instance) (rate(apiserver_audit_requests_rejected_total[5m])) > 0
          labels: {severity: critical}
          annotations:
            summary: "{{ $labels.instance }} refuses requests that it cannot log"
        # A sudden multiple of the usual volume fills disks and hides things.
        - alert: AuditVolumeJump
          expr: |
            sum by (instance) (rate(apiserver_audit_event_total[10m]))
              > 5 * sum by (instance) (rate(apiserver_audit_event_total[1h] offset 1h))
          for: 15m
          labels: {severity: warning}
          annotations:
            summary: "{{ $labels.instance }} records five times its usual audit volume"
`
