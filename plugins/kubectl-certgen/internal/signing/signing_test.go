package signing

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/profile"
)

func request(t *testing.T, spec pki.KeySpec, subject pki.Name, exts ...pkix.Extension) *x509.CertificateRequest {
	t.Helper()
	key, err := pki.GenerateKey(spec)
	if err != nil {
		t.Fatal(err)
	}
	der, err := subject.Encode(pki.PrintableOrUTF8)
	if err != nil {
		t.Fatal(err)
	}
	r, err := pki.CreateRequest(der, exts, key)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func names(t *testing.T, list ...pki.GeneralName) pkix.Extension {
	t.Helper()
	e, err := pki.SubjectAltName(list, false)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestJudge(t *testing.T) {
	cn := pki.Name{{Type: "CN", Value: "x"}}
	good := pki.GeneralName{Kind: pki.DNS, Value: "a.example.org"}
	bad := pki.GeneralName{Kind: pki.DNS, Value: "10.0.0.1"}
	for name, tc := range map[string]struct {
		spec    pki.KeySpec
		subject pki.Name
		exts    []pkix.Extension
		policy  Policy
		purpose profile.Purpose
		names   int
		refused string // all refused values
		err     string
	}{
		"plain server":        {exts: []pkix.Extension{names(t, good)}, purpose: profile.Server, names: 1},
		"plain client":        {purpose: profile.Client},
		"both usages":         {exts: []pkix.Extension{names(t, good), pki.ExtKeyUsage(false, pki.OIDServerAuth, pki.OIDClientAuth)}, purpose: profile.Peer, names: 1},
		"a name that is none": {exts: []pkix.Extension{names(t, good, bad)}, purpose: profile.Server, names: 1, refused: "DNS:10.0.0.1"},
		"not on the list": {exts: []pkix.Extension{names(t, good, pki.GeneralName{Kind: pki.IP, Value: "10.0.0.1"})},
			policy: Policy{Only: []pki.GeneralName{good}}, purpose: profile.Server, names: 1, refused: "IP:10.0.0.1"},
		"usage beyond the purpose": {exts: []pkix.Extension{names(t, good), pki.ExtKeyUsage(false, pki.OIDServerAuth, asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 3})},
			policy: Policy{Purpose: profile.Server}, purpose: profile.Server, names: 1, refused: "code signing"},
		"a CA":          {exts: []pkix.Extension{names(t, good), pki.BasicConstraints(true, -1, true)}, purpose: profile.Server, names: 1, refused: "yes"},
		"a CA, allowed": {exts: []pkix.Extension{pki.BasicConstraints(true, -1, true), pki.KeyUsage(x509.KeyUsageCertSign, true)}, policy: Policy{CA: true}},
		"a CA's names":  {exts: []pkix.Extension{names(t, good), pki.BasicConstraints(true, 0, true)}, policy: Policy{CA: true}, refused: "DNS:a.example.org"},
		"enciphering with an EC key": {exts: []pkix.Extension{names(t, good), pki.KeyUsage(x509.KeyUsageDigitalSignature|x509.KeyUsageKeyEncipherment, true)},
			purpose: profile.Server, names: 1, refused: "key encipherment"},
		"enciphering with an RSA key": {spec: pki.RSA2048, exts: []pkix.Extension{names(t, good), pki.KeyUsage(x509.KeyUsageDigitalSignature|x509.KeyUsageKeyEncipherment, true)},
			purpose: profile.Server, names: 1},
		"another extension":       {exts: []pkix.Extension{names(t, good), {Id: asn1.ObjectIdentifier{1, 2, 3}, Value: []byte{5, 0}}}, purpose: profile.Server, names: 1, refused: "1.2.3"},
		"masters":                 {subject: pki.Name{{Type: "O", Value: "system:masters"}, {Type: "CN", Value: "x"}}, err: "system:masters"},
		"masters, allowed":        {subject: pki.Name{{Type: "O", Value: "system:masters"}, {Type: "CN", Value: "x"}}, policy: Policy{Privileged: true}, purpose: profile.Client},
		"a server without a name": {exts: []pkix.Extension{names(t, bad)}, policy: Policy{Purpose: profile.Server}, err: "needs a name"},
	} {
		if tc.spec == "" {
			tc.spec = pki.ECDSAP256
		}
		if tc.subject == nil {
			tc.subject = cn
		}
		d, err := Judge(request(t, tc.spec, tc.subject, tc.exts...), tc.policy)
		if tc.err != "" {
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%s: %v, want an error with %q", name, err, tc.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var refused []string
		for _, l := range d.Lines {
			if !l.Granted {
				refused = append(refused, l.Value)
				if l.Why == "" {
					t.Errorf("%s: %s refused without a reason", name, l.Value)
				}
			}
		}
		if got := strings.Join(refused, " "); got != tc.refused || d.Refused() != len(refused) {
			t.Errorf("%s: refused %q, want %q", name, got, tc.refused)
		}
		if d.Purpose != tc.purpose || len(d.Names) != tc.names {
			t.Errorf("%s: purpose %q, names %v", name, d.Purpose, d.Names)
		}
	}
}
