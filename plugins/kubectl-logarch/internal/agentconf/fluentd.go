package agentconf

import (
	"fmt"
	"strings"
)

// fluentd is fluentd v1: @type everywhere, where the v0.12 of old examples has
// "type" and "format".
func fluentd(s Spec) Config {
	var b strings.Builder
	b.WriteString("<system>\n  workers 1\n</system>\n")
	source := func(path, pos, tag, parse string) {
		fmt.Fprintf(&b, `
<source>
  @type tail
  path %s
  pos_file %s/%s.pos
  tag %s
  read_from_head true
  follow_inodes true
  refresh_interval 5
  rotate_wait 30
  path_key file
%s</source>
`, path, s.State, pos, tag, parse)
	}
	const none = "  <parse>\n    @type none\n  </parse>\n"
	if s.node() {
		source(PodLogs+","+PodLogs+".*", "pods", "kube.*", "  exclude_path [\"/var/log/pods/*/*/*.gz\", \"/var/log/pods/*/*/*.tmp\", \""+s.Own+"\"]\n  <parse>\n    @type regexp\n    expression /^(?<time>[^ ]+) (?<stream>stdout|stderr) (?<logtag>[FP])[^ ]* (?<message>.*)$/\n    time_format %Y-%m-%dT%H:%M:%S.%N%:z\n    keep_time_key false\n  </parse>\n  emit_unmatched_lines true\n")
		// Partial lines of the CRI are joined for each file and stream.
		b.WriteString(`
<filter kube.**>
  @type concat
  key message
  use_partial_cri_logtag true
  partial_cri_logtag_key logtag
  partial_cri_stream_key stream
  separator ""
  flush_interval 5
  timeout_label @OUT
</filter>
`)
	} else {
		for i, f := range s.Files {
			source(f, fmt.Sprintf("app-%d", i), fmt.Sprintf("app.%d", i), none)
		}
		b.WriteString("\n<filter app.**>\n  @type record_transformer\n  <record>\n    pod \"#{ENV['POD_NAME']}\"\n    namespace \"#{ENV['POD_NAMESPACE']}\"\n  </record>\n</filter>\n")
	}
	b.WriteString("\n<match **>\n  @type relabel\n  @label @OUT\n</match>\n\n<label @OUT>\n  <match **>\n")
	out := ""
	switch s.Destination {
	case "stdout":
		b.WriteString("    @type stdout\n    <format>\n      @type json\n    </format>\n  </match>\n</label>\n")
	case "file":
		out = fmt.Sprintf("    @type file\n    path %s\n    append true\n    <format>\n      @type json\n    </format>\n", strings.TrimSuffix(s.Endpoint, ".log"))
	case "http":
		out = fmt.Sprintf("    @type http\n    endpoint %s\n    json_array true\n    error_response_as_unrecoverable false\n    <format>\n      @type json\n    </format>\n", s.Endpoint)
	case "elasticsearch":
		tls, host, port, path := split(s.Endpoint)
		out = fmt.Sprintf("    @type elasticsearch\n    host %s\n    port %s\n    scheme %s\n    logstash_format true\n    user \"#{ENV['ELASTICSEARCH_USERNAME'] || use_default}\"\n    password \"#{ENV['ELASTICSEARCH_PASSWORD'] || use_default}\"\n    reconnect_on_error true\n    reload_on_failure true\n    reload_connections false\n    log_es_400_reason true\n", host, orElse(port, "9200"), map[bool]string{true: "https", false: "http"}[tls])
		if path != "" {
			out += "    path " + path + "\n"
		}
	}
	if out != "" {
		fmt.Fprintf(&b, `%s    <buffer>
      @type file
      path %s/buffer
      flush_interval 5s
      total_limit_size 512m
      retry_forever true
      overflow_action block
      flush_at_shutdown true
    </buffer>
  </match>
</label>
`, out, s.State)
	}
	c := Config{
		Image: "fluent/fluentd:v1.19.3-debian-2.4", Args: []string{"fluentd", "-c", "/etc/logarch/fluent.conf"},
		Checked: "written by the reference",
		Files:   map[string]string{"fluent.conf": b.String()}, UID: 999, Secrets: s.Destination == "elasticsearch",
	}
	switch {
	case s.Destination == "elasticsearch":
		c.Image = "fluent/fluentd-kubernetes-daemonset:v1.19.3-debian-elasticsearch8-1.1"
	case s.node():
		c.Image = "fluent/fluentd-kubernetes-daemonset:v1.19.3-debian-forward-1.1"
		c.Note = "the image brings the concat filter, which joins partial lines"
	}
	if strings.Contains(c.Image, "kubernetes-daemonset") {
		// Its entry point takes no arguments: it runs what the variable names below
		// /fluentd/etc.
		c.Args, c.Env = nil, map[string]string{"FLUENTD_CONF": "../../etc/logarch/fluent.conf"}
	}
	return c
}
