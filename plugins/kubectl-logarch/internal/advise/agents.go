package advise

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/imagetable"

	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
)

// agent is a log agent, recognised by its image.
type agent struct {
	name string
	// eol says since when it is not maintained, "" where it is.
	eol string
}

// known are images of log agents, most particular first.
var known = []struct{ part, name, eol string }{
	{"fluentd-gcp", "fluentd", "the add-on was taken out of Kubernetes in 1.16 and its image is fluentd 0.12 or 0.14"},
	{"fluentd-elasticsearch", "fluentd", "the add-on was taken out of Kubernetes in 1.24 (kubernetes#104500)"},
	{"stackdriver-logging-agent", "fluentd", "replaced by Google's Ops agent"},
	{"td-agent", "fluentd", "td-agent 4 ended in December 2023; fluent-package follows it"},
	{"fluentd-hec", "fluentd", "Splunk Connect for Kubernetes ended on 1 January 2024"},
	{"fluent-bit", "fluent-bit", ""},
	{"fluentbit", "fluent-bit", ""},
	{"fluentd", "fluentd", ""},
	{"promtail", "promtail", "Promtail ended on 2 March 2026; Grafana Alloy follows it"},
	{"grafana/agent", "grafana-agent", "Grafana Agent ended on 1 November 2025; Grafana Alloy follows it"},
	{"grafana/alloy", "alloy", ""},
	{"filebeat", "filebeat", ""},
	{"elastic-agent", "elastic-agent", ""},
	{"timberio/vector", "vector", ""},
	{"opentelemetry-collector", "otel", ""},
	{"otelcol", "otel", ""},
	{"tailing-sidecar", "otel", ""},
	{"logstash", "logstash", ""},
	{"datadog/agent", "datadog", ""},
	{"logspout", "logspout", "it reads Docker's API, which Kubernetes nodes have not had since 1.24"},
}

func agentOf(image string) *agent {
	repo := imagetable.Repository(image)
	full := strings.ToLower(image)
	if at := strings.IndexByte(full, '@'); at >= 0 {
		full = full[:at]
	}
	for _, k := range known {
		if !strings.Contains(full, k.part) && !strings.Contains(repo, k.part) {
			continue
		}
		a := &agent{name: k.name, eol: k.eol}
		if a.eol == "" {
			a.eol = oldVersion(k.name, image)
		}
		return a
	}
	if repo == "vector" {
		return &agent{name: "vector"}
	}
	return nil
}

var tagVersion = lazyregexp.New(`:v?(\d+)\.(\d+)`)

// oldVersion says which versions of a maintained agent have ended.
func oldVersion(name, image string) string {
	m := tagVersion.FindStringSubmatch(image)
	if m == nil {
		return ""
	}
	major, _ := strconv.Atoi(m[1])
	switch {
	case name == "fluentd" && major == 0:
		return "fluentd 0.x ended in 2019"
	case name == "fluent-bit" && major <= 1:
		return "fluent-bit 1.x, and what was before it, had its last release in 2022"
	case name == "filebeat" && major <= 7:
		return "filebeat 7.x ended on 15 January 2026"
	}
	return ""
}

var (
	oldFluentd   = lazyregexp.New(`(?m)^\s*(type\s+\w+|format\s+(none|json|multiline|/.*)|id\s+\w+)\s*$`)
	fluentSource = lazyregexp.New(`(?m)^\s*<(source|match)`)
	containersIn = lazyregexp.New(`/var/log/containers/[^\s"',\]]*\.log`)
	podsIn       = lazyregexp.New(`/var/log/pods/`)
	dockerParser = lazyregexp.New(`(?im)^\s*parser:?\s+docker\s*$|<parse>\s*@?type\s+json\s*$|-\s*docker:\s*\{?\s*\}?|multiline\.parser:?\s+docker\s*$|type:\s*docker\s*$`)
	criParser    = lazyregexp.New(`(?i)multiline\.parser:?\s+[^\n]*cri|parser:?\s+(cri|containerd)|@type\s+cri|-\s*cri\b|type:\s*container\b|- container:|kubernetes_logs|stage\.cri|regex_?p[^\n]*stdout\|stderr|stdout\|stderr|format:\s*(cri|auto)|- container\b|autodiscover`)
	copyTruncate = lazyregexp.New(`(?m)^\s*copytruncate\b|\bcopytruncate\b`)
)

// evidence says which text of a configuration a rule found.
func evidence(re *lazyregexp.Regexp, text string) string {
	return "configuration: " + strings.Join(strings.Fields(re.FindString(text)), " ")
}

// keepsPosition says whether an agent's configuration keeps its place in the
// files; ok is false where that cannot be told.
func keepsPosition(name, config string) (keeps, ok bool) {
	low := strings.ToLower(config)
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(low, p) {
				return true
			}
		}
		return false
	}
	switch name {
	case "fluent-bit":
		if !has("tail") {
			return true, false
		}
		return regexp.MustCompile(`(?m)^\s*db\s+\S|^\s*db:\s*\S`).MatchString(low), true
	case "fluentd":
		if !has("type tail") {
			return true, false
		}
		return has("pos_file"), true
	case "promtail":
		return has("positions"), has("scrape_configs")
	case "otel":
		if !has("filelog", "file_log") {
			return true, false
		}
		return has("storage:"), true
	case "vector":
		return has("data_dir"), has("sources")
	}
	return true, false
}

// beginsAtEnd says whether an agent leaves out what was in a file before it
// knew it.
func beginsAtEnd(name, config string) bool {
	low := strings.ToLower(config)
	switch name {
	case "fluent-bit":
		return regexp.MustCompile(`(?m)^\s*(name\s+tail|- name:\s*tail|name:\s*tail)\s*$`).MatchString(low) && !regexp.MustCompile(`read_from_head:?\s+(on|true)`).MatchString(low)
	case "fluentd":
		return regexp.MustCompile(`(?m)^\s*@?type\s+tail\s*$`).MatchString(low) && !regexp.MustCompile(`read_from_head\s+true`).MatchString(low)
	case "otel":
		return regexp.MustCompile(`(?m)^\s*(filelog|file_log)[\w/-]*:`).MatchString(low) && !strings.Contains(low, "start_at: beginning")
	}
	return false
}
