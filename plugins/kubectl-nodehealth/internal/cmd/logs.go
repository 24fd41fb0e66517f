package cmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/debugpod"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/kube"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/nodelog"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/logline"
)

type logsFlags struct {
	debug    debugOptions
	unit     string
	file     string
	list     bool
	since    string
	until    string
	grep     string
	tail     int
	boot     int
	scan     bool
	from     string
	debugPod bool
	output   string
}

// defaultTail is how many lines are shown where nothing narrows the question.
const defaultTail = 200

func newLogs(env *cli.Env) *cobra.Command {
	f := &logsFlags{}
	c := &cobra.Command{
		Use:   "logs NODE | --from FILE",
		Short: "The logs of a node's own services: kubelet, runtime, kernel; or what is known trouble in them",
		Long: `Reads the kubelet's log query where it is on (enableSystemLogQuery, off by
default), the kubelet's file server of /var/log otherwise, and the journal itself
through a debug pod where you allow one (--debug-pod). Where none works it says
which setting or right is missing and what to type on the node.

--scan looks for known signatures in the logs of kubelet, runtime and kernel, and
says what each means: exit status 1 where there is one, else 3 where a log could not
be read. --from reads a saved log instead of a node's.`,
		Example: `
			# The kubelet's last lines
			kubectl nodehealth logs kube-worker-1

			# Errors of the runtime in the last ten minutes
			kubectl nodehealth logs kube-worker-1 --unit containerd --since 10m --grep 'level=error'

			# A file below /var/log, and what there is
			kubectl nodehealth logs kube-worker-1 --file syslog
			kubectl nodehealth logs kube-worker-1 --list

			# Known trouble in all of them
			kubectl nodehealth logs kube-worker-1 --scan

			# ... and in what somebody saved or pasted, without a cluster
			journalctl -u kubelet | kubectl nodehealth logs --from - --scan`,
		Args: logsArgs(f),
		RunE: func(cmd *cobra.Command, args []string) error {
			node := f.from
			if node == "-" {
				node = "stdin"
			}
			if len(args) > 0 {
				node = args[0]
			}
			return runLogs(cmd, env, f, node)
		},
	}
	fs := c.Flags()
	fs.StringVar(&f.unit, "unit", "kubelet", "Service: "+strings.Join(nodelog.Units[:5], ", ")+", or any other")
	fs.StringVar(&f.file, "file", "", "A file below /var/log instead of a service")
	fs.BoolVar(&f.list, "list", false, "List what is in /var/log (or in the folder given by --file)")
	fs.StringVar(&f.since, "since", "", "Only lines newer than a duration (10m) or a time (RFC 3339)")
	fs.StringVar(&f.until, "until", "", "Only lines older than a duration (10m) or a time (RFC 3339)")
	fs.StringVar(&f.grep, "grep", "", "Only lines that match a regular expression (Go's, RE2)")
	fs.IntVar(&f.tail, "tail", 0, fmt.Sprintf("Only the last N events (-o raw: lines; default: %d, or all with --since or --grep)", defaultTail))
	fs.IntVar(&f.boot, "boot", 0, "Boot to read: 0 the current one, -1 the one before (journal only)")
	fs.BoolVar(&f.scan, "scan", false, "Look for known signatures of trouble and say what they mean")
	fs.StringVar(&f.from, "from", "", "Read a saved log (gzip or not; - for stdin) instead of a node's; no cluster is asked")
	fs.BoolVar(&f.debugPod, "debug-pod", false, "Where the kubelet will not show a log, read it in a debug pod that is removed afterwards")
	fs.StringVarP(&f.output, "output", "o", "text", "Output format: text, raw (lines as they are) or json (the records of kubectl logarch parse)")
	f.debug.addFlags(c)
	_ = fs.MarkHidden("stdin")
	_ = fs.MarkHidden("tty")
	completeValues(c, "unit", nodelog.Units)
	completeValues(c, "output", []string{"text", "raw", "json"})
	return c
}

// logReader is everything that reading one node's logs needs.
type logReader struct {
	env    *cli.Env
	flags  *logsFlags
	config *rest.Config
	fetch  *nodelog.Fetcher
	node   string
	info   corev1.NodeSystemInfo
	query  nodelog.Query
	now    time.Time
	// down is why no log of this node can be had, once that is known.
	down string
}

func runLogs(cmd *cobra.Command, env *cli.Env, f *logsFlags, node string) error {
	if !slices.Contains([]string{"text", "raw", "json"}, f.output) {
		return cli.Usagef("-o %q: not one of text, raw, json", f.output)
	}
	l := &logReader{env: env, flags: f, node: node, now: env.Now()}
	if err := l.parseQuery(cmd); err != nil {
		return err
	}
	if f.from != "" {
		return l.saved(cmd)
	}
	var err error
	if l.config, err = f.debug.cluster.RESTConfig(); err != nil {
		return cli.WithHint(err, "a saved log is read with --from FILE")
	}
	if l.fetch, err = nodelog.NewFetcher(l.config, node); err != nil {
		return cli.Unknownf("no cluster: %w", err)
	}
	l.fetch.Wait = 5 * time.Second
	if err := l.lookUpNode(cmd.Context()); err != nil {
		return err
	}
	switch {
	case f.list:
		return l.list(cmd.Context())
	case f.scan:
		return l.scan(cmd.Context(), cmd.Flags().Changed("unit"))
	}
	return l.show(cmd.Context())
}

