package cmd

import (
	"testing"

	"github.com/clusterwright/kubectl-plugins/shared/clitest"
)

// The manuals are what the commands say. -update (make docs) rewrites them.
func TestDocsOfCommands(t *testing.T) { clitest.Manuals(t, "../../../..", New) }
