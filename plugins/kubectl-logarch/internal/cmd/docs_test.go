package cmd

import (
	"bytes"
	"testing"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/check"
	"github.com/clusterwright/kubectl-plugins/shared/clitest"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// The reference page is what the code says. -update (make docs) rewrites it.
func TestDocsOfChecks(t *testing.T) {
	var b bytes.Buffer
	if err := finding.WriteMarkdown(&b, "logarch", check.All()); err != nil {
		t.Fatal(err)
	}
	clitest.Golden(t, "../../../../docs/logarch-checks.md", b.Bytes())
}
