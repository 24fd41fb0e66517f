package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// Version is the release, set by the linker (-X). A build without it says what
// the Go tool knows of the module.
var Version = ""

// VersionInfo is what `version -o json` prints.
type VersionInfo struct {
	Plugin     string `json:"plugin"`
	Version    string `json:"version"`
	GoVersion  string `json:"goVersion"`
	Platform   string `json:"platform"`
	Kubernetes string `json:"kubernetesLibraries,omitempty"`
}

func versionInfo(plugin string) VersionInfo {
	v := VersionInfo{
		Plugin: plugin, Version: Version,
		GoVersion: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}
	if bi, ok := debug.ReadBuildInfo(); ok {
		if v.Version == "" {
			v.Version = bi.Main.Version
		}
		for _, d := range bi.Deps {
			if d.Path == "k8s.io/client-go" {
				v.Kubernetes = d.Version
			}
		}
	}
	if v.Version == "" || v.Version == "(devel)" {
		v.Version = "devel"
	}
	return v
}

// NewVersionCommand is `version [-o json|yaml]`.
func NewVersionCommand(env *Env) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "version [-o json|yaml]",
		Short: "Print the version of this plugin",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := versionInfo(cmd.Root().Name())
			switch format {
			case "":
				fmt.Fprintf(env.Out, "kubectl %s %s (%s, %s)\n", v.Plugin, v.Version, v.GoVersion, v.Platform)
			case "json":
				return finding.WriteJSON(env.Out, v)
			case "yaml":
				return finding.WriteYAML(env.Out, v)
			default:
				return Usagef("-o %q: not one of json, yaml", format)
			}
			return nil
		},
	}
	c.Flags().StringVarP(&format, "output", "o", "", "Output format: json, yaml")
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"json", "yaml"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}
