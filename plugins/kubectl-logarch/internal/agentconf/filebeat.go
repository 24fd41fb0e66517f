package agentconf

import (
	"fmt"
	"path"
	"strings"
)

// filebeat is Filebeat with the filestream input. Files are looked for every
// second, where the default is ten, and rotated ones are read to their end
// after a restart too: a fingerprint tells them from new ones, whatever they are
// called by then.
func filebeat(s Spec) Config {
	var input string
	if s.node() {
		input = fmt.Sprintf(`- type: filestream
  id: pods
  paths: [%q, %q]
  parsers:
  - container:
      stream: all
      format: auto
  prospector.scanner:
    check_interval: 1s
    symlinks: true
    exclude_files: [%q, '\.(gz|tmp)$']
    fingerprint.enabled: true
    fingerprint.length: 256
  file_identity.fingerprint: ~
  backoff.init: 250ms
  backoff.max: 1s
  close.on_state_change.removed: false
`, PodLogs, PodLogs+".*", strings.NewReplacer("*", ".*", ".log", "\\.log").Replace(s.Own))
	} else {
		var files []string
		for _, f := range s.Files {
			files = append(files, f, f+".*")
		}
		input = fmt.Sprintf(`- type: filestream
  id: application
  paths: [%s]
  # Files shorter than the fingerprint wait: 64 bytes are a line or two.
  prospector.scanner:
    check_interval: 1s
    exclude_files: ['\.(gz|bz2|xz|zst|zip|tmp)$']
    fingerprint.enabled: true
    fingerprint.length: 64
  file_identity.fingerprint: ~
  backoff.init: 250ms
  backoff.max: 1s
  close.on_state_change.removed: false
  fields:
    pod: ${POD_NAME}
    namespace: ${POD_NAMESPACE}
  fields_under_root: true
`, quoted(files))
	}
	processors := ""
	if s.node() {
		processors = `processors:
- add_kubernetes_metadata:
    host: ${NODE_NAME}
    # The path names the pod's uid; what is indexed by default is the container's id.
    indexers:
    - pod_uid: ~
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
		out = fmt.Sprintf("output.file:\n  path: %s\n  filename: %s\n  rotate_every_kb: 1048576\n  number_of_files: 1024\n", path.Dir(s.Endpoint), path.Base(s.Endpoint))
	case "elasticsearch":
		out = fmt.Sprintf("output.elasticsearch:\n  hosts: [%q]\n  username: ${ELASTICSEARCH_USERNAME:}\n  password: ${ELASTICSEARCH_PASSWORD:}\n  max_retries: -1\n", s.Endpoint)
	}
	conf := "filebeat.inputs:\n" + input + processors + fmt.Sprintf(`queue.disk:
  path: %[1]s/queue
  max_size: 256MB
path.data: %[1]s
logging.to_stderr: true
setup.ilm.enabled: auto
`, s.State) + out
	note := ""
	if s.node() {
		note = "static pods (the control plane's) get no kubernetes fields: their folder has a hash in place of the uid; log.file.path names them"
	}
	return Config{
		Note:  note,
		Image: "docker.elastic.co/beats/filebeat-wolfi:9.5.2", Args: []string{"-e", "--strict.perms=false", "-c", "/etc/logarch/filebeat.yml"},
		Executed: s.Destination != "elasticsearch",
		Checked:  "Filebeat 7.17 starts with it; no Elasticsearch was there",
		Files:    map[string]string{"filebeat.yml": conf}, UID: 1000, Secrets: s.Destination == "elasticsearch",
	}
}
