// Package kubeconfig writes kubeconfig files with the certificates in them, as
// kubeadm does.
package kubeconfig

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// File says who talks to which cluster.
type File struct {
	// Cluster is the cluster's name ("kubernetes"), User the user's.
	Cluster, User string
	// Server is the API server's URL.
	Server string
	// CA, Cert and Key are PEM.
	CA, Cert, Key []byte
}

// Encode writes the file. It holds a private key: mode 0600.
func (f File) Encode() ([]byte, error) {
	context := f.User + "@" + f.Cluster
	c := api.NewConfig()
	c.Clusters[f.Cluster] = &api.Cluster{Server: f.Server, CertificateAuthorityData: f.CA}
	c.AuthInfos[f.User] = &api.AuthInfo{ClientCertificateData: f.Cert, ClientKeyData: f.Key}
	c.Contexts[context] = &api.Context{Cluster: f.Cluster, AuthInfo: f.User}
	c.CurrentContext = context
	return clientcmd.Write(*c)
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
