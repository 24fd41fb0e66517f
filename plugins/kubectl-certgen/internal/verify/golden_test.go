package verify

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/certlint"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
)

// What the real clients said about the certificates that the handbook's
// commands and kubeadm make (testdata of package profile; the clients were
// asked by hand, and are asked again about equal certificates in
// test/e2e/certgen-live).
var matrix = map[string][]Client{
	"openssl":    {Strict, PyCA, GnuTLS, Java},
	"cfssl":      {OpenSSL, Strict, PyCA, NSS, Node},
	"easyrsa301": {Strict, PyCA},
	"easyrsa326": nil,
	"kubeadm":    nil,
	"kubeadm-ec": nil,
}

func TestGoldenMatrix(t *testing.T) {
	for name, want := range matrix {
		dir := filepath.Join("testdata", "golden", name)
		read := func(f string) []byte {
			b, err := os.ReadFile(filepath.Join(dir, f))
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		ca, err := pki.ParseCerts(read("ca.crt"))
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := pki.ParseCerts(read("server.crt"))
		if err != nil {
			t.Fatal(err)
		}
		res := Check(Request{Leaf: leaf[0], Roots: ca, Purpose: Server, Hosts: []string{"203.0.113.10", "kubernetes.default.svc"}, Now: leaf[0].NotBefore.Add(time.Hour)})
		if got := res.Rejecting(); !slices.Equal(got, want) {
			t.Errorf("%s: rejected by %v, and really by %v", name, got, want)
			for _, d := range res.Defects {
				t.Logf("%s %s %v", d.Rule.ID, d.Message, d.Rejects)
			}
		}
		if len(res.Chain) != 2 {
			t.Errorf("%s: a chain of %d", name, len(res.Chain))
		}
		// A day after its end nobody takes it.
		late := Check(Request{Leaf: leaf[0], Roots: ca, Purpose: Server, Now: leaf[0].NotAfter.Add(24 * time.Hour)})
		if len(late.Rejecting()) != len(Clients) {
			t.Errorf("%s: expired and accepted by %v", name, late.Accepting())
		}
		// Without its CA neither.
		alone := Check(Request{Leaf: leaf[0], Purpose: Server, Now: leaf[0].NotBefore.Add(time.Hour)})
		if len(alone.Rejecting()) != len(Clients) || !hasRule(alone, certlint.NoIssuer.ID) {
			t.Errorf("%s: no CA, and accepted by %v", name, alone.Accepting())
		}
		other := Check(Request{Leaf: leaf[0], Roots: ca, Purpose: Server, Hosts: []string{"203.0.113.11"}, Now: leaf[0].NotBefore.Add(time.Hour)})
		if !hasRule(other, certlint.WrongName.ID) {
			t.Errorf("%s: an address that is not its own goes unnoticed", name)
		}
	}
}

func hasRule(r *Result, id string) bool {
	return slices.ContainsFunc(r.Defects, func(d Defect) bool { return d.Rule.ID == id })
}

// Every defect that rejects names who, and every rule is registered.
func TestRulesOfDefectsAreRegistered(t *testing.T) {
	known := map[string]bool{}
	for _, r := range certlint.Rules() {
		known[r.ID] = true
	}
	for _, r := range certlint.CertRules() {
		if !known[r.ID] {
			t.Errorf("%s is in no registry", r.ID)
		}
	}
}
