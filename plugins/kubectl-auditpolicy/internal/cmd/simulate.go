package cmd

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/auditlog"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/backend"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/simulate"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
	"github.com/clusterwright/kubectl-plugins/shared/output"
)

type simulateOptions struct {
	logs                           []string
	policy, file, format, target   string
	backend, failOn                string
	rate, perRequest, peak         float64
	duration, peakFor              time.Duration
	eventSize                      int
	mode                           string
	buffer, maxSize, burst         int
	qps                            float64
	maxWait, latency, outage, back time.Duration
	changed                        func(string) bool
}

func newSimulate(env *cli.Env) *cobra.Command {
	var o simulateOptions
	c := &cobra.Command{
		Use:   "simulate (--log LOG... | --rate N) [-f MANIFEST] [flags]",
		Short: "Run the audit backend on a virtual clock: drops, delay, memory, disk",
		Long: cli.Dedent(`
			Run kube-apiserver's audit backend on a virtual clock, with the events of a log as
			they came, or with a rate: what would it drop, how late would events be, how much
			memory would it hold, how long does the disk last.

			The settings are kube-apiserver's defaults, those of a manifest (-f), and those of
			flags, in this order.`),
		Example: cli.Dedent(`
			# Does the default webhook keep up with 2,000 requests a second?
			kubectl auditpolicy simulate --rate 2000

			# Would last night have been dropped, with a receiver away for two minutes?
			kubectl auditpolicy simulate --log audit.log --policy policy.yaml -f kube-apiserver.yaml --outage 2m`),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.changed = func(name string) bool { return cmd.Flags().Changed(name) }
			return o.run(cmd.Context(), env)
		},
	}
	addLogFlag(c, &o.logs, "Take the events of an audit log")
	f := c.Flags()
	f.StringVar(&o.policy, "policy", "", "Count only what this policy keeps of the log")
	f.Float64Var(&o.rate, "rate", 0, "Make events: requests a second to one API server")
	f.Float64Var(&o.perRequest, "events-per-request", 2, "Events a request")
	f.IntVar(&o.eventSize, "event-size", 1500, "Mean bytes of an event")
	f.DurationVar(&o.duration, "duration", 10*time.Minute, "How long the rate goes on")
	f.Float64Var(&o.peak, "peak", 1, "In the middle, this many times the rate")
	f.DurationVar(&o.peakFor, "peak-for", 30*time.Second, "... for this long")
	f.StringVarP(&o.file, "filename", "f", "", "Take the settings of an API server's manifest or configuration")
	f.StringVar(&o.target, "target-version", "1.37", "Kubernetes version, for the defaults")
	f.StringVar(&o.backend, "backend", "webhook", "webhook or log")
	f.StringVar(&o.mode, "mode", "", "batch, blocking or blocking-strict")
	f.IntVar(&o.buffer, "buffer-size", 0, "Events in the buffer")
	f.IntVar(&o.maxSize, "batch-max-size", 0, "Events a batch")
	f.DurationVar(&o.maxWait, "batch-max-wait", 0, "Longest wait for a batch to fill")
	f.Float64Var(&o.qps, "throttle-qps", 0, "Batches a second; 0 switches the throttle off")
	f.IntVar(&o.burst, "throttle-burst", 0, "Batches at once after a pause")
	f.DurationVar(&o.latency, "latency", 200*time.Millisecond, "How long the receiver takes for a batch (the disk: 100us an event)")
	f.DurationVar(&o.outage, "outage", 0, "The receiver is away for so long, in the middle")
	f.DurationVar(&o.back, "initial-backoff", 10*time.Second, "Pause before a batch is tried again")
	f.StringVar(&o.failOn, "fail-on", "never", "loss makes the exit status 1 if an event is lost; or never")
	addReportFormat(c, &o.format)
	for flag, values := range map[string][]string{"backend": {"webhook", "log"}, "mode": {"batch", "blocking", "blocking-strict"}, "fail-on": {"loss", "never"}} {
		_ = c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
	return c
}

