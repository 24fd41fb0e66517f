package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/cri"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/debugpod"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// viewNames are crictl's commands that are made here on a node without it.
const viewNames = "pods, ps, images, stats,\nstatsp, inspect, inspectp, inspecti, logs, info, imagefsinfo and version"

// crictlView is a command line of crictl that can be answered without crictl.
type crictlView struct {
	name    string
	args    []string
	filter  cri.Filter
	output  string
	quiet   bool
	full    bool
	digests bool
	tail    int
	times   bool
}

// viewAliases are crictl's own.
var viewAliases = map[string]string{"image": "images", "img": "images", "p": "pods"}

// parseView reads a command line of crictl. The flags are crictl's, as far as a
// view has them; what is not known is an error, never ignored.
func parseView(args []string) (*crictlView, error) {
	if len(args) > 0 && strings.HasPrefix(args[0], "-") {
		return nil, fmt.Errorf("crictl's own flags (%s) cannot be used; begin with a command of crictl such as ps", args[0])
	}
	v := &crictlView{name: args[0]}
	if a, ok := viewAliases[v.name]; ok {
		v.name = a
	}
	fs := pflag.NewFlagSet(v.name, pflag.ContinueOnError)
	fs.Usage = func() {}
	table := "table"
	var name, namespace string
	var latest bool
	switch v.name {
	case "ps", "pods":
		fs.StringVar(&v.filter.ID, "id", "", "")
		fs.StringVar(&name, "name", "", "")
		fs.StringVar(&namespace, "namespace", "", "")
		fs.StringVarP(&v.filter.State, "state", "s", "", "")
		fs.StringToStringVar(&v.filter.Labels, "label", nil, "")
		fs.BoolVarP(&v.quiet, "quiet", "q", false, "")
		fs.BoolVar(&v.full, "no-trunc", false, "")
		fs.BoolVarP(&latest, "latest", "l", false, "")
		fs.IntVarP(&v.filter.Last, "last", "n", 0, "")
		if v.name == "ps" {
			fs.BoolVarP(&v.filter.All, "all", "a", false, "")
			fs.StringVar(&v.filter.Image, "image", "", "")
			fs.StringVarP(&v.filter.Pod, "pod", "p", "", "")
			fs.BoolP("resolve-image-path", "r", true, "") // always
		}
	case "images":
		fs.BoolVarP(&v.quiet, "quiet", "q", false, "")
		fs.BoolVar(&v.full, "no-trunc", false, "")
		fs.BoolVar(&v.digests, "digests", false, "")
	case "stats", "statsp":
		fs.BoolVarP(&v.filter.All, "all", "a", false, "")
		fs.StringVar(&v.filter.ID, "id", "", "")
		fs.StringVar(&name, "name", "", "")
		fs.StringToStringVar(&v.filter.Labels, "label", nil, "")
		fs.BoolVar(&v.full, "no-trunc", false, "")
	case "inspect", "inspectp", "inspecti", "info", "imagefsinfo":
		table = "json"
	case "logs":
		fs.IntVar(&v.tail, "tail", 0, "")
		fs.BoolVarP(&v.times, "timestamps", "t", false, "")
	case "version":
	default:
		return nil, fmt.Errorf("%q cannot be done, only: %s", args[0], strings.ReplaceAll(viewNames, "\n", " "))
	}
	fs.StringVarP(&v.output, "output", "o", table, "")
	if err := fs.Parse(args[1:]); err != nil {
		return nil, fmt.Errorf("%s: %w (the flags are crictl's, as far as this view has them)", v.name, err)
	}
	v.args = fs.Args()
	if latest {
		v.filter.Last = 1
	}
	var err error
	if v.filter.Name, err = regexp.Compile(name); err != nil {
		return nil, fmt.Errorf("--name %q: %w", name, err)
	}
	if v.filter.Namespace, err = regexp.Compile(namespace); err != nil {
		return nil, fmt.Errorf("--namespace %q: %w", namespace, err)
	}
	return v, v.check()
}

