package convert

import (
	"fmt"
	"slices"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/layout"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
)

// kids are the authorities that kubeadm has beside the cluster's, by the
// folder that they get elsewhere.
var kids = map[string]string{"etcd": "etcd/ca", "front-proxy": "front-proxy-ca"}

// authorities are the cluster's and those of etcd and the front proxy, where
// they are there.
func (c *carrier) authorities() ([]*carrier, error) {
	all := []*carrier{c}
	for _, kid := range []string{"etcd", "front-proxy"} {
		o := *c
		o.kid, o.bySerial = kid, map[string][]byte{}
		if c.src.Kind == layout.Kubeadm {
			if o.src = c.src.WithCA(kids[kid]); !o.src.Has(o.src.CA().Cert) {
				continue
			}
		} else {
			l, ok, err := layout.Detect(c.src.Path(kid))
			if err != nil {
				return nil, err
			}
			if !ok || l.Root != c.src.Path(kid) || l.Kind == layout.Kubeadm {
				continue
			}
			// An authority without anything special is laid out like the rest.
			if l.Kind == layout.Flat && c.src.Kind == layout.OpenSSL {
				l.Kind = layout.OpenSSL
			}
			o.src, o.from = l, kid
		}
		if c.dst.Kind == layout.Kubeadm {
			o.dst = c.dst.WithCA(kids[kid])
		} else {
			o.to = kid
		}
		all = append(all, &o)
	}
	if c.src.Kind == layout.Kubeadm {
		return all, c.claim(all)
	}
	return all, nil
}

// claim says for each pair of a kubeadm folder which authority signed it.
func (c *carrier) claim(all []*carrier) error {
	list, err := c.src.Pairs()
	if err != nil {
		return err
	}
	claims := map[string]string{}
	for _, p := range list {
		data, err := c.read(p.Cert)
		if err != nil {
			return err
		}
		certs, err := pki.ParseCerts(data)
		if err != nil {
			return fmt.Errorf("%s: %w", c.src.Path(p.Cert), err)
		}
		for _, o := range all {
			ca, err := o.read(o.src.CA().Cert)
			if err != nil {
				return err
			}
			cas, err := pki.ParseCerts(ca)
			if err != nil {
				continue // said when the authority is carried
			}
			if p.Cert == o.src.CA().Cert || pki.SignedBy(certs[0], cas[0]) {
				claims[p.Name] = o.kid
				break
			}
		}
		if _, ok := claims[p.Name]; !ok {
			claims[p.Name] = kidOf(p.Name)
		}
	}
	for _, o := range all {
		o.claims = claims
	}
	return nil
}

// kidOf is the authority that kubeadm signs a name with.
func kidOf(name string) string {
	for kid, ca := range kids {
		for _, k := range layout.KubeadmCAs {
			if k.Name == ca && slices.Contains(k.Leaves, name) {
				return kid
			}
		}
		if strings.HasPrefix(name, kid+"/") {
			return kid
		}
	}
	return ""
}
