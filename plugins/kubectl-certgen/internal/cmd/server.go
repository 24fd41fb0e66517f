package cmd

import (
	"context"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/issue"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/layout"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/profile"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/san"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

type serverFlags struct {
	makingFlags
	ips, dns, serviceCIDRs []string
	clusterDomain          string
	noServiceNames         bool
	name, subject          string
	client                 bool
	show, installDir       string
	list                   string
	recipeFlags
}

type serverOptions struct {
	issue.Options
	request issue.Request
	names   profile.ServerNames
	flags   *serverFlags
	custom  bool // --out was given
}

func newServer(env *cli.Env) *cobra.Command {
	f := &serverFlags{}
	c := &cobra.Command{
		Use:   "server [--ip ADDRESS]... [--dns NAME]...",
		Short: "Make the API server's certificate (and a CA, if there is none)",
		Long: cli.Dedent(`
			Make the serving certificate of a kube-apiserver, and a CA where the folder
			has none. The names of the kubernetes Service and its address, the first of
			--service-cidr, are added. With --no-service-names it is a certificate for
			any other server.

			Run it again to add names: the key stays, the certificate is issued again.
			A CA, and any key, is never overwritten.
		`),
		Example: cli.Dedent(`
			# CA and certificate for an API server, in ./pki
			kubectl certgen server --ip 203.0.113.10

			# two addresses, a name, another service network, dual stack
			kubectl certgen server --ip 203.0.113.10 --ip 2001:db8::10 --dns api.example.org \
			  --service-cidr 10.32.0.0/16,fd00:32::/108

			# in the folder of an easyrsa, openssl, cfssl or kubeadm user
			kubectl certgen server --ip 203.0.113.10 --out easy-rsa/pki --dry-run

			# what a csr.conf, a cfssl request or easyrsa's vars say
			kubectl certgen server -f csr.conf
			kubectl certgen server -f server-csr.json --config ca-config.json --profile kubernetes

			# many at once: a line each, NAME and its addresses and names
			kubectl certgen server --list servers.txt --no-service-names
		`),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := f.toOptions(env, cmd)
			if err != nil {
				return err
			}
			return o.run(cmd.Context(), env)
		},
	}
	fs := c.Flags()
	fs.StringSliceVar(&f.ips, "ip", nil, "Address that clients dial (repeat or separate with commas)")
	fs.StringSliceVar(&f.dns, "dns", nil, "Name that clients dial")
	fs.StringSliceVar(&f.serviceCIDRs, "service-cidr", []string{"10.96.0.0/12"}, "Service network, or two for dual stack; its first address is added")
	fs.StringVar(&f.clusterDomain, "cluster-domain", "cluster.local", "Domain of the cluster's Services")
	fs.BoolVar(&f.noServiceNames, "no-service-names", false, "Leave out the kubernetes Service's names and address")
	fs.StringVar(&f.name, "name", "server", "Name of the certificate's file")
	fs.StringVar(&f.subject, "subject", "", `Subject, such as "O=Acme, CN=kube-apiserver" (default CN=kube-apiserver)`)
	fs.BoolVar(&f.client, "client-too", false, "Allow the certificate for clients too, as etcd's members need it")
	f.recipeFlags.addTo(c, true)
	fs.StringVar(&f.list, "list", "", "File with many certificates to make: NAME and its addresses and names a line, - for stdin")
	f.add(c, true, true)
	fs.BoolVar(&f.dropNames, "drop-names", false, "Let a certificate that is issued again lose names that are not given now")
	fs.StringVar(&f.show, "show", "flags", "What to print for kube-apiserver: flags, static-pod, kubeadm or none")
	fs.StringVar(&f.installDir, "install-dir", "", "Where the files will be on the control plane, for the printed flags (default: --out, or /etc/kubernetes/pki)")
	_ = c.RegisterFlagCompletionFunc("show", cobra.FixedCompletions(showValues, cobra.ShellCompDirectiveNoFileComp))
	return c
}

var showValues = []string{"flags", "static-pod", "kubeadm", "none"}

