package backend

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// The handbook: 100 requests a second with two events each; batches of 100: at
// least 2 QPS; a receiver that may take 5 s: a buffer of 1,000.
func TestHandbookExample(t *testing.T) {
	s, err := Size(Load{Rate: 100, EventsPerRequest: 2, EventSize: 1000, BatchSize: 100, Latency: 5 * time.Second, Headroom: 1})
	if err != nil || s.EventsPerSecond != 200 || s.MinQPS != 2 || s.QPS != 2 || s.MinBuffer != 1000 || s.Buffer != 1000 || s.BufferBytes != 1e6 {
		t.Errorf("%+v %v", s, err)
	}
	s, err = Size(Load{Rate: 100, EventsPerRequest: 2, EventSize: 1000, BatchSize: 100, Latency: 5 * time.Second, Headroom: 2})
	if err != nil || s.QPS != 4 || s.Buffer != 2000 || s.MinQPS != 2 {
		t.Errorf("headroom: %+v %v", s, err)
	}
}

func TestSizeBounds(t *testing.T) {
	good := Load{Rate: 1, EventsPerRequest: 1, EventSize: 1, BatchSize: 1, Latency: time.Second, Headroom: 1}
	for name, change := range map[string]func(*Load){
		"rate": func(l *Load) { l.Rate = 0 }, "NaN": func(l *Load) { l.Rate = math.NaN() }, "infinite": func(l *Load) { l.Rate = math.Inf(1) },
		"events": func(l *Load) { l.EventsPerRequest = 5 }, "batch": func(l *Load) { l.BatchSize = 0 }, "latency": func(l *Load) { l.Latency = 0 },
		"headroom": func(l *Load) { l.Headroom = 0.5 }, "absurd": func(l *Load) { l.Rate = 1e9 },
	} {
		l := good
		change(&l)
		if _, err := Size(l); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	// What is computed carries the load, whatever it is.
	for _, rate := range []float64{0.1, 1, 7, 99.5, 1000, 12345} {
		for _, batch := range []int{1, 100, 400} {
			l := Load{Rate: rate, EventsPerRequest: 1.1, EventSize: 1500, BatchSize: batch, Latency: 3 * time.Second, Headroom: 1.3}
			s, err := Size(l)
			if err != nil {
				t.Fatal(err)
			}
			if float64(s.QPS*s.MaxSize) < s.EventsPerSecond || float64(s.Buffer) < s.EventsPerSecond*3 || s.Burst < s.QPS || s.Buffer < 2*batch {
				t.Errorf("%+v: %+v", l, s)
			}
		}
	}
}

func TestRetain(t *testing.T) {
	r := Retain(300_000, 30, 100, 0)
	if r.Days(300_000) < 30 || r.MaxAge != 30 {
		t.Errorf("%+v: %v days", r, r.Days(300_000))
	}
	r = Retain(300_000, 30, 100, 5e9)
	if r.Disk() > 5e9 || r.Days(300_000) > 1 {
		t.Errorf("%+v: %d bytes", r, r.Disk())
	}
	if r = Retain(1, 30, 100, 0); r.MaxBackups != 10 {
		t.Errorf("%+v", r)
	}
}

func plans(t *testing.T) map[string]*Plan {
	t.Helper()
	s, err := Size(Load{Rate: 100, EventsPerRequest: 2, EventSize: 1500, BatchSize: 100, Latency: 5 * time.Second, Headroom: 2})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*Plan{}
	for _, mode := range []string{"batch", "blocking", "blocking-strict"} {
		p, err := PlanLog(Log{PolicyPath: "/etc/kubernetes/audit/policy.yaml", Path: "/var/log/kubernetes/audit/audit.log", Mode: mode, Compress: true, Retain: Retention{100, 10, 30}, Sizing: s})
		if err != nil {
			t.Fatal(err)
		}
		out["log "+mode] = p
	}
	p, err := PlanLog(Log{PolicyPath: "/etc/kubernetes/audit/policy.yaml", Path: "-", Retain: Retention{100, 10, 30}, Sizing: s})
	if err != nil {
		t.Fatal(err)
	}
	out["log stdout"] = p
	p, err = PlanWebhook(Webhook{
		PolicyPath: "/etc/kubernetes/audit/policy.yaml", ConfigPath: "/etc/kubernetes/webhook/config.yaml", URL: "https://audit.example.org/events",
		CAPath: "/etc/kubernetes/webhook/ca.crt", CertPath: "/etc/ssl/audit/tls.crt", KeyPath: "/etc/ssl/audit/tls.key", Mode: "batch", Sizing: s, MaxEventSize: 102400,
	})
	if err != nil {
		t.Fatal(err)
	}
	out["webhook"] = p
	return out
}

// TestRoundTrip reads every output with the reader of real files, and judges
// it: all flags must be there, and nothing may be wrong with them.
func TestRoundTrip(t *testing.T) {
	for name, p := range plans(t) {
		for _, platform := range PlatformNames() {
			text, err := Render(p, platform, "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n")
			if err != nil {
				t.Fatal(err)
			}
			for i, l := range strings.Split(text, "\n") {
				if strings.HasSuffix(l, " ") || strings.Contains(l, "%!") {
					t.Errorf("%s for %s:%d: %q", name, platform, i+1, l)
				}
			}
			if platform == "kubeadm-patch" {
				continue // a patch has no server in it; the end-to-end test applies it
			}
			s, err := ReadServer(platform, []byte(text))
			if err != nil {
				t.Errorf("%s for %s: %v\n%s", name, platform, err, text)
				continue
			}
			for _, f := range p.Flags {
				got, ok := s.Flag(f.Name)
				switch {
				case platform == "talos" && (f.Name == "audit-policy-file" || f.Name == "audit-log-path" && f.Value != "-"),
					platform == "kops" && (kopsFields[f.Name] == "" || strings.HasSuffix(f.Name, "-file")):
					continue
				case !ok || got.Value != f.Value && !strings.Contains(got.Value, f.Value):
					t.Errorf("%s for %s: %s became %q (%v)\n%s", name, platform, f, got.Value, ok, text)
				case got.Line == 0:
					t.Errorf("%s for %s: %s has no line", name, platform, f)
				}
			}
			for _, f := range Check(s, Options{Minor: 37, Rate: 100, EventsPerRequest: 2}) {
				if f.Severity == finding.Error || f.ID == "AP076" && !strings.Contains(f.Message, "blocking") {
					t.Errorf("%s for %s: %s %s\n%s", name, platform, f.ID, f.Message, text)
				}
			}
		}
	}
}

// What the installers make of the output, where getting it wrong is silent: kind
// passes over a patch whose apiVersion is not that of its own kubeadm
// configuration, and Talos runs kube-apiserver as a user other than root.
func TestInstallersTakeIt(t *testing.T) {
	for name, p := range plans(t) {
		text, err := Render(p, "kind", "")
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(text, "kubeadm.k8s.io/") || strings.Contains(text, "- name: audit-policy-file") || !strings.Contains(text, "        audit-policy-file: \"") {
			t.Errorf("%s: kind applies this to some kubeadm versions only:\n%s", name, text)
		}
		if p.Backend != "webhook" {
			continue
		}
		if text, err = Render(p, "talos", ""); err != nil || !strings.Contains(text, "permissions: 0o644") {
			t.Errorf("%s: kube-apiserver cannot read the file (%v):\n%s", name, err, text)
		}
	}
}

// RKE2 mounts the log's directory and the files that flags name itself; twice at
// one path, the pod is invalid. Only the webhook's own files are left to mount.
func TestRKE2MountsOnce(t *testing.T) {
	for name, p := range plans(t) {
		text, err := Render(p, "rke2", "")
		if err != nil {
			t.Fatal(err)
		}
		_, mounts, _ := strings.Cut(text, "kube-apiserver-extra-mount:\n")
		want := ""
		if p.Backend == "webhook" {
			want = "- \"/etc/kubernetes/webhook:/etc/kubernetes/webhook:ro\"\n- \"/etc/ssl/audit:/etc/ssl/audit:ro\"\n"
		}
		if mounts != want {
			t.Errorf("%s: mounts %q, want %q", name, mounts, want)
		}
	}
}

// Before 1.36 a size of 0, the default, left the size to lumberjack: 100 MB.
func TestSizeBefore136(t *testing.T) {
	s, err := ReadServer("f", []byte("--audit-policy-file=/p/p\n--audit-log-path=/l/l\n--audit-log-maxbackup=10\n--audit-log-maxsize=0"))
	if err != nil {
		t.Fatal(err)
	}
	for minor, want := range map[int]int{30: 100, 35: 100, 36: 0, 37: 0} {
		if set, problem := InForce(s, minor); set.MaxSize != want || problem != "" {
			t.Errorf("1.%d: %d MB %s, want %d", minor, set.MaxSize, problem, want)
		}
		if got := Defaults(minor).MaxSize; got != 100 {
			t.Errorf("1.%d: the default is %d MB", minor, got)
		}
	}
}

func TestPlanRefuses(t *testing.T) {
	good := Webhook{PolicyPath: "/a/p.yaml", ConfigPath: "/a/w.yaml", URL: "https://h/x", MaxEventSize: 1}
	for want, change := range map[string]func(*Webhook){
		"plain http":    func(w *Webhook) { w.URL = "http://audit.example.org/" },
		"not a URL":     func(w *Webhook) { w.URL = "audit.example.org" },
		"scheme":        func(w *Webhook) { w.URL = "ftp://x/y" },
		"user and":      func(w *Webhook) { w.URL = "https://u:secret@h/" },
		"drops what":    func(w *Webhook) { w.URL = "https://h/?token=x" },
		"go together":   func(w *Webhook) { w.CertPath = "/a/c" },
		"not one of":    func(w *Webhook) { w.Mode = "async" },
		"absolute":      func(w *Webhook) { w.ConfigPath = "w.yaml" },
		"plain path":    func(w *Webhook) { w.PolicyPath = "/a b" },
		"not the absol": func(w *Webhook) { w.TokenPath = "../t" },
	} {
		w := good
		change(&w)
		_, err := PlanWebhook(w)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", w, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
	if _, err := PlanLog(Log{PolicyPath: "/a/p", Path: "/a/l"}); err == nil {
		t.Error("log and policy in one directory")
	}
}

// TestCheck has a file for each way to be wrong; the first line says what must
// be found.
func TestCheck(t *testing.T) {
	files, err := filepath.Glob("testdata/check/*")
	if err != nil || len(files) < 10 {
		t.Fatal(len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		head, _, _ := strings.Cut(string(data), "\n")
		head, _ = strings.CutPrefix(head, "# want ")
		s, err := ReadServer(file, data)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		o := Options{Minor: 37}
		if strings.Contains(file, "1.30") {
			o.Minor = 30
		}
		if strings.Contains(file, "strict") {
			o.OmitsReceived = "the policy omits RequestReceived"
		}
		var got []string
		for _, f := range Check(s, o) {
			got = append(got, fmt.Sprintf("%s:%d", f.ID, f.Subject.Line))
		}
		if g := strings.Join(got, " "); g != head {
			t.Errorf("%s (%s): %q, want %q", file, s.Kind, g, head)
			for _, f := range Check(s, o) {
				t.Log(f.ID, f.Subject.Line, f.Message)
			}
		}
	}
}

func TestNotAServer(t *testing.T) {
	for _, in := range []string{"", "hello", "apiVersion: v1\nkind: ConfigMap\ndata: {}\n", "kind: Pod\nspec:\n  containers:\n  - name: web\n    args: [--port=80]\n", "a: [", "\x00\x01",
		"curl --silent --fail https://x/"} {
		if s, err := ReadServer("x", []byte(in)); err == nil {
			t.Errorf("%q: %+v", in, s)
		}
	}
}

func TestMetrics(t *testing.T) {
	const text = `# HELP apiserver_audit_event_total [ALPHA] Counter of audit events generated and sent to the audit backend.
# TYPE apiserver_audit_event_total counter
apiserver_audit_event_total 120
apiserver_audit_error_total{plugin="buffered"} 3
apiserver_audit_error_total{plugin="webhook"} 4
apiserver_audit_level_total{level="Metadata"} 100
apiserver_audit_level_total{level="None"} 1e+06
apiserver_audit_requests_rejected_total 0
process_start_time_seconds 1.76e+09
other{le="+Inf"} 7
`
	c, err := ReadMetrics([]byte(text))
	if err != nil || c.Events != 120 || c.Errors["buffered"] != 3 || c.Levels["None"] != 1e6 || c.Start != 1.76e9 {
		t.Fatalf("%+v %v", c, err)
	}
	next := func(f func(*Counters)) Counters {
		n, _ := ReadMetrics([]byte(text))
		f(&n)
		return n
	}
	for want, after := range map[string]Counters{
		Auditing: next(func(c *Counters) { c.Events += 9; c.Levels["Metadata"] += 9 }),
		Silent:   next(func(c *Counters) { c.Levels["None"] += 9 }),
		Dropping: next(func(c *Counters) { c.Events += 9; c.Errors["buffered"] += 5 }),
		Failing:  next(func(c *Counters) { c.Events += 9; c.Errors["webhook"] += 400; c.Errors["buffered"]++ }),
		Mixed:    next(func(c *Counters) { c.Start++ }),
	} {
		if v := Judge(c, after, 10*time.Second); v.State != want || len(v.Why) == 0 {
			t.Errorf("%s: %+v", want, v)
		}
	}
	if v := Judge(Counters{}, Counters{}, time.Second); v.State != NotAuditing {
		t.Errorf("%+v", v)
	}
	rejected := next(func(c *Counters) { c.Rejected = 2 })
	if v := Judge(c, rejected, time.Second); v.State != Failing {
		t.Errorf("%+v", v)
	}
	if _, err := ReadMetrics([]byte("apiserver_audit_event_total x\n")); err == nil {
		t.Error("no number, no error")
	}
}

// What is said of the log's batches stands where the log is switched on, not
// at the webhook's flags.
func TestCapacityPlace(t *testing.T) {
	s, err := ReadServer("f", []byte("--audit-policy-file=/p/p\n--audit-log-path=/l/l\n--audit-log-mode=batch\n--audit-log-batch-max-size=1\n--audit-log-batch-throttle-enable\n--audit-log-batch-throttle-qps=1\n--audit-log-batch-throttle-burst=1\n--audit-webhook-config-file=/w/w\n--audit-webhook-truncate-enabled"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range Check(s, Options{Minor: 37}) {
		if f.ID == "AP076" {
			if n++; f.Subject.Path != "--audit-log-mode" {
				t.Errorf("%s: %s", f.Subject.Path, f.Message)
			}
		}
	}
	if n != 1 {
		t.Errorf("%d findings", n)
	}
}

// A policy in whatever form kube-apiserver takes is the same policy in the
// installers' configurations that hold it.
func TestPolicyInside(t *testing.T) {
	const rules = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: None\n  users: [a]\n- level: Metadata\n"
	for name, text := range map[string]string{
		"plain": rules, "with markers": "%YAML 1.1\n---\n# all\n" + rules + "...\n", "several documents": "---\n" + rules + "---\nkind: ConfigMap\n---\na: [\n",
		"a byte order mark": "\ufeff" + rules, "CRLF": strings.ReplaceAll("---\n"+rules, "\n", "\r\n"), "an indented head": "   # head\n" + rules,
		"a marker with content": "--- {apiVersion: audit.k8s.io/v1, kind: Policy, rules: [{level: None, users: [a]}, {level: Metadata}]}\n",
		"JSON with tabs":        "{\n\t\"apiVersion\": \"audit.k8s.io/v1\",\n\t\"kind\": \"Policy\",\n\t\"rules\": [\n\t\t{\"level\": \"None\", \"users\": [\"a\"]},\n\t\t{\"level\": \"Metadata\"}\n\t]\n}\n",
	} {
		for planned, p := range plans(t) {
			for _, platform := range []string{"talos", "kops"} {
				out, err := Render(p, platform, text)
				if err != nil {
					t.Fatal(err)
				}
				ps, err := policy.Load("out", []byte(out))
				if err != nil || len(ps) != 1 {
					t.Errorf("%s, %s for %s: %d policies, %v\n%s", name, planned, platform, len(ps), err, out)
					continue
				}
				r := ps[0].Internal.Rules
				if len(ps[0].Refused)+len(ps[0].Dropped) > 0 || len(r) != 2 || !slices.Equal(r[0].Users, []string{"a"}) || r[1].Level != "Metadata" {
					t.Errorf("%s, %s for %s: %v %v %+v", name, planned, platform, ps[0].Refused, ps[0].Dropped, r)
				}
			}
		}
	}
}

// A file whose contents the output has no room for says how to get them.
func TestFilesSayHowToGetThem(t *testing.T) {
	p := plans(t)["webhook"]
	for _, platform := range []string{"static-pod", "kubeadm", "kubeadm-patch", "k3s", "rke2", "kind"} {
		text, err := Render(p, platform, "")
		if err != nil || strings.Count(text, "--kubeconfig-only") != 1 {
			t.Errorf("%s: nothing says where the kubeconfig comes from (%v)\n%s", platform, err, text)
		}
	}
}

// A load that nobody has named makes no buffer smaller than kube-apiserver's own.
func TestOrDefaults(t *testing.T) {
	for rate, want := range map[float64][3]int{100: {10, 10000, 25}, 9000: {45, 90000, 225}} {
		s, err := Size(Load{Rate: rate, EventsPerRequest: 2, EventSize: 1000, BatchSize: 400, Latency: 5 * time.Second, Headroom: 1})
		if err != nil {
			t.Fatal(err)
		}
		if s = s.OrDefaults(1000); s.QPS != want[0] || s.Buffer != want[1] || s.Burst != want[2] || s.BufferBytes != int64(want[1])*1000 {
			t.Errorf("%v requests/s: %+v, want %v", rate, s, want)
		}
	}
}
