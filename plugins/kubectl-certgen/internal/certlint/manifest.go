package certlint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/input"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
)

var (
	apiVersion = lazyregexp.New(`(?m)^[ \t]*apiVersion:[ \t]*["']?certificates\.k8s\.io/(v1\w*)`)
	signerName = lazyregexp.New(`(?m)^[ \t]*signerName:[ \t]*["']?([^\s"'#]+)`)
	requestOf  = lazyregexp.New(`(?m)^[ \t]*request:[ \t]*(\$\(.*\)|` + "`.*`" + `)[ \t]*$`)
	usageList  = lazyregexp.New(`(?m)^([ \t]*)usages:[ \t]*(\[[^\]]*\])?[ \t]*((?:\n[ \t]*-[ \t]*[^\n]*)*)`)
	usageItem  = lazyregexp.New(`["']?([A-Za-z][A-Za-z/_ -]*[A-Za-z])["']?`)
)

// signerUsages is what the built-in signers issue: the usage that must be
// there, and those that may (pkg/controller/certificates/signer).
var signerUsages = map[string]struct {
	must string
	may  []string
}{
	"kubernetes.io/kube-apiserver-client":         {"client auth", []string{"client auth", "digital signature", "key encipherment"}},
	"kubernetes.io/kube-apiserver-client-kubelet": {"client auth", []string{"client auth", "digital signature", "key encipherment"}},
	"kubernetes.io/kubelet-serving":               {"server auth", []string{"server auth", "digital signature", "key encipherment"}},
}

// manifest judges a CertificateSigningRequest that a script sends to the
// cluster. The text is read by lines: the shell is still to fill it in.
func (l *linter) manifest(f *input.File, m input.Manifest) {
	at := func(g []int, i int) input.Text {
		return input.Text{Value: m.Text[g[2*i]:g[2*i+1]], Start: g[2*i], End: g[2*i+1]}
	}
	v := apiVersion.FindStringSubmatchIndex(m.Text)
	if v == nil {
		return
	}
	version := at(v, 1)
	s := signerName.FindStringSubmatchIndex(m.Text)
	switch {
	case version.Value != "v1":
		is := l.add(f, NotIssued, version, fmt.Sprintf("certificates.k8s.io/%s is served by no API server since Kubernetes 1.22", version.Value)).remedy("write certificates.k8s.io/v1, and name a signerName")
		if s != nil {
			is.fix(version, "v1")
		}
	case s == nil:
		l.add(f, NotIssued, version, "signerName is missing: v1 refuses the request").remedy("name the signer: kubernetes.io/kube-apiserver-client for clients; no built-in signer issues for servers other than kubelets")
	}
	if r := requestOf.FindStringSubmatchIndex(m.Text); r != nil {
		if c := at(r, 1); strings.Contains(c.Value, "base64") && !strings.Contains(c.Value, "tr ") && !strings.Contains(c.Value, "-w") && !strings.Contains(c.Value, "wrap") && !strings.Contains(c.Value, "-A") {
			l.add(f, NotIssued, c, "base64 of GNU breaks its lines after 76 characters, and the manifest is no YAML then").as(finding.Warning).remedy("base64 -w0, or | tr -d '\\n'")
		}
	}
	var usages []input.Text
	if u := usageList.FindStringSubmatchIndex(m.Text); u != nil {
		for _, g := range [][2]int{{u[4], u[5]}, {u[6], u[7]}} {
			if g[0] < 0 {
				continue
			}
			for _, i := range usageItem.FindAllStringSubmatchIndex(m.Text[g[0]:g[1]], -1) {
				usages = append(usages, input.Text{Value: m.Text[g[0]+i[2] : g[0]+i[3]], Start: g[0] + i[2], End: g[0] + i[3]})
			}
		}
	}
	known := input.CFSSLUsageNames() // certificates.k8s.io took them over
	for _, u := range usages {
		if !slices.Contains(known, u.Value) {
			is := l.add(f, UnknownUsage, u, fmt.Sprintf("certificates.k8s.io knows no usage %q and refuses the request", u.Value))
			if near := input.Nearest(u.Value, known); near != "" {
				is.note(fmt.Sprintf("did you mean %q?", near))
			}
		}
	}
	if s == nil {
		return
	}
	signer := at(s, 1)
	if signer.Value == "kubernetes.io/legacy-unknown" && version.Value == "v1" {
		l.add(f, NotIssued, signer, "v1 refuses kubernetes.io/legacy-unknown as a signer").remedy("name a signer of your own, or kubernetes.io/kube-apiserver-client for clients")
		return
	}
	l.signer(f, m, signer, usages)
}

// signer compares what is asked for with what the signer issues.
func (l *linter) signer(f *input.File, m input.Manifest, signer input.Text, usages []input.Text) {
	wants, ok := signerUsages[signer.Value]
	if !ok {
		return
	}
	for _, u := range usages {
		if !slices.Contains(wants.may, u.Value) {
			l.add(f, NotIssued, u, fmt.Sprintf("%s issues no certificate with %q: the request fails", signer.Value, u.Value)).remedy("it issues " + strings.Join(wants.may, ", "))
		}
	}
	if !slices.ContainsFunc(usages, func(u input.Text) bool { return u.Value == wants.must }) && len(usages) > 0 {
		l.add(f, NotIssued, signer, fmt.Sprintf("%s issues only with %q, which usages does not have", signer.Value, wants.must)).remedy("add it")
	}
	if signer.Value == "kubernetes.io/kube-apiserver-client" {
		return
	}
	// The subject: of the request that the manifest names, else of the only one.
	for _, c := range f.Commands {
		subj, ok := c.Flag("subj")
		out, _ := c.Out()
		if c.Tool != "openssl" || c.Sub() != "req" || c.Has("x509") || !ok || out.Value == "" || !strings.Contains(m.Text, baseOf(out.Value)) {
			continue
		}
		dn := subjOf(subj)
		cn, o := dn.Get("CN"), dn.Get("O")
		good := len(cn) == 1 && strings.HasPrefix(cn[0].Value, "system:node:") && len(o) == 1 && o[0].Value == "system:nodes"
		if !good && !strings.HasPrefix(subj.Value, "$") && !strings.Contains(subj.Value, "system:node:") {
			l.add(f, NotIssued, subj, fmt.Sprintf("%s issues for O=system:nodes and CN=system:node:NAME only: this request is approved and then fails", signer.Value)).
				remedy("let a CA of your own sign it: kubectl certgen server --from, or cert-manager")
		}
	}
}

func baseOf(p string) string { return p[strings.LastIndexByte(p, '/')+1:] }
