package cmd

import (
	"testing"

	"github.com/clusterwright/kubectl-plugins/shared/clitest"
)

func TestMain(m *testing.M) { clitest.Main(m, "kubectl-nodehealth", New) }

func TestScripts(t *testing.T) { clitest.Scripts(t, "../../testdata/script") }

func TestMistakes(t *testing.T) {
	clitest.TryMistakes(t, New, clitest.Mistakes{
		File:     []string{"npd", "rules", "FILE"},
		Format:   []string{"usage", "-o"},
		Number:   []string{"logs", "n1", "--tail"},
		Duration: []string{"usage", "--request-timeout"},
		Cluster: [][]string{
			{}, {"n1"}, {"logs", "n1"}, {"crictl", "n1", "--", "ps"}, {"shell", "n1", "--", "true"},
			{"usage"}, {"timeline", "n1"}, {"compare", "n1", "n2"}, {"bundle", "n1"}, {"npd", "status"},
		},
	})
}
