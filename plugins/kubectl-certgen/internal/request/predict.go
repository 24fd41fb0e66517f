package request

import (
	"crypto/x509"
	"fmt"
	"math"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
)

// The built-in signers.
const (
	Client        = "kubernetes.io/kube-apiserver-client"
	KubeletClient = "kubernetes.io/kube-apiserver-client-kubelet"
	Serving       = "kubernetes.io/kubelet-serving"
	Legacy        = "kubernetes.io/legacy-unknown"
	ClientPod     = "kubernetes.io/kube-apiserver-client-pod"
)

// BuiltIn lists the signers that kube-controller-manager runs.
var BuiltIn = []string{Client, KubeletClient, Serving}

// Usages are the values that the API takes (certificates.k8s.io/v1 KeyUsage).
var Usages = []string{
	"signing", "digital signature", "content commitment", "key encipherment", "key agreement", "data encipherment", "cert sign", "crl sign",
	"encipher only", "decipher only", "any", "server auth", "client auth", "code signing", "email protection", "s/mime", "ipsec end system",
	"ipsec tunnel", "ipsec user", "timestamping", "ocsp signing", "microsoft sgc", "netscape sgc",
}

// Spec is a request before it is sent.
type Spec struct {
	Name   string
	Signer string
	Usages []string
	CSR    *x509.CertificateRequest
	// Seconds is expirationSeconds, 0 for none.
	Seconds int
	// User is who sends it, "" where that is not known.
	User string
}

// Outcome is what will become of a request.
type Outcome string

// The outcomes, worst first.
const (
	// Refused: the API server will not store it.
	Refused Outcome = "refused"
	// Fails: it is stored, and the signer marks it Failed after approval.
	Fails Outcome = "fails"
	// Never: it is stored and can be approved, and nobody ever issues it.
	Never Outcome = "never issued"
	// Note is worth knowing and changes nothing.
	Note Outcome = "note"
)

// Forecast is one thing that will happen.
type Forecast struct {
	Outcome Outcome
	// Who decides: "kube-apiserver", "the signer", ...
	Who     string
	Message string
	// Remedy is what to change.
	Remedy string
}

// DefaultUsages are the usages that a signer wants for a key.
func DefaultUsages(signer string, key pki.KeySpec) []string {
	auth := "client auth"
	if signer == Serving {
		auth = "server auth"
	}
	// Kubelets ask for key encipherment with RSA keys only (1.27 and later).
	if key.IsRSA() {
		return []string{"digital signature", "key encipherment", auth}
	}
	return []string{"digital signature", auth}
}

// Predict says what will become of a request, worst first; none is a request
// that will be issued once it is approved.
func Predict(s Spec) []Forecast {
	var out []Forecast
	add := func(o Outcome, who, remedy, format string, args ...any) {
		out = append(out, Forecast{o, who, fmt.Sprintf(format, args...), remedy})
	}
	s.validation(add)
	switch s.Signer {
	case Client:
		s.clientSigner(add)
	case KubeletClient, Serving:
		s.kubeletSigner(add)
	case Legacy:
		add(Refused, "kube-apiserver", "name the signer that you mean", "certificates.k8s.io/v1 takes no request for %s", Legacy)
	case ClientPod:
		add(Never, "nobody", "use a PodCertificateRequest (podCertificate volume) for it", "the name %s is reserved and its signer is not implemented for CertificateSigningRequests", ClientPod)
	default:
		switch {
		case strings.HasPrefix(s.Signer, "kubernetes.io/"):
			add(Never, "nobody", "built-in signers: "+strings.Join(BuiltIn, ", "), "Kubernetes has no signer %s", s.Signer)
		default:
			add(Note, "the signer", "", "%s is not built in: a controller of its own must watch for it, and its rules are its own", s.Signer)
		}
	}
	slices.SortStableFunc(out, func(a, b Forecast) int { return rank(a.Outcome) - rank(b.Outcome) })
	return out
}

func rank(o Outcome) int { return slices.Index([]Outcome{Refused, Fails, Never, Note}, o) }

type adder func(o Outcome, who, remedy, format string, args ...any)

// validation is what kube-apiserver checks for every signer.
func (s Spec) validation(add adder) {
	const who = "kube-apiserver"
	if !signerName(s.Signer) {
		add(Refused, who, "such as example.com/my-signer", "signerName %q is not DOMAIN/PATH in lower-case letters, digits, - and ., with a dot in the domain", s.Signer)
	}
	if len(s.Usages) == 0 {
		add(Refused, who, "name the usages", "a request without usages is not taken")
	}
	seen := map[string]bool{}
	for _, u := range s.Usages {
		if !slices.Contains(Usages, u) {
			add(Refused, who, "usages: "+strings.Join(Usages, ", "), "%q is not a usage", u)
		}
		if seen[u] {
			add(Refused, who, "name it once", "usage %q stands there twice", u)
		}
		seen[u] = true
	}
	if s.Seconds > math.MaxInt32 {
		add(Refused, who, "ask for less: the signer caps it to its own limit anyway, a year by default", "expirationSeconds %d is more than %d, 68 years", s.Seconds, math.MaxInt32)
	}
	if s.Seconds != 0 && s.Seconds < 600 {
		add(Refused, who, "ask for 10 minutes or more", "expirationSeconds %d is below 600", s.Seconds)
	}
	if err := pki.CheckRequest(s.CSR); err != nil {
		add(Refused, who, "make the request again", "%v", err)
	}
	if cn := s.CSR.Subject.CommonName; len([]rune(cn)) > 64 {
		add(Note, "clients", "shorten it", "the common name has %d characters, 64 are allowed", len([]rune(cn)))
	}
	if strings.HasPrefix(s.User, "system:node:") && (s.Signer == KubeletClient || s.Signer == Serving) && s.CSR.Subject.CommonName != s.User {
		add(Refused, "kube-apiserver (admission NodeRestriction)", "ask for CN="+s.User, "a node can only ask for its own name: %s asks for %s", s.User, s.CSR.Subject.CommonName)
	}
}

