package renew

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
)

// replaceCert puts the new certificate in the place of the old one, DER or PEM,
// and keeps what else is in the file: a chain, a key, CAs. The text that openssl
// writes in front of a certificate, which would now be wrong, goes.
func replaceCert(old []byte, s *Step) []byte {
	if bytes.Equal(old, s.Old.Raw) {
		return s.New.Raw
	}
	begin, end := []byte("-----BEGIN "), []byte("-----END ")
	for at := 0; ; {
		i := bytes.Index(old[at:], begin)
		if i < 0 {
			return pki.EncodeCerts(append([]*x509.Certificate{s.New}, s.Tail...)...)
		}
		block, rest := pem.Decode(old[at+i:])
		if block == nil {
			return pki.EncodeCerts(append([]*x509.Certificate{s.New}, s.Tail...)...)
		}
		stop := len(old) - len(rest)
		if !bytes.Equal(block.Bytes, s.Old.Raw) {
			at = stop
			continue
		}
		lead := old[:at+i]
		if k := bytes.LastIndex(lead, end); k >= 0 {
			if n := bytes.IndexByte(lead[k:], '\n'); n >= 0 {
				lead = lead[:k+n+1]
			}
		} else {
			lead = nil
		}
		return append(append(append([]byte{}, lead...), pki.EncodeCerts(s.New)...), old[stop:]...)
	}
}

// splice puts the new certificate (and key) into a kubeconfig's text in the
// place of the old ones; every other byte stays.
func (s *Step) splice(text []byte) ([]byte, error) {
	out, err := swap(text, "client-certificate-data", func(old []byte) ([]byte, bool) {
		cs, err := pki.ParseCerts(old)
		if err != nil || !cs[0].Equal(s.Old) {
			return nil, false
		}
		return pki.EncodeCerts(append([]*x509.Certificate{s.New}, s.Tail...)...), true
	})
	switch {
	case err != nil:
		return nil, err
	case out == nil:
		return nil, errors.New("its certificate is in a file of its own: renew that file")
	case s.Key == nil:
		return out, nil
	}
	out, err = swap(out, "client-key-data", func(old []byte) ([]byte, bool) {
		k, err := pki.ParseKey(old, nil)
		if err != nil || !pki.SamePublicKey(k.Public(), s.Old.PublicKey) {
			return nil, false
		}
		format, _ := pki.FormatOf(old)
		data, err := pki.EncodeKey(s.Key, format, nil)
		return data, err == nil
	})
	if err == nil && out == nil {
		return nil, errors.New("its key is in a file of its own: renew with the key that is there")
	}
	return out, err
}

// Folded says that a YAML value stands in the lines below its field.
func Folded(value []byte) bool {
	return len(value) > 0 && (value[0] == '|' || value[0] == '>')
}

// swap replaces the base64 value of a field where f wants it; nil where it wants
// none.
func swap(text []byte, field string, f func(old []byte) ([]byte, bool)) ([]byte, error) {
	at := 0
	for {
		i := bytes.Index(text[at:], []byte(field))
		if i < 0 {
			return nil, nil
		}
		start := at + i + len(field)
		for start < len(text) && bytes.IndexByte([]byte("\":' \t"), text[start]) >= 0 {
			start++
		}
		if Folded(text[start:]) {
			return nil, fmt.Errorf("%s is written over several lines: put its value into one", field)
		}
		end := start
		for end < len(text) && isBase64(text[end]) {
			end++
		}
		old, err := base64.StdEncoding.DecodeString(string(text[start:end]))
		if err == nil {
			if data, ok := f(old); ok {
				out := append([]byte{}, text[:start]...)
				out = append(out, base64.StdEncoding.EncodeToString(data)...)
				return append(out, text[end:]...), nil
			}
		}
		at = end
	}
}

func isBase64(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '='
}

// Apply puts the step's certificate into the text of its file: a PEM file or a
// kubeconfig.
func (s *Step) Apply(text []byte) ([]byte, error) {
	if strings.HasPrefix(s.Item.Part, "user ") {
		return s.splice(text)
	}
	return replaceCert(text, s), nil
}
