package auditpolicy

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"

	"github.com/clusterwright/kubectl-plugins/test/program"
)

// events writes an audit log as a mid-sized cluster makes it under a policy
// with bodies: leases, watches and gets without, writes and lists with; about
// 3 kB an event in the mean. names never repeat as fast as to fit a cache.
func events(w io.Writer, size int64) {
	r := rand.New(rand.NewPCG(1, 2))
	out := bufio.NewWriterSize(w, 1<<20)
	defer out.Flush()
	pod := `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"web","namespace":"shop","labels":{"app":"web","tier":"front"},"managedFields":[{"manager":"kube-controller-manager","operation":"Update","apiVersion":"v1","fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:labels":{".":{},"f:app":{}}},"f:spec":{"f:containers":{"k:{\"name\":\"web\"}":{".":{},"f:image":{}}}}}}]},"spec":{"containers":[{"name":"web","image":"registry.example.org/shop/web:1.2.3","args":["--listen=:8080","--log=\"json\""],"resources":{"requests":{"cpu":"100m","memory":"128Mi"}}}]},"status":{"phase":"Running","podIP":"10.1.2.3"}}`
	for n := int64(0); n < size; {
		id := r.Uint64()
		ns := fmt.Sprintf("ns-%d", id%300)
		name := fmt.Sprintf("web-%x", id>>40)
		user, groups := fmt.Sprintf("system:node:node-%d", id%200), `"system:nodes","system:authenticated"`
		level, verb, uri, body := "Metadata", "update", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/"+user[12:]+`?timeout=10s`, ""
		switch k := id % 100; {
		case k < 25:
		case k < 45:
			verb, uri = "watch", "/api/v1/pods?allowWatchBookmarks=true\\u0026fieldSelector=spec.nodeName%3Dnode-7\\u0026resourceVersion="+fmt.Sprint(id%1e6)+"\\u0026watch=true"
		case k < 75:
			user, groups = "system:serviceaccount:"+ns+":app", `"system:serviceaccounts","system:serviceaccounts:`+ns+`","system:authenticated"`
			verb, uri = "get", "/api/v1/namespaces/"+ns+"/configmaps/"+name
		case k < 90:
			user, groups = "system:serviceaccount:kube-system:replicaset-controller", `"system:serviceaccounts","system:serviceaccounts:kube-system","system:authenticated"`
			level, verb, uri = "RequestResponse", "create", "/api/v1/namespaces/"+ns+"/pods"
			body = `,"requestObject":` + pod + `,"responseObject":` + pod
		case k < 97:
			level, verb, uri = "Request", "patch", "/api/v1/namespaces/"+ns+"/pods/"+name+"/status"
			body = `,"requestObject":{"status":{"conditions":[{"type":"Ready","status":"True"}],"phase":"Running"}}`
		default:
			user, groups = "alice@example.org", `"dev","system:authenticated"`
			level, verb, uri = "RequestResponse", "list", "/api/v1/namespaces/"+ns+"/pods?limit=500"
			body = `,"responseObject":{"kind":"PodList","items":[` + strings.Repeat(pod+",", 30) + pod + `]}`
		}
		m, _ := fmt.Fprintf(out, `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":%q,"auditID":"%016x-4562-9f30-d0b3b7f8e3c1","stage":"ResponseComplete","requestURI":"%s","verb":%q,"user":{"username":%q,"groups":[%s],"extra":{"authentication.kubernetes.io/credential-id":["X509SHA256=0a1b2c3d4e5f"]}},"sourceIPs":["10.0.%d.%d"],"userAgent":"kubelet/v1.37.1 (linux/amd64) kubernetes/abcdef0","objectRef":{"resource":"pods","namespace":%q,"apiVersion":"v1"},"responseStatus":{"metadata":{},"code":200}%s,"requestReceivedTimestamp":"2026-01-02T03:04:05.%06dZ","stageTimestamp":"2026-01-02T03:04:05.%06dZ","annotations":{"authorization.k8s.io/decision":"allow","authorization.k8s.io/reason":"RBAC: allowed by ClusterRoleBinding \"x\" of ClusterRole \"x\""}}`+"\n",
			level, id, uri, verb, user, groups, id%256, id>>8%256, ns, body, id%1e6, id%1e6)
		n += int64(m)
	}
}

