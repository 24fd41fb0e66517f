package windows

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/test/program"
	"github.com/clusterwright/kubectl-plugins/test/wine"
)

var plugins = []string{"nodehealth", "auditpolicy", "certgen", "logarch"}

// machine is a Windows of its own: C: with kubectl.exe and the plugins on PATH.
type machine struct {
	root string // drive_c
	env  []string
	// err says why there is none.
	err error
}

var windows = sync.OnceValue(func() *machine {
	m := &machine{}
	m.err = m.build()
	return m
})

func TestMain(m *testing.M) {
	code := m.Run()
	if w := windows(); w.root != "" {
		stop := exec.Command("wineserver", "-k")
		stop.Env = w.env
		_ = stop.Run()
		_ = os.RemoveAll(filepath.Dir(w.root))
	}
	os.Exit(code)
}

// start gives the machine. Without wine nothing is tested, and that is said.
func start(t *testing.T) *machine {
	t.Helper()
	if _, err := exec.LookPath("wine"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("NOT TESTED, which is a failure in CI: the Windows programs: no wine here (hack/packages.txt)")
		}
		t.Skip("NOT TESTED: the Windows programs: no wine here (hack/packages.txt)")
	}
	m := windows()
	if m.err != nil {
		t.Fatal(m.err)
	}
	return m
}

func (m *machine) build() error {
	if _, err := exec.LookPath("wine"); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "clusterwright-windows-")
	if err != nil {
		return err
	}
	m.root = filepath.Join(dir, "drive_c")
	m.env = append(os.Environ(), "WINEPREFIX="+dir, "WINEDEBUG=-all", "WINEARCH=win64", "LC_ALL=C.UTF-8", "DISPLAY=", `WINEPATH=C:\bin`,
		"KUBECONFIG=", "NO_COLOR=", "COLUMNS=")
	bin := filepath.Join(m.root, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return err
	}
	build := func(folder, work string, args ...string) error {
		c := exec.Command("go", append([]string{"build", "-ldflags", "-s -w", "-o", bin + "/"}, args...)...)
		c.Dir, c.Env = folder, append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0", "GOWORK="+work)
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("build for Windows: %w\n%s", err, out)
		}
		return nil
	}
	var packages []string
	for _, p := range plugins {
		packages = append(packages, "./plugins/kubectl-"+p)
	}
	if err := build(program.Repo(), "", packages...); err != nil {
		return err
	}
	if err := build(filepath.Join(program.Repo(), "test"), "off", "./cmd/kubectl"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	boot := exec.CommandContext(ctx, "wine", "wineboot", "--init")
	boot.Env = m.env
	if out, err := boot.CombinedOutput(); err != nil {
		return fmt.Errorf("wineboot: %w\n%s", err, out)
	}
	return os.WriteFile(filepath.Join(m.root, "windows", "system32", "bcryptprimitives.dll"), wine.RandomLibrary(), 0o644)
}

// result is what a program said.
type result struct {
	out, err string
	code     int
}

func (r result) String() string {
	return fmt.Sprintf("exit status %d\n--- stdout\n%s--- stderr\n%s", r.code, r.out, r.err)
}

// run runs a program of C:\bin in a folder of drive C.
func (m *machine) run(t *testing.T, dir, stdin, name string, args ...string) result {
	t.Helper()
	words := append([]string{`C:\bin\` + name + ".exe"}, args...)
	r := finish(t, m.command(dir, stdin, words...))
	if r.code != 0 && r.out == "" && r.err == "" {
		// No plugin fails without a word: wine did not start it, which a busy
		// machine can bring about.
		t.Logf("%v: status %d and not a word; once more", words, r.code)
		r = finish(t, m.command(dir, stdin, words...))
	}
	return r
}

// cmd runs lines as a batch file, as they would be typed into cmd.exe.
func (m *machine) cmd(t *testing.T, dir string, lines ...string) result {
	t.Helper()
	script := filepath.Join(m.root, dir, "script.cmd")
	text := "@echo off\r\n" + strings.Join(lines, "\r\n") + "\r\n"
	if err := os.WriteFile(script, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	r := finish(t, m.command(dir, "", "cmd", "/c", "script.cmd"))
	r.out = strings.ReplaceAll(r.out, "\r\n", "\n")
	return r
}

func (m *machine) command(dir, stdin string, args ...string) *exec.Cmd {
	c := exec.Command("wine", args...)
	c.Dir, c.Env, c.Stdin = filepath.Join(m.root, dir), m.env, strings.NewReader(stdin)
	return c
}

// linux runs the plugin that make build has made.
func linux(t *testing.T, dir, stdin, plugin string, args ...string) result {
	t.Helper()
	c := exec.Command(program.Plugin(t, plugin), args...)
	c.Dir, c.Stdin, c.Env = dir, strings.NewReader(stdin), append(os.Environ(), "KUBECONFIG=/nonexistent", "NO_COLOR=", "COLUMNS=")
	return finish(t, c)
}

func finish(t *testing.T, c *exec.Cmd) result {
	t.Helper()
	var out, errOut bytes.Buffer
	c.Stdout, c.Stderr, c.WaitDelay = &out, &errOut, 10*time.Second
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(3*time.Minute, func() { _ = c.Process.Kill() })
	_ = c.Wait()
	timer.Stop()
	return result{out.String(), errOut.String(), c.ProcessState.ExitCode()}
}

// folder makes a folder of drive C with the repository's examples in it.
func (m *machine) folder(t *testing.T, name string) (dir string) {
	t.Helper()
	dir = filepath.Join(m.root, name)
	if err := os.CopyFS(filepath.Join(dir, "examples"), os.DirFS(filepath.Join(program.Repo(), "examples"))); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
