package agentconf

import (
	"fmt"
)

// otel is the OpenTelemetry collector, the contrib distribution.
func otel(s Spec) Config {
	var receiver string
	if s.node() {
		receiver = fmt.Sprintf(`  file_log:
    include: [%q, %q]
    exclude: ["/var/log/pods/*/*/*.gz", "/var/log/pods/*/*/*.tmp", %q]
    start_at: beginning
    include_file_path: true
    include_file_name: false
    storage: file_storage
    retry_on_failure:
      enabled: true
      max_elapsed_time: 0
    operators:
    # Joins partial lines and takes namespace, pod, uid and container from the
    # path.
    - type: container
      format: containerd
      add_metadata_from_filepath: true
`, PodLogs, PodLogs+".*", s.Own)
	} else {
		receiver = fmt.Sprintf(`  file_log:
    include: [%s]
    start_at: beginning
    include_file_path: true
    include_file_name: false
    storage: file_storage
    retry_on_failure:
      enabled: true
      max_elapsed_time: 0
    resource:
      k8s.pod.name: ${env:POD_NAME}
      k8s.namespace.name: ${env:POD_NAMESPACE}
`, quoted(s.Files))
	}
	const queue = `    retry_on_failure:
      enabled: true
      max_elapsed_time: 0
    sending_queue:
      enabled: true
      storage: file_storage
`
	name, exporter := "", ""
	switch s.Destination {
	case "stdout":
		name, exporter = "file", "  file:\n    path: /dev/stdout\n"
	case "file":
		name, exporter = "file", fmt.Sprintf("  file:\n    path: %s\n    append: true\n", s.Endpoint)
	case "otlp":
		if OverHTTP(s.Endpoint) {
			name, exporter = "otlp_http", fmt.Sprintf("  otlp_http:\n    logs_endpoint: %s\n", logsPath(s.Endpoint))+queue
			break
		}
		tls, host, port, _ := split(s.Endpoint)
		name, exporter = "otlp_grpc", fmt.Sprintf("  otlp_grpc:\n    endpoint: %s:%s\n    tls:\n      insecure: %v\n", host, orElse(port, "4317"), !tls)+queue
	case "loki":
		// Loki 3 takes OTLP itself.
		name, exporter = "otlp_http", fmt.Sprintf("  otlp_http:\n    endpoint: %s/otlp\n", s.Endpoint)+queue
	case "http":
		name, exporter = "otlp_http", fmt.Sprintf("  otlp_http:\n    logs_endpoint: %s\n", s.Endpoint)+queue
	case "elasticsearch":
		name, exporter = "elasticsearch", fmt.Sprintf("  elasticsearch:\n    endpoints: [%q]\n    user: ${env:ELASTICSEARCH_USERNAME}\n    password: ${env:ELASTICSEARCH_PASSWORD}\n    retry:\n      enabled: true\n    sending_queue:\n      enabled: true\n      storage: file_storage\n", s.Endpoint)
	}
	conf := fmt.Sprintf(`extensions:
  file_storage:
    directory: %s
receivers:
%sexporters:
%sservice:
  extensions: [file_storage]
  telemetry:
    metrics:
      level: none
  pipelines:
    logs:
      receivers: [file_log]
      exporters: [%s]
`, s.State, receiver, exporter, name)
	return Config{
		Image: "otel/opentelemetry-collector-contrib:0.160.0", Args: []string{"--config=/etc/logarch/otel.yaml"},
		Files: map[string]string{"otel.yaml": conf}, UID: 10001,
		Executed: s.Destination != "elasticsearch", Secrets: s.Destination == "elasticsearch",
	}
}
