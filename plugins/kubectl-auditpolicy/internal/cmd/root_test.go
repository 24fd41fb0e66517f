package cmd

import (
	"testing"

	"github.com/clusterwright/kubectl-plugins/shared/clitest"
)

func TestMain(m *testing.M) { clitest.Main(m, "kubectl-auditpolicy", New) }

func TestScripts(t *testing.T) { clitest.Scripts(t, "../../testdata/script") }

func TestMistakes(t *testing.T) {
	clitest.TryMistakes(t, New, clitest.Mistakes{
		File:     []string{"explain", "FILE"},
		Format:   []string{"simulate", "-o"},
		Number:   []string{"simulate", "--event-size"},
		Duration: []string{"simulate", "--duration"},
		Cluster:  [][]string{{"backend", "verify", "--live"}},
	})
}
