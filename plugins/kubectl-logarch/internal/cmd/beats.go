package cmd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/beats"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

func newBeats(env *cli.Env) *cobra.Command {
	o := beats.Options{}
	var format, from string
	c := &cobra.Command{
		Use:   "beats [BEAT...]",
		Short: "Print Filebeat, Metricbeat and Packetbeat with autodiscover",
		Long: cli.Dedent(`
			Prints the objects of the tutorial "Logging with Beats" in the API versions of
			today: DaemonSets with autodiscover, RBAC and configuration for filebeat,
			metricbeat and packetbeat (all three, if none is named).

			Passwords are never taken from the command line. --secret-from is a folder with
			one file a value, as in the tutorial: ELASTICSEARCH_HOSTS,
			ELASTICSEARCH_USERNAME, ELASTICSEARCH_PASSWORD, KIBANA_HOST; or, for Elastic
			Cloud, ELASTIC_CLOUD_ID and ELASTIC_CLOUD_AUTH. Without it the Secret
			dynamic-logging has to be there.`),
		Example: `
			kubectl logarch beats --secret-from ./elastic | kubectl apply -f -
			kubectl logarch beats filebeat --cloud`,
		Args:      cobra.OnlyValidArgs,
		ValidArgs: beats.Names,
		RunE: func(_ *cobra.Command, args []string) error {
			if err := oneOf("output", format, "yaml", "json"); err != nil {
				return err
			}
			o.Beats = beats.Names
			if len(args) > 0 {
				o.Beats = slices.Compact(slices.Sorted(slices.Values(args)))
			}
			if from != "" {
				if err := readSecret(&o, from); err != nil {
					return err
				}
			}
			if err := o.Check(); err != nil {
				return cli.Usagef("--secret-from %s: %w", from, err)
			}
			env.Tell("%s %s for namespace %s; %s", strings.Join(o.Beats, ", "), o.Version, o.Namespace, executed(o.Beats))
			if o.Secret == nil {
				var files []string
				for _, k := range o.Keys() {
					files = append(files, "--from-file="+k)
				}
				env.Tell("they need, from a folder with these files:")
				fmt.Fprintf(env.ErrOut, "  kubectl -n %s create secret generic %s %s\n", o.Namespace, beats.SecretName, strings.Join(files, " "))
			}
			if slices.Contains(o.Beats, "metricbeat") {
				env.Tell("metricbeat also reads kube-state-metrics, in kube-system on port 8080")
			}
			return printObjects(env.Out, format, beats.Objects(o))
		},
	}
	fs := c.Flags()
	fs.StringVarP(&o.Namespace, "namespace", "n", "kube-system", "Namespace of the Beats")
	fs.StringVar(&o.Version, "beat-version", "9.5.2", "Version of the Beats")
	fs.BoolVar(&o.Cloud, "cloud", false, "Elastic Cloud: cloud id and cloud auth instead of the four values")
	fs.StringVar(&from, "secret-from", "", "Folder with a file for each value of the Secret")
	fs.StringVarP(&format, "output", "o", "yaml", "Output format: yaml, json")
	complete(c, "output", "yaml", "json")
	return c
}

// executed says what was done with the configurations of these Beats.
func executed(names []string) string {
	i := slices.Index(names, "filebeat")
	switch {
	case i < 0:
		return "not executed: written by their reference"
	case len(names) == 1:
		return "executed in the project's tests, with Filebeat 7.17, but for autodiscover and the modules"
	}
	others := slices.Delete(slices.Clone(names), i, i+1)
	return "filebeat was executed in the project's tests (7.17, not autodiscover and modules), " + strings.Join(others, " and ") + " not"
}

// readSecret reads the Secret's values. A folder that holds a cloud id is for
// Elastic Cloud.
func readSecret(o *beats.Options, dir string) error {
	o.Secret = map[string]string{}
	if _, err := os.Stat(dir); err != nil {
		return cli.Usagef("--secret-from: %w", err)
	}
	if _, err := os.Stat(filepath.Join(dir, beats.Cloud[0])); err == nil {
		o.Cloud = true
	}
	keys := o.Keys()
	for _, k := range keys {
		b, err := os.ReadFile(filepath.Join(dir, k))
		if errors.Is(err, fs.ErrNotExist) {
			return cli.WithHint(cli.Usagef("--secret-from %s: no file %s", dir, k), "it needs one file each: "+strings.Join(keys, ", "))
		}
		if err != nil {
			return cli.Usagef("--secret-from: %w", err)
		}
		o.Secret[k] = string(b)
	}
	return nil
}
