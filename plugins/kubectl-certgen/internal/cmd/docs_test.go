package cmd

import (
	"bytes"
	"testing"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/certlint"
	"github.com/clusterwright/kubectl-plugins/shared/clitest"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// The reference page is what the code says. -update (make docs) rewrites it.
func TestDocsOfChecks(t *testing.T) {
	var b bytes.Buffer
	if err := finding.WriteMarkdown(&b, "certgen", certlint.Rules()); err != nil {
		t.Fatal(err)
	}
	clitest.Golden(t, "../../../../docs/certgen-checks.md", b.Bytes())
}
