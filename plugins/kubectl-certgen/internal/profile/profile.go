// Package profile decides what stands in a certificate: which extensions, in
// which order, critical or not, how names are encoded, how long it lasts. The
// default is the one that every client of the matrix accepts (docs/certgen.md);
// the others are what four tools write, faults included, for those who must
// have a certificate that is like the ones they have.
package profile

import (
	"cmp"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
)

// Purpose is what a leaf is for.
type Purpose string

// The purposes.
const (
	// Server is a certificate that a server shows.
	Server Purpose = "server"
	// Client is one by which a client says who it is.
	Client Purpose = "client"
	// Peer is both, as etcd's members need it.
	Peer Purpose = "peer"
)

// Profile is one way to write certificates.
type Profile struct {
	// Name is the value of --compat, "" for the default.
	Name string
	// Tool is what the profile follows, with the version.
	Tool string
	// Key is the key type where none is asked for.
	Key pki.KeySpec
	// KeyFormat is how the tool writes private keys.
	KeyFormat pki.KeyFormat
	// Strings is how the tool encodes names.
	Strings pki.StringType
	// CAValidity and Validity are what the tool, or the handbook's use of it,
	// gives a CA and a leaf.
	CAValidity, Validity time.Duration
	// CASerialBits and SerialBits are the lengths of serial numbers.
	CASerialBits, SerialBits int
	// CACommonName and ServerCommonName are the tool's, or the handbook's.
	// "{ip}" stands for the first address, "{unix}" for the time.
	CACommonName, ServerCommonName string

	arrange   func(n ServerNames) []pki.GeneralName
	dates     func(now time.Time, validity time.Duration) (notBefore, notAfter time.Time)
	caExts    func(c caFacts) []pkix.Extension
	leafExts  func(l leafFacts) ([]pkix.Extension, error)
	algorithm func(signer pki.KeySpec) x509.SignatureAlgorithm
	faults    func(l leafFacts) []string
}

type caFacts struct {
	subject []byte
	name    pki.Name
	keyID   []byte
	serial  *big.Int
	pathLen int
}

type leafFacts struct {
	purpose Purpose
	subject []byte
	key     pki.KeySpec
	keyID   []byte
	names   []pki.GeneralName
	ca      *pki.Authority
	caKeyID []byte
}

// Names lists the values of --compat.
var Names = []string{"openssl", "easyrsa", "cfssl", "kubeadm"}

// Get returns a profile by the value of --compat; "" is the default.
func Get(name string) (Profile, error) {
	switch name {
	case "", "default":
		return standard(), nil
	case "openssl":
		return openssl(), nil
	case "easyrsa":
		return easyrsa(), nil
	case "cfssl":
		return cfssl(), nil
	case "kubeadm":
		return kubeadm(), nil
	}
	return Profile{}, fmt.Errorf("profile %q: not one of %s", name, strings.Join(Names, ", "))
}

// CARequest is what a new CA is to be.
type CARequest struct {
	Subject pki.Name
	Key     crypto.Signer
	// Validity 0 is the profile's.
	Validity time.Duration
	// PathLen limits the CAs below; < 0 does not.
	PathLen int
	Now     time.Time
	Rand    io.Reader
}

// NewCA makes a self-signed CA.
func (p Profile) NewCA(r CARequest) (*pki.Authority, error) {
	subject, err := r.Subject.Encode(p.Strings)
	if err != nil {
		return nil, err
	}
	if err := r.Subject.Check(); err != nil {
		return nil, err
	}
	serial, err := pki.NewSerial(r.Rand, p.CASerialBits)
	if err != nil {
		return nil, err
	}
	keyID, err := pki.KeyID(r.Key.Public())
	if err != nil {
		return nil, err
	}
	validity := r.Validity
	if validity == 0 {
		validity = p.CAValidity
	}
	from, to := p.dates(r.Now, validity)
	cert, err := pki.SelfSign(pki.Template{
		Serial: serial, Subject: subject, NotBefore: from, NotAfter: to,
		Extensions:         p.caExts(caFacts{subject, r.Subject, keyID, serial, r.PathLen}),
		SignatureAlgorithm: p.algorithm(pki.SpecOf(r.Key.Public())),
	}, r.Key)
	if err != nil {
		return nil, err
	}
	return pki.NewAuthority(cert, r.Key, r.Now)
}

// LeafRequest is what a new leaf is to be.
type LeafRequest struct {
	Purpose   Purpose
	Subject   pki.Name
	Names     []pki.GeneralName
	PublicKey crypto.PublicKey
	// Validity 0 is the profile's. The certificate ends with its CA at the
	// latest, unless Outlive.
	Validity time.Duration
	Outlive  bool
	Now      time.Time
	Rand     io.Reader
}

// Leaf makes the template of a leaf; capped says that its end was cut to the
// CA's.
func (p Profile) Leaf(ca *pki.Authority, r LeafRequest) (t pki.Template, capped bool, err error) {
	l, err := p.facts(ca, r)
	if err != nil {
		return t, false, err
	}
	exts, err := p.leafExts(l)
	if err != nil {
		return t, false, err
	}
	if len(r.Subject) == 0 {
		// The names are the identity then, and must be critical (RFC 5280, 4.2.1.6).
		for i := range exts {
			exts[i].Critical = exts[i].Critical || exts[i].Id.Equal(pki.OIDSubjectAltName)
		}
	}
	serial, err := pki.NewSerial(r.Rand, p.SerialBits)
	if err != nil {
		return t, false, err
	}
	from, to, capped := p.span(ca, r, p.Validity)
	return pki.Template{
		Serial: serial, Subject: l.subject, NotBefore: from, NotAfter: to, PublicKey: r.PublicKey,
		Extensions: exts, SignatureAlgorithm: p.algorithm(pki.SpecOf(ca.Cert.PublicKey)), Outlive: r.Outlive,
	}, capped, nil
}

