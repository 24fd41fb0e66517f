package cmd

import (
	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/issue"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

func newCA(env *cli.Env) *cobra.Command {
	f := &makingFlags{}
	pathLen := 0
	r := &recipeFlags{}
	c := &cobra.Command{
		Use:   "ca",
		Short: "Make a certificate authority",
		Long: cli.Dedent(`
			Make a CA in a folder that has none. A CA that is there is shown and left
			alone, whatever the flags: to replace one, see 'rotate ca'.
		`),
		Example: cli.Dedent(`
			kubectl certgen ca

			# its key encrypted, its own name
			kubectl certgen ca --subject "O=Acme, CN=acme-kubernetes" --encrypt-ca-key --ca-passphrase-file passphrase.txt

			# as a cfssl request says
			kubectl certgen ca -f ca-csr.json --layout cfssl

			# in easyrsa's layout, for easyrsa to go on with
			kubectl certgen ca --layout easyrsa --out pki
		`),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if pathLen < 0 {
				return cli.Usagef("--path-len %d: not 0 or more", pathLen)
			}
			file, err := r.read(env)
			if err != nil {
				return err
			}
			if file != nil && f.key == "" {
				f.key = string(file.Key)
			}
			o, err := f.options(env, "kubernetes")
			if err != nil {
				return err
			}
			if file != nil {
				o.PathLen = file.PathLen
				if f.caSubject == "" && len(file.Subject) > 0 {
					o.CASubject = file.Subject
				}
				if f.caDays == 0 {
					o.CAValidity = file.CAValidity
				}
			}
			if cmd.Flags().Changed("path-len") {
				o.PathLen = pathLen
			}
			folder, err := issue.Open(o)
			if err != nil {
				return refused(err)
			}
			defer folder.Close()
			if err := folder.Commit(); err != nil {
				return notWritten(err)
			}
			return newReport(folder).print(env, f.format, "none", noNames)
		},
	}
	fs := c.Flags()
	r.addTo(c, false)
	fs.StringVar(&f.caSubject, "subject", "", `Subject, such as "O=Acme, CN=kubernetes-ca" (default CN=kubernetes-ca)`)
	fs.IntVar(&f.caDays, "days", 0, "Validity in days (default: the profile's; 3650)")
	fs.IntVar(&pathLen, "path-len", 0, "How many CAs may stand between this one and a leaf (default: any number)")
	fs.BoolVar(&f.encryptCAKey, "encrypt-ca-key", false, "Encrypt the key with a passphrase")
	fs.StringVar(&f.caPassphraseFile, "ca-passphrase-file", "", "File with the passphrase of the key, - for stdin (default: ask on the terminal)")
	f.add(c, false, false)
	return c
}
