package cmd

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/clusterpki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/issue"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/layout"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/profile"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/san"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
	"github.com/clusterwright/kubectl-plugins/shared/output"
)

type clusterFlags struct {
	makingFlags
	file                         string
	controlPlanes, workers, etcd []string
	endpoint, name, domain       string
	cidrs, sans                  []string
	port                         int
	kubeletServing               bool
}

func newCluster(env *cli.Env) *cobra.Command {
	f := &clusterFlags{}
	c := &cobra.Command{
		Use:   "cluster --control-plane NAME=ADDRESS... [--worker NAME]...",
		Short: "Make the whole PKI of a kubeadm-style cluster",
		Long: cli.Dedent(`
			Make, offline and in one run, all that kubeadm would make on every node of a
			cluster: three CAs, the certificates of API server, front proxy and etcd, the
			service account key, and the kubeconfigs.

			The folder gets pki/ with the authorities, and a folder for each node that is
			what belongs into /etc/kubernetes there, and nothing that does not: a worker
			gets no CA key. Run it again to add nodes or names; nothing that is there and
			fits is touched. Certificates are certgen's own profile with kubeadm's names,
			usages and groups; --compat kubeadm makes them kubeadm's to the byte.
		`),
		Example: cli.Dedent(`
			kubectl certgen cluster --control-plane cp1=10.0.0.10 --worker w1 --worker w2

			# three control planes behind a load balancer, dual stack
			kubectl certgen cluster --endpoint api.example.org:6443 \
			  --control-plane cp1=10.0.0.10,fd00::10 --control-plane cp2=10.0.0.11,fd00::11 \
			  --control-plane cp3=10.0.0.12,fd00::12 --service-cidr 10.96.0.0/12,fd00:96::/108

			# as a kubeadm configuration says, with an external etcd
			kubectl certgen cluster -f kubeadm.yaml --etcd e1=10.0.0.21 --etcd e2=10.0.0.22
		`),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, spec, err := f.toOptions(env, cmd)
			if err != nil {
				return err
			}
			return f.run(cmd.Context(), env, o, spec)
		},
	}
	fs := c.Flags()
	fs.StringVarP(&f.file, "filename", "f", "", "ClusterPKI, or kubeadm ClusterConfiguration (v1beta3, v1beta4), - for stdin; flags add to it")
	fs.StringArrayVar(&f.controlPlanes, "control-plane", nil, "Control-plane node, NAME=ADDRESS[,MORE ADDRESSES OR NAMES] (repeat)")
	fs.StringArrayVar(&f.workers, "worker", nil, "Worker node, NAME[=ADDRESS...] (repeat)")
	fs.StringArrayVar(&f.etcd, "etcd", nil, "Member of an external etcd, NAME=ADDRESS... (repeat; default: etcd on the control planes)")
	fs.StringVar(&f.endpoint, "endpoint", "", "What clients dial, HOST[:PORT] (default: the first control plane)")
	fs.IntVar(&f.port, "port", 6443, "Port of the API servers")
	fs.StringVar(&f.name, "cluster-name", "kubernetes", "Name of the cluster in kubeconfigs")
	fs.StringSliceVar(&f.cidrs, "service-cidr", []string{"10.96.0.0/12"}, "Service network, or two for dual stack")
	fs.StringVar(&f.domain, "cluster-domain", "cluster.local", "Domain of the cluster's Services")
	fs.StringSliceVar(&f.sans, "cert-sans", nil, "Further address or name of the API servers")
	fs.BoolVar(&f.kubeletServing, "kubelet-serving", false, "Make serving certificates for the kubelets too (kubeadm leaves them self-signed)")
	fs.StringVar(&f.out, "out", "cluster", "Folder to make it in")
	fs.StringVar(&f.key, "key", "", "Type of all keys: "+strings.Join(keySpecs(), ", ")+" (default ecdsa:p256)")
	fs.IntVar(&f.days, "days", 0, "Validity of certificates in days (default 365)")
	fs.IntVar(&f.caDays, "ca-days", 0, "Validity of new CAs in days (default 3650)")
	fs.StringVar(&f.compat, "compat", "", "Write certificates exactly as kubeadm does: kubeadm")
	fs.BoolVar(&f.outlive, "outlive-ca", false, "Let certificates end after their CA instead of with it")
	fs.BoolVar(&f.dropNames, "drop-names", false, "Let certificates that are issued again lose names that are not given now")
	fs.BoolVar(&f.fixModes, "fix-modes", false, "Set mode 0600 on key files in the folder that others can read")
	fs.BoolVar(&f.dryRun, "dry-run", false, "Show what would be made and write nothing")
	fs.StringVarP(&f.format, "output", "o", "text", "Output format: text, json, yaml")
	_ = c.RegisterFlagCompletionFunc("key", cobra.FixedCompletions(keySpecs(), cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("compat", cobra.FixedCompletions([]string{"kubeadm"}, cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json", "yaml"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (f *clusterFlags) toOptions(env *cli.Env, cmd *cobra.Command) (issue.Options, *clusterpki.Spec, error) {
	var o issue.Options
	s := &clusterpki.Spec{}
	if f.file != "" {
		data, err := readInput(env, f.file)
		if err != nil {
			return o, nil, err
		}
		name := f.file
		if name == "-" {
			name = "stdin"
		}
		if s, err = clusterpki.Read(name, data); err != nil {
			return o, nil, cli.Usagef("%w", err)
		}
	}
	given := func(flag string) bool { return cmd.Flags().Changed(flag) || f.file == "" }
	if err := f.nodes(s); err != nil {
		return o, nil, err
	}
	var err error
	if given("service-cidr") {
		if s.ServiceCIDRs, err = san.ServiceCIDRs(f.cidrs); err != nil {
			return o, nil, cli.Usagef("--service-cidr: %w", err)
		}
	}
	if given("cluster-domain") {
		if s.Domain, err = san.ParseDomain(f.domain); err != nil {
			return o, nil, cli.Usagef("--cluster-domain: %w", err)
		}
	}
	if given("cluster-name") {
		s.Name = f.name
	}
	if strings.TrimSpace(s.Name) != s.Name || strings.ContainsAny(s.Name, "@\n") {
		return o, nil, cli.Usagef("--cluster-name %q: no blanks around it, and no @", s.Name)
	}
	if given("port") {
		s.Port = f.port
	}
	if f.endpoint != "" {
		s.Endpoint = f.endpoint
	}
	for _, v := range f.sans {
		g, err := san.Parse(v)
		if err != nil {
			return o, nil, cli.Usagef("--cert-sans: %w", err)
		}
		s.CertSANs = san.Add(s.CertSANs, g)
	}
	s.KubeletServing = s.KubeletServing || f.kubeletServing
	if f.compat != "" && f.compat != "kubeadm" {
		return o, nil, cli.Usagef("--compat %q: a whole cluster is made like kubeadm's or like certgen's own", f.compat)
	}
	if o, err = f.options(env, "kubernetes"); err != nil {
		return o, nil, err
	}
	if o.Key == "" {
		o.Key = s.Key
	}
	if o.Key == pki.Ed25519 {
		return o, nil, cli.Usagef("--key ed25519: kubeadm and the API server's tokens take RSA and ECDSA keys only")
	}
	if f.days != 0 {
		s.Validity = profile.Days(f.days)
	}
	if o.CAValidity == 0 {
		o.CAValidity = s.CAValidity
	}
	if err := s.Check(); err != nil {
		return o, nil, cli.Usagef("%w", err)
	}
	return o, s, nil
}

func (f *clusterFlags) nodes(s *clusterpki.Spec) error {
	for _, g := range []struct {
		flag string
		from []string
		to   *[]clusterpki.Node
	}{{"--control-plane", f.controlPlanes, &s.ControlPlanes}, {"--worker", f.workers, &s.Workers}, {"--etcd", f.etcd, &s.Etcd}} {
		if g.flag == "--etcd" && len(g.from) > 0 {
			*g.to = nil // by name rather than by a kubeadm configuration's endpoints
		}
		for _, v := range g.from {
			n, err := clusterpki.ParseNode(v)
			if err != nil {
				return cli.Usagef("%s %s: %w", g.flag, v, err)
			}
			*g.to = append(*g.to, n)
		}
	}
	return nil
}

func (f *clusterFlags) run(ctx context.Context, env *cli.Env, o issue.Options, s *clusterpki.Spec) error {
	if l, found, err := layout.Detect(o.Out); err != nil {
		return refused(err)
	} else if found && l.Root == o.Out {
		return cli.WithHint(cli.Usagef("%s: holds a PKI itself (%s layout, %s); 'cluster' makes a folder with pki/ and the nodes' folders in it", o.Out, l.Kind, l.Evidence),
			"--out another folder")
	}
	p := output.NewProgress(env.ErrOut, env.Interactive())
	defer p.Stop()
	p.Set("making the PKI of %d nodes", len(s.ControlPlanes)+len(s.Workers)+len(s.Etcd))
	o.Doing = nil // it is said for all of them
	root, err := issue.OpenAt(o, layout.New(layout.Kubeadm, o.Out))
	if err != nil {
		return refused(err)
	}
	defer root.Close()
	if err := root.CheckModes(keysBelow(o.Out)); err != nil {
		return refused(err)
	}
	res, err := clusterpki.Make(ctx, root, s)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return refused(err)
	}
	if err := root.Commit(); err != nil {
		return notWritten(err)
	}
	p.Stop()
	return f.print(env, root, s, res)
}

// keysBelow are the files of a cluster's folder that hold private keys.
func keysBelow(dir string) []string {
	var out []string
	_ = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && (strings.HasSuffix(p, ".key") || strings.HasSuffix(p, ".conf")) {
			out = append(out, p)
		}
		return nil // what cannot be read is met again, and said, when it is needed
	})
	return out
}

