package cmd

import (
	"context"
	"testing"

	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/clitest"
)

func TestMain(m *testing.M) { clitest.Main(m, "kubectl-certgen", New) }

func TestScripts(t *testing.T) { clitest.Scripts(t, "../../testdata/script") }

func TestMistakes(t *testing.T) {
	clitest.TryMistakes(t, New, clitest.Mistakes{
		File:     []string{"sign", "FILE"},
		Format:   []string{"expiry", "-o"},
		Number:   []string{"ca", "--days"},
		Duration: []string{"request", "alice", "--duration"},
		Cluster:  [][]string{{"request", "alice"}},
	})
}

// plugin runs the command in this process.
func plugin(args ...string) (out, errOut string, code int) {
	env, _, o, e := cli.TestEnv()
	code = cli.Run(context.Background(), env, New, args)
	return o.String(), e.String(), code
}
