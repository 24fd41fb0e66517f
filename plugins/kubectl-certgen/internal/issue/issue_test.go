package issue

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/layout"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/profile"
)

func options(t *testing.T, dir string, now time.Time) Options {
	t.Helper()
	p, err := profile.Get("")
	if err != nil {
		t.Fatal(err)
	}
	return Options{Out: dir, Profile: p, CASubject: pki.Name{{Type: "CN", Value: "ca"}}, PathLen: -1, Now: now, Rand: rand.Reader}
}

func request(name string, names ...pki.GeneralName) Request {
	return Request{Name: name, Purpose: profile.Server, Subject: pki.Name{{Type: "CN", Value: name}}, Names: names}
}

func makeOne(o Options, r Request) (*Item, error) {
	f, err := Open(o)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	it, err := f.Prepare(r)
	if err != nil {
		return nil, err
	}
	if err := f.Add(it); err != nil {
		return nil, err
	}
	return it, f.Commit()
}

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func TestExpiredCASignsNothing(t *testing.T) {
	dir := t.TempDir()
	name := pki.GeneralName{Kind: pki.DNS, Value: "a.example.org"}
	if _, err := makeOne(options(t, dir, now), request("a", name)); err != nil {
		t.Fatal(err)
	}
	_, err := makeOne(options(t, dir, now.AddDate(11, 0, 0)), request("b", name))
	if err == nil || !strings.Contains(err.Error(), "the CA expired on 2036-11-18") {
		t.Errorf("got %v", err)
	}
	_, err = makeOne(options(t, dir, now.AddDate(-1, 0, 0)), request("b", name))
	if err == nil || !strings.Contains(err.Error(), "is not valid before") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "b.key")); err == nil {
		t.Error("something was written")
	}
}

// An expired leaf is issued again for its own key.
func TestExpiredLeafIsReissued(t *testing.T) {
	dir := t.TempDir()
	name := pki.GeneralName{Kind: pki.DNS, Value: "a.example.org"}
	first, err := makeOne(options(t, dir, now), request("a", name))
	if err != nil {
		t.Fatal(err)
	}
	again, err := makeOne(options(t, dir, now.AddDate(2, 0, 0)), request("a", name))
	if err != nil {
		t.Fatal(err)
	}
	if again.Action != Reissued || !strings.Contains(again.Why, "expired") || !pki.SamePublicKey(first.Cert.PublicKey, again.Cert.PublicKey) {
		t.Errorf("%s %q", again.Action, again.Why)
	}
}

// A certificate of another CA is not replaced.
func TestForeignLeaf(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	name := pki.GeneralName{Kind: pki.DNS, Value: "a.example.org"}
	for _, dir := range []string{a, b} {
		if _, err := makeOne(options(t, dir, now), request("a", name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{"a.crt", "a.key"} {
		data, err := os.ReadFile(filepath.Join(b, f))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(a, f), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := makeOne(options(t, a, now), request("a", name)); err == nil || !strings.Contains(err.Error(), "another CA") {
		t.Errorf("got %v", err)
	}
}

// Every layout: made, recognised, added to; the certificates verify.
func TestEveryLayout(t *testing.T) {
	for _, kind := range layout.Kinds {
		t.Run(string(kind), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "pki")
			o := options(t, dir, now)
			o.Layout = kind
			if _, err := makeOne(o, request("server", pki.GeneralName{Kind: pki.IP, Value: "10.0.0.1"})); err != nil {
				t.Fatal(err)
			}
			o.Layout = ""
			it, err := makeOne(o, request("second", pki.GeneralName{Kind: pki.DNS, Value: "b.example.org"}))
			if err != nil {
				t.Fatal(err)
			}
			l, found, err := layout.Detect(dir)
			if err != nil || !found || l.Kind != kind {
				t.Fatalf("recognised as %q: %v", l.Kind, err)
			}
			pairs, err := l.Pairs()
			if err != nil || len(pairs) != 3 {
				t.Errorf("pairs: %v %v", pairs, err)
			}
			ca, err := os.ReadFile(l.Path(l.CA().Cert))
			if err != nil {
				t.Fatal(err)
			}
			pool := x509.NewCertPool()
			pool.AppendCertsFromPEM(ca)
			if _, err := it.Cert.Verify(x509.VerifyOptions{Roots: pool, DNSName: "b.example.org", CurrentTime: now}); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestMany(t *testing.T) {
	dir := t.TempDir()
	f, err := Open(options(t, dir, now))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var reqs []Request
	for i := range 600 {
		reqs = append(reqs, request(fmt.Sprintf("n%d", i), pki.GeneralName{Kind: pki.DNS, Value: fmt.Sprintf("n%d.example.org", i)}))
	}
	// Stopped after the first set: what was reported is there, the rest is not.
	ctx, cancel := context.WithCancel(context.Background())
	seen := 0
	err = f.Many(ctx, reqs, func(n int, _ *Item) {
		if seen = n; n == 10 {
			cancel()
		}
	})
	if err == nil || seen < chunk || seen >= 600 {
		t.Fatalf("stopped after %d: %v", seen, err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "n*.key"))
	if len(files) != seen {
		t.Errorf("%d keys, %d reported", len(files), seen)
	}
	unchanged := 0
	if err := f.Many(context.Background(), reqs, func(_ int, it *Item) {
		if it.Action == Unchanged {
			unchanged++
		}
	}); err != nil || unchanged != seen {
		t.Errorf("%d of %d were left alone: %v", unchanged, seen, err)
	}
}

// What was made while the clock was ahead is of no use until then.
func TestNotYetValidIsIssuedAgain(t *testing.T) {
	dir := t.TempDir()
	name := pki.GeneralName{Kind: pki.DNS, Value: "a.example.org"}
	if _, err := makeOne(options(t, dir, now), request("ca-maker", name)); err != nil {
		t.Fatal(err)
	}
	if _, err := makeOne(options(t, dir, now.AddDate(2, 0, 0)), request("a", name)); err != nil {
		t.Fatal(err)
	}
	it, err := makeOne(options(t, dir, now), request("a", name))
	if err != nil || it.Action != Reissued || !strings.Contains(it.Why, "not valid before 2028-11-21") || it.Cert.NotBefore.After(now) {
		t.Errorf("%+v, %v", it, err)
	}
}
