package agentconf

import (
	"fmt"
	"path"
	"strings"
)

// fluentBit is Fluent Bit in its classic format.
func fluentBit(s Spec) Config {
	var b strings.Builder
	fmt.Fprintf(&b, `[SERVICE]
    Flush                     1
    Grace                     10
    Log_Level                 info
    storage.path              %[1]s/storage
    storage.sync              normal
    storage.max_chunks_up     64
    storage.backlog.mem_limit 16M
`, s.State)
	input := func(tag, path, db, extra string) {
		fmt.Fprintf(&b, `
[INPUT]
    Name              tail
    Tag               %s
    Path              %s
    Read_from_Head    true
    DB                %s/%s.db
    DB.locking        true
    Rotate_Wait       300
    Refresh_Interval  5
    Buffer_Chunk_Size 64k
    Buffer_Max_Size   4M
    Skip_Long_Lines   On
    Path_Key          file
    storage.type      filesystem
    storage.pause_on_chunks_overlimit On
%s`, tag, path, s.State, db, extra)
	}
	if s.node() {
		input("kube.*", PodLogs+","+PodLogs+".*", "pods", "    Exclude_Path      *.gz,*.tmp,"+s.Own+"\n    multiline.parser  cri\n")
		b.WriteString(`
[FILTER]
    Name          kubernetes
    Match         kube.*
    Kube_Tag_Prefix kube.var.log.pods.
    Regex_Parser  pod-path
    Merge_Log     Off
    Labels        On
    Annotations   Off
    Buffer_Size   0
`)
	} else {
		for i, f := range s.Files {
			input(fmt.Sprintf("app.%d", i), f, fmt.Sprintf("app-%d", i), "")
		}
		b.WriteString("\n[FILTER]\n    Name   record_modifier\n    Match  *\n    Record pod ${POD_NAME}\n    Record namespace ${POD_NAMESPACE}\n")
	}
	b.WriteString("\n[OUTPUT]\n    Match         *\n    Retry_Limit   no_limits\n")
	tls, host, port, below := split(s.Endpoint)
	secure := func() {
		if tls {
			b.WriteString("    tls           On\n")
		}
	}
	switch s.Destination {
	case "stdout":
		b.WriteString("    Name          stdout\n    Format        json_lines\n")
	case "file":
		fmt.Fprintf(&b, "    Name          file\n    Path          %s\n    File          %s\n    Format        plain\n", path.Dir(s.Endpoint), path.Base(s.Endpoint))
	case "otlp":
		fmt.Fprintf(&b, "    Name          opentelemetry\n    Host          %s\n    Port          %s\n    Logs_uri      %s\n    Logs_Body_Key $log\n    Logs_Body_Key_Attributes On\n", host, orElse(port, "4318"), logsPath(below))
		if port == "4317" {
			b.WriteString("    Grpc          On\n")
		}
		secure()
	case "elasticsearch":
		fmt.Fprintf(&b, "    Name          es\n    Host          %s\n    Port          %s\n    Logstash_Format On\n    Replace_Dots  On\n    Suppress_Type_Name On\n    Generate_ID   On\n    HTTP_User     ${ELASTICSEARCH_USERNAME}\n    HTTP_Passwd   ${ELASTICSEARCH_PASSWORD}\n", host, orElse(port, "9200"))
		if below != "" {
			fmt.Fprintf(&b, "    Path          %s\n", below)
		}
		secure()
	case "loki":
		labels := "namespace=$namespace, pod=$pod"
		if s.node() {
			labels = "namespace=$kubernetes['namespace_name'], pod=$kubernetes['pod_name'], container=$kubernetes['container_name']"
		}
		fmt.Fprintf(&b, "    Name          loki\n    Host          %s\n    Port          %s\n    Uri           %s/loki/api/v1/push\n    Labels        job=logarch, %s\n    Line_Format   json\n", host, orElse(port, map[bool]string{true: "443", false: "80"}[tls]), below, labels)
		secure()
	case "http":
		fmt.Fprintf(&b, "    Name          http\n    Host          %s\n    Port          %s\n    URI           %s\n    Format        json_lines\n", host, orElse(port, map[bool]string{true: "443", false: "80"}[tls]), orElse(below, "/"))
		secure()
	}
	files := map[string]string{"fluent-bit.conf": b.String()}
	if s.node() {
		files["parsers.conf"] = `[PARSER]
    Name   pod-path
    Format regex
    Regex  (?<namespace_name>[^_]+)_(?<pod_name>[^_]+)_(?<docker_id>[0-9a-f-]+)\.(?<container_name>[^.]+)\.[0-9]+\.log(\.[0-9-]+)?$
`
		files["fluent-bit.conf"] = strings.Replace(files["fluent-bit.conf"], "    Flush  ", "    Parsers_File              /etc/logarch/parsers.conf\n    Flush  ", 1)
	}
	return Config{
		Image: "fluent/fluent-bit:5.1.3", Args: []string{"-c", "/etc/logarch/fluent-bit.conf"}, Files: files,
		Checked: "every plugin, key and value is in Fluent Bit's own schema (4.2)",
		UID:     65534, Secrets: s.Destination == "elasticsearch",
	}
}
