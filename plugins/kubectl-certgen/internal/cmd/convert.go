package cmd

import (
	"crypto/rand"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/convert"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/layout"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/store"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

func newConvert(env *cli.Env) *cobra.Command {
	var to, out, format string
	var dryRun bool
	c := &cobra.Command{
		Use:   "convert FOLDER --layout LAYOUT --out NEW-FOLDER",
		Short: "Carry a PKI to another tool's layout",
		Long: cli.Dedent(`
			Make a new folder in which another tool goes on with the PKI of FOLDER: keys
			and certificates byte for byte under the names that it looks for, and the book
			of what was issued and revoked (index.txt, serial, copies by serial number).
			A layout without a book keeps it in history/, and gets it back from there.
			The three authorities of a kubeadm folder become three folders, and one again.
			FOLDER itself is not touched.
		`),
		Example: cli.Dedent(`
			kubectl certgen convert easy-rsa/pki --layout cfssl --out cfssl

			kubectl certgen convert /etc/kubernetes/pki --layout openssl --out ca

			kubectl certgen convert ca --layout kubeadm --out pki
		`),
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			kind, err := layout.ParseKind(to)
			switch {
			case to == "":
				return cli.Usagef("--layout: which one? %s", strings.Join(layoutKinds(), ", "))
			case err != nil:
				return cli.Usagef("--%w", err)
			case strings.TrimSpace(out) == "":
				return cli.Usagef("--out: where to? The new folder must be empty or not there")
			case format != "text" && format != "json" && format != "yaml":
				return cli.Usagef("-o %q: not one of text, json, yaml", format)
			}
			return runConvert(env, args[0], kind, out, format, dryRun)
		},
	}
	fs := c.Flags()
	fs.StringVar(&to, "layout", "", "Layout of the new folder: "+strings.Join(layoutKinds(), ", "))
	fs.StringVar(&out, "out", "", "The new folder, empty or not there")
	fs.BoolVar(&dryRun, "dry-run", false, "Show what would be made and write nothing")
	fs.StringVarP(&format, "output", "o", "text", "Output format: text, json, yaml")
	_ = c.RegisterFlagCompletionFunc("layout", cobra.FixedCompletions(layoutKinds(), cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json", "yaml"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// convertReport is the JSON of `convert`.
type convertReport struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	From       string   `json:"from"`
	FromLayout string   `json:"fromLayout"`
	To         string   `json:"to"`
	ToLayout   string   `json:"toLayout"`
	DryRun     bool     `json:"dryRun,omitempty"`
	CAs        int      `json:"authorities"`
	Named      int      `json:"certificates"`
	Pending    int      `json:"pendingRequests,omitempty"`
	Valid      int      `json:"valid"`
	Revoked    int      `json:"revoked"`
	Expired    int      `json:"expired"`
	Files      []string `json:"files"`
	Left       []string `json:"left,omitempty"`
	Renamed    string   `json:"renamed,omitempty"`
	Warnings   []string `json:"warnings,omitempty"`
}

func runConvert(env *cli.Env, from string, to layout.Kind, out, format string, dryRun bool) error {
	src, found, err := layout.Detect(from)
	switch {
	case err != nil:
		return refused(err)
	case !found:
		if _, serr := os.Stat(from); serr != nil {
			return cli.Usagef("%s: %w", from, cause(serr))
		}
		return cli.Usagef("%s: no PKI in it that is laid out like easyrsa's, openssl's, cfssl's, kubeadm's or certgen's", from)
	case convert.Within(out, src.Root):
		return cli.WithHint(cli.Usagef("--out %s: lies in the folder that is converted, which stays as it is", out), "--out another folder, such as "+show(src.Root)+"-"+string(to))
	case store.Pending(src.Root):
		return cli.WithHint(cli.Usagef("%s: an earlier run of certgen was interrupted there", src.Root), "any making command on that folder finishes it")
	}
	if !dryRun && store.Pending(out) { // opening finishes or forgets what was begun
		s, err := store.Open(out)
		if err != nil {
			return refused(err)
		}
		s.Close()
	}
	res, err := convert.Plan(src, to, env.Now(), rand.Reader)
	if err != nil {
		return refused(err)
	}
	there := false
	if convert.Holds(out) {
		if there = !dryRun && convert.Done(out, res); !there {
			return cli.Usagef("--out %s: is not empty; a PKI is converted into a new folder", out)
		}
	}
	if !dryRun && !there {
		if err := writeConverted(out, res); err != nil {
			return err
		}
	}
	r := convertReport{apiVersion, "Converted", show(src.Root), string(src.Kind), show(out), string(to), dryRun,
		res.Authorities, res.Pairs, res.Pending, res.Valid, res.Revoked, res.Expired, nil, res.Left, res.Renamed, res.Warnings}
	for _, f := range res.Files {
		r.Files = append(r.Files, f.Path)
	}
	if done, err := env.WriteReport(format, cli.Report{Value: r}); done {
		return err
	}
	r.text(env)
	return nil
}

func writeConverted(out string, res *convert.Result) error {
	s, err := store.Open(out)
	if err != nil {
		return refused(err)
	}
	defer s.Close()
	b := s.Begin()
	for _, d := range res.Folders {
		b.Folder(d)
	}
	for _, f := range res.Files {
		if err := b.Create(f.Path, f.Data, f.Mode); err != nil {
			return refused(err)
		}
	}
	if err := b.Commit(); err != nil {
		return notWritten(err)
	}
	return nil
}

func (r convertReport) text(env *cli.Env) {
	word := "converted"
	if r.DryRun {
		word = "would convert"
	}
	cas := "CA"
	if r.CAs > 1 {
		cas = fmt.Sprintf("%d CAs", r.CAs)
	}
	fmt.Fprintf(env.Out, "%s %s (%s) to %s (%s): %s and %d %s\n", word, r.From, r.FromLayout, r.To, r.ToLayout, cas, r.Named, plural(r.Named, "certificate", "certificates"))
	fmt.Fprintf(env.Out, "book     %d valid, %d revoked, %d expired\n", r.Valid, r.Revoked, r.Expired)
	if r.Pending > 0 {
		fmt.Fprintf(env.Out, "pending  %d %s not signed yet, with %s\n", r.Pending, plural(r.Pending, "request", "requests"), plural(r.Pending, "its key", "their keys"))
	}
	if to := layout.Kind(r.ToLayout); r.CAs > 1 && to != layout.Kubeadm {
		fmt.Fprintf(env.Out, "folders  etcd/ and front-proxy/ are PKIs of their own in the same layout\n")
	}
	if r.Renamed != "" {
		fmt.Fprintf(env.Out, "names    %s\n", r.Renamed)
	}
	if len(r.Left) > 0 {
		fmt.Fprintf(env.Out, "left     %s\n", someNames(r.Left, env.Width()-10))
	}
	switch layout.Kind(r.ToLayout) {
	case layout.EasyRSA:
		fmt.Fprintf(env.Out, "\nNext\n  EASYRSA_PKI=%s easyrsa show-ca\n", r.To)
	case layout.OpenSSL:
		fmt.Fprintf(env.Out, "\nNext, in %s\n  openssl ca -config openssl.cnf -in NAME.csr -out NAME.crt\n", r.To)
	case layout.CFSSL:
		fmt.Fprintf(env.Out, "\nNext, in %s\n  cfssl gencert -ca=ca.pem -ca-key=ca-key.pem -config=ca-config.json -profile=kubernetes NAME.json\n", r.To)
	}
	for _, w := range r.Warnings {
		env.Warn("%s", w)
	}
}
