package agentconf

import (
	"fmt"
	"strings"
)

// filebeat is Filebeat with the filestream input.
func filebeat(s Spec) Config {
	input := ""
	if s.node() {
		input = fmt.Sprintf(`- type: filestream
  id: pods
  paths: [%q]
  parsers:
  - container:
      stream: all
      format: auto
  prospector.scanner:
    symlinks: true
    exclude_files: [%q]
    fingerprint.enabled: true
    fingerprint.length: 256
  file_identity.fingerprint: ~
  close.on_state_change.removed: false
`, PodLogs, strings.NewReplacer("*", ".*", ".log", "\\.log$").Replace(s.Own))
	} else {
		input = fmt.Sprintf(`- type: filestream
  id: application
  paths: [%s]
  # Files shorter than the fingerprint wait: 64 bytes are a line or two.
  prospector.scanner:
    fingerprint.enabled: true
    fingerprint.length: 64
  file_identity.fingerprint: ~
  close.on_state_change.removed: false
  fields:
    pod: ${POD_NAME}
    namespace: ${POD_NAMESPACE}
  fields_under_root: true
`, quoted(s.Files))
	}
	processors := ""
	if s.node() {
		processors = `processors:
- add_kubernetes_metadata:
    host: ${NODE_NAME}
    matchers:
    - logs_path:
        logs_path: /var/log/pods/
        resource_type: pod
`
	}
	out := ""
	switch s.Destination {
	case "stdout":
		out = "output.console:\n  codec.json: {}\n"
	case "file":
		i := strings.LastIndexByte(s.Endpoint, '/')
		out = fmt.Sprintf("output.file:\n  path: %s\n  filename: %s\n", s.Endpoint[:i], s.Endpoint[i+1:])
	case "elasticsearch":
		out = fmt.Sprintf("output.elasticsearch:\n  hosts: [%q]\n  username: ${ELASTICSEARCH_USERNAME:}\n  password: ${ELASTICSEARCH_PASSWORD:}\n  max_retries: -1\n", s.Endpoint)
	}
	conf := lines("filebeat.inputs:") + input + processors + fmt.Sprintf(`queue.disk:
  path: %[1]s/queue
  max_size: 256MB
path.data: %[1]s
logging.to_stderr: true
setup.ilm.enabled: auto
`, s.State) + out
	return Config{
		Image: "docker.elastic.co/beats/filebeat-wolfi:9.5.2", Args: []string{"-e", "--strict.perms=false", "-c", "/etc/logarch/filebeat.yml"},
		Checked: "strict YAML, keys by the reference",
		Files:   map[string]string{"filebeat.yml": conf}, UID: 1000, Secrets: s.Destination == "elasticsearch",
	}
}
