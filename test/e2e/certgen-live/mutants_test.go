package certgenlive

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// mutant describes one chain: a good one, and what is wrong with it.
type mutant struct {
	name string
	// key is the leaf's: "rsa", "rsa1024", "ec", "p224", "p521", "ed25519".
	key string

	caNoKU, caBCNotCritical, caNoBC, caNoCertSign, caNoSKI bool
	intermediate, rootPathLen0                             bool
	// caEKU are extended usages of the CA, or of the intermediate.
	caEKU []asn1.ObjectIdentifier
	// ipAsDNS has the address among the DNS names alone.
	ipAsDNS bool

	leafKU                           x509.KeyUsage
	noKU, noAKI, noSKI, noSAN        bool
	eku                              []asn1.ObjectIdentifier
	noEKU, sameDN, isCA, sanCritical bool
	emptySubject, unknownCritical    bool
	nsCertType                       byte
	serial                           *big.Int
	expired, notYet, later           bool
	sha1, otherBytes                 bool
	// bound is a DNS name constraint of the root, or of the intermediate.
	bound string
	host  string
	cn    string
}

var (
	oidServer = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 1}
	oidClient = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 2}
	oidCode   = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 3}
	oidAny    = asn1.ObjectIdentifier{2, 5, 29, 37, 0}
)

