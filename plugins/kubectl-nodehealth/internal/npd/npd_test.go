package npd

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func load(t *testing.T, name string) *File {
	t.Helper()
	path := filepath.Join("../../testdata/npd", name)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Load(name, b)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func replay(t *testing.T, f *File, format, text string) ([]Firing, []State) {
	t.Helper()
	m, err := NewMonitor(&f.Config)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := NewTranslator(&f.Config, format)
	if err != nil {
		t.Fatal(err)
	}
	var out []Firing
	for i, l := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if line, ok := tr(i+1, l); ok {
			out = append(out, m.Push(line)...)
		}
	}
	return out, m.States()
}

func fired(fs []Firing) string {
	var out []string
	for _, f := range fs {
		s := fmt.Sprintf("%s@%d-%d", f.Reason, f.First, f.Last)
		if f.Condition != "" {
			s += "=" + f.Condition
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

// The detector's own published problems, rule by rule.
func TestPublishedProblems(t *testing.T) {
	for _, c := range []struct{ rules, log, want string }{
		{"kernel-monitor.json", "oom_kill.log", "OOMKilling@2-2"},
		{"kernel-monitor.json", "docker_hung.log", "TaskHung@1-1 DockerHung@1-1=KernelDeadlock"},
		{"kernel-monitor.json", "unregister_netdevice.log", "UnregisterNetDevice@1-1"},
		{"kernel-monitor.json", "readonly_filesystem.log", ""},
		{"readonly-monitor.json", "readonly_filesystem.log", "FilesystemIsReadOnly@1-1=ReadonlyFilesystem"},
		{"readonly-monitor.json", "oom_kill.log", ""},
		{"docker-monitor.json", "docker_hung.log", ""},
	} {
		b, err := os.ReadFile(filepath.Join("../../testdata/npd", c.log))
		if err != nil {
			t.Fatal(err)
		}
		got, _ := replay(t, load(t, c.rules), "auto", string(b))
		if fired(got) != c.want {
			t.Errorf("%s on %s: %q, want %q", c.rules, c.log, fired(got), c.want)
		}
	}
}

func config(rules string) string {
	return `{"plugin":"kmsg","logPath":"/dev/kmsg","bufferSize":3,"source":"x",
"conditions":[{"type":"C","reason":"Fine","message":"m"}],"rules":[` + rules + `]}`
}

func TestMultiLinePatternWithinTheBuffer(t *testing.T) {
	f, err := Load("x", []byte(config(`{"type":"temporary","reason":"Two","pattern":"begin .*\nend .*"}`)))
	if err != nil {
		t.Fatal(err)
	}
	got, _ := replay(t, f, "raw", "noise\nbegin 1\nend 1\nbegin 2\nother\nend 2")
	if fired(got) != "Two@2-3" {
		t.Errorf("got %q", fired(got))
	}
}

// A pattern has to reach the end of the newest line.
func TestPatternMustReachTheEnd(t *testing.T) {
	f, err := Load("x", []byte(config(`{"type":"temporary","reason":"Open","pattern":"killed"},{"type":"temporary","reason":"Closed","pattern":"killed.*"}`)))
	if err != nil {
		t.Fatal(err)
	}
	got, _ := replay(t, f, "raw", "killed by oom")
	if fired(got) != "Closed@1-1" {
		t.Errorf("got %q", fired(got))
	}
}

func TestConditionsLatchAndChangeWithTheReason(t *testing.T) {
	f, err := Load("x", []byte(config(`{"type":"permanent","condition":"C","reason":"A","pattern":"a"},{"type":"permanent","condition":"C","reason":"B","pattern":"b"},{"type":"permanent","condition":"None","reason":"Lost","pattern":"c"}`)))
	if err != nil {
		t.Fatal(err)
	}
	got, states := replay(t, f, "raw", "a\na\nb\nc")
	var changed []bool
	for _, g := range got {
		changed = append(changed, g.Changed)
	}
	if fmt.Sprint(changed) != "[true false true false]" || got[3].Condition != "" {
		t.Errorf("changed %v, last %+v", changed, got[3])
	}
	if len(states) != 1 || states[0].Status != "True" || states[0].Reason != "B" || states[0].Message != "b" {
		t.Errorf("%+v", states)
	}
}

func TestLogFormats(t *testing.T) {
	kernel := &Config{Plugin: "kmsg"}
	journal := &Config{Plugin: "journald", PluginConfig: map[string]any{"source": "systemd"}}
	filelog := &Config{Plugin: "filelog", PluginConfig: map[string]any{
		"timestamp": "^.{15}", "message": `(?i)kernel: \[.*\] (.*)`, "timestampFormat": "Jan _2 15:04:05"}}
	for _, c := range []struct {
		config  *Config
		line    string
		message string
		keep    bool
	}{
		{kernel, "plain words", "plain words", true},
		{kernel, "6,1234,5678900,-;EXT4-fs error x", "EXT4-fs error x", true},
		{kernel, "[   12.345678] EXT4-fs error x", "EXT4-fs error x", true},
		{kernel, "<3>[   12.345678] EXT4-fs error x", "EXT4-fs error x", true},
		{kernel, "[Thu Feb 17 17:13:09 2022] EXT4-fs error x", "EXT4-fs error x", true},
		{kernel, "Feb 17 17:13:09 kube-worker-1 kernel: [   12.3] EXT4-fs error x", "EXT4-fs error x", true},
		{kernel, "2022-02-17T17:13:09.123456+00:00 host kernel: EXT4-fs error x", "EXT4-fs error x", true},
		{journal, "Feb 17 17:13:09 host systemd[1]: Started kubelet.service.", "Started kubelet.service.", true},
		{journal, "Feb 17 17:13:09 host kubelet[7]: Started", "Started", false},
		{journal, `{"MESSAGE":"Started kubelet.service.","SYSLOG_IDENTIFIER":"systemd","__REALTIME_TIMESTAMP":"1645117989000000"}`, "Started kubelet.service.", true},
		{journal, `{"MESSAGE":[72,105],"SYSLOG_IDENTIFIER":"systemd"}`, "Hi", true},
		{journal, `{"MESSAGE":"x","SYSLOG_IDENTIFIER":"sshd"}`, "x", false},
		{filelog, "Feb 17 17:13:09 host kernel: [ 12.3] task hung", "task hung", true},
		{filelog, "no time here", "", false},
	} {
		tr, err := NewTranslator(c.config, "auto")
		if err != nil {
			t.Fatal(err)
		}
		l, keep := tr(1, c.line)
		if l.Message != c.message || keep != c.keep {
			t.Errorf("%q: %q %v, want %q %v", c.line, l.Message, keep, c.message, c.keep)
		}
	}
}

func TestNotAConfiguration(t *testing.T) {
	for _, text := range []string{"", "[]", `{"a":1}`, `{"rules":{}}`, "\x00", "plugin: kmsg\nrules: []\n", `{"plugin":"kmsg","rules":[],}`, `{"metricsConfigs":{}}`} {
		if _, err := Load("x.json", []byte(text)); err == nil || !strings.HasPrefix(err.Error(), "x.json") {
			t.Errorf("%q: error %v", text, err)
		}
	}
}
