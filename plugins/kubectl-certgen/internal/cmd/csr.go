package cmd

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/issue"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/layout"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/san"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

// purposes are the values of --for.
var purposes = []string{"server", "client", "peer", "ca"}

type csrFlags struct {
	makingFlags
	ips, dns     []string
	subject, use string
	orgs         []string
	recipeFlags
}

func newCSR(env *cli.Env) *cobra.Command {
	f := &csrFlags{}
	c := &cobra.Command{
		Use:   "csr NAME [--ip ADDRESS]... [--dns NAME]...",
		Short: "Make a key and a certificate request, to be signed elsewhere",
		Long: cli.Dedent(`
			Make NAME.key and NAME.csr. The key never leaves this folder; the request
			goes to whoever has the CA: 'sign' there, a company's CA, or 'request', which
			hands it to the cluster. A key that is there is used.
		`),
		Example: cli.Dedent(`
			kubectl certgen csr webhook --dns webhook.ops.svc

			kubectl certgen csr alice --for client --org developers
		`),
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return f.run(env, args[0]) },
	}
	fs := c.Flags()
	fs.StringSliceVar(&f.ips, "ip", nil, "Address to ask for (repeat or separate with commas)")
	fs.StringSliceVar(&f.dns, "dns", nil, "Name to ask for")
	f.recipeFlags.addTo(c, false)
	fs.StringVar(&f.use, "for", "server", "What it is for: server, client, peer (both) or ca")
	fs.StringSliceVar(&f.orgs, "org", nil, "Organisation, for a client its group (may be repeated)")
	fs.StringVar(&f.subject, "subject", "", "Whole subject, instead of CN=NAME and --org")
	f.add(c, false, false)
	_ = c.RegisterFlagCompletionFunc("for", cobra.FixedCompletions(purposes, cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (f *csrFlags) run(env *cli.Env, name string) error {
	if err := layout.CheckName(fileName(name)); err != nil {
		return cli.Usagef("%w", err)
	}
	names, err := generalNames(f.ips, f.dns)
	if err != nil {
		return err
	}
	file, err := f.read(env)
	if err != nil {
		return err
	}
	if file != nil {
		names = san.Add(file.Names, names...)
		if f.key == "" {
			f.key = string(file.Key)
		}
	}
	if (f.use == "server" || f.use == "peer") && len(names) == 0 {
		return cli.Usagef("no --ip and no --dns: a server's certificate needs a name that clients dial")
	}
	exts, err := asks(f.use, names)
	if err != nil {
		return err
	}
	o, err := f.options(env, "kubernetes")
	if err != nil {
		return err
	}
	subject, err := subjectOf(name, f.orgs, f.subject)
	if err != nil {
		return err
	}
	if file != nil && f.subject == "" && len(f.orgs) == 0 && len(file.Subject) > 0 {
		subject = file.Subject
	}
	folder, err := issue.OpenFolder(o)
	if err != nil {
		return refused(err)
	}
	defer folder.Close()
	base := fileName(name)
	req, keyNew, err := folder.RequestFile(issue.Request{Name: base, Subject: subject, Names: names}, exts)
	if err != nil {
		return refused(err)
	}
	if err := folder.Commit(); err != nil {
		return notWritten(err)
	}
	pair := folder.L.Leaf(base)
	if pair.Request == "" {
		pair.Request = base + ".csr"
	}
	report := struct {
		APIVersion string   `json:"apiVersion"`
		Kind       string   `json:"kind"`
		Request    string   `json:"request"`
		Key        string   `json:"key"`
		KeyAction  string   `json:"keyAction"`
		KeyType    string   `json:"keyType"`
		Subject    string   `json:"subject"`
		For        string   `json:"for"`
		Names      []string `json:"names,omitempty"`
		Warnings   []string `json:"warnings,omitempty"`
	}{apiVersion, "Requested", show(folder.Rel(pair.Request)), show(folder.Rel(pair.Key)), "kept", string(pki.SpecOf(req.PublicKey)),
		subject.String(), f.use, values(names), folder.Warnings}
	if keyNew {
		report.KeyAction = "created"
	} else if l := keptKey(folder, pair.Key, pki.SpecOf(req.PublicKey), o.Key); l != "" {
		report.Warnings = append(report.Warnings, l)
	}
	if done, err := env.WriteReport(f.format, cli.Report{Value: report}); done {
		return err
	}
	word := "created"
	if o.DryRun {
		word = "would be created"
	}
	files := report.Request
	if keyNew {
		files += ", " + path.Base(report.Key)
	}
	fold.Under(env.Out, fmt.Sprintf("%s  %s  ", word, files), fmt.Sprintf("%s, %s", subject, pki.SpecOf(req.PublicKey).Human()), env.Columns(env.Out))
	if len(names) > 0 {
		fmt.Fprintf(env.Out, "names    %s\n", someNames(report.Names, env.Width()-10))
	}
	fmt.Fprintf(env.Out, "\nNext, where the CA's key is:\n  kubectl certgen sign %s\n", path.Base(report.Request))
	for _, w := range report.Warnings {
		env.Warn("%s", w)
	}
	return nil
}

func values(names []pki.GeneralName) []string {
	var out []string
	for _, n := range names {
		out = append(out, n.Value)
	}
	return out
}

func generalNames(ips, dns []string) ([]pki.GeneralName, error) {
	var names []pki.GeneralName
	for _, s := range ips {
		a, err := san.ParseIP(s)
		if err != nil {
			return nil, cli.Usagef("--ip: %w", err)
		}
		names = san.Add(names, san.IPs(a)...)
	}
	for _, s := range dns {
		d, err := san.ParseDNS(s)
		if err != nil {
			return nil, cli.Usagef("--dns: %w", err)
		}
		names = san.Add(names, san.DNSs(d)...)
	}
	return names, nil
}

func subjectOf(cn string, orgs []string, whole string) (pki.Name, error) {
	if whole != "" {
		n, err := pki.ParseName(whole)
		if err != nil {
			return nil, cli.Usagef("--subject: %w", err)
		}
		return n, nil
	}
	var n pki.Name
	for _, o := range orgs {
		if strings.TrimSpace(o) == "" {
			return nil, cli.Usagef("--org: blank; is a variable of the calling script empty?")
		}
		n = append(n, pki.Attribute{Type: "O", Value: o})
	}
	n = append(n, pki.Attribute{Type: "CN", Value: cn})
	if err := n.Check(); err != nil {
		return nil, cli.WithHint(cli.Usagef("%w", err), "--subject gives another than NAME")
	}
	return n, nil
}

// asks are the extensions that a request of a purpose asks for.
func asks(use string, names []pki.GeneralName) (func(pki.KeySpec) ([]pkix.Extension, error), error) {
	var eku []asn1.ObjectIdentifier
	ca := false
	switch use {
	case "server":
		eku = []asn1.ObjectIdentifier{pki.OIDServerAuth}
	case "client":
		eku = []asn1.ObjectIdentifier{pki.OIDClientAuth}
	case "peer":
		eku = []asn1.ObjectIdentifier{pki.OIDServerAuth, pki.OIDClientAuth}
	case "ca":
		ca = true
	default:
		return nil, cli.Usagef("--for %q: not one of %s", use, strings.Join(purposes, ", "))
	}
	return func(key pki.KeySpec) ([]pkix.Extension, error) {
		var out []pkix.Extension
		if len(names) > 0 {
			e, err := pki.SubjectAltName(names, false)
			if err != nil {
				return nil, err
			}
			out = append(out, e)
		}
		ku := x509.KeyUsageDigitalSignature
		switch {
		case ca:
			ku |= x509.KeyUsageCertSign | x509.KeyUsageCRLSign
			out = append(out, pki.BasicConstraints(true, -1, true))
		case key.IsRSA():
			ku |= x509.KeyUsageKeyEncipherment
		}
		out = append(out, pki.KeyUsage(ku, true))
		if len(eku) > 0 {
			out = append(out, pki.ExtKeyUsage(false, eku...))
		}
		return out, nil
	}, nil
}