// mutants are the certificates that the clients are asked about. Each differs
// from a good one in one thing, or is what a tool's recipe makes.
func mutants() []mutant {
	ds, ke, de, ka, cs := x509.KeyUsageDigitalSignature, x509.KeyUsageKeyEncipherment, x509.KeyUsageDataEncipherment, x509.KeyUsageKeyAgreement, x509.KeyUsageCertSign
	return []mutant{
		{name: "good-ec", key: "ec"},
		{name: "good-rsa", key: "rsa", leafKU: ds | ke},
		{name: "docs-openssl", key: "rsa", caNoKU: true, leafKU: ke | de, eku: []asn1.ObjectIdentifier{oidServer, oidClient}},
		{name: "docs-cfssl", key: "rsa", sameDN: true, noAKI: true, leafKU: ds | ke},
		{name: "docs-easyrsa301", key: "rsa", caBCNotCritical: true, leafKU: ds | ke},
		{name: "ca-no-ku", key: "ec", caNoKU: true},
		{name: "ca-bc-not-critical", key: "ec", caBCNotCritical: true},
		{name: "ca-no-bc", key: "ec", caNoBC: true},
		{name: "ca-no-cert-sign", key: "ec", caNoCertSign: true},
		{name: "ca-no-ski", key: "ec", caNoSKI: true},
		{name: "intermediate", key: "ec", intermediate: true},
		{name: "intermediate-no-ku", key: "ec", intermediate: true, caNoKU: true},
		{name: "intermediate-bc-not-critical", key: "ec", intermediate: true, caBCNotCritical: true},
		{name: "intermediate-no-bc", key: "ec", intermediate: true, caNoBC: true},
		{name: "intermediate-no-cert-sign", key: "ec", intermediate: true, caNoCertSign: true},
		{name: "intermediate-no-ski", key: "ec", intermediate: true, caNoSKI: true},
		{name: "no-bc-no-ku", key: "ec", caNoBC: true, caNoKU: true},
		{name: "pathlen", key: "ec", intermediate: true, rootPathLen0: true},
		{name: "root-eku-client", key: "ec", caEKU: []asn1.ObjectIdentifier{oidClient}},
		{name: "intermediate-eku-client", key: "ec", intermediate: true, caEKU: []asn1.ObjectIdentifier{oidClient}},
		{name: "intermediate-eku-server", key: "ec", intermediate: true, caEKU: []asn1.ObjectIdentifier{oidServer}},
		{name: "intermediate-eku-any", key: "ec", intermediate: true, caEKU: []asn1.ObjectIdentifier{oidAny}},
		{name: "root-eku-any", key: "ec", caEKU: []asn1.ObjectIdentifier{oidAny}},
		{name: "intermediate-eku-other", key: "ec", intermediate: true, caEKU: []asn1.ObjectIdentifier{oidCode}},
		{name: "root-eku-other", key: "ec", caEKU: []asn1.ObjectIdentifier{oidCode}},
		{name: "no-aki", key: "ec", noAKI: true},
		{name: "same-dn-with-aki", key: "ec", sameDN: true},
		{name: "ku-key-encipherment", key: "rsa", leafKU: ke},
		{name: "ku-key-agreement", key: "ec", leafKU: ka},
		{name: "ku-data-encipherment", key: "rsa", leafKU: de},
		{name: "ku-signature-rsa", key: "rsa", leafKU: ds},
		{name: "no-ku", key: "ec", noKU: true},
		{name: "ku-cert-sign", key: "ec", leafKU: ds | cs},
		{name: "leaf-is-ca", key: "ec", isCA: true, leafKU: ds | cs},
		{name: "eku-client-only", key: "ec", eku: []asn1.ObjectIdentifier{oidClient}},
		{name: "eku-any", key: "ec", eku: []asn1.ObjectIdentifier{oidAny}},
		{name: "no-eku", key: "ec", noEKU: true},
		{name: "ns-client", key: "ec", nsCertType: 0x80},
		{name: "no-san", key: "ec", noSAN: true, cn: "localhost", host: "localhost"},
		{name: "wrong-host", key: "ec", host: "::1"},
		{name: "ip-as-dns", key: "ec", ipAsDNS: true},
		{name: "san-critical", key: "ec", sanCritical: true},
		{name: "empty-subject", key: "ec", emptySubject: true},
		{name: "empty-subject-critical", key: "ec", emptySubject: true, sanCritical: true},
		{name: "unknown-critical", key: "ec", unknownCritical: true},
		{name: "rsa-1024", key: "rsa1024", leafKU: ds | ke},
		{name: "p224", key: "p224"},
		{name: "p521", key: "p521"},
		{name: "ed25519", key: "ed25519"},
		{name: "sha1", key: "rsa", leafKU: ds | ke, sha1: true},
		{name: "expired", key: "ec", expired: true},
		{name: "not-yet", key: "ec", notYet: true},
		{name: "not-yet-for-long", key: "ec", notYet: true, later: true},
		{name: "no-aki-no-ski-same-dn-ec", key: "ec", sameDN: true, noSKI: true},
		{name: "rsa-1024-ca-2048", key: "rsa1024", leafKU: ke},
		{name: "san-critical-empty", key: "rsa", leafKU: ds | ke, emptySubject: true, sanCritical: true},
		{name: "server-and-client", key: "rsa", leafKU: ds | ke, eku: []asn1.ObjectIdentifier{oidServer, oidClient}},
		{name: "long-serial", key: "ec", serial: new(big.Int).Lsh(big.NewInt(1), 170)},
		{name: "name-encoding", key: "ec", otherBytes: true},
		{name: "constraint", key: "ec", bound: "localhost"},
		{name: "constraint-other", key: "ec", bound: "example.com"},
		{name: "constraint-dot", key: "ec", bound: ".example.com"},
		{name: "constraint-intermediate", key: "ec", bound: "example.com", intermediate: true},
	}
}

func ext(oid asn1.ObjectIdentifier, critical bool, v any) pkix.Extension {
	return pkix.Extension{Id: oid, Critical: critical, Value: must(asn1.Marshal(v))}
}

func kuExt(ku x509.KeyUsage) pkix.Extension {
	var b byte
	for bit := range 8 {
		if ku&(1<<bit) != 0 {
			b |= 0x80 >> bit
		}
	}
	n := 8
	for n > 0 && b&(0x80>>(n-1)) == 0 {
		n--
	}
	return ext(asn1.ObjectIdentifier{2, 5, 29, 15}, true, asn1.BitString{Bytes: []byte{b}, BitLength: n})
}

