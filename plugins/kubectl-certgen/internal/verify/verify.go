package verify

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/certlint"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// Purpose is what a certificate is used for.
type Purpose string

// The purposes.
const (
	Server   Purpose = "server"
	AsClient Purpose = "client"
)

// Request is a question to Check.
type Request struct {
	Leaf *x509.Certificate
	// Pool are intermediates, Roots what the client trusts.
	Pool, Roots []*x509.Certificate
	Purpose     Purpose
	// Hosts are the names and addresses that clients connect to.
	Hosts []string
	Now   time.Time
}

// Defect is something about a chain that some or all clients reject, or that
// is worth a warning.
type Defect struct {
	Rule    finding.Rule
	Cert    *x509.Certificate
	Message string
	// Rejects has the clients that refuse the connection, and their words.
	Rejects map[Client]string
}

// Result is the answer.
type Result struct {
	Chain   Chain
	Defects []Defect
}

// Rejecting lists the clients that reject, in order.
func (r *Result) Rejecting() []Client {
	var out []Client
	for _, c := range Clients {
		if slices.ContainsFunc(r.Defects, func(d Defect) bool { return d.Rejects[c] != "" }) {
			out = append(out, c)
		}
	}
	return out
}

// Accepting lists the clients that do not.
func (r *Result) Accepting() []Client {
	no := r.Rejecting()
	var out []Client
	for _, c := range Clients {
		if !slices.Contains(no, c) {
			out = append(out, c)
		}
	}
	return out
}

// PurposeOf guesses a leaf's purpose: client where only clientAuth is in it.
func PurposeOf(c *x509.Certificate) Purpose {
	if slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth) && !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth) {
		return AsClient
	}
	return Server
}

// Check judges a leaf with its chain.
func Check(q Request) *Result {
	res := &Result{}
	chain, enc, stuck, err := build(q.Leaf, q.Pool, q.Roots)
	res.Chain = chain
	add := func(d Defect) { res.Defects = append(res.Defects, d) }
	switch {
	case errors.Is(err, errBadSignature):
		add(Defect{certlint.BadSignature, stuck, fmt.Sprintf("%s is issued by %q, and the CA of this name did not sign it", Name(stuck), stuck.Issuer), all("certificate signature failure or unknown authority")})
	case err != nil:
		msg := fmt.Sprintf("none of the CAs is %q, which issued %s", stuck.Issuer, Name(stuck))
		if SelfSigned(stuck) {
			msg = fmt.Sprintf("%s is self-signed and not among the trusted CAs", Name(stuck))
		}
		add(Defect{certlint.NoIssuer, stuck, msg, all("unknown authority (unable to get local issuer certificate)")})
	}
	if enc {
		add(Defect{certlint.NameEncoding, q.Leaf, "the issuer's name in the certificate and the CA's own differ in their string types", map[Client]string{
			Go: "certificate signed by unknown authority", GnuTLS: "the certificate issuer is unknown", NSS: "Peer's Certificate issuer is not recognized",
			PyCA: "candidates exhausted",
		}})
	}
	for i, c := range chain {
		dates(c, q.Now, add)
		if i > 0 {
			authority(chain, i, q.Purpose, add)
		} else {
			leaf(q, chain, add)
		}
		common(chain, i, add)
	}
	constraints(chain, add)
	for _, h := range q.Hosts {
		host(q.Leaf, h, add)
	}
	return res
}

// CheckAuthority judges a CA certificate alone.
func CheckAuthority(ca *x509.Certificate, now time.Time) *Result {
	res := &Result{Chain: Chain{ca}}
	add := func(d Defect) { res.Defects = append(res.Defects, d) }
	dates(ca, now, add)
	authority(Chain{ca, ca}, 1, "", add)
	common(Chain{ca}, 0, add)
	return res
}

// Name is how a certificate is called in a message: its common name, else its
// first name.
func Name(c *x509.Certificate) string {
	switch {
	case c.Subject.CommonName != "":
		return pki.Printable(c.Subject.CommonName)
	case len(c.DNSNames) > 0:
		return pki.Printable(c.DNSNames[0])
	case len(c.IPAddresses) > 0:
		return c.IPAddresses[0].String()
	}
	return pki.Printable(c.Subject.String())
}

