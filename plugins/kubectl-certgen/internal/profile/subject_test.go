package profile

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
)

// Without a subject the names are the identity, and OpenSSL's strict mode, Java
// and pyca want them critical; with one pyca wants them not.
func TestNamesAreCriticalWithoutSubject(t *testing.T) {
	key, err := pki.GenerateKey(pki.ECDSAP256)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"default", "openssl", "easyrsa", "cfssl", "kubeadm"} {
		p, err := Get(name)
		if err != nil {
			t.Fatal(err)
		}
		ca, err := p.NewCA(CARequest{Subject: pki.Name{{Type: "CN", Value: "ca"}}, Key: key, PathLen: -1, Now: time.Now(), Rand: rand.Reader})
		if err != nil {
			t.Fatal(err)
		}
		for critical, subject := range map[bool]pki.Name{true: nil, false: {{Type: "CN", Value: "api"}}} {
			leaf, _, err := p.Leaf(ca, LeafRequest{Purpose: Server, Subject: subject, PublicKey: key.Public(),
				Names: []pki.GeneralName{{Kind: pki.DNS, Value: "api.example.com"}}, Now: time.Now(), Rand: rand.Reader})
			if err != nil {
				t.Fatal(err)
			}
			if e, ok := pki.Find(leaf.Extensions, pki.OIDSubjectAltName); !ok || e.Critical != critical {
				t.Errorf("%s, subject %v: names critical=%v, want %v", name, subject, e.Critical, critical)
			}
		}
	}
}
