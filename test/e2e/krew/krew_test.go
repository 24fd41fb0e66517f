// Package krew does what a user does to install the plugins: with the real krew
// and the real kubectl, from a local index, over loopback.
package krew

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/test/cluster"
	"github.com/clusterwright/kubectl-plugins/test/program"
)

var plugins = []string{"nodehealth", "auditpolicy", "certgen", "logarch"}

// world is a machine with kubectl, krew and nothing else.
type world struct {
	t    *testing.T
	repo string
	home string
	env  []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	repo := program.Repo()
	w := &world{t: t, repo: repo, home: t.TempDir()}
	bin := filepath.Join(w.home, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	w.env = []string{
		"HOME=" + w.home, "KREW_ROOT=" + filepath.Join(w.home, "krew"), "KREW_NO_UPGRADE_CHECK=1",
		"PATH=" + strings.Join([]string{bin, filepath.Join(w.home, "krew", "bin"), "/usr/bin", "/bin"}, ":"),
		"KUBECONFIG=" + filepath.Join(w.home, "none"),
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=index", "GIT_AUTHOR_EMAIL=index@example.com",
		"GIT_COMMITTER_NAME=index", "GIT_COMMITTER_EMAIL=index@example.com",
	}
	w.goRun(filepath.Join(repo, "hack", "tools"), "build", "-o", filepath.Join(bin, "kubectl-krew"), "sigs.k8s.io/krew/cmd/krew")
	kubernetes, err := cluster.Binary("")
	if err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/sh\nexec %q kubectl \"$@\"\n", kubernetes)
	if err := os.WriteFile(filepath.Join(bin, "kubectl"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return w
}

// goRun runs the Go tool with this process's own environment (its caches).
func (w *world) goRun(dir string, args ...string) {
	w.t.Helper()
	c := exec.Command("go", args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		w.t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// dist builds a release for this platform from a source folder.
func (w *world) dist(src, out, version, uriBase string) {
	w.t.Helper()
	c := exec.Command("hack/dist.sh", version, "--out", out, "--platforms", runtime.GOOS+"/"+runtime.GOARCH, "--uri-base", uriBase)
	c.Dir = src
	if b, err := c.CombinedOutput(); err != nil {
		w.t.Fatalf("hack/dist.sh: %v\n%s", err, b)
	}
}

// run runs a program as the user and returns its exit status and output.
func (w *world) run(name string, args ...string) (string, string, int) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var path string
	for _, kv := range w.env {
		if p, ok := strings.CutPrefix(kv, "PATH="); ok {
			for _, dir := range strings.Split(p, ":") {
				if st, err := os.Stat(filepath.Join(dir, name)); err == nil && st.Mode()&0o111 != 0 && path == "" {
					path = filepath.Join(dir, name)
				}
			}
		}
	}
	if path == "" {
		w.t.Fatalf("%s: not on PATH", name)
	}
	c := exec.CommandContext(ctx, path, args...)
	c.Env = w.env
	c.Dir = w.home
	var out, errOut bytes.Buffer
	c.Stdout, c.Stderr = &out, &errOut
	if err := c.Run(); err != nil && c.ProcessState == nil {
		w.t.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return out.String(), errOut.String(), c.ProcessState.ExitCode()
}

func (w *world) ok(name string, args ...string) (string, string) {
	w.t.Helper()
	out, errOut, code := w.run(name, args...)
	if code != 0 {
		w.t.Fatalf("%s %s: exit status %d\n%s%s", name, strings.Join(args, " "), code, out, errOut)
	}
	return out, errOut
}

// publish commits manifests as an index.
func (w *world) publish(index, manifests string) {
	w.t.Helper()
	dir := filepath.Join(index, "plugins")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		w.t.Fatal(err)
	}
	for _, p := range plugins {
		b, err := os.ReadFile(filepath.Join(manifests, p+".yaml"))
		if err != nil {
			w.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, p+".yaml"), b, 0o644); err != nil {
			w.t.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Join(index, ".git")); err != nil {
		w.ok("git", "-C", index, "init", "-q")
	}
	w.ok("git", "-C", index, "add", ".")
	w.ok("git", "-C", index, "commit", "-q", "-m", "release")
}

func TestInstallUpgradeUninstall(t *testing.T) {
	w := newWorld(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := filepath.Join(w.home, "served")
	srv := &http.Server{Handler: http.FileServer(http.Dir(served))}
	go srv.Serve(l)
	defer srv.Close()
	base := "http://" + l.Addr().String()
	for _, v := range []string{"v0.1.0", "v0.1.1"} {
		w.dist(w.repo, filepath.Join(served, v), v, base)
	}
	index := filepath.Join(w.home, "index")
	w.publish(index, filepath.Join(served, "v0.1.0", "krew"))

	w.ok("kubectl", "krew", "index", "add", "suite", index)
	if out, _ := w.ok("kubectl", "krew", "search"); !containsAll(out, "suite/nodehealth", "suite/auditpolicy", "suite/certgen", "suite/logarch") {
		t.Fatalf("krew search:\n%s", out)
	}
	for _, p := range plugins {
		if out, _ := w.ok("kubectl", "krew", "info", "suite/"+p); !strings.Contains(out, "v0.1.0") {
			t.Errorf("krew info %s:\n%s", p, out)
		}
		w.ok("kubectl", "krew", "install", "suite/"+p)
	}
	out, errOut := w.ok("kubectl", "plugin", "list")
	if strings.Contains(out+errOut, "warning") {
		t.Errorf("kubectl plugin list warns:\n%s%s", out, errOut)
	}
	for _, p := range plugins {
		if out, _ := w.ok("kubectl", p, "version"); !strings.HasPrefix(out, "kubectl "+p+" v0.1.0 ") {
			t.Errorf("version: %q", out)
		}
	}

	// Completion, through kubectl's own mechanism.
	for _, p := range plugins {
		w.ok("kubectl", p, "completion", "install")
		out, _ := w.ok("kubectl", "__complete", p, "versio")
		if !strings.Contains(out, "version") {
			t.Errorf("kubectl completes %s's arguments with:\n%s", p, out)
		}
		w.ok("kubectl", p, "completion", "uninstall")
	}

	w.publish(index, filepath.Join(served, "v0.1.1", "krew"))
	w.ok("kubectl", "krew", "upgrade")
	for _, p := range plugins {
		if out, _ := w.ok("kubectl", p, "version"); !strings.HasPrefix(out, "kubectl "+p+" v0.1.1 ") {
			t.Errorf("after the upgrade: %q", out)
		}
		w.ok("kubectl", "krew", "uninstall", p)
	}
	left, err := os.ReadDir(filepath.Join(w.home, "krew", "bin"))
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 0 {
		t.Errorf("left behind in krew's bin: %v", left)
	}

	// Without any network: a manifest and an archive that were carried over.
	dist := filepath.Join(served, "v0.1.1")
	archive := fmt.Sprintf("kubectl-certgen_v0.1.1_%s_%s.tar.gz", runtime.GOOS, runtime.GOARCH)
	w.ok("kubectl", "krew", "install", "--manifest="+filepath.Join(dist, "krew", "certgen.yaml"), "--archive="+filepath.Join(dist, archive))
	w.ok("kubectl", "certgen", "version")
	w.ok("kubectl", "krew", "uninstall", "certgen")
}

func containsAll(s string, parts ...string) bool {
	for _, p := range parts {
		if !strings.Contains(s, p) {
			return false
		}
	}
	return true
}

// Two builds of the same source in two folders are the same bytes.
func TestReleaseIsReproducible(t *testing.T) {
	w := newWorld(t)
	other := filepath.Join(w.home, "another", "folder")
	program.CopyRepo(t, other)
	one, two := filepath.Join(w.home, "one"), filepath.Join(w.home, "two")
	w.dist(w.repo, one, "v0.1.0", "http://127.0.0.1:1")
	w.dist(other, two, "v0.1.0", "http://127.0.0.1:1")
	a, err := os.ReadFile(filepath.Join(one, "checksums.txt"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(two, "checksums.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Errorf("two builds differ:\n%s\n%s", a, b)
	}
}

// krew's own validator accepts the manifests of a release.
func TestManifestsAreValid(t *testing.T) {
	w := newWorld(t)
	validator := filepath.Join(w.home, "validate")
	w.goRun(filepath.Join(w.repo, "hack", "tools"), "build", "-o", validator, "sigs.k8s.io/krew/cmd/validate-krew-manifest")
	committed, err := filepath.Glob(filepath.Join(w.repo, "krew-index", "plugins", "*.yaml"))
	if err != nil || len(committed) != len(plugins) {
		t.Fatalf("krew-index/plugins has %d manifests (%v), want %d", len(committed), err, len(plugins))
	}
	for _, m := range committed {
		c := exec.Command(validator, "-manifest", m, "-skip-install")
		c.Env = w.env
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", filepath.Base(m), err, out)
		}
		b, err := os.ReadFile(m)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(b), "\n  - bin: "); n != 6 {
			t.Errorf("%s: %d platforms, want 6", filepath.Base(m), n)
		}
	}
}
