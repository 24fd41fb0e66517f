package agentconf

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

var addresses = map[string]string{
	"elasticsearch": "https://es.example.com:9200/prefix", "loki": "http://loki.example.com:3100", "http": "https://logs.example.com/ingest",
}

func text(t *testing.T, s Spec) string {
	t.Helper()
	if s.State = "/state"; s.Endpoint == "" {
		s.Endpoint = addresses[s.Destination]
	}
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	files := Render(s).Files
	for _, name := range slices.Sorted(maps.Keys(files)) {
		b.WriteString(files[name])
	}
	return b.String()
}

// TestNothingIsThrownAway holds the settings without which an agent throws away
// what it cannot send at once: each is a default of that agent that loses.
func TestNothingIsThrownAway(t *testing.T) {
	app := []string{"/var/log/app/a.log"}
	for _, c := range []struct {
		agent, dest, endpoint string
		node                  bool
		want                  string
	}{
		{"fluentd", "http", "", false, "error_response_as_unrecoverable false"}, // drops at 500
		{"fluentd", "elasticsearch", "", false, "overflow_action block"},
		{"fluentd", "elasticsearch", "", false, "path /prefix"},
		{"fluentd", "stdout", "", true, "emit_unmatched_lines true"},
		{"fluentd", "stdout", "", true, "path /var/log/pods/*/*/*.log,/var/log/pods/*/*/*.log.*"},
		{"fluent-bit", "loki", "", true, "storage.pause_on_chunks_overlimit On"},
		{"fluent-bit", "loki", "", true, "Path              /var/log/pods/*/*/*.log,/var/log/pods/*/*/*.log.*"},
		{"fluent-bit", "elasticsearch", "", false, "Path          /prefix"},
		{"fluent-bit", "otlp", "http://c:4318", false, "Logs_Body_Key_Attributes On"},
		{"vector", "elasticsearch", "", true, "request_retry_partial: true"},
		{"vector", "stdout", "", true, "acknowledgements:\n      enabled: true"},
		{"vector", "otlp", "http://c:4318", true, "resourceLogs"},
		{"vector", "otlp", "http://c:4318", true, "codec: otlp"},
		{"filebeat", "stdout", "", false, `"/var/log/app/a.log", "/var/log/app/a.log.*"`},
		{"filebeat", "stdout", "", true, "check_interval: 1s"},
		{"filebeat", "file", "/out/a.json", true, "number_of_files: 1024"},
		{"alloy", "otlp", "http://c:4317", true, "block_on_overflow = true"},
		// The control plane's pods have a folder of another name (loki#499).
		{"alloy", "loki", "http://l:3100", true, `"__meta_kubernetes_pod_annotation_kubernetes_io_config_mirror"`},
	} {
		s := Spec{Agent: c.agent, Destination: c.dest, Endpoint: c.endpoint, Files: app}
		if c.node {
			s.Files, s.Own = nil, "/var/log/pods/logging_own-*/*/*.log"
		}
		if got := text(t, s); !strings.Contains(got, c.want) {
			t.Errorf("%s to %s (node: %v): no %q in\n%s", c.agent, c.dest, c.node, c.want, got)
		}
	}
	if got := text(t, Spec{Agent: "vector", Destination: "stdout", Files: app}); strings.Contains(got, "rotate_wait_secs") {
		t.Errorf("vector gives a rotated file up before it is read:\n%s", got)
	}
}

// TestProtocolOfOTLP: gRPC and HTTP are told apart by port and path, and never
// sent to the other's port.
func TestProtocolOfOTLP(t *testing.T) {
	for _, c := range []struct{ agent, endpoint, want, not string }{
		{"otel", "http://c:4317", "otlp_grpc:\n    endpoint: c:4317", "otlp_http"},
		{"otel", "https://c", "otlp_grpc:\n    endpoint: c:4317", "otlp_http"},
		{"otel", "http://c:4318", "otlp_http:\n    logs_endpoint: http://c:4318/v1/logs\n", "otlp_grpc"},
		{"otel", "http://c:4318/tenant/", "logs_endpoint: http://c:4318/tenant/v1/logs\n", "otlp_grpc"},
		{"otel", "https://c/v1/logs", "logs_endpoint: https://c/v1/logs", "otlp_grpc"},
		{"alloy", "http://c:4317", `endpoint = "c:4317"`, "otlphttp"},
		{"alloy", "http://c:4318/v1/logs", `endpoint = "http://c:4318"`, "exporter.otlp."},
		{"fluent-bit", "http://c:4317", "Grpc          On", "tls"},
		{"fluent-bit", "https://c:4318", "Logs_uri      /v1/logs", "Grpc"},
		{"fluent-bit", "https://c:4318/tenant", "Logs_uri      /tenant/v1/logs\n", "Grpc"},
		{"alloy", "http://c:4318/tenant/v1/logs/", `endpoint = "http://c:4318/tenant"`, "exporter.otlp."},
		{"vector", "https://c:4318", "uri: https://c:4318/v1/logs\n", "4317"},
	} {
		got := text(t, Spec{Agent: c.agent, Destination: "otlp", Endpoint: c.endpoint, Own: "own"})
		if !strings.Contains(got, c.want) || strings.Contains(got, c.not) {
			t.Errorf("%s to %s: want %q and no %q in\n%s", c.agent, c.endpoint, c.want, c.not, got)
		}
	}
	err := Spec{Agent: "vector", Destination: "otlp", Endpoint: "http://c:4317"}.Check()
	if err == nil || !strings.Contains(err.Error(), "4318") {
		t.Errorf("vector to 4317: %v", err)
	}
}