func (o *simulateOptions) validate() error {
	if err := checkReportFormat(o.format); err != nil {
		return err
	}
	for _, f := range []struct {
		flag       string
		value, max time.Duration
	}{
		{"--peak-for", o.peakFor, 30 * 24 * time.Hour},
		{"--latency", o.latency, 10 * time.Minute},
		{"--initial-backoff", o.back, time.Hour},
		{"--outage", o.outage, 30 * 24 * time.Hour},
	} {
		if f.value < 0 || f.value > f.max {
			return cli.Usagef("%s %s: between 0 and %s", f.flag, f.value, f.max)
		}
	}
	switch {
	case len(o.logs) == 0 && o.rate == 0:
		return cli.WithHint(cli.Usagef("no events: give --log or --rate"), "for example: kubectl auditpolicy simulate --rate 500")
	case len(o.logs) > 0 && o.rate != 0:
		return cli.Usagef("--log and --rate: give one of the two")
	case o.policy != "" && len(o.logs) == 0:
		return cli.Usagef("--policy says what to count of a log: give --log too")
	case !(o.rate >= 0 && o.rate <= 1e6):
		return cli.Usagef("--rate %v: between 0 and a million", o.rate)
	case !(o.perRequest > 0 && o.perRequest <= 4):
		return cli.Usagef("--events-per-request %v: above 0, at most 4", o.perRequest)
	case o.eventSize < 1 || o.eventSize > 100<<20:
		return cli.Usagef("--event-size %d: between 1 byte and 100 MB", o.eventSize)
	case o.duration <= 0:
		return cli.Usagef("--duration %s: not above 0", o.duration)
	case !(o.peak >= 1):
		return cli.Usagef("--peak %v: not 1 or more", o.peak)
	case !(o.qps >= 0 && o.qps <= 1e6):
		return cli.Usagef("--throttle-qps %v: between 0, which switches it off, and a million", o.qps)
	case o.rate > 0 && o.rate*o.perRequest*(o.duration.Seconds()+o.peak*o.peakFor.Seconds()) > simulate.MaxArrivals:
		return cli.Usagef("%s a second for %s are more than %s events; make --duration shorter", trimFloat(o.rate*o.perRequest), o.duration, count(simulate.MaxArrivals))
	case o.backend != "webhook" && o.backend != "log":
		return cli.Usagef("--backend %q: not one of webhook, log", o.backend)
	case o.failOn != "loss" && o.failOn != "never":
		return cli.Usagef("--fail-on %q: not one of loss, never", o.failOn)
	}
	return nil
}

// config puts the settings together.
func (o *simulateOptions) config(env *cli.Env) (simulate.Config, backend.Settings, error) {
	minor, err := minorVersion(o.target)
	if err != nil {
		return simulate.Config{}, backend.Settings{}, cli.Usagef("--target-version %q: %w", o.target, err)
	}
	set := backend.Defaults(minor)
	if o.file != "" {
		data, _, err := readInput(env, o.file)
		if err != nil {
			return simulate.Config{}, set, err
		}
		s, err := backend.ReadServer(o.file, data)
		if err != nil {
			return simulate.Config{}, set, cli.Usagef("%w", err)
		}
		var problem string
		if set, problem = backend.InForce(s, minor); problem != "" {
			return simulate.Config{}, set, cli.Usagef("%s: %s", o.file, problem)
		}
		if !o.changed("backend") && set.WebhookConfig == "" && set.LogPath != "" {
			o.backend = "log"
		}
	}
	b := set.Webhook
	if o.backend == "log" {
		b = set.Log
	}
	if o.changed("mode") {
		b.Mode = o.mode
	}
	if o.changed("buffer-size") {
		b.BufferSize = o.buffer
	}
	if o.changed("batch-max-size") {
		b.MaxSize = o.maxSize
	}
	if o.changed("batch-max-wait") {
		b.MaxWait = o.maxWait
	}
	if o.changed("throttle-qps") {
		b.QPS, b.Throttle = o.qps, o.qps > 0
	}
	if o.changed("throttle-burst") {
		b.Burst = o.burst
	}
	switch b.Mode {
	case "batch", "blocking", "blocking-strict":
	default:
		return simulate.Config{}, set, cli.Usagef("--mode %q: not one of batch, blocking, blocking-strict", b.Mode)
	}
	if b.Mode == "batch" && (b.BufferSize < 1 || b.MaxSize < 1 || b.MaxWait < 0 || b.Throttle && (b.QPS <= 0 || b.Burst < 1)) {
		return simulate.Config{}, set, cli.Usagef("--buffer-size, --batch-max-size, --throttle-qps or --throttle-burst is not above 0, or --batch-max-wait below it: kube-apiserver does not start so")
	}
	if b.Mode == "batch" && b.MaxWait > 24*time.Hour {
		return simulate.Config{}, set, cli.Usagef("a batch that waits %s to fill: at most 24h are simulated", b.MaxWait)
	}
	c := simulate.Config{
		Mode: b.Mode, BufferSize: b.BufferSize, MaxBatchSize: b.MaxSize, MaxBatchWait: max(b.MaxWait, time.Millisecond),
		Throttle: b.Throttle, QPS: b.QPS, Burst: b.Burst, Latency: o.latency, Attempts: 1,
	}
	if o.backend == "webhook" {
		c.Async, c.Attempts, c.Backoff = true, 5, o.back
	} else if !o.changed("latency") {
		c.Latency, c.PerEvent = 0, 100*time.Microsecond
	}
	return c, set, nil
}

