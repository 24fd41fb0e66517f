package cmd

import (
	"testing"

	"github.com/clusterwright/kubectl-plugins/shared/clitest"
)

func TestMain(m *testing.M) { clitest.Main(m, "kubectl-logarch", New) }

func TestScripts(t *testing.T) { clitest.Scripts(t, "../../testdata/script") }

func TestMistakes(t *testing.T) {
	clitest.TryMistakes(t, New, clitest.Mistakes{
		File:     []string{"inject", "--log", "/var/log/app/app.log", "-f", "FILE"},
		Folders:  true,
		Format:   []string{"advise", "-o"},
		Number:   []string{"parse", "--top"},
		Duration: []string{"advise", "--window"},
		Cluster:  [][]string{{"advise"}, {"inject", "deploy/web", "--log", "/var/log/app/app.log"}, {"eject", "deploy/web"}},
	})
}
