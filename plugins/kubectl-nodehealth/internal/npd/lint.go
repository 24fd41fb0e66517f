package npd

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/spelling"
)

var (
	knownKeys      = []string{"plugin", "pluginConfig", "logPath", "lookback", "delay", "bufferSize", "source", "metricsReporting", "conditions", "rules", "skipList"}
	conditionKeys  = []string{"type", "reason", "message"}
	ruleKeys       = []string{"type", "condition", "reason", "pattern", "patternGeneratedMessageSuffix", "taintEnabled", "taintKey", "taintValue", "taintEffect"}
	customRuleKeys = []string{"type", "condition", "reason", "path", "args", "timeout", "taintEnabled", "taintKey", "taintValue", "taintEffect"}
)

// Lint judges a configuration.
func Lint(f *File) []finding.Finding {
	l := &linter{f: f}
	l.types()
	l.keys()
	l.source()
	l.rules()
	l.conditions()
	finding.Sort(l.out)
	return l.out
}

type linter struct {
	f   *File
	out []finding.Finding
}

func (l *linter) add(r finding.Rule, at *yaml.Node, path, format string, args ...any) {
	s := finding.Subject{Kind: "File", Name: l.f.Name, Path: path}
	if at != nil {
		s.Line, s.Column = at.Line, at.Column
	}
	l.out = append(l.out, r.New(s, fmt.Sprintf(format, args...)))
}

// types finds values that the detector cannot decode; it exits then.
func (l *linter) types() {
	if e := l.f.wrongType; e != nil {
		s := finding.Subject{Kind: "File", Name: l.f.Name, Path: e.Field}
		s.Line, s.Column = place(l.f.Source(), e.Offset)
		l.out = append(l.out, ruleLoad.New(s, fmt.Sprintf("%s is a JSON %s, which the detector does not decode", e.Field, e.Value)))
	}
	if l.f.Config.Custom() {
		return
	}
	options, _ := key(l.f.root, "pluginConfig")
	for name, v := range l.f.Config.PluginConfig {
		if _, ok := v.(string); ok {
			continue
		}
		at := options
		if n, _ := key(options, name); n != nil {
			at = n
		}
		l.add(ruleLoad, at, "pluginConfig."+name, "pluginConfig.%s has to be a text in a log monitor", name)
	}
}

// keys finds keys that encoding/json drops; it ignores case.
func (l *linter) keys() {
	known := knownKeys
	if l.f.Config.Custom() {
		known = slices.DeleteFunc(slices.Clone(known), func(k string) bool { return k == "bufferSize" || k == "lookback" || k == "delay" })
	}
	l.unknown(l.f.root, "", known)
	if conditions, _ := key(l.f.root, "conditions"); conditions != nil {
		for i, c := range conditions.Content {
			l.unknown(c, fmt.Sprintf("conditions[%d].", i), conditionKeys)
		}
	}
	known = ruleKeys
	if l.f.Config.Custom() {
		known = customRuleKeys
	}
	for i := range l.f.Config.Rules {
		l.unknown(l.f.rule(i), fmt.Sprintf("rules[%d].", i), known)
	}
}

func (l *linter) unknown(n *yaml.Node, path string, known []string) {
	if n == nil || n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		if slices.ContainsFunc(known, func(s string) bool { return strings.EqualFold(s, k.Value) }) {
			continue
		}
		hint := ""
		if near := nearest(k.Value, known); near != "" {
			hint = fmt.Sprintf("; did you mean %q?", near)
		}
		l.add(ruleUnknownKey, k, path+k.Value, "the detector ignores %q%s", k.Value, hint)
	}
}

func (l *linter) source() {
	c := &l.f.Config
	at := func(name string) *yaml.Node {
		if v, _ := key(l.f.root, name); v != nil {
			return v
		}
		return l.f.root
	}
	for name, value := range map[string]string{"lookback": c.Lookback, "delay": c.Delay} {
		if value == "" {
			continue
		}
		if _, err := time.ParseDuration(value); err != nil {
			l.add(ruleLoad, at(name), name, "%s %q is not a duration such as 5m", name, value)
		}
	}
	if c.BufferSize < 0 {
		l.add(ruleLoad, at("bufferSize"), "bufferSize", "bufferSize %d: the detector panics", c.BufferSize)
	}
	switch c.Plugin {
	case "custom":
	case "kmsg":
		if c.LogPath != "" && c.LogPath != "/dev/kmsg" {
			l.add(ruleSource, at("logPath"), "logPath", "plugin kmsg reads /dev/kmsg whatever logPath says (%s)", c.LogPath)
		}
	case "journald":
		if c.option("source") == "" {
			l.add(ruleSource, at("plugin"), "pluginConfig.source", "plugin journald without pluginConfig.source (the unit's syslog identifier): the detector does not start")
		}
		if c.LogPath == "" {
			l.add(ruleSource, at("plugin"), "logPath", "plugin journald without logPath: it reads no journal; use /var/log/journal")
		}
	case "filelog":
		l.filelog(at("plugin"))
	case "":
		l.add(ruleLoad, l.f.root, "plugin", "no plugin: the detector knows kmsg, journald, filelog and custom")
	default:
		l.add(ruleLoad, at("plugin"), "plugin", "plugin %q does not exist: the detector knows kmsg, journald, filelog and custom", c.Plugin)
	}
}