func (o *simulateOptions) run(ctx context.Context, env *cli.Env) error {
	if err := o.validate(); err != nil {
		return err
	}
	c, set, err := o.config(env)
	if err != nil {
		return err
	}
	arrivals, err := o.arrivals(ctx, env)
	if err != nil {
		return err
	}
	if len(arrivals) == 0 {
		return cli.Usagef("no event to simulate: none has a time, or the policy keeps none")
	}
	length := arrivals[len(arrivals)-1].At
	if o.outage > 0 {
		mid := length / 2
		c.Outages = []simulate.Window{{From: mid - o.outage/2, To: mid + o.outage/2}}
	}
	r := simulate.Run(c, arrivals)
	doc := simulation{
		APIVersion: apiVersion, Kind: "Simulation", Backend: o.backend, Mode: c.Mode, Seconds: length.Seconds(), Result: r,
		MaxLagSeconds: r.MaxLag.Seconds(), P99LagSeconds: r.P99Lag.Seconds(), MeanWaitSeconds: r.MeanWait.Seconds(), MaxWaitSeconds: r.MaxWait.Seconds(),
		Settings: settings{c.BufferSize, c.MaxBatchSize, c.MaxBatchWait.String(), c.Throttle, c.QPS, c.Burst},
	}
	if r.FirstDrop >= 0 {
		s := r.FirstDrop.Seconds()
		doc.FirstDropSeconds = &s
	}
	if length > 0 {
		doc.BytesPerSecond = float64(r.Bytes) / length.Seconds()
	}
	if o.backend == "log" && doc.BytesPerSecond > 0 {
		keep := backend.Retention{MaxSize: set.MaxSize, MaxBackups: set.MaxBackup, MaxAge: set.MaxAge}
		if d := keep.Days(doc.BytesPerSecond); !math.IsInf(d, 1) {
			doc.DiskDays, doc.DiskBytes = &d, keep.Disk()
			if doc.DiskBytes == 0 { // by age alone
				doc.DiskBytes = int64(d * 86400 * doc.BytesPerSecond)
			}
		}
	}
	switch o.format {
	case "json":
		err = finding.WriteJSON(env.Out, doc)
	case "yaml":
		err = finding.WriteYAML(env.Out, doc)
	default:
		writeSimulation(env, c, doc, length)
	}
	if err == nil && o.failOn == "loss" && r.Dropped+r.Failed > 0 {
		return cli.Exit(cli.ExitFindings)
	}
	return err
}

type settings struct {
	Buffer   int     `json:"bufferSize"`
	MaxSize  int     `json:"batchMaxSize"`
	MaxWait  string  `json:"batchMaxWait"`
	Throttle bool    `json:"throttle"`
	QPS      float64 `json:"throttleQPS"`
	Burst    int     `json:"throttleBurst"`
}

type simulation struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Backend    string   `json:"backend"`
	Mode       string   `json:"mode"`
	Settings   settings `json:"settings"`
	Seconds    float64  `json:"seconds"`
	simulate.Result
	FirstDropSeconds *float64 `json:"firstDropSeconds,omitempty"`
	MaxLagSeconds    float64  `json:"maxLagSeconds"`
	P99LagSeconds    float64  `json:"p99LagSeconds"`
	MeanWaitSeconds  float64  `json:"meanWaitSeconds"`
	MaxWaitSeconds   float64  `json:"maxWaitSeconds"`
	BytesPerSecond   float64  `json:"bytesPerSecond"`
	DiskDays         *float64 `json:"diskDays,omitempty"`
	DiskBytes        int64    `json:"diskBytes,omitempty"`
}