// TestBenchReplay measures replay against jq taking the same fields out of the
// same file, and against encoding/json decoding whole events on as many cores.
func TestBenchReplay(t *testing.T) {
	bin := program.Plugin(t, "auditpolicy")
	dir := t.TempDir()
	log, policy := filepath.Join(dir, "audit.log"), filepath.Join(dir, "policy.yaml")
	f, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	const size = 256 << 20
	events(f, size)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := exec.Command(bin, "init", "gce").Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(policy, text, 0o644); err != nil {
		t.Fatal(err)
	}
	// The judge is processor time: on a machine that does other things as well,
	// the clock on the wall measures those.
	run := func(name string, args ...string) (cpu, wall time.Duration) {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Stdout = io.Discard
		var errOut bytes.Buffer
		cmd.Stderr = &errOut
		begin := time.Now()
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s: %v: %s", name, err, errOut.String())
		}
		return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), time.Since(begin)
	}
	mb := func(d time.Duration, bytes float64) float64 { return bytes / d.Seconds() / 1e6 }

	ours, wall := run(bin, "replay", policy, "--log", log, "-o", "json")
	for range 2 {
		c, w := run(bin, "replay", policy, "--log", log, "-o", "json")
		ours, wall = min(ours, c), min(wall, w)
	}
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			t.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	decodeWall := decodeAll(t, log, runtime.GOMAXPROCS(0))
	decode := used() - before
	// jq is so slow that a quarter of the file does.
	quarter := filepath.Join(dir, "quarter.log")
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	cut := bytes.LastIndexByte(data[:len(data)/4], '\n') + 1
	if err := os.WriteFile(quarter, data[:cut], 0o644); err != nil {
		t.Fatal(err)
	}
	jq, jqWall := run("jq", "-c", "[.level,.stage,.verb,.requestURI,.auditID,.user.username,.user.groups,.stageTimestamp]", quarter)

	t.Logf("by the clock: replay %.0f MB/s, encoding/json %.0f MB/s (both on %d cores), jq %.0f MB/s", mb(wall, size), mb(decodeWall, size), runtime.GOMAXPROCS(0), mb(jqWall, float64(cut)))
	speed, jqSpeed, decodeSpeed := mb(ours, size), mb(jq, float64(cut)), mb(decode, size)
	t.Logf("by processor time: replay %.0f MB/s, jq %.0f MB/s (%.1f x, limit 10), encoding/json %.0f MB/s (%.1f x, limit 4)", speed, jqSpeed, speed/jqSpeed, decodeSpeed, speed/decodeSpeed)
	if speed < 10*jqSpeed {
		t.Errorf("replay is %.1f x as fast as jq; the limit is 10", speed/jqSpeed)
	}
	if speed < 4*decodeSpeed {
		t.Errorf("replay is %.1f x as fast as encoding/json; the limit is 4", speed/decodeSpeed)
	}
}

func decodeAll(t *testing.T, file string, workers int) time.Duration {
	t.Helper()
	begin := time.Now()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := make(chan [][]byte, 2*workers)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for batch := range lines {
				for _, l := range batch {
					var e auditv1.Event
					if err := json.Unmarshal(l, &e); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	s := bufio.NewScanner(f)
	s.Buffer(make([]byte, 1<<20), 16<<20)
	var batch [][]byte
	for s.Scan() {
		if batch = append(batch, bytes.Clone(s.Bytes())); len(batch) == 256 {
			lines <- batch
			batch = nil
		}
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	lines <- batch
	close(lines)
	wg.Wait()
	return time.Since(begin)
}

// TestBenchMemory replays 2 GB from a pipe and looks at the most memory that the
// process held.
func TestBenchMemory(t *testing.T) {
	bin := program.Plugin(t, "auditpolicy")
	policy := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(policy, []byte("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n  resources: [{group: \"\", resources: [pods], resourceNames: [x]}]\n- level: Request\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, "replay", policy, "--log", "-", "-o", "json")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	const size = 2 << 30
	begin := time.Now()
	// The same 64 MB again and again, so that making them is not what is
	// measured.
	var once bytes.Buffer
	events(&once, 64<<20)
	n := 0
	for n < size {
		m, err := in.Write(once.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		n += m
	}
	// Read while the process lives: what wait4 tells counts the memory of this
	// one too, from between fork and exec.
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	var rss int64
	if _, rest, ok := bytes.Cut(status, []byte("VmHWM:")); ok {
		_, _ = fmt.Sscan(string(rest), &rss)
	}
	rss <<= 10
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	var r struct{ Log struct{ Bytes int64 } }
	if err := json.Unmarshal(out.Bytes(), &r); err != nil || r.Log.Bytes != int64(n) {
		t.Fatalf("%v: %d bytes read of %d", err, r.Log.Bytes, n)
	}
	t.Logf("%.1f GB in %s with at most %d MB of memory", float64(n)/1e9, time.Since(begin).Round(time.Second), rss>>20)
	if rss == 0 || rss > 100e6 {
		t.Errorf("%d MB of memory; the limit is 100", rss>>20)
	}
}
