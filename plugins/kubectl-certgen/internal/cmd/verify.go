package cmd

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/certlint"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/inspect"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/serving"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/verify"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

type verifyOptions struct {
	sources
	liveFlags
	format, failOn string
	cas            []string
	chain          []string
	hosts          []string
	purpose        string
	clients        string
}

func newVerify(env *cli.Env) *cobra.Command {
	o := &verifyOptions{}
	c := &cobra.Command{
		Use:   "verify [FILE|DIR|HOST:PORT|-]... [--clients] [--host NAME]",
		Short: "Say whether a certificate holds, and which clients will reject it by which rule",
		Long: fold.Wrap(`Verify certificates: the chain to a CA, dates, usages, names (--host), the key
beside it; and which clients will reject it: OpenSSL, OpenSSL's strict mode
(Python 3.13), pyca, GnuTLS, Java, NSS, Node and Go, by which of their rules.

Without --clients, what only some clients reject is a warning; with it, it fails.
--clients=java,go asks only about these.

The CA is --ca, else the CA that lies beside the certificate (ca.crt, ca.pem,
../ca.crt), else the CAs among what is given. --live verifies what the servers of a
cluster serve, their names, and each webhook's and APIService's caBundle.`, 79),
		Example: `
			kubectl certgen verify pki/server.crt --clients
			kubectl certgen verify server.pem --ca ca.pem --host api.example.com
			kubectl certgen verify 10.0.0.10:6443 --ca /etc/kubernetes/pki/ca.crt
			kubectl certgen verify --live`,
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), env, args) },
		Args: cobra.ArbitraryArgs,
	}
	fl := c.Flags()
	fl.StringVar(&o.clients, "clients", "", "Clients that must accept it: all, or a list ("+clientNames()+")")
	fl.Lookup("clients").NoOptDefVal = "all"
	fl.StringSliceVar(&o.cas, "ca", nil, "CA certificates that clients trust")
	fl.StringSliceVar(&o.chain, "chain", nil, "Intermediate certificates")
	fl.StringSliceVar(&o.hosts, "host", nil, "Name or address that clients connect to (may be repeated)")
	fl.StringVar(&o.purpose, "purpose", "", "Use to judge: server or client (default: server with --host, else what its usages say)")
	cli.AddReportFlags(c, &o.format, &o.failOn)
	o.sources.flags(fl)
	o.liveFlags.add(c, "Verify what a live cluster's servers serve, and caBundles against it")
	_ = c.RegisterFlagCompletionFunc("purpose", cobra.FixedCompletions([]string{"server", "client"}, cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("clients", cobra.FixedCompletions(append([]string{"all"}, strings.Split(clientNames(), ",")...), cobra.ShellCompDirectiveNoFileComp))
	return c
}

func clientNames() string {
	var out []string
	for _, c := range verify.Clients {
		out = append(out, string(c))
	}
	return strings.Join(out, ",")
}

func (o *verifyOptions) asked() ([]verify.Client, error) {
	if o.clients == "" || o.clients == "all" {
		return verify.Clients, nil
	}
	var out []verify.Client
	for _, n := range strings.Split(o.clients, ",") {
		c := verify.Client(strings.TrimSpace(n))
		if !slices.Contains(verify.Clients, c) {
			return nil, cli.Usagef("--clients %q: not one of %s", n, clientNames())
		}
		out = append(out, c)
	}
	return out, nil
}

// verdict is the answer for one certificate.
type verdict struct {
	item    *inspect.Item
	result  *verify.Result
	extra   []finding.Finding
	purpose verify.Purpose
	ca      bool
	// blind says that nothing vouches for its issuer, and its clients do not ask.
	blind bool
}

func (o *verifyOptions) run(ctx context.Context, env *cli.Env, args []string) error {
	if err := cli.CheckReportFlags(o.format, o.failOn); err != nil {
		return err
	}
	asked, err := o.asked()
	if err != nil {
		return err
	}
	if o.purpose != "" && o.purpose != "server" && o.purpose != "client" {
		return cli.Usagef("--purpose %q: not one of server, client", o.purpose)
	}
	if len(args) == 0 && !o.live {
		return cli.WithHint(cli.Usagef("nothing to verify: name a file, a folder or HOST:PORT, or say --live"), "kubectl certgen verify pki/server.crt --clients")
	}
	items, err := o.gather(ctx, env, args)
	if err != nil {
		return err
	}
	opt, err := o.options()
	if err != nil {
		return err
	}
	var cas, pool []*x509.Certificate
	for _, f := range []struct {
		names []string
		into  *[]*x509.Certificate
	}{{o.cas, &cas}, {o.chain, &pool}} {
		for _, n := range f.names {
			its, err := inspect.File(n, opt)
			if err != nil {
				return cli.Usagef("%w", err)
			}
			*f.into = append(*f.into, inspect.Certificates(its)...)
		}
	}
	vs := o.judge(env, items, cas, pool)
	if o.live {
		var given []inspect.Item
		for _, c := range cas {
			given = append(given, inspect.Item{Kind: inspect.Certificate, Cert: c})
		}
		more, seen, err := o.liveVerdicts(ctx, env, given)
		if err != nil {
			return err
		}
		vs, items = append(vs, more...), append(items, seen...)
	}
	o.warnSkipped(env)
	if len(vs) == 0 {
		return cli.Usagef("there is no certificate to verify in what was given")
	}
	for _, f := range serving.Judge(items, env.Now()) {
		for i := range vs {
			if vs[i].item.Where() == f.Subject.Name {
				vs[i].extra = append(vs[i].extra, f)
				break
			}
		}
	}
	return o.print(env, vs, asked)
}

// judge verifies all leaves among the items, or the CAs where there are only
// CAs.
func (o *verifyOptions) judge(env *cli.Env, items []inspect.Item, cas, pool []*x509.Certificate) []verdict {
	var vs []verdict
	given := inspect.Certificates(items)
	for i := range items {
		it := &items[i]
		if it.Cert == nil || it.Intermediate {
			continue
		}
		c := it.Cert
		if c.IsCA && c.BasicConstraintsValid && o.purpose == "" {
			v := verdict{item: it, result: verify.CheckAuthority(c, env.Now()), ca: true}
			vs = append(vs, v)
			continue
		}
		roots := cas
		if len(cas) == 0 {
			roots = caBeside(it.Source)
			for _, g := range given {
				// What is sent along proves nothing, but a CA that lies in the same
				// folder or file is what its owner trusts.
				if !it.Served && g.IsCA && !g.Equal(c) && verify.SelfSigned(g) {
					roots = append(roots, g)
				}
			}
			if verify.SelfSigned(c) && len(roots) == 0 {
				roots = []*x509.Certificate{c}
			}
		}
		p := verify.PurposeOf(c)
		switch {
		case o.purpose == "client":
			p = verify.AsClient
		case o.purpose == "server" || len(o.hosts) > 0 || it.Served:
			p = verify.Server
		}
		hosts := o.hosts
		if it.Served && len(hosts) == 0 {
			if h, _, err := net.SplitHostPort(it.Source); err == nil {
				hosts = []string{h}
				if o.sni != "" {
					hosts = []string{o.sni}
				}
			}
		}
		v := verdict{item: it, purpose: p, result: verify.Check(verify.Request{
			Leaf: c, Pool: append(append([]*x509.Certificate{}, pool...), given...), Roots: roots, Purpose: p, Hosts: hosts, Now: env.Now(),
		})}
		v.extra = keyFindings(it)
		vs = append(vs, v)
	}
	return vs
}

// keyFindings judges the key beside a certificate.
func keyFindings(it *inspect.Item) []finding.Finding {
	var out []finding.Finding
	sub := finding.Subject{Kind: "Certificate", Name: it.Where()}
	if it.Behind {
		out = append(out, certlint.NotFirst.New(sub, fmt.Sprintf("%s is certificate %d of its file, behind a CA: a server takes the first one for its own", verify.Name(it.Cert), it.Index)))
	}
	if it.KeyFile != "" && !it.KeyEncrypted && !it.KeyMatches {
		out = append(out, certlint.KeyMismatch.New(sub, fmt.Sprintf("the key %s does not belong to %s", it.KeyFile, it.Where())))
	}
	if it.KeyMode&0o077 != 0 {
		out = append(out, certlint.LooseMode.New(sub, fmt.Sprintf("the key %s can be read by others (%04o)", it.KeyFile, it.KeyMode)))
	}
	return out
}

// caBeside finds the CA that lies with a certificate in one of the known
// layouts.
func caBeside(path string) []*x509.Certificate {
	dir := filepath.Dir(path)
	if st, err := os.Stat(path); err != nil || st.IsDir() {
		return nil
	}
	names := []string{"ca.crt", "ca.pem", "../ca.crt", "../ca.pem"}
	if strings.HasPrefix(filepath.Base(path), "front-proxy") {
		names = []string{"front-proxy-ca.crt"}
	}
	if strings.HasPrefix(filepath.Base(path), "apiserver-etcd-client") {
		names = []string{"etcd/ca.crt"}
	}
	for _, n := range names {
		p := filepath.Join(dir, n)
		if p == filepath.Clean(path) {
			continue
		}
		if its, err := inspect.File(p, inspect.Options{}); err == nil {
			return inspect.Certificates(its)
		}
	}
	return nil
}

// findings turns a verdict into findings. What only clients reject that were
// not asked for is a warning.
func (v *verdict) findings(asked []verify.Client, strict bool) []finding.Finding {
	out := append([]finding.Finding{}, v.extra...)
	for _, d := range v.result.Defects {
		f := d.Rule.New(finding.Subject{Kind: "Certificate", Name: v.item.Where()}, d.Message)
		var hit []verify.Client
		for _, c := range verify.Clients {
			if w := d.Rejects[c]; w != "" {
				f.Evidence = append(f.Evidence, c.Title()+": "+w)
				if slices.Contains(asked, c) {
					hit = append(hit, c)
				}
			}
		}
		switch {
		case len(d.Rejects) == 0:
			if f.Severity == finding.Error {
				f.Severity = finding.Warning
			}
		case len(d.Rejects) == len(verify.Clients), len(hit) > 0 && strict:
			f.Severity = finding.Error
		default:
			f.Severity = finding.Warning
		}
		out = append(out, f)
	}
	finding.SortBySeverity(out)
	return out
}

type clientJSON struct {
	Name    string   `json:"name"`
	Title   string   `json:"title"`
	Accepts bool     `json:"accepts"`
	Reasons []reason `json:"reasons,omitempty"`
}

type reason struct {
	ID      string `json:"id"`
	Message string `json:"message"`
	Words   string `json:"words"`
}

type verifyItem struct {
	certJSON
	Purpose  string            `json:"purpose,omitempty"`
	Chain    []string          `json:"chain"`
	Accepted bool              `json:"accepted"`
	Verified bool              `json:"verified"`
	Clients  []clientJSON      `json:"clients"`
	Findings []finding.Finding `json:"findings"`
	Summary  finding.Summary   `json:"summary"`
}

func (o *verifyOptions) print(env *cli.Env, vs []verdict, asked []verify.Client) error {
	now := env.Now()
	all := []finding.Finding{}
	var items []verifyItem
	var cases []finding.Case
	for i := range vs {
		v := &vs[i]
		fs := v.findings(asked, o.clients != "")
		all = append(all, fs...)
		it := verifyItem{certJSON: describe(v.item, now), Purpose: string(v.purpose), Findings: fs, Summary: finding.Summarize(fs), Accepted: true, Verified: !v.blind, Chain: []string{}}
		for _, c := range v.result.Chain {
			it.Chain = append(it.Chain, inspect.NameString(c.RawSubject))
		}
		for _, c := range asked {
			cj := clientJSON{Name: string(c), Title: c.Title(), Accepts: true}
			for _, d := range v.result.Defects {
				if w := d.Rejects[c]; w != "" {
					cj.Accepts, it.Accepted = false, false
					cj.Reasons = append(cj.Reasons, reason{d.Rule.ID, d.Message, w})
				}
			}
			it.Clients = append(it.Clients, cj)
		}
		items = append(items, it)
		cases = append(cases, finding.Case{Suite: "verify", Name: v.item.Where(), Findings: fs, FailOn: finding.FailOn(o.failOn)})
	}
	rep := map[string]any{"apiVersion": apiVersion, "kind": "VerifyReport", "items": items, "findings": all, "summary": finding.Summarize(all), "notRead": o.notRead()}
	written, err := env.WriteReport(o.format, cli.Report{Value: rep, Rules: certlint.Rules(), Findings: all, Cases: cases})
	if !written {
		o.writeVerdicts(env, vs, items, asked)
	}
	if err != nil {
		return err
	}
	return o.exit(finding.FailOn(o.failOn).Fails(all))
}

// writeVerdicts writes the answer over all where there are several, and then
// each, those with errors first.
func (o *verifyOptions) writeVerdicts(env *cli.Env, vs []verdict, items []verifyItem, asked []verify.Client) {
	order := make([]int, len(vs))
	bad := 0
	for i := range vs {
		order[i] = i
		if items[i].Summary.Error > 0 {
			bad++
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(min(items[b].Summary.Error, 1), min(items[a].Summary.Error, 1))
	})
	if st := env.Style(env.Out); len(vs) > 1 || len(o.blind) > 0 {
		words := st.Good(fmt.Sprintf("no errors in %d %s", len(vs), plural(len(vs), "certificate", "certificates")))
		if bad > 0 {
			words = st.Error(fmt.Sprintf("%d of %d %s not in order", bad, len(vs), plural(len(vs), "certificate", "certificates")))
		}
		fmt.Fprintf(env.Out, "%s%s\n\n", words, o.unread())
	}
	for _, i := range order {
		writeVerdict(env, &vs[i], items[i], asked, env.Now())
	}
}

func writeVerdict(env *cli.Env, v *verdict, it verifyItem, asked []verify.Client, now time.Time) {
	w, st, width := env.Out, env.Style(env.Out), env.Width()
	var no, yes []string
	for _, c := range it.Clients {
		name := verify.Client(c.Name).Short()
		if c.Accepts {
			yes = append(yes, name)
		} else {
			no = append(no, name)
		}
	}
	word := st.Good("accepted")
	switch {
	case len(no) == len(it.Clients):
		word = st.Error("REJECTED by every client")
	case len(no) > 0:
		word = st.Error(fmt.Sprintf("REJECTED by %d of %d clients", len(no), len(it.Clients)))
	case it.Summary.Error > 0:
		word = st.Error("NOT in order")
	case v.blind:
		word = "not verified"
	}
	role := inspect.Role(v.item.Cert)
	fold.Hang(w, "", "  ", fmt.Sprintf("%s   %s   %s, %s", st.Bold(v.item.Where()), word, role, remaining(v.item, now)), env.Columns(w))
	for _, f := range it.Findings {
		const under = "                 "
		fold.Hang(w, fmt.Sprintf("  %s %s%s ", f.ID, st.Severity(f.Severity), strings.Repeat(" ", max(0, 8-len(f.Severity)))), under, f.Message, width)
		d := defectOf(v.result, f)
		if d == nil {
			if f.Remedy != "" {
				fold.Under(w, under+"-> ", f.Remedy, width)
			}
			continue
		}
		byWords := map[string][]string{}
		var order []string
		for _, c := range asked {
			if t := d.Rejects[c]; t != "" {
				if byWords[t] == nil {
					order = append(order, t)
				}
				byWords[t] = append(byWords[t], c.Short())
			}
		}
		for _, t := range order {
			who := strings.Join(byWords[t], ", ")
			if len(byWords[t]) == len(asked) && len(asked) == len(verify.Clients) {
				who = "all clients"
			}
			fold.Hang(w, "        ", "          ", st.Faint(who+": "+t), width)
		}
	}
	if len(yes) > 0 && !v.blind {
		fold.Hang(w, "  ", "    ", "accepted by "+strings.Join(yes, ", "), width)
	}
	if !v.ca && len(v.result.Chain) > 1 {
		fold.Under(w, "  chain       ", strings.Join(it.Chain[1:], " < "), width)
	}
}

func defectOf(r *verify.Result, f finding.Finding) *verify.Defect {
	for i := range r.Defects {
		if r.Defects[i].Rule.ID == f.ID && r.Defects[i].Message == f.Message {
			return &r.Defects[i]
		}
	}
	return nil
}
