package cluster

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/util/keyutil"
)

// PKI is a folder in the layout of kubeadm's /etc/kubernetes, with the paths of
// what the components read.
type PKI struct {
	// Dir is the folder: Dir/pki/ca.crt, Dir/admin.conf and so on.
	Dir string
	// exact forbids generating what is missing.
	exact bool
}

// Path of a file below Dir.
func (p PKI) Path(rel string) string { return filepath.Join(p.Dir, rel) }

// Cert and Key are the paths of a certificate and its key, by kubeadm's name:
// "ca", "etcd/ca", "front-proxy-ca", "apiserver", "apiserver-kubelet-client",
// "apiserver-etcd-client", "etcd/server", "front-proxy-client".
func (p PKI) Cert(name string) string { return p.Path("pki/" + name + ".crt") }

// Key is the path of a key by kubeadm's name.
func (p PKI) Key(name string) string { return p.Path("pki/" + name + ".key") }

// KubeletKubeconfig is the path of the kubeconfig of a node's kubelet.
func (p PKI) KubeletKubeconfig(node string) string { return p.Path("kubelet-" + node + ".conf") }

// issue is what a certificate is to say.
type issue struct {
	ca     string
	cn     string
	org    []string
	sans   []string
	server bool
	client bool
	life   time.Duration // 0 is a year
}

// fill generates what the folder lacks.
func (p PKI) fill(at Endpoints, nodes []*Node) error {
	for _, ca := range []string{"ca", "etcd/ca", "front-proxy-ca"} {
		if err := p.ensure("pki/"+ca+".crt", func() error { return p.makeCA(ca) }); err != nil {
			return err
		}
	}
	if err := p.ensure("pki/sa.key", p.makeServiceAccountKey); err != nil {
		return err
	}
	for name, i := range leaves(at) {
		if err := p.ensure("pki/"+name+".crt", func() error { return p.makeLeaf(name, i) }); err != nil {
			return err
		}
	}
	confs := map[string]issue{
		"admin.conf":              {cn: "kubernetes-admin", org: []string{"system:masters"}},
		"controller-manager.conf": {cn: "system:kube-controller-manager"},
		"scheduler.conf":          {cn: "system:kube-scheduler"},
	}
	for _, n := range nodes {
		confs["kubelet-"+n.Name+".conf"] = issue{cn: "system:node:" + n.Name, org: []string{"system:nodes"}, life: n.Config.ClientCertificateLifetime}
	}
	for name, i := range confs {
		if err := p.ensure(name, func() error { return p.writeKubeconfig(name, at.URL(), i) }); err != nil {
			return err
		}
	}
	return nil
}

// leaves are the certificates of the control plane, by kubeadm's names.
func leaves(at Endpoints) map[string]issue {
	local := []string{"localhost", "127.0.0.1", "::1"}
	return map[string]issue{
		"apiserver": {ca: "ca", cn: "kube-apiserver", server: true, sans: append([]string{
			"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
			at.ServiceIP, at.APIServer}, local...)},
		"apiserver-kubelet-client": {ca: "ca", cn: "kube-apiserver-kubelet-client", org: []string{"system:masters"}, client: true},
		"apiserver-etcd-client":    {ca: "etcd/ca", cn: "kube-apiserver-etcd-client", client: true},
		"etcd/server":              {ca: "etcd/ca", cn: "etcd", server: true, client: true, sans: local},
		"front-proxy-client":       {ca: "front-proxy-ca", cn: "front-proxy-client", client: true},
	}
}

func (p PKI) ensure(rel string, make func() error) error {
	if _, err := os.Stat(p.Path(rel)); err == nil {
		return nil
	}
	if p.exact {
		return fmt.Errorf("the PKI lacks %s", rel)
	}
	if err := os.MkdirAll(filepath.Dir(p.Path(rel)), 0o700); err != nil {
		return err
	}
	if err := make(); err != nil {
		return fmt.Errorf("make %s: %w", rel, err)
	}
	return nil
}

