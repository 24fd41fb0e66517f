package issue

import (
	"crypto"
	"fmt"
	"path"
	"slices"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/layout"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/store"
)

// KeyPair is the key pair of service account tokens: Pair.Cert is the public
// key's file.
type KeyPair struct {
	Pair    layout.Pair
	Action  Action
	KeyNew  bool
	KeyType pki.KeySpec
	// KeyPEM and PublicPEM are the contents of the two files.
	KeyPEM, PublicPEM []byte
}

// ServiceAccount makes sa.key and sa.pub, or the half of them that is missing,
// in a folder of the folder ("" for itself).
func (f *Folder) ServiceAccount(dir string) (*KeyPair, error) {
	p := &KeyPair{Pair: layout.Pair{Name: "sa", Cert: path.Join(dir, "sa.pub"), Key: path.Join(dir, "sa.key")}, Action: Unchanged}
	keyPEM, err := read(f.L.Path(p.Pair.Key))
	if err != nil {
		return nil, err
	}
	pubPEM, err := read(f.L.Path(p.Pair.Cert))
	if err != nil {
		return nil, err
	}
	var key crypto.Signer
	switch {
	case keyPEM != nil:
		p.KeyPEM = keyPEM
		if key, err = LoadKey(f.L.Path(p.Pair.Key), keyPEM, f.Unlock); err != nil {
			return nil, err
		}
	case pubPEM != nil:
		return nil, fmt.Errorf("%s: a public key without its private key (%s); put that back, or use another folder",
			f.L.Path(p.Pair.Cert), f.L.Path(p.Pair.Key))
	default:
		spec := f.Options.Key
		if spec == "" {
			spec = pki.RSA2048
		}
		if key, err = f.generate(spec); err != nil {
			return nil, err
		}
		// kube-controller-manager and older consumers read PKCS#1 and SEC 1 best.
		data, err := pki.EncodeKey(key, pki.Traditional, nil)
		if err != nil {
			return nil, err
		}
		if err := f.create(p.Pair.Key, data, store.KeyMode); err != nil {
			return nil, err
		}
		p.KeyNew, p.Action, p.KeyPEM = true, Created, data
	}
	p.KeyType = pki.SpecOf(key.Public())
	pub, err := pki.EncodePublicKey(key.Public())
	if err != nil {
		return nil, err
	}
	if pubPEM == nil {
		p.Action, p.PublicPEM = Created, pub
		return p, f.create(p.Pair.Cert, pub, store.PublicMode)
	}
	// kube-apiserver takes several keys in the file: during a rotation it holds
	// the next one, or the last one, too.
	have := pki.PublicKeys(pubPEM)
	if len(have) == 0 {
		return nil, fmt.Errorf("%s: holds no public key that kube-apiserver reads (PEM of \"PUBLIC KEY\"); move it away to have it written anew", f.L.Path(p.Pair.Cert))
	}
	if !slices.ContainsFunc(have, func(k crypto.PublicKey) bool { return pki.SamePublicKey(k, key.Public()) }) {
		return nil, fmt.Errorf("%s: does not belong to %s", f.L.Path(p.Pair.Cert), f.L.Path(p.Pair.Key))
	}
	p.PublicPEM = pubPEM
	return p, nil
}
