package cmd

import (
	"testing"

	"github.com/clusterwright/kubectl-plugins/shared/clitest"
)

func TestMain(m *testing.M) { clitest.Main(m, "kubectl-certgen", New) }

func TestScripts(t *testing.T) { clitest.Scripts(t, "../../testdata/script") }
