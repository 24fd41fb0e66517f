package cmd

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/npd"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/phrase"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/widetext"
	"github.com/clusterwright/kubectl-plugins/shared/yamldoc"
)

// newNPD is `npd`: everything about the Node Problem Detector.
func newNPD(env *cli.Env) *cobra.Command {
	c := &cobra.Command{
		Use:   "npd",
		Short: "The Node Problem Detector: install it, lint and test its rules, see what it misses",
		Long: `The Node Problem Detector watches kernel and service logs on every node and
reports what it finds as node conditions and events. Its rules fail silently:
"npd rules" finds what cannot work, "npd test" shows what a log would report.`,
	}
	c.AddCommand(newNPDRules(env), newNPDTest(env), newNPDNewRule(env), newNPDManifest(env), newNPDStatus(env))
	return c
}

// loadMonitors reads a monitor configuration, or those of a ConfigMap, from a
// file or, for "-", stdin.
func loadMonitors(env *cli.Env, name string) ([]*npd.File, error) {
	b, err := readInput(env, name)
	if err != nil {
		return nil, err
	}
	fs, err := npd.LoadAll(name, b)
	if err != nil {
		var syntax *yamldoc.SyntaxError
		if errors.As(err, &syntax) {
			return nil, cli.Usagef("%w", err)
		}
		return nil, cli.WithHint(cli.Usagef("%w", err), "a monitor configuration looks like config/kernel-monitor.json of the Node Problem Detector")
	}
	return fs, nil
}

func readInput(env *cli.Env, name string) ([]byte, error) {
	if name == "-" {
		b, err := io.ReadAll(env.In)
		if err != nil {
			return nil, cli.Usagef("stdin: %w", err)
		}
		return widetext.Decode(b), nil
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, cli.Usagef("%w", err)
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return nil, cli.Usagef("%s: the file is empty", name)
	}
	return widetext.Decode(b), nil
}

func newNPDRules(env *cli.Env) *cobra.Command {
	var format, failOn string
	c := &cobra.Command{
		Use:   "rules FILE...",
		Short: "Lint monitor configurations: what the detector would ignore, refuse or never report",
		Example: `
			# What is wrong with a monitor of your own
			kubectl nodehealth npd rules kernel-monitor.json

			# As annotations of a pull request
			kubectl nodehealth npd rules -o github monitors/*.json`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := cli.CheckReportFlags(format, failOn); err != nil {
				return err
			}
			return runNPDRules(env, args, format, finding.FailOn(failOn))
		},
	}
	cli.AddReportFlags(c, &format, &failOn)
	return c
}

// npdReport is the JSON of `npd rules`.
type npdReport struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Items      []npdReportItem   `json:"items"`
	Summary    finding.Summary   `json:"summary"`
	findings   []finding.Finding `json:"-"`
}

type npdReportItem struct {
	Name     string            `json:"name"`
	Rules    int               `json:"rules"`
	Findings []finding.Finding `json:"findings"`
	Summary  finding.Summary   `json:"summary"`
}

func runNPDRules(env *cli.Env, names []string, format string, failOn finding.FailOn) error {
	report := npdReport{APIVersion: "nodehealth.clusterwright.dev/v1alpha1", Kind: "DetectorRulesList"}
	var files []*npd.File
	for _, name := range names {
		monitors, err := loadMonitors(env, name)
		if err != nil {
			return err
		}
		files = append(files, monitors...)
		for _, f := range monitors {
			fs := npd.Lint(f)
			report.findings = append(report.findings, fs...)
			if fs == nil {
				fs = []finding.Finding{}
			}
			report.Items = append(report.Items, npdReportItem{Name: f.Name, Rules: len(f.Config.Rules), Findings: fs, Summary: finding.Summarize(fs)})
			report.Summary = report.Summary.Add(finding.Summarize(fs))
		}
	}
	if err := writeNPDReport(env, report, files, format, failOn); err != nil {
		return err
	}
	if failOn.Fails(report.findings) {
		return cli.Exit(cli.ExitFindings)
	}
	return nil
}

