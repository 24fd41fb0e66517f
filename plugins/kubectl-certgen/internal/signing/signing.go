// Package signing decides what a certificate request gets. A request is a wish
// by whoever made it: the signer grants the names it can check, the usages that
// the chosen purpose has, and nothing that would make the bearer more than it
// is meant to be.
package signing

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/profile"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/san"
)

// Policy is what the signer allows.
type Policy struct {
	// Purpose is "" where the request decides.
	Purpose profile.Purpose
	// CA allows a CA, with at most PathLen CAs below it.
	CA      bool
	PathLen int
	// Only are the names that may be granted; nil is all that are asked for.
	Only []pki.GeneralName
	// Subject replaces the one asked for.
	Subject pki.Name
	// Privileged allows groups that bypass all authorisation.
	Privileged bool
}

// Decision is what becomes of a request.
type Decision struct {
	Purpose profile.Purpose
	CA      bool
	Subject pki.Name
	// RawSubject is the subject as it stands in the request, where it was not
	// replaced.
	RawSubject []byte
	Names      []pki.GeneralName
	// Lines are what was asked, in the order of the request.
	Lines []Line
}

// Line is one thing that a request asks for.
type Line struct {
	// What is "subject", "name", "usage", "CA", "extension" or "key".
	What  string `json:"what"`
	Value string `json:"value"`
	// Granted says whether it stands in the certificate; Why says why not, or
	// what to know about it.
	Granted bool   `json:"granted"`
	Why     string `json:"why,omitempty"`
}

// Refused counts the lines that were not granted.
func (d *Decision) Refused() int {
	n := 0
	for _, l := range d.Lines {
		if !l.Granted {
			n++
		}
	}
	return n
}

// Judge decides. An error says that there is nothing to sign at all.
func Judge(req *x509.CertificateRequest, p Policy) (*Decision, error) {
	d := &Decision{Purpose: p.Purpose, CA: p.CA}
	if err := d.key(req); err != nil {
		return nil, err
	}
	if err := d.subject(req, p); err != nil {
		return nil, err
	}
	d.names(req, p)
	d.usages(req, p)
	d.others(req, p)
	if len(d.Names) == 0 && (d.Purpose == profile.Server || d.Purpose == profile.Peer) && !d.CA {
		return nil, fmt.Errorf("a server's certificate needs a name, and none of the request's is left (--for client signs one without)")
	}
	return d, nil
}

func (d *Decision) add(what, value string, granted bool, why string) {
	d.Lines = append(d.Lines, Line{what, value, granted, why})
}

func (d *Decision) key(req *x509.CertificateRequest) error {
	spec := pki.SpecOf(req.PublicKey)
	var bits int
	if n, _ := fmt.Sscanf(string(spec), "rsa:%d", &bits); n == 1 && bits < 2048 {
		return fmt.Errorf("its key is %s: clients refuse RSA keys of less than 2048 bits", spec.Human())
	}
	switch spec {
	case pki.ECDSAP256, pki.ECDSAP384, "ecdsa:p521", pki.Ed25519:
	default:
		if bits == 0 {
			return fmt.Errorf("its key is %s, which clients do not take", spec.Human())
		}
	}
	d.add("key", spec.Human(), true, "")
	return nil
}

func (d *Decision) subject(req *x509.CertificateRequest, p Policy) error {
	asked, err := pki.DecodeName(req.RawSubject)
	if err != nil {
		return fmt.Errorf("subject: %w", err)
	}
	d.Subject, d.RawSubject = asked, req.RawSubject
	if len(p.Subject) > 0 {
		d.Subject, d.RawSubject = p.Subject, nil
		if asked.String() != p.Subject.String() {
			d.add("subject", asked.String(), false, "--subject gives another")
		}
	}
	if err := d.Subject.Check(); err != nil {
		return fmt.Errorf("subject: %w", err)
	}
	why := ""
	for _, a := range d.Subject {
		if a.Type == "O" && a.Value == "system:masters" {
			if !p.Privileged && !d.CA {
				return fmt.Errorf("it asks for the group system:masters, whose members pass every authorisation and cannot be locked out; --privileged signs it all the same")
			}
			why = "a member of system:masters passes every authorisation"
		}
	}
	d.add("subject", d.Subject.String(), true, why)
	return nil
}

func (d *Decision) names(req *x509.CertificateRequest, p Policy) {
	ext, ok := pki.Find(req.Extensions, pki.OIDSubjectAltName)
	if !ok {
		return
	}
	asked, complete := pki.AltNames(ext)
	for _, n := range asked {
		granted, why := true, ""
		var err error
		switch n.Kind {
		case pki.DNS:
			var v string
			if v, err = san.ParseDNS(n.Value); err == nil && v != n.Value {
				n.Value = v
			}
		case pki.IP:
			_, err = san.ParseIP(n.Value)
		}
		switch {
		case err != nil:
			granted, why = false, strip(err)
		case d.CA:
			granted, why = false, "not for a CA: its certificate is made without names"
		case p.Only != nil && !slices.Contains(p.Only, n):
			granted, why = false, "not among the names given with --ip and --dns"
		case slices.Contains(d.Names, n):
			why = "twice in the request"
		}
		if granted {
			d.Names = san.Add(d.Names, n)
		}
		d.add("name", n.String(), granted, why)
	}
	if !complete {
		d.add("name", "of a kind that is neither DNS, IP, email nor URI", false, "clients of Kubernetes do not look at it")
	}
}

// strip leaves out the name, which stands before the reason in the line.
func strip(err error) string {
	_, rest, ok := strings.Cut(err.Error(), `": `)
	if !ok {
		return err.Error()
	}
	return rest
}

