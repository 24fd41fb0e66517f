package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/inspect"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/serving"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/verify"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

type inspectOptions struct {
	sources
	liveFlags
	format string
}

func newInspect(env *cli.Env) *cobra.Command {
	o := &inspectOptions{}
	c := &cobra.Command{
		Use:   "inspect [FILE|DIR|HOST:PORT|-]... [--live]",
		Short: "Show certificates, wherever they lie",
		Long: fold.Wrap(`Show the certificates in PEM, DER and PKCS#12 files, kubeconfigs, Secrets,
ConfigMaps, ClusterTrustBundles, requests and webhook configurations, in a folder,
at a TLS server, or (--live) of a whole cluster: its API servers, kubelets, webhooks
and aggregated APIs, whose caBundle is compared with what they serve. Servers behind
Services are reached by port-forward. Private keys are compared with their
certificates and never shown.

Name a folder and a server (or --live) together, and it says where a server does not
serve what lies on disk.`, 79),
		Example: `
			kubectl certgen inspect pki/server.crt
			kubectl certgen inspect /etc/kubernetes -o json
			kubectl certgen inspect 10.0.0.10:6443
			kubectl get secret my-tls -o yaml | kubectl certgen inspect -
			kubectl certgen inspect /etc/kubernetes/pki 10.0.0.10:6443
			kubectl certgen inspect --live`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), env, args) },
	}
	fl := c.Flags()
	fl.StringVarP(&o.format, "output", "o", "text", "Output format: text, json, yaml")
	o.sources.flags(fl)
	o.liveFlags.add(c, "Look at a live cluster too")
	completeFormats(c, "text", "json", "yaml")
	return c
}

func (o *inspectOptions) run(ctx context.Context, env *cli.Env, args []string) error {
	if o.format != "text" && o.format != "json" && o.format != "yaml" {
		return cli.Usagef("-o %q: not one of text, json, yaml", o.format)
	}
	if len(args) == 0 && !o.live {
		return cli.WithHint(cli.Usagef("nothing to inspect: name a file, a folder or HOST:PORT, or say --live"), "kubectl certgen inspect pki/")
	}
	items, err := o.gather(ctx, env, args)
	if err != nil {
		return err
	}
	now := env.Now()
	var fs []finding.Finding
	if o.live {
		_, s, err := o.collect(ctx, env)
		if err != nil {
			return err
		}
		items = append(items, s.Items...)
		o.blind, o.hints = append(o.blind, s.Blind...), append(o.hints, s.Hints...)
		fs = cannotCall(s, now)
	}
	o.warnSkipped(env)
	fs = append(fs, serving.Judge(items, now)...)
	finding.SortBySeverity(fs)
	switch o.format {
	case "json", "yaml":
		rep := map[string]any{"apiVersion": apiVersion, "kind": "InspectReport", "items": describeAll(items, now), "findings": noNil(fs), "summary": finding.Summarize(fs), "notRead": o.notRead()}
		if o.format == "json" {
			err = finding.WriteJSON(env.Out, rep)
		} else {
			err = finding.WriteYAML(env.Out, rep)
		}
	default:
		writeNotes(env, fs)
		first, again := group(items)
		for n, i := range first {
			if n > 0 || len(fs) > 0 {
				fmt.Fprintln(env.Out)
			}
			writeItem(env, &items[i], now)
			if n := len(again[i]); n > 6 {
				again[i] = append(again[i][:5:5], fmt.Sprintf("and %d more places", n-5))
			}
			field(env.Out, "also in", strings.Join(again[i], ", "), env.Width())
			if items[i].Served && !items[i].Intermediate {
				if same, _ := serving.Stored(&items[i], items); same != nil {
					field(env.Out, "stored", same.Where()+" is the same", env.Width())
				}
			}
		}
		for _, s := range o.served {
			fmt.Fprintf(env.Out, "\nspoken     %s, %s\n", s.Version, s.KeyExchange)
			if len(s.ClientCAs) > 0 {
				field(env.Out, "asks for", strings.Join(s.ClientCAs, "; "), env.Width())
			}
		}
	}
	if err != nil {
		return err
	}
	return o.exit(finding.FailOn("error").Fails(fs))
}

// group puts certificates that lie in several places together: the numbers of
// the first of each, and where the others are. A cluster shows its CA in every
// ConfigMap and bundle.
func group(items []inspect.Item) (first []int, again map[int][]string) {
	again = map[int][]string{}
	seen := map[string]int{}
	for i := range items {
		it := &items[i]
		if it.Cert == nil || it.KeyFile != "" || it.Served && !it.Intermediate {
			first = append(first, i)
			if it.Cert != nil {
				if _, ok := seen[string(it.Cert.Raw)]; !ok {
					seen[string(it.Cert.Raw)] = i
				}
			}
			continue
		}
		if at, ok := seen[string(it.Cert.Raw)]; ok {
			again[at] = append(again[at], it.Where())
			continue
		}
		seen[string(it.Cert.Raw)] = i
		first = append(first, i)
	}
	return first, again
}

