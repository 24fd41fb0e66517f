package agentconf

import (
	"fmt"
	"strings"
)

// alloy is Grafana Alloy, the successor of promtail, which is at its end.
func alloy(s Spec) Config {
	var b strings.Builder
	to := map[string]string{"stdout": "loki.echo.out.receiver", "loki": "loki.write.out.receiver", "otlp": "otelcol.receiver.loki.out.receiver"}[s.Destination]
	if s.node() {
		fmt.Fprintf(&b, `discovery.kubernetes "pods" {
  role = "pod"
  selectors {
    role  = "pod"
    field = "spec.nodeName=" + sys.env("NODE_NAME")
  }
}

discovery.relabel "pods" {
  targets = discovery.kubernetes.pods.targets
  // not its own logs: they would come back
  rule {
    source_labels = ["__meta_kubernetes_pod_label_app_kubernetes_io_name"]
    regex         = "logarch-alloy"
    action        = "drop"
  }
  rule {
    source_labels = ["__meta_kubernetes_namespace"]
    target_label  = "namespace"
  }
  rule {
    source_labels = ["__meta_kubernetes_pod_name"]
    target_label  = "pod"
  }
  rule {
    source_labels = ["__meta_kubernetes_pod_container_name"]
    target_label  = "container"
  }
  rule {
    source_labels = ["__meta_kubernetes_pod_uid", "__meta_kubernetes_pod_container_name"]
    separator     = "/"
    replacement   = "/var/log/pods/*$1/*.log"
    target_label  = "__path__"
  }
  // a static pod's folder is named after the hash of its manifest, not its uid
  rule {
    source_labels = ["__meta_kubernetes_pod_annotationpresent_kubernetes_io_config_mirror", "__meta_kubernetes_pod_annotation_kubernetes_io_config_mirror", "__meta_kubernetes_pod_container_name"]
    separator     = "/"
    regex         = "true/(.*)"
    replacement   = "/var/log/pods/*$1/*.log"
    target_label  = "__path__"
  }
}

local.file_match "logs" {
  path_targets = discovery.relabel.pods.output
}

loki.source.file "logs" {
  targets       = local.file_match.logs.targets
  tail_from_end = false
  forward_to    = [loki.process.cri.receiver]
}

loki.process "cri" {
  stage.cri { }
  forward_to = [%s]
}
`, to)
	} else {
		b.WriteString("local.file_match \"logs\" {\n  path_targets = [\n")
		for _, f := range s.Files {
			fmt.Fprintf(&b, "    {__path__ = %q, pod = sys.env(\"POD_NAME\"), namespace = sys.env(\"POD_NAMESPACE\")},\n", f)
		}
		fmt.Fprintf(&b, `  ]
}

loki.source.file "logs" {
  targets       = local.file_match.logs.targets
  tail_from_end = false
  forward_to    = [%s]
}
`, to)
	}
	switch s.Destination {
	case "stdout":
		b.WriteString("\nloki.echo \"out\" { }\n")
	case "loki":
		fmt.Fprintf(&b, `
loki.write "out" {
  endpoint {
    url                 = "%s/loki/api/v1/push"
    max_backoff_period  = "1m"
    max_backoff_retries = 0
  }
  wal {
    enabled = true
  }
}
`, s.Endpoint)
	case "otlp":
		kind, client := "otlphttp", fmt.Sprintf("    endpoint = %q\n", strings.TrimSuffix(logsPath(s.Endpoint), "/v1/logs"))
		if !OverHTTP(s.Endpoint) {
			tls, host, port, _ := split(s.Endpoint)
			kind, client = "otlp", fmt.Sprintf("    endpoint = \"%s:%s\"\n    tls {\n      insecure = %v\n    }\n", host, orElse(port, "4317"), !tls)
		}
		fmt.Fprintf(&b, `
otelcol.receiver.loki "out" {
  output {
    logs = [otelcol.exporter.%[1]s.out.input]
  }
}

otelcol.exporter.%[1]s "out" {
  client {
%[2]s  }
  retry_on_failure {
    max_elapsed_time = "0s"
  }
  // a full queue holds the reading up, where the default throws away
  sending_queue {
    block_on_overflow = true
  }
}
`, kind, client)
	}
	return Config{
		Image: "grafana/alloy:v1.20.1", Args: []string{"run", "/etc/logarch/config.alloy", "--storage.path=" + s.State, "--server.http.listen-addr=127.0.0.1:0"},
		Files: map[string]string{"config.alloy": b.String()}, UID: 473,
		Checked: "Alloy's own parser reads it; components and keys are by the reference",
	}
}
