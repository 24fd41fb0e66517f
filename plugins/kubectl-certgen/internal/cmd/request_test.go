package cmd

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// requests is as much of an API server as `request` asks: what is created is
// kept, and stays pending.
type requests struct {
	mu      sync.Mutex
	objects map[string]map[string]any
	hang    chan struct{} // where it is set, what is written has no answer until it is closed
}

func (s *requests) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	name := filepath.Base(r.URL.Path)
	reply := func(code int, v any) {
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(v)
	}
	refuse := func(code int, reason string) {
		reply(code, map[string]any{"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": reason})
	}
	switch {
	case r.Method == http.MethodPost && name == "certificatesigningrequests":
		if s.hang != nil {
			<-s.hang
			return
		}
		var o map[string]any
		_ = json.NewDecoder(r.Body).Decode(&o)
		n := o["metadata"].(map[string]any)["name"].(string)
		if s.objects[n] != nil {
			refuse(http.StatusConflict, "AlreadyExists")
			return
		}
		s.objects[n] = o
		reply(http.StatusCreated, o)
	case r.Method == http.MethodGet && s.objects[name] != nil:
		reply(http.StatusOK, s.objects[name])
	default:
		refuse(http.StatusNotFound, "NotFound")
	}
}

func (s *requests) names() (out []string) {
	for n := range s.objects {
		out = append(out, n)
	}
	return out
}

func fakeAPI(t *testing.T) (s *requests, flags []string) {
	t.Helper()
	s = &requests{objects: map[string]map[string]any{}}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	kubeconfig := filepath.Join(t.TempDir(), "config")
	text := fmt.Sprintf("{apiVersion: v1, kind: Config, current-context: c, clusters: [{name: c, cluster: {server: %q}}], contexts: [{name: c, context: {cluster: c, user: u}}], users: [{name: u, user: {token: t}}]}", srv.URL)
	if err := os.WriteFile(kubeconfig, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return s, []string{"--kubeconfig", kubeconfig, "--out", t.TempDir()}
}

// A second run goes on with the same request, unless it asks for something
// else: that is another request, for the same key.
func TestRequestAgain(t *testing.T) {
	s, flags := fakeAPI(t)
	run := func(args ...string) (string, string) {
		t.Helper()
		out, errOut, code := plugin(append(append([]string{"request", "alice", "--wait", "0s"}, flags...), args...)...)
		if code != 3 || !strings.Contains(out, "Pending") {
			t.Fatalf("%v: %d\n%s%s", args, code, out, errOut)
		}
		return out, errOut
	}
	dir := flags[len(flags)-1]
	run("--org", "developers")
	key, err := os.ReadFile(filepath.Join(dir, "alice.key"))
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{nil, {"--org", "developers"}} {
		if _, errOut := run(args...); len(s.objects) != 1 || !strings.Contains(errOut, "going on with the request") {
			t.Errorf("%v: %v\n%s", args, s.names(), errOut)
		}
	}
	if _, errOut := run("--org", "admins"); len(s.objects) != 2 || !strings.Contains(errOut, "alice.csr asked for O=developers, CN=alice; it was made again") {
		t.Errorf("other flags: %v\n%s", s.names(), errOut)
	}
	if _, errOut := run(); len(s.objects) != 2 {
		t.Errorf("the last wish stays: %v\n%s", s.names(), errOut)
	}
	if now, err := os.ReadFile(filepath.Join(dir, "alice.key")); err != nil || string(now) != string(key) {
		t.Errorf("the key changed: %v", err)
	}
	csr := filepath.Join(dir, "alice.csr")
	if _, errOut, code := plugin(append([]string{"request", "web", "--csr", csr, "--dns", "web.example", "--dry-run"}, flags...)...); code != 2 || !strings.Contains(errOut, "leave --dns out") {
		t.Errorf("--csr and --dns: %d %s", code, errOut)
	}
	// What is denied stays so until it is deleted.
	for _, o := range s.objects {
		o["status"] = map[string]any{"conditions": []any{map[string]any{"type": "Denied", "status": "True", "reason": "No", "message": "no"}}}
	}
	out, errOut, code := plugin(append([]string{"request", "alice", "--approve"}, flags...)...)
	if code != 1 || !strings.Contains(out, "Denied") || !strings.Contains(out, "kubectl delete csr certgen-alice-") {
		t.Errorf("denied: %d\n%s%s", code, out, errOut)
	}
	if err := os.Remove(filepath.Join(dir, "alice.key")); err != nil {
		t.Fatal(err)
	}
	if _, errOut, code := plugin(append([]string{"request", "alice"}, flags...)...); code != 2 || !strings.Contains(errOut, "is there without its key") {
		t.Errorf("a request without its key: %d %s", code, errOut)
	}
}

// An API server that does not answer costs a bounded time, also where
// something is written.
func TestRequestToHungServer(t *testing.T) {
	s, flags := fakeAPI(t)
	s.hang = make(chan struct{})
	t.Cleanup(func() { close(s.hang) }) // before the server is closed, which waits for it
	start := time.Now()
	_, errOut, code := plugin(append([]string{"request", "bob", "--request-timeout", "1s"}, flags...)...)
	if code != 3 || time.Since(start) > 10*time.Second || !strings.Contains(errOut, "error: send the request: the API server did not answer in time\nhint: run the same command again") {
		t.Errorf("%d after %s: %s", code, time.Since(start), errOut)
	}
}