func (v *crictlView) check() error {
	outputs := []string{"table", "json", "yaml"}
	wants := 0
	switch v.name {
	case "inspect", "inspectp", "inspecti", "logs":
		wants = 1
		outputs = outputs[1:]
	case "images":
		if len(v.args) == 1 {
			v.filter.Image, v.args = v.args[0], nil
		}
	case "info", "imagefsinfo":
		outputs = outputs[1:]
	}
	states := map[string][]string{"ps": {"", "created", "running", "exited", "unknown"}, "pods": {"", "ready", "notready"}}[v.name]
	switch {
	case v.name == "logs" && v.output == "table":
	case !slices.Contains(outputs, v.output):
		return fmt.Errorf("-o %q: not one of %s", v.output, strings.Join(outputs, ", "))
	}
	if states != nil && !slices.Contains(states, strings.ToLower(v.filter.State)) {
		return fmt.Errorf("--state %q: not one of %s", v.filter.State, strings.Join(states[1:], ", "))
	}
	switch {
	case len(v.args) < wants:
		return fmt.Errorf("%s: needs an id, as the first column of ps shows it", v.name)
	case len(v.args) > wants:
		return fmt.Errorf("%s: unexpected argument %q", v.name, v.args[wants])
	}
	return nil
}

// viewHints say what to use where a command needs crictl itself.
func viewHints(args []string, node string, host *debugpod.Host) []string {
	var out []string
	switch args[0] {
	case "exec", "attach":
		out = append(out, "kubectl exec -it POD -c CONTAINER -- sh")
	case "port-forward":
		out = append(out, "kubectl port-forward POD LOCAL:REMOTE")
	case "pull", "rmi", "rm", "stop", "stopp", "rmp":
		if host.Ctr != "" {
			out = append(out, fmt.Sprintf("kubectl nodehealth shell %s -- ctr -n k8s.io --help", node))
		}
	}
	return append(out, "on the node: install cri-tools (crictl), of the minor version of its kubelet")
}

// viewNode is the node that a view is made of.
type viewNode struct {
	pre  *debugpod.Preflight
	pod  *debugpod.Pod
	host *debugpod.Host
	said func(format string, args ...any)
}

// dialTimeout is what one bridge gets to lead to a runtime that answers.
const dialTimeout = 8 * time.Second

// each calls f with the sources that the node offers, best first, until one can
// do it. Why the others could not is part of the error.
func (n *viewNode) each(ctx context.Context, f func(cri.Source) error) error {
	var why []error
	try := func(s cri.Source) (bool, error) {
		err := f(s)
		var cannot *cri.Cannot
		if errors.As(err, &cannot) {
			why = append(why, err)
			return false, nil
		}
		if err == nil {
			n.said("crictl is not used: this comes from %s of %s", s.From(), n.pre.Node.Name)
		}
		return true, err
	}
	socket := n.host.Socket(n.pre.Endpoint)
	for _, bridge := range n.host.Bridges {
		if socket == "" {
			break
		}
		s, err := n.dial(ctx, bridge, socket)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			why = append(why, fmt.Errorf("%s to %s: %w", bridge, socket, err))
			continue
		}
		defer s.Close()
		if done, err := try(s); done {
			return err
		}
		break
	}
	run := func(ctx context.Context, argv []string) ([]byte, error) { return n.pod.Output(ctx, argv) }
	if n.host.Ctr != "" && strings.Contains(socket, "containerd") {
		if done, err := try(cri.NewCtr(run, n.host.Ctr, socket)); done && err == nil {
			return nil
		} else if done {
			why = append(why, err)
		}
	}
	if done, err := try(&cri.Kubelet{Get: n.pre.Ask, Node: n.pre.Node}); done && err == nil {
		return nil
	} else if done {
		why = append(why, err)
	}
	return errors.Join(why...)
}

