package cmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/parse"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/logline"
)

// parseFlags is what the command line says.
type parseFlags struct {
	output, since, until, severity string
	components, callers, where     []string
	grep                           []string
	verbosity                      int
	follow, stats, quiet, merge    bool
	top, year                      int
	timezone, by                   string
}

// parseOptions is what a run needs.
type parseOptions struct {
	args     []string
	output   string
	follow   bool
	stats    bool
	quiet    bool
	merge    bool
	top      int
	by       string
	filter   *parse.Filter
	defaults parse.Defaults
}

const parseLong = `Read the logs of cluster components and containers, in whatever form they were
kept, as one kind of record.

Formats: klog text (with structured and multi-line values), component JSON
(--logging-format=json), etcd's and other JSON, containerd's logfmt, dated lines
of applications with the stack traces below them.
Carriers: CRI and docker files, journald (-o json, -o export or short), syslog,
kubectl logs (with --timestamps or --prefix), stern, kubetail, docker compose,
talosctl logs, grep (-H, -n, -A), gzip. A folder is searched for logs; in
/var/log/pods the path gives the pod, and rotated files come in order. Times are
shown in UTC.

Nothing is dropped in silence: a line in no known format is kept as text and
counted.`

func newParse(env *cli.Env) *cobra.Command {
	f := &parseFlags{}
	c := &cobra.Command{
		Use:   "parse [FILE|DIR|-]...",
		Short: "Read klog, JSON, CRI and journald logs as one kind of record",
		Long:  parseLong,
		Example: `
			# What a component's log says, on a terminal
			kubectl logarch parse /var/log/kubelet.log
			# The errors of the last ten minutes of a unit
			journalctl -u kubelet -o export | kubectl logarch parse --severity error --since 10m -
			# A node's container logs as JSON lines, rotated files in order
			kubectl logarch parse /var/log/pods -o json
			# Everything about one pod, whoever logged it
			kubectl logarch parse /var/log/pods --where pod=kube-system/coredns-7d764666f9-abcde
			# The control plane's story in one sequence
			kubectl logarch parse /var/log/pods --merge --since 03:00 --until 03:10 --severity warning
			# What took the API server more than a second
			kubectl logarch parse kube-apiserver.log --where 'latency>1s'
			# What repeats, and when it was worst
			kubectl logarch parse kube-apiserver.log --stats
			# A JSON log back as klog text
			kubectl logs -n kube-system kube-scheduler-cp1 | kubectl logarch parse - -o klog`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := f.options(env, args)
			if err != nil {
				return err
			}
			return o.run(cmd.Context(), env)
		},
	}
	f.bind(c)
	c.AddCommand(newParseStats(env))
	return c
}

// newParseStats is `parse stats`, the long way of --stats.
func newParseStats(env *cli.Env) *cobra.Command {
	f := &parseFlags{}
	c := &cobra.Command{
		Use:   "stats [FILE|DIR|-]...",
		Short: "Sum logs up: error rate, busiest minute, what repeats",
		Example: `
			kubectl logarch parse stats /var/log/kubelet.log
			kubectl logarch parse stats /var/log/pods --severity warning --top 20 -o json
			# How the API server answered, and how often
			kubectl logarch parse stats kube-apiserver.log --by resp`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.stats = true
			o, err := f.options(env, args)
			if err != nil {
				return err
			}
			return o.run(cmd.Context(), env)
		},
	}
	f.bind(c)
	_ = c.Flags().MarkHidden("stats")
	_ = c.Flags().MarkHidden("follow")
	return c
}

func (f *parseFlags) bind(c *cobra.Command) {
	fs := c.Flags()
	fs.StringVarP(&f.output, "output", "o", "text", "Output format: text, json (a record a line) or klog; with --stats text or json")
	fs.StringVar(&f.since, "since", "", "Only events since then: 10m or 2d (before now), 15:04, 2006-01-02T15:04:05Z or 2006-01-02")
	fs.StringVar(&f.until, "until", "", "Only events until then")
	fs.StringVar(&f.severity, "severity", "", "Only events of this severity or worse: debug, info, warning, error or fatal")
	fs.StringSliceVar(&f.components, "component", nil, "Only events of these components or containers (* stands for any text)")
	fs.StringSliceVar(&f.callers, "caller", nil, "Only events logged there: file.go or file.go:123")
	fs.StringArrayVar(&f.where, "where", nil, "Only events with this: key=value (* stands for any text), key!=value, key~part, key!~part, or key>number (a duration, too); msg, err, logger, namespace, pod, container, stream are keys too, and members of objects (event.Type)")
	fs.IntVarP(&f.verbosity, "verbosity", "v", -1, "Only events up to this -v level; klog text does not tell it, JSON does")
	fs.StringArrayVar(&f.grep, "grep", nil, "Only events that match this regular expression")
	fs.BoolVar(&f.follow, "follow", false, "Go on as the files grow, through rotation, until interrupted")
	fs.BoolVar(&f.merge, "merge", false, "Show the events of all files in the order of their time, not file by file")
	fs.BoolVar(&f.stats, "stats", false, "Sum up instead: error rate, busiest minute, what repeats")
	fs.IntVar(&f.top, "top", 10, "How many messages --stats shows")
	fs.StringVar(&f.by, "by", "", "With --stats: count the values of this key too (pod, caller, resp, event.Type, ...)")
	fs.IntVar(&f.year, "year", 0, "Year of klog text without a carrier that knows it (default: from the file's time)")
	fs.StringVar(&f.timezone, "timezone", "UTC", "Time zone of times that tell none, where no carrier does: UTC, Local or a name such as Europe/Oslo")
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "No notes on stderr")
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json", "klog"}, cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("severity", cobra.FixedCompletions(logline.SeverityNames, cobra.ShellCompDirectiveNoFileComp))
}

