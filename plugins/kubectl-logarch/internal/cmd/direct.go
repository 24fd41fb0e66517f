package cmd

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/agentconf"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/pattern"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/podparts"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/splice"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

// steps are what an application has to do to push by OTLP, by language.
var steps = map[string][]string{
	"java": {
		"run with the agent: JAVA_TOOL_OPTIONS=-javaagent:/otel/opentelemetry-javaagent.jar (it takes Logback and Log4j 2 over)",
		"keep the console appender: it is what remains after a crash",
	},
	"python": {
		"pip install opentelemetry-distro opentelemetry-exporter-otlp; opentelemetry-bootstrap -a install",
		"start with: opentelemetry-instrument python app.py, and OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED=true",
	},
	"node": {
		"npm install @opentelemetry/auto-instrumentations-node (it takes winston, pino and bunyan over)",
		"start with: node --require @opentelemetry/auto-instrumentations-node/register app.js",
	},
	"go": {
		"go get go.opentelemetry.io/contrib/bridges/otelslog go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc",
		"log through slog with the bridge's handler; call LoggerProvider.Shutdown before the process ends, or the last batch is lost",
	},
	"dotnet": {
		"builder.Logging.AddOpenTelemetry(o => o.AddOtlpExporter()); package OpenTelemetry.Exporter.OpenTelemetryProtocol",
		"keep AddConsole: it is what remains after a crash",
	},
}

var languages = []string{"java", "python", "node", "go", "dotnet"}

func newDirect(env *cli.Env) *cobra.Command {
	var language, endpoint, container string
	var patch bool
	c := &cobra.Command{
		Use:   "direct",
		Short: "What to do for pushing logs from the application itself",
		Long: cli.Dedent(`
			Kubernetes has no part in this pattern: the application sends its records to
			the backend. This prints what it takes, and as a strategic merge patch (-o
			patch of other commands, --patch here) the variables that OTLP libraries read.`),
		Example: `
			kubectl logarch direct --language java --endpoint http://collector.observability:4317
			kubectl logarch direct --patch --container app --endpoint http://collector.observability:4317`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if language != "" {
				if err := oneOf("language", language, languages...); err != nil {
					return err
				}
			}
			if !strings.Contains(endpoint, "://") {
				return cli.Usagef("--endpoint %q: not a URL such as http://collector.observability:4317", endpoint)
			}
			if patch {
				_, err := io.WriteString(env.Out, splice.Document(directPatch(container, endpoint)))
				return err
			}
			for _, p := range pattern.All {
				if p.Name == "direct" {
					writePattern(env.Out, env.Style(env.Out), p, env.Width())
				}
			}
			fmt.Fprintf(env.Out, "\n%s\n", env.Style(env.Out).Bold("In the application"))
			for _, l := range languages {
				if language != "" && l != language {
					continue
				}
				for _, s := range steps[l] {
					if l == "go" && agentconf.OverHTTP(endpoint) { // the package is the protocol
						s = strings.ReplaceAll(s, "otlploggrpc", "otlploghttp")
					}
					fold.Under(env.Out, fmt.Sprintf("  %-7s ", l), s, env.Width())
				}
			}
			fmt.Fprintf(env.Out, "\n%s\n  %s\n  kubectl patch deployment NAME --patch-file patch.yaml\n", env.Style(env.Out).Bold("In the manifest"),
				shell("kubectl logarch direct --patch --container NAME --endpoint "+endpoint+" > patch.yaml"))
			return nil
		},
	}
	fs := c.Flags()
	fs.StringVar(&language, "language", "", "Language of the application: "+strings.Join(languages, ", "))
	fs.StringVar(&endpoint, "endpoint", "http://otel-collector.observability:4317", "Address of the OTLP receiver")
	fs.StringVar(&container, "container", "app", "Container, for --patch")
	fs.BoolVar(&patch, "patch", false, "Print a strategic merge patch with the variables")
	complete(c, "language", languages...)
	return c
}

// directPatch sets the variables that every OTLP library reads. The library writes
// the path of the signal behind the endpoint itself.
func directPatch(container, endpoint string) splice.Object {
	value := func(name, v string) splice.Object {
		return splice.Object{{Key: "name", Value: name}, {Key: "value", Value: v}}
	}
	protocol := "grpc"
	if agentconf.OverHTTP(endpoint) {
		protocol = "http/protobuf"
	}
	env := splice.List{
		podparts.FieldVar("POD_NAME", "metadata.name"), podparts.FieldVar("POD_NAMESPACE", "metadata.namespace"), podparts.FieldVar("NODE_NAME", "spec.nodeName"),
		value("OTEL_EXPORTER_OTLP_ENDPOINT", strings.TrimSuffix(endpoint, "/v1/logs")), value("OTEL_EXPORTER_OTLP_PROTOCOL", protocol), value("OTEL_LOGS_EXPORTER", "otlp"),
		value("OTEL_RESOURCE_ATTRIBUTES", "k8s.pod.name=$(POD_NAME),k8s.namespace.name=$(POD_NAMESPACE),k8s.node.name=$(NODE_NAME)"),
	}
	return splice.Object{{Key: "spec", Value: splice.Object{{Key: "template", Value: splice.Object{{Key: "spec", Value: splice.Object{
		{Key: "containers", Value: splice.List{splice.Object{{Key: "name", Value: container}, {Key: "env", Value: env}}}},
	}}}}}}}
}
