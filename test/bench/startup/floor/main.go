// Command floor is the least that a plugin with kubectl's own flags can be: an
// empty cobra command with cli-runtime's ConfigFlags. Start-up times are
// measured against it.
package main

import (
	"os"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
)

func main() {
	c := &cobra.Command{Use: "floor", Run: func(*cobra.Command, []string) {}}
	genericclioptions.NewConfigFlags(true).AddFlags(c.Flags())
	if c.Execute() != nil {
		os.Exit(1)
	}
}