func (f *parseFlags) options(env *cli.Env, args []string) (*parseOptions, error) {
	now := env.Now()
	o := &parseOptions{args: args, output: f.output, follow: f.follow, stats: f.stats, quiet: f.quiet, merge: f.merge, top: f.top, by: f.by, filter: parse.NewFilter()}
	o.defaults.Now = now.UnixNano()
	o.defaults.Clock = func() int64 { return env.Now().UnixNano() }
	if f.by != "" && !f.stats {
		return nil, cli.Usagef("--by %s: it is for --stats (kubectl logarch parse stats)", f.by)
	}
	if f.stats && f.follow {
		return nil, cli.Usagef("--stats and --follow: sums need an end; leave one of the two out")
	}
	if f.merge && f.follow {
		return nil, cli.Usagef("--merge and --follow: files that grow are shown as their lines come; leave one of the two out")
	}
	switch f.output {
	case "text", "json":
	case "klog":
		if f.stats {
			return nil, cli.Usagef("-o klog: --stats has text and json")
		}
	default:
		return nil, cli.Usagef("-o %q: not one of text, json, klog", f.output)
	}
	for _, t := range []struct {
		flag, val string
		dst       *int64
	}{{"since", f.since, &o.filter.Since}, {"until", f.until, &o.filter.Until}} {
		if t.val == "" {
			continue
		}
		when, err := parse.ParseWhen(t.val, now)
		if err != nil {
			return nil, cli.Usagef("--%s %w", t.flag, err)
		}
		*t.dst = parse.Nanos(when)
	}
	if o.filter.Since != 0 && o.filter.Until != 0 && o.filter.Since > o.filter.Until {
		return nil, cli.Usagef("--since %s is after --until %s: no event can be both", f.since, f.until)
	}
	if f.severity != "" {
		sev, ok := logline.ParseSeverity(f.severity)
		if !ok {
			return nil, cli.Usagef("--severity %q: not one of %s", f.severity, strings.Join(logline.SeverityNames, ", "))
		}
		o.filter.Severity = sev
	}
	o.filter.Components, o.filter.Callers = f.components, f.callers
	if f.verbosity < -1 {
		return nil, cli.Usagef("-v %d: a level is 0 or more", f.verbosity)
	}
	o.filter.V = f.verbosity
	for _, w := range f.where {
		cond, err := parse.ParseCondition(w)
		if err != nil {
			return nil, cli.Usagef("--where %w", err)
		}
		o.filter.Where = append(o.filter.Where, cond)
	}
	for _, g := range f.grep {
		re, err := regexp.Compile(g)
		if err != nil {
			return nil, cli.Usagef("--grep: %w", err)
		}
		o.filter.Grep = append(o.filter.Grep, re)
	}
	if f.year != 0 && (f.year < 1970 || f.year > 2200) {
		return nil, cli.Usagef("--year %d: not a year of a log such as 2026", f.year)
	}
	o.defaults.Year = f.year
	if f.timezone != "UTC" && f.timezone != "" {
		loc, err := time.LoadLocation(f.timezone)
		if err != nil {
			return nil, cli.Usagef("--timezone %q: not a time zone known here (such as Europe/Oslo, Local or UTC)", f.timezone)
		}
		o.defaults.Offset = func(wall int64) int64 {
			u := time.Unix(0, wall).UTC()
			_, off := time.Date(u.Year(), u.Month(), u.Day(), u.Hour(), u.Minute(), u.Second(), 0, loc).Zone()
			return int64(off) * int64(time.Second)
		}
	}
	if f.top < 1 {
		return nil, cli.Usagef("--top %d: at least 1", f.top)
	}
	return o, nil
}

