package inspect

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
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
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%s: %s", addr, dialCause(err))
	}
	defer conn.Close()
	return Handshake(ctx, conn, addr, sni)
}

// dialTimeout bounds a connection and its handshake.
const dialTimeout = 10 * time.Second

// Handshake asks the server at the other end of a connection for its
// certificates; addr is what the server is called.
func Handshake(ctx context.Context, conn net.Conn, addr, sni string) (*Served, error) {
	s := &Served{}
	tc := tls.Client(conn, &tls.Config{
		ServerName:         sni,
		InsecureSkipVerify: true, //nolint:gosec // what is served is shown, and judged elsewhere
		// An old server is shown too.
		MinVersion: tls.VersionTLS10,
		GetClientCertificate: func(r *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			for _, raw := range r.AcceptableCAs {
				s.ClientCAs = append(s.ClientCAs, NameString(raw))
			}
			return &tls.Certificate{}, nil
		},
	})
	if err := tc.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("%s: %s", addr, dialCause(err))
	}
	st := tc.ConnectionState()
	s.Version = tls.VersionName(st.Version)
	s.KeyExchange = st.CurveID.String()
	s.Items = Presented(addr, st.PeerCertificates)
	return s, nil
}

// Presented are the certificates that a server presented, as items.
func Presented(addr string, certs []*x509.Certificate) []Item {
	var items []Item
	for _, c := range certs {
		items = append(items, Item{Kind: Certificate, Source: addr, Cert: c, Served: true})
	}
	number(items)
	for i := range items {
		items[i].Bundle = false
		items[i].Intermediate = i > 0
	}
	return items
}

func dialCause(err error) string {
	var op *net.OpError
	switch {
	case errors.Is(err, context.DeadlineExceeded) || os.IsTimeout(err):
		return "no answer in time"
	case errors.Is(err, io.EOF):
		return "it ends the connection before it shows a certificate"
	case errors.As(err, &op) && op.Op == "dial":
		return strings.TrimPrefix(op.Err.Error(), "connect: ")
	case errors.As(err, &op) && (op.Op == "read" || op.Op == "write"):
		return "it breaks the connection off: " + strings.TrimPrefix(strings.TrimPrefix(op.Err.Error(), "read: "), "write: ")
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
