// Package npd knows the Node Problem Detector: the configuration of its log
// monitors, how they match a log, which problems a configuration cannot see,
// and how the detector is installed.
//
// The behaviour is that of pkg/systemlogmonitor in
// https://github.com/kubernetes/node-problem-detector (log_monitor.go,
// log_buffer.go, logwatchers/), and the detector's own published problems are
// the tests.
package npd

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/clusterwright/kubectl-plugins/shared/yamldoc"
)

// Config is the configuration of a monitor. Its fields are those that the
// detector decodes for a log monitor; of a custom plugin monitor only what both
// have is read.
type Config struct {
	// Plugin is the log watcher: kmsg, journald or filelog; custom for a custom
	// plugin monitor.
	Plugin string `json:"plugin"`
	// PluginConfig is the watcher's own configuration: source for journald;
	// timestamp, message and timestampFormat for filelog.
	PluginConfig map[string]any `json:"pluginConfig"`
	LogPath      string         `json:"logPath"`
	// SkipList are texts; filelog drops the lines that hold one of them.
	SkipList []string `json:"skipList"`
	// Lookback and Delay are Go durations.
	Lookback string `json:"lookback"`
	Delay    string `json:"delay"`
	// BufferSize is the number of lines a pattern can span; 0 is 10.
	BufferSize int         `json:"bufferSize"`
	Source     string      `json:"source"`
	Conditions []Condition `json:"conditions"`
	Rules      []Rule      `json:"rules"`
}

// Condition is a node condition that the monitor sets, with the reason and
// message it has while all is well (status False).
type Condition struct {
	Type    string `json:"type"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// Rule turns log lines into an event (temporary) or a condition (permanent).
type Rule struct {
	Type      string `json:"type"`
	Condition string `json:"condition"`
	Reason    string `json:"reason"`
	Pattern   string `json:"pattern"`
	// MessageSuffix is added to the event's message as it is.
	MessageSuffix string `json:"patternGeneratedMessageSuffix"`
	// Path is the script of a custom plugin monitor's rule.
	Path string `json:"path"`
}

// The rule types. Everything that is not Temporary is treated as permanent by
// the detector.
const (
	Temporary = "temporary"
	Permanent = "permanent"
)

const defaultBufferSize = 10 // lines, pkg/systemlogmonitor/config.go

// Custom says whether this is the configuration of a custom plugin monitor,
// which runs scripts instead of reading a log.
func (c *Config) Custom() bool { return c.Plugin == "custom" }

// Lines is the size of the buffer in lines.
func (c *Config) Lines() int {
	if c.BufferSize == 0 {
		return defaultBufferSize
	}
	return c.BufferSize
}

// File is a configuration with the places of its values.
type File struct {
	Name   string
	Config Config
	doc    *yamldoc.File
	root   *yaml.Node
	// wrongType is a value of a type that the detector does not decode, nil for
	// none.
	wrongType *json.UnmarshalTypeError
}

// Source is the file's text, for snippets.
func (f *File) Source() []byte { return f.doc.Bytes }

// Load reads a configuration as the detector does: JSON, keys whatever their
// case, unknown keys ignored. The error says why the text is no configuration.
func Load(name string, data []byte) (*File, error) {
	if err := notJSON(name, data); err != nil {
		return nil, err
	}
	doc, err := yamldoc.Parse(name, data)
	if err != nil {
		return nil, err
	}
	if len(doc.Docs) != 1 || doc.Docs[0].Root == nil || doc.Docs[0].Root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s: not a monitor configuration: expected one JSON object", name)
	}
	f := &File{Name: name, doc: doc, root: doc.Docs[0].Root}
	err = json.Unmarshal(data, &f.Config)
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &f.wrongType):
		// The rest is decoded all the same; the linter tells.
	case errors.As(err, &syntax):
		return nil, fmt.Errorf("%s: not JSON: the detector reads JSON only, this is YAML", name)
	case err != nil:
		return nil, fmt.Errorf("%s: not a monitor configuration: %w", name, err)
	}
	if v, _ := key(f.root, "metricsConfigs"); v != nil {
		return nil, fmt.Errorf("%s: a system-stats monitor: it has metrics and no rules", name)
	}
	if f.Config.Plugin == "" && len(f.Config.Rules) == 0 && len(f.Config.Conditions) == 0 {
		return nil, fmt.Errorf("%s: not a monitor configuration: neither plugin nor rules", name)
	}
	return f, nil
}

// LoadAll reads a configuration, or all those in a ConfigMap, each by the name
// of its key.
func LoadAll(name string, data []byte) ([]*File, error) {
	var object struct {
		Kind string            `yaml:"kind"`
		Data map[string]string `yaml:"data"`
	}
	if yaml.Unmarshal(data, &object) != nil || object.Kind == "" {
		f, err := Load(name, data)
		return []*File{f}, err
	}
	var out []*File
	for _, key := range slices.Sorted(maps.Keys(object.Data)) {
		if !strings.HasSuffix(key, ".json") {
			continue
		}
		f, err := Load(name+"#"+key, []byte(object.Data[key]))
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	if object.Kind != "ConfigMap" || len(out) == 0 {
		return nil, fmt.Errorf("%s: a %s without a monitor configuration under data (*.json)", name, object.Kind)
	}
	return out, nil
}

// notJSON says where what begins as JSON is none.
func notJSON(name string, data []byte) error {
	if !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		return nil
	}
	var any json.RawMessage
	var syntax *json.SyntaxError
	if err := json.Unmarshal(data, &any); errors.As(err, &syntax) {
		line, column := place(data, syntax.Offset)
		return fmt.Errorf("%s:%d:%d: not JSON: %w; the detector does not start with it", name, line, column, err)
	}
	return nil
}

// place is the line and column of the byte before offset.
func place(data []byte, offset int64) (line, column int) {
	before := data[:min(max(0, offset-1), int64(len(data)))]
	return bytes.Count(before, []byte("\n")) + 1, len(before) - bytes.LastIndexByte(before, '\n')
}

// key finds a key of a mapping as encoding/json does: exactly, else whatever
// its case.
func key(n *yaml.Node, name string) (value, keyNode *yaml.Node) {
	if value, keyNode = yamldoc.Get(n, name); value != nil {
		return value, keyNode
	}
	n = yamldoc.Resolve(n)
	if n == nil || n.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if strings.EqualFold(n.Content[i].Value, name) {
			value, keyNode = n.Content[i+1], n.Content[i]
		}
	}
	return value, keyNode
}

// rule returns the node of rule i, nil where the file has none.
func (f *File) rule(i int) *yaml.Node {
	rules, _ := key(f.root, "rules")
	if rules == nil || i >= len(rules.Content) {
		return nil
	}
	return rules.Content[i]
}

// compile compiles a pattern as the detector does: it has to match up to the
// end of the buffered lines.
func compile(pattern string) (*regexp.Regexp, error) {
	if _, err := regexp.Compile(pattern); err != nil {
		return nil, err
	}
	return regexp.Compile(pattern + `\z`)
}

// option is a string of the plugin's configuration.
func (c *Config) option(name string) string {
	s, _ := c.PluginConfig[name].(string)
	return s
}