func bcExt(ca bool, pathLen int, critical bool) pkix.Extension {
	type bc struct {
		CA  bool `asn1:"optional"`
		Len int  `asn1:"optional,default:-1"`
	}
	return ext(asn1.ObjectIdentifier{2, 5, 29, 19}, critical, bc{ca, pathLen})
}

func keyID(pub crypto.PublicKey) []byte {
	s := sha1.Sum(must(x509.MarshalPKIXPublicKey(pub)))
	return s[:]
}

func newKey(kind string) crypto.Signer {
	switch kind {
	case "rsa":
		return must(rsa.GenerateKey(rand.Reader, 2048))
	case "rsa1024":
		return must(rsa.GenerateKey(rand.Reader, 1024))
	case "p224":
		return must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader))
	case "p521":
		return must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))
	case "ed25519":
		_, k, err := ed25519.GenerateKey(rand.Reader)
		return must(k, err)
	}
	return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
}

// rawName encodes CN=cn as UTF8String or PrintableString.
func rawName(cn string, utf8 bool) []byte {
	if cn == "" {
		return []byte{0x30, 0}
	}
	tag := asn1.TagPrintableString
	if utf8 {
		tag = asn1.TagUTF8String
	}
	type atv struct {
		Type  asn1.ObjectIdentifier
		Value asn1.RawValue
	}
	type rdnSET []atv
	return must(asn1.Marshal([]rdnSET{{{asn1.ObjectIdentifier{2, 5, 4, 3}, asn1.RawValue{Tag: tag, Bytes: []byte(cn)}}}}))
}

type made struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func sign(t testing.TB, subject []byte, exts []pkix.Extension, key crypto.Signer, by *made, edit func(*x509.Certificate)) *made {
	t.Helper()
	now := time.Now()
	tmpl := &x509.Certificate{
		SerialNumber: must(rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))), RawSubject: subject,
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(30 * 24 * time.Hour), ExtraExtensions: exts,
	}
	tmpl.SerialNumber.SetBit(tmpl.SerialNumber, 119, 1)
	if edit != nil {
		edit(tmpl)
	}
	parent, signer := &x509.Certificate{RawSubject: subject}, key
	if by != nil {
		parent, signer = &x509.Certificate{RawSubject: by.cert.RawSubject}, by.key
	}
	parent.PublicKey = signer.Public()
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &made{c, key}
}

