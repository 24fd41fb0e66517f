// Package kubeconfig writes kubeconfig files with the certificates in them, as
// kubeadm does.
package kubeconfig

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
)

// File says who talks to which cluster.
type File struct {
	// Cluster is the cluster's name ("kubernetes"), User the user's.
	Cluster, User string
	// Server is the API server's URL.
	Server string
	// CA, Cert and Key are PEM.
	CA, Cert, Key []byte
	// Way is how the server is reached and verified otherwise than by its URL and
	// the CA.
	Way Way
}

// Way holds fields of a kubeconfig's cluster.
type Way struct {
	TLSServerName, ProxyURL string
	InsecureSkipTLSVerify   bool
}

// Encode writes the file. It holds a private key: mode 0600.
func (f File) Encode() ([]byte, error) {
	context := f.User + "@" + f.Cluster
	c := api.NewConfig()
	c.Clusters[f.Cluster] = &api.Cluster{Server: f.Server, CertificateAuthorityData: f.CA,
		TLSServerName: f.Way.TLSServerName, ProxyURL: f.Way.ProxyURL, InsecureSkipTLSVerify: f.Way.InsecureSkipTLSVerify}
	c.AuthInfos[f.User] = &api.AuthInfo{ClientCertificateData: f.Cert, ClientKeyData: f.Key}
	c.Contexts[context] = &api.Context{Cluster: f.Cluster, AuthInfo: f.User}
	c.CurrentContext = context
	return clientcmd.Write(*c)
}

// Outdated says why a kubeconfig that is there is to be written again, "" where
// it leads to this server and trusts this CA. One that is not as Encode made it
// is its owner's: the error says so.
func (f File) Outdated(have []byte) (string, error) {
	c, err := clientcmd.Load(have)
	if err != nil {
		return "", errors.New("is there, and not a kubeconfig; move it away to have it made again")
	}
	ctx := c.Contexts[c.CurrentContext]
	if ctx == nil || c.Clusters[ctx.Cluster] == nil || c.AuthInfos[ctx.AuthInfo] == nil {
		return "", errors.New("its current context is incomplete; move it away to have it made again")
	}
	cluster, user := c.Clusters[ctx.Cluster], c.AuthInfos[ctx.AuthInfo]
	var why string
	switch {
	case cluster.Server != f.Server:
		why = "was for " + cluster.Server
	case cluster.CertificateAuthority == "" && !f.trusted(cluster.CertificateAuthorityData):
		why = "did not trust the CA"
	default:
		return "", nil
	}
	if len(c.Clusters) != 1 || len(c.AuthInfos) != 1 || len(c.Contexts) != 1 || !f.sameKey(user.ClientKeyData) {
		return "", fmt.Errorf("%s, and holds more or another key than certgen would write; move it away to have it made again", why)
	}
	return why, nil
}

// trusted says whether a bundle holds the CA, whatever else it holds.
func (f File) trusted(bundle []byte) bool {
	ca, err := pki.ParseCerts(f.CA)
	if err != nil {
		return false
	}
	have, err := pki.ParseCerts(bundle)
	return err == nil && slices.ContainsFunc(have, ca[0].Equal)
}

func (f File) sameKey(data []byte) bool {
	a, err := pki.ParseKey(f.Key, nil)
	if err != nil {
		return false
	}
	b, err := pki.ParseKey(data, nil)
	return err == nil && pki.SamePublicKey(a.Public(), b.Public())
}

// ParseServer checks the URL of an API server. A bare host, with or without a
// port, gets https and kubeadm's port 6443.
func ParseServer(s string) (string, error) {
	t := strings.TrimSpace(s)
	if t == "" {
		return "", errors.New("the API server's address is blank; give one such as https://203.0.113.10:6443")
	}
	if !strings.Contains(t, "://") {
		host, port := t, "6443"
		if a, err := netip.ParseAddr(strings.Trim(t, "[]")); err == nil {
			host = a.String()
			if a.Is6() {
				host = "[" + host + "]"
			}
		} else if h, p, ok := strings.Cut(t, ":"); ok && !strings.HasPrefix(t, "[") {
			host, port = h, p
		} else if i := strings.LastIndex(t, "]:"); i > 0 {
			host, port = t[:i+1], t[i+2:]
		}
		if port == "" {
			return "", fmt.Errorf("API server %q: no port behind the colon; is a variable of the calling script empty?", s)
		}
		t = "https://" + host + ":" + port
	}
	u, err := url.Parse(t)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return "", fmt.Errorf("API server %q: not an address such as https://203.0.113.10:6443", s)
	case u.Scheme != "https":
		return "", fmt.Errorf("API server %q: client certificates need https", s)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "", fmt.Errorf("API server %q: give the address alone, without user, query or fragment", s)
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.Atoi(p); err != nil || n < 1 || n > 65535 {
			return "", fmt.Errorf("API server %q: port %s is not between 1 and 65535", s, p)
		}
	}
	return t, nil
}
