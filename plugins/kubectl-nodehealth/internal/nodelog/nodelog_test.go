package nodelog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
)

var now = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

func TestTimes(t *testing.T) {
	clock := newClock(now)
	for line, want := range map[string]string{
		`I0105 06:24:52.423336      46 server.go:257] "Effective" x=1`: "2026-01-05T06:24:52.423336Z",
		`E1231 23:59:59.000001 1 a.go:1] last year`:                    "2025-12-31T23:59:59.000001Z",
		`Jan 05 06:24:52.423336 host kubelet[46]: plain`:               "2026-01-05T06:24:52.423336Z",
		`Jan  5 06:24:52 host systemd[1]: Started kubelet.`:            "2026-01-05T06:24:52Z",
		`2026-01-05T06:24:52.1+0100 host kubelet[4]: x`:                "2026-01-05T05:24:52.1Z",
		`time="2026-01-05T06:24:52.1Z" level=warning msg="x y"`:        "2026-01-05T06:24:52.1Z",
		`{"ts":1767594292100.5,"caller":"a/b.go:1","msg":"x","v":0}`:   "2026-01-05T06:24:52.1005Z",
		"\tcontinuation": "",
	} {
		got := ""
		if at := clock.at(line); !at.IsZero() {
			got = at.Format(time.RFC3339Nano)
		}
		if got != want {
			t.Errorf("%q: %s, want %s", line, got, want)
		}
	}
}

func read(t *testing.T, q Query, text string) string {
	t.Helper()
	var out []string
	if err := Read(strings.NewReader(text), q, now, func(r Record) { out = append(out, r.Raw) }); err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, "|")
}

func TestReadFilters(t *testing.T) {
	const text = "I0105 06:00:00.000000 1 a.go:1] one\n\tmore of one\nI0105 07:00:00.000000 1 a.go:1] two\n\tmore of two\nlast without newline"
	for _, c := range []struct {
		q    Query
		want string
	}{
		{Query{}, strings.ReplaceAll(text, "\n", "|")},
		{Query{Since: now.Add(-5*time.Hour - time.Minute)}, "I0105 07:00:00.000000 1 a.go:1] two|\tmore of two|last without newline"},
		{Query{Until: now.Add(-5*time.Hour - time.Minute)}, "I0105 06:00:00.000000 1 a.go:1] one|\tmore of one"},
		{Query{Tail: 2}, "\tmore of two|last without newline"},
		{Query{Tail: 1, Pattern: "more"}, "\tmore of two"},
	} {
		if got := read(t, c.q, text); got != c.want {
			t.Errorf("%+v: %q, want %q", c.q, got, c.want)
		}
	}
	if got := read(t, Query{}, strings.Repeat("x", maxLine*2)+"\nnext"); !strings.HasSuffix(got, "|next") {
		t.Error("a line without end swallowed the next")
	}
}

// kubelet answers as a real one does; each path is a case seen on one.
func kubelet(t *testing.T, f http.HandlerFunc) *Fetcher {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	fetch, err := NewFetcher(&rest.Config{Host: s.URL}, "n1")
	if err != nil {
		t.Fatal(err)
	}
	fetch.Wait = 200 * time.Millisecond
	return fetch
}

const listing = "<!doctype html>\n<pre>\n<a href=\"kubelet.log\">kubelet.log</a>\n<a href=\"pods/\">pods/</a>\n</pre>"

func TestOpen(t *testing.T) {
	html := func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, listing)
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		from   string
		body   string
		why    []Status
	}{
		"query": {func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "a line") }, "log query kubelet", "a line", nil},
		"off, but a file": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Has("query") {
				html(w)
				return
			}
			w.Header().Set("Content-Type", "text/plain")
			fmt.Fprint(w, "from the file "+r.Header.Get("Range"))
		}, "/var/log/kubelet.log", "from the file bytes=-5120", nil},
		"off, no file": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Has("query") {
				html(w)
				return
			}
			http.Error(w, "404 page not found", 404)
		}, "", "", []Status{Disabled, NotThere}},
		"options refused": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Has("tailLines") {
				fmt.Fprint(w, "\noptions present and query resolved to log files for [kubelet]\ntry without specifying options\n")
				return
			}
			fmt.Fprint(w, "whole file")
		}, "log query kubelet", "whole file", nil},
		"error in a 200": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Has("query") {
				fmt.Fprint(w, "\nlog not found for kubelet\n")
				return
			}
			http.Error(w, "404 page not found", 404)
		}, "", "", []Status{NotThere, NotThere}},
		"denied by the API server": {func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(403)
			fmt.Fprint(w, `{"kind":"Status","message":"nodes \"n1\" is forbidden: User \"u\" cannot get resource \"nodes/proxy\"","code":403}`)
		}, "", "", []Status{DeniedByAPI}},
		"denied by the kubelet": {func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, "Forbidden (user=kube-apiserver, verb=get, resource=nodes, subresource(s)=[log])", http.StatusForbidden)
		}, "", "", []Status{DeniedByKubelet}},
		"handler off": {func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, "logs endpoint is disabled.", http.StatusMethodNotAllowed)
		}, "", "", []Status{HandlerOff}},
		"kubelet down": {func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, "error trying to reach service: dial tcp 10.0.0.1:10250: connect: connection refused", http.StatusServiceUnavailable)
		}, "", "", []Status{Refused}},
		"kubelet frozen": {func(w http.ResponseWriter, r *http.Request) { time.Sleep(time.Second) }, "", "", []Status{Timeout}},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := kubelet(t, c.answer).Open(context.Background(), PlaceOf("kubelet", Generic), Query{Tail: 10})
			if c.why == nil {
				if err != nil {
					t.Fatal(err)
				}
				defer o.Close()
				b, _ := io.ReadAll(o)
				if o.From != c.from || string(b) != c.body {
					t.Errorf("%q from %q", b, o.From)
				}
				return
			}
			var got []Status
			for _, u := range Reasons(err) {
				got = append(got, u.Status)
			}
			if fmt.Sprint(got) != fmt.Sprint(c.why) {
				t.Errorf("%v (%v), want %v", got, err, c.why)
			}
		})
	}
}

