package cmd

import (
	"crypto/x509"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/issue"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/layout"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/profile"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/verify"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

// apiVersion is the version of certgen's JSON.
const apiVersion = "certgen.clusterwright.dev/v1alpha1"

// made is what a making verb did.
type made struct {
	APIVersion string     `json:"apiVersion"`
	Kind       string     `json:"kind"`
	Folder     string     `json:"folder"`
	Layout     string     `json:"layout"`
	Profile    string     `json:"profile"`
	DryRun     bool       `json:"dryRun,omitempty"`
	Items      []madeItem `json:"items"`
	// APIServer are the flags to add to kube-apiserver.
	APIServer []string `json:"apiServerFlags,omitempty"`
	Clients   string   `json:"clients,omitempty"`
	Recovered []string `json:"recovered,omitempty"`
	Fixed     []string `json:"fixedModes,omitempty"`
	Warnings  []string `json:"warnings,omitempty"`

	installDir string
}

type madeItem struct {
	Name   string `json:"name"`
	Action string `json:"action"`
	// Why says what made an existing certificate be issued again, or a file
	// beside it be written.
	Why         string   `json:"why,omitempty"`
	Certificate string   `json:"certificate,omitempty"`
	Key         string   `json:"key,omitempty"`
	KeyAction   string   `json:"keyAction,omitempty"`
	PublicKey   string   `json:"publicKey,omitempty"`
	Kubeconfig  string   `json:"kubeconfig,omitempty"`
	KeyType     string   `json:"keyType,omitempty"`
	Subject     string   `json:"subject,omitempty"`
	Serial      string   `json:"serial,omitempty"`
	NotBefore   string   `json:"notBefore,omitempty"`
	NotAfter    string   `json:"notAfter,omitempty"`
	Names       []string `json:"names,omitempty"`
	CA          bool     `json:"ca,omitempty"`

	cn, keyHuman, until string
}

// noNames is for verbs that print nothing for kube-apiserver.
var noNames profile.ServerNames

const timeFormat = "2006-01-02T15:04:05Z"

func newReport(f *issue.Folder, items ...*issue.Item) *made {
	r := &made{
		APIVersion: apiVersion, Kind: "Issued", Folder: f.L.Root, Layout: string(f.L.Kind), Profile: "default",
		DryRun: f.DryRun, Recovered: f.Recovered, Fixed: f.Fixed, Warnings: f.Warnings, Items: []madeItem{},
	}
	if f.Profile.Name != "" {
		r.Profile = f.Profile.Name
	}
	if f.CA != nil {
		ca := f.L.CA()
		action := issue.Unchanged
		if f.CANew {
			action = issue.Created
		}
		r.Items = append(r.Items, newItem(f, &issue.Item{
			Request: issue.Request{Name: "ca"}, Pair: ca, Cert: f.CA.Cert, Action: action, KeyNew: f.CANew}))
	}
	capped := false
	seen := map[string]bool{}
	for _, it := range items {
		r.Items = append(r.Items, newItem(f, it))
		capped = capped || it.Capped
		if also := it.Also(); it.Unlocked && len(also) > 0 {
			r.Warnings = append(r.Warnings, fmt.Sprintf("%s holds the key of %s without its passphrase: a kubeconfig has none", show(f.Rel(also[0])), show(f.Rel(it.Pair.Key))))
		}
		for _, w := range it.Faults {
			if !seen[w] {
				seen[w] = true
				r.Warnings = append(r.Warnings, f.Profile.Name+": "+w)
			}
		}
	}
	if capped {
		r.Warnings = append(r.Warnings, fmt.Sprintf("cut to the end of the CA, %s (--outlive-ca keeps the full time)",
			f.CA.Cert.NotAfter.UTC().Format("2006-01-02")))
	}
	if f.CA != nil {
		r.clients(f, items)
		key := f.CAKey
		if key == "" && len(items) == 0 {
			key = f.Options.Key // of 'ca', which makes no other
		}
		if l := keptCA(f, key); l != "" {
			r.Warnings = append(r.Warnings, l)
		}
	}
	return r
}

// stays says what of the items stays as it is although something else was asked
// for.
func (m *made) stays(f *issue.Folder, items ...*issue.Item) *made {
	k := &kept{}
	for _, it := range items {
		k.add(f, f.CA.Cert, it)
	}
	m.Warnings = append(m.Warnings, k.lines(f.L.Root)...)
	return m
}

func newItem(f *issue.Folder, it *issue.Item) madeItem {
	m := madeItem{Name: it.Name, Action: string(it.Action), Why: it.Why,
		Certificate: show(f.Rel(it.Pair.Cert)), Key: show(f.Rel(it.Pair.Key)), KeyAction: "kept"}
	if it.KeyNew {
		m.KeyAction = "created"
	}
	for _, p := range it.Also() {
		m.Kubeconfig = show(f.Rel(p))
	}
	c := it.Cert
	name, _ := pki.DecodeName(c.RawSubject)
	spec := pki.SpecOf(c.PublicKey)
	m.Subject, m.Serial, m.KeyType = name.String(), layout.SerialHex(c.SerialNumber), string(spec)
	m.NotBefore, m.NotAfter = c.NotBefore.UTC().Format(timeFormat), c.NotAfter.UTC().Format(timeFormat)
	m.cn, m.keyHuman, m.until = pki.Printable(name.CN()), spec.Human(), c.NotAfter.UTC().Format("2006-01-02")
	if m.cn == "" { // without a common name the whole subject says who it is
		m.cn = name.String()
	}
	m.CA = c.IsCA
	if e, ok := pki.Find(c.Extensions, pki.OIDSubjectAltName); ok && !c.IsCA {
		names, _ := pki.AltNames(e)
		for _, n := range names {
			m.Names = append(m.Names, n.Value)
		}
	}
	return m
}

// apiServerFlags are the handbook's last step.
func apiServerFlags(f *issue.Folder, it *issue.Item, dir string) []string {
	at := func(rel string) string { return path.Join(dir, rel) }
	return []string{
		"--client-ca-file=" + at(f.L.CA().Cert),
		"--tls-cert-file=" + at(it.Pair.Cert),
		"--tls-private-key-file=" + at(it.Pair.Key),
	}
}

func (m *made) print(env *cli.Env, format, showAs string, names profile.ServerNames) error {
	if done, err := env.WriteReport(format, cli.Report{Value: m}); done {
		return err
	}
	m.text(env)
	if len(m.APIServer) > 0 {
		fmt.Fprintln(env.Out)
		printAPIServer(env.Out, m, showAs, names)
	}
	m.talk(env)
	return nil
}

// talk writes warnings and notes to stderr.
func (m *made) talk(env *cli.Env) {
	for _, w := range m.Warnings {
		env.Warn("%s", w)
	}
}

// text is the screen: what was made, for whom, until when.
func (m *made) text(env *cli.Env) {
	w, st, columns := env.Out, env.Style(env.Out), env.Columns(env.Out)
	word := func(action string) string {
		if m.DryRun && action != string(issue.Unchanged) {
			return "would be " + action
		}
		return action
	}
	if len(m.Recovered) > 0 {
		fmt.Fprintf(w, "finished  an earlier run that was interrupted: %s\n", strings.Join(m.Recovered, ", "))
	}
	width, left := 9, 0
	for _, it := range m.Items {
		width = max(width, len(word(it.Action))+1)
		left = max(left, len(it.files()))
	}
	left = min(left, 40)
	row := func(word, files, what string) {
		fold.Under(w, fmt.Sprintf("%s %-*s  ", st.Bold(pad(word, width-1)), left, files), what, columns)
	}
	for _, it := range m.Items {
		if it.CA && it.Action == string(issue.Unchanged) {
			row("CA", it.Certificate, it.cn+", until "+it.until)
			continue
		}
		what := it.cn
		if it.KeyAction == "created" && (it.CA || len(m.Items) == 1) {
			what += ", " + it.keyHuman
		}
		if it.keptKey() {
			what += ", key kept"
		}
		row(word(it.Action), it.files(), what+", until "+it.until)
		if it.Why != "" {
			fold.Under(w, pad("because", width-1)+" ", it.Why, columns)
		}
	}
	for _, p := range m.Fixed {
		fmt.Fprintf(w, "%s %s  mode 0600\n", pad("repaired", width-1), show(p))
	}
	if len(m.Items) > 0 {
		if last := m.Items[len(m.Items)-1]; len(last.Names) > 0 {
			fmt.Fprintf(w, "%s %s\n", pad("names", width-1), someNames(last.Names, env.Width()-1-width))
		}
	}
	if m.Clients != "" {
		fold.Under(w, pad("clients", width-1)+" ", m.Clients, columns)
	}
}

func pad(s string, n int) string { return fmt.Sprintf("%-*s", n, s) }

// keptKey says that the certificate is new and its key is not.
func (it madeItem) keptKey() bool {
	return it.Key != "" && it.KeyAction != "created" && it.Action != string(issue.Unchanged)
}

// files is "pki/server.crt, server.key": the key's folder is left out where it
// is the certificate's, and a key that was there beside a new certificate.
func (it madeItem) files() string {
	if it.Key == "" || it.keptKey() {
		if it.Kubeconfig != "" {
			return it.Certificate + ", " + path.Base(it.Kubeconfig)
		}
		return it.Certificate
	}
	key := it.Key
	if path.Dir(key) == path.Dir(it.Certificate) {
		key = path.Base(key)
		if long := path.Ext(key); len(it.Certificate) > 18 && strings.TrimSuffix(key, long) == strings.TrimSuffix(path.Base(it.Certificate), path.Ext(it.Certificate)) {
			key = long
		}
	}
	if it.Kubeconfig != "" {
		key += ", " + path.Base(it.Kubeconfig)
	}
	return it.Certificate + ", " + key
}

// someNames fits names into a width, and counts the others.
func someNames(names []string, width int) string {
	out := ""
	for i, n := range names {
		n = pki.Printable(n)
		rest := len(names) - i
		more := fmt.Sprintf(" (%d more)", rest)
		next := n
		if out != "" {
			next = out + " " + n
		}
		limit := width
		if rest > 1 {
			limit -= len(more)
		}
		if len(next) > limit && out != "" {
			return out + more
		}
		out = next
	}
	return out
}

func printAPIServer(w io.Writer, m *made, as string, names profile.ServerNames) {
	switch as {
	case "static-pod":
		fmt.Fprintln(w, "Add to /etc/kubernetes/manifests/kube-apiserver.yaml (or give it to kubeadm as")
		fmt.Fprintln(w, "patches/kube-apiserver0+strategic.yaml with --patches):")
		fmt.Fprint(w, staticPod(m))
	case "kubeadm":
		fmt.Fprintln(w, "Put into the ClusterConfiguration that kubeadm is given:")
		fmt.Fprint(w, kubeadmPatch(m, names))
	default:
		fmt.Fprintln(w, "Add to kube-apiserver:")
		for _, f := range m.APIServer {
			fmt.Fprintf(w, "  %s\n", f)
		}
	}
}

// scalar quotes a text where YAML would read it otherwise.
func scalar(s string) string {
	if strings.ContainsAny(s, " \t:#,[]{}\"'\\") {
		return strconv.Quote(s)
	}
	return s
}

func staticPod(m *made) string {
	var b strings.Builder
	b.WriteString(`apiVersion: v1
kind: Pod
metadata:
  name: kube-apiserver
  namespace: kube-system
spec:
  containers:
  - name: kube-apiserver
    command:
    - kube-apiserver
    # ... what is there, and:
`)
	for _, f := range m.APIServer {
		fmt.Fprintf(&b, "    - %s\n", scalar(f))
	}
	fmt.Fprintf(&b, `    volumeMounts:
    - {name: certgen-pki, mountPath: %q, readOnly: true}
  volumes:
  - name: certgen-pki
    hostPath: {path: %q, type: Directory}
`, m.installDir, m.installDir)
	return b.String()
}

func kubeadmPatch(m *made, names profile.ServerNames) string {
	var b strings.Builder
	b.WriteString("apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\napiServer:\n")
	if len(names.IPs)+len(names.DNS) > 0 {
		b.WriteString("  certSANs:\n")
		for _, n := range append(names.IPs[:len(names.IPs):len(names.IPs)], names.DNS...) {
			fmt.Fprintf(&b, "  - %q\n", n.Value)
		}
	}
	b.WriteString("  extraArgs:\n")
	for _, f := range m.APIServer {
		k, v, _ := strings.Cut(strings.TrimPrefix(f, "--"), "=")
		fmt.Fprintf(&b, "  - {name: %s, value: %s}\n", k, scalar(v))
	}
	fmt.Fprintf(&b, "  extraVolumes:\n  - {name: certgen-pki, hostPath: %q, mountPath: %q, readOnly: true, pathType: Directory}\n",
		m.installDir, m.installDir)
	return b.String()
}

// clients says who accepts what was made, by the rules of 'verify --clients'.
func (m *made) clients(f *issue.Folder, items []*issue.Item) {
	refusing := map[verify.Client]bool{}
	for _, it := range items {
		q := verify.Request{Leaf: it.Cert, Roots: append([]*x509.Certificate{f.CA.Cert}, f.CA.Chain...), Purpose: verify.PurposeOf(it.Cert), Now: f.Now}
		for _, c := range verify.Check(q).Rejecting() {
			refusing[c] = true
		}
	}
	if len(items) == 0 {
		return
	}
	if len(refusing) == 0 {
		m.Clients = "accepted by openssl, GnuTLS, Java, NSS, Python, Node and Go rules"
		return
	}
	var no, yes []string
	for _, c := range verify.Clients {
		if refusing[c] {
			no = append(no, c.Short())
		} else {
			yes = append(yes, c.Short())
		}
	}
	m.Clients = "refused by " + strings.Join(no, ", ")
	if len(yes) > 0 {
		m.Clients += "; accepted by " + strings.Join(yes, ", ")
	}
	m.Clients += "; 'certgen verify' says why"
}