func dates(c *x509.Certificate, now time.Time, add func(Defect)) {
	if now.After(c.NotAfter) {
		add(Defect{certlint.Expired, c, fmt.Sprintf("%s expired on %s", Name(c), Day(c.NotAfter)), all("certificate has expired")})
	}
	if now.Before(c.NotBefore) {
		add(Defect{certlint.NotYetValid, c, fmt.Sprintf("%s is not valid before %s", Name(c), c.NotBefore.UTC().Format(time.RFC3339)), notYet(c, now)})
	}
}

// notYet: NSS lets a day pass for clocks that are behind.
func notYet(c *x509.Certificate, now time.Time) map[Client]string {
	m := all("certificate is not yet valid")
	if c.NotBefore.Sub(now) <= 24*time.Hour {
		delete(m, NSS)
	}
	return m
}

// Day is a date as reports show it.
func Day(t time.Time) string { return t.UTC().Format("2006-01-02") }

// authority judges the i-th certificate of a chain as a CA; purpose is what the
// leaf is used for, "" where there is none.
func authority(chain Chain, i int, purpose Purpose, add func(Defect)) {
	c := chain[i]
	authorityUsage(c, i == len(chain)-1, purpose, add)
	bc, hasBC := pki.Find(c.Extensions, pki.OIDBasicConstraints)
	_, hasKU := pki.Find(c.Extensions, pki.OIDKeyUsage)
	_, hasSKI := pki.Find(c.Extensions, pki.OIDSubjectKeyID)
	v1 := c.Version == 1
	root := i == len(chain)-1
	noBC := []Client{NSS}
	if !hasBC {
		noBC = append(noBC, GnuTLS)
	}
	switch {
	case v1 && root:
		add(Defect{certlint.BCNotCritical, c, fmt.Sprintf("the CA %s is an X.509 version 1 certificate", Name(c)), map[Client]string{
			PyCA: "certificate must be an X509v3 certificate", Strict: "invalid CA certificate (79)", Java: "PKIX path validation failed: basic constraints check failed",
		}})
		return
	case hasBC && !c.IsCA || !hasBC && !(hasKU && c.KeyUsage&x509.KeyUsageCertSign != 0):
		add(Defect{certlint.BCNotCritical, c, fmt.Sprintf("%s is no CA: its basic constraints do not say CA:TRUE", Name(c)), forRoot(all("invalid CA certificate"), root, noBC...)})
		return
	case !hasBC:
		// OpenSSL takes keyCertSign for the missing word; GnuTLS and NSS ask no
		// more of what the user trusts.
		m := forRoot(all("invalid CA certificate"), root, NSS, GnuTLS, OpenSSL, Node)
		add(Defect{certlint.BCNotCritical, c, fmt.Sprintf("the CA %s has no basic constraints", Name(c)), m})
		return
	case !bc.Critical:
		add(Defect{certlint.BCNotCritical, c, fmt.Sprintf("basic constraints of the CA %s are not critical", Name(c)), map[Client]string{
			Strict: "Basic Constraints of CA cert not marked critical (89)", PyCA: "Certificate extension has incorrect criticality: 2.5.29.19",
		}})
	}
	switch {
	case !hasKU:
		add(Defect{certlint.CANoKeyUsage, c, fmt.Sprintf("the CA %s has no key usage", Name(c)), map[Client]string{
			Strict: "CA cert does not include key usage extension (92)", PyCA: "Certificate is missing required extension: 2.5.29.15",
		}})
	case c.KeyUsage&x509.KeyUsageCertSign == 0:
		add(Defect{certlint.NoCertSign, c, fmt.Sprintf("the key usage of the CA %s does not allow it to sign certificates", Name(c)), forRoot(all("invalid CA certificate (key usage does not include certificate signing)"), root, NSS)})
	}
	if !hasSKI && c.Version == 3 {
		add(Defect{certlint.CANoKeyID, c, fmt.Sprintf("the CA %s has no subject key identifier", Name(c)), map[Client]string{
			Strict: "Missing Subject Key Identifier (86)",
		}})
	}
	if below := casBelow(chain, i); hasBC && c.IsCA && (c.MaxPathLen > 0 || c.MaxPathLenZero) && below > c.MaxPathLen {
		add(Defect{certlint.PathLen, c, fmt.Sprintf("the CA %s allows %d CAs below it, and there are %d", Name(c), c.MaxPathLen, below), forRoot(all("path length constraint exceeded (25)"), root, Java)})
	}
}

