package cmd

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/widetext"
)

// configName is the file that is looked for in this folder and those above it,
// up to the one that holds the repository.
const configName = ".auditpolicy.yaml"

// lintConfig is the configuration file. Flags win over it.
type lintConfig struct {
	TargetVersion string                      `json:"targetVersion"`
	FailOn        string                      `json:"failOn"`
	Disable       []string                    `json:"disable"`
	Enable        []string                    `json:"enable"`
	Severity      map[string]finding.Severity `json:"severity"`
}

// configure applies the configuration file to what no flag set.
func (o *lintOptions) configure(cmd *cobra.Command) error {
	path := o.config
	if path == "" {
		dir, err := os.Getwd()
		if err != nil {
			return nil //nolint:nilerr // without a folder there is no file to find in it
		}
		if path = findConfig(dir); path == "" {
			return nil
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return cli.Usagef("configuration %s: %w", path, reason(err))
	}
	var c lintConfig
	if err := yaml.UnmarshalStrict(widetext.Decode(data), &c); err != nil {
		msg := strings.NewReplacer("json: ", "", "error unmarshaling JSON: while decoding JSON: ", "", "error converting YAML to JSON: yaml: ", "").Replace(err.Error())
		return cli.Usagef("configuration %s: %s; it knows targetVersion, failOn, disable, enable and severity", path, msg)
	}
	unset := func(flag string) bool { return !cmd.Flags().Changed(flag) }
	if unset("target-version") && c.TargetVersion != "" {
		o.target = c.TargetVersion
	}
	if unset("fail-on") && c.FailOn != "" {
		o.failOn = c.FailOn
	}
	if unset("disable") {
		o.disable = c.Disable
	}
	if unset("enable") {
		o.enable = c.Enable
	}
	o.rules.Severity = map[string]finding.Severity{}
	for id, s := range c.Severity {
		if s.Rank() == 0 {
			return cli.Usagef("configuration %s: severity of %s: %q is not one of error, warning, info", path, id, string(s))
		}
		o.rules.Severity[strings.ToUpper(id)] = s
	}
	return nil
}

func findConfig(dir string) string {
	for {
		path := filepath.Join(dir, configName)
		if _, err := os.Stat(path); err == nil {
			return path
		}
		if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil {
			return ""
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}
