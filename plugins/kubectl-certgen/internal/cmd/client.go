package cmd

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/issue"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/kubeconfig"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/layout"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/profile"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/store"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

type clientFlags struct {
	makingFlags
	orgs            []string
	name, subject   string
	server, cluster string
}

func newClient(env *cli.Env) *cobra.Command {
	f := &clientFlags{}
	c := &cobra.Command{
		Use:   "client USER",
		Short: "Make a user's client certificate, and a kubeconfig",
		Long: cli.Dedent(`
			Make a certificate by which kube-apiserver knows a user: USER is the common
			name, each --org a group. With --server a kubeconfig comes with it; another
			address later is written into it.
		`),
		Example: cli.Dedent(`
			kubectl certgen client alice --org developers

			# a kubeconfig too
			kubectl certgen client alice --org developers --server https://203.0.113.10:6443

			# a component of the control plane
			kubectl certgen client system:kube-scheduler --days 90
		`),
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			o, r, err := f.toOptions(env, args[0])
			if err != nil {
				return err
			}
			return runOne(env, o, f.format, r)
		},
	}
	fs := c.Flags()
	fs.StringSliceVar(&f.orgs, "org", nil, "Group of the user (the certificate's O; may be repeated)")
	fs.StringVar(&f.subject, "subject", "", "Whole subject, instead of CN=USER and --org")
	fs.StringVar(&f.name, "name", "", "Name of the files (default: USER)")
	fs.StringVar(&f.server, "server", "", "API server, such as https://203.0.113.10:6443: write a kubeconfig too")
	fs.StringVar(&f.cluster, "cluster-name", "kubernetes", "Name of the cluster in the kubeconfig")
	f.add(c, true, true)
	return c
}

func (f *clientFlags) toOptions(env *cli.Env, user string) (issue.Options, issue.Request, error) {
	var r issue.Request
	o, err := f.options(env, "kubernetes")
	if err != nil {
		return o, r, err
	}
	if strings.TrimSpace(user) == "" {
		return o, r, cli.Usagef("USER is blank; is a variable of the calling script empty?")
	}
	var subject pki.Name
	for _, g := range f.orgs {
		if strings.TrimSpace(g) == "" {
			return o, r, cli.Usagef("--org: blank; is a variable of the calling script empty?")
		}
		subject = append(subject, pki.Attribute{Type: "O", Value: g})
	}
	subject = append(subject, pki.Attribute{Type: "CN", Value: user})
	if f.subject != "" {
		if len(f.orgs) > 0 {
			return o, r, cli.Usagef("--org and --subject: give the groups in the subject")
		}
		if subject, err = pki.ParseName(f.subject); err != nil {
			return o, r, cli.Usagef("--subject: %w", err)
		}
	}
	if err := subject.Check(); err != nil {
		return o, r, cli.Usagef("%w", err)
	}
	name := f.name
	if name == "" {
		name = fileName(user)
	}
	if err := layout.CheckName(name); err != nil {
		return o, r, cli.WithHint(cli.Usagef("%w", err), "--name gives the files another name than USER")
	}
	r = issue.Request{Name: name, Purpose: profile.Client, Subject: subject, Validity: profile.Days(f.days)}
	if f.server != "" {
		url, err := kubeconfig.ParseServer(f.server)
		if err != nil {
			return o, r, cli.Usagef("--server: %w", err)
		}
		r.Also = kubeconfigFor(name+".conf", f.cluster, user, url)
	}
	return o, r, nil
}

// fileName makes a file's name of a user's: system:kube-scheduler has colons.
func fileName(user string) string {
	return strings.NewReplacer(":", "-", "/", "-", " ", "-").Replace(user)
}

// kubeconfigFor makes a kubeconfig come with a client certificate.
func kubeconfigFor(file, cluster, user, server string) func(*issue.Item) ([]issue.File, error) {
	return func(it *issue.Item) ([]issue.File, error) {
		key, err := it.KeyPEM()
		if err != nil {
			return nil, err
		}
		k := kubeconfig.File{
			Cluster: cluster, User: user, Server: server, CA: it.CAPEM, Cert: it.CertPEM(), Key: key,
		}
		data, err := k.Encode()
		return []issue.File{{Path: file, Data: data, Mode: store.KeyMode, Outdated: k.Outdated}}, err
	}
}

// runOne makes the certificates of one request, or of a few that belong
// together, as one set.
func runOne(env *cli.Env, o issue.Options, format string, reqs ...issue.Request) error {
	f, err := issue.Open(o)
	if err != nil {
		return refused(err)
	}
	defer f.Close()
	var items []*issue.Item
	for _, r := range reqs {
		it, err := f.Prepare(r)
		if err != nil {
			return refused(err)
		}
		if err := f.Add(it); err != nil {
			return refused(err)
		}
		items = append(items, it)
	}
	if err := f.Commit(); err != nil {
		return notWritten(err)
	}
	return newReport(f, items...).stays(f, items...).print(env, format, "none", noNames)
}
