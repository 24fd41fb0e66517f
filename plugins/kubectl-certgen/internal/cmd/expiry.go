package cmd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/certlint"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/expiry"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/inspect"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/serving"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
	"github.com/clusterwright/kubectl-plugins/shared/output"
)

var expiryFormats = []string{"text", "wide", "json", "yaml", "prometheus", "sarif", "github", "junit"}

type expiryOptions struct {
	sources
	liveFlags
	format, failOn string
	warn, crit     string
	cas            bool
}

func newExpiry(env *cli.Env) *cobra.Command {
	o := &expiryOptions{}
	c := &cobra.Command{
		Use:   "expiry [FILE|DIR|HOST:PORT|-]... [--live] [--warn 30d]",
		Short: "When do they all expire? Files, kubeconfigs, servers, Secrets in one table",
		Long: fold.Wrap(`List certificates by the day on which they expire: everything that inspect reads,
in one table. Without an argument it is /etc/kubernetes and ~/.kube/config, as far
as they are there.

Exit status 1 says that one has expired or is within --crit (--fail-on warning: within
--warn). -o prometheus prints the metric certgen_certificate_not_after_seconds for the
textfile collector of node_exporter.`, 79),
		Example: `
			kubectl certgen expiry
			kubectl certgen expiry /etc/kubernetes ~/.kube/config
			kubectl certgen expiry --live --warn 60d
			kubectl certgen expiry pki/ -o prometheus > /var/lib/node_exporter/certs.prom`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), env, args) },
	}
	fl := c.Flags()
	fl.StringVar(&o.warn, "warn", "30d", "Warn of what expires within this time (30d, 720h)")
	fl.StringVar(&o.crit, "crit", "7d", "Error for what expires within this time")
	fl.BoolVar(&o.cas, "cas", true, "List CAs too")
	fl.StringVarP(&o.format, "output", "o", "text", "Output format: "+strings.Join(expiryFormats, ", "))
	fl.StringVar(&o.failOn, "fail-on", "error", "Least severity that makes the exit status 1: error, warning, info or never")
	o.sources.flags(fl)
	o.liveFlags.add(c, "Look at a live cluster too")
	completeFormats(c, expiryFormats...)
	_ = c.RegisterFlagCompletionFunc("fail-on", cobra.FixedCompletions(finding.FailOnValues, cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (o *expiryOptions) run(ctx context.Context, env *cli.Env, args []string) error {
	warn, err := expiry.ParseAge(o.warn)
	if err != nil {
		return cli.Usagef("--warn %w", err)
	}
	crit, err := expiry.ParseAge(o.crit)
	if err != nil {
		return cli.Usagef("--crit %w", err)
	}
	if crit > warn {
		return cli.Usagef("--crit %s is longer than --warn %s", o.crit, o.warn)
	}
	if !finding.FailOn(o.failOn).Valid() {
		return cli.Usagef("--fail-on %q: not one of %s", o.failOn, strings.Join(finding.FailOnValues, ", "))
	}
	if !slices.Contains(expiryFormats, o.format) {
		return cli.Usagef("-o %q: not one of %s", o.format, strings.Join(expiryFormats, ", "))
	}
	if len(args) == 0 && !o.live {
		if args = defaultPlaces(env); len(args) == 0 {
			return cli.WithHint(cli.Usagef("neither /etc/kubernetes nor ~/.kube/config is here: name a file, a folder or HOST:PORT, or say --live"), "kubectl certgen expiry pki/")
		}
	}
	items, err := o.gather(ctx, env, args)
	if err != nil {
		return err
	}
	if o.live {
		_, s, err := o.collect(ctx, env)
		if err != nil {
			return err
		}
		items = append(items, s.Items...)
		o.blind, o.hints = append(o.blind, s.Blind...), append(o.hints, s.Hints...)
	}
	o.warnSkipped(env)
	rows := expiry.Judge(items, expiry.Limits{Warn: warn, Crit: crit, LeaveOutCAs: !o.cas}, env.Now())
	if len(rows) == 0 {
		return cli.Usagef("there is no certificate in what was given")
	}
	return o.print(env, rows, serving.Judge(items, env.Now()))
}

// defaultPlaces are where a kubeadm node and a user have their certificates.
func defaultPlaces(env *cli.Env) []string {
	var out []string
	if in, err := os.ReadDir("/etc/kubernetes"); err == nil && len(in) > 0 { // an empty one is left by a purge
		out = append(out, "/etc/kubernetes")
		if isThere("/var/lib/kubelet/pki") {
			out = append(out, "/var/lib/kubelet/pki")
		}
	}
	if h := env.Getenv("HOME"); h != "" {
		if p := filepath.Join(h, ".kube", "config"); isThere(p) {
			out = append(out, p)
		}
	}
	return out
}

func (o *expiryOptions) print(env *cli.Env, rows []expiry.Row, notes []finding.Finding) error {
	now := env.Now()
	all := []finding.Finding{}
	var cases []finding.Case
	var items []certJSON
	for i := range rows {
		r := &rows[i]
		j := describe(r.Item, now)
		j.Status = string(r.Status)
		items = append(items, j)
		sub := finding.Subject{Kind: "Certificate", Name: r.Item.Where()}
		var fs []finding.Finding
		what := fmt.Sprintf("%s (%s) %s", r.Item.Where(), r.Item.Subject(), r.Words(now))
		switch r.Status {
		case expiry.Expired:
			fs = append(fs, certlint.Expired.New(sub, what))
		case expiry.Critical:
			f := certlint.ExpiresSoon.New(sub, what)
			f.Severity = finding.Error
			fs = append(fs, f)
		case expiry.Soon:
			fs = append(fs, certlint.ExpiresSoon.New(sub, what))
		case expiry.NotYet:
			fs = append(fs, certlint.NotYetValid.New(sub, what))
		}
		for _, f := range notes {
			if r.Item.Served && f.Subject.Name == r.Item.Where() {
				fs = append(fs, f)
			}
		}
		all = append(all, fs...)
		cases = append(cases, finding.Case{Suite: "expiry", Name: r.Item.Where(), Findings: fs, FailOn: finding.FailOn(o.failOn)})
	}
	rep := map[string]any{"apiVersion": apiVersion, "kind": "ExpiryReport", "items": items, "findings": all, "summary": finding.Summarize(all), "notRead": o.notRead()}
	written, err := env.WriteReport(o.format, cli.Report{Value: rep, Rules: certlint.Rules(), Findings: all, Cases: cases})
	switch {
	case written:
	case o.format == "prometheus":
		writePrometheus(env, rows)
	default:
		err = o.table(env, rows, notes, now)
	}
	if err != nil {
		return err
	}
	return o.exit(finding.FailOn(o.failOn).Fails(all))
}

func (o *expiryOptions) table(env *cli.Env, rows []expiry.Row, notes []finding.Finding, now time.Time) error {
	st := env.Style(env.Out)
	places := len(rows)
	if o.format == "text" {
		rows = once(rows)
	}
	n := map[expiry.Status]int{}
	for _, r := range rows {
		n[r.Status]++
	}
	of := fmt.Sprintf("%d %s", len(rows), plural(len(rows), "certificate", "certificates"))
	if places > len(rows) {
		of += fmt.Sprintf(" in %d places", places)
	}
	var parts []string
	for _, s := range []struct {
		s    expiry.Status
		text string
	}{{expiry.Expired, "expired"}, {expiry.Critical, "within " + o.crit}, {expiry.Soon, "within " + o.warn}, {expiry.NotYet, "not valid yet"}} {
		if n[s.s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[s.s], s.text))
		}
	}
	if idle := finding.Summarize(notes).Error; idle > 0 {
		parts = append(parts, fmt.Sprintf("%d renewed but not in use", idle))
	}
	first := rows[0]
	switch {
	case len(parts) > 0:
		fmt.Fprintf(env.Out, "%s of %s%s\n", st.Error(strings.Join(parts, ", ")), of, o.unread())
	default:
		fmt.Fprintf(env.Out, "%s; the first of %d expires in %s, on %s%s\n", st.Good("nothing within "+o.warn), len(rows), left(first, now), first.Item.Cert.NotAfter.UTC().Format("2006-01-02"), o.unread())
	}
	writeNotes(env, notes)
	t := &metav1.Table{ColumnDefinitions: []metav1.TableColumnDefinition{
		output.Column("Expires", false), output.Column("Left", false), output.Column("Role", false), output.Column("Subject", false), output.Column("Where", false),
		output.Column("Issuer", true), output.Column("Key", true), output.Column("Serial", true),
	}}
	for _, r := range rows {
		c := r.Item.Cert
		cn := c.Subject.CommonName
		if cn == "" {
			cn = r.Item.Subject()
		} else {
			cn = pki.Printable(cn)
		}
		if o.format == "text" {
			cn = fold.Clip(cn, 30) // where it lies is what is typed next; -o wide has it whole
		}
		t.Rows = append(t.Rows, output.Row(c.NotAfter.UTC().Format("2006-01-02"), left(r, now), inspect.Role(c), cn, r.Where(),
			pki.Printable(c.Issuer.CommonName), describe(r.Item, now).KeyType, c.SerialNumber.Text(16)))
	}
	return output.Table(env.Out, t, o.format == "wide", env.Columns(env.Out), "Where")
}

