package cmd

import (
	"testing"

	"github.com/clusterwright/kubectl-plugins/shared/clitest"
)

func TestTerminal(t *testing.T) {
	clitest.Terminal(t, New, []string{
		"--from examples/nodehealth/kube-worker-1.describe.txt",
		"--from examples/nodehealth/kube-worker-1.yaml",
		"--from examples/nodehealth/kube-worker-1.yaml kube-worker-1",
		"timeline kube-worker-1 --from examples/nodehealth/kube-worker-1.describe.txt",
		"crictl --explain all",
		"faults",
		"faults KubeletDown StorageLost",
		"rbac",
		"--from testdata/nodes/oc-4.14.1-degraded-node.yaml",
		"npd rules testdata/npd/kernel-monitor.json",
		"npd test --rules testdata/npd/kernel-monitor.json --log testdata/npd/docker_hung.log",
		"logs --from testdata/npd/oom_kill.log --scan",
		"version",
	})
}