func TestListing(t *testing.T) {
	if got := parseListing(listing); fmt.Sprint(got) != "[kubelet.log pods/]" {
		t.Errorf("%q", got)
	}
}

func TestSinceIsUTC(t *testing.T) {
	var got string
	f := kubelet(t, func(w http.ResponseWriter, r *http.Request) { got = r.URL.Query().Get("sinceTime") })
	r, err := f.Service(context.Background(), "kubelet", Query{Since: time.Date(2026, 1, 5, 12, 0, 0, 0, time.FixedZone("x", 3*3600))})
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	if got != "2026-01-05T08:59:00Z" {
		t.Errorf("sinceTime %s: the kubelet drops the zone", got)
	}
}

func TestPlaces(t *testing.T) {
	for d, info := range map[Distro]corev1.NodeSystemInfo{
		K3s: {KubeletVersion: "v1.33.1+k3s1"}, RKE2: {KubeletVersion: "v1.33.1+rke2r1"}, Talos: {OSImage: "Talos (v1.9.0)"},
		Windows: {OperatingSystem: "windows"}, Generic: {OSImage: "Ubuntu 24.04"}, Bottlerock: {OSImage: "Bottlerocket OS 1.2"},
	} {
		if got := DistroOf(info); got != d {
			t.Errorf("%+v: %s", info, got)
		}
		for _, unit := range Units {
			if p := PlaceOf(unit, d); len(p.ByHand) == 0 {
				t.Errorf("%s on %s: nothing to type on the node", unit, d)
			}
		}
	}
	if p := PlaceOf("kubelet", RKE2); len(p.Services) != 0 || !strings.Contains(p.ByHand[0], "/var/lib/rancher/rke2/agent/logs/kubelet.log") {
		t.Errorf("%+v", p)
	}
	if got := errors.Join(&Unavailable{Status: Disabled}, &Unavailable{Status: NotThere}); len(Reasons(got)) != 2 {
		t.Error("Reasons of a joined error")
	}
}

