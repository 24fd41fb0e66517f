package cmd

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/expiry"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/inspect"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/renew"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/store"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

type renewOptions struct {
	ca, caKey, passphrase string
	before, format        string
	days                  int
	newKey, dryRun        bool
}

func newRenew(env *cli.Env) *cobra.Command {
	o := &renewOptions{}
	c := &cobra.Command{
		Use:   "renew FILE|DIR... [--new-key] [--days N] [--dry-run]",
		Short: "Renew certificates and kubeconfigs, whichever tool made them",
		Long: fold.Wrap(`Make certificates again with everything that they have: the raw subject, the
extensions in their order and criticality, names and usages; only serial number and
dates are new. A folder stands for all certificates and kubeconfigs in it, as far as
the key of their CA is there.

The key stays, unless --new-key asks for a new one of the same type: the old one is
kept beside it. A CA is not renewed here (rotate ca does it in stages). The book of an
easyrsa or openssl folder gets its line.`, 79),
		Example: `
			kubectl certgen renew pki/server.crt --dry-run
			kubectl certgen renew /etc/kubernetes --before 60d
			kubectl certgen renew admin.conf --ca pki/ca.crt --ca-key pki/ca.key --new-key`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return o.run(env, args) },
	}
	fl := c.Flags()
	fl.BoolVar(&o.newKey, "new-key", false, "Make a new key too, and keep the old one beside it")
	fl.IntVar(&o.days, "days", 0, "Days that the new certificate lasts (default: as long as the old one)")
	fl.StringVar(&o.before, "before", "", "Renew only what expires within this time (30d)")
	fl.StringVar(&o.ca, "ca", "", "Certificate of the CA (default: found beside, above or below)")
	fl.StringVar(&o.caKey, "ca-key", "", "Key of the CA")
	fl.StringVar(&o.passphrase, "ca-passphrase-file", "", "File with the passphrase of the CA's key")
	fl.BoolVar(&o.dryRun, "dry-run", false, "Show what would change; nothing is written")
	fl.StringVarP(&o.format, "output", "o", "text", "Output format: text, json, yaml")
	completeFormats(c, "text", "json", "yaml")
	return c
}

func (o *renewOptions) run(env *cli.Env, args []string) error {
	if o.format != "text" && o.format != "json" && o.format != "yaml" {
		return cli.Usagef("-o %q: not one of text, json, yaml", o.format)
	}
	validity, err := days("--days", o.days, 1)
	if err != nil {
		return err
	}
	opt := renew.Options{NewKey: o.newKey, Validity: validity, Now: env.Now(), Unlock: o.unlock}
	if o.before != "" {
		d, err := expiry.ParseAge(o.before)
		if err != nil {
			return cli.Usagef("--before %w", err)
		}
		opt.Before = d
	}
	if _, err := settle(env, o.dryRun, args...); err != nil {
		return err
	}
	var src sources
	items, around, dir, err := o.read(&src, args)
	if err != nil {
		return err
	}
	src.warnSkipped(env)
	cas, err := renew.FindAuthorities(around, opt)
	if err != nil {
		return cli.Usagef("%w", err)
	}
	if o.ca != "" || o.caKey != "" {
		a, err := o.authority(env)
		if err != nil {
			return err
		}
		cas = append([]*renew.Authority{a}, cas...)
	}
	plan, err := renew.Make(items, cas, opt)
	if err != nil {
		return cli.Unknownf("%w", err)
	}
	missed := 0
	for _, s := range plan.Skipped {
		if s.Wanted {
			missed++
		}
	}
	if len(plan.Steps) == 0 && (!dir || len(plan.Skipped)+len(src.skipped) == 0) {
		if len(plan.Skipped) > 0 {
			s := plan.Skipped[0]
			if h := o.hint(s); h != "" {
				return cli.WithHint(cli.Usagef("%s: %s", s.Item.Where(), s.Why), h)
			}
			return cli.Usagef("%s: %s", s.Item.Where(), s.Why)
		}
		for _, it := range items {
			if it.Kind == inspect.Login {
				return cli.Usagef("%s logs in with %s: there is no certificate to renew in it", it.Where(), it.Note)
			}
		}
		return cli.Usagef("%s: there is no certificate to renew in it", args[0])
	}
	if len(plan.Steps) > 0 {
		if err := o.carryOut(env, plan, opt.Now); err != nil {
			return err
		}
	}
	if err := o.print(env, plan); err != nil {
		return err
	}
	return src.exit(missed > 0)
}

