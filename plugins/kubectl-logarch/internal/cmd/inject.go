package cmd

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/inject"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/source"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

// injectFlags is what the flags of inject gather.
type injectFlags struct {
	files                           []string
	recursive                       bool
	logs                            []string
	container, mode, native, target string
	image, cpu, memory, sizeLimit   string
	runAsUser                       int64
	copyExisting, assumeEmpty       bool
	resume                          bool
	selector                        string
	only                            []string
	agent, destination, endpoint    string
	rotate                          bool
	maxSize                         string
	keep                            int
	out                             string
	inPlace                         bool
	dryRun                          string
	live                            bool
	report                          string
}

func newInject(env *cli.Env) *cobra.Command {
	f := &injectFlags{}
	d := inject.Defaults()
	var cluster *cli.Cluster
	c := &cobra.Command{
		Use:   "inject (-f FILE | KIND/NAME...) --log [NAME=]PATH...",
		Short: "Add logging sidecars to manifests, changing nothing else",
		Long: cli.Dedent(`
			Adds logging sidecars to the pods of a manifest and writes the manifest to
			stdout, every other byte as it was. What was done and why goes to stderr. A
			document that cannot be changed safely is refused; then nothing is written.

			Injecting twice with the same options changes nothing; 'eject' takes it all
			out again and gives the same bytes as before.`),
		Example: `
			# One tailer a file, as in the handbook: kubectl logs counter -c count-log-1
			kubectl logarch inject -f counter.yaml --log /var/log/1.log --log /var/log/2.log

			# Apply it, or write it back
			kubectl logarch inject -f app.yaml --log access=/var/log/app/access.log | kubectl apply -f -
			kubectl logarch inject -f app.yaml --log /var/log/app/app.log --in-place

			# A tailer, and a sidecar that keeps the file small
			kubectl logarch inject -f app.yaml --log /var/log/app/app.log --rotate --max-size 50Mi

			# A log agent with its configuration instead
			kubectl logarch inject -f app.yaml --log /var/log/app/app.log --mode agent --agent otel`,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: cli.CompleteWorkloads,
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := f.options(cmd)
			if err != nil {
				return err
			}
			return runInject(cmd.Context(), env, f, o, args, cluster)
		},
	}
	fs := c.Flags()
	fs.StringSliceVarP(&f.files, "filename", "f", nil, "Manifest: a file, a directory, a URL, or - for stdin")
	fs.BoolVarP(&f.recursive, "recursive", "R", false, "Read directories with those below them")
	fs.StringArrayVar(&f.logs, "log", nil, "Log file of the application: [NAME=]PATH; NAME names its sidecar")
	fs.StringVar(&f.container, "container", "", "Container that writes the logs (default: the one that kubectl logs shows)")
	fs.StringVar(&f.mode, "mode", string(d.Mode), "Pattern: streaming, agent or rotate")
	fs.StringVar(&f.native, "native", d.Native, "Native sidecars: auto, true or false")
	fs.StringVar(&f.target, "target-version", fmt.Sprintf("1.%d", d.Minor), "Oldest Kubernetes that the manifest is for")
	fs.BoolVar(&f.live, "live", false, "Ask the cluster's kubelets for their versions")
	fs.StringVar(&f.image, "image", "", "Image of the sidecars (default "+inject.DefaultImage+", or the agent's own)")
	fs.Int64Var(&f.runAsUser, "run-as-user", -1, "User of the sidecars (default: the application's, where it is known)")
	fs.StringVar(&f.cpu, "cpu", d.CPU.String(), "CPU request of each sidecar")
	fs.StringVar(&f.memory, "memory", d.Memory.String(), "Memory request and limit of each sidecar")
	fs.StringVar(&f.sizeLimit, "size-limit", "", "Size limit of a new emptyDir; a pod that exceeds it is evicted")
	fs.BoolVar(&f.copyExisting, "copy-existing", false, "Fill a new volume with what the image has in the directory")
	fs.BoolVar(&f.assumeEmpty, "assume-empty", false, "The image has nothing in the log directory that is needed")
	fs.BoolVar(&f.resume, "resume", false, "Keep the tailer's position over a restart of its container")
	fs.StringVarP(&f.selector, "selector", "l", "", "Only workloads whose pods have these labels")
	fs.StringSliceVar(&f.only, "only", nil, "Only these workloads: KIND/NAME")
	fs.StringVar(&f.agent, "agent", d.Agent, "Agent of --mode agent: otel, fluent-bit, fluentd, vector, filebeat or alloy")
	fs.StringVar(&f.destination, "destination", d.Destination, "Where the agent sends to: stdout, otlp, elasticsearch, loki, http or file")
	fs.StringVar(&f.endpoint, "endpoint", "", "Address of the destination")
	fs.BoolVar(&f.rotate, "rotate", false, "Beside the tailers, add a sidecar that rotates the files")
	fs.StringVar(&f.maxSize, "max-size", d.MaxSize.String(), "Size at which --rotate and --mode rotate rotate a file")
	fs.IntVar(&f.keep, "keep", d.Keep, "Rotated files that --rotate and --mode rotate keep")
	fs.StringVarP(&f.out, "output", "o", "", "Output format: yaml, json, patch (default: as it came)")
	fs.BoolVar(&f.inPlace, "in-place", false, "Write the files back, each in one step")
	fs.StringVar(&f.dryRun, "dry-run", "none", "none, or server: ask the API server whether it takes the result")
	fs.StringVar(&f.report, "report", "text", "Report on stderr: text, json or none")
	cluster = cli.ClusterFlags(fs)
	complete(c, "mode", inject.Modes...)
	complete(c, "native", "auto", "true", "false")
	complete(c, "output", "yaml", "json", "patch")
	complete(c, "dry-run", "none", "server")
	complete(c, "report", "text", "json", "none")
	complete(c, "agent", inject.Agents...)
	complete(c, "destination", inject.Destinations...)
	return c
}

