package verify

import (
	"crypto/x509"
	"slices"
	"testing"
)

// What the real clients answered; see host.
func TestHostsThatSomeFind(t *testing.T) {
	for _, c := range []struct {
		name, host string
		want       []Client
	}{
		{"*.example.com", "x.example.com", nil},
		{"*.local", "a.local", []Client{OpenSSL, Strict, GnuTLS, NSS, Node}},
		{"a.local", "a.local", nil},
		{"localhost", "localhost", nil},
		{"f*.example.com", "foo.example.com", []Client{PyCA, GnuTLS, NSS, Go}},
		{"f*.example.com", "bar.example.com", Clients},
		{"a.*.example.com", "a.b.example.com", Clients},
		{"my_host.example.com", "my_host.example.com", []Client{PyCA, Java}},
	} {
		var got []Client
		res := &Result{}
		host(&x509.Certificate{DNSNames: []string{c.name}}, c.host, func(d Defect) { res.Defects = append(res.Defects, d) })
		if got = res.Rejecting(); !slices.Equal(got, c.want) {
			t.Errorf("%s for %s: rejected by %v, want %v", c.host, c.name, got, c.want)
		}
	}
}

// What the real clients answered; see authorityUsage.
func TestUsageOfAuthorities(t *testing.T) {
	any, server, client, code := x509.ExtKeyUsageAny, x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageCodeSigning
	for _, c := range []struct {
		usages []x509.ExtKeyUsage
		root   bool
		want   []Client
	}{
		{nil, false, nil},
		{[]x509.ExtKeyUsage{server}, false, nil},
		{[]x509.ExtKeyUsage{client}, false, []Client{OpenSSL, Strict, PyCA, GnuTLS, Node, Go}},
		{[]x509.ExtKeyUsage{client}, true, []Client{OpenSSL, Strict, PyCA, Node, Go}},
		{[]x509.ExtKeyUsage{any}, false, []Client{OpenSSL, Strict, GnuTLS, NSS, Node}},
		{[]x509.ExtKeyUsage{any}, true, []Client{OpenSSL, Strict, Node}},
		{[]x509.ExtKeyUsage{code}, false, []Client{OpenSSL, Strict, PyCA, GnuTLS, NSS, Node, Go}},
	} {
		res := &Result{}
		authorityUsage(&x509.Certificate{ExtKeyUsage: c.usages}, c.root, Server, func(d Defect) { res.Defects = append(res.Defects, d) })
		if got := res.Rejecting(); !slices.Equal(got, c.want) {
			t.Errorf("%v, root %v: rejected by %v, want %v", c.usages, c.root, got, c.want)
		}
	}
}