// settle finishes what interrupted runs left where this one is going to read and
// write; a dry run only says it.
func settle(env *cli.Env, dryRun bool, places ...string) (finished int, err error) {
	for _, p := range places {
		if st, err := os.Stat(p); err != nil {
			continue // said by those who read it
		} else if !st.IsDir() {
			p = filepath.Dir(p)
		}
		if dryRun {
			pending, err := store.PendingAround(p)
			if err != nil {
				return 0, cli.Unknownf("%w", err)
			}
			for _, d := range pending {
				env.Warn("%s: an earlier run was interrupted; the next one that is not --dry-run finishes it first", d)
			}
			continue
		}
		done, err := store.Settle(p)
		if err != nil {
			return 0, cli.Unknownf("%w", err)
		}
		finished += len(done)
		if len(done) > 0 {
			env.Tell("finished an interrupted run: %d %s put into place", len(done), plural(len(done), "file", "files"))
		}
	}
	return finished, nil
}

func (o *renewOptions) hint(s renew.Skipped) string {
	if strings.Contains(s.Why, "rotate ca") {
		return "kubectl certgen rotate ca --dry-run"
	}
	if s.Item.CertFile != "" {
		return ""
	}
	return "name the CA with --ca FILE --ca-key FILE"
}

// read reads what is to be renewed, and the folders around it in which a CA may
// lie. Files of a folder that could not be read are noted in src.
func (o *renewOptions) read(src *sources, args []string) (items, around []inspect.Item, dir bool, err error) {
	seen := map[string]bool{}
	look := func(d string) {
		d, err := filepath.Abs(d)
		if err != nil || seen[d] || d == "/" {
			return
		}
		seen[d] = true
		ents, err := os.ReadDir(d)
		if err != nil {
			return
		}
		for _, e := range ents {
			n := e.Name()
			if e.Type().IsRegular() && (strings.HasSuffix(n, ".crt") || strings.HasSuffix(n, ".pem") || strings.HasSuffix(n, ".cert")) && !strings.HasSuffix(n, "-key.pem") {
				if its, err := inspect.File(filepath.Join(d, n), inspect.Options{}); err == nil {
					around = append(around, its...)
				}
			}
		}
	}
	for _, a := range args {
		st, err := os.Stat(a)
		if err != nil {
			return nil, nil, false, cli.Usagef("%s: %w", a, cause(err))
		}
		if st.IsDir() {
			dir = true
			its, skipped, err := inspect.Dir(a, inspect.Options{})
			if err != nil {
				return nil, nil, false, cli.Usagef("%w", err)
			}
			if len(its) == 0 && len(skipped) == 0 {
				return nil, nil, false, cli.WithHint(cli.Usagef("%s: there is no certificate to renew in this folder", a), "name the folder of a PKI, or a certificate or kubeconfig in it")
			}
			src.skipped = append(src.skipped, skipped...)
			items, around = append(items, its...), append(around, its...)
			look(filepath.Dir(filepath.Clean(a)))
			continue
		}
		its, err := inspect.File(a, inspect.Options{})
		if errors.Is(err, inspect.ErrLocked) {
			return nil, nil, false, cli.WithHint(cli.Usagef("%s: a PKCS#12 file: PEM and DER files and kubeconfigs are renewed", a), "take it apart with openssl pkcs12, renew, and pack it again")
		}
		if err != nil {
			return nil, nil, false, cli.Usagef("%w", err)
		}
		items = append(items, its...)
		d := filepath.Dir(a)
		look(d)
		look(filepath.Join(d, ".."))
		look(filepath.Join(d, "pki"))
		look(filepath.Join(d, "etcd"))
	}
	return items, around, dir, nil
}

func (o *renewOptions) unlock(file string) ([]byte, error) {
	if o.passphrase == "" {
		return nil, errors.New("it is encrypted: give its passphrase with --ca-passphrase-file")
	}
	b, err := readFile(o.passphrase)
	return trimPassphrase(b), err
}

func (o *renewOptions) authority(env *cli.Env) (*renew.Authority, error) {
	if o.ca == "" || o.caKey == "" {
		return nil, cli.Usagef("--ca and --ca-key go together")
	}
	its, err := inspect.File(o.ca, inspect.Options{})
	if err != nil {
		return nil, cli.Usagef("%w", err)
	}
	certs := inspect.Certificates(its)
	if len(certs) == 0 {
		return nil, cli.Usagef("%s: there is no certificate in it", o.ca)
	}
	data, err := readFile(o.caKey)
	if err != nil {
		return nil, err
	}
	key, err := pki.ParseKey(data, nil)
	if errors.Is(err, pki.ErrEncrypted) {
		pass, perr := o.unlock(o.caKey)
		if perr != nil {
			return nil, cli.Usagef("%s: %w", o.caKey, perr)
		}
		key, err = pki.ParseKey(data, pass)
	}
	if err != nil {
		return nil, cli.Usagef("%s: %w", o.caKey, err)
	}
	a, err := pki.NewAuthority(certs[0], key, env.Now())
	if err != nil {
		return nil, cli.Usagef("%s: %w", o.ca, err)
	}
	return &renew.Authority{Authority: a, File: o.ca}, nil
}

