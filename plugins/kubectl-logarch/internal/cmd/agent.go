package cmd

import (
	"cmp"
	"io"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/agentconf"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/nodeagent"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/splice"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

func newAgent(env *cli.Env) *cobra.Command {
	o := nodeagent.Options{}
	var format string
	c := &cobra.Command{
		Use:   "agent NAME",
		Short: "Print a node-level log agent: DaemonSet, RBAC and configuration",
		Long: cli.Dedent(`
			Prints the objects of a log agent that runs on every node and reads the
			container logs: NAME is otel, fluent-bit, fluentd, vector, filebeat or alloy.
			Files are read from their beginning, positions survive the agent's pod, output
			is retried without end, partial lines of the CRI are joined, rotated files are
			read to their end, and the agent does not read its own output.`),
		Example: `
			kubectl logarch agent otel --destination otlp --endpoint http://collector.observability:4317 | kubectl apply -f -
			kubectl logarch agent fluent-bit --destination loki --endpoint http://loki-gateway.loki
			kubectl logarch agent vector -o json`,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: agentconf.Names,
		RunE: func(_ *cobra.Command, args []string) error {
			o.Agent = args[0]
			if err := o.Spec().Check(); err != nil {
				return cli.Usagef("%w", err)
			}
			if err := oneOf("output", format, "yaml", "json"); err != nil {
				return err
			}
			conf := agentconf.Render(o.Spec())
			how := "its configuration was executed in the project's tests"
			if !conf.Executed {
				how = "not executed: " + cmp.Or(conf.Checked, "written by the reference")
			}
			env.Tell("%s on every node, %s to %s; namespace %s (pod security: privileged, for hostPath)", o.Agent, agentconf.PodLogs, o.Destination, o.Namespace)
			env.Tell("%s", how)
			if conf.Secrets {
				env.Tell("user and password come from Secret dynamic-logging (ELASTICSEARCH_USERNAME, ELASTICSEARCH_PASSWORD), if it is there")
			}
			if conf.Note != "" {
				env.Tell("%s", conf.Note)
			}
			return printObjects(env.Out, format, nodeagent.Objects(o))
		},
	}
	fs := c.Flags()
	fs.StringVarP(&o.Namespace, "namespace", "n", "logging", "Namespace of the agent")
	fs.BoolVar(&o.MakeNamespace, "create-namespace", true, "Print the Namespace too")
	fs.StringVar(&o.Destination, "destination", "stdout", "Where it sends to: stdout, otlp, elasticsearch, loki, http or file")
	fs.StringVar(&o.Endpoint, "endpoint", "", "Address of the destination")
	fs.StringVar(&o.Image, "image", "", "Image (default: the agent's own)")
	fs.StringVarP(&format, "output", "o", "yaml", "Output format: yaml, json")
	complete(c, "destination", agentconf.Destinations...)
	complete(c, "output", "yaml", "json")
	return c
}

// printObjects writes objects as documents, or as a List in JSON.
func printObjects(w io.Writer, format string, objects []splice.Object) error {
	if format == "json" {
		var items splice.List
		for _, o := range objects {
			items = append(items, o)
		}
		return finding.WriteJSON(w, map[string]any{"apiVersion": "v1", "kind": "List", "items": splice.Plain(items)})
	}
	_, err := io.WriteString(w, splice.Document(objects...))
	return err
}