// clusterReport is the JSON of `cluster`.
type clusterReport struct {
	APIVersion string        `json:"apiVersion"`
	Kind       string        `json:"kind"`
	Folder     string        `json:"folder"`
	Profile    string        `json:"profile"`
	DryRun     bool          `json:"dryRun,omitempty"`
	Endpoint   string        `json:"endpoint"`
	CAs        []madeItem    `json:"certificateAuthorities"`
	Nodes      []clusterNode `json:"nodes"`
	Recovered  []string      `json:"recovered,omitempty"`
	Fixed      []string      `json:"fixedModes,omitempty"`
	Warnings   []string      `json:"warnings,omitempty"`
}

type clusterNode struct {
	Name         string     `json:"name"`
	Role         string     `json:"role"`
	Folder       string     `json:"folder"`
	Created      int        `json:"created"`
	Unchanged    int        `json:"unchanged"`
	Certificates []madeItem `json:"certificates"`
	Kubeconfigs  []madeItem `json:"kubeconfigs"`
}

func (f *clusterFlags) print(env *cli.Env, root *issue.Folder, s *clusterpki.Spec, res *clusterpki.Result) error {
	r := clusterReport{APIVersion: apiVersion, Kind: "ClusterIssued", Folder: show(root.L.Root), Profile: "default", DryRun: root.DryRun,
		Endpoint: res.Endpoint, Recovered: root.Recovered, Fixed: root.Fixed, Warnings: append(s.Warnings, root.Warnings...)}
	if root.Profile.Name != "" {
		r.Profile = root.Profile.Name
	}
	for _, ca := range res.CAs {
		r.Warnings = append(r.Warnings, ca.Warnings...)
		it := newReport(ca).Items[0]
		it.Name = strings.TrimPrefix(ca.L.CA().Name, "pki/")
		r.CAs = append(r.CAs, it)
		if l := keptCA(ca, root.Options.Key); l != "" {
			r.Warnings = append(r.Warnings, l)
		}
	}
	capped, stays := false, &kept{}
	for _, n := range res.Nodes {
		cn := clusterNode{Name: n.Name, Role: n.Role, Folder: path.Join(r.Folder, n.Name), Created: n.Created, Unchanged: n.Unchanged,
			Certificates: []madeItem{}, Kubeconfigs: []madeItem{}}
		for _, it := range n.Certificates {
			cn.Certificates = append(cn.Certificates, newItem(root, it))
			stays.add(root, res.IssuerOf(it), it)
			capped = capped || it.Capped
		}
		for _, it := range n.Kubeconfigs {
			m := newItem(root, it)
			m.Certificate, m.Key, m.KeyAction = "", "", ""
			m.Kubeconfig = path.Join(r.Folder, it.Name)
			cn.Kubeconfigs = append(cn.Kubeconfigs, m)
			stays.add(root, res.IssuerOf(it), it)
			capped = capped || it.Capped
		}
		r.Nodes = append(r.Nodes, cn)
	}
	r.Warnings = append(r.Warnings, stays.lines(root.L.Root)...)
	if capped {
		r.Warnings = append(r.Warnings, "certificates are cut to the end of their CA (--outlive-ca keeps the full time)")
	}
	if s.Endpoint == "" && len(s.ControlPlanes) > 1 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("kubeconfigs name %s, the first control plane, alone; --endpoint gives the address of all", res.Endpoint))
	}
	if done, err := env.WriteReport(f.format, cli.Report{Value: r}); done {
		return err
	}
	r.text(env)
	for _, w := range r.Warnings {
		env.Warn("%s", w)
	}
	return nil
}

