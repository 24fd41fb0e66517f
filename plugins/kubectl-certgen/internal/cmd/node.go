package cmd

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/issue"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/kubeconfig"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/layout"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/profile"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/san"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

type nodeFlags struct {
	makingFlags
	ips, dns        []string
	server, cluster string
	list            string
}

func newNode(env *cli.Env) *cobra.Command {
	f := &nodeFlags{}
	c := &cobra.Command{
		Use:   "node NAME [--ip ADDRESS]...",
		Short: "Make a kubelet's certificates, and its kubeconfig",
		Long: cli.Dedent(`
			Make the two certificates of a kubelet: NAME-client, by which it is
			system:node:NAME in the group system:nodes, and NAME-serving, which it shows
			on port 10250 and which carries the node's name and addresses. With --server
			its kubeconfig comes with it.
		`),
		Example: cli.Dedent(`
			kubectl certgen node worker-1 --ip 10.0.0.11 --server https://203.0.113.10:6443

			# a thousand at once: a line each, NAME and its addresses and names
			kubectl certgen node --list nodes.txt --server https://203.0.113.10:6443
		`),
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, reqs, err := f.toOptions(env, args)
			if err != nil {
				return err
			}
			if f.list != "" {
				return runMany(cmd.Context(), env, o, reqs, f.format)
			}
			if err := runOne(env, o, f.format, reqs...); err != nil || f.format != "text" {
				return err
			}
			f.next(env.Out, args[0])
			return nil
		},
	}
	fs := c.Flags()
	fs.StringSliceVar(&f.ips, "ip", nil, "Address of the node (repeat or separate with commas)")
	fs.StringSliceVar(&f.dns, "dns", nil, "Further name of the node; NAME itself is always there")
	fs.StringVar(&f.server, "server", "", "API server, such as https://203.0.113.10:6443: write the kubelet's kubeconfig too")
	fs.StringVar(&f.cluster, "cluster-name", "kubernetes", "Name of the cluster in the kubeconfig")
	fs.StringVar(&f.list, "list", "", "File with many nodes: NAME and its addresses and names a line, - for stdin")
	f.add(c, true, true)
	fs.BoolVar(&f.dropNames, "drop-names", false, "Let a certificate that is issued again lose names that are not given now")
	return c
}

// next says where the files go on the node.
func (f *nodeFlags) next(w io.Writer, node string) {
	fmt.Fprintf(w, "\nOn the node, as root:\n")
	if f.server != "" {
		fmt.Fprintf(w, "  %s.conf          is /etc/kubernetes/kubelet.conf (kubelet --kubeconfig)\n", node)
	} else {
		fmt.Fprintf(w, "  %s-client.*      are for the kubelet's kubeconfig (--server writes it)\n", node)
	}
	fmt.Fprintf(w, "  %s-serving.crt   is tlsCertFile in the KubeletConfiguration\n", node)
	fmt.Fprintf(w, "  %s-serving.key   is tlsPrivateKeyFile\n", node)
}

func (f *nodeFlags) toOptions(env *cli.Env, args []string) (issue.Options, []issue.Request, error) {
	var lines []listed
	switch {
	case f.list != "" && (len(args) > 0 || len(f.ips)+len(f.dns) > 0):
		return issue.Options{}, nil, cli.Usagef("--list names the nodes and their addresses itself: leave NAME, --ip and --dns out")
	case f.list != "":
		var err error
		if lines, err = readList(env, f.list); err != nil {
			return issue.Options{}, nil, err
		}
	case len(args) == 0:
		return issue.Options{}, nil, cli.WithHint(cli.Usagef("no node named"), "kubectl certgen node NAME --ip ADDRESS")
	default:
		names, err := generalNames(f.ips, f.dns)
		if err != nil {
			return issue.Options{}, nil, err
		}
		lines = []listed{{name: args[0], names: names}}
	}
	url := ""
	if f.server != "" {
		var err error
		if url, err = kubeconfig.ParseServer(f.server); err != nil {
			return issue.Options{}, nil, cli.Usagef("--server: %w", err)
		}
	}
	o, err := f.options(env, "kubernetes")
	if err != nil {
		return o, nil, err
	}
	var reqs []issue.Request
	for _, l := range lines {
		rs, err := f.requests(l, url)
		if err != nil {
			if l.line > 0 {
				return o, nil, cli.Usagef("%s:%d: %w", f.list, l.line, err)
			}
			return o, nil, cli.Usagef("%w", err)
		}
		reqs = append(reqs, rs...)
	}
	return o, reqs, nil
}

func (f *nodeFlags) requests(l listed, url string) ([]issue.Request, error) {
	name, err := nodeName(l.name)
	if err != nil {
		return nil, err
	}
	user := "system:node:" + name
	subject := pki.Name{{Type: "O", Value: "system:nodes"}, {Type: "CN", Value: user}}
	if err := subject.Check(); err != nil {
		return nil, err
	}
	client := issue.Request{Name: name + "-client", Purpose: profile.Client, Subject: subject, Validity: profile.Days(f.days)}
	if url != "" {
		client.Also = kubeconfigFor(name+".conf", f.cluster, user, url)
	}
	serving := issue.Request{Name: name + "-serving", Purpose: profile.Server, Subject: subject, Validity: profile.Days(f.days),
		Names: san.Add(san.DNSs(name), l.names...)}
	return []issue.Request{client, serving}, nil
}

// nodeName checks the name of a Node: a DNS subdomain in lower case.
func nodeName(s string) (string, error) {
	n, err := san.ParseDNS(s)
	if err != nil || strings.Contains(n, "*") {
		if err == nil {
			err = cli.Usagef("node %q: has a wildcard", s)
		}
		return "", err
	}
	if n != strings.TrimSpace(s) {
		return "", cli.Usagef("node %q: Node names are in lower case: %s", s, n)
	}
	return n, layout.CheckName(n)
}
