package cmd

import (
	"bytes"
	"crypto/x509"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/certlint"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

// certFile is a file of certificates that lint judges.
type certFile struct {
	name  string
	data  []byte
	certs []*x509.Certificate
}

// isCertData says whether a file claims to hold certificates: PEM that begins
// with its marker (after the text that openssl and easyrsa write in front), or
// DER.
func isCertData(data []byte) bool {
	trim := bytes.TrimSpace(data)
	if bytes.HasPrefix(trim, []byte("-----BEGIN ")) || bytes.HasPrefix(trim, []byte("Certificate:\n")) || bytes.HasPrefix(trim, []byte("Bag Attributes")) {
		return true
	}
	return len(trim) > 4 && trim[0] == 0x30 && trim[1] >= 0x80
}

func parseCertFile(name string, data []byte) (certFile, error) {
	certs, err := pki.ParseCerts(data)
	if err != nil {
		return certFile{}, cli.Usagef("%s: %w", name, err)
	}
	return certFile{name, data, certs}, nil
}

func (s *lintSet) certIssues(now time.Time) []certlint.Issue {
	_ = now
	return nil
}
