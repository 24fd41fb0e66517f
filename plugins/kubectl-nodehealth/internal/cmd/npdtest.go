package cmd

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/npd"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/phrase"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

type npdTestOptions struct {
	rules, logs   []string
	logFormat     string
	output        string
	expect, never []string
}

// npdRun is one monitor over one log.
type npdRun struct {
	Rules   string       `json:"rules"`
	Log     string       `json:"log"`
	Lines   int          `json:"lines"`
	Dropped int          `json:"droppedLines"`
	Firings []npd.Firing `json:"firings"`
	States  []npd.State  `json:"conditions"`
	Silent  []string     `json:"rulesThatDidNotFire"`
}

func newNPDTest(env *cli.Env) *cobra.Command {
	o := npdTestOptions{}
	c := &cobra.Command{
		Use:   "test --rules FILE --log FILE",
		Short: "Run a monitor's rules over a log exactly as the detector does",
		Long: `Shows which rules fire on which lines, what condition or event each gives, and
how the conditions stand after the log. With --expect and --never it is a test:
the exit status is 1 where a reason did not fire, or fired.

The log may be raw kernel messages, the output of dmesg, /dev/kmsg, a syslog
file or journalctl (short or -o json); --log-format says which where the guess
is wrong.`,
		Example: `
			# What would the kernel monitor say about this log?
			kubectl nodehealth npd test --rules kernel-monitor.json --log oom_kill.log

			# As a test: this must fire, that must not
			kubectl nodehealth npd test --rules kernel-monitor.json --log oom_kill.log --expect OOMKilling --never KernelOops

			# A node's own kernel log
			ssh kube-worker-1 dmesg | kubectl nodehealth npd test --rules kernel-monitor.json --log -`,
		Args: cobra.NoArgs,
		RunE: func(_ *cobra.Command, _ []string) error {
			if len(o.rules) == 0 || len(o.logs) == 0 {
				return cli.Usagef("npd test: needs a monitor (--rules FILE) and a log (--log FILE)")
			}
			if !slices.Contains([]string{"text", "json", "yaml"}, o.output) {
				return cli.Usagef("-o %q: not one of text, json, yaml", o.output)
			}
			return o.run(env)
		},
	}
	fs := c.Flags()
	fs.StringArrayVar(&o.rules, "rules", nil, "A monitor configuration; may be repeated")
	fs.StringArrayVar(&o.logs, "log", nil, "A log, gzip or not; - is stdin; may be repeated")
	fs.StringVar(&o.logFormat, "log-format", "auto", "Format of the log: "+strings.Join(npd.Formats, ", "))
	fs.StringSliceVar(&o.expect, "expect", nil, "Reasons that have to fire")
	fs.StringSliceVar(&o.never, "never", nil, "Reasons that must not fire")
	fs.StringVarP(&o.output, "output", "o", "text", "Output format: text, json, yaml")
	completeValues(c, "log-format", npd.Formats)
	completeValues(c, "output", []string{"text", "json", "yaml"})
	return c
}

func (o *npdTestOptions) run(env *cli.Env) error {
	var files []*npd.File
	for _, name := range o.rules {
		monitors, err := loadMonitors(env, name)
		if err != nil {
			return err
		}
		for _, f := range monitors {
			if !f.Config.Custom() {
				files = append(files, f)
			} else if len(monitors) == 1 {
				return cli.Usagef("%s: a custom plugin monitor runs scripts; there are no log rules to test", name)
			}
		}
	}
	var runs []npdRun
	for _, log := range o.logs {
		more, err := o.replay(env, files, log)
		if err != nil {
			return err
		}
		runs = append(runs, more...)
	}
	wrong := o.judge(files, runs)
	switch o.output {
	case "json", "yaml":
		report := map[string]any{
			"apiVersion": "nodehealth.clusterwright.dev/v1alpha1", "kind": "DetectorTest", "items": runs, "failures": wrong,
		}
		write := finding.WriteJSON
		if o.output == "yaml" {
			write = finding.WriteYAML
		}
		if err := write(env.Out, report); err != nil {
			return err
		}
	default:
		for i, r := range runs {
			if i > 0 {
				fmt.Fprintln(env.Out)
			}
			writeNPDRun(env, r)
		}
		for _, w := range wrong {
			fmt.Fprintf(env.Out, "%s %s\n", env.Style(env.Out).Error("FAIL"), w)
		}
	}
	if len(wrong) > 0 {
		return cli.Exit(cli.ExitFindings)
	}
	return nil
}