// TestAddresses: a file is one of the container, by its whole path, and a Loki
// may be named with a slash at the end, or by the path of its API.
func TestAddresses(t *testing.T) {
	for _, agent := range []string{"otel", "fluent-bit", "fluentd", "vector", "filebeat"} {
		for _, bad := range []string{"out.log", "/", "/out/", "../out.log"} {
			if err := (Spec{Agent: agent, Destination: "file", Endpoint: bad}).Check(); err == nil || !strings.Contains(err.Error(), "absolute path") {
				t.Errorf("%s to %s: %v", agent, bad, err)
			}
		}
		got := text(t, Spec{Agent: agent, Destination: "file", Endpoint: "/out.log", Own: "own"})
		if !strings.Contains(got, "/out") && !strings.Contains(got, "path: /\n  filename: out.log") && !strings.Contains(got, "Path          /\n    File          out.log") {
			t.Errorf("%s:\n%s", agent, got)
		}
	}
	for _, agent := range []string{"otel", "fluent-bit", "vector", "alloy"} {
		for _, endpoint := range []string{"http://loki:3100/", "http://loki:3100/tenant/"} {
			if got := text(t, Spec{Agent: agent, Destination: "loki", Endpoint: endpoint, Own: "own"}); strings.Contains(got, "tenant//") || strings.Contains(got, "3100//") {
				t.Errorf("%s to %s:\n%s", agent, endpoint, got)
			}
		}
		want := text(t, Spec{Agent: agent, Destination: "loki", Endpoint: "http://loki:3100", Own: "own"})
		for _, whole := range []string{"http://loki:3100/loki/api/v1/push", "http://loki:3100/otlp/v1/logs", "http://loki:3100/otlp/"} {
			if got := text(t, Spec{Agent: agent, Destination: "loki", Endpoint: whole, Own: "own"}); got != want {
				t.Errorf("%s to %s:\n%s", agent, whole, got)
			}
		}
	}
	for _, bad := range []string{"loki:3100", "http://", "http://:3100", "ftp://loki", "http://loki:port", "http:///push", "https://me:secret@loki"} {
		if err := (Spec{Agent: "vector", Destination: "loki", Endpoint: bad}).Check(); err == nil || strings.Contains(err.Error(), "secret@") {
			t.Errorf("vector to %s: %v", bad, err)
		}
	}
}

// TestImageThatTakesNoArguments: the entry point of fluentd's images for
// Kubernetes runs the file that a variable names, whatever its arguments.
func TestImageThatTakesNoArguments(t *testing.T) {
	for _, s := range []Spec{
		{Agent: "fluentd", Destination: "stdout"}, {Agent: "fluentd", Destination: "elasticsearch", Endpoint: "http://e", Files: []string{"/a"}},
	} {
		if c := Render(s); !strings.Contains(c.Image, "kubernetes-daemonset") || len(c.Args) > 0 || c.Env["FLUENTD_CONF"] != "../../etc/logarch/fluent.conf" {
			t.Errorf("%+v", c)
		}
	}
	if c := Render(Spec{Agent: "fluentd", Destination: "stdout", Files: []string{"/a"}}); len(c.Args) == 0 || c.Env != nil {
		t.Errorf("%+v", c)
	}
	// Vector puts variables into its configuration only if it is told to.
	if c := Render(Spec{Agent: "vector", Destination: "elasticsearch", Endpoint: "http://e"}); c.Env["VECTOR_DANGEROUSLY_ALLOW_ENV_VAR_INTERPOLATION"] != "true" {
		t.Errorf("%+v", c.Env)
	}
}