func (o *renewOptions) carryOut(env *cli.Env, plan *renew.Plan, now time.Time) error {
	root, err := plan.Root()
	if err != nil {
		return cli.Unknownf("%w", err)
	}
	open := store.Open
	if o.dryRun {
		open = store.Peek
	}
	st, err := open(root)
	if err != nil {
		return cli.Usagef("%w", err)
	}
	defer st.Close()
	b := st.Begin()
	if err := plan.Fill(root, b, now); err != nil {
		return cli.Usagef("%w", err)
	}
	err = b.Commit()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EXDEV):
		return cli.WithHint(cli.Unknownf("%w", err), "what is renewed in one run is replaced as one set, which cannot lie on two file systems: renew the files of each in a run of its own")
	case errors.Is(err, fs.ErrPermission):
		return cli.WithHint(cli.Unknownf("%w", err), fmt.Sprintf("what is renewed in one run is replaced as one set, through %s: where you may not write there, renew each folder in a run of its own", show(root)))
	}
	return notWritten(err)
}

type renewJSON struct {
	Source    string   `json:"source"`
	Part      string   `json:"part,omitempty"`
	Subject   string   `json:"subject"`
	Authority string   `json:"authority"`
	Old       datesKey `json:"old"`
	New       datesKey `json:"new"`
	NewKey    bool     `json:"newKey"`
	KeptKey   string   `json:"keptKey,omitempty"`
	Capped    bool     `json:"cappedAtCA,omitempty"`
}

type datesKey struct {
	Serial    string `json:"serialNumber"`
	NotBefore string `json:"notBefore"`
	NotAfter  string `json:"notAfter"`
}

func datesOf(c *x509.Certificate) datesKey {
	return datesKey{inspect.Colons(c.SerialNumber.Bytes()), c.NotBefore.UTC().Format(time.RFC3339), c.NotAfter.UTC().Format(time.RFC3339)}
}

func (o *renewOptions) print(env *cli.Env, plan *renew.Plan) error {
	if o.format != "text" {
		items := []renewJSON{}
		for _, s := range plan.Steps {
			by := "itself"
			if s.By != nil {
				by = s.By.File
			}
			items = append(items, renewJSON{s.Item.Source, s.Item.Part, s.Item.Subject(), by, datesOf(s.Old), datesOf(s.New), s.Key != nil, s.KeptKey, s.Capped})
		}
		skipped := []map[string]any{}
		for _, s := range plan.Skipped {
			skipped = append(skipped, map[string]any{"source": s.Item.Source, "part": s.Item.Part, "why": s.Why, "missed": s.Wanted})
		}
		return writeAny(env, o.format, map[string]any{"apiVersion": apiVersion, "kind": "RenewReport", "dryRun": o.dryRun, "items": items, "skipped": skipped})
	}
	st, w := env.Style(env.Out), env.Out
	word := "renewed"
	if o.dryRun {
		word = "would renew"
	}
	fmt.Fprintf(w, "%s %d %s\n", st.Bold(word), len(plan.Steps), plural(len(plan.Steps), "certificate", "certificates"))
	for _, s := range plan.Steps {
		end := s.New.NotAfter.UTC().Format("2006-01-02")
		if s.Capped {
			end += " (the CA's end)"
		}
		fmt.Fprintf(w, "%s\n  until      %s -> %s\n", s.Item.Where(), s.Old.NotAfter.UTC().Format("2006-01-02"), end)
		if o.dryRun {
			old, serial := s.Old.SerialNumber.Text(16), s.New.SerialNumber.Text(16)
			sep := " -> "
			if len(old)+len(serial) > 60 {
				sep = "\n          -> "
			}
			fmt.Fprintf(w, "  serial     %s%s%s\n", old, sep, serial)
			field(w, "stays", "subject "+s.Item.Subject()+", names, usages and all other extensions", env.Width())
		}
		switch {
		case s.Key != nil && s.KeptKey != "":
			field(w, "key", "new; the old one is "+s.KeptKey, env.Width())
		case s.Key != nil:
			field(w, "key", "new; the old one is kept beside it", env.Width())
		}
	}
	why := map[string]int{}
	var order []string
	for _, s := range plan.Skipped {
		if s.Wanted {
			env.Tell("not renewed: %s: %s", s.Item.Where(), s.Why)
		} else {
			why[s.Why]++
			if why[s.Why] == 1 {
				order = append(order, s.Why)
			}
		}
	}
	for _, y := range order {
		env.Tell("left alone: %d: %s", why[y], y)
	}
	if len(plan.Steps) > 0 && !o.dryRun {
		fmt.Fprintln(w, "\nRestart what uses them, and see: kubectl certgen inspect HOST:PORT")
	}
	return nil
}