func complete(c *cobra.Command, flag string, values ...string) {
	_ = c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

func oneOf(flag, value string, values ...string) error {
	if slices.Contains(values, value) {
		return nil
	}
	if flag = "--" + flag; flag == "--output" {
		flag = "-o"
	}
	return cli.Usagef("%s %q: not one of %s", flag, value, strings.Join(values, ", "))
}

func quantity(flag, value string) (resource.Quantity, error) {
	q, err := resource.ParseQuantity(value)
	if err != nil || q.Sign() < 0 {
		return q, cli.Usagef("--%s %q: not a quantity such as 10Mi", flag, value)
	}
	return q, nil
}

// options turns flags into options, or says which flag is wrong.
func (f *injectFlags) options(cmd *cobra.Command) (inject.Options, error) {
	o := inject.Defaults()
	for _, check := range []error{
		oneOf("mode", f.mode, inject.Modes...), oneOf("native", f.native, "auto", "true", "false"),
		oneOf("report", f.report, "text", "json", "none"), oneOf("dry-run", f.dryRun, "none", "server"),
		oneOf("agent", f.agent, inject.Agents...), oneOf("destination", f.destination, inject.Destinations...),
	} {
		if check != nil {
			return o, check
		}
	}
	if f.out != "" {
		if err := oneOf("output", f.out, "yaml", "json", "patch"); err != nil {
			return o, err
		}
	}
	if len(f.logs) == 0 {
		return o, cli.WithHint(cli.Usagef("no log file is given: inject needs --log PATH"), "for example --log /var/log/app/app.log")
	}
	seen := map[string]bool{}
	for _, s := range f.logs {
		l, err := inject.ParseLog(s)
		if err != nil {
			return o, cli.Usagef("--log %w", err)
		}
		if seen[l.Path] {
			return o, cli.Usagef("--log %q: the file is named twice", s)
		}
		seen[l.Path] = true
		o.Logs = append(o.Logs, l)
	}
	var err error
	if o.Minor, err = inject.ParseVersion(f.target); err != nil {
		return o, cli.Usagef("--target-version %w", err)
	}
	if o.CPU, err = quantity("cpu", f.cpu); err != nil {
		return o, err
	}
	if o.Memory, err = quantity("memory", f.memory); err != nil {
		return o, err
	}
	if o.MaxSize, err = quantity("max-size", f.maxSize); err != nil {
		return o, err
	}
	if f.sizeLimit != "" {
		if o.SizeLimit, err = quantity("size-limit", f.sizeLimit); err != nil {
			return o, err
		}
	}
	if f.selector != "" {
		if o.Selector, err = labels.Parse(f.selector); err != nil {
			return o, cli.Usagef("--selector %q: %w", f.selector, err)
		}
	}
	if cmd.Flags().Changed("run-as-user") {
		if f.runAsUser < 0 {
			return o, cli.Usagef("--run-as-user %d: not a user id", f.runAsUser)
		}
		o.RunAsUser = &f.runAsUser
	}
	if f.keep < 1 {
		return o, cli.Usagef("--keep %d: at least 1", f.keep)
	}
	for _, own := range []struct {
		flag string
		mode inject.Mode
	}{{"agent", inject.Agent}, {"destination", inject.Agent}, {"endpoint", inject.Agent}, {"max-size", inject.Rotate}, {"keep", inject.Rotate}, {"resume", inject.Streaming}, {"rotate", inject.Streaming}} {
		if f.rotate && own.mode == inject.Rotate {
			continue
		}
		if cmd.Flags().Changed(own.flag) && inject.Mode(f.mode) != own.mode {
			add := "--mode " + string(own.mode)
			if own.mode == inject.Rotate && inject.Mode(f.mode) == inject.Streaming {
				add = "--rotate"
			}
			return o, cli.WithHint(cli.Usagef("--%s is for --mode %s, and the mode is %s", own.flag, own.mode, f.mode), "add "+add+", or leave it out")
		}
	}
	o.Mode, o.Native, o.Container, o.Image, o.Only = inject.Mode(f.mode), f.native, f.container, f.image, f.only
	o.CopyExisting, o.AssumeEmpty, o.Resume, o.Rotate = f.copyExisting, f.assumeEmpty, f.resume, f.rotate
	o.Agent, o.Destination, o.Endpoint, o.Keep = f.agent, f.destination, f.endpoint, f.keep
	if err := o.Validate(); err != nil {
		return o, cli.Usagef("%w", err)
	}
	if f.out == "patch" && o.Mode == inject.Agent {
		return o, cli.Usagef("-o patch: an agent needs a ConfigMap, which a patch cannot hold; leave out -o patch")
	}
	return o, asTheyCame(f.inPlace, f.out)
}

// asTheyCame refuses a format for what --in-place writes back.
func asTheyCame(inPlace bool, format string) error {
	if inPlace && format != "" {
		return cli.Usagef("--in-place writes files as they came: it does not go with -o %s", format)
	}
	return nil
}

// bad turns an error about an input into wrong usage, exit status 2.
func bad(err error) error { return cli.Usagef("%w", err) }

// maxHeap is the memory up to which inject collects no garbage.
const maxHeap = 384 << 20

func runInject(ctx context.Context, env *cli.Env, f *injectFlags, o inject.Options, args []string, cluster *cli.Cluster) error {
	if len(f.files) == 0 && len(args) == 0 {
		return cli.WithHint(cli.Usagef("nothing to inject into: give -f FILE or KIND/NAME"), "for example kubectl logarch inject -f app.yaml --log /var/log/app.log")
	}
	// A short life: what a manifest of common size needs is never collected, and of
	// a large one only when it comes to much.
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(maxHeap)
	if len(args) > 0 && f.inPlace {
		return cli.Usagef("--in-place writes files: it does not go with %s", args[0])
	}
	texts, err := source.Read(ctx, env.In, f.files, f.recursive)
	if err != nil {
		return cli.Usagef("%w", err)
	}
	objects, err := readLive(ctx, cluster, args)
	if err != nil {
		return err
	}
	texts = append(texts, objects...)
	if f.live && f.native == "auto" {
		if o.Minor, err = oldestKubelet(ctx, cluster); err != nil {
			return err
		}
	}
	size := 0
	for _, t := range texts {
		if size += len(t.Body); size > maxHeap/40 {
			debug.SetGCPercent(400) // the results are to be remembered too
		}
	}
	var outcomes []*inject.Outcome
	documents := 0
	for _, t := range texts {
		out, err := inject.Text(t.Name, t.Body, o)
		if err != nil {
			return bad(err)
		}
		documents += out.Documents
		outcomes = append(outcomes, out)
	}
	if documents == 0 {
		return cli.Usagef("%s: no Kubernetes object in it", texts[0].Name)
	}
	tellImmutable(outcomes, texts, len(texts)-len(objects))
	refused := slices.ContainsFunc(outcomes, (*inject.Outcome).Refused)
	if f.out == "patch" {
		if err := judgePatches(outcomes); err != nil {
			return err
		}
	}
	if err := writeInjectReport(env, f.report, outcomes, len(args) > 0); err != nil {
		return err
	}
	if refused {
		return cli.Exit(cli.ExitFindings)
	}
	if f.dryRun == "server" {
		if err := dryRunServer(ctx, env, cluster, outcomes); err != nil {
			return err
		}
	}
	return writeManifests(env, f.out, f.inPlace, texts, outcomes)
}
