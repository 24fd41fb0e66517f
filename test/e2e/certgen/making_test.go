// Package certgen tests kubectl certgen against the real components: the TLS
// clients and servers that its certificates are for, the tools whose folders
// it shares, and a cluster that stands on what it made.
package certgen

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/test/program"
)

// certgen runs the plugin in a folder; it must succeed.
func certgen(t testing.TB, dir string, args ...string) string {
	t.Helper()
	out, errOut, code := try(t, dir, args...)
	if code != 0 {
		t.Fatalf("certgen %s: exit status %d\n%s%s", strings.Join(args, " "), code, out, errOut)
	}
	return out
}

// try runs the plugin and returns what it did.
func try(t testing.TB, dir string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, program.Plugin(t, "certgen"), args...)
	c.Dir = dir
	var out, errOut bytes.Buffer
	c.Stdout, c.Stderr = &out, &errOut
	if err := c.Run(); err != nil && c.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errOut.String(), c.ProcessState.ExitCode()
}

// tool runs another program in a folder and returns both its streams.
func tool(t testing.TB, dir string, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = dir
	c.WaitDelay = time.Second
	c.Env = append(os.Environ(), "LC_ALL=C")
	out, err := c.CombinedOutput()
	return string(out), err
}

// must is tool for a program that has to succeed.
func must(t testing.TB, dir string, name string, args ...string) string {
	t.Helper()
	out, err := tool(t, dir, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

// need fails, or skips outside CI, when a program is not installed.
func need(t testing.TB, names ...string) {
	t.Helper()
	for _, n := range names {
		if _, err := exec.LookPath(n); err == nil {
			continue
		}
		if os.Getenv("CI") == "true" {
			t.Fatalf("NOT TESTED, which is a failure in CI: %s is not installed (hack/packages.sh)", n)
		}
		t.Skipf("NOT TESTED: %s is not installed (hack/packages.sh)", n)
	}
}

// cfsslMain is cfssl 1.6.5, which test/judges/cfssl pins.
const cfsslMain = "github.com/cloudflare/cfssl/cmd/cfssl"

// freePort is a port on loopback that nobody listens on.
func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
}

func write(t testing.TB, file, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func readFile(t testing.TB, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func mustRead(file string) string {
	data, err := os.ReadFile(file)
	if err != nil {
		panic(err) // a file that the test has just made
	}
	return string(data)
}

// quiet keeps refused handshakes, which are what is tested, out of the log.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
