package clusterpki

import (
	"bytes"
	"fmt"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/issue"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/kubeconfig"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/profile"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/store"
)

// conf is a kubeconfig of a node.
func (m *maker) conf(node int, name, user string, orgs []string, server string) {
	file := m.nodes[node].Name + "/" + name + ".conf"
	var subject pki.Name
	for _, o := range orgs {
		subject = append(subject, pki.Attribute{Type: "O", Value: o})
	}
	subject = append(subject, pki.Attribute{Type: "CN", Value: user})
	r := issue.Request{Name: file, Purpose: profile.Client, Subject: subject, Validity: m.Validity}
	r.Also = func(it *issue.Item) ([]issue.File, error) {
		key, err := it.KeyPEM()
		if err != nil {
			return nil, err
		}
		data, err := kubeconfig.File{Cluster: m.Name, User: user, Server: server, CA: m.ca.CAPEM, Cert: it.CertPEM(), Key: key}.Encode()
		return []issue.File{{Path: file, Data: data, Mode: store.KeyMode}}, err
	}
	m.tasks = append(m.tasks, &task{node: node, conf: true, view: m.ca, run: func() (*issue.Item, error) {
		have, err := m.root.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if have == nil {
			return m.ca.Embed(r, nil, nil)
		}
		return m.keepConf(file, have, server, r)
	}})
}

// keepConf decides about a kubeconfig that is there: it stays when it fits, and
// gets a new certificate for its own key, or the new address, when only that
// does not.
func (m *maker) keepConf(file string, data []byte, server string, r issue.Request) (*issue.Item, error) {
	shown := m.root.L.Path(file)
	c, err := clientcmd.Load(data)
	if err != nil {
		return nil, fmt.Errorf("%s: not a kubeconfig", shown)
	}
	ctx := c.Contexts[c.CurrentContext]
	if ctx == nil || c.AuthInfos[ctx.AuthInfo] == nil || c.Clusters[ctx.Cluster] == nil {
		return nil, fmt.Errorf("%s: its current context is incomplete", shown)
	}
	user, cluster := c.AuthInfos[ctx.AuthInfo], c.Clusters[ctx.Cluster]
	if len(user.ClientCertificateData) == 0 || len(user.ClientKeyData) == 0 {
		return nil, fmt.Errorf("%s: its certificate is not in it but in another file; move it away to have it made again", shown)
	}
	certs, err := pki.ParseCerts(user.ClientCertificateData)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", shown, err)
	}
	key, err := pki.ParseKey(user.ClientKeyData, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", shown, err)
	}
	cert := certs[0]
	if !pki.SamePublicKey(key.Public(), cert.PublicKey) {
		return nil, fmt.Errorf("%s: its key does not belong to its certificate", shown)
	}
	if !bytes.Equal(cert.RawIssuer, m.ca.CA.Cert.RawSubject) || !pki.SignedBy(cert, m.ca.CA.Cert) {
		return nil, fmt.Errorf("%s: its certificate is not of the CA in %s; move it away to have it made again", shown, m.root.L.Path("pki/ca.crt"))
	}
	why := issue.OutOfTime(cert, m.root.Now)
	switch name, _ := pki.DecodeName(cert.RawSubject); {
	case name.String() != r.Subject.String():
		return nil, fmt.Errorf("%s: is for %s, not for %s; move it away to have it made again", shown, name, r.Subject)
	case why != "":
	case cluster.Server != server:
		why = "it was for " + cluster.Server
	default:
		return &issue.Item{Request: r, Action: issue.Unchanged, Cert: cert}, nil
	}
	it, err := m.ca.Embed(r, key, user.ClientKeyData)
	if err == nil {
		it.Why = why
	}
	return it, err
}
