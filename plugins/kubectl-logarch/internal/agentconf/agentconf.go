// Package agentconf turns one description of what to ship into the configuration
// of each log agent: the smallest one that is correct and loses nothing. Files
// are read from their beginning, positions are kept on a volume, output is
// retried without end, and what a slow destination cannot take waits on disk.
package agentconf

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Spec is the description.
type Spec struct {
	// Agent is one of Names.
	Agent string
	// Files are the logs of an application. Where there are none the agent reads
	// the container logs of a node, in the format of the CRI.
	Files []string
	// Own is a glob of the agent's own container logs, which it must not read: its
	// output would come back to it.
	Own string
	// State is a directory on a volume, for positions and waiting output.
	State string
	// Destination is one of Destinations, Endpoint its address (a file's path for
	// "file").
	Destination, Endpoint string
}

// Config is what an agent needs to run.
type Config struct {
	// Image is the agent's image, Args are what its program is given.
	Image string
	Args  []string
	// Env are variables that it needs beside those of the pod.
	Env map[string]string
	// Dir is where the files have to be mounted.
	Dir   string
	Files map[string]string
	// UID is the user that the image is made for.
	UID int64
	// Executed says whether the project's tests run this configuration.
	Executed bool
	// Checked says what was held against the agent's maker where it is not.
	Checked string
	// Secrets says that ELASTICSEARCH_USERNAME and ELASTICSEARCH_PASSWORD may be
	// set.
	Secrets bool
	// Note is a thing to know.
	Note string
}

// Names are the agents, Destinations the places that they send to.
var (
	Names        = []string{"otel", "fluent-bit", "fluentd", "vector", "filebeat", "alloy"}
	Destinations = []string{"stdout", "otlp", "elasticsearch", "loki", "http", "file"}
)

// can says which agent sends where with its own image.
var can = map[string][]string{
	"otel":       {"stdout", "otlp", "elasticsearch", "loki", "http", "file"},
	"fluent-bit": {"stdout", "otlp", "elasticsearch", "loki", "http", "file"},
	"fluentd":    {"stdout", "elasticsearch", "http", "file"},
	"vector":     {"stdout", "otlp", "elasticsearch", "loki", "http", "file"},
	"filebeat":   {"stdout", "elasticsearch", "file"},
	"alloy":      {"stdout", "otlp", "loki"},
}

var renderers = map[string]func(Spec) Config{
	"otel": otel, "fluent-bit": fluentBit, "fluentd": fluentd, "vector": vector, "filebeat": filebeat, "alloy": alloy,
}

// Check says what is wrong with a description.
func (s Spec) Check() error {
	if !slices.Contains(Names, s.Agent) {
		return fmt.Errorf("agent %q: not one of %s", s.Agent, strings.Join(Names, ", "))
	}
	if !slices.Contains(can[s.Agent], s.Destination) {
		var others []string
		for _, n := range Names {
			if slices.Contains(can[n], s.Destination) {
				others = append(others, n)
			}
		}
		return fmt.Errorf("agent %s does not send to %s with its own image; %s can", s.Agent, s.Destination, strings.Join(others, ", "))
	}
	_, authority, _ := strings.Cut(s.Endpoint, "://")
	authority, _, _ = strings.Cut(authority, "/")
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		return fmt.Errorf("--endpoint ...%s: it holds a user and a password, which a ConfigMap would show to all; Elasticsearch's are taken from Secret dynamic-logging, others belong into the agent's own settings", authority[i:])
	}
	switch {
	case s.Destination == "stdout":
		if s.Endpoint != "" {
			return fmt.Errorf("--endpoint %s: stdout has no address; choose --destination", s.Endpoint)
		}
	case s.Destination == "file":
		if s.Endpoint != "" && (!strings.HasPrefix(s.Endpoint, "/") || path.Clean(s.Endpoint) != s.Endpoint || s.Endpoint == "/") {
			return fmt.Errorf("--endpoint %s: --destination file needs the absolute path of a file such as /var/log/out/all.log", s.Endpoint)
		}
	case s.Endpoint == "":
		return fmt.Errorf("--destination %s needs --endpoint, for example %s", s.Destination, example[s.Destination])
	case !address.MatchString(s.Endpoint):
		return fmt.Errorf("--endpoint %s: not a URL such as %s", s.Endpoint, example[s.Destination])
	}
	if _, _, port, _ := split(s.Endpoint); s.Agent == "vector" && s.Destination == "otlp" && port == "4317" {
		return fmt.Errorf("--endpoint %s: vector speaks OTLP over HTTP only, and 4317 is the port for gRPC; name the one for HTTP (4318)", s.Endpoint)
	}
	if strings.ContainsAny(s.Endpoint, "\t\n\r\"' ") {
		return fmt.Errorf("--endpoint %q: it holds a quote or white space", s.Endpoint)
	}
	return nil
}

// address is a URL with a host.
var address = regexp.MustCompile(`^https?://(\[[0-9a-fA-F:.]+\]|[^/:?#\[\]]+)(:[0-9]+)?([/?].*)?$`)

var example = map[string]string{
	"otlp": "http://otel-collector.observability:4317", "elasticsearch": "https://elasticsearch.logging:9200",
	"loki": "http://loki-gateway.loki", "http": "https://logs.example.com/ingest",
}

// Render makes the configuration. The description has passed Check.
func Render(s Spec) Config {
	if s.Destination == "file" && s.Endpoint == "" {
		s.Endpoint = s.State + "/out.log"
	}
	if s.Destination == "loki" { // the path of its API is written behind
		s.Endpoint = strings.TrimRight(s.Endpoint, "/")
		for _, path := range []string{"/loki/api/v1/push", "/otlp/v1/logs", "/otlp"} {
			s.Endpoint = strings.TrimSuffix(s.Endpoint, path)
		}
	}
	c := renderers[s.Agent](s)
	c.Dir = "/etc/logarch"
	return c
}

// node says whether the agent reads a node's container logs.
func (s Spec) node() bool { return len(s.Files) == 0 }

// PodLogs is where the kubelet keeps the container logs of a node.
const PodLogs = "/var/log/pods/*/*/*.log"

// split takes a URL apart: scheme, host, port and path.
func split(url string) (tls bool, host, port, path string) {
	scheme, rest, _ := strings.Cut(url, "://")
	tls = scheme == "https"
	host, path, _ = strings.Cut(rest, "/")
	if path != "" {
		path = "/" + path
	}
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host, port = host[:i], host[i+1:]
	}
	return tls, host, port, path
}

// OverHTTP says whether an address takes OTLP over HTTP: by its port, or because
// gRPC has no path. Both speak another protocol on the wire.
func OverHTTP(url string) bool {
	_, _, port, path := split(url)
	return port == "4318" || strings.Trim(path, "/") != ""
}

// logsPath is where OTLP over HTTP takes logs, below an address or a path.
func logsPath(base string) string {
	return strings.TrimSuffix(strings.TrimRight(base, "/"), "/v1/logs") + "/v1/logs"
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func quoted(in []string) string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = fmt.Sprintf("%q", s)
	}
	return strings.Join(out, ", ")
}
