package renew

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/layout"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
)

// book is the index.txt of an easyrsa or openssl folder.
type book struct {
	lines  []byte
	copies map[string][]byte
}

// enter records a renewed certificate in the book that has the old one.
func enter(books map[string]*book, s *Step) error {
	dir := filepath.Dir(s.Item.Source)
	if filepath.Base(dir) == "issued" {
		dir = filepath.Dir(dir)
	}
	bk := books[dir]
	if bk == nil {
		data, err := os.ReadFile(filepath.Join(dir, "index.txt"))
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		idx, err := layout.ParseIndex(data)
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(dir, "index.txt"), err)
		}
		if !slices.ContainsFunc(idx, func(e layout.IndexEntry) bool { return e.Serial == layout.SerialHex(s.Old.SerialNumber) }) {
			return nil // another tool's certificate beside the book
		}
		if len(data) > 0 && data[len(data)-1] != '\n' {
			data = append(data, '\n')
		}
		bk = &book{lines: data, copies: map[string][]byte{}}
		books[dir] = bk
	}
	name, err := pki.DecodeName(s.New.RawSubject)
	if err != nil {
		return err
	}
	serial := layout.SerialHex(s.New.SerialNumber)
	bk.lines = append(bk.lines, layout.Index{{Status: 'V', Expires: s.New.NotAfter, Serial: serial, File: "unknown", Subject: name.OneLine()}}.Bytes()...)
	for _, sub := range []string{"certs_by_serial", "newcerts"} {
		if st, err := os.Stat(filepath.Join(dir, sub)); err == nil && st.IsDir() {
			bk.copies[filepath.Join(sub, serial+".pem")] = pki.EncodeCerts(s.New)
		}
	}
	return nil
}