// forRoot takes those clients out that do not ask this of a CA that the user
// trusts himself, only of the ones below.
func forRoot(m map[Client]string, root bool, lenient ...Client) map[Client]string {
	if root {
		for _, c := range lenient {
			delete(m, c)
		}
	}
	return m
}

// casBelow counts the CAs between the i-th certificate and the leaf that are
// not self-issued.
func casBelow(chain Chain, i int) int {
	n := 0
	for _, c := range chain[1:i] {
		if !bytes.Equal(c.RawSubject, c.RawIssuer) {
			n++
		}
	}
	return n
}

// nsCertType bits (Netscape): client 0x80, server 0x40.
var oidNSCertType = []int{2, 16, 840, 1, 113730, 1, 1}

func leaf(q Request, chain Chain, add func(Defect)) {
	c := q.Leaf
	_, hasKU := pki.Find(c.Extensions, pki.OIDKeyUsage)
	_, hasAKI := pki.Find(c.Extensions, pki.OIDAuthorityKeyID)
	san, hasSAN := pki.Find(c.Extensions, pki.OIDSubjectAltName)
	_, hasSKI := pki.Find(c.Extensions, pki.OIDSubjectKeyID)
	_, hasEKU := pki.Find(c.Extensions, pki.OIDExtKeyUsage)
	anchor := len(chain) == 1
	sameName := bytes.Equal(c.RawSubject, c.RawIssuer) && !anchor
	// OpenSSL takes a certificate for self-signed where its names are equal and
	// its authority key identifier does not contradict that.
	if sameName && (!hasAKI || len(c.AuthorityKeyId) == 0 || !hasSKI || bytes.Equal(c.AuthorityKeyId, c.SubjectKeyId)) {
		m := map[Client]string{OpenSSL: "self-signed certificate (18)", Strict: "self-signed certificate (18)", Node: "DEPTH_ZERO_SELF_SIGNED_CERT"}
		if len(c.AuthorityKeyId) == 0 {
			m[NSS] = "Peer's certificate has an invalid signature"
		}
		add(Defect{certlint.SameName, c, fmt.Sprintf("%s has the subject of its CA and nothing that tells their keys apart", Name(c)), m})
	} else if sameName {
		add(Defect{certlint.SameName, c, fmt.Sprintf("%s has the subject of its CA", Name(c)), map[Client]string{}})
	}
	if !anchor && len(c.AuthorityKeyId) == 0 {
		m := map[Client]string{PyCA: "Certificate is missing required extension: 2.5.29.35"}
		if c.Version == 3 {
			m[Strict] = "Missing Authority Key Identifier (85)"
		}
		add(Defect{certlint.NoAuthorityKeyID, c, fmt.Sprintf("%s has no authority key identifier", Name(c)), m})
	}
	usages(q, c, hasKU, hasEKU, add)
	if c.IsCA && c.BasicConstraintsValid && !anchor {
		add(Defect{certlint.LeafIsCA, c, fmt.Sprintf("%s is a CA itself", Name(c)), map[Client]string{
			PyCA: "basicConstraints.cA must not be asserted in an EE certificate", NSS: "Certificate type not approved for application",
		}})
	}
	if hasKU && c.KeyUsage&x509.KeyUsageCertSign != 0 && !c.IsCA {
		add(Defect{certlint.NoCertSign, c, fmt.Sprintf("the key usage of %s allows it to sign certificates, and it is no CA", Name(c)), map[Client]string{
			Strict: "Using Key Usage Certificate Sign for a non-CA (79)", PyCA: "EE keyUsage must not assert keyCertSign",
		}})
	}
	empty := len(c.Subject.Names) == 0
	switch {
	case empty && hasSAN && !san.Critical:
		add(Defect{certlint.EmptySubject, c, "the subject is empty, and the names are not critical", map[Client]string{
			Strict: "Empty Subject Alternative Name extension not critical (81)", PyCA: "EE subjectAltName MUST be critical when subject is empty",
			Java: "X.509 Certificate is incomplete: SubjectAlternativeName extension MUST be marked critical when subject field is empty",
		}})
	case !empty && hasSAN && san.Critical:
		add(Defect{certlint.EmptySubject, c, "the names are critical although there is a subject", map[Client]string{
			PyCA: "EE subjectAltName MUST NOT be critical when subject is nonempty",
		}})
	}
	if q.Purpose == Server && !hasSAN {
		add(Defect{certlint.NoNames, c, fmt.Sprintf("%s has no subject alternative names", Name(c)), map[Client]string{
			Go: "certificate relies on legacy Common Name field, use SANs instead", PyCA: "Certificate is missing required extension: 2.5.29.17",
		}})
	}
	for _, n := range c.DNSNames {
		switch {
		case n == "":
			add(Defect{certlint.EmptyName, c, "an empty DNS name", map[Client]string{}})
		case net.ParseIP(n) != nil:
			add(Defect{certlint.IPAsDNS, c, fmt.Sprintf("the address %s stands among the DNS names, where no client looks for it", n), map[Client]string{}})
		case strings.HasPrefix(n, "kubernetes.svc.") || n == "kubernetes.svc":
			add(Defect{certlint.MissingDefault, c, fmt.Sprintf("%s lacks the namespace (kubernetes.default.svc...)", n), map[Client]string{}})
		}
	}
	if len([]rune(c.Subject.CommonName)) > 64 {
		add(Defect{certlint.LongCN, c, fmt.Sprintf("the common name has %d characters, 64 are allowed", len([]rune(c.Subject.CommonName))), map[Client]string{}})
	}
	if first := slices.MinFunc(chain, func(a, b *x509.Certificate) int { return a.NotAfter.Compare(b.NotAfter) }); c.NotAfter.After(first.NotAfter) {
		add(Defect{certlint.Outlives, c, fmt.Sprintf("%s is good until %s, its CA %s only until %s", Name(c), Day(c.NotAfter), Name(first), Day(first.NotAfter)), map[Client]string{}})
	}
	if q.Purpose == Server && c.NotAfter.Sub(c.NotBefore) > 826*24*time.Hour {
		add(Defect{certlint.LongValidity, c, fmt.Sprintf("%s is valid for %d days: Apple's clients refuse more than 825", Name(c), (c.NotAfter.Unix()-c.NotBefore.Unix())/86400), map[Client]string{}})
	}
}