// replay runs all monitors over one log in one reading.
func (o *npdTestOptions) replay(env *cli.Env, files []*npd.File, log string) ([]npdRun, error) {
	r, done, err := openLog(env, log)
	if err != nil {
		return nil, err
	}
	defer done()
	monitors := make([]*npd.Monitor, len(files))
	translate := make([]npd.Translator, len(files))
	runs := make([]npdRun, len(files))
	for i, f := range files {
		if monitors[i], err = npd.NewMonitor(&f.Config); err != nil {
			return nil, cli.WithHint(cli.Usagef("%s: the detector would not start: %w", f.Name, err), "kubectl nodehealth npd rules "+f.Name)
		}
		if translate[i], err = npd.NewTranslator(&f.Config, o.logFormat); err != nil {
			return nil, cli.Usagef("%s: %w", f.Name, err)
		}
		runs[i] = npdRun{Rules: f.Name, Log: log, Firings: []npd.Firing{}, Silent: []string{}}
	}
	for n := 1; ; n++ {
		line, err := r.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, cli.Usagef("%s: line %d: %w", log, n, err)
		}
		if line == "" {
			break
		}
		line = strings.TrimRight(line, "\r\n")
		for i := range files {
			runs[i].Lines = n
			l, ok := translate[i](n, line)
			if !ok {
				runs[i].Dropped++
				continue
			}
			runs[i].Firings = append(runs[i].Firings, monitors[i].Push(l)...)
		}
	}
	for i, f := range files {
		runs[i].States = monitors[i].States()
		for k, rule := range f.Config.Rules {
			if !slices.ContainsFunc(runs[i].Firings, func(x npd.Firing) bool { return x.Rule == k }) {
				runs[i].Silent = append(runs[i].Silent, rule.Reason)
			}
		}
	}
	return runs, nil
}

// judge holds the firings against --expect and --never.
func (o *npdTestOptions) judge(files []*npd.File, runs []npdRun) []string {
	wrong := []string{}
	lines := map[string][]string{}
	for _, r := range runs {
		for _, f := range r.Firings {
			lines[f.Reason] = append(lines[f.Reason], fmt.Sprintf("%s:%d", r.Log, f.Last))
		}
	}
	for _, reason := range o.expect {
		if len(lines[reason]) > 0 {
			continue
		}
		known := slices.ContainsFunc(files, func(f *npd.File) bool {
			return slices.ContainsFunc(f.Config.Rules, func(r npd.Rule) bool { return r.Reason == reason })
		})
		if known {
			wrong = append(wrong, fmt.Sprintf("%s did not fire", reason))
		} else {
			wrong = append(wrong, fmt.Sprintf("%s did not fire: no rule has this reason", reason))
		}
	}
	for _, reason := range o.never {
		if len(lines[reason]) > 0 {
			wrong = append(wrong, fmt.Sprintf("%s fired at %s", reason, strings.Join(lines[reason], ", ")))
		}
	}
	return wrong
}

func writeNPDRun(env *cli.Env, r npdRun) {
	st := env.Style(env.Out)
	fired := map[int]bool{}
	events := 0
	for _, f := range r.Firings {
		fired[f.Rule] = true
		if f.Type == npd.Temporary || f.Changed {
			events++
		}
	}
	set := 0
	for _, s := range r.States {
		if s.Status == "True" {
			set++
		}
	}
	columns := env.Columns(env.Out)
	fold.Hang(env.Out, "", "  ", st.Bold(fmt.Sprintf("%s on %s: %s fired, %s, %s", r.Rules, r.Log,
		phrase.Count(len(fired), "rule"), phrase.Count(events, "event"), phrase.Count(set, "condition")+" set")), columns)
	for _, f := range r.Firings {
		where := fmt.Sprintf("line %d", f.First)
		if f.Last != f.First {
			where = fmt.Sprintf("lines %d-%d", f.First, f.Last)
		}
		what := "event"
		switch {
		case f.Condition != "" && f.Changed:
			what = "condition " + f.Condition + "=True, event"
		case f.Condition != "":
			what = "condition " + f.Condition + "=True already"
		case f.Type != npd.Temporary:
			what = "nothing: its condition is not declared"
		}
		fold.Under(env.Out, fmt.Sprintf("  %-12s rule %-3d %-24s ", where, f.Rule+1, f.Reason), what, columns)
		fmt.Fprintf(env.Out, "               %s\n", st.Faint(fold.Clip(f.Message, env.Width()-15)))
	}
	for _, s := range r.States {
		fmt.Fprintf(env.Out, "  %-28s %-6s %s\n", s.Type, s.Status, s.Reason)
	}
	fmt.Fprintf(env.Out, "  %s read, %d not for this monitor; %s silent\n", phrase.Count(r.Lines, "line"), r.Dropped, phrase.Count(len(r.Silent), "rule"))
}