func (l *linter) filelog(at *yaml.Node) {
	c := &l.f.Config
	for _, name := range []string{"timestamp", "message", "timestampFormat"} {
		value := c.option(name)
		if value == "" {
			l.add(ruleSource, at, "pluginConfig."+name, "plugin filelog without pluginConfig.%s: every line is dropped", name)
			continue
		}
		if name == "timestampFormat" {
			if !isLayout(value) {
				l.add(ruleSource, at, "pluginConfig."+name, "timestampFormat %q has no element of Go's reference time (2006-01-02T15:04:05): every line is dropped", value)
			}
			continue
		}
		if _, err := regexp.Compile(value); err != nil {
			l.add(ruleLoad, at, "pluginConfig."+name, "%s is no regular expression: %v", name, err)
		}
	}
	if c.LogPath == "" {
		l.add(ruleSource, at, "logPath", "plugin filelog without logPath: it has no file to read")
	}
}

// isLayout says whether a string is a Go time layout: formatting with it shows
// something of the time.
func isLayout(s string) bool {
	a := time.Date(2001, 3, 4, 5, 6, 7, 0, time.UTC)
	b := time.Date(2012, 10, 11, 22, 33, 44, 0, time.UTC)
	return a.Format(s) != b.Format(s)
}

func (l *linter) rules() {
	c := &l.f.Config
	seen := map[[4]string]int{}
	for i, r := range c.Rules {
		node := l.f.rule(i)
		at := func(name string) *yaml.Node {
			if v, _ := key(node, name); v != nil {
				return v
			}
			return node
		}
		path := func(name string) string { return fmt.Sprintf("rules[%d].%s", i, name) }
		if r.Type != Temporary && r.Type != Permanent {
			l.add(ruleType, at("type"), path("type"), "type %q: the detector treats it as permanent; write temporary or permanent", r.Type)
		}
		if r.Type == Permanent && !slices.ContainsFunc(c.Conditions, func(x Condition) bool { return x.Type == r.Condition }) {
			l.add(ruleNoCondition, at("condition"), path("condition"), "%s: condition %q is not declared under conditions, so a match reports nothing", r.Reason, r.Condition)
		}
		if c.Custom() {
			continue
		}
		l.pattern(r, at("pattern"), path("pattern"))
		id := [4]string{r.Type, r.Condition, r.Reason, r.Pattern}
		if first, ok := seen[id]; ok {
			l.add(ruleTwice, node, fmt.Sprintf("rules[%d]", i), "the same as rule %d: each match reports %s twice", first+1, r.Reason)
		} else {
			seen[id] = i
		}
	}
}

func (l *linter) pattern(r Rule, at *yaml.Node, path string) {
	re, err := compile(r.Pattern)
	if err != nil {
		l.add(ruleLoad, at, path, "the pattern of %s does not compile: %s", r.Reason, strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		return
	}
	if r.Pattern == "" {
		l.add(ruleLoad, at, path, "%s has no pattern, so it matches every line", r.Reason)
		return
	}
	if n := literalNewlines(r.Pattern) + 1; n > l.f.Config.Lines() {
		l.add(ruleBuffer, at, path, "%s needs %d lines, the buffer holds %d", r.Reason, n, l.f.Config.Lines())
	}
	if r.Type == Permanent && re.MatchString("INFO: task docker:20744 blocked for more than 120 seconds.") &&
		!re.MatchString("INFO: task containerd:20744 blocked for more than 120 seconds.") {
		l.add(ruleDockerOnly, at, path, "%s matches a hung task named docker only; on containerd or CRI-O it never becomes True", r.Condition)
	}
}

// literalNewlines counts the newlines that every match of a pattern has: those
// at its top level.
func literalNewlines(pattern string) int {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0
	}
	var count func(*syntax.Regexp) int
	count = func(re *syntax.Regexp) int {
		switch re.Op {
		case syntax.OpLiteral:
			n := 0
			for _, r := range re.Rune {
				if r == '\n' {
					n++
				}
			}
			return n
		case syntax.OpConcat, syntax.OpCapture, syntax.OpPlus:
			n := 0
			for _, s := range re.Sub {
				n += count(s)
			}
			return n
		case syntax.OpRepeat:
			return re.Min * count(re.Sub[0])
		}
		return 0
	}
	return count(re)
}

func (l *linter) conditions() {
	c := &l.f.Config
	list, _ := key(l.f.root, "conditions")
	for i, cond := range c.Conditions {
		var node *yaml.Node
		if list != nil && i < len(list.Content) {
			node = list.Content[i]
		}
		path := fmt.Sprintf("conditions[%d]", i)
		set := slices.ContainsFunc(c.Rules, func(r Rule) bool { return r.Type != Temporary && r.Condition == cond.Type })
		switch {
		case !set:
			l.add(ruleUnset, node, path, "no rule sets %s: it says False for ever", cond.Type)
		case !c.Custom():
			l.add(ruleLatched, node, path, "%s stays True until the detector restarts", cond.Type)
		}
	}
}

// nearest is the known word within two edits of a word, "" for none.
func nearest(word string, known []string) string {
	best, distance := "", 3
	for _, k := range known {
		if d := spelling.Distance(strings.ToLower(word), strings.ToLower(k)); d < distance {
			best, distance = k, d
		}
	}
	return best
}
