package clitest

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/manual"
)

// Manuals holds the generated manuals of a plugin (docs/NAME-commands.md and
// docs/man/kubectl-NAME.1, below root) against what its commands say; -update
// rewrites them. It also holds every help against an 80-column terminal, and asks
// Tab for the words of flags.
func Manuals(t *testing.T, root string, newRoot func(*cli.Env) *cobra.Command) {
	t.Helper()
	env, _, _, _ := cli.TestEnv()
	tree := cli.Tree(env, newRoot)
	Golden(t, filepath.Join(root, "docs", tree.Name()+"-commands.md"), manual.Markdown(tree))
	Golden(t, filepath.Join(root, "docs", "man", "kubectl-"+tree.Name()+".1"), manual.Man(tree))
	helpFits(t, newRoot, tree)
	completes(t, tree)
}

func helpFits(t *testing.T, newRoot func(*cli.Env) *cobra.Command, c *cobra.Command) {
	t.Helper()
	args := append(strings.Fields(c.CommandPath())[2:], "--help")
	out, errOut, code := Run(t.Context(), newRoot, "", args...)
	if code != 0 || errOut != "" {
		t.Errorf("%s --help: exit status %d\n%s", c.CommandPath(), code, errOut)
	}
	for _, l := range strings.Split(out, "\n") {
		word := !strings.Contains(strings.TrimSpace(l), " ") // an image's name has no place to break
		if n := len([]rune(l)); n > 80 && !word {
			t.Errorf("%s --help has a line of %d columns:\n%s", c.CommandPath(), n, l)
		}
	}
	for _, s := range c.Commands() {
		if s.IsAvailableCommand() {
			helpFits(t, newRoot, s)
		}
	}
}