func usages(q Request, c *x509.Certificate, hasKU, hasEKU bool, add func(Defect)) {
	want, word := x509.ExtKeyUsageServerAuth, "serverAuth"
	if q.Purpose == AsClient {
		want, word = x509.ExtKeyUsageClientAuth, "clientAuth"
	}
	if hasEKU && !slices.Contains(c.ExtKeyUsage, want) {
		m := all("unsuitable certificate purpose (extended key usage lacks " + word + ")")
		if slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny) {
			// anyExtendedKeyUsage counts for Java, GnuTLS, Go and pyca's not at all.
			m = map[Client]string{OpenSSL: m[OpenSSL], Strict: m[Strict], Node: m[Node], PyCA: "required EKU not found", NSS: m[NSS]}
		}
		add(Defect{certlint.WrongUsage, c, fmt.Sprintf("the extended key usage of %s lacks %s", Name(c), word), m})
	}
	if hasKU {
		const tls = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageKeyAgreement
		m := map[Client]string{}
		if c.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
			m[GnuTLS] = "Key usage violation in certificate has been detected"
			m[Java] = "KeyUsage does not allow digital signatures"
			if q.Purpose == AsClient && c.KeyUsage&x509.KeyUsageKeyAgreement == 0 || c.KeyUsage&tls == 0 {
				m[OpenSSL], m[Strict], m[Node] = "unsuitable certificate purpose (26)", "unsuitable certificate purpose (26)", "INVALID_PURPOSE"
			}
			add(Defect{certlint.NoDigitalSignature, c, fmt.Sprintf("the key usage of %s lacks digitalSignature", Name(c)), m})
		}
		if nssRefuses(c, q.Purpose) {
			add(Defect{certlint.NoKeyEncipherment, c, fmt.Sprintf("the key usage of %s does not allow what NSS asks of its key", Name(c)), map[Client]string{NSS: "Certificate key usage inadequate for attempted operation"}})
		}
		if c.KeyUsage&x509.KeyUsageDataEncipherment != 0 {
			add(Defect{certlint.DataEncipherment, c, fmt.Sprintf("the key usage of %s has dataEncipherment, which TLS never needs", Name(c)), map[Client]string{}})
		}
	}
	if ns, ok := pki.Find(c.Extensions, oidNSCertType); ok && len(ns.Value) >= 4 {
		bit, name := byte(0x40), "server"
		if q.Purpose == AsClient {
			bit, name = 0x80, "client"
		}
		if ns.Value[3]&bit == 0 {
			add(Defect{certlint.NSCertType, c, fmt.Sprintf("nsCertType of %s leaves out %s", Name(c), name), map[Client]string{
				OpenSSL: "unsuitable certificate purpose (26)", Strict: "unsuitable certificate purpose (26)", Node: "INVALID_PURPOSE",
				Java: "Netscape cert type does not permit use for SSL " + name,
			}})
		}
	}
}

