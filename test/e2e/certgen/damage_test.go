package certgen

import (
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/test/program"
)

// consistent says what is wrong with a flat folder: every certificate must have
// its key, every key its certificate, and all be of the CA.
func consistent(t *testing.T, dir string) (pairs int) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	stems := map[string]int{}
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() {
			t.Errorf("%s stayed behind", name)
			continue
		}
		stems[strings.TrimSuffix(strings.TrimSuffix(name, ".crt"), ".key")]++
		if st, err := e.Info(); err == nil && strings.HasSuffix(name, ".key") && st.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, st.Mode())
		}
	}
	var names []string
	for s, n := range stems {
		if n != 2 {
			t.Errorf("%s: a certificate without its key, or the other way round", s)
		}
		names = append(names, s)
	}
	sort.Strings(names)
	for _, s := range names {
		crt, key := filepath.Join(dir, s+".crt"), filepath.Join(dir, s+".key")
		must(t, ".", "openssl", "verify", "-CAfile", filepath.Join(dir, "ca.crt"), crt)
		if must(t, ".", "openssl", "x509", "-in", crt, "-noout", "-pubkey") != must(t, ".", "openssl", "pkey", "-in", key, "-pubout") {
			t.Errorf("%s: the key is another certificate's", s)
		}
	}
	return len(names)
}

// kill -9 at any moment of a run: the next run finishes, and no key that was
// visible before has changed. (The suite of internal/store kills at every
// single write; this is the whole program.)
func TestKilled(t *testing.T) {
	need(t, "openssl")
	list := filepath.Join(t.TempDir(), "list")
	var b strings.Builder
	for i := range 30 {
		fmt.Fprintf(&b, "n%d n%d.example.org\n", i, i)
	}
	write(t, list, b.String())
	died := 0
	for round := range 12 {
		dir := filepath.Join(t.TempDir(), "pki")
		args := []string{"server", "--no-service-names", "--out", dir, "--list", list}
		if round%2 == 1 { // also over a folder that has something to lose
			certgen(t, ".", "server", "--ip", "203.0.113.10", "--no-service-names", "--out", dir)
		}
		before := map[string]string{}
		for _, f := range []string{"ca.key", "server.key"} {
			if data, err := os.ReadFile(filepath.Join(dir, f)); err == nil {
				before[f] = string(data)
			}
		}
		for range 3 {
			c := exec.Command(program.Plugin(t, "certgen"), args...)
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(rand.Intn(40000)) * time.Microsecond)
			_ = c.Process.Signal(syscall.SIGKILL)
			if err := c.Wait(); err != nil {
				died++
			}
			for f, was := range before {
				if got := readFile(t, filepath.Join(dir, f)); got != was {
					t.Fatalf("%s changed", f)
				}
			}
			if data, err := os.ReadFile(filepath.Join(dir, "ca.key")); err == nil {
				before["ca.key"] = string(data)
			}
		}
		certgen(t, ".", args...)
		if n := consistent(t, dir); n < 31 {
			t.Errorf("round %d: %d pairs", round, n)
		}
	}
	if died < 6 {
		t.Errorf("only %d runs died; the test does not test", died)
	}
}

// A full disk, at sizes that let a run get further and further: an error, and
// nothing of the set; with space again, the next run makes it.
func TestFullDisk(t *testing.T) {
	need(t, "openssl", "mount")
	if os.Getuid() != 0 {
		t.Skip("NOT TESTED: only root can mount a small file system (internal/store tests ENOSPC at every write)")
	}
	failed, worked := 0, 0
	for kb := 4; kb <= 64; kb += 4 {
		disk := t.TempDir()
		must(t, ".", "mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%dk", kb), "none", disk)
		func() {
			defer func() { must(t, ".", "umount", disk) }()
			dir := filepath.Join(disk, "pki")
			args := []string{"server", "--ip", "203.0.113.10", "--out", dir, "--layout", "easyrsa"}
			_, errOut, code := try(t, ".", args...)
			if code == 0 {
				worked++
			} else {
				failed++
				if code != 3 || strings.Count(errOut, "\n") != 1 || !strings.Contains(errOut, "no space left") {
					t.Errorf("%d kB: exit status %d: %s", kb, code, errOut)
				}
				if _, err := os.Stat(filepath.Join(dir, "ca.crt")); err == nil && !strings.Contains(errOut, "run it again") {
					t.Errorf("%d kB: a part of the set stayed", kb)
				}
				must(t, ".", "mount", "-o", "remount,size=1m", disk)
				certgen(t, ".", args...)
			}
			must(t, ".", "openssl", "verify", "-CAfile", filepath.Join(dir, "ca.crt"), filepath.Join(dir, "issued", "server.crt"))
			if _, err := os.Stat(filepath.Join(dir, ".certgen-incoming")); err == nil {
				t.Errorf("%d kB: the hidden folder stayed", kb)
			}
		}()
	}
	if failed < 3 || worked < 1 {
		t.Errorf("%d failed and %d worked; the test does not test", failed, worked)
	}
}

// kill -9 at any moment of a conversion: the source is as it was, and the next
// run ends with a whole folder, or says that it is whole already.
func TestConversionKilled(t *testing.T) {
	need(t, "openssl")
	home := t.TempDir()
	certgen(t, home, "cluster", "--control-plane", "cp=10.0.0.1", "--out", "k")
	src := filepath.Join(home, "k", "cp", "pki")
	before := must(t, src, "sh", "-c", "find . -type f | sort | xargs sha256sum")
	died := 0
	for range 20 {
		out := filepath.Join(t.TempDir(), "new")
		c := exec.Command(program.Plugin(t, "certgen"), "convert", src, "--layout", "easyrsa", "--out", out)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(10+rand.Intn(60)) * time.Millisecond)
		_ = c.Process.Signal(syscall.SIGKILL)
		if c.Wait() != nil {
			died++
			certgen(t, ".", "convert", src, "--layout", "easyrsa", "--out", out)
		}
		for _, sub := range []string{"", "etcd", "front-proxy"} {
			dir := filepath.Join(out, sub)
			if must(t, ".", "openssl", "x509", "-in", filepath.Join(dir, "ca.crt"), "-noout", "-pubkey") != must(t, ".", "openssl", "pkey", "-in", filepath.Join(dir, "private/ca.key"), "-pubout") {
				t.Errorf("%s: the CA's key is another's", dir)
			}
			if st, err := os.Stat(filepath.Join(dir, "private/ca.key")); err != nil || st.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v", dir, err)
			}
			if !strings.Contains(readFile(t, filepath.Join(dir, "index.txt")), "V\t") {
				t.Errorf("%s: no book", dir)
			}
		}
	}
	if after := must(t, src, "sh", "-c", "find . -type f | sort | xargs sha256sum"); after != before {
		t.Errorf("the old folder changed:\n%s\n%s", before, after)
	}
	t.Logf("died %d times of 20", died)
}
