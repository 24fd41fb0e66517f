package cmd

import (
	"bytes"
	"testing"

	"github.com/clusterwright/kubectl-plugins/shared/clitest"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// The reference page is what the code says. -update (make docs) rewrites it.
func TestDocsOfChecks(t *testing.T) {
	var b bytes.Buffer
	if err := finding.WriteMarkdown(&b, "nodehealth", allRules()); err != nil {
		t.Fatal(err)
	}
	clitest.Golden(t, "../../../../docs/nodehealth-checks.md", b.Bytes())
}
