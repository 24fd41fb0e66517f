package rotate

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/inspect"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/store"
	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
)

// rollback puts back what was before the rotation.
func (s *State) rollback() ([]Change, error) {
	switch s.Done {
	case None:
		return nil, errors.New("there is no rotation to roll back")
	case Finish:
		return nil, errors.New("the rotation is finished: clients no longer trust the old CA; a rotation back to it is a new rotation")
	case Prepare:
		return nil, errors.New("nothing uses the new CA yet: remove " + s.path(s.Which.base()) + "-next.{crt,key}, -old.crt and -signing.crt")
	}
	base := s.Which.base()
	// The old CA stays trusted together with the new one: certificates of both
	// may be in use until every process has read its file again.
	var out []Change
	for _, l := range s.Leaves {
		if !l.ByNew {
			continue // as it was, or put back by an earlier rollback
		}
		rel, err := filepath.Rel(s.Root, l.Item.Source)
		if err != nil {
			return nil, err
		}
		rel = filepath.ToSlash(rel)
		data, err := os.ReadFile(s.path(rel + beforeSuffix))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(out, func(c Change) bool { return c.Rel == rel }) {
			continue
		}
		if !s.ofOld(rel, data) {
			return nil, fmt.Errorf("%s holds no certificate of the old CA: it is of another rotation, and putting it back would help nobody. Move it away, and sign the certificate by the old CA: kubectl certgen renew", s.path(rel+beforeSuffix))
		}
		st, err := os.Stat(l.Item.Source)
		if err != nil {
			return nil, err
		}
		out = append(out, Change{Rel: rel, What: "as before the rotation", data: data, mode: st.Mode().Perm()})
	}
	back := len(out)
	if data, err := os.ReadFile(s.path(base + "-old.key")); err == nil && !bytes.Equal(data, readOr(s.path(base+".key"))) {
		out = append(out, Change{Rel: base + ".key", What: "the old CA's key again", data: data, mode: store.KeyMode, kept: base + ".key.rolled-back"})
	}
	if s.Which == Cluster {
		out = append(out, Change{Rel: base + "-signing.crt", What: "kube-controller-manager signs with the old CA", data: pki.EncodeCerts(s.Old), mode: 0o644})
	}
	// Certificates go back first, while both CAs are trusted; the next rollback
	// takes the trust back.
	if s.Done == Trust && back == 0 {
		more, err := s.trust([]*x509.Certificate{s.Old})
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return out, nil
}

// ofOld says whether a copy of a file holds a certificate of the old CA.
func (s *State) ofOld(name string, data []byte) bool {
	items, err := inspect.Bytes(name, data, inspect.Options{})
	return err == nil && slices.ContainsFunc(items, func(it inspect.Item) bool {
		return it.Cert != nil && !it.Cert.IsCA && pki.SignedBy(it.Cert, s.Old)
	})
}

// Commit writes the changes of a stage as one set; a dry run says whether it
// could.
func (s *State) Commit(changes []Change, dryRun bool) error {
	open := store.Open
	if dryRun {
		open = store.Peek
	}
	st, err := open(s.Root)
	if err != nil {
		return store.Refuse(err)
	}
	defer st.Close()
	b := st.Begin()
	for _, c := range changes {
		switch {
		case c.fresh:
			err = b.Create(c.Rel, c.data, c.mode)
		case c.kept != "" && !exists(s.path(c.kept)):
			err = b.KeepOld(c.Rel, c.kept, c.data, c.mode)
		case strings.HasSuffix(c.kept, beforeSuffix):
			// The copy is of an earlier rotation, or of a stage that was rolled back.
			if err = b.Replace(c.kept, readOr(s.path(c.Rel)), c.mode); err == nil {
				err = b.Replace(c.Rel, c.data, c.mode)
			}
		case c.kept != "" && c.mode == store.KeyMode && strings.HasSuffix(c.Rel, ".key"):
			same, e := sameFile(s.path(c.Rel), s.path(c.kept))
			if e != nil {
				return e
			}
			if !same && !bytes.Equal(c.data, readOr(s.path(c.Rel))) {
				return store.Refuse(fmt.Errorf("%s is there already and holds another key: move it away first", s.path(c.kept)))
			}
			err = b.Replace(c.Rel, c.data, c.mode)
		default:
			mode := c.mode
			if fi, e := os.Stat(s.path(c.Rel)); e == nil {
				mode = fi.Mode().Perm()
			}
			err = b.Replace(c.Rel, c.data, mode)
		}
		if err != nil {
			return err
		}
	}
	return b.Commit()
}

func readOr(p string) []byte {
	b, _ := os.ReadFile(p)
	return b
}

func exists(p string) bool {
	_, err := os.Stat(p)
	return err == nil
}

func sameFile(a, b string) (bool, error) {
	x, err := os.ReadFile(a)
	if err != nil {
		return false, err
	}
	y, err := os.ReadFile(b)
	return bytes.Equal(x, y), err
}

// dated is what nextName adds to a name.
var dated = lazyregexp.New(`-(\d{8})(?:-(\d+))?$`)

// nextName gives the new CA a name of its own: NAME-20260131, and NAME-20260131-2
// for a second one on that day.
func nextName(cn string, now time.Time) string {
	suffix := "-" + now.UTC().Format("20060102")
	if m := dated.FindStringSubmatch(cn); m != nil {
		cn = strings.TrimSuffix(cn, m[0])
		if "-"+m[1] == suffix {
			n, _ := strconv.Atoi(m[2]) // none is the first
			suffix += "-" + strconv.Itoa(max(n, 1)+1)
		}
	}
	// 64 characters are allowed (RFC 5280, appendix A).
	if r := []rune(cn); len(r) > 64-len(suffix) {
		cn = string(r[:64-len(suffix)])
	}
	return cn + suffix
}