// Each signature finds a line as it stands in real logs, and a quiet line finds
// none.
func TestScan(t *testing.T) {
	lines := map[string]string{
		// As in tickets of Kubernetes, kubeadm, containerd and AKS, versions 1.9 to
		// 1.35.
		"NodeNotFound":         `E1119 15:54:24.469794 35241 kubelet.go:2412] "Error getting node" err="node \"dockerone\" not found"`,
		"SandboxImageMissing":  `E0726 00:03:59.4 1840 remote_runtime.go:116] "RunPodSandbox from runtime service failed" err="rpc error: code = Unknown desc = failed to get sandbox image \"k8s.gcr.io/pause:3.2\": failed`,
		"RuntimeDown":          `I0409 21:14:19.210702   26014 kubelet.go:1794] skipping pod synchronization - [container runtime is down]`,
		"KubeletNotConfigured": `"command failed" err="failed to load kubelet config file, path: /var/lib/kubelet/config.yaml, error: failed to load Kubelet config file /var/lib/kubelet/config.yaml`,
		"BootstrapMissing":     `"command failed" err="failed to run Kubelet: unable to load bootstrap kubeconfig: stat /etc/kubernetes/bootstrap-kubelet.conf: no such file or directory"`,
		"UnknownFlag":          `E1 1 run.go:74] "command failed" err="failed to parse kubelet flag: unknown flag: --network-plugin"`,
		"SwapOn":               `err="failed to run Kubelet: running with swap on is not supported, please disable swap! or set --fail-swap-on flag to false"`,
		"CgroupDriverMismatch": `err="failed to run Kubelet: misconfiguration: kubelet cgroup driver: \"systemd\" is different from docker cgroup driver: \"cgroupfs\""`,
		"CgroupMissing":        `err="failed to run Kubelet: system validation failed - Following Cgroup subsystem not mounted: [memory]"`,
		"CRIUnimplemented":     `validate CRI v1 runtime API for endpoint "unix:///run/containerd/containerd.sock": rpc error: code = Unimplemented desc = unknown service runtime.v1.RuntimeService`,
		"Forbidden":            `Failed to list *v1.Service: services is forbidden: User "system:anonymous" cannot list resource "services"`,
		"ResolvConfMissing":    `"Failed to generate sandbox config for pod" err="open /run/systemd/resolve/resolv.conf: no such file or directory"`,
		"ImageGCFailed":        `"Image garbage collection failed multiple times in a row" err="Failed to garbage collect required amount of images. Attempted to free 4783028633 bytes"`,
		"OOMKilling":           "Killed process 1012 (heapster) total-vm:327128kB, anon-rss:306328kB",
		"TaskHung":             "INFO: task docker:20744 blocked for more than 120 seconds.",
		"UnregisterNetDevice":  "unregister_netdevice: waiting for lo to become free. Usage count = 1",
		"FilesystemError":      "EXT4-fs (sda1): Remounting filesystem read-only",
		"PLEGUnhealthy":        `E0105 06:24:52.4 46 kubelet.go:1] "Skipping pod synchronization" err="PLEG is not healthy: pleg was last seen active 3m"`,
		"CertificateExpired":   `E0105 06:24:52.4 46 x.go:1] "Unable to authenticate the request" err="x509: certificate has expired or is not yet valid"`,
		"APIServerRefused":     `E0105 06:24:52.4 46 x.go:1] "Failed" err="Get https://10.0.0.1:6443: dial tcp 10.0.0.1:6443: connect: connection refused"`,
	}
	for name, line := range lines {
		var s Scanner
		s.Add(Record{Time: now, Raw: line})
		s.Add(Record{Time: now, Raw: `I0105 06:24:52.423336      46 server.go:257] "Started kubelet"`})
		found := false
		for _, h := range s.Hits() {
			found = found || h.Name == name && h.Count == 1 && h.Example == line
		}
		if !found {
			t.Errorf("%s not found in %q: %+v", name, line, s.Hits())
		}
	}
	for _, sig := range Signatures {
		if sig.Means == "" || sig.Next == "" || sig.Pattern.MatchString(`I0105 06:24:52.4 46 server.go:257] "Started kubelet" version="v1.37.1"`) {
			t.Errorf("%s: incomplete, or matches a quiet line", sig.Name)
		}
	}
}

// What a kubelet in good health says: before it has registered, when a pod that
// it asks for is gone, and when a stream ends. As in logs of v1.37.1.
func TestScanHealthy(t *testing.T) {
	var s Scanner
	for range 6 {
		s.Add(Record{Time: now, Raw: `E1126 14:55:02.167455      47 kubelet_node_status.go:396] "Error getting the current node from lister" err="node \"kube-worker-2\" not found"`})
	}
	if h := s.Hits(); len(h) != 1 || h[0].Name != "NodeNotFound" {
		t.Errorf("before it has registered: %+v", h)
	}
	for _, l := range []string{
		`I1126 14:55:02.345338      47 kubelet_node_status.go:78] "Successfully registered node" node="kube-worker-2"`,
		`E1126 14:55:02.345529      47 kubelet_node_status.go:479] "Error updating node status, will retry" err="error getting node \"kube-worker-2\": node \"kube-worker-2\" not found"`,
		`E1126 14:56:18.646285      47 status_manager.go:1257] "Failed to get status for pod" err="pods \"web\" is forbidden: User \"system:node:kube-worker-2\" cannot get resource \"pods\" in API group \"\" in the namespace \"default\": node: no relationship found between node 'kube-worker-2' and this object"`,
		`E1126 14:56:54.008934      47 conn.go:353] "Error on socket receive" err="read tcp 10.199.0.12:10250->10.199.0.1:57808: use of closed network connection"`,
		`I0105 06:24:52.423336      46 server.go:257] "Started kubelet"`,
	} {
		s.Add(Record{Time: now, Raw: l})
	}
	if h := s.Hits(); len(h) != 0 {
		t.Errorf("after: %+v", h)
	}
	s.Add(Record{Time: now, Raw: `E1 kubelet_node_status.go:1] "Unable to register node" err="nodes \"n2\" is forbidden: User \"system:node:n1\" cannot create resource \"nodes\" in API group \"\""`})
	if h := s.Hits(); len(h) != 1 || h[0].Name != "Forbidden" {
		t.Errorf("under another name: %+v", h)
	}
}

// Where a distribution keeps a log outside of /var/log nothing is asked, and
// that is an answer; a debug pod reads the file.
func TestElsewhere(t *testing.T) {
	for _, p := range []Place{PlaceOf("kubelet", RKE2), PlaceOf("containerd", RKE2), PlaceOf("containerd", K3s), PlaceOf("kubelet", Talos), PlaceOf("kernel", Talos)} {
		o, err := (&Fetcher{}).Open(context.Background(), p, Query{})
		reasons := Reasons(err)
		if o != nil || len(reasons) != 1 || reasons[0].Status != Elsewhere {
			t.Errorf("%+v: %v %v", p, o, err)
		}
		script := Journal(p, false, Query{})
		for _, f := range p.Host {
			if !strings.Contains(script[len(script)-1], "cat '"+f+"'") {
				t.Error(script)
			}
		}
	}
}