// signerName is ValidateSignerName of k8s.io/kubernetes/pkg/apis/core/validation.
func signerName(s string) bool {
	domain, path, _ := strings.Cut(s, "/")
	labels := strings.Split(domain, ".")
	bad := func(label string) bool { return len(validation.IsDNS1123Label(label)) > 0 }
	return len(labels) > 1 && len(domain) <= validation.DNS1123SubdomainMaxLength && !slices.ContainsFunc(labels, bad) &&
		len(validation.IsDNS1123Subdomain(path)) == 0
}

func (s Spec) clientSigner(add adder) {
	if slices.Contains(s.CSR.Subject.Organization, "system:masters") {
		add(Refused, "kube-apiserver (admission CertificateSubjectRestriction)", "use a group that a ClusterRoleBinding names", "O=system:masters is not given out by %s", Client)
	}
	auth := false
	for _, u := range s.Usages {
		switch u {
		case "client auth":
			auth = true
		case "digital signature", "key encipherment":
		default:
			if slices.Contains(Usages, u) {
				remedy := "take it out"
				if u == "signing" {
					remedy = `write "digital signature"`
				}
				add(Fails, "the signer", remedy, "%s refuses usage %q: only client auth, digital signature and key encipherment are allowed", Client, u)
			}
		}
	}
	if !auth {
		add(Fails, "the signer", "add client auth", "%s wants usage client auth", Client)
	}
	if s.CSR.Subject.CommonName == "" {
		add(Note, "kube-apiserver, when it is used", "give it a common name", "without a common name the certificate is for no user")
	}
	if n := len(s.CSR.DNSNames) + len(s.CSR.IPAddresses); n > 0 {
		add(Note, "clients", "", "%d names are asked for; the signer puts them in, and a client certificate has no use for them", n)
	}
}

func (s Spec) kubeletSigner(add adder) {
	req := s.CSR
	// The approver and the signer both skip what does not fit: it stays Pending
	// or, approved by hand, Failed.
	bad := func(remedy, format string, args ...any) { add(Fails, "the signer", remedy, format, args...) }
	if !slices.Equal(req.Subject.Organization, []string{"system:nodes"}) {
		bad("ask for O=system:nodes alone", "the organisation is %q, not exactly [system:nodes]", req.Subject.Organization)
	}
	if !strings.HasPrefix(req.Subject.CommonName, "system:node:") || req.Subject.CommonName == "system:node:" {
		bad("ask for CN=system:node:NAME", "the common name %q does not begin with system:node:", req.Subject.CommonName)
	}
	if len(req.EmailAddresses)+len(req.URIs) > 0 {
		bad("take them out", "email addresses and URIs are not allowed")
	}
	want := [][]string{{"digital signature", "client auth"}, {"digital signature", "key encipherment", "client auth"}}
	if s.Signer == Serving {
		want = [][]string{{"digital signature", "server auth"}, {"digital signature", "key encipherment", "server auth"}}
		if len(req.DNSNames)+len(req.IPAddresses) == 0 {
			bad("ask for the node's addresses and names", "a serving certificate needs a DNS name or an address")
		}
	} else if len(req.DNSNames)+len(req.IPAddresses) > 0 {
		bad("take them out", "names and addresses are not allowed in a kubelet's client certificate")
	}
	if !slices.ContainsFunc(want, func(w []string) bool { return sameSet(w, s.Usages) }) {
		bad("ask for "+strings.Join(want[0], ", "), "the usages [%s] are not exactly [%s], with or without key encipherment", strings.Join(s.Usages, ", "), strings.Join(want[0], ", "))
	}
}

func sameSet(a, b []string) bool {
	x, y := slices.Clone(a), slices.Clone(b)
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(slices.Compact(x), slices.Compact(y))
}

// Blocked says whether a forecast means that no certificate will come.
func Blocked(fs []Forecast) bool {
	return slices.ContainsFunc(fs, func(f Forecast) bool { return f.Outcome != Note })
}

// Approval says who approves requests for a signer.
func Approval(signer string) string {
	switch signer {
	case Client:
		return "nobody approves it by itself: a person does (kubectl certificate approve, or --approve)"
	case KubeletClient:
		return "kube-controller-manager approves it if the sender may create certificatesigningrequests/nodeclient or /selfnodeclient"
	case Serving:
		return "nobody approves it by itself: a person, or an approver controller that knows the node's addresses"
	}
	return "its own controller or a person approves it"
}