// writeNotes writes findings in the manner of verify.
func writeNotes(env *cli.Env, fs []finding.Finding) {
	st := env.Style(env.Out)
	const under = "               "
	for _, f := range fs {
		fold.Hang(env.Out, fmt.Sprintf("%s %s%s ", f.ID, st.Severity(f.Severity), strings.Repeat(" ", max(0, 8-len(f.Severity)))), under, f.Message, env.Width())
		if f.Remedy != "" {
			fold.Under(env.Out, under, "-> "+f.Remedy, env.Width())
		}
	}
}

func noNil(fs []finding.Finding) []finding.Finding {
	if fs == nil {
		return []finding.Finding{}
	}
	return fs
}

// certJSON is one item of an InspectReport or an ExpiryReport.
type certJSON struct {
	Kind           string   `json:"kind"`
	Source         string   `json:"source"`
	Part           string   `json:"part,omitempty"`
	Index          int      `json:"index,omitempty"`
	Served         bool     `json:"served,omitempty"`
	Role           string   `json:"role,omitempty"`
	Subject        string   `json:"subject,omitempty"`
	Issuer         string   `json:"issuer,omitempty"`
	Serial         string   `json:"serialNumber,omitempty"`
	NotBefore      string   `json:"notBefore,omitempty"`
	NotAfter       string   `json:"notAfter,omitempty"`
	DaysLeft       *int     `json:"daysLeft,omitempty"`
	Names          []string `json:"names,omitempty"`
	OtherNames     bool     `json:"otherNames,omitempty"`
	KeyType        string   `json:"keyType,omitempty"`
	Signature      string   `json:"signatureAlgorithm,omitempty"`
	IsCA           bool     `json:"isCA,omitempty"`
	PathLen        *int     `json:"pathLen,omitempty"`
	KeyUsage       []string `json:"keyUsage,omitempty"`
	ExtKeyUsage    []string `json:"extendedKeyUsage,omitempty"`
	SubjectKeyID   string   `json:"subjectKeyId,omitempty"`
	AuthorityKeyID string   `json:"authorityKeyId,omitempty"`
	Fingerprint    string   `json:"sha256,omitempty"`
	KeyFile        string   `json:"keyFile,omitempty"`
	KeyMatches     *bool    `json:"keyMatches,omitempty"`
	KeyMode        string   `json:"keyMode,omitempty"`
	KeyEncrypted   bool     `json:"keyEncrypted,omitempty"`
	Intermediate   bool     `json:"intermediate,omitempty"`
	TrustBundle    bool     `json:"trustBundle,omitempty"`
	Status         string   `json:"status,omitempty"`
	Note           string   `json:"note,omitempty"`
}

func describeAll(items []inspect.Item, now time.Time) []certJSON {
	out := []certJSON{}
	for i := range items {
		out = append(out, describe(&items[i], now))
	}
	return out
}

func describe(i *inspect.Item, now time.Time) certJSON {
	j := certJSON{Kind: string(i.Kind), Source: i.Source, Part: i.Part, Index: i.Index, Served: i.Served, Subject: i.Subject(),
		Names: inspect.Names(i.AltNames()), OtherNames: i.OtherNames(), KeyFile: i.KeyFile, KeyEncrypted: i.KeyEncrypted, Intermediate: i.Intermediate, TrustBundle: i.Bundle, Note: i.Note}
	if i.KeyFile != "" && !i.KeyEncrypted {
		m := i.KeyMatches
		j.KeyMatches = &m
	}
	if i.KeyMode != 0 {
		j.KeyMode = fmt.Sprintf("%04o", i.KeyMode)
	}
	if r := i.Request; r != nil {
		j.KeyType, j.Signature = string(pki.SpecOfRequest(r)), r.SignatureAlgorithm.String()
	}
	c := i.Cert
	if c == nil {
		return j
	}
	days := inspect.DaysLeft(c.NotAfter, now)
	j.DaysLeft = &days
	j.Role, j.Issuer = inspect.Role(c), inspect.NameString(c.RawIssuer)
	j.Serial = inspect.Serial(c.SerialNumber)
	j.NotBefore, j.NotAfter = c.NotBefore.UTC().Format(time.RFC3339), c.NotAfter.UTC().Format(time.RFC3339)
	j.KeyType, j.Signature = string(pki.SpecOfCert(c)), c.SignatureAlgorithm.String()
	j.IsCA = c.IsCA && c.BasicConstraintsValid
	if j.IsCA && (c.MaxPathLen > 0 || c.MaxPathLenZero) {
		n := c.MaxPathLen
		j.PathLen = &n
	}
	j.KeyUsage, j.ExtKeyUsage = inspect.KeyUsageNames(c.KeyUsage), inspect.ExtKeyUsageNames(c)
	j.SubjectKeyID, j.AuthorityKeyID, j.Fingerprint = inspect.Colons(c.SubjectKeyId), inspect.Colons(c.AuthorityKeyId), inspect.Fingerprint(c)
	return j
}

