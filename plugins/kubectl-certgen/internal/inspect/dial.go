package inspect

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// Served is what a TLS server presented.
type Served struct {
	Items []Item
	// Version and KeyExchange are those of the connection.
	Version, KeyExchange string
	// ClientCAs are the names of the CAs whose certificates the server asks for.
	ClientCAs []string
}

// Dial asks a TLS server for its certificates, without verifying them. sni is
// the server name to ask for, the host of addr where it is empty and a name.
func Dial(ctx context.Context, addr, sni string) (*Served, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("%s: not HOST:PORT", addr)
	}
	if sni == "" && net.ParseIP(host) == nil {
		sni = host
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	s := &Served{}
	cfg := &tls.Config{
		ServerName:         sni,
		InsecureSkipVerify: true, //nolint:gosec // what is served is shown, and judged elsewhere
		GetClientCertificate: func(r *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			for _, raw := range r.AcceptableCAs {
				s.ClientCAs = append(s.ClientCAs, NameString(raw))
			}
			return &tls.Certificate{}, nil
		},
	}
	d := &tls.Dialer{Config: cfg}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		var cv *tls.CertificateVerificationError
		if errors.As(err, &cv) {
			return nil, fmt.Errorf("%s: %w", addr, cv.Err)
		}
		return nil, fmt.Errorf("%s: %s", addr, dialCause(err))
	}
	defer conn.Close()
	st := conn.(*tls.Conn).ConnectionState()
	s.Version = tls.VersionName(st.Version)
	s.KeyExchange = st.CurveID.String()
	for _, c := range st.PeerCertificates {
		s.Items = append(s.Items, Item{Kind: Certificate, Source: addr, Cert: c, Served: true})
	}
	number(s.Items)
	for i := range s.Items {
		s.Items[i].Bundle = false
		s.Items[i].Intermediate = i > 0
	}
	return s, nil
}

func dialCause(err error) string {
	var op *net.OpError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer within 10 s"
	case errors.As(err, &op) && op.Op == "dial":
		return strings.TrimPrefix(op.Err.Error(), "connect: ")
	case strings.Contains(err.Error(), "first record does not look like a TLS handshake"):
		return "it answers, but not with TLS"
	}
	return strings.TrimPrefix(err.Error(), "remote error: ")
}

// Certificates are the certificates of items.
func Certificates(items []Item) []*x509.Certificate {
	var out []*x509.Certificate
	for _, i := range items {
		if i.Cert != nil {
			out = append(out, i.Cert)
		}
	}
	return out
}
