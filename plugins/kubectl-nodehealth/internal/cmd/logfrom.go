package cmd

import (
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/nodelog"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// saved reads a log that somebody saved or pasted, without a cluster.
func (l *logReader) saved(cmd *cobra.Command) error {
	for _, name := range []string{"list", "file", "boot", "debug-pod", "unit"} {
		if cmd.Flags().Changed(name) {
			return cli.Usagef("--from with --%s: a saved log is one log, and no node is asked", name)
		}
	}
	br, done, err := openLog(l.env, l.flags.from)
	if err != nil {
		return err
	}
	defer done()
	switch _, err := br.Peek(1); {
	case errors.Is(err, io.EOF):
		return cli.Usagef("--from %s: the file is empty", l.flags.from)
	case err != nil:
		return cli.Usagef("--from %w", err)
	}
	if l.flags.scan {
		return l.scanSaved(br)
	}
	if _, err := l.print(br); err != nil {
		return cli.Usagef("--from %s: %w", l.flags.from, err)
	}
	return nil
}

func (l *logReader) scanSaved(r io.Reader) error {
	s := scannedLog{Unit: "log", From: l.flags.from}
	var scanner nodelog.Scanner
	if err := nodelog.Read(r, l.query, l.now, func(rec nodelog.Record) {
		s.Lines++
		scanner.Add(rec)
	}); err != nil {
		return cli.Usagef("--from %s: %w", l.flags.from, err)
	}
	return l.report(scanReport{Node: l.node, Logs: []scannedLog{s}, Hits: scanner.Hits()}, 1)
}

// report writes what a scan found; its exit status says whether anything was,
// else whether all of it could be read: trouble may stand in the log that could
// not.
func (l *logReader) report(r scanReport, read int) error {
	r.APIVersion, r.Kind = "nodehealth.clusterwright.dev/v1alpha1", "LogScan"
	if l.flags.output == "json" {
		if err := finding.WriteJSON(l.env.Out, r); err != nil {
			return err
		}
	} else {
		l.printScan(r)
	}
	switch {
	case len(r.Hits) > 0:
		return cli.Exit(cli.ExitFindings)
	case read < len(r.Logs):
		return cli.Exit(cli.ExitUnknown)
	}
	return nil
}

// logsArgs takes a node, or none where a saved log is read.
func logsArgs(f *logsFlags) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) == 1, len(args) == 0 && f.from != "":
			return nil
		case len(args) == 0:
			return cli.WithHint(cli.Usagef("logs: which node?"), "kubectl nodehealth logs kube-worker-1", "a saved log is read with --from FILE")
		}
		return cli.WithHint(cli.Usagef("logs: one node at a time, not %d", len(args)), "a saved log is read with --from FILE")
	}
}
