package clitest

import (
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

// choices are the flags that take one of a few words wherever they occur: Tab
// has to offer them.
var choices = map[string]bool{"output": true, "fail-on": true, "color": true, "layout": true, "compat": true, "key": true, "show": true, "mode": true, "severity": true}

// failOnUsage is how the same flag is explained everywhere.
const failOnUsage = "Least severity that makes the exit status 1: error, warning, info or never"

// shorthands are kubectl's letters for flags, which mean the same here.
var shorthands = map[string]string{
	"all-namespaces": "A", "filename": "f", "namespace": "n", "output": "o", "quiet": "q", "recursive": "R", "selector": "l", "stdin": "i", "tty": "t", "watch": "w",
}

// completes fails the test for every flag of a few words that Tab does not
// complete.
func completes(t *testing.T, c *cobra.Command) {
	t.Helper()
	own, _ := cli.Flags(c)
	own.VisitAll(func(f *pflag.Flag) {
		if f.Name == "fail-on" && f.DefValue == "error" && f.Usage != failOnUsage {
			t.Errorf("%s --fail-on: %q, elsewhere %q", c.CommandPath(), f.Usage, failOnUsage)
		}
		for name, letter := range shorthands {
			if (f.Name == name) != (f.Shorthand == letter) {
				t.Errorf("%s: -%s is for --%s as in kubectl, not for --%s", c.CommandPath(), letter, name, f.Name)
			}
		}
		if _, ok := c.GetFlagCompletionFunc(f.Name); !ok && choices[f.Name] && f.Value.Type() == "string" {
			t.Errorf("%s --%s: Tab offers nothing", c.CommandPath(), f.Name)
		}
	})
	for _, s := range c.Commands() {
		if s.IsAvailableCommand() {
			completes(t, s)
		}
	}
}