// someNodes is how many nodes of a role the screen lists.
const someNodes = 8

func (r *clusterReport) text(env *cli.Env) {
	w, st, columns := env.Out, env.Style(env.Out), env.Columns(env.Out)
	word := func(created int) string {
		switch {
		case created == 0:
			return "unchanged"
		case r.DryRun:
			return "would make"
		}
		return "made"
	}
	count := map[string]int{}
	for _, n := range r.Nodes {
		count[n.Role]++
	}
	var roles []string
	for _, role := range []string{"control plane", "etcd", "worker"} {
		if count[role] > 0 {
			roles = append(roles, fmt.Sprintf("%d %s", count[role], machines(role, count[role])))
		}
	}
	newCAs, total := 0, 0
	for _, ca := range r.CAs {
		if ca.Action == string(issue.Created) {
			newCAs++
		}
	}
	for _, n := range r.Nodes {
		total += n.Created
	}
	fold.Hang(w, "", "  ", fmt.Sprintf("%s the PKI of %s in %s/", st.Bold(word(newCAs+total)), strings.Join(roles, ", "), r.Folder), columns)
	fmt.Fprintf(w, "clients dial %s\n\n", r.Endpoint)
	if len(r.Recovered) > 0 {
		fmt.Fprintf(w, "  finished   an earlier run that was interrupted: %d files\n", len(r.Recovered))
	}
	for _, p := range r.Fixed {
		fmt.Fprintf(w, "  repaired   %s  mode 0600\n", show(p))
	}
	for _, ca := range r.CAs {
		fmt.Fprintf(w, "  %-10s %s  %s, until %s\n", word(map[bool]int{true: 1}[ca.Action == string(issue.Created)]), ca.Certificate, ca.keyHuman, ca.until)
	}
	shown := map[string]int{}
	for _, n := range r.Nodes {
		shown[n.Role]++
		if shown[n.Role] > someNodes {
			if shown[n.Role] == count[n.Role] {
				more := count[n.Role] - someNodes
				fmt.Fprintf(w, "  %-10s %d more %s\n", "", more, machines(n.Role, more))
			}
			continue
		}
		fold.Under(w, fmt.Sprintf("  %-10s %s/  ", word(n.Created), n.Folder), n.summary(), columns)
	}
	fmt.Fprintf(w, "\nNext\n  each node's folder is its /etc/kubernetes:\n")
	fmt.Fprintf(w, "    scp -r %s/. root@%s:/etc/kubernetes/\n", r.Nodes[0].Folder, r.Nodes[0].Name)
	fmt.Fprintf(w, "  %s/pki/ has every CA's key: keep it away from all of them\n", r.Folder)
	fold.Under(w, "  ", "without kubeadm, admin.conf has no rights until a ClusterRoleBinding gives the group kubeadm:cluster-admins cluster-admin; super-admin.conf has them all", env.Width())
}

// machines is what n nodes of a role are called.
func machines(role string, n int) string {
	if role == "etcd" {
		role = "etcd member"
	}
	return plural(n, role, role+"s")
}

func (n clusterNode) summary() string {
	var parts []string
	add := func(k int, what string) {
		if k > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", k, plural(k, what, what+"s")))
		}
	}
	add(len(n.Certificates), "certificate")
	add(len(n.Kubeconfigs), "kubeconfig")
	out := n.Role + ", " + strings.Join(parts, ", ")
	if n.Created > 0 && n.Unchanged > 0 {
		out += fmt.Sprintf(" (%d %s new)", n.Created, plural(n.Created, "file", "files"))
	}
	for _, it := range append(n.Certificates, n.Kubeconfigs...) {
		out += ", until " + it.until
		break
	}
	return out
}
