package cmd

import (
	"testing"

	"github.com/clusterwright/kubectl-plugins/shared/clitest"
)

func TestTerminal(t *testing.T) {
	clitest.Terminal(t, New, []string{
		"lint examples/auditpolicy/bad.yaml examples/auditpolicy/swallowed.yaml",
		"explain examples/auditpolicy/bad.yaml",
		"match examples/auditpolicy/good.yaml -- kubectl delete secret db -n prod",
		"match examples/auditpolicy/good.yaml --unauthenticated --url /api",
		"test examples/auditpolicy/tests.yaml --policy examples/auditpolicy/bad.yaml",
		"diff examples/auditpolicy/bad.yaml examples/auditpolicy/good.yaml",
		"coverage examples/auditpolicy/bad.yaml",
		"init",
		"replay examples/auditpolicy/good.yaml --log testdata/logs/audit2rbac-demo.log --recorded examples/auditpolicy/bad.yaml",
		"suggest --log testdata/logs/audit2rbac-demo.log",
		"leaks testdata/logs/falco-exec_pod.json",
		"backend log",
		"backend webhook --url https://audit.example.org/events",
		"backend check -- --audit-log-path=/var/log/audit.log --audit-log-maxage=7",
		"simulate --rate 4000 --duration 30s",
		"version",
	})
}