func (o *parseOptions) run(ctx context.Context, env *cli.Env) error {
	if len(o.args) == 0 && cli.IsTerminal(env.In) {
		return cli.WithHint(cli.Usagef("nothing to parse: name a file or a folder, or pipe a log in"),
			"journalctl -u kubelet -o export | kubectl logarch parse -", "kubectl logarch parse /var/log/pods")
	}
	inputs, err := parse.Expand(o.args, env.In, o.defaults)
	if err != nil {
		return readError(err)
	}
	if o.filter.V >= 0 {
		if name, only := parse.OnlyKlogText(inputs); only {
			return noVerbosity(o.filter.V, name)
		}
	}
	opt := parse.Options{Filter: o.filter, Stats: o.stats, By: o.by}
	if !o.stats {
		opt.Encode = o.encoder(env, inputs)
	}
	done := func() {}
	if o.stats && !o.follow {
		done = env.Doing("reading %s", count(int64(len(inputs)), "log"))
		defer done()
	}
	out := bufio.NewWriterSize(env.Out, 64<<10)
	var result *parse.Result
	if o.follow {
		result, err = parse.Follow(ctx, o.args, env.In, o.defaults, opt, env.Out)
	} else if o.merge && !o.stats && len(inputs) > 1 {
		result, err = parse.Merge(ctx, inputs, opt, out)
	} else if len(inputs) == 1 && inputs[0].Path == "" {
		result, err = parse.Run(ctx, inputs, opt, env.Out)
	} else {
		result, err = parse.Run(ctx, inputs, opt, out)
	}
	done()
	if ferr := out.Flush(); err == nil {
		err = ferr
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return readError(err)
	}
	if o.stats {
		if err := o.showStats(env, result); err != nil {
			return err
		}
	}
	if !o.quiet {
		o.notes(env, result)
	}
	if n := len(result.Unread); n > 0 {
		hints := []string{}
		for _, err := range result.Unread[1:min(n, 10)] {
			hints = append(hints, "also not read: "+readError(err).Error())
		}
		if n > 10 {
			hints = append(hints, fmt.Sprintf("and %d more", n-10))
		}
		return cli.WithHint(readError(result.Unread[0]), hints...)
	}
	if o.filter.V >= 0 && result.Events > 0 && result.Formats[logline.Klog] == result.Events-result.Blank {
		return noVerbosity(o.filter.V, "this input")
	}
	return nil
}

func noVerbosity(v int, name string) error {
	return cli.WithHint(cli.Usagef("-v %d: %s is klog text, which does not tell the verbosity of a line", v, name),
		"only --logging-format=json records it; --severity and --caller work on both")
}

// readError gives an input that cannot be read its exit status, and leaves out
// what only a programmer wants to know.
func readError(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return cli.Usagef("%s: %w", pe.Path, pe.Err)
	}
	return cli.Usagef("%w", err)
}

// encoder returns how an event is written.
func (o *parseOptions) encoder(env *cli.Env, inputs []parse.Input) func([]byte, *logline.Event) []byte {
	switch o.output {
	case "json":
		return func(dst []byte, ev *logline.Event) []byte { return append(ev.AppendJSON(dst), '\n') }
	case "klog":
		return func(dst []byte, ev *logline.Event) []byte { return append(ev.AppendKlog(dst), '\n') }
	}
	sources := map[string]bool{}
	for _, in := range inputs {
		sources[in.Meta.Namespace+"/"+in.Meta.Pod+"/"+in.Meta.Container+"/"+in.Meta.Component] = true
	}
	many := len(sources) > 1
	for _, a := range o.args {
		if info, err := os.Stat(a); err == nil && info.IsDir() {
			many = true
		}
	}
	view := logline.NewView(env.Style(env.Out))
	return func(dst []byte, ev *logline.Event) []byte {
		return append(view.Append(dst, ev, many || len(ev.Env.Identifier) > 0 || len(ev.Env.Pod) > 0), '\n')
	}
}

// notes says on stderr what a reader of the output could not see in it.
func (o *parseOptions) notes(env *cli.Env, r *parse.Result) {
	note := env.Note
	for _, n := range r.Notes {
		note("%s", n)
	}
	if n := r.Formats[logline.Unparsed] - r.Blank; n > 0 {
		switch {
		case r.UnparsedHidden > 0:
			note("%s of %s are in no format known here; a filter left out %s of them, which it could not judge", count(n, "event"), comma(r.Events), comma(r.UnparsedHidden))
		default:
			note("%s of %s in no format known here, kept as text", count(n, "event"), comma(r.Events))
		}
	}
	if r.NotUTF8 && o.output == "json" {
		note("bytes that are not UTF-8 are U+FFFD in JSON; -o klog keeps them")
	}
	if r.Incomplete > 0 {
		note("%s cut off: the end was never written", count(r.Incomplete, "line"))
	}
	if r.NULs > 0 {
		note("%s before lines left out, as copytruncate leaves them where the writer does not append", count(r.NULs, "NUL byte"))
	}
	if r.NoVerbosity > 0 {
		note("-v: %s kept although klog text does not tell their verbosity", count(r.NoVerbosity, "event"))
	}
	switch {
	case r.Lines == 0 && r.Events == 0:
		note("the input is empty")
	case r.Shown == 0 && o.filter.Any():
		span := ""
		if r.First != 0 {
			span = fmt.Sprintf("; they are from %s to %s", shortTime(r.First), shortTime(r.Last))
		}
		note("none of %s passed the filter%s", count(r.Events, "event"), span)
	}
}

func shortTime(t int64) string { return time.Unix(0, t).UTC().Format("2006-01-02 15:04:05Z") }

// count says a number of things, with the plural.
func count(n int64, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return comma(n) + " " + word + "s"
}

// comma writes a number with a comma every three digits.
func comma(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