// nssRefuses: NSS wants keyEncipherment of a server's RSA key whatever the
// handshake, digitalSignature or keyAgreement of an EC key, and
// digitalSignature of a client.
func nssRefuses(c *x509.Certificate, p Purpose) bool {
	ok := x509.KeyUsageDigitalSignature
	if p == Server {
		ok |= x509.KeyUsageKeyAgreement
		if _, rsa := c.PublicKey.(*rsa.PublicKey); rsa {
			ok = x509.KeyUsageKeyEncipherment
		}
	}
	return c.KeyUsage&ok == 0
}

// common judges what holds for every certificate of a chain.
func common(chain Chain, i int, add func(Defect)) {
	c := chain[i]
	root := i == len(chain)-1
	if n := c.SerialNumber; n.Sign() <= 0 || len(n.Bytes()) > 20 || n.BitLen() > 159 {
		add(Defect{certlint.BadSerial, c, fmt.Sprintf("the serial number of %s is not positive or longer than 20 bytes", Name(c)), map[Client]string{PyCA: "certificate serial number must be between 1 and 20 octets"}})
	}
	if len(c.UnhandledCriticalExtensions) > 0 && !root {
		add(Defect{certlint.UnknownCritical, c, fmt.Sprintf("%s has a critical extension %v that no client knows", Name(c), c.UnhandledCriticalExtensions[0]), all("unhandled critical extension")})
	}
	keyType(c, i, add)
	if !root {
		switch c.SignatureAlgorithm {
		case x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.DSAWithSHA1:
			add(Defect{certlint.WeakDigest, c, fmt.Sprintf("%s is signed with SHA-1", Name(c)), map[Client]string{
				Go: "x509: cannot verify signature: insecure algorithm SHA1", OpenSSL: "CA signature digest algorithm too weak (68)", Strict: "CA signature digest algorithm too weak (68)",
				Node: "CA_MD_TOO_WEAK", GnuTLS: "insecure algorithm", PyCA: "forbidden signature algorithm",
			}})
		case x509.UnknownSignatureAlgorithm:
			unknownSignature(c, chain[i+1], add)
		case x509.MD5WithRSA, x509.MD2WithRSA:
			add(Defect{certlint.WeakDigest, c, fmt.Sprintf("%s is signed with MD5", Name(c)), all("insecure signature algorithm")})
		}
	}
}