// make writes ca.crt, server.crt (with the intermediate) and server.key.
func (m mutant) make(t testing.TB, dir string) {
	t.Helper()
	caKind := "ec"
	if m.key == "rsa" || m.key == "rsa1024" {
		caKind = "rsa"
	}
	authority := func(cn string, by *made, plain bool, pathLen int) *made {
		key := newKey(caKind)
		var exts []pkix.Extension
		if plain || !m.caNoBC {
			exts = append(exts, bcExt(true, pathLen, plain || !m.caBCNotCritical))
		}
		switch {
		case !plain && m.caNoKU:
		case !plain && m.caNoCertSign:
			exts = append(exts, kuExt(x509.KeyUsageDigitalSignature))
		default:
			exts = append(exts, kuExt(x509.KeyUsageCertSign|x509.KeyUsageCRLSign))
		}
		if plain || !m.caNoSKI {
			exts = append(exts, ext(asn1.ObjectIdentifier{2, 5, 29, 14}, false, keyID(key.Public())))
		}
		if by != nil {
			exts = append(exts, akiExt(by))
		}
		if !plain && m.caEKU != nil {
			exts = append(exts, ext(asn1.ObjectIdentifier{2, 5, 29, 37}, false, m.caEKU))
		}
		return sign(t, rawName(cn, false), exts, key, by, func(c *x509.Certificate) {
			if m.bound != "" && !plain {
				c.PermittedDNSDomainsCritical, c.PermittedDNSDomains = true, []string{m.bound}
			}
		})
	}
	rootLen := -1
	if m.rootPathLen0 {
		rootLen = 0
	}
	root := authority("mutant-ca", nil, m.intermediate, rootLen)
	issuer := root
	if m.intermediate {
		issuer = authority("mutant-intermediate", root, false, -1)
	}
	key := newKey(m.key)
	exts := []pkix.Extension{bcExt(m.isCA, -1, true)}
	if !m.noKU {
		ku := m.leafKU
		if ku == 0 {
			ku = x509.KeyUsageDigitalSignature
		}
		exts = append(exts, kuExt(ku))
	}
	if !m.noEKU {
		eku := m.eku
		if eku == nil {
			eku = []asn1.ObjectIdentifier{oidServer}
		}
		exts = append(exts, ext(asn1.ObjectIdentifier{2, 5, 29, 37}, false, eku))
	}
	if !m.noSKI {
		exts = append(exts, ext(asn1.ObjectIdentifier{2, 5, 29, 14}, false, keyID(key.Public())))
	}
	if !m.noAKI {
		exts = append(exts, akiExt(issuer))
	}
	if !m.noSAN {
		names := []asn1.RawValue{
			{Class: asn1.ClassContextSpecific, Tag: 2, Bytes: []byte("localhost")},
			{Class: asn1.ClassContextSpecific, Tag: 7, Bytes: net.ParseIP("127.0.0.1").To4()},
		}
		if m.ipAsDNS {
			names[1] = asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 2, Bytes: []byte("127.0.0.1")}
		}
		exts = append(exts, ext(asn1.ObjectIdentifier{2, 5, 29, 17}, m.sanCritical, names))
	}
	if m.nsCertType != 0 {
		exts = append(exts, ext(asn1.ObjectIdentifier{2, 16, 840, 1, 113730, 1, 1}, false, asn1.BitString{Bytes: []byte{m.nsCertType}, BitLength: 1}))
	}
	if m.unknownCritical {
		exts = append(exts, ext(asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}, true, "x"))
	}
	cn := m.cn
	switch {
	case m.sameDN:
		cn = "mutant-ca"
	case cn == "" && !m.emptySubject:
		cn = "mutant"
	}
	by := issuer
	if m.otherBytes {
		c := *issuer.cert
		c.RawSubject = rawName(issuer.cert.Subject.CommonName, true)
		by = &made{&c, issuer.key}
	}
	leaf := sign(t, rawName(cn, false), exts, key, by, func(c *x509.Certificate) {
		if m.serial != nil {
			c.SerialNumber = m.serial
		}
		if m.expired {
			c.NotBefore, c.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour)
		}
		if m.notYet {
			c.NotBefore = time.Now().Add(12 * time.Hour)
			if m.later {
				c.NotBefore = time.Now().Add(72 * time.Hour)
			}
		}
		if m.sha1 {
			c.SignatureAlgorithm = x509.SHA1WithRSA
		}
	})
	write(t, dir, "ca.crt", pemOf("CERTIFICATE", root.cert.Raw))
	chain := pemOf("CERTIFICATE", leaf.cert.Raw)
	if m.intermediate {
		chain = append(chain, pemOf("CERTIFICATE", issuer.cert.Raw)...)
		write(t, dir, "intermediate.crt", pemOf("CERTIFICATE", issuer.cert.Raw))
	}
	write(t, dir, "server.crt", chain)
	write(t, dir, "server.key", pemOf("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(key))))
}

func akiExt(by *made) pkix.Extension {
	type aki struct {
		ID []byte `asn1:"optional,tag:0"`
	}
	return ext(asn1.ObjectIdentifier{2, 5, 29, 35}, false, aki{keyID(by.key.Public())})
}

func pemOf(label string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})
}

func write(t testing.TB, dir, name string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}
