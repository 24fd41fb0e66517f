package serving

import (
	"crypto/ecdsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/certtest"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/inspect"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var now = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

// cert is issued some days before now.
func cert(t *testing.T, k *ecdsa.PrivateKey, cn string, daysAgo int, usage x509.ExtKeyUsage, names ...string) *x509.Certificate {
	t.Helper()
	at := now.Add(-time.Duration(daysAgo) * 24 * time.Hour)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(int64(daysAgo + 1)), Subject: pkix.Name{CommonName: cn}, NotBefore: at, NotAfter: at.AddDate(1, 0, 0),
		DNSNames: names, ExtKeyUsage: []x509.ExtKeyUsage{usage}}
	return certtest.Sign(t, tmpl, tmpl, k.Public(), k)
}

func TestJudge(t *testing.T) {
	k, k2 := certtest.Key(t), certtest.Key(t)
	server, client := x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth
	old := cert(t, k, "kube-apiserver", 360, server, "cp1", "kubernetes")
	served := inspect.Item{Kind: inspect.Certificate, Source: "apiserver 10.0.0.1:6443", Cert: old, Served: true}
	file := func(c *x509.Certificate, path string) inspect.Item {
		return inspect.Item{Kind: inspect.Certificate, Source: path, Cert: c}
	}
	for name, c := range map[string]struct {
		stored []inspect.Item
		want   finding.Severity
		words  string
	}{
		"the same":                          {[]inspect.Item{file(old, "apiserver.crt")}, "", ""},
		"renewed for the key":               {[]inspect.Item{file(cert(t, k, "kube-apiserver", 1, server, "cp1", "kubernetes"), "apiserver.crt")}, finding.Error, "apiserver.crt (issued 2026-05-31"},
		"renewed with a new key":            {[]inspect.Item{file(cert(t, k2, "kube-apiserver", 1, server, "cp1", "kubernetes"), "apiserver.crt")}, finding.Error, "is not in use"},
		"a name added, new key":             {[]inspect.Item{file(cert(t, k2, "kube-apiserver", 1, server, "cp1", "kubernetes", "api.example.org"), "apiserver.crt")}, finding.Error, ""},
		"another control plane's":           {[]inspect.Item{file(cert(t, k2, "kube-apiserver", 1, server, "cp2", "kubernetes"), "apiserver.crt")}, "", ""},
		"an older copy":                     {[]inspect.Item{file(cert(t, k, "kube-apiserver", 700, server, "cp1", "kubernetes"), "copy/apiserver.crt")}, finding.Warning, "is older than"},
		"kept aside":                        {[]inspect.Item{file(old, "apiserver.crt"), file(cert(t, k, "kube-apiserver", 1, server, "cp1", "kubernetes"), "apiserver.crt.before-rotation")}, "", ""},
		"made ready elsewhere":              {[]inspect.Item{file(old, "apiserver.crt"), file(cert(t, k, "kube-apiserver", 1, server, "cp1", "kubernetes"), "new/apiserver.crt")}, finding.Warning, "new/apiserver.crt"},
		"a client's certificate of the key": {[]inspect.Item{file(cert(t, k, "kube-apiserver", 1, client), "client.crt")}, "", ""},
	} {
		got := Judge(append([]inspect.Item{served}, c.stored...), now)
		switch {
		case c.want == "" && len(got) == 0:
		case c.want == "" || len(got) != 1 || got[0].ID != "CG114" || got[0].Severity != c.want || !strings.Contains(got[0].Message, c.words):
			t.Errorf("%s: %+v", name, got)
		}
	}
}