func (p PKI) makeCA(name string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := time.Now()
	t := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{CommonName: map[string]string{"ca": "kubernetes", "etcd/ca": "etcd-ca", "front-proxy-ca": "front-proxy-ca"}[name]},
		NotBefore:    now.Add(-time.Minute), NotAfter: now.AddDate(10, 0, 0),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		IsCA:     true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return err
	}
	return writePair(p.Cert(name), p.Key(name), der, key)
}

func (p PKI) makeServiceAccountKey() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	b, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(p.Key("sa"), b, 0o600); err != nil {
		return err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	return os.WriteFile(p.Path("pki/sa.pub"), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o644)
}

func (p PKI) makeLeaf(name string, i issue) error {
	der, key, err := p.sign(i)
	if err != nil {
		return err
	}
	return writePair(p.Cert(name), p.Key(name), der, key)
}

// sign issues a certificate for a new key from one of the folder's authorities.
func (p PKI) sign(i issue) ([]byte, crypto.Signer, error) {
	caCert, caKey, err := p.authority(i.ca)
	if err != nil {
		return nil, nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	life := i.life
	if life == 0 {
		life = 365 * 24 * time.Hour
	}
	now := time.Now()
	t := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{CommonName: i.cn, Organization: i.org},
		NotBefore:    now.Add(-time.Minute), NotAfter: now.Add(life),
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
	}
	if i.server {
		t.ExtKeyUsage = append(t.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	if i.client {
		t.ExtKeyUsage = append(t.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	}
	for _, s := range i.sans {
		if ip := net.ParseIP(s); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, s)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, caCert, key.Public(), caKey)
	return der, key, err
}

func (p PKI) authority(name string) (*x509.Certificate, crypto.Signer, error) {
	b, err := os.ReadFile(p.Cert(name))
	if err != nil {
		return nil, nil, err
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, nil, fmt.Errorf("%s: not PEM", p.Cert(name))
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", p.Cert(name), err)
	}
	k, err := keyutil.PrivateKeyFromFile(p.Key(name))
	if err != nil {
		return nil, nil, err
	}
	signer, ok := k.(crypto.Signer)
	if !ok {
		return nil, nil, errors.New("the authority's key cannot sign")
	}
	return cert, signer, nil
}

// writeKubeconfig makes a kubeconfig with a new client certificate in it.
func (p PKI) writeKubeconfig(rel, server string, i issue) error {
	i.ca, i.client = "ca", true
	der, key, err := p.sign(i)
	if err != nil {
		return err
	}
	keyPEM, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		return err
	}
	ca, err := os.ReadFile(p.Cert("ca"))
	if err != nil {
		return err
	}
	c := clientcmdapi.NewConfig()
	c.Clusters["clusterwright"] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: ca}
	c.AuthInfos[i.cn] = &clientcmdapi.AuthInfo{
		ClientCertificateData: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), ClientKeyData: keyPEM}
	c.Contexts["clusterwright"] = &clientcmdapi.Context{Cluster: "clusterwright", AuthInfo: i.cn}
	c.CurrentContext = "clusterwright"
	return clientcmd.WriteToFile(*c, p.Path(rel))
}

// KubeconfigFor makes a kubeconfig for a user and groups of your choice, valid
// for life (0: a year), and returns its path. The user can do what RBAC lets it.
func (c *Cluster) KubeconfigFor(user string, life time.Duration, groups ...string) (string, error) {
	rel := "user-" + safeName(user) + ".conf"
	return c.PKI.Path(rel), c.PKI.writeKubeconfig(rel, c.Endpoints.URL(), issue{cn: user, org: groups, life: life})
}

func writePair(certFile, keyFile string, der []byte, key crypto.Signer) error {
	k, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(keyFile, k, 0o600); err != nil {
		return err
	}
	return os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
}

func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic(err) // the system's random source is gone
	}
	return n.Add(n, big.NewInt(1))
}

func safeName(s string) string {
	b := []byte(s)
	for i, c := range b {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			b[i] = '-'
		}
	}
	return string(b)
}
