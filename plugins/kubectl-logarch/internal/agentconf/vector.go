package agentconf

import (
	"fmt"
)

// vector is Vector in YAML. What is read is acknowledged when the sink has it,
// and a file that was rotated is kept open until it is read: rotate_wait_secs has
// no limit by default.
func vector(s Spec) Config {
	from := "logs"
	var source string
	if s.node() {
		source = fmt.Sprintf(`sources:
  logs:
    # Joins partial lines, adds the pod's metadata, follows rotation.
    type: kubernetes_logs
    read_from: beginning
    glob_minimum_cooldown_ms: 5000
    exclude_paths_glob_patterns: ["**/*.gz", "**/*.tmp", %q]
`, s.Own)
		if s.Destination == "otlp" {
			source += "transforms:\n"
		}
	} else {
		from = "pod"
		source = fmt.Sprintf(`sources:
  logs:
    type: file
    include: [%s]
    read_from: beginning
    fingerprint:
      strategy: device_and_inode
    max_line_bytes: 4194304
transforms:
  pod:
    type: remap
    inputs: [logs]
    source: |
      .pod = get_env_var("POD_NAME") ?? ""
      .namespace = get_env_var("POD_NAMESPACE") ?? ""
`, quoted(s.Files))
	}
	const (
		acknowledged = "    acknowledgements:\n      enabled: true\n"
		buffer       = "    buffer:\n      type: disk\n      max_size: 268435488\n      when_full: block\n"
		codec        = "    encoding:\n      codec: json\n"
	)
	sink := ""
	switch s.Destination {
	case "stdout":
		sink = "    type: console\n" + codec + acknowledged
	case "file":
		sink = fmt.Sprintf("    type: file\n    path: %s\n", s.Endpoint) + codec + acknowledged
	case "otlp":
		source += toOTLP(s.node(), from)
		from = "otlp"
		sink = fmt.Sprintf(`    type: opentelemetry
    protocol:
      type: http
      uri: %s
      method: post
      encoding:
        codec: otlp
      request:
        headers:
          content-type: application/x-protobuf
      acknowledgements:
        enabled: true
`, logsPath(s.Endpoint)) + buffer
	case "elasticsearch":
		// A bulk request may fail in part: those documents are sent again.
		sink = fmt.Sprintf("    type: elasticsearch\n    endpoints: [%q]\n    mode: bulk\n    request_retry_partial: true\n    auth:\n      strategy: basic\n      user: \"${ELASTICSEARCH_USERNAME:-}\"\n      password: \"${ELASTICSEARCH_PASSWORD:-}\"\n", s.Endpoint) + acknowledged + buffer
	case "loki":
		labels := "      namespace: \"{{ namespace }}\"\n      pod: \"{{ pod }}\"\n"
		if s.node() {
			labels = "      namespace: \"{{ kubernetes.pod_namespace }}\"\n      pod: \"{{ kubernetes.pod_name }}\"\n      container: \"{{ kubernetes.container_name }}\"\n"
		}
		sink = fmt.Sprintf("    type: loki\n    endpoint: %s\n    labels:\n      job: logarch\n%s", s.Endpoint, labels) + codec + acknowledged + buffer
	case "http":
		sink = fmt.Sprintf("    type: http\n    uri: %s\n    method: post\n    framing:\n      method: newline_delimited\n", s.Endpoint) + codec + acknowledged + buffer
	}
	conf := fmt.Sprintf("data_dir: %s\n%ssinks:\n  out:\n    inputs: [%s]\n%s", s.State, source, from, sink)
	c := Config{
		Image: "timberio/vector:0.59.0-distroless-libc", Args: []string{"--config", "/etc/logarch/vector.yaml"},
		Checked: "strict YAML, keys by the reference that Vector generates from its source",
		Files:   map[string]string{"vector.yaml": conf}, UID: 65534, Secrets: s.Destination == "elasticsearch",
	}
	if c.Secrets {
		// Since 0.57 Vector leaves ${...} as it stands unless it is told otherwise.
		c.Env = map[string]string{"VECTOR_DANGEROUSLY_ALLOW_ENV_VAR_INTERPOLATION": "true"}
	}
	return c
}

// toOTLP makes an event what OTLP expects: Vector's sink sends events as they
// are, and receivers refuse any other form.
func toOTLP(node bool, from string) string {
	namespace, pod, container := ".namespace", ".pod", ""
	if node {
		namespace, pod = ".kubernetes.pod_namespace", ".kubernetes.pod_name"
		container = "        {\"key\": \"k8s.container.name\", \"value\": {\"stringValue\": to_string(.kubernetes.container_name) ?? \"\"}},\n"
	}
	return fmt.Sprintf(`  otlp:
    type: remap
    inputs: [%s]
    source: |
      time = to_unix_timestamp!(.timestamp, unit: "nanoseconds")
      body = string!(.message)
      file = to_string(.file) ?? ""
      resource = [
%s        {"key": "k8s.namespace.name", "value": {"stringValue": to_string(%s) ?? ""}},
        {"key": "k8s.pod.name", "value": {"stringValue": to_string(%s) ?? ""}}
      ]
      record = {
        "timeUnixNano": time,
        "body": {"stringValue": body},
        "attributes": [{"key": "log.file.path", "value": {"stringValue": file}}]
      }
      . = {"resourceLogs": [{"resource": {"attributes": resource}, "scopeLogs": [{"logRecords": [record]}]}]}
`, from, container, namespace, pod)
}
