package controlplane

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
)

// How far a request to the API server got.
const (
	// Answered: the API server spoke, whatever it said.
	Answered = "answered"
	// NoCluster: no kubeconfig names a cluster.
	NoCluster = "no-cluster"
	// NoName: the server's name does not resolve.
	NoName = "name"
	// Refused: the host answers that nobody listens on the port.
	Refused = "refused"
	// NoRoute: the network says that there is no such host.
	NoRoute = "no-route"
	// Silent: no answer at all to a connection.
	Silent = "silent"
	// Hung: a connection is accepted and then nothing is said.
	Hung = "hung"
	// NotTrusted: its certificate is expired or not of the expected authority.
	NotTrusted = "not-trusted"
	// NotKnown: it does not know who we are (401).
	NotKnown = "not-known"
	// Broken: something answers that is no working API server (5xx, no TLS).
	Broken = "broken"
)

// noKubeconfig is where kubectl looks when nothing tells it where to.
const noKubeconfig = "http://localhost:8080"

// Reach is how far a request got, and in whose words.
type Reach struct {
	Layer   string `json:"layer"`
	Address string `json:"address"`
	Detail  string `json:"detail,omitempty"`
}

// reach says how far requests got, layer by layer: failure is how a plain one
// ended, err how a bare TLS connection did, and cert what that was shown.
func (c *collector) reach(failure, err error, cert Certificate) {
	r := &c.s.Reach
	r.Address = hostPort(c.config.Host)
	switch {
	case failure == nil, apierrors.IsForbidden(failure):
		r.Layer = Answered
	case c.config.Host == noKubeconfig:
		r.Layer, r.Detail = NoCluster, plain(failure)
	case apierrors.IsUnauthorized(failure):
		r.Layer = NotKnown
	}
	if r.Layer != "" {
		return
	}
	r.Detail = plain(failure)
	if strings.HasPrefix(c.config.Host, "http://") {
		err = failure
	}
	var status apierrors.APIStatus
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &dns):
		r.Layer, r.Detail = NoName, fmt.Sprintf("lookup %s: %s", dns.Name, dns.Err)
	case anyOf(err, refused):
		r.Layer, r.Detail = Refused, "connection refused: the host is up, nobody listens on the port"
	case anyOf(err, noRoute):
		r.Layer, r.Detail = NoRoute, "no route to host"
	case errors.Is(err, errHandshake):
		r.Layer, r.Detail = Hung, fmt.Sprintf("the connection is accepted, then nothing for %s", deadline)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		r.Layer, r.Detail = Silent, fmt.Sprintf("no answer to a connection within %s", deadline)
	case err != nil:
		r.Layer, r.Detail = Broken, plain(err)
	case cert.Trust != "":
		r.Layer, r.Detail = NotTrusted, cert.Trust
	case errors.As(failure, &status):
		r.Layer = Broken
	case errors.Is(failure, context.DeadlineExceeded), errors.As(failure, &timeout) && timeout.Timeout():
		r.Layer, r.Detail = Hung, fmt.Sprintf("it completes TLS, then says nothing for %s", deadline)
	default:
		r.Layer = Broken
	}
}

// What the systems say of a connection. On Windows a socket's error is a number
// of Winsock's own, which is none of package syscall's.
var (
	refused = []syscall.Errno{syscall.ECONNREFUSED, 10061}
	noRoute = []syscall.Errno{syscall.EHOSTUNREACH, syscall.ENETUNREACH, 10065, 10051}
)

func anyOf(err error, numbers []syscall.Errno) bool {
	return slices.ContainsFunc(numbers, func(n syscall.Errno) bool { return errors.Is(err, n) })
}

func plain(err error) string {
	if err == nil {
		return ""
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}

// hostPort is the address that a server URL leads to.
func hostPort(server string) string {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" {
		return server
	}
	if u.Port() != "" {
		return u.Host
	}
	if u.Scheme == "http" {
		return net.JoinHostPort(u.Hostname(), "80")
	}
	return net.JoinHostPort(u.Hostname(), "443")
}

var errHandshake = errors.New("the TLS handshake gets no answer")

// certificate looks at the certificate on the wire, and says whether a client
// with this kubeconfig would accept it.
func (c *collector) certificate(ctx context.Context, address string) (Certificate, error) {
	if strings.HasPrefix(c.config.Host, "http://") {
		return Certificate{}, nil
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return Certificate{}, err
	}
	defer conn.Close()
	host, _, _ := net.SplitHostPort(address)
	name := c.config.ServerName
	if name == "" {
		name = host
	}
	sni := name
	if net.ParseIP(sni) != nil {
		sni = ""
	}
	wire := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, ServerName: sni})
	if err := wire.HandshakeContext(ctx); err != nil {
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || ctx.Err() != nil {
			return Certificate{}, errHandshake
		}
		return Certificate{}, err
	}
	chain := wire.ConnectionState().PeerCertificates
	var first Certificate
	for i, cert := range chain {
		x := newCertificate("kube-apiserver", cert)
		if i > 0 {
			x.Where = "kube-apiserver, chain"
		} else {
			x.Trust = c.trust(chain, name)
			first = x
		}
		c.mu.Lock()
		c.s.Certs = append(c.s.Certs, x)
		c.mu.Unlock()
	}
	return first, nil
}

func newCertificate(where string, cert *x509.Certificate) Certificate {
	return Certificate{Where: where, Subject: cert.Subject.String(), Issuer: cert.Issuer.String(), NotAfter: cert.NotAfter}
}

// trust says why a client with this kubeconfig refuses a chain, "" if it does
// not.
func (c *collector) trust(chain []*x509.Certificate, name string) string {
	t, err := rest.TLSConfigFor(c.config)
	if err != nil || t != nil && t.InsecureSkipVerify {
		return ""
	}
	opts := x509.VerifyOptions{DNSName: name, CurrentTime: c.s.ObservedAt, Intermediates: x509.NewCertPool()}
	if t != nil {
		opts.Roots = t.RootCAs
	}
	for _, i := range chain[1:] {
		opts.Intermediates.AddCert(i)
	}
	if _, err := chain[0].Verify(opts); err != nil {
		return plain(err)
	}
	return ""
}

// identity is what the kubeconfig shows of itself, as far as it has an end.
func (c *collector) identity() {
	data := c.config.CertData
	if len(data) == 0 && c.config.CertFile != "" {
		data, _ = os.ReadFile(c.config.CertFile)
	}
	if certs := parseCertificates("your client certificate", data); len(certs) > 0 {
		c.s.You = &certs[0]
		return
	}
	token := c.config.BearerToken
	if token == "" && c.config.BearerTokenFile != "" {
		b, _ := os.ReadFile(c.config.BearerTokenFile)
		token = strings.TrimSpace(string(b))
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Subject string `json:"sub"`
		Issuer  string `json:"iss"`
		Expires int64  `json:"exp"`
	}
	if err == nil && json.Unmarshal(b, &claims) == nil && claims.Expires > 0 {
		c.s.You = &Certificate{Where: "your token", Subject: claims.Subject, Issuer: claims.Issuer, NotAfter: time.Unix(claims.Expires, 0).UTC()}
	}
}

// parseCertificates reads all certificates of a PEM text.
func parseCertificates(where string, data []byte) []Certificate {
	var out []Certificate
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return out
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
			out = append(out, newCertificate(where, cert))
		}
	}
}
