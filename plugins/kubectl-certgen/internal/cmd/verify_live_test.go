package cmd

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The command that is given for names that are missing can be run, and issues
// the certificate with the names that it had and those, whatever the cluster's
// domain and Service network.
func TestReissueHasAllNames(t *testing.T) {
	for name, flags := range map[string][]string{
		"the defaults":    nil,
		"another network": {"--service-cidr", "10.43.0.0/16", "--cluster-domain", "corp.internal"},
		"another subject": {"--subject", "O=Acme, CN=api server's"},
	} {
		dir := filepath.Join(t.TempDir(), "pki")
		if _, errOut, code := plugin(append([]string{"server", "--layout", "kubeadm", "--out", dir, "--ip", "10.0.0.1", "--dns", "cp1"}, flags...)...); code != 0 {
			t.Fatal(errOut)
		}
		read := func() (names []string, c *x509.Certificate) {
			data, err := os.ReadFile(filepath.Join(dir, "apiserver.crt"))
			if err != nil {
				t.Fatal(err)
			}
			b, _ := pem.Decode(data)
			if c, err = x509.ParseCertificate(b.Bytes); err != nil {
				t.Fatal(err)
			}
			for _, ip := range c.IPAddresses {
				names = append(names, ip.String())
			}
			names = append(names, c.DNSNames...)
			slices.Sort(names)
			return names, c
		}
		before, cert := read()
		command := strings.ReplaceAll(reissue(cert, []string{"api.example.org"}), "/etc/kubernetes/pki", filepath.ToSlash(dir))
		if _, errOut, code := plugin(shellWords(command)[2:]...); code != 0 {
			t.Errorf("%s: %s\n%s", name, command, errOut)
			continue
		}
		after, again := read()
		want := append([]string{"api.example.org"}, before...)
		slices.Sort(want)
		if !slices.Equal(after, want) || !slices.Equal(again.RawSubject, cert.RawSubject) {
			t.Errorf("%s: %s\n%v, %s; want %v, %s", name, command, after, again.Subject, want, cert.Subject)
		}
	}
}

// shellWords takes a command apart as a shell does: single quotes, and a quote
// behind a backslash between them.
func shellWords(s string) []string {
	var out []string
	word, quoted := "", false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\'':
			quoted = !quoted
		case c == '\\' && !quoted:
			i++
			word += s[i : i+1]
		case c == ' ' && !quoted:
			out, word = append(out, word), ""
		default:
			word += string(c)
		}
	}
	return append(out, word)
}
