package issue

import (
	"crypto/x509"
	"fmt"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/layout"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/store"
)

// book is index.txt and the folder of certificates by serial number, which
// openssl ca and easyrsa need to go on working in the folder.
type book struct {
	bySerial string
	lines    []byte // as they are, so that nothing of another tool's is touched
	have     layout.Index
	dirty    bool
}

// bySerial is the folder of copies by serial number.
func bySerial(k layout.Kind) string {
	switch k {
	case layout.EasyRSA:
		return "certs_by_serial"
	case layout.OpenSSL:
		return "newcerts"
	}
	return ""
}

func (f *Folder) openBook() error {
	dir := bySerial(f.L.Kind)
	if dir == "" {
		return nil
	}
	data, err := read(f.L.Path("index.txt"))
	if err != nil || data == nil {
		return err
	}
	idx, err := layout.ParseIndex(data)
	if err != nil {
		return fmt.Errorf("%s: %w", f.L.Path("index.txt"), err)
	}
	if len(data) > 0 && data[len(data)-1] != '\n' {
		data = append(data, '\n')
	}
	f.book = &book{bySerial: dir, lines: data, have: idx}
	return nil
}

// startBook is for a folder whose CA is made now.
func (f *Folder) startBook() error {
	for _, d := range f.L.Folders() {
		f.batch.Folder(d)
	}
	for _, s := range layout.Starters(f.L.Kind, f.CA.Cert, f.Rand) {
		if f.L.Has(s.Path) {
			continue
		}
		if err := f.create(s.Path, s.Data, store.PublicMode); err != nil {
			return err
		}
	}
	if dir := bySerial(f.L.Kind); dir != "" && f.book == nil {
		f.book = &book{bySerial: dir, dirty: true}
	}
	return nil
}

// record enters a certificate in the book.
func (f *Folder) record(c *x509.Certificate) error {
	if f.book == nil {
		return nil
	}
	name, err := pki.DecodeName(c.RawSubject)
	if err != nil {
		return err
	}
	serial := layout.SerialHex(c.SerialNumber)
	for _, e := range f.book.have {
		if strings.EqualFold(e.Serial, serial) {
			return fmt.Errorf("serial number %s is in index.txt already", serial)
		}
	}
	entry := layout.IndexEntry{Status: 'V', Expires: c.NotAfter, Serial: serial, File: "unknown", Subject: name.OneLine()}
	f.book.lines = append(f.book.lines, layout.Index{entry}.Bytes()...)
	f.book.dirty = true
	return f.create(f.book.bySerial+"/"+serial+".pem", pki.EncodeCerts(c), store.PublicMode)
}

func (f *Folder) closeBook() error {
	if f.book == nil || !f.book.dirty {
		return nil
	}
	f.book.dirty = false
	return f.replace("index.txt", f.book.lines, store.PublicMode)
}
