package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/klog/v2"
)

func TestWrongFlagsAndArguments(t *testing.T) {
	for args, want := range map[string]string{
		"--forec":          "error: unknown flag: --forec\nhint: did you mean --force?\n",
		"-zf":              "error: unknown flag: -z\nhint: see 'kubectl thing --help'\n",
		"--days":           "error: --days: a value is missing\nhint: --days int: Days that it holds (default 365)\n",
		"--days x":         "error: --days \"x\": not a whole number such as 10\nhint: --days int: Days that it holds (default 365)\n",
		"--force=maybe":    "error: -f, --force \"maybe\": not one of true, false\nhint: --force: Overwrite\n",
		"--wait 5x":        "error: --wait \"5x\": not a time such as 30s, 10m or 24h\nhint: --wait duration: How long to wait\n",
		"make":             "error: kubectl thing make: an argument is missing\nhint: usage: kubectl thing make NAME\n",
		"make a b c":       "error: kubectl thing make: unexpected argument \"b\"\nhint: usage: kubectl thing make NAME\n",
		"completion":       "error: kubectl thing completion: an argument is missing, one of bash, zsh, fish, powershell, install, uninstall\nhint: usage: kubectl thing completion SHELL\n",
		"version --output": "error: -o, --output: a value is missing\nhint: --output string: Output format: json, yaml\n",
	} {
		env, _, _, errOut := TestEnv()
		code := Run(context.Background(), env, func(*Env) *cobra.Command {
			run := func(*cobra.Command, []string) error { return nil }
			c := &cobra.Command{Use: "thing", RunE: run}
			c.Flags().Int("days", 365, "Days that it holds")
			c.Flags().BoolP("force", "f", false, "Overwrite")
			c.Flags().Duration("wait", 0, "How long to wait")
			c.AddCommand(&cobra.Command{Use: "make NAME", Args: cobra.ExactArgs(1), RunE: run}, NewVersionCommand(env), NewCompletionCommand(env))
			return c
		}, strings.Fields(args))
		if code != ExitUsage || errOut.String() != want {
			t.Errorf("%s: %d and %q, want %q", args, code, errOut, want)
		}
	}
}

func TestTell(t *testing.T) {
	dir := t.TempDir()
	_, missing := os.ReadFile(filepath.Join(dir, "none"))
	_, folder := os.ReadFile(dir)
	get := func(u string, err error) error { return &url.Error{Op: "Get", URL: u, Err: err} }
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	nodes := schema.GroupResource{Resource: "nodes"}
	for _, c := range []struct {
		err        error
		text, hint string
	}{
		{fmt.Errorf("policy: %w", missing), "policy: " + filepath.Join(dir, "none") + ": " + errors.Unwrap(missing).Error(), "look at the spelling"},
		{fmt.Errorf("--from %s: %w", dir, folder), "--from " + dir + ": is a directory", "name a file in it"},
		{fmt.Errorf("node n1: %w", get("https://10.0.0.1:6443/api/v1/nodes/n1", refused)), "node n1: the API server 10.0.0.1:6443 does not answer: connection refused", "kubectl cluster-info"},
		{fmt.Errorf("get: %w", get("https://example.org/a.yaml", &net.DNSError{Name: "example.org", Err: "no such host"})), "get: example.org does not answer: example.org: no such host", ""},
		{fmt.Errorf("--url: %w", &url.Error{Op: "parse", URL: "%zz", Err: url.EscapeError("%zz")}), "--url: parse \"%zz\": invalid URL escape \"%zz\"", ""},
		{fmt.Errorf("list nodes: %w", apierrors.NewUnauthorized("Unauthorized")), "list nodes: the API server does not accept the credentials (401)", "log in again"},
		{fmt.Errorf("list nodes: %w", apierrors.NewForbidden(nodes, "", errors.New("no"))), "list nodes: nodes is forbidden: no", "auth can-i"},
	} {
		text, hints := Tell(c.err)
		if text != c.text || !strings.Contains(strings.Join(hints, "\n"), c.hint) {
			t.Errorf("%q and %q, want %q and %q", text, hints, c.text, c.hint)
		}
	}
}

// What the libraries log must not stand beside the error.
func TestLibrariesAreQuiet(t *testing.T) {
	var out bytes.Buffer
	quietKlog(&out)
	old := os.Stderr
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	os.Stderr = w
	klog.ErrorS(nil, "from a library")
	os.Stderr = old
	w.Close()
	var got bytes.Buffer
	if _, err := got.ReadFrom(r); err != nil || got.Len() > 0 || out.Len() > 0 {
		t.Errorf("%q, %q, %v", got.String(), out.String(), err)
	}
}