func (o *simulateOptions) arrivals(ctx context.Context, env *cli.Env) ([]simulate.Arrival, error) {
	if o.rate > 0 {
		p := output.NewProgress(env.ErrOut, env.Interactive())
		defer p.Stop()
		p.Set("simulating %s", o.duration)
		mid := o.duration / 2
		peak := simulate.Peak{Window: simulate.Window{From: mid - o.peakFor/2, To: mid + o.peakFor/2}, Factor: o.peak}
		return simulate.Poisson(o.rate*o.perRequest, o.duration, int32(o.eventSize), peak), nil
	}
	_, judge, err := judges(env, o.policy)
	if err != nil {
		return nil, err
	}
	var taken atomic.Int64
	visitors, _, err := readLogs(ctx, env, o.logs, func() auditlog.Visitor {
		return simulate.NewVisitor(judge(), &taken)
	})
	if err != nil {
		return nil, err
	}
	var own []*simulate.Visitor
	var untimed, overflow int64
	for _, v := range visitors {
		s := v.(*simulate.Visitor)
		own = append(own, s)
		untimed += s.Untimed
		overflow += s.Overflow
	}
	if overflow > 0 {
		return nil, cli.WithHint(cli.Usagef("the log has more than %s events", count(simulate.MaxArrivals)), "give a part of it, or take the rate that 'replay' tells and use --rate")
	}
	if untimed > 0 {
		env.Warn("%s without a time left out", plural(untimed, "event"))
	}
	return simulate.Arrivals(own), nil
}

func writeSimulation(env *cli.Env, c simulate.Config, d simulation, length time.Duration) {
	w, st := env.Out, env.Style(env.Out)
	lost := d.Dropped + d.Failed
	head := fmt.Sprintf("the %s loses nothing of %s in %s", d.Backend, plural(d.Events, "event"), span(length))
	if lost > 0 {
		head = st.Error(fmt.Sprintf("the %s loses %s of %s (%s) in %s", d.Backend, count(lost), plural(d.Events, "event"), percent(lost, d.Events), span(length)))
	} else {
		head = st.Good(head)
	}
	fmt.Fprintln(w, head)
	line := func(name, format string, args ...any) {
		fold.Under(w, fmt.Sprintf("  %-10s ", name), fmt.Sprintf(format, args...), env.Width())
	}
	set := c.Mode
	if c.Mode == "batch" {
		set += fmt.Sprintf(", buffer %s, batches of %s or every %s", count(int64(c.BufferSize)), count(int64(c.MaxBatchSize)), c.MaxBatchWait)
		if c.Throttle {
			set += fmt.Sprintf(", %s a second, burst %d", trimFloat(c.QPS), c.Burst)
		} else {
			set += ", no throttle"
		}
	}
	line("settings", "%s", set)
	if length > 0 {
		line("load", "%s events/s, %s/s", trimFloat(float64(d.Events)/length.Seconds()), size(int64(d.BytesPerSecond)))
	}
	if d.Dropped > 0 {
		line("dropped", "%s did not fit into the buffer, the first after %s", count(d.Dropped), span(d.FirstDrop))
	}
	if d.Failed > 0 {
		line("given up", "%s after %s", count(d.Failed), plural(int64(c.Attempts), "attempt"))
	}
	if d.Rejected > 0 {
		line("refused", "%s got HTTP 500 (where the stage is RequestReceived)", plural(d.Rejected, "request"))
	}
	line("delay", "at most %s, 99%% within %s", span(d.MaxLag), span(d.P99Lag))
	if c.Mode != "batch" {
		line("requests", "wait %s in the mean, %s at most", span(d.MeanWait), span(d.MaxWait))
	}
	line("held", "at most %s, %s as JSON (several times that in memory)", plural(d.MaxHeld, "event"), size(d.MaxHeldBytes))
	line("sent", "%s in %s, at most %d at once", plural(d.Delivered, "event"), plural(d.Batches, "batch"), d.MaxInFlight)
	if d.DiskDays != nil {
		line("disk", "at most %s, which is %s", size(d.DiskBytes), manyDays(*d.DiskDays))
	} else if d.Backend == "log" {
		line("disk", "no bound: files are kept for ever")
	}
	// Where the throttle would do in the mean, the peak or the outage is to blame.
	if need := float64(d.Events) / length.Seconds() / float64(c.MaxBatchSize); d.Dropped > 0 && c.Throttle && length > 0 && need > c.QPS {
		fold.Under(w, "", fmt.Sprintf("The throttle lets %s events a second through; this load has %s. At least %s batches a second are needed: --throttle-qps tries it, 'backend webhook --rate' writes it.",
			trimFloat(c.QPS*float64(c.MaxBatchSize)), trimFloat(float64(d.Events)/length.Seconds()), trimFloat(need)), env.Width())
	}
}