func (n *viewNode) dial(ctx context.Context, bridge, socket string) (*cri.Socket, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn := n.pod.Connect(context.WithoutCancel(ctx), bridge, socket)
	s, err := cri.Dial(ctx, conn, bridge)
	if err != nil {
		if why := conn.Why(); why != nil {
			err = why
		}
		return nil, err
	}
	return s, nil
}

// show makes the view from the best source that can.
func (v *crictlView) show(ctx context.Context, env *cli.Env, n *viewNode) error {
	err := n.each(ctx, func(s cri.Source) error { return v.from(ctx, env, n, s) })
	var missing *cri.NotFound
	if errors.As(err, &missing) {
		list := map[cri.Kind]string{cri.Container: "ps -a", cri.Sandbox: "pods", cri.Image: "images"}[missing.Kind]
		return cli.WithHint(cli.Usagef("%w", missing), fmt.Sprintf("kubectl nodehealth crictl %s -- %s", n.pre.Node.Name, list))
	}
	var cannot *cri.Cannot
	if errors.As(err, &cannot) {
		return cli.WithHint(cli.Unknownf("%s of %s: %w", v.name, n.pre.Node.Name, err), strings.ReplaceAll(cannot.Instead, "NODE", n.pre.Node.Name))
	}
	if err != nil && ctx.Err() == nil {
		return cli.Unknownf("%s of %s: %w", v.name, n.pre.Node.Name, err)
	}
	return err
}

func (v *crictlView) from(ctx context.Context, env *cli.Env, n *viewNode, s cri.Source) error {
	switch v.name {
	case "ps":
		list, err := s.Containers(ctx)
		if err != nil {
			return err
		}
		if v.filter.Pod != "" && lacks(list, "podSandboxId") {
			return noIDs("pods", s)
		}
		images, err := s.Images(ctx)
		if err != nil {
			return err
		}
		names := cri.NamesOf(images)
		list = v.filter.Containers(list, names)
		return v.list(env, "containers", list, cri.ContainerTable(list, names, env.Now(), v.full))
	case "pods":
		list, err := s.Pods(ctx)
		if err != nil {
			return err
		}
		if (v.quiet || v.filter.ID != "") && lacks(list, "id") {
			return noIDs("pods", s)
		}
		list = v.filter.Pods(list)
		return v.list(env, "items", list, cri.PodTable(list, env.Now(), v.full))
	case "images":
		list, err := s.Images(ctx)
		if err != nil {
			return err
		}
		if v.quiet && lacks(list, "id") {
			return noIDs("images", s)
		}
		list = v.filter.Images(list)
		return v.list(env, "images", list, cri.ImageTable(list, v.digests, v.full))
	case "stats":
		before, now, err := v.sample(ctx, s, s.Stats, "cpu")
		if err != nil {
			return err
		}
		return v.list(env, "stats", now, cri.StatsTable(before, now, v.filter.All, v.full))
	case "statsp":
		before, now, err := v.sample(ctx, s, s.PodStats, "linux", "cpu")
		if err != nil {
			return err
		}
		return v.list(env, "stats", now, cri.PodStatsTable(before, now, v.full))
	case "logs":
		return v.logs(ctx, env, n, s)
	case "version":
		o, err := s.Version(ctx)
		if err != nil {
			return err
		}
		if v.output != "table" {
			return v.object(env, o)
		}
		for _, k := range []string{"version", "runtimeName", "runtimeVersion", "runtimeApiVersion"} {
			if text := cri.Str(o, k); text != "" {
				fmt.Fprintf(env.Out, "%s:  %s\n", strings.ToUpper(k[:1])+k[1:], text)
			}
		}
		return nil
	}
	o, err := v.whole(ctx, s)
	if err != nil {
		return err
	}
	return v.object(env, o)
}