func (f *serverFlags) toOptions(env *cli.Env, cmd *cobra.Command) (*serverOptions, error) {
	o := &serverOptions{flags: f, custom: cmd.Flags().Changed("out")}
	file, err := f.read(env)
	if err != nil {
		return nil, err
	}
	if file != nil {
		// The file's names are all of them, unless the flags say more.
		f.noServiceNames = f.noServiceNames || !cmd.Flags().Changed("service-cidr")
		if f.key == "" {
			f.key = string(file.Key)
		}
	}
	var ips []netip.Addr
	for _, s := range f.ips {
		a, err := san.ParseIP(s)
		if err != nil {
			return nil, cli.Usagef("--ip: %w", err)
		}
		ips = append(ips, a)
	}
	var dns []string
	for _, s := range f.dns {
		d, err := san.ParseDNS(s)
		if err != nil {
			return nil, cli.Usagef("--dns: %w", err)
		}
		dns = append(dns, d)
	}
	if len(ips)+len(dns) == 0 && f.list == "" && file == nil {
		return nil, cli.WithHint(cli.Usagef("no --ip and no --dns: a certificate needs a name that clients dial"),
			"kubectl certgen server --ip ADDRESS")
	}
	if f.list != "" && len(ips)+len(dns) > 0 {
		return nil, cli.Usagef("--list names the addresses itself: leave --ip and --dns out")
	}
	o.names.IPs, o.names.DNS = san.IPs(ips...), san.DNSs(dns...)
	if file != nil {
		if f.list != "" {
			return nil, cli.Usagef("-f and --list: one of them says what to make")
		}
		o.names.Given = file.Names
		if len(file.Names)+len(ips)+len(dns) == 0 {
			return nil, cli.Usagef("%s: has no hosts or subjectAltName, and no --ip and --dns are given: no client would accept the certificate", f.file)
		}
	}
	if !f.noServiceNames {
		if err := o.service(f); err != nil {
			return nil, err
		}
	}
	if !slices.Contains(showValues, f.show) {
		return nil, cli.Usagef("--show %q: not one of %s", f.show, strings.Join(showValues, ", "))
	}
	first := "kubernetes"
	if len(ips) > 0 {
		first = ips[0].String()
	} else if len(dns) > 0 {
		first = dns[0]
	} else if file != nil && len(file.Names) > 0 {
		first = file.Names[0].Value
	}
	if o.Options, err = f.options(env, first); err != nil {
		return nil, err
	}
	if err := layout.CheckName(f.name); err != nil {
		return nil, cli.Usagef("--name: %w", err)
	}
	o.request = issue.Request{
		Name: f.name, Purpose: profile.Server, Names: o.Profile.Arrange(o.names), Validity: profile.Days(f.days),
		Subject: issue.DefaultSubject(o.Profile.ServerCommonName, first, o.Now),
	}
	if f.noServiceNames && f.compat == "" {
		o.request.Subject = pki.Name{{Type: "CN", Value: pki.CutCommonName(first)}}
	}
	if file != nil {
		file.apply(o)
	}
	if f.client {
		o.request.Purpose = profile.Peer
	}
	if f.subject != "" {
		if o.request.Subject, err = pki.ParseName(f.subject); err != nil {
			return nil, cli.Usagef("--subject: %w", err)
		}
	}
	if err := o.request.Subject.Check(); err != nil {
		return nil, cli.Usagef("--subject: %w", err)
	}
	return o, nil
}

func (o *serverOptions) service(f *serverFlags) error {
	cidrs, err := san.ServiceCIDRs(f.serviceCIDRs)
	if err != nil {
		return cli.Usagef("--service-cidr: %w", err)
	}
	domain, err := san.ParseDomain(f.clusterDomain)
	if err != nil {
		return cli.Usagef("--cluster-domain: %w", err)
	}
	for _, p := range cidrs {
		a, err := san.ServiceIP(p)
		if err != nil {
			return cli.Usagef("--service-cidr: %w", err)
		}
		o.names.ServiceIPs = append(o.names.ServiceIPs, san.IPs(a)...)
	}
	o.names.ServiceDNS = san.DNSs(san.ServiceNames(domain)...)
	return nil
}

func (o *serverOptions) run(ctx context.Context, env *cli.Env) error {
	if o.flags.list != "" {
		return o.runList(ctx, env)
	}
	f, err := issue.Open(o.Options)
	if err != nil {
		return refused(err)
	}
	defer f.Close()
	it, err := f.Prepare(o.request)
	if err != nil {
		return refused(err)
	}
	if err := f.Add(it); err != nil {
		return refused(err)
	}
	if err := f.Commit(); err != nil {
		return notWritten(err)
	}
	r := newReport(f, it).stays(f, it)
	if o.flags.show != "none" && !o.flags.noServiceNames {
		r.installDir = o.installDir(f.L.Root)
		r.APIServer = apiServerFlags(f, it, r.installDir)
	}
	return r.print(env, o.flags.format, o.flags.show, o.names)
}

// installDir is where kube-apiserver will find the files.
func (o *serverOptions) installDir(root string) string {
	if o.flags.installDir != "" {
		return strings.TrimRight(o.flags.installDir, "/")
	}
	return installDirOf(root, o.custom)
}

// installDirOf is the folder itself where the user chose it, and kubeadm's
// where it is the default ./pki, from which the files will be copied there.
func installDirOf(root string, custom bool) string {
	if !custom {
		return "/etc/kubernetes/pki"
	}
	if abs, err := filepath.Abs(root); err == nil {
		return filepath.ToSlash(abs)
	}
	return root
}
