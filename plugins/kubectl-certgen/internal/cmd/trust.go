package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/issue"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/trust"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

type trustOptions struct {
	system, as, name, namespace, key, signer, format, root string
	install, undo                                          bool
}

func newTrust(env *cli.Env) *cobra.Command {
	o := &trustOptions{}
	c := &cobra.Command{
		Use:   "trust CA.crt [--system NAME] [--install|--undo] [--as KIND]",
		Short: "Hand a CA out: to operating systems, Java, NSS, or as an object of the cluster",
		Long: fold.Wrap(`Say how a CA's certificate gets into trust stores: Debian, RHEL, Alpine, macOS, Windows,
Java and NSS, with the way back. --install does it on this machine (Debian, RHEL and
Alpine families; needs root), --undo takes it back.

--as prints an object instead: a ConfigMap, a Secret, or a ClusterTrustBundle
(certificates.k8s.io/v1, Kubernetes 1.37), to be piped into kubectl apply.

A file with a private key in it is refused.`, 79),
		Example: `
			kubectl certgen trust pki/ca.crt
			sudo kubectl certgen trust pki/ca.crt --install
			kubectl certgen trust pki/ca.crt --as configmap --name corp-ca -n apps
			kubectl certgen trust pki/ca.crt --as clustertrustbundle --name corp`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), env, args[0]) },
	}
	fl := c.Flags()
	var sys []string
	for _, s := range trust.Systems {
		sys = append(sys, string(s))
	}
	fl.StringVar(&o.system, "system", "", "Trust store: "+strings.Join(sys, ", ")+" (default: all, or this machine's with --install)")
	fl.BoolVar(&o.install, "install", false, "Make this machine trust it")
	fl.BoolVar(&o.undo, "undo", false, "Take it back on this machine")
	fl.StringVar(&o.root, "root", "/", "Root of the file system to install into; the store is not rebuilt in another one")
	fl.StringVar(&o.as, "as", "", "Print an object: configmap, secret or clustertrustbundle")
	fl.StringVar(&o.name, "name", "ca", "Name of the object")
	fl.StringVarP(&o.namespace, "namespace", "n", "", "Namespace of the object")
	fl.StringVar(&o.key, "data-key", "ca.crt", "Key of a ConfigMap or Secret")
	fl.StringVar(&o.signer, "signer-name", "", "Signer that a ClusterTrustBundle belongs to")
	fl.StringVarP(&o.format, "output", "o", "yaml", "Format of the object: yaml or json")
	completeFormats(c, "yaml", "json")
	_ = c.RegisterFlagCompletionFunc("system", cobra.FixedCompletions(sys, cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("as", cobra.FixedCompletions([]string{"configmap", "secret", "clustertrustbundle"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (o *trustOptions) run(ctx context.Context, env *cli.Env, file string) error {
	if o.install && o.undo || (o.install || o.undo) && o.as != "" {
		return cli.Usagef("--install, --undo and --as exclude each other")
	}
	if o.format != "yaml" && o.format != "json" {
		return cli.Usagef("-o %q: not one of yaml, json", o.format)
	}
	if st, err := os.Stat(file); err == nil && st.IsDir() {
		return cli.WithHint(cli.Usagef("%s: is a directory", file), "name the CA's certificate in it, for example "+filepath.Join(file, "ca.crt"))
	}
	data, err := readInput(env, file)
	if err != nil {
		return err
	}
	certs, err := trust.Read(data)
	if err != nil {
		return cli.Usagef("%s: %w", file, err)
	}
	for _, c := range trust.WithoutRoot(certs) {
		env.Note("%q is signed by %q, which is not in the file: OpenSSL (curl, Python) refuses its certificates without that one", c.Subject.String(), c.Issuer.String())
	}
	for _, c := range certs {
		if now := env.Now(); !o.undo && issue.OutOfTime(c, now) != "" {
			env.Warn("%q: %s: nobody who trusts it accepts what it signs", c.Subject.String(), issue.OutOfTime(c, now))
		}
	}
	if o.as != "" {
		if msgs := validation.IsConfigMapKey(o.key); len(msgs) > 0 && o.as != "clustertrustbundle" {
			return cli.Usagef("--data-key %q: %s", o.key, msgs[0])
		}
		if msgs := validation.IsDNS1123Label(o.namespace); len(msgs) > 0 && o.namespace != "" {
			return cli.Usagef("-n %q: %s", o.namespace, msgs[0])
		}
		if msgs := validation.IsDNS1123Subdomain(o.name); len(msgs) > 0 && !(o.as == "clustertrustbundle" && strings.Contains(o.name, ":")) {
			return cli.Usagef("--name %q: %s", o.name, msgs[0])
		}
		obj, err := trust.Object(trust.ObjectSpec{Kind: o.as, Name: o.name, Namespace: o.namespace, Key: o.key, Signer: o.signer}, certs)
		if err != nil {
			return cli.Usagef("--as %w", err)
		}
		if o.format == "json" {
			return finding.WriteJSON(env.Out, obj)
		}
		return finding.WriteYAML(env.Out, obj)
	}
	src := trust.SourceOf(file, data, certs)
	if o.install || o.undo {
		sys := trust.System(o.system)
		if sys == "" {
			rel, _ := os.ReadFile(filepath.Join(o.root, "etc/os-release"))
			var ok bool
			if runtime.GOOS == "windows" {
				return cli.WithHint(cli.Usagef("certgen installs on Debian, RHEL and Alpine only; this is Windows"), "--system windows prints the command")
			}
			if sys, ok = trust.Detect(rel); !ok {
				return cli.WithHint(cli.Usagef("this machine is none of the Debian, RHEL and Alpine families (/etc/os-release)"), "without --install the commands for all systems are printed")
			}
		}
		p, err := trust.For(sys, certs, src)
		if err != nil {
			return cli.Usagef("--system %w", err)
		}
		if p.Manual {
			return cli.Usagef("--system %s: certgen installs on Debian, RHEL and Alpine only; without --install it prints the commands", sys)
		}
		return o.carryOut(ctx, env, p)
	}
	systems := trust.Systems
	if o.system != "" {
		if !slices.Contains(trust.Systems, trust.System(o.system)) {
			return cli.Usagef("--system %q: not one of debian, rhel, alpine, macos, windows, java, nss", o.system)
		}
		systems = []trust.System{trust.System(o.system)}
	}
	st := env.Style(env.Out)
	for i, s := range systems {
		p, err := trust.For(s, certs, src)
		if err != nil {
			return cli.Usagef("%w", err)
		}
		if i > 0 {
			fmt.Fprintln(env.Out)
		}
		fmt.Fprintln(env.Out, st.Bold(string(s)))
		for _, l := range p.Lines(false) {
			fmt.Fprintf(env.Out, "  %s\n", l)
		}
		for _, l := range p.Lines(true) {
			fmt.Fprintf(env.Out, "  %s\n", st.Faint("# undo: "+l))
		}
	}
	return nil
}

// carryOut writes or removes the files and rebuilds the store.
func (o *trustOptions) carryOut(ctx context.Context, env *cli.Env, p *trust.Plan) error {
	for _, f := range p.Files {
		path := filepath.Join(o.root, f.Path)
		if o.undo {
			switch err := os.Remove(path); {
			case err == nil:
				fmt.Fprintf(env.Out, "removed  %s\n", path)
			case errors.Is(err, os.ErrNotExist):
				env.Tell("%s is not there", path)
			default:
				return cli.Unknownf("%s: %w", path, cause(err))
			}
			continue
		}
		if old, err := os.ReadFile(path); err == nil && string(old) == string(f.Data) {
			fmt.Fprintf(env.Out, "there    %s\n", path)
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return cli.Unknownf("%s: %w", path, cause(err))
		}
		if err := writeByRename(path, f.Data, 0o644, nil); err != nil {
			return cli.Unknownf("%s: %w", path, cause(err))
		}
		fmt.Fprintf(env.Out, "created  %s\n", path)
	}
	// Also where the files were there: a run that was interrupted, or whose
	// command failed, may have left the store as it was.
	cmds := p.Do
	if o.undo {
		cmds = p.Undo
	}
	for _, c := range cmds {
		if filepath.Clean(o.root) != "/" {
			fmt.Fprintf(env.Out, "then run there: %s\n", strings.Join(c, " "))
			continue
		}
		out, err := exec.CommandContext(ctx, c[0], c[1:]...).CombinedOutput()
		if err != nil {
			return cli.Unknownf("%s: %w: %s", strings.Join(c, " "), err, strings.TrimSpace(string(out)))
		}
		fmt.Fprintf(env.Out, "ran      %s\n", strings.Join(c, " "))
	}
	return nil
}
