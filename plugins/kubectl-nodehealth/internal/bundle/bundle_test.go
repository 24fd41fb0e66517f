package bundle

import (
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

func TestSecretsGo(t *testing.T) {
	r := &Redactor{}
	for _, planted := range []string{
		"Authorization: Bearer abcdefgh12345678",
		"token eyJhbGciOiJSUzI1NiIsImtpZCI6Ij.eyJpc3MiOiJrdWJlcm5ldGVz.c2lnbmF0dXJl",
		`password="hunter2-hunter2"`,
		"DB_PASSWORD=hunter2-hunter2",
		"https://user:hunter2-hunter2@registry.example.com/",
		"join 10.0.0.1:6443 --token abcdef.0123456789abcdef",
		"AKIAABCDEFGHIJKLMNOP",
		`{"auths":{"registry":{"auth":"aHVudGVyMi1odW50ZXIy"}}}`,
		`kubelet --api-server x --password hunter2-hunter2 --v=2`,
		`["--token", "hunter2-hunter2"]`,
		"client-key-data: LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQpNSUlFc2VjcmV0",
		`{\"secretKey\":\"hunter2-hunter2\"}`,
		"https://hunter2-hunter2-hunter2@git.example.com/repo",
		"https://blob.example.com/x?sv=2024&sig=hunter2%2Fhunter2",
		"aws_secret_access_key = hunter2/hunter2+hunter2",
		"pushed with ghp_hunter2hunter2hunter2hunter2",
		"postgres://user:hunter2:hunter2@db/x",
		"-----BEGIN RSA PRIVATE KEY-----\nMIIEsecretsecret\n-----END RSA PRIVATE KEY-----",
		"-----BEGIN PRIVATE KEY-----\nMIIEsecretsecret cut off",
	} {
		got := r.Text(planted)
		for _, secret := range []string{"abcdefgh12345678", "eyJpc3Mi", "hunter2", "0123456789abcdef", "AKIAABC", "MIIEsecret", "aHVudGVy", "TUlJ", "SUlFc2Vj"} {
			if strings.Contains(got, secret) {
				t.Errorf("%q is still in %q", secret, got)
			}
		}
	}
	if got := r.Text("kubelet v1.37.1 node kube-worker-1 at 10.0.0.7: connection refused"); !strings.Contains(got, "10.0.0.7: connection refused") {
		t.Errorf("a harmless line became %q", got)
	}
}

func TestAddressesKeepTheirIdentity(t *testing.T) {
	r := &Redactor{Addresses: true}
	got := r.Text("10.0.0.7 and 10.0.0.8 and 10.0.0.7, not 127.0.0.1; fe80::1:2:3:4 at 12:30:05 to 10.0.0.8:6443, v1.37.1")
	if got != "ip-1 and ip-2 and ip-1, not 127.0.0.1; ip-3 at 12:30:05 to ip-2:6443, v1.37.1" {
		t.Error(got)
	}
}

// TestLabelledAddresses: what stands before an address does not hide it.
func TestLabelledAddresses(t *testing.T) {
	r := &Redactor{Addresses: true}
	got := r.Text("node:10.0.0.7 to:10.0.0.8:6443 InternalIP:fd00::7 [fd00::7]:443 addr:127.0.0.1 ::1 12:30:05 sha256:4f.6a")
	if got != "node:ip-1 to:ip-2:6443 InternalIP:ip-3 [ip-3]:443 addr:127.0.0.1 ::1 12:30:05 sha256:4f.6a" {
		t.Error(got)
	}
}

// TestNumbersStay: a bundle is read again, so no number may be rounded.
func TestNumbersStay(t *testing.T) {
	s := &snapshot.Snapshot{Nodes: []*snapshot.Node{{Name: "n"}}}
	s.Nodes[0].Kubelet.Stats = &snapshot.Stats{Swap: &snapshot.Swap{Available: math.MaxUint64}}
	f, err := Snapshot(s, &Redactor{})
	if err != nil || !strings.Contains(f.Data, "18446744073709551615") {
		t.Errorf("%v %s", err, f.Data)
	}
}

// TestNamedFields: the name of a field tells of a secret that has no form of its
// own; switches and paths are none.
func TestNamedFields(t *testing.T) {
	var v any
	err := json.Unmarshal([]byte(`{"annotations":{"example.com/registry-token":"correct horse","example.com/note":"fine"},
		"env":[{"name":"DB_PASSWORD","value":"battery staple"},{"name":"MODE","value":"fast"}],
		"kubelet":{"staticPodURLHeader":{"Authorization":["correct horse"]},"tokenTTL":"5m","serverTLSBootstrap":true,"tokenFile":"/var/run/token","tokens":["battery staple"]}}`), &v)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(each(v, &Redactor{}))
	if err != nil {
		t.Fatal(err)
	}
	got := string(b)
	for _, secret := range []string{"correct horse", "battery staple"} {
		if strings.Contains(got, secret) {
			t.Errorf("%q is still in %s", secret, got)
		}
	}
	for _, plain := range []string{"fine", "fast", "5m", "/var/run/token"} {
		if !strings.Contains(got, plain) {
			t.Errorf("%q is gone from %s", plain, got)
		}
	}
}

func TestNamesOfAddresses(t *testing.T) {
	r := &Redactor{Addresses: true}
	if got := r.Text("ip-10-0-3-17.ec2.internal at 10.0.3.17:10250"); got != "ip-1.ec2.internal at ip-1:10250" {
		t.Error(got)
	}
}

// TestCreateIsWholeOrNothing: no file is replaced, and a failure leaves none.
func TestCreateIsWholeOrNothing(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "a.tar.gz")
	files := []File{{"x", "y"}}
	if err := Create(name, "a", time.Now(), files); err != nil {
		t.Fatal(err)
	}
	if err := Create(name, "a", time.Now(), files); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	if err := Create(filepath.Join(dir, "none", "b.tar.gz"), "b", time.Now(), files); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("%v %v", left, err)
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("%v %v", info, err)
	}
}
