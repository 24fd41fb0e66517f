package cli

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// tab runs what kubectl runs for Tab and returns the words and the
// directive.
func tab(t *testing.T, kubeconfig string, args ...string) string {
	t.Helper()
	t.Setenv("KUBECONFIG", kubeconfig)
	env, _, out, errOut := TestEnv()
	newRoot := func(*Env) *cobra.Command {
		root := &cobra.Command{Use: "thing [NODE...]", Args: cobra.ArbitraryArgs, RunE: func(*cobra.Command, []string) error { return nil }}
		ClusterFlags(root.Flags())
		root.ValidArgsFunction = CompleteNodes(2)
		on := &cobra.Command{Use: "on KIND/NAME...", Args: cobra.ArbitraryArgs, ValidArgsFunction: CompleteWorkloads, RunE: root.RunE}
		ClusterFlags(on.Flags())
		root.AddCommand(on,
			&cobra.Command{Use: "name NAME", Args: cobra.ExactArgs(1), RunE: root.RunE},
			&cobra.Command{Use: "nothing", RunE: root.RunE},
			&cobra.Command{Use: "file FILE", Args: cobra.ExactArgs(1), RunE: root.RunE})
		return root
	}
	if code := Run(t.Context(), env, newRoot, append([]string{"__complete"}, args...)); code != ExitOK {
		t.Fatalf("%q: exit status %d, %s", args, code, errOut)
	}
	return strings.Join(strings.Fields(out.String()), " ")
}

func kubeconfigOf(t *testing.T, server string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config")
	text := fmt.Sprintf("apiVersion: v1\nkind: Config\ncurrent-context: one\nclusters: [{name: c1, cluster: {server: %q}}]\nusers: [{name: u1, user: {token: t}}]\n"+
		"contexts: [{name: one, context: {cluster: c1, user: u1, namespace: shop}}, {name: other, context: {cluster: c1, user: u1}}]\n", server)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCompletionAsksTheCluster(t *testing.T) {
	lists := map[string]string{
		"/api/v1/nodes":                             "n1 n2",
		"/api/v1/namespaces":                        "shop ops",
		"/apis/apps/v1/namespaces/shop/deployments": "web worker",
		"/apis/apps/v1/namespaces/ops/deployments":  "agent",
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var items []string
		for _, n := range strings.Fields(lists[r.URL.Path]) {
			items = append(items, fmt.Sprintf(`{"metadata":{"name":%q}}`, n))
		}
		fmt.Fprintf(w, `{"kind":"PartialObjectMetadataList","items":[%s]}`, strings.Join(items, ","))
	}))
	defer srv.Close()
	config := kubeconfigOf(t, srv.URL)
	for args, want := range map[string]string{
		"n":                            "name nothing n1 n2 :4",
		"n1|":                          "n2 :4",
		"n1|n2|":                       ":4",
		"-n|":                          "shop ops :4",
		"--namespace|o":                "ops :4",
		"--context|":                   "one other :4",
		"on|de":                        "deployment/ :6",
		"on|deploy":                    "deployment/ deploy/ :6",
		"on|deploy/w":                  "deploy/web deploy/worker :4",
		"on|-n|ops|deployment/":        "deployment/agent :4",
		"on|--context|nowhere|deploy/": ":4",
		"on|thing/":                    ":4",
		"name|":                        ":4",
		"nothing|":                     ":4",
		"file|":                        ":0",
		"help|f":                       "file :4",
	} {
		if got := tab(t, config, strings.Split(args, "|")...); got != want {
			t.Errorf("%q: %q, want %q", args, got, want)
		}
	}
}

// Nothing that is wrong with a cluster may hold up or spoil the command line.
func TestCompletionWithoutACluster(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for name, config := range map[string]string{
		"refused": kubeconfigOf(t, "https://127.0.0.1:1"),
		"silent":  kubeconfigOf(t, "https://"+silent.Addr().String()),
		"absent":  filepath.Join(t.TempDir(), "none"),
	} {
		for _, args := range [][]string{{"x"}, {"-n", ""}, {"on", "deploy/"}} {
			begin := time.Now()
			if got := tab(t, config, args...); got != ":4" {
				t.Errorf("%s, %q: %q", name, args, got)
			}
			if took := time.Since(begin); took > 2*time.Second {
				t.Errorf("%s, %q: %s", name, args, took)
			}
		}
	}
}