func (p Profile) facts(ca *pki.Authority, r LeafRequest) (leafFacts, error) {
	if err := r.Subject.Check(); err != nil {
		return leafFacts{}, err
	}
	subject, err := r.Subject.Encode(p.Strings)
	if err != nil {
		return leafFacts{}, err
	}
	keyID, err := pki.KeyID(r.PublicKey)
	if err != nil {
		return leafFacts{}, err
	}
	caKeyID, err := ca.KeyID()
	return leafFacts{r.Purpose, subject, pki.SpecOf(r.PublicKey), keyID, r.Names, ca, caKeyID}, err
}

// Faults says what is known to be wrong with a leaf of this profile under this
// CA, and who will notice. The default profile has none.
func (p Profile) Faults(ca *pki.Authority, r LeafRequest) ([]string, error) {
	if p.faults == nil {
		return nil, nil
	}
	l, err := p.facts(ca, r)
	if err != nil {
		return nil, err
	}
	return p.faults(l), nil
}

// span is from when to when a certificate of the CA is valid, in whole seconds:
// as long as was asked for, else as usual. capped says that the end was cut to
// the CA's.
func (p Profile) span(ca *pki.Authority, r LeafRequest, usual time.Duration) (from, to time.Time, capped bool) {
	from, to = p.dates(r.Now.Truncate(time.Second), cmp.Or(r.Validity, usual))
	if from.Before(ca.Cert.NotBefore) {
		from = ca.Cert.NotBefore
	}
	if cut := ca.Cap(to); !r.Outlive && cut.Before(to) {
		to, capped = cut, true
	}
	return from, to, capped
}

// MaxDays is the longest validity that is taken; some more, and a time.Duration
// does not hold it.
const MaxDays = 365 * 200

// Days is a validity of whole days.
func Days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }

func usages(p Purpose) []asn1.ObjectIdentifier {
	switch p {
	case Client:
		return []asn1.ObjectIdentifier{pki.OIDClientAuth}
	case Peer:
		return []asn1.ObjectIdentifier{pki.OIDServerAuth, pki.OIDClientAuth}
	}
	return []asn1.ObjectIdentifier{pki.OIDServerAuth}
}

// withNames appends the subject alternative names, if there are any.
func withNames(exts []pkix.Extension, names []pki.GeneralName) ([]pkix.Extension, error) {
	if len(names) == 0 {
		return exts, nil
	}
	e, err := pki.SubjectAltName(names, false)
	return append(exts, e), err
}

// fromNow starts at the second and lasts as asked, as openssl does.
func fromNow(now time.Time, validity time.Duration) (time.Time, time.Time) {
	return now.UTC(), now.UTC().Add(validity)
}

// backdated starts five minutes ago and ends as if it had started now, as
// kubeadm does.
func backdated(now time.Time, validity time.Duration) (time.Time, time.Time) {
	return now.UTC().Add(-pki.Backdate), now.UTC().Add(validity)
}

// bySize is the digest that Go and kubeadm choose: SHA-256, and SHA-384 for a
// key on P-384.
func bySize(pki.KeySpec) x509.SignatureAlgorithm { return 0 }

// sha256Always is openssl's default_md, whatever the key.
func sha256Always(signer pki.KeySpec) x509.SignatureAlgorithm {
	switch {
	case signer.IsRSA():
		return x509.SHA256WithRSA
	case strings.HasPrefix(string(signer), "ecdsa:"):
		return x509.ECDSAWithSHA256
	}
	return 0
}

// ServerNames are the names of an API server, by where they come from.
type ServerNames struct {
	// Given are names that a file lists in an order of its own.
	Given []pki.GeneralName
	// IPs and DNS were asked for.
	IPs, DNS []pki.GeneralName
	// ServiceIPs and ServiceDNS are those of the kubernetes Service.
	ServiceIPs, ServiceDNS []pki.GeneralName
}

// Arrange puts a server's names into the profile's order, each once. The
// default order is the one in which people read them: what was asked for and
// what was derived, addresses first.
func (p Profile) Arrange(n ServerNames) []pki.GeneralName {
	var all []pki.GeneralName
	if p.arrange != nil {
		all = p.arrange(n)
	} else {
		all = slices.Concat(n.IPs, n.ServiceIPs, n.DNS, n.ServiceDNS)
	}
	all = append(n.Given[:len(n.Given):len(n.Given)], all...)
	var out []pki.GeneralName
	for _, g := range all {
		if !slices.Contains(out, g) {
			out = append(out, g)
		}
	}
	return out
}

// dnsFirst is the order of the handbook's csr.conf.
func dnsFirst(n ServerNames) []pki.GeneralName {
	return slices.Concat(n.ServiceDNS, n.DNS, n.IPs, n.ServiceIPs)
}
