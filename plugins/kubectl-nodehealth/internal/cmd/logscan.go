package cmd

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/nodelog"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/phrase"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

// scanReport is the JSON of `logs --scan`.
type scanReport struct {
	APIVersion string        `json:"apiVersion"`
	Kind       string        `json:"kind"`
	Node       string        `json:"node"`
	Logs       []scannedLog  `json:"logs"`
	Hits       []nodelog.Hit `json:"hits"`
}

type scannedLog struct {
	Unit  string `json:"unit"`
	From  string `json:"from,omitempty"`
	Lines int    `json:"lines"`
	// Error says why it could not be read.
	Error string `json:"error,omitempty"`
}

// scan looks for signatures in the unit asked for, or in the kubelet's, the
// runtime's and the kernel's log.
func (l *logReader) scan(ctx context.Context, oneUnit bool) error {
	units := []string{"kubelet", runtimeUnit(l.info), "kernel"}
	if oneUnit {
		units = []string{l.flags.unit}
	}
	report := scanReport{Node: l.node}
	var scanner nodelog.Scanner
	read := 0
	done := func() {}
	if !l.flags.debugPod { // the pod says what it is at
		done = l.env.Doing("reading the logs of %s: %s", l.node, strings.Join(units, ", "))
		defer done()
	}
	for _, unit := range units {
		s := scannedLog{Unit: unit}
		if l.down != "" && !l.flags.debugPod {
			// The kubelet is not asked, and waited for, once more.
			s.Error = fmt.Sprintf("%s of %s: %s", unit, l.node, l.down)
			report.Logs = append(report.Logs, s)
			continue
		}
		r, from, err := l.open(ctx, unit)
		if err == nil {
			s.From = from
			err = nodelog.Read(r, l.query, l.now, func(rec nodelog.Record) {
				s.Lines++
				scanner.Add(rec)
			})
			r.Close()
		}
		if err != nil {
			s.Error = err.Error()
		} else {
			read++
		}
		report.Logs = append(report.Logs, s)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	done()
	report.Hits = scanner.Hits()
	return l.report(report, read)
}

// runtimeUnit is the service of a node's container runtime.
func runtimeUnit(info corev1.NodeSystemInfo) string {
	switch name, _, _ := strings.Cut(info.ContainerRuntimeVersion, "://"); name {
	case "cri-o":
		return "crio"
	case "docker":
		return "docker"
	}
	return "containerd"
}

func (l *logReader) printScan(r scanReport) {
	w, st := l.env.Out, l.env.Style(l.env.Out)
	lines, unread := 0, 0
	for _, s := range r.Logs {
		lines += s.Lines
		if s.Error != "" {
			unread++
		}
	}
	headline := fmt.Sprintf("%s: no known trouble in %s", r.Node, phrase.Count(lines, "line"))
	if len(r.Hits) > 0 {
		headline = fmt.Sprintf("%s: %s of known trouble in %s", r.Node, phrase.Count(len(r.Hits), "kind"), phrase.Count(lines, "line"))
	}
	switch {
	case unread == len(r.Logs) && len(r.Hits) == 0:
		headline = r.Node + ": cannot be told: none of its logs could be read"
	case unread > 0:
		headline += fmt.Sprintf("; %d of %d logs could not be read", unread, len(r.Logs))
	}
	fold.Hang(w, "", "  ", st.Bold(headline), l.env.Columns(w))
	for _, h := range r.Hits {
		fmt.Fprintf(w, "\n  %s  %dx%s  (%s)\n", st.Error(h.Name), h.Count, span(h.First, h.Last), h.Unit)
		fold.Under(w, "    ", h.Means, l.env.Width())
		fold.Under(w, "    next: ", h.Next, l.env.Width())
		fold.Under(w, "    ", st.Faint(h.Excerpt(3*(l.env.Width()-4))), l.env.Width())
	}
	fmt.Fprintln(w)
	for _, s := range r.Logs {
		if s.Error != "" {
			fold.Under(w, "  not read: ", s.Error, l.env.Width())
			continue
		}
		fold.Under(w, "  read: ", fmt.Sprintf("%s, %s from %s", s.Unit, phrase.Count(s.Lines, "line"), s.From), l.env.Columns(w))
	}
}

// span is ", first to last" where times are known.
func span(first, last time.Time) string {
	switch {
	case first.IsZero():
		return ""
	case last.Sub(first) < time.Second:
		return ", at " + first.Format("01-02 15:04:05")
	}
	return ", " + first.Format("01-02 15:04:05") + " to " + last.Format("01-02 15:04:05")
}
