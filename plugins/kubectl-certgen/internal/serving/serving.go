// Package serving compares what servers present with what lies where they read
// it from: files, and the Secrets of a cluster. A certificate that was renewed
// and is not in use yet looks fine on disk and expires on the wire.
package serving

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/certlint"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/inspect"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// Stored looks for the stored certificate that belongs to a served one: same is
// the same one, newest the newest of those that were made for the same server;
// nil where none was seen.
func Stored(served *inspect.Item, items []inspect.Item) (same, newest *inspect.Item) {
	for i := range items {
		it := &items[i]
		if it.Served || it.Cert == nil || it.Kind != inspect.Certificate || it.Intermediate || it.Bundle || keptAside(it.Source) {
			continue
		}
		switch {
		case it.Cert.Equal(served.Cert):
			if same == nil {
				same = it
			}
		case twins(served.Cert, it.Cert) && (newest == nil || it.Cert.NotBefore.After(newest.Cert.NotBefore)):
			newest = it
		}
	}
	return same, newest
}

// keptAside says that a file is an old state by its name.
func keptAside(path string) bool {
	for _, s := range []string{".before-rotation", ".bak", ".old", ".orig", "backup", "history/"} {
		if strings.Contains(path, s) {
			return true
		}
	}
	return false
}

// twins says whether two certificates were made for the same server: for one
// key, or under one name with one set of alternative names, which may have
// grown or shrunk.
func twins(a, b *x509.Certificate) bool {
	if a.IsCA || b.IsCA || slices.Contains(b.ExtKeyUsage, x509.ExtKeyUsageClientAuth) && !slices.Contains(b.ExtKeyUsage, x509.ExtKeyUsageServerAuth) {
		return false
	}
	if pki.SamePublicKey(a.PublicKey, b.PublicKey) {
		return true
	}
	na, nb := names(a), names(b)
	if len(na) == 0 || len(nb) == 0 || !bytes.Equal(a.RawSubject, b.RawSubject) {
		return false
	}
	if a.Subject.CommonName == "" {
		return contains(na, nb) && contains(nb, na)
	}
	return contains(na, nb) || contains(nb, na)
}

func names(c *x509.Certificate) []string {
	out := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		out = append(out, ip.String())
	}
	return out
}

func contains(all, some []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}

// Judge finds the servers that do not serve what is stored for them.
func Judge(items []inspect.Item, now time.Time) []finding.Finding {
	var out []finding.Finding
	for i := range items {
		sv := &items[i]
		if !sv.Served || sv.Intermediate || sv.Cert == nil {
			continue
		}
		same, st := Stored(sv, items)
		if st == nil || same != nil && !newer(st.Cert, sv.Cert) {
			continue
		}
		sub := finding.Subject{Kind: "Certificate", Name: sv.Where()}
		f := certlint.NotServed.New(sub, "")
		f.Evidence = []string{"served: " + describe(sv.Cert), "stored: " + describe(st.Cert) + ", in " + st.Where()}
		if !newer(st.Cert, sv.Cert) {
			f.Severity = finding.Warning
			f.Message = fmt.Sprintf("%s is older than what %s serves (since %s, until %s): a copy from before a renewal, or another server's",
				st.Where(), sv.Source, day(sv.Cert.NotBefore), day(sv.Cert.NotAfter))
			f.Remedy = "look for the certificate that is in use where this server runs"
		} else {
			f.Message = fmt.Sprintf("%s serves the certificate until %s; %s (issued %s, until %s) is not in use", sv.Source, day(sv.Cert.NotAfter), st.Where(), day(st.Cert.NotBefore), day(st.Cert.NotAfter))
			f.Remedy = remedy(sv.Source, st, now)
			if same != nil {
				// It may have been made ready for later.
				f.Severity = finding.Warning
				f.Evidence = append(f.Evidence, "the served one lies in "+same.Where()+" too")
			}
		}
		out = append(out, f)
	}
	return out
}

// newer says whether a was issued after b. Certificates of one second are told
// apart by their end.
func newer(a, b *x509.Certificate) bool {
	if a.NotBefore.Equal(b.NotBefore) {
		return !a.NotAfter.Before(b.NotAfter)
	}
	return a.NotBefore.After(b.NotBefore)
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

func describe(c *x509.Certificate) string {
	return fmt.Sprintf("serial %s, %s to %s", c.SerialNumber.Text(16), day(c.NotBefore), day(c.NotAfter))
}

// remedy says how the stored certificate comes into use. kube-apiserver,
// controller-manager, scheduler and kubelet look at their files once a minute
// (k8s.io/apiserver, dynamiccertificates.FileRefreshDuration), and keep the old
// pair where the new one does not fit together; etcd reads its own for each
// connection.
func remedy(source string, st *inspect.Item, now time.Time) string {
	if st.KeyFile != "" && !st.KeyMatches && !st.KeyEncrypted {
		return "its key " + st.KeyFile + " does not belong to it, so the server keeps the old pair: issue it again for this key"
	}
	if strings.HasPrefix(source, "webhook ") || strings.HasPrefix(source, "apiservice ") || strings.HasPrefix(source, "conversion ") {
		return "the pod has not read its Secret again: kubectl rollout restart its Deployment"
	}
	if now.Sub(st.Cert.NotBefore) < 10*time.Minute && strings.HasPrefix(source, "apiserver") {
		return "wait: kube-apiserver looks at its files once a minute"
	}
	return "restart what listens there, with the files that are stored; if it is kube-apiserver, which looks at them once a minute, this is another host's folder, another path than its --tls-cert-file, or a pair that it refused (its log says why)"
}
