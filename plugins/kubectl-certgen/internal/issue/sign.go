package issue

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/profile"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/signing"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/store"
)

// SignRequest signs what was decided about a request. rel is where the
// certificate goes in the folder; "" leaves it to the caller, and only the
// folder's book learns of it.
func (f *Folder) SignRequest(req *x509.CertificateRequest, d *signing.Decision, pathLen int, validity time.Duration, rel string) (*Item, error) {
	if f.CANew {
		return nil, errors.New("the folder has no CA to sign with")
	}
	if rel != "" && f.L.Has(rel) {
		return nil, fmt.Errorf("%s: is there already; move it away, or give another --name", f.L.Path(rel))
	}
	lr := profile.LeafRequest{
		Purpose: d.Purpose, Subject: d.Subject, Names: d.Names, PublicKey: req.PublicKey,
		Validity: validity, Outlive: f.Outlive, Now: f.Now, Rand: f.Rand,
	}
	var t pki.Template
	var capped bool
	var err error
	if d.CA {
		t, capped, err = f.Profile.SubCA(f.CA, lr, pathLen)
	} else {
		t, capped, err = f.Profile.Leaf(f.CA, lr)
	}
	if err != nil {
		return nil, err
	}
	if d.RawSubject != nil {
		t.Subject = d.RawSubject
	}
	it := &Item{Request: Request{Name: rel, Purpose: d.Purpose, Subject: d.Subject, Names: d.Names, Validity: validity}, Action: Created, Capped: capped}
	if it.Cert, err = f.CA.Sign(t); err != nil {
		return nil, err
	}
	it.above, it.CAPEM = f.intermediates(), pki.EncodeCerts(f.CA.Cert)
	if !d.CA {
		if it.Faults, err = f.Profile.Faults(f.CA, lr); err != nil {
			return nil, err
		}
	}
	if rel != "" {
		if err := f.create(rel, it.CertPEM(), store.PublicMode); err != nil {
			return nil, err
		}
	}
	return it, f.record(it.Cert)
}

// requestExts are the extensions that a request asks for, given the key.
type requestExts = func(pki.KeySpec) ([]pkix.Extension, error)

// RequestFile makes a request for a certificate that somebody else will sign,
// and the key for it where there is none.
func (f *Folder) RequestFile(r Request, exts requestExts) (req *x509.CertificateRequest, keyNew bool, err error) {
	pair := f.L.Leaf(r.Name)
	if pair.Request == "" {
		pair.Request = r.Name + ".csr"
	}
	keyPEM, err := read(f.L.Path(pair.Key))
	if err != nil {
		return nil, false, err
	}
	it := &Item{Request: r, Pair: pair}
	if keyPEM != nil {
		if it.key, err = LoadKey(f.L.Path(pair.Key), keyPEM, f.Unlock); err != nil {
			return nil, false, err
		}
	} else {
		keyNew = true
		spec := f.Options.Key
		if spec == "" {
			spec = f.Profile.Key
		}
		if it.key, err = f.generate(spec); err != nil {
			return nil, false, err
		}
		data, err := pki.EncodeKey(it.key, f.Profile.KeyFormat, nil)
		if err != nil {
			return nil, false, err
		}
		if err := f.create(pair.Key, data, store.KeyMode); err != nil {
			return nil, false, err
		}
	}
	subject, err := r.Subject.Encode(f.Profile.Strings)
	if err != nil {
		return nil, false, err
	}
	list, err := exts(pki.SpecOf(it.key.Public()))
	if err != nil {
		return nil, false, err
	}
	if req, err = pki.CreateRequest(subject, list, it.key); err != nil {
		return nil, false, err
	}
	return req, keyNew, f.replace(pair.Request, pki.EncodeRequest(req), store.PublicMode)
}
