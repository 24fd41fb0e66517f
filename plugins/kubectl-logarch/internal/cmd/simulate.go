package cmd

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/simulate"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
	"github.com/clusterwright/kubectl-plugins/shared/output"
)

type simulateFlags struct {
	scenarios []string
	agent     string
	binary    string
	command   string
	compare   bool
	lines     int
	output    string
}

type simulateOptions struct {
	readers   []simulate.Reader
	scenarios []simulate.Scenario
	lines     int
	output    string
	shell     string
}

const simulateLong = `Run the tailer that inject adds, here, against what happens to log files:
rotation by rename and by copytruncate, two rotations at once, a kill, a file
that is not there yet, a burst, the end of the pod. Real processes read real
files in a temporary folder; the lines written, delivered, lost and doubled are
counted. It takes about half a minute and needs no cluster.

--agent runs an OpenTelemetry collector or Filebeat instead, with the configuration
that inject makes for it, --command any program that copies a file to its stdout,
--compare a plain tail -f and tail -F beside.

Exit status 1: lines were lost that should have come, or the reader did not end
within the grace period of 30 seconds.`

func newSimulate(env *cli.Env) *cobra.Command {
	f := &simulateFlags{}
	c := &cobra.Command{
		Use:   "simulate",
		Short: "Run the tailer or an agent against rotation, kills and bursts; count lost lines",
		Long:  simulateLong,
		Example: `
			# The sidecar that inject adds
			kubectl logarch simulate
			# What hand-written sidecars lose, beside it
			kubectl logarch simulate --compare
			# A collector, in two scenarios
			kubectl logarch simulate --agent otel --binary ./otelcol --scenario rename,copytruncate
			# A script of your own
			kubectl logarch simulate --command 'sh ship.sh {file}' -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := f.options()
			if err != nil {
				return err
			}
			return o.run(cmd.Context(), env)
		},
	}
	var names []string
	for _, s := range simulate.Scenarios {
		names = append(names, s.Name)
	}
	fs := c.Flags()
	fs.StringSliceVar(&f.scenarios, "scenario", nil, "Only these: "+strings.Join(names, ", "))
	fs.StringVar(&f.agent, "agent", "", "Run an agent instead of the tailer: otel or filebeat")
	fs.StringVar(&f.binary, "binary", "", "The agent's program (default: filebeat, or otelcol, otelcol-contrib or otelcol-k8s, on the PATH)")
	fs.StringVar(&f.command, "command", "", "Run this instead: a program that copies {file} to stdout; {dir} is a folder that survives a restart")
	fs.BoolVar(&f.compare, "compare", false, "Run tail -f and tail -F too")
	fs.IntVar(&f.lines, "lines", 1000, "About how many lines a scenario writes (a burst twenty times as many)")
	fs.StringVarP(&f.output, "output", "o", "text", "Output format: text, json, yaml")
	_ = c.RegisterFlagCompletionFunc("scenario", cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("agent", cobra.FixedCompletions(slices.Sorted(maps.Keys(runnable)), cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json", "yaml"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (f *simulateFlags) options() (*simulateOptions, error) {
	o := &simulateOptions{lines: f.lines, output: f.output}
	switch f.output {
	case "text", "json", "yaml":
	default:
		return nil, cli.Usagef("-o %q: not one of text, json, yaml", f.output)
	}
	if f.lines < 60 || f.lines > 1_000_000 {
		return nil, cli.Usagef("--lines %d: from 60 to 1000000", f.lines)
	}
	for _, name := range f.scenarios {
		i := slices.IndexFunc(simulate.Scenarios, func(s simulate.Scenario) bool { return s.Name == name })
		if i < 0 {
			return nil, cli.WithHint(cli.Usagef("--scenario %q: there is none of this name", name), "'kubectl logarch simulate --help' lists them")
		}
		o.scenarios = append(o.scenarios, simulate.Scenarios[i])
	}
	if len(o.scenarios) == 0 {
		o.scenarios = simulate.Scenarios
	}
	if f.agent != "" && f.command != "" {
		return nil, cli.Usagef("--agent and --command: only one of them")
	}
	if f.binary != "" && f.agent == "" {
		return nil, cli.Usagef("--binary %s: say with --agent what it is", f.binary)
	}
	if runtime.GOOS != "linux" && f.agent == "" && f.command == "" {
		return nil, cli.WithHint(cli.Unknownf("simulate: the tailer needs Linux (/proc), this is %s", runtime.GOOS), "run it in a Linux container or VM")
	}
	shell, err := simulate.FindShell()
	if err != nil && (f.agent == "" && f.command == "" || f.compare) {
		return nil, cli.Unknownf("simulate: %w", err)
	}
	switch {
	case f.agent != "":
		a, ok := runnable[f.agent]
		if !ok {
			return nil, cli.WithHint(cli.Usagef("--agent %q: only otel and filebeat can be run here", f.agent), "--command runs any program that copies {file} to its stdout")
		}
		bin, err := a.find(f.agent, f.binary)
		if err != nil {
			return nil, err
		}
		o.readers = []simulate.Reader{a.reader(bin)}
	case f.command != "":
		words := strings.Fields(f.command)
		if len(words) == 0 || !strings.Contains(f.command, "{file}") {
			return nil, cli.Usagef("--command %q: it has no {file} to read", f.command)
		}
		if _, err := exec.LookPath(words[0]); err != nil {
			return nil, cli.Usagef("--command: %s: no such program", words[0])
		}
		o.readers = []simulate.Reader{simulate.Any(words)}
	default:
		o.readers = []simulate.Reader{simulate.Tailer(shell)}
		o.shell = shell.Version
	}
	if f.compare {
		o.readers = append(o.readers, simulate.PlainTail(shell, "-f"), simulate.PlainTail(shell, "-F"))
		o.shell = shell.Version
	}
	return o, nil
}

// agentProgram is an agent that can be run here, and the names of its program.
type agentProgram struct {
	names  []string
	reader func(binary string) simulate.Reader
}

var runnable = map[string]agentProgram{
	"otel":     {[]string{"otelcol", "otelcol-contrib", "otelcol-k8s"}, simulate.OTel},
	"filebeat": {[]string{"filebeat"}, simulate.Filebeat},
}

func (a agentProgram) find(agent, binary string) (string, error) {
	if binary != "" {
		p, err := exec.LookPath(binary)
		if err != nil {
			return "", cli.Usagef("--binary %s: no such program", binary)
		}
		return p, nil
	}
	for _, n := range a.names {
		if p, err := exec.LookPath(n); err == nil {
			return p, nil
		}
	}
	return "", cli.WithHint(cli.Unknownf("--agent %s: no %s on the PATH", agent, strings.Join(a.names, ", ")), "name it with --binary")
}

// simulationReport is `simulate -o json`.
type simulationReport struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Shell      string            `json:"shell,omitempty"`
	Items      []simulate.Result `json:"items"`
	Summary    simulationSummary `json:"summary"`
}

type simulationSummary struct {
	Written    int `json:"written"`
	Delivered  int `json:"delivered"`
	Lost       int `json:"lost"`
	Doubled    int `json:"doubled"`
	Unexpected int `json:"unexpected"`
	Failed     int `json:"failed"`
}

func (o *simulateOptions) run(ctx context.Context, env *cli.Env) error {
	dir, err := os.MkdirTemp("", "logarch-simulate-")
	if err != nil {
		return cli.Unknownf("simulate: %w", err)
	}
	defer os.RemoveAll(dir)
	p := output.NewProgress(env.ErrOut, env.Interactive())
	defer p.Stop()
	// Most of a scenario is waiting.
	results, err := simulate.Run(ctx, o.readers, o.scenarios, simulate.Options{Lines: o.lines, Dir: dir, Parallel: 5}, func(done, all int) {
		p.Set("simulate: %d of %d scenarios played", done, all)
	})
	p.Stop()
	if err != nil {
		return err
	}
	rep := &simulationReport{APIVersion: apiVersion, Kind: "SimulationReport", Shell: o.shell, Items: results}
	for i := range results {
		r := &results[i]
		rep.Summary.Written += r.Written
		rep.Summary.Delivered += r.Delivered
		rep.Summary.Lost += r.Lost
		rep.Summary.Doubled += r.Doubled
		if r.Unexpected() {
			rep.Summary.Unexpected++
		}
		if r.Error != "" {
			rep.Summary.Failed++
		}
	}
	if what := neverRan(results); what != "" {
		return cli.Unknownf("simulate: %s does not run: it ended by itself, %s", results[0].Reader, what)
	}
	switch o.output {
	case "json":
		err = finding.WriteJSON(env.Out, rep)
	case "yaml":
		err = finding.WriteYAML(env.Out, rep)
	default:
		err = writeSimulation(env.Out, env.Style(env.Out), rep, o.readers, env.Width())
	}
	if err != nil {
		return err
	}
	switch {
	case rep.Summary.Unexpected > 0:
		return cli.Exit(cli.ExitFindings)
	case rep.Summary.Failed > 0:
		return cli.Exit(cli.ExitUnknown)
	}
	return nil
}

// neverRan says what the first reader said, where it ended by itself in every
// scenario and delivered nothing: that is no result of a simulation.
func neverRan(results []simulate.Result) string {
	what := ""
	for _, r := range results {
		if r.Reader != results[0].Reader {
			break
		}
		if r.Ended == "" || r.Delivered > 0 {
			return ""
		}
		what = r.Ended
	}
	return what
}

func writeSimulation(w io.Writer, st cli.Style, rep *simulationReport, readers []simulate.Reader, width int) error {
	var b strings.Builder
	note := func(paint func(string) string, text string) {
		fold.Under(&b, "      ", paint(text), width)
	}
	for n, rd := range readers {
		var of []simulate.Result
		lost, bad, failed, killed := 0, 0, 0, 0
		for _, r := range rep.Items {
			if r.Reader != rd.Name {
				continue
			}
			of = append(of, r)
			lost += r.Lost
			if r.Error != "" {
				failed++
				continue
			}
			if r.Lost > 0 {
				bad++
			}
			if r.Killed {
				killed++
			}
		}
		played := count(int64(len(of)-failed), "scenario")
		if n > 0 {
			b.WriteByte('\n')
		}
		verdict := st.Good("nothing lost in " + played)
		switch {
		case failed == len(of):
			verdict = st.Warning("nothing was played")
		case bad > 0:
			verdict = st.Error(fmt.Sprintf("%s lost, in %d of %s", count(int64(lost), "line"), bad, played))
		}
		if killed > 0 {
			verdict += st.Error(fmt.Sprintf("; SIGTERM ignored in %d", killed))
		}
		if failed > 0 {
			verdict += st.Warning(fmt.Sprintf("; %d could not be played", failed))
		}
		fold.Hang(&b, "", "  ", fmt.Sprintf("%s: %s   %s", st.Bold(rd.Name), verdict, st.Faint(rd.About)), width)
		fmt.Fprintf(&b, "%s\n", st.Faint("  SCENARIO         WRITTEN  DELIVERED     LOST  DOUBLED    STOP"))
		for _, r := range of {
			if r.Error != "" {
				fold.Under(&b, fmt.Sprintf("  %-16s ", r.Scenario), st.Warning("not played: "+r.Error), width)
				continue
			}
			lostCell := fmt.Sprintf("%8s", comma(int64(r.Lost)))
			if r.Lost > 0 {
				lostCell = st.Error(lostCell)
			}
			stop := fmt.Sprintf("%6.1fs", r.StopSeconds)
			if r.Killed {
				stop = st.Error(" killed")
			}
			fmt.Fprintf(&b, "  %-16s %7s  %9s %s %8s %s\n", r.Scenario, comma(int64(r.Written)), comma(int64(r.Delivered)), lostCell, comma(int64(r.Doubled)), stop)
			switch {
			case r.Ended != "":
				note(st.Faint, r.About+"; it ended by itself, "+r.Ended)
			case r.Lost > 0 && r.Known != "" && r.Known != simulate.Comparison:
				note(st.Faint, r.About+"; "+r.Known)
			case r.Lost > 0:
				note(st.Faint, fmt.Sprintf("%s; the first lost is line %d", r.About, r.FirstLost))
			}
			if r.Foreign > 0 {
				note(st.Warning, count(int64(r.Foreign), "line")+" that nobody wrote so (halves?)")
			}
		}
	}
	if rep.Shell != "" {
		b.WriteByte('\n')
		fold.Under(&b, "", "Run with "+rep.Shell+"; STOP is from SIGTERM to the end (a pod has 30s).", width)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
