package cmd

import (
	"fmt"
	"path"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/issue"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

func newSA(env *cli.Env) *cobra.Command {
	f := &makingFlags{}
	var issuer, installDir string
	c := &cobra.Command{
		Use:   "sa",
		Short: "Make the key pair that signs service account tokens",
		Long: cli.Dedent(`
			Make sa.key and sa.pub, with which kube-apiserver signs and checks the
			tokens of service accounts. The default is RSA 2048: tokens signed with it
			(RS256) are the ones that every consumer of OIDC reads. A key that is there
			is kept, and its missing public half is written.
		`),
		Example: cli.Dedent(`
			kubectl certgen sa
			kubectl certgen sa --key ecdsa:p256 --out /etc/kubernetes/pki
		`),
		RunE: func(cmd *cobra.Command, _ []string) error {
			asked := f.key != ""
			if !asked {
				f.key = string(pki.RSA2048)
			}
			o, err := f.options(env, "kubernetes")
			if err != nil {
				return err
			}
			if o.Key == pki.Ed25519 {
				return cli.Usagef("--key ed25519: kube-apiserver signs tokens with RSA and ECDSA keys only")
			}
			folder, err := issue.OpenFolder(o)
			if err != nil {
				return refused(err)
			}
			defer folder.Close()
			sa, err := folder.ServiceAccount("")
			if err != nil {
				return refused(err)
			}
			if err := folder.Commit(); err != nil {
				return notWritten(err)
			}
			r := newReport(folder)
			if l := keptKey(folder, sa.Pair.Key, sa.KeyType, o.Key); asked && l != "" {
				r.Warnings = append(r.Warnings, l)
			}
			it := madeItem{Name: "sa", Action: string(sa.Action), Key: show(folder.Rel(sa.Pair.Key)),
				Certificate: show(folder.Rel(sa.Pair.Cert)), KeyType: string(sa.KeyType), KeyAction: "kept", cn: "service account tokens, " + sa.KeyType.Human()}
			if sa.KeyNew {
				it.KeyAction = "created"
			}
			if f.format != "text" {
				it.Certificate = ""
				it.PublicKey = show(folder.Rel(sa.Pair.Cert))
				r.Items = append(r.Items, it)
				return r.print(env, f.format, "none", noNames)
			}
			word := it.Action
			if o.DryRun && sa.Action != issue.Unchanged {
				word = "would be " + word
			}
			fmt.Fprintf(env.Out, "%-9s %s, %s  %s\n", word, it.Key, path.Base(it.Certificate), it.cn)
			dir := installDir
			if dir == "" {
				dir = installDirOf(o.Out, cmd.Flags().Changed("out"))
			}
			fmt.Fprintf(env.Out, "\nAdd to kube-apiserver:\n  --service-account-issuer=%s\n  --service-account-key-file=%s\n  --service-account-signing-key-file=%s\n",
				issuer, path.Join(dir, "sa.pub"), path.Join(dir, "sa.key"))
			fmt.Fprintf(env.Out, "Add to kube-controller-manager:\n  --service-account-private-key-file=%s\n", path.Join(dir, "sa.key"))
			r.talk(env)
			return nil
		},
	}
	f.add(c, false, false)
	c.Flags().Lookup("key").Usage = "Type of the key: rsa:2048, rsa:3072, rsa:4096, ecdsa:p256, ecdsa:p384 (default rsa:2048)"
	c.Flags().StringVar(&issuer, "issuer", "https://kubernetes.default.svc.cluster.local", "Issuer of the tokens, for the printed flags")
	c.Flags().StringVar(&installDir, "install-dir", "", "Where the files will be on the control plane, for the printed flags")
	return c
}