// remaining says how long a certificate is still good, in words.
func remaining(i *inspect.Item, now time.Time) string {
	c := i.Cert
	d := inspect.DaysLeft(c.NotAfter, now)
	switch {
	case now.Before(c.NotBefore):
		return "not valid yet"
	case d < 0:
		h := (now.Unix() - c.NotAfter.Unix()) / 3600
		if h < 48 {
			return fmt.Sprintf("EXPIRED %d h ago", h)
		}
		return fmt.Sprintf("EXPIRED %d days ago", h/24)
	case d == 0:
		return fmt.Sprintf("%d h left", int(c.NotAfter.Sub(now).Hours()))
	}
	return fmt.Sprintf("%d %s left", d, plural(d, "day", "days"))
}

// field writes a name and a value that may wrap.
func field(w io.Writer, name, value string, width int) {
	if value == "" {
		return
	}
	fold.Under(w, fmt.Sprintf("  %-10s ", name), value, width)
}

// namesOf are the names of a certificate or request in one line.
func namesOf(i *inspect.Item) string {
	out := strings.Join(inspect.Names(i.AltNames()), " ")
	if i.OtherNames() {
		out = strings.TrimSpace(out + " (and names of another kind, which openssl x509 -text shows)")
	}
	return out
}

func writeItem(env *cli.Env, i *inspect.Item, now time.Time) {
	w, st, width := env.Out, env.Style(env.Out), env.Width()
	switch {
	case i.Request != nil:
		fmt.Fprintf(w, "%s   certificate request\n", st.Bold(i.Where()))
		field(w, "subject", i.Subject(), width)
		field(w, "names", namesOf(i), width)
		field(w, "key", pki.SpecOfRequest(i.Request).Human(), width)
		switch err := pki.CheckRequest(i.Request); {
		case errors.Is(err, pki.ErrForged):
			field(w, "signature", "WRONG: the request is not signed by its own key", width)
		case err != nil:
			field(w, "signature", "not checked: "+err.Error(), width)
		}
		return
	case i.Kind == inspect.Login:
		fmt.Fprintf(w, "%s   logs in with %s: no certificate to look at\n", st.Bold(i.Where()), pki.Printable(i.Note))
		return
	case i.Cert == nil:
		what := "private key, " + map[bool]string{true: "encrypted", false: "not shown"}[i.KeyEncrypted]
		fmt.Fprintf(w, "%s   %s\n", st.Bold(i.Where()), what)
		return
	}
	c := i.Cert
	left := remaining(i, now)
	if d := inspect.DaysLeft(c.NotAfter, now); d < 0 {
		left = st.Error(left)
	} else if d < 30 {
		left = st.Warning(left)
	}
	fold.Hang(w, "", "  ", fmt.Sprintf("%s   %s, %s", st.Bold(i.Where()), inspect.Role(c), left), env.Columns(w))
	field(w, "subject", i.Subject(), width)
	issuer := inspect.NameString(c.RawIssuer)
	if verify.SelfSigned(c) {
		issuer = "itself"
	}
	field(w, "issuer", issuer, width)
	field(w, "valid", c.NotBefore.UTC().Format("2006-01-02 15:04")+" to "+c.NotAfter.UTC().Format("2006-01-02 15:04")+" UTC", width)
	field(w, "names", namesOf(i), width)
	use := append(inspect.KeyUsageNames(c.KeyUsage), inspect.ExtKeyUsageNames(c)...)
	field(w, "usage", strings.Join(use, " "), width)
	key := pki.SpecOfCert(c).Human()
	switch {
	case i.KeyFile == "":
	case i.KeyEncrypted:
		key += ", " + i.KeyFile + " is encrypted"
	case i.KeyMatches:
		key += ", " + i.KeyFile + " belongs to it"
	default:
		key += ", " + st.Error(i.KeyFile+" DOES NOT belong to it")
	}
	if i.KeyMode != 0 {
		key += fmt.Sprintf(" (%04o%s)", i.KeyMode, map[bool]string{true: ", others can read it", false: ""}[i.KeyMode&0o077 != 0])
	}
	field(w, "key", key, width)
	field(w, "", pki.Printable(i.Note), width)
	field(w, "serial", inspect.Serial(c.SerialNumber), width)
	field(w, "sha256", strings.ReplaceAll(inspect.Fingerprint(c), ":", ""), width)
}