var usageNames = []struct {
	bit  x509.KeyUsage
	name string
}{
	{x509.KeyUsageDigitalSignature, "digital signature"}, {x509.KeyUsageContentCommitment, "content commitment"},
	{x509.KeyUsageKeyEncipherment, "key encipherment"}, {x509.KeyUsageDataEncipherment, "data encipherment"},
	{x509.KeyUsageKeyAgreement, "key agreement"}, {x509.KeyUsageCertSign, "cert sign"}, {x509.KeyUsageCRLSign, "crl sign"},
}

var extUsageNames = map[string]string{
	pki.OIDServerAuth.String(): "server auth", pki.OIDClientAuth.String(): "client auth",
	"1.3.6.1.5.5.7.3.3": "code signing", "1.3.6.1.5.5.7.3.4": "email protection", "1.3.6.1.5.5.7.3.8": "time stamping",
	"1.3.6.1.5.5.7.3.9": "OCSP signing", "2.5.29.37.0": "any",
}

func (d *Decision) usages(req *x509.CertificateRequest, p Policy) {
	var asked []asn1.ObjectIdentifier
	if ext, ok := pki.Find(req.Extensions, pki.OIDExtKeyUsage); ok {
		if _, err := asn1.Unmarshal(ext.Value, &asked); err != nil {
			d.add("usage", "unreadable", false, "the extended key usage is damaged")
		}
	}
	has := func(o asn1.ObjectIdentifier) bool { return slices.ContainsFunc(asked, o.Equal) }
	if d.Purpose == "" && !d.CA {
		switch {
		case has(pki.OIDServerAuth) && has(pki.OIDClientAuth):
			d.Purpose = profile.Peer
		case has(pki.OIDServerAuth):
			d.Purpose = profile.Server
		case has(pki.OIDClientAuth):
			d.Purpose = profile.Client
		case len(d.Names) > 0:
			d.Purpose = profile.Server
		default:
			d.Purpose = profile.Client
		}
	}
	for _, o := range asked {
		name := extUsageNames[o.String()]
		if name == "" {
			name = o.String()
		}
		ok := !d.CA && (d.Purpose == profile.Peer && (o.Equal(pki.OIDServerAuth) || o.Equal(pki.OIDClientAuth)) ||
			d.Purpose == profile.Server && o.Equal(pki.OIDServerAuth) || d.Purpose == profile.Client && o.Equal(pki.OIDClientAuth))
		why := ""
		if !ok {
			why = fmt.Sprintf("not for a %s", d.kind())
		}
		d.add("usage", name, ok, why)
	}
	ext, ok := pki.Find(req.Extensions, pki.OIDKeyUsage)
	if !ok {
		return
	}
	var bits asn1.BitString
	if _, err := asn1.Unmarshal(ext.Value, &bits); err != nil {
		d.add("usage", "unreadable", false, "the key usage is damaged")
		return
	}
	for _, u := range usageNames {
		i := 0
		for 1<<i != int(u.bit) {
			i++
		}
		if bits.At(i) == 0 {
			continue
		}
		granted, why := false, fmt.Sprintf("not for a %s", d.kind())
		switch u.bit {
		case x509.KeyUsageDigitalSignature:
			granted, why = true, ""
		case x509.KeyUsageKeyEncipherment:
			granted, why = pki.SpecOf(req.PublicKey).IsRSA() && !d.CA && d.Purpose != profile.Client, ""
			if !granted {
				why = "for servers with an RSA key (RFC 5280, 4.2.1.12; RFC 8813)"
			}
		case x509.KeyUsageCertSign, x509.KeyUsageCRLSign:
			if granted = d.CA; granted {
				why = ""
			}
		}
		d.add("usage", u.name, granted, why)
	}
}

func (d *Decision) kind() string {
	switch {
	case d.CA:
		return "CA"
	case d.Purpose == profile.Peer:
		return "server and client"
	}
	return string(d.Purpose)
}

func (d *Decision) others(req *x509.CertificateRequest, p Policy) {
	for _, e := range req.Extensions {
		switch {
		case e.Id.Equal(pki.OIDSubjectAltName), e.Id.Equal(pki.OIDKeyUsage), e.Id.Equal(pki.OIDExtKeyUsage):
		case e.Id.Equal(pki.OIDBasicConstraints):
			d.basic(e, p)
		case e.Id.Equal(pki.OIDSubjectKeyID), e.Id.Equal(pki.OIDAuthorityKeyID):
			d.add("extension", "key identifier", true, "the signer's own")
		default:
			d.add("extension", e.Id.String(), false, "extensions are not copied from a request")
		}
	}
}

func (d *Decision) basic(e pkix.Extension, p Policy) {
	var bc struct {
		IsCA    bool `asn1:"optional"`
		PathLen int  `asn1:"optional,default:-1"`
	}
	if _, err := asn1.Unmarshal(e.Value, &bc); err != nil {
		d.add("CA", "unreadable", false, "the basic constraints are damaged")
		return
	}
	switch {
	case !bc.IsCA:
		d.add("CA", "no", true, "")
	case p.CA:
		asked, why := "yes", ""
		if bc.PathLen >= 0 {
			asked = fmt.Sprintf("yes, path length %d", bc.PathLen)
		}
		if bc.PathLen != p.PathLen {
			why = fmt.Sprintf("with path length %d (--path-len)", p.PathLen)
		}
		d.add("CA", asked, true, why)
	default:
		d.add("CA", "yes", false, "it would sign in this CA's name; --for ca allows it")
	}
}