// lacks says that a source does not know a field, such as the kubelet the ids of
// its pods.
func lacks(list []cri.Object, path ...string) bool {
	return len(list) > 0 && !slices.ContainsFunc(list, func(o cri.Object) bool { return cri.Str(o, path...) != "" })
}

func noIDs(of string, s cri.Source) error {
	return &cri.Cannot{What: "the ids of " + of, From: s.From(), Instead: "kubectl nodehealth shell NODE"}
}

func (v *crictlView) whole(ctx context.Context, s cri.Source) (cri.Object, error) {
	switch v.name {
	case "info":
		return s.Info(ctx)
	case "imagefsinfo":
		return s.ImageFs(ctx)
	}
	kind := map[string]cri.Kind{"inspect": cri.Container, "inspectp": cri.Sandbox, "inspecti": cri.Image}[v.name]
	return s.Inspect(ctx, kind, v.args[0])
}

// sample asks twice where the use of the CPU has to be counted, as crictl does.
func (v *crictlView) sample(ctx context.Context, s cri.Source, ask func(context.Context) ([]cri.Object, error), cpu ...string) (before, now []cri.Object, err error) {
	if now, err = ask(ctx); err != nil {
		return nil, nil, err
	}
	if v.filter.ID != "" && lacks(now, "attributes", "id") {
		return nil, nil, noIDs(map[string]string{"stats": "containers", "statsp": "pods"}[v.name]+" in its statistics", s)
	}
	if v.output == "table" && cri.Needs(now, cpu...) {
		before = now
		select {
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-time.After(time.Second):
		}
		if now, err = ask(ctx); err != nil {
			return nil, nil, err
		}
	}
	return before, v.filter.Stats(now), nil
}

func (v *crictlView) object(env *cli.Env, o any) error {
	if v.output == "yaml" {
		return finding.WriteYAML(env.Out, o)
	}
	return finding.WriteJSON(env.Out, o)
}

func (v *crictlView) list(env *cli.Env, key string, list []cri.Object, t cri.Table) error {
	if v.output != "table" {
		if list == nil {
			list = []cri.Object{}
		}
		return v.object(env, cri.Object{key: list})
	}
	if v.quiet {
		for _, o := range list {
			fmt.Fprintln(env.Out, cri.Str(o, "id"))
		}
		return nil
	}
	writeColumns(env.Out, append([][]string{t.Header}, t.Rows...))
	return nil
}

// writeColumns writes rows in columns as wide as they need.
func writeColumns(w io.Writer, rows [][]string) {
	var width []int
	for _, r := range rows {
		for i, c := range r {
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], len(c))
		}
	}
	for _, r := range rows {
		var b strings.Builder
		for i, c := range r {
			if i == len(r)-1 {
				b.WriteString(c)
				break
			}
			fmt.Fprintf(&b, "%-*s  ", width[i], c)
		}
		fmt.Fprintln(w, b.String())
	}
}

// logs shows a container's log from its file on the host.
func (v *crictlView) logs(ctx context.Context, env *cli.Env, n *viewNode, s cri.Source) error {
	o, err := s.Inspect(ctx, cri.Container, v.args[0])
	if err != nil {
		return err
	}
	file := cri.Str(o, "status", "logPath")
	if file == "" {
		return &cri.Cannot{What: "the container's log", From: s.From(), Instead: "kubectl logs POD -c CONTAINER"}
	}
	argv := []string{"cat", "/host" + file}
	if v.tail > 0 {
		argv = []string{"tail", "-n", fmt.Sprint(v.tail), "/host" + file}
	}
	out := &cri.LogWriter{Out: env.Out, Err: env.ErrOut, Times: v.times}
	code, err := n.pod.Exec(ctx, argv, debugpod.Streams{Out: out, Err: env.ErrOut})
	if err == nil {
		err = out.Flush()
	}
	if err == nil && code != 0 {
		err = fmt.Errorf("%s: exit status %d", strings.Join(argv, " "), code)
	}
	return err
}
