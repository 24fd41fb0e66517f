package cmd

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

// Whoever gives inspect what is no certificate is told where it belongs.
func TestGatherPointsOn(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"ca-config.json": `{"signing": {"default": {"expiry": "8760h"}}}`,
		"csr.json":       `{"CN": "kubernetes", "key": {"algo": "rsa", "size": 2048}}`,
		"openssl.cnf":    "[ req ]\ndistinguished_name = dn\n[ dn ]\nCN = x\n",
		"vars":           "set_var EASYRSA_KEY_SIZE 2048\n",
		"notes.txt":      "certificates are renewed in March\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, errOut, code := plugin("inspect", filepath.Join(dir, name))
		if points := strings.Contains(errOut, "'kubectl certgen lint "+filepath.Join(dir, name)+"' judges it"); code != 2 || points != (name != "notes.txt") {
			t.Errorf("%s: %d, %s", name, code, errOut)
		}
	}
	if _, errOut, code := plugin("inspect", dir); code != 2 || !strings.Contains(errOut, "'kubectl certgen lint "+dir+"' judges it") {
		t.Errorf("the folder: %d, %s", code, errOut)
	}
	for arg, want := range map[string]string{
		"203.0.113.10": "203.0.113.10:6443", "fd00::1": "[fd00::1]:6443", "203.0.113.10:": "203.0.113.10:6443", "http://api.example:80/": "api.example:6443",
	} {
		if _, errOut, code := plugin("inspect", arg); code != 2 || !strings.Contains(errOut, "a server is named with its port: "+want) {
			t.Errorf("%s: %d, %s", arg, code, errOut)
		}
	}
}

// Ctrl-C ends the wait for standard input at once.
func TestInterruptedWhileItWaitsForInput(t *testing.T) {
	env, _, _, errOut := cli.TestEnv()
	in, never := io.Pipe()
	defer never.Close()
	env.In = in
	ctx, interrupt := context.WithCancel(context.Background())
	code := make(chan int)
	go func() { code <- cli.Run(ctx, env, New, []string{"inspect", "-"}) }()
	time.AfterFunc(50*time.Millisecond, interrupt)
	select {
	case c := <-code:
		if c != 130 {
			t.Errorf("%d, %s", c, errOut)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it still waits")
	}
}

// A keystore among the files of a folder is not passed over: what holds certificates
// and was not looked at is said, with what opens it.
func TestKeystoresInAFolder(t *testing.T) {
	dir := t.TempDir()
	if _, errOut, code := plugin("server", "--ip", "10.0.0.1", "--out", dir); code != 0 {
		t.Fatal(errOut)
	}
	locked, err := os.ReadFile("../../testdata/pkcs12/camellia.p12")
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"trust.jks": []byte("\xfe\xed\xfe\xed\x00\x00\x00\x02"), "trust.p12": locked} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, errOut, code := plugin("expiry", dir)
	for _, want := range []string{"trust.jks: a Java keystore", "trust.p12: a PKCS#12 file that is locked", "hint: --passphrase-file FILE opens"} {
		if code != 2 || !strings.Contains(errOut, want) || !strings.Contains(out, "2 sources not read") {
			t.Errorf("%d, %s%s; want %q", code, out, errOut, want)
		}
	}
}
