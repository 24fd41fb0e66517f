//go:build unix

package cmd

import (
	"crypto/sha256"
	"encoding/pem"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/store"
)

// faulty is a file system that dies or fills up at its at-th change.
type faulty struct {
	store.OS
	n, at atomic.Int64
	full  bool // the disk is full from then on: what needs space fails, the rest works
}

var errDied = fmt.Errorf("%w (died here)", syscall.EIO)

// step counts a change; grows says that it needs space on the disk.
func (f *faulty) step(grows bool) error {
	n := f.n.Add(1)
	switch at := f.at.Load(); {
	case at == 0 || n < at:
		return nil
	case !f.full:
		return errDied // a dead process changes nothing any more
	case grows:
		return syscall.ENOSPC
	}
	return nil
}

type faultyFile struct {
	f *faulty
	store.File
}

func (w faultyFile) Write(p []byte) (int, error) {
	if err := w.f.step(true); err != nil {
		n, _ := w.File.Write(p[:len(p)/2])
		return n, err
	}
	return w.File.Write(p)
}

func (w faultyFile) Sync() error {
	if err := w.f.step(false); err != nil {
		return err
	}
	return nil // no power is cut here
}

func (f *faulty) Create(p string, m os.FileMode) (store.File, error) {
	if err := f.step(true); err != nil {
		return nil, err
	}
	w, err := f.OS.Create(p, m)
	if err != nil {
		return nil, err
	}
	return faultyFile{f, w}, nil
}

func (f *faulty) do(grows bool, op func() error) error {
	if err := f.step(grows); err != nil {
		return err
	}
	return op()
}
func (f *faulty) Rename(a, b string) error {
	return f.do(false, func() error { return f.OS.Rename(a, b) })
}
func (f *faulty) Link(a, b string) error {
	return f.do(true, func() error { return f.OS.Link(a, b) })
}
func (f *faulty) Remove(p string) error { return f.do(false, func() error { return f.OS.Remove(p) }) }
func (f *faulty) Mkdir(p string, m os.FileMode) error {
	return f.do(true, func() error { return f.OS.Mkdir(p, m) })
}
func (f *faulty) Chmod(p string, m os.FileMode) error {
	return f.do(false, func() error { return f.OS.Chmod(p, m) })
}
func (f *faulty) SyncDir(p string) error {
	return f.do(false, func() error { return nil })
}