func (l *logReader) parseQuery(cmd *cobra.Command) error {
	f := l.flags
	var err error
	if l.query.Since, err = parseWhen("--since", f.since, l.now); err != nil {
		return err
	}
	if l.query.Until, err = parseWhen("--until", f.until, l.now); err != nil {
		return err
	}
	if f.grep != "" {
		if _, err := regexp.Compile(f.grep); err != nil {
			return cli.Usagef("--grep %q: %w", f.grep, err)
		}
	}
	if f.tail < 0 {
		return cli.Usagef("--tail %d: not a number of lines, which is 0 or more", f.tail)
	}
	if f.boot > 0 {
		return cli.Usagef("--boot %d: 0 is the current boot, -1 the one before", f.boot)
	}
	l.query.Pattern, l.query.Tail = f.grep, f.tail
	if cmd.Flags().Changed("boot") {
		l.query.Boot = &f.boot
	}
	if !cmd.Flags().Changed("tail") && f.since == "" && f.grep == "" && !f.scan {
		l.query.Tail = defaultTail
	}
	return nil
}

// parseWhen reads a duration before now or a time.
func parseWhen(flag, s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(strings.TrimPrefix(s, "-")); err == nil {
		return now.Add(-d), nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	return time.Time{}, cli.Usagef("%s %q: neither a duration such as 10m nor a time such as 2022-02-17T17:13:09Z", flag, s)
}

func (l *logReader) lookUpNode(ctx context.Context) error {
	client, err := kube.New(l.config)
	if err != nil {
		return cli.Unknownf("no cluster: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	n, err := kube.Nodes.Get(ctx, client, "", l.node)
	switch {
	case apierrors.IsNotFound(err):
		return cli.WithHint(cli.Usagef("node %q: there is none of this name", l.node), "kubectl get nodes")
	case apierrors.IsForbidden(err):
		return nil // its logs may be allowed all the same
	case err != nil:
		return cli.Unknownf("node %s: %w", l.node, err)
	}
	l.info = n.Status.NodeInfo
	return nil
}

func (l *logReader) list(ctx context.Context) error {
	names, err := l.fetch.List(ctx, l.flags.file)
	if err != nil {
		return l.explain("/var/log", nodelog.Place{ByHand: []string{"ls /var/log"}}, err)
	}
	for _, n := range names {
		fmt.Fprintln(l.env.Out, n)
	}
	return nil
}

// open finds a unit's log, in a debug pod where that is allowed and needed.
func (l *logReader) open(ctx context.Context, unit string) (io.ReadCloser, string, error) {
	place := nodelog.PlaceOf(unit, nodelog.DistroOf(l.info))
	o, err := l.fetch.Open(ctx, place, l.query)
	if err == nil {
		return o, o.From, nil
	}
	if l.flags.debugPod {
		r, podErr := l.openInPod(ctx, unit, place)
		if podErr != nil {
			return nil, "", podErr
		}
		return r, "the journal or file on the host, through a debug pod", nil
	}
	return nil, "", l.explain(unit, place, err)
}

func (l *logReader) openInPod(ctx context.Context, unit string, place nodelog.Place) (io.ReadCloser, error) {
	if _, err := debugpod.Check(ctx, l.config, l.node); err != nil {
		return nil, notPossible(err)
	}
	pod, err := debugpod.Start(ctx, l.config, debugpod.Options{Node: l.node, Namespace: l.flags.debug.namespace, Image: l.flags.debug.image})
	if err != nil {
		return nil, notPossible(err)
	}
	r, w := io.Pipe()
	go func() {
		var complaint strings.Builder
		code, err := pod.Exec(ctx, nodelog.Journal(place, unit == "kernel", l.query), debugpod.Streams{Out: w, Err: &complaint})
		err = errors.Join(err, pod.Close())
		if err == nil && code != 0 {
			err = fmt.Errorf("%s", strings.TrimSpace(complaint.String()))
		}
		w.CloseWithError(err)
	}()
	return r, nil
}

func (l *logReader) show(ctx context.Context) error {
	var r io.ReadCloser
	var from string
	var err error
	if l.flags.file != "" {
		if strings.HasPrefix(l.flags.file, "/") && !strings.HasPrefix(l.flags.file, "/var/log/") {
			return cli.WithHint(cli.Usagef("--file %s: the kubelet shows files below /var/log only", l.flags.file),
				fmt.Sprintf("kubectl nodehealth shell %s -- cat %s", l.node, l.flags.file))
		}
		var o *nodelog.Opened
		if o, err = l.fetch.OpenFile(ctx, l.flags.file, l.query); err == nil {
			r, from = o, o.From
		} else {
			err = l.explain("/var/log/"+strings.TrimPrefix(l.flags.file, "/var/log/"), nodelog.Place{}, err)
		}
	} else {
		r, from, err = l.open(ctx, l.flags.unit)
	}
	if err != nil {
		return err
	}
	defer r.Close()
	l.env.Tell("from %s of %s", from, l.node)
	n, err := l.print(r)
	switch {
	case err != nil && n == 0:
		return cli.Unknownf("%s of %s: %w", from, l.node, err)
	case err != nil:
		return cli.Unknownf("%s of %s: broke off after %d lines: %w", from, l.node, n, err)
	case n == 0:
		fmt.Fprintln(l.env.ErrOut, "no lines")
	}
	return nil
}

// print shows what the query lets through: raw lines, or events in the form of
// kubectl logarch parse. It returns how many.
func (l *logReader) print(r io.Reader) (n int, err error) {
	out := bufio.NewWriter(l.env.Out)
	defer func() { err = errors.Join(err, out.Flush()) }()
	if l.flags.output == "raw" {
		err = nodelog.Read(r, l.query, l.now, func(rec nodelog.Record) {
			n++
			fmt.Fprintln(out, rec.Raw)
		})
		return n, err
	}
	unit := l.flags.unit
	if l.flags.file != "" {
		unit = ""
	}
	view := logline.NewView(l.env.Style(l.env.Out))
	return nodelog.Events(r, l.query, nodelog.Meta(unit, l.now), func(dst []byte, ev *logline.Event) []byte {
		if l.flags.output == "json" {
			return ev.AppendJSON(dst)
		}
		// Of the unit's own lines it is known who wrote them.
		return view.Append(dst, ev, len(ev.Env.Identifier) > 0 && string(ev.Env.Identifier) != unit)
	}, func(b []byte) {
		_, _ = out.Write(append(b, '\n')) // Flush returns the error
	})
}

// explain says why a log cannot be had and what to do instead.
func (l *logReader) explain(what string, place nodelog.Place, err error) error {
	reasons := nodelog.Reasons(err)
	if len(reasons) == 0 {
		return cli.Unknownf("%s of %s: %w", what, l.node, err)
	}
	hints := []string{}
	why := reasons[0]
	tried := make([]string, 0, len(reasons))
	for _, r := range reasons {
		tried = append(tried, r.Asked)
		if r.Status != nodelog.NotThere && r.Status != nodelog.Disabled {
			why = r
		}
	}
	var text string
	switch why.Status {
	case nodelog.Disabled:
		text = "log query is off on this kubelet (enableSystemLogQuery) and " + strings.Join(tried[1:], ", ") + " is not there"
		if len(tried) == 1 {
			text = "log query is off on this kubelet (enableSystemLogQuery)"
		}
		hints = append(hints, fmt.Sprintf("kubectl nodehealth logs %s --unit %s --debug-pod", l.node, l.flags.unit))
	case nodelog.NotThere:
		text = "not there: tried " + strings.Join(tried, ", ")
		hints = append(hints, fmt.Sprintf("kubectl nodehealth logs %s --list", l.node))
	case nodelog.Folder:
		text = "a folder, not a file"
		hints = append(hints, fmt.Sprintf("kubectl nodehealth logs %s --list --file %s", l.node, shellWord(l.flags.file)))
	case nodelog.Elsewhere:
		text = "this distribution keeps it where no kubelet shows it"
		if why.Asked != "" {
			text = "it is in " + why.Asked + ", outside of /var/log, where no kubelet shows it"
			hints = append(hints, fmt.Sprintf("kubectl nodehealth logs %s --unit %s --debug-pod", l.node, l.flags.unit))
		}
	case nodelog.NoBoots:
		text = "it is kept in a file, and only a journal knows boots: leave --boot out"
	case nodelog.NoCertificate:
		text = "the kubelet has no serving certificate: its request waits for approval"
		hints = append(hints, "kubectl get csr; kubectl certificate approve NAME")
	case nodelog.HandlerOff:
		text = "the kubelet serves no logs (enableSystemLogHandler or enableDebuggingHandlers is false)"
	case nodelog.DeniedByAPI:
		text = "you may not use nodes/proxy, which the API server asks for"
		hints = append(hints, "kubectl nodehealth rbac prints the role that it takes")
	case nodelog.DeniedByKubelet:
		text = "the kubelet refuses the API server itself: " + why.Detail
	case nodelog.Refused:
		text = "the host is up and nothing listens on the kubelet's port: the kubelet is down, and its log query with it"
	case nodelog.Timeout:
		text = "the kubelet does not answer, so its log cannot be asked for"
	default:
		text = why.Detail
	}
	// What concerns the kubelet concerns every log of the node.
	if why.Status != nodelog.NotThere && why.Status != nodelog.Disabled && why.Status != nodelog.Folder && why.Status != nodelog.NoBoots &&
		why.Status != nodelog.Elsewhere {
		l.down = text
	}
	for _, h := range place.ByHand {
		hints = append(hints, "on the node: "+h)
	}
	return cli.WithHint(cli.Unknownf("%s of %s: %s", what, l.node, text), hints...)
}
