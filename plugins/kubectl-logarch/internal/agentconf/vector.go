package agentconf

import "fmt"

// vector is Vector in YAML.
func vector(s Spec) Config {
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
	} else {
		source = fmt.Sprintf(`sources:
  logs:
    type: file
    include: [%s]
    read_from: beginning
    ignore_checkpoints: false
    fingerprint:
      strategy: device_and_inode
    rotate_wait_secs: 30
    max_line_bytes: 4194304
`, quoted(s.Files))
	}
	sink := ""
	const buffer = `    buffer:
      type: disk
      max_size: 268435488
      when_full: block
    acknowledgements:
      enabled: true
`
	const codec = "    encoding:\n      codec: json\n"
	switch s.Destination {
	case "stdout":
		sink = "    type: console\n" + codec
	case "file":
		sink = fmt.Sprintf("    type: file\n    path: %s\n", s.Endpoint) + codec
	case "otlp":
		_, _, _, path := split(s.Endpoint)
		uri := s.Endpoint
		if path == "" {
			uri += "/v1/logs"
		}
		sink = fmt.Sprintf("    type: opentelemetry\n    protocol:\n      type: http\n      uri: %s\n      method: post\n      encoding:\n        codec: json\n", uri) + buffer
	case "elasticsearch":
		sink = fmt.Sprintf("    type: elasticsearch\n    endpoints: [%q]\n    mode: bulk\n    auth:\n      strategy: basic\n      user: ${ELASTICSEARCH_USERNAME}\n      password: ${ELASTICSEARCH_PASSWORD}\n", s.Endpoint) + buffer
	case "loki":
		sink = fmt.Sprintf("    type: loki\n    endpoint: %s\n    labels:\n      job: logarch\n", s.Endpoint) + codec + buffer
	case "http":
		sink = fmt.Sprintf("    type: http\n    uri: %s\n    method: post\n    framing:\n      method: newline_delimited\n", s.Endpoint) + codec + buffer
	}
	conf := fmt.Sprintf("data_dir: %s\n%ssinks:\n  out:\n    inputs: [logs]\n%s", s.State, source, sink)
	return Config{
		Image: "timberio/vector:0.56.0-distroless-libc", Args: []string{"--config", "/etc/logarch/vector.yaml"},
		Checked: "strict YAML, keys by the reference",
		Files:   map[string]string{"vector.yaml": conf}, UID: 65534, Secrets: s.Destination == "elasticsearch",
	}
}
