package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

const twoContexts = `apiVersion: v1
kind: Config
current-context: one
clusters:
- {name: one, cluster: {server: "https://one.example:6443"}}
- {name: two, cluster: {server: "https://two.example:6443"}}
contexts:
- {name: one, context: {cluster: one, user: u}}
- {name: two, context: {cluster: two, user: u, namespace: web}}
users:
- {name: u, user: {token: t}}
`

// The flags are kubectl's, and choose what kubectl's would.
func TestClusterFlags(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(file, []byte(twoContexts), 0o600); err != nil {
		t.Fatal(err)
	}
	parse := func(args ...string) *Cluster {
		t.Helper()
		fs := pflag.NewFlagSet("x", pflag.ContinueOnError)
		c := ClusterFlags(fs)
		if err := fs.Parse(append([]string{"--kubeconfig", file}, args...)); err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, x := range []struct {
		args            []string
		host, namespace string
	}{
		{nil, "https://one.example:6443", "default"},
		{[]string{"--context", "two"}, "https://two.example:6443", "web"},
		{[]string{"--context", "two", "-n", "db"}, "https://two.example:6443", "db"},
		{[]string{"--cluster", "two"}, "https://two.example:6443", "default"},
		{[]string{"-s", "https://three.example"}, "https://three.example", "default"},
	} {
		c := parse(x.args...)
		config, err := c.RESTConfig()
		if err != nil {
			t.Fatalf("%v: %v", x.args, err)
		}
		ns, err := c.Namespace()
		if err != nil || config.Host != x.host || ns != x.namespace || config.BearerToken != "t" {
			t.Errorf("%v: %s, namespace %s, token %q, %v", x.args, config.Host, ns, config.BearerToken, err)
		}
	}
	config, err := parse("--as", "eve", "--as-group", "a", "--as-group", "b", "--as-uid", "7", "--as-user-extra", "k=1", "--as-user-extra", "k=2",
		"--request-timeout", "5s", "--insecure-skip-tls-verify", "--tls-server-name", "n", "--proxy-url", "http://p.example", "--token", "mine", "--disable-compression").RESTConfig()
	if err != nil {
		t.Fatal(err)
	}
	i := config.Impersonate
	if i.UserName != "eve" || len(i.Groups) != 2 || i.UID != "7" || len(i.Extra["k"]) != 2 || config.Timeout.Seconds() != 5 || !config.Insecure ||
		config.ServerName != "n" || config.Proxy == nil || config.BearerToken != "mine" || !config.DisableCompression {
		t.Errorf("%+v, %v", i, config)
	}
}

// Without any kubeconfig no cluster is named, whatever default the loader has.
func TestNoClusterNamed(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	c := ClusterFlags(pflag.NewFlagSet("x", pflag.ContinueOnError))
	if _, err := c.RESTConfig(); err == nil || !strings.HasPrefix(err.Error(), "no cluster: no kubeconfig names one") {
		t.Errorf("there is no kubeconfig: %v", err)
	}
}
