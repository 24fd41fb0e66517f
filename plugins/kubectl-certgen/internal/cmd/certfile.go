package cmd

import (
	"bytes"
	"crypto/rsa"
	"fmt"
	"os"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/access"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/certlint"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/inspect"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/verify"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// certFile is a file of certificates that lint judges.
type certFile struct {
	name  string
	items []inspect.Item
}

// isCertData says whether a file claims to hold certificates: PEM that begins
// with its marker (after the text that openssl and easyrsa write in front), or
// DER.
func isCertData(data []byte) bool {
	trim := bytes.TrimPrefix(bytes.TrimSpace(data), []byte("\xef\xbb\xbf"))
	for _, p := range []string{"-----BEGIN ", "Certificate:\n", "Bag Attributes"} {
		if bytes.HasPrefix(trim, []byte(p)) {
			return true
		}
	}
	return len(trim) > 4 && trim[0] == 0x30 && trim[1] >= 0x80
}

func parseCertFile(name string, data []byte) (certFile, error) {
	items, err := inspect.Bytes(name, data, inspect.Options{})
	if err != nil {
		return certFile{}, cli.Usagef("%s: %w", name, err)
	}
	return certFile{name, items}, nil
}

// certIssues judges the certificates of the set. Leaves are held against the
// CAs of the set and those that lie beside them; without a CA the chain is not
// asked about.
func (s *lintSet) certIssues(now time.Time) []certlint.Issue {
	var out []certlint.Issue
	var all []inspect.Item
	for _, f := range s.certs {
		all = append(all, f.items...)
	}
	pool := inspect.Certificates(all)
	for _, f := range s.certs {
		for i := range f.items {
			it := &f.items[i]
			if it.Request != nil {
				out = append(out, certlint.Request(f.name, it.Request)...)
			}
			if it.Kind == inspect.Key {
				out = append(out, keyIssues(f.name, it)...)
			}
			if it.Cert == nil || it.Intermediate {
				continue
			}
			var res *verify.Result
			if it.Cert.IsCA && it.Cert.BasicConstraintsValid {
				res = verify.CheckAuthority(it.Cert, now)
			} else {
				roots := caBeside(f.name)
				for _, c := range pool {
					if c.IsCA && !c.Equal(it.Cert) {
						roots = append(roots, c)
					}
				}
				res = verify.Check(verify.Request{Leaf: it.Cert, Pool: pool, Roots: roots, Purpose: verify.PurposeOf(it.Cert), Now: now})
			}
			for _, d := range res.Defects {
				if d.Rule.ID == certlint.NoIssuer.ID || !d.Cert.Equal(it.Cert) {
					continue // the CA is judged where it lies
				}
				is := certlint.Issue{Finding: d.Rule.New(finding.Subject{Kind: "File", Name: f.name}, d.Message)}
				if it.Index > 0 {
					is.Subject.Path = it.Where()
				}
				if len(d.Rejects) == 0 && is.Severity == finding.Error {
					is.Severity = finding.Warning
				}
				for _, c := range verify.Clients {
					if w := d.Rejects[c]; w != "" {
						is.Evidence = append(is.Evidence, c.Title()+": "+w)
					}
				}
				out = append(out, is)
			}
		}
	}
	return out
}

// keyIssues judges a private key's file.
func keyIssues(name string, it *inspect.Item) []certlint.Issue {
	var out []certlint.Issue
	sub := finding.Subject{Kind: "File", Name: name}
	if st, err := os.Stat(name); err == nil {
		if mode := access.Mode(name, st); mode&0o077 != 0 {
			out = append(out, certlint.Issue{Finding: certlint.LooseMode.New(sub, fmt.Sprintf("the key can be read by others (%04o)", mode))})
		}
	}
	if k, ok := it.PublicKey().(*rsa.PublicKey); ok && k.N.BitLen() < 2048 {
		out = append(out, certlint.Issue{Finding: certlint.WeakKey.New(sub, fmt.Sprintf("an RSA key of %d bits: clients refuse less than 2048", k.N.BitLen()))})
	}
	return out
}
