package convert

import (
	"crypto/x509"
	"slices"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/layout"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/store"
)

// apiServer is what kubeadm calls the API server's certificate.
const apiServer = "apiserver"

// namesFile keeps, in a kubeadm folder, what its pairs were called before, so
// that converting back gives them their names again: lines "NEW OLD".
const namesFile = history + "/names"

// isAPIServer says whether the pair "server" is what kubeadm calls apiserver:
// a request, or a certificate for the kubernetes Service. Another server's
// keeps its name, and so does one beside an apiserver.
func (c *carrier) isAPIServer(cert *x509.Certificate) bool {
	if c.src.Has(c.src.Exactly(apiServer).Cert) {
		return false
	}
	return cert == nil || slices.ContainsFunc(cert.DNSNames, func(n string) bool { return n == "kubernetes" || strings.HasPrefix(n, "kubernetes.default") })
}

func (c *carrier) readNames() error {
	if c.src.Kind != layout.Kubeadm || c.kid != "" {
		return nil
	}
	data, err := c.read(namesFile)
	for l := range strings.Lines(string(data)) {
		// A hand may have written there; a name that is none is passed over.
		if f := strings.Fields(l); len(f) == 2 && layout.CheckName(f[0]) == nil && layout.CheckName(f[1]) == nil {
			c.names[f[0]] = f[1]
		}
	}
	return err
}

func (c *carrier) writeNames() error {
	if c.dst.Kind != layout.Kubeadm || c.kid != "" || len(c.names) == 0 {
		return nil
	}
	var b strings.Builder
	for now, was := range c.names { // one at most
		b.WriteString(now + " " + was + "\n")
	}
	return c.put(namesFile, []byte(b.String()), store.PublicMode)
}