// keysIn are the private keys in a folder, hidden files included, by content;
// those in kubeconfigs count as the kubeconfig's text.
func keysIn(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		for rest := data; ; {
			var b *pem.Block
			if b, rest = pem.Decode(rest); b == nil {
				break
			}
			if strings.HasSuffix(b.Type, "PRIVATE KEY") {
				out[fmt.Sprintf("%x", sha256.Sum256(b.Bytes))] = p
			}
		}
		if i := strings.Index(string(data), "client-key-data:"); i >= 0 {
			line, _, _ := strings.Cut(string(data[i:]), "\n")
			out[line] = p
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// writing are the verbs that write, each with what has to be there before.
var writing = []struct {
	name   string
	before [][]string
	args   []string
	// verify is what must hold in the end: these are verified, "" for the folder.
	verify string
}{
	{name: "ca", args: []string{"ca", "--out", "D"}},
	{name: "server", args: []string{"server", "--ip", "10.0.0.1", "--out", "D"}},
	{name: "server easyrsa", args: []string{"server", "--ip", "10.0.0.1", "--out", "D", "--layout", "easyrsa"}},
	{name: "server again", before: [][]string{{"server", "--ip", "10.0.0.1", "--out", "D"}}, args: []string{"server", "--ip", "10.0.0.1", "--ip", "10.0.0.2", "--out", "D"}},
	{name: "client", before: [][]string{{"ca", "--out", "D"}}, args: []string{"client", "jane", "--org", "dev", "--server", "https://10.0.0.1:6443", "--out", "D"}},
	{name: "node", before: [][]string{{"ca", "--out", "D"}}, args: []string{"node", "n1", "--ip", "10.0.0.5", "--server", "https://10.0.0.1:6443", "--out", "D"}},
	{name: "sa", args: []string{"sa", "--key", "ecdsa:p256", "--out", "D"}, verify: "-"},
	{name: "csr", args: []string{"csr", "api", "--dns", "api.example.org", "--out", "D"}, verify: "-"},
	{name: "cluster", args: []string{"cluster", "--key", "ecdsa:p256", "--control-plane", "cp1=10.0.0.1", "--worker", "w1", "--out", "D"}},
	{name: "cluster grows", before: [][]string{{"cluster", "--key", "ecdsa:p256", "--control-plane", "cp1=10.0.0.1", "--out", "D"}}, args: []string{"cluster", "--key", "ecdsa:p256", "--control-plane", "cp1=10.0.0.1", "--cert-sans", "api.example.org", "--worker", "w1", "--out", "D"}},
	{name: "renew", before: [][]string{{"server", "--ip", "10.0.0.1", "--out", "D"}}, args: []string{"renew", "D"}},
	{name: "renew with a new key", before: [][]string{{"server", "--ip", "10.0.0.1", "--out", "D"}}, args: []string{"renew", "D/server.crt", "--new-key"}},
	{name: "renew easyrsa", before: [][]string{{"server", "--ip", "10.0.0.1", "--out", "D", "--layout", "easyrsa"}}, args: []string{"renew", "D/issued/server.crt"}},
	{name: "renew kubeconfigs", before: [][]string{{"cluster", "--key", "ecdsa:p256", "--control-plane", "cp1=10.0.0.1", "--out", "D"}}, args: []string{"renew", "D/cp1", "--new-key"}, verify: "D/cp1"},
	{name: "rotate prepare", before: [][]string{{"cluster", "--key", "ecdsa:p256", "--control-plane", "cp1=10.0.0.1", "--out", "D"}}, args: rotateStage("prepare"), verify: "D/cp1/pki"},
	{name: "rotate trust", before: [][]string{{"cluster", "--key", "ecdsa:p256", "--control-plane", "cp1=10.0.0.1", "--out", "D"}, rotateStage("prepare")}, args: rotateStage("trust"), verify: "D/cp1/pki"},
	{name: "rotate sign", before: [][]string{{"cluster", "--key", "ecdsa:p256", "--control-plane", "cp1=10.0.0.1", "--out", "D"}, rotateStage("prepare"), rotateStage("trust")}, args: rotateStage("sign"), verify: "D/cp1/pki"},
	{name: "rotate finish", before: [][]string{{"cluster", "--key", "ecdsa:p256", "--control-plane", "cp1=10.0.0.1", "--out", "D"}, rotateStage("prepare"), rotateStage("trust"), rotateStage("sign")}, args: rotateStage("finish"), verify: "D/cp1/pki/apiserver.crt"},
	{name: "rotate rollback", before: [][]string{{"cluster", "--key", "ecdsa:p256", "--control-plane", "cp1=10.0.0.1", "--out", "D"}, rotateStage("prepare"), rotateStage("trust"), rotateStage("sign")}, args: rotateStage("rollback"), verify: "D/cp1/pki/apiserver.crt"},
	{name: "convert", before: [][]string{{"server", "--ip", "10.0.0.1", "--out", "D/from"}}, args: []string{"convert", "D/from", "--layout", "easyrsa", "--out", "D/to"}, verify: "D/to"},
	{name: "sign", before: [][]string{{"ca", "--out", "D/pki"}, {"csr", "api", "--dns", "api.example.org", "--out", "D/pki"}}, args: []string{"sign", "D/pki/api.csr", "--out", "D/pki"}, verify: "D/pki"},
}

func rotateStage(s string) []string {
	return []string{"rotate", "ca", "--dir", "D/cp1", "--stage", s}
}

// TestDeathAndFullDiskAtEveryWrite runs every verb that writes once for each
// change that it makes to the disk, and lets it die, or the disk be full, just
// there. Afterwards no key is lost, the next run goes through, and what it
// leaves is one set: verified, and without remains.
func TestDeathAndFullDiskAtEveryWrite(t *testing.T) {
	defer store.UseFS(&faulty{})()
	for _, w := range writing {
		t.Run(w.name, func(t *testing.T) {
			base := filepath.Join(t.TempDir(), "base")
			in := func(dir string, args []string) []string {
				out := make([]string, len(args))
				for i, a := range args {
					out[i] = a
					if a == "D" || strings.HasPrefix(a, "D/") {
						out[i] = dir + a[1:]
					}
				}
				return out
			}
			if err := os.Mkdir(base, 0o700); err != nil {
				t.Fatal(err)
			}
			for _, b := range w.before {
				if out, errOut, code := plugin(in(base, b)...); code != 0 {
					t.Fatalf("%v: %d\n%s%s", b, code, out, errOut)
				}
			}
			for _, full := range []bool{false, true} {
				points := 0
				for at := int64(1); ; at++ {
					if at > 8 && os.Getenv("CI") != "true" {
						at += 30 // a part of a long way; CI walks all of it
					}
					dir := filepath.Join(t.TempDir(), "d")
					if err := os.CopyFS(dir, os.DirFS(base)); err != nil {
						t.Fatal(err)
					}
					tighten(t, dir)
					f := &faulty{full: full}
					f.at.Store(at)
					before := keysIn(t, dir)
					undo := store.UseFS(f)
					_, errOut, code := plugin(in(dir, w.args)...)
					undo()
					reached := f.n.Load() >= at
					if code != 0 && code != 3 && code != 2 {
						t.Fatalf("at %d: exit status %d: %s", at, code, errOut)
					}
					now := keysIn(t, dir)
					for k, p := range before {
						if now[k] == "" {
							t.Fatalf("at %d (full %v): the key of %s is lost", at, full, p)
						}
					}
					if out, errOut, code := plugin(in(dir, w.args)...); code != 0 && !over(w.name, errOut) {
						t.Fatalf("at %d (full %v): the next run: %d\n%s%s", at, full, code, out, errOut)
					}
					now = keysIn(t, dir)
					for k, p := range before {
						if now[k] == "" {
							t.Fatalf("at %d (full %v): the next run lost the key of %s", at, full, p)
						}
					}
					if rest, err := store.PendingAround(dir); err != nil || len(rest) > 0 {
						t.Fatalf("at %d (full %v): remains in %v %v", at, full, rest, err)
					}
					what := w.verify
					if what == "" {
						what = "D"
					}
					if what != "-" {
						if out, errOut, code := plugin(in(dir, []string{"verify", what})...); code != 0 {
							t.Fatalf("at %d (full %v): %d\n%s%s", at, full, code, out, errOut)
						}
					}
					if err := os.RemoveAll(dir); err != nil {
						t.Fatal(err)
					}
					if !reached {
						break
					}
					points++
				}
				if points < 5 {
					t.Errorf("only %d points (full %v): the loop does not loop", points, full)
				}
				t.Logf("%d points, full disk %v", points, full)
			}
		})
	}
}

// over says that the next run found the work done: the death was behind the
// decision, and settled while it looked.
func over(name, errOut string) bool {
	if name == "sign" {
		return strings.Contains(errOut, "api.crt: is there already")
	}
	return strings.HasPrefix(name, "rotate") && (strings.Contains(errOut, "the rotation stands behind") || strings.Contains(errOut, "is finished") || strings.Contains(errOut, "there is no rotation to roll back") || strings.Contains(errOut, "nothing uses the new CA yet"))
}

// tighten gives copies the modes that keys have to have.
func tighten(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if strings.HasSuffix(p, ".key") || strings.HasSuffix(p, ".conf") {
			return os.Chmod(p, 0o600)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// twoDisks is a file system of which the staged files are on another disk than
// their places.
type twoDisks struct{ store.OS }

func (d twoDisks) Rename(a, b string) error {
	if filepath.Base(b) == "server.crt" {
		return &os.LinkError{Op: "rename", Old: a, New: b, Err: syscall.EXDEV}
	}
	return d.OS.Rename(a, b)
}

// A set on two file systems is not written, and what to do is said.
func TestRenewAcrossFileSystems(t *testing.T) {
	dir := t.TempDir()
	if _, errOut, code := plugin("server", "--ip", "10.0.0.1", "--out", dir); code != 0 {
		t.Fatal(errOut)
	}
	before, err := os.ReadFile(filepath.Join(dir, "server.crt"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.UseFS(twoDisks{})()
	_, errOut, code := plugin("renew", dir)
	if code != 3 || !strings.Contains(errOut, "nothing was written") || !strings.Contains(errOut, "in a run of its own") {
		t.Errorf("%d: %s", code, errOut)
	}
	if after, err := os.ReadFile(filepath.Join(dir, "server.crt")); err != nil || string(after) != string(before) {
		t.Errorf("the certificate changed: %v", err)
	}
}

// A dry run does not promise what the run would refuse.
func TestDryRunRefusesWhatTheRunWould(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	if _, errOut, code := plugin("server", "--ip", "10.0.0.1", "--out", dir); code != 0 {
		t.Fatal(errOut)
	}
	crt, real := filepath.Join(dir, "server.crt"), filepath.Join(elsewhere, "server.crt")
	if err := os.Rename(crt, real); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, crt); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"server", "--ip", "10.0.0.1", "--ip", "10.0.0.2", "--out", dir},
		{"renew", dir},
	} {
		_, real, code := plugin(args...)
		if code == 0 || !strings.Contains(real, "outside the folder") {
			t.Fatalf("%v: %d %s", args, code, real)
		}
		if out, dry, again := plugin(append(args, "--dry-run")...); again != code || dry != real || out != "" {
			t.Errorf("%v: %d %s%s, without --dry-run %d %s", args, again, out, dry, code, real)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 4 {
		t.Errorf("%v %v", left, err)
	}
}