// once keeps the first row of each certificate and counts the others: a
// cluster's CA lies in every bundle and ConfigMap. -o wide has them all.
func once(rows []expiry.Row) []expiry.Row {
	at := map[string]int{}
	var out []expiry.Row
	for _, r := range rows {
		if i, ok := at[string(r.Item.Cert.Raw)]; ok {
			out[i].More++
			continue
		}
		at[string(r.Item.Cert.Raw)] = len(out)
		out = append(out, r)
	}
	return out
}

func left(r expiry.Row, now time.Time) string {
	d := inspect.DaysLeft(r.Item.Cert.NotAfter, now)
	switch {
	case r.Status == expiry.NotYet:
		return "not yet"
	case d < 0:
		return "EXPIRED"
	case d == 0:
		return strconv.Itoa(int(r.Item.Cert.NotAfter.Sub(now).Hours())) + "h"
	}
	return strconv.Itoa(d) + "d"
}

// writePrometheus writes the text exposition format.
func writePrometheus(env *cli.Env, rows []expiry.Row) {
	fmt.Fprintln(env.Out, "# HELP certgen_certificate_not_after_seconds When the certificate expires, as a Unix time.")
	fmt.Fprintln(env.Out, "# TYPE certgen_certificate_not_after_seconds gauge")
	q := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace
	seen := map[string]bool{}
	var lines []string
	for _, r := range rows {
		c := r.Item.Cert
		l := fmt.Sprintf(`certgen_certificate_not_after_seconds{source="%s",part="%s",index="%d",role="%s",subject="%s",issuer="%s",serial="%s"} %d`,
			q(r.Item.Source), q(r.Item.Part), r.Item.Index, inspect.Role(c), q(r.Item.Subject()), q(inspect.NameString(c.RawIssuer)), c.SerialNumber.Text(16), c.NotAfter.Unix())
		if !seen[l] {
			seen[l] = true
			lines = append(lines, l)
		}
	}
	sort.Strings(lines)
	for _, l := range lines {
		fmt.Fprintln(env.Out, l)
	}
}