func writeNPDReport(env *cli.Env, r npdReport, files []*npd.File, format string, failOn finding.FailOn) error {
	var cases []finding.Case
	for _, it := range r.Items {
		cases = append(cases, finding.Case{Suite: "npd rules", Name: it.Name, Findings: it.Findings, FailOn: failOn})
	}
	if written, err := env.WriteReport(format, cli.Report{Value: r, Rules: npd.Rules, Findings: r.findings, Cases: cases}); written {
		return err
	}
	rules := 0
	for i, it := range r.Items {
		rules += it.Rules
		for _, f := range it.Findings {
			env.WriteFinding(cli.Shown{Finding: f, Source: files[i].Source(), Mark: 1})
		}
	}
	_, err := fmt.Fprintf(env.Out, "%s in %s (checks ID explains)\n", r.Summary, phrase.Count(rules, "rule"))
	return err
}

func completeValues(c *cobra.Command, flag string, values []string) {
	_ = c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

func newNPDNewRule(env *cli.Env) *cobra.Command {
	var reason, condition string
	c := &cobra.Command{
		Use:   "new-rule --reason REASON LINE",
		Short: "Make a rule from a sample log line",
		Example: `
			# A rule that sends an event
			kubectl nodehealth npd new-rule --reason Ext4Error "EXT4-fs error (device sda1): inode #42"

			# A rule that sets a node condition
			kubectl nodehealth npd new-rule --reason DiskFailed --condition DiskBad "sd 2:0:0:0: [sda] FAILED Result"`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if reason == "" {
				return cli.Usagef("new-rule: --reason is missing: the reason of the event or condition, one CamelCase word such as DiskFailed")
			}
			r, err := npd.NewRule(strings.TrimRight(args[0], "\r\n"), reason, condition)
			if err != nil {
				return cli.Usagef("new-rule: %w", err)
			}
			out := map[string]string{"type": r.Type, "reason": r.Reason, "pattern": r.Pattern}
			if r.Condition != "" {
				out["condition"] = r.Condition
				fmt.Fprintf(env.ErrOut, "declare the condition too, under conditions: {\"type\": %q, \"reason\": \"No%s\", \"message\": \"...\"}\n", r.Condition, r.Reason)
			}
			return finding.WriteJSON(env.Out, out)
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "Reason of the event or condition, one CamelCase word")
	c.Flags().StringVar(&condition, "condition", "", "Node condition to set; without it the rule sends an event")
	return c
}

func newNPDManifest(env *cli.Env) *cobra.Command {
	in := npd.Install{}
	var unit bool
	var out string
	var extra []string
	c := &cobra.Command{
		Use:   "manifest",
		Short: "Write the manifests that install the detector, with monitors that fit the nodes",
		Long: `Writes a ServiceAccount, the smallest RBAC, a DaemonSet and a ConfigMap. Stock
monitors come from the detector's image; yours (--config) and those that the
stock configuration lacks come from the ConfigMap.

The stock manifest watches for hung tasks of docker only; on containerd and
CRI-O a monitor for the runtime's own tasks is added here.`,
		Example: `
			# Install on nodes with containerd and journald
			kubectl nodehealth npd manifest --log journald | kubectl apply -f -

			# As a kustomization, with a monitor of your own
			kubectl nodehealth npd manifest --config my-monitor.json --out npd/

			# As a systemd unit, for a detector that outlives the kubelet
			kubectl nodehealth npd manifest --systemd`,
		Args: cobra.NoArgs,
		RunE: func(_ *cobra.Command, _ []string) error {
			if !slices.Contains(npd.Runtimes, in.Runtime) {
				return cli.Usagef("--runtime %q: not one of %s", in.Runtime, strings.Join(npd.Runtimes, ", "))
			}
			if !slices.Contains(npd.Logs, in.Log) {
				return cli.Usagef("--log %q: not one of %s", in.Log, strings.Join(npd.Logs, ", "))
			}
			if in.Crictl != "" && (!in.HealthChecks || !strings.HasPrefix(in.Crictl, "/")) {
				return cli.Usagef("--crictl %q: goes with --health-checks, and is an absolute path such as /usr/bin/crictl", in.Crictl)
			}
			if in.HealthChecks && in.Crictl == "" {
				env.Note("the runtime is not checked: the checker needs crictl, which the detector's image has not (--crictl PATH takes the nodes')")
			}
			in.Host = unit
			in.Extra = map[string][]byte{}
			for _, name := range extra {
				monitors, err := loadMonitors(env, name)
				if err != nil {
					return err
				}
				for _, f := range monitors {
					for _, x := range npd.Lint(f) {
						if x.Severity != finding.Info {
							env.Tell("%s: %s: %s [%s]", x.Subject.Location(), x.Severity, x.Message, x.ID)
						}
					}
					// Of a ConfigMap's file the key is the name.
					key := filepath.Base(f.Name[strings.LastIndexByte(f.Name, '#')+1:])
					if in.Extra[key] != nil {
						return cli.Usagef("--config %s: there is a monitor of the name %s already; rename the file", name, key)
					}
					in.Extra[key] = f.Source()
				}
			}
			return writeNPDManifest(env, in, unit, out)
		},
	}
	fs := c.Flags()
	fs.StringVar(&in.Namespace, "into", "kube-system", "Namespace of the DaemonSet; it has to admit privileged pods")
	fs.StringVar(&in.Image, "image", npd.Image, "The detector's image")
	fs.StringVar(&in.Runtime, "runtime", "containerd", "Container runtime of the nodes: containerd, cri-o or docker")
	fs.StringVar(&in.Log, "log", "kmsg", "Where the nodes' logs are: kmsg (kernel only), journald or file")
	fs.BoolVar(&in.HealthChecks, "health-checks", false, "Also check that the kubelet answers, and with --crictl the runtime (needs the host's network; never repairs)")
	fs.StringVar(&in.Crictl, "crictl", "", "Path of crictl on the nodes, by which --health-checks asks the runtime; the detector's image has none")
	fs.StringArrayVar(&extra, "config", nil, "A monitor configuration of your own; may be repeated")
	fs.BoolVar(&unit, "systemd", false, "Write a systemd unit instead of Kubernetes objects")
	fs.StringVar(&out, "out", "", "Folder to write the files and a kustomization.yaml into")
	completeValues(c, "runtime", npd.Runtimes)
	completeValues(c, "log", npd.Logs)
	return c
}

func writeNPDManifest(env *cli.Env, in npd.Install, unit bool, out string) error {
	if unit && out == "" {
		_, err := fmt.Fprint(env.Out, in.Unit())
		return err
	}
	files := in.Manifests()
	if unit {
		files = in.HostFiles()
	}
	if out == "" {
		var docs []string
		for _, name := range []string{"rbac.yaml", "config.yaml", "daemonset.yaml"} {
			if text, ok := files[name]; ok {
				docs = append(docs, text)
			}
		}
		_, err := fmt.Fprint(env.Out, strings.Join(docs, "---\n"))
		return err
	}
	if !unit {
		files["kustomization.yaml"] = in.Kustomization()
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return cli.Usagef("--out: %w", err)
	}
	for _, name := range sortedNames(files) {
		if _, err := os.Lstat(filepath.Join(out, name)); err == nil {
			return cli.Usagef("%s: is there already, and nothing was written; move it away, or give another --out", filepath.Join(out, name))
		}
	}
	for _, name := range sortedNames(files) {
		if err := os.WriteFile(filepath.Join(out, name), []byte(files[name]), 0o644); err != nil {
			return cli.Usagef("--out: %w", err)
		}
		fmt.Fprintf(env.Out, "created  %s\n", filepath.Join(out, name))
	}
	return nil
}

func sortedNames(m map[string]string) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// openLog opens a log file, unpacking gzip, or stdin for "-".
func openLog(env *cli.Env, name string) (*bufio.Reader, func(), error) {
	var r io.Reader = env.In
	done := func() {}
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, nil, cli.Usagef("%w", err)
		}
		r, done = f, func() { f.Close() }
	}
	br := bufio.NewReaderSize(r, 1<<16)
	if magic, _ := br.Peek(2); len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b {
		z, err := gzip.NewReader(br)
		if err != nil {
			done()
			return nil, nil, cli.Usagef("%s: gzip: %w", name, err)
		}
		br = bufio.NewReaderSize(z, 1<<16)
	}
	if mark, _ := br.Peek(2); widetext.Is(mark) {
		br = bufio.NewReaderSize(widetext.NewReader(br), 1<<16)
	}
	return br, done, nil
}
