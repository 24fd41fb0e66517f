package windows

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/test/cluster"
)

// The verbs that ask a cluster, and those that open a stream to a node.
func TestLive(t *testing.T) {
	m := start(t)
	c := cluster.ForTest(t, cluster.Config{Name: "e2e-windows", Nodes: 1})
	config, err := os.ReadFile(c.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	dir := m.folder(t, "live")
	if err := os.WriteFile(filepath.Join(dir, "config"), config, 0o600); err != nil {
		t.Fatal(err)
	}
	node := "kube-worker-1"
	for _, s := range []struct {
		line string
		code int
		out  string
	}{
		{`kubectl-nodehealth ` + node, 0, node + "   HEALTHY"},
		{`kubectl nodehealth ` + node + ` -o name`, 0, ""},
		{`kubectl-nodehealth nosuchnode`, 2, ""},
		{`kubectl-nodehealth usage`, 0, node},
		// The node of the test has no kernel log, and what is not read is no clean bill.
		{`kubectl-nodehealth logs ` + node + ` --scan`, 3, "read: kubelet"},
		{`kubectl-nodehealth shell ` + node + ` -- sh -c "echo from the node; exit 7"`, 7, "from the node"},
		{`kubectl-nodehealth crictl ` + node + ` -- ps`, 0, "CONTAINER"},
		{`kubectl-certgen request alice --org developers --approve --out C:\live\made`, 0, "alice"},
		{`kubectl-certgen expiry --live`, 0, "EXPIRES"},
		{`kubectl-logarch advise -A`, 0, ""},
		{`kubectl-auditpolicy lint --live examples\auditpolicy\good.yaml`, 0, ""},
	} {
		r := m.cmd(t, "live", `set KUBECONFIG=C:\live\none;C:\live\config`, s.line, `exit %ERRORLEVEL%`)
		if r.code != s.code || !strings.Contains(r.out, s.out) {
			t.Errorf("%s: want status %d and %q\n%v", s.line, s.code, s.out, r)
		}
	}
}
