package cmd

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/report"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

// watchEvery is how often a watch looks; a cluster that takes long to read is
// looked at less often, so that the watch is no load.
const watchEvery = 2 * time.Second

// stay is -w: the answer, again on every change. On a terminal it is redrawn in
// place; in a pipe each change is written below the last, with its time.
func (o *diagnoseOptions) stay(ctx context.Context, env *cli.Env) error {
	c, err := o.client()
	if err != nil {
		return err
	}
	screen := cli.IsTerminal(env.Out)
	if screen {
		// The alternate screen leaves what was there before as it was.
		fmt.Fprint(env.Out, "\x1b[?1049h\x1b[?25l")
		defer fmt.Fprint(env.Out, "\x1b[?25h\x1b[?1049l")
	}
	last, mark := "", ""
	for {
		began := time.Now()
		var text, key string
		s, err := o.collect(ctx, env, c)
		switch {
		case ctx.Err() != nil:
			// The user's way to end it.
			return nil
		case err != nil && last == "":
			return err
		case err != nil:
			key = "error: " + err.Error()
			text = key + "\n\n" + last
		default:
			l := report.New(s)
			var b bytes.Buffer
			if err := o.text(env, &b, l); err != nil {
				return err
			}
			text, key = b.String(), fingerprint(l)
			last = text
		}
		if err := draw(env.Out, screen, text, key != mark); err != nil {
			return err
		}
		mark = key
		wait := max(watchEvery, 4*time.Since(began))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

func draw(w io.Writer, screen bool, text string, changed bool) error {
	if screen {
		// Home, then each line with the rest of the old one erased: no flicker.
		_, err := fmt.Fprint(w, "\x1b[H"+strings.ReplaceAll(text, "\n", "\x1b[K\n")+"\x1b[J")
		return err
	}
	if !changed {
		return nil
	}
	_, err := fmt.Fprintf(w, "%s  %s\n", time.Now().UTC().Format(time.RFC3339), text)
	return err
}

// fingerprint is what counts as a change: verdicts, faults and findings, not
// the ages that grow.
func fingerprint(l *report.List) string {
	var b strings.Builder
	if l.Cluster.Fault != nil {
		fmt.Fprintf(&b, "%s\n", l.Cluster.Fault.Name)
	}
	for _, i := range l.Items {
		fmt.Fprintf(&b, "%s %s", i.Metadata.Name, i.Verdict)
		if i.Fault != nil {
			fmt.Fprintf(&b, " %s %s", i.Fault.Name, i.Fault.Confidence)
		}
		for _, f := range i.Findings {
			fmt.Fprintf(&b, " %s", f.ID)
		}
		fmt.Fprintln(&b)
	}
	return b.String()
}
