package cmd

import (
	"crypto/x509"
	"fmt"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/issue"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/layout"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/profile"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/signing"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

type signFlags struct {
	makingFlags
	ips, dns     []string
	use, subject string
	name         string
	pathLen      int
	strict       bool
	privileged   bool
}

func newSign(env *cli.Env) *cobra.Command {
	f := &signFlags{}
	c := &cobra.Command{
		Use:   "sign REQUEST",
		Short: "Sign a certificate request with a local CA",
		Long: cli.Dedent(`
			Sign a request (PEM or DER, - for stdin) with the CA in --out, and say what
			was asked for, what is granted and what is not. Names are checked, usages are
			those of --for, a CA is only made with --for ca, and no other extension is
			taken over. With --strict nothing is signed unless all can be granted.
		`),
		Example: cli.Dedent(`
			kubectl certgen sign webhook.csr

			# only these names, whatever it asks for
			kubectl certgen sign webhook.csr --for server --dns webhook.ops.svc --strict

			# an intermediate CA
			kubectl certgen sign team-ca.csr --for ca --path-len 0
		`),
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return f.run(env, args[0]) },
	}
	fs := c.Flags()
	fs.StringVar(&f.use, "for", "", "What it may be used for: server, client, peer (both) or ca (default: what the request asks for, never ca)")
	fs.StringSliceVar(&f.ips, "ip", nil, "Grant only these addresses (with --dns)")
	fs.StringSliceVar(&f.dns, "dns", nil, "Grant only these names (with --ip)")
	fs.StringVar(&f.subject, "subject", "", "Subject, instead of the request's")
	fs.StringVar(&f.name, "name", "", "Name of the certificate's file (default: the request's)")
	fs.IntVar(&f.pathLen, "path-len", 0, "For --for ca: how many CAs may stand below it")
	fs.BoolVar(&f.strict, "strict", false, "Sign nothing (exit 1) unless everything asked for is granted")
	fs.BoolVar(&f.privileged, "privileged", false, "Sign a member of system:masters")
	f.add(c, false, true)
	fs.StringVar(&f.caPassphraseFile, "ca-passphrase-file", "", "File with the passphrase of the CA's key, - for stdin (default: ask on the terminal)")
	_ = c.RegisterFlagCompletionFunc("for", cobra.FixedCompletions(purposes, cobra.ShellCompDirectiveNoFileComp))
	_ = fs.MarkHidden("key")
	_ = fs.MarkHidden("layout")
	return c
}

// signReport is the JSON of `sign`.
type signReport struct {
	APIVersion string         `json:"apiVersion"`
	Kind       string         `json:"kind"`
	Request    string         `json:"request"`
	Signed     bool           `json:"signed"`
	Lines      []signing.Line `json:"asked"`
	Item       *madeItem      `json:"item,omitempty"`
	Warnings   []string       `json:"warnings,omitempty"`
}

func (f *signFlags) run(env *cli.Env, file string) error {
	data, err := readInput(env, file)
	if err != nil {
		return err
	}
	shown := file
	if file == "-" {
		shown = "stdin"
		if f.name == "" {
			return cli.Usagef("a request on stdin needs --name for the certificate's file")
		}
		if f.caPassphraseFile == "-" {
			return cli.Usagef("the request and the passphrase cannot both come from stdin")
		}
	}
	req, err := pki.ParseRequest(data)
	if err != nil {
		return cli.Usagef("%s: %w", shown, err)
	}
	policy := signing.Policy{Privileged: f.privileged, PathLen: f.pathLen}
	switch f.use {
	case "":
	case "server", "client", "peer":
		policy.Purpose = profile.Purpose(f.use)
	case "ca":
		policy.CA = true
	default:
		return cli.Usagef("--for %q: not one of %s", f.use, strings.Join(purposes, ", "))
	}
	if f.pathLen < 0 {
		return cli.Usagef("--path-len %d: not 0 or more", f.pathLen)
	}
	if policy.Only, err = generalNames(f.ips, f.dns); err != nil {
		return err
	}
	if f.subject != "" {
		if policy.Subject, err = pki.ParseName(f.subject); err != nil {
			return cli.Usagef("--subject: %w", err)
		}
	}
	d, err := signing.Judge(req, policy)
	if err != nil {
		return cli.Usagef("%s: %w", shown, err)
	}
	o, err := f.options(env, "kubernetes")
	if err != nil {
		return err
	}
	r := &signReport{APIVersion: apiVersion, Kind: "Signed", Request: shown, Lines: d.Lines}
	if f.strict && d.Refused() > 0 {
		if err := r.print(env, f.format, nil); err != nil {
			return err
		}
		return cli.Exit(cli.ExitFindings)
	}
	folder, it, err := f.sign(o, req, d, file, profile.Days(f.days))
	if err != nil {
		return err
	}
	r.Signed, r.Warnings = true, folder.Warnings
	m := newItem(folder, it)
	m.Key, m.KeyAction = "", ""
	m.Certificate = show(folder.Rel(it.Name))
	r.Item = &m
	for _, w := range it.Faults {
		r.Warnings = append(r.Warnings, folder.Profile.Name+": "+w)
	}
	if it.Capped {
		r.Warnings = append(r.Warnings, "cut to the end of the CA (--outlive-ca keeps the full time)")
	}
	return r.print(env, f.format, folder)
}

func (f *signFlags) sign(o issue.Options, x *x509.CertificateRequest, d *signing.Decision, file string, validity time.Duration) (*issue.Folder, *issue.Item, error) {
	l, found, err := layout.Detect(o.Out)
	if err != nil {
		return nil, nil, refused(err)
	}
	if !found || !l.Has(l.CA().Cert) {
		return nil, nil, cli.WithHint(cli.Usagef("%s: no CA in it to sign with", o.Out), "--out names the folder of the CA; 'ca' makes one")
	}
	folder, err := issue.Open(o)
	if err != nil {
		return nil, nil, refused(err)
	}
	defer folder.Close()
	name := f.name
	if name == "" {
		name = strings.TrimSuffix(filepath.Base(file), path.Ext(file))
	}
	if err := layout.CheckName(name); err != nil {
		return nil, nil, cli.WithHint(cli.Usagef("%w", err), "--name gives another name")
	}
	it, err := folder.SignRequest(x, d, f.pathLen, validity, folder.L.Leaf(name).Cert)
	if err != nil {
		return nil, nil, refused(err)
	}
	if err := folder.Commit(); err != nil {
		return nil, nil, notWritten(err)
	}
	return folder, it, nil
}

func (r *signReport) print(env *cli.Env, format string, folder *issue.Folder) error {
	if done, err := env.WriteReport(format, cli.Report{Value: r}); done {
		return err
	}
	if r.Signed {
		word := "signed "
		if folder.DryRun {
			word = "would sign"
		}
		whose := r.Item.cn
		if whose == "" {
			whose = "no subject"
		}
		fold.Under(env.Out, fmt.Sprintf("%s  %s  ", word, r.Item.Certificate), fmt.Sprintf("%s, until %s", whose, r.Item.until), env.Columns(env.Out))
	} else {
		fmt.Fprintf(env.Out, "not signed  %s asks for what is not granted\n", r.Request)
	}
	for _, l := range r.Lines {
		verdict := "granted"
		if !l.Granted {
			verdict = "refused"
		}
		value := l.Value
		if l.Why != "" {
			value += ": " + l.Why
		}
		fold.Under(env.Out, fmt.Sprintf("  %s  %-9s ", verdict, l.What), value, env.Columns(env.Out))
	}
	for _, w := range r.Warnings {
		env.Warn("%s", w)
	}
	return nil
}
