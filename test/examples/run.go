package examples

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/creack/pty"
)

// Runner runs examples.
type Runner struct {
	// Repo is the repository's folder, Bin that of the plugins.
	Repo, Bin string
	// Kubectl is the program behind kubectl's own verbs; none where there is no
	// cluster.
	Kubectl string
	// Kubeconfig names the cluster.
	Kubeconfig string
	// Server is the API server's address, which stands for 10.0.0.10:6443.
	Server string
	// CA is the file of the cluster's authority, which stands for
	// /etc/kubernetes/pki/ca.crt of that server.
	CA string
	// Work is a folder for the scratch folders.
	Work string
	// Columns is the width of the terminal that examples run in; 0 pipes their
	// output. A terminal has both streams in Stdout.
	Columns int
}

// Result is what a run of an example gave.
type Result struct {
	Status         int
	Stdout, Stderr string
	Took           time.Duration
}

// Failed says why an example's run is not a success, or nil.
func (r Result) Failed() error {
	if r.Status == 0 || r.Status == 1 && !strings.Contains(r.Stderr, "error: ") {
		return nil
	}
	return fmt.Errorf("exit status %d\n%s%s", r.Status, tail(r.Stdout), tail(r.Stderr))
}

// NoCluster says whether it failed only because there is no cluster.
func (r Result) NoCluster() bool {
	return r.Status == 3 && noCluster.MatchString(r.Stdout+r.Stderr) || strings.Contains(r.Stderr, needsKubectl)
}

var noCluster = regexp.MustCompile(`no cluster|kubeconfig names a cluster|connection refused|does not answer|no such host|i/o timeout|Client.Timeout|network is unreachable`)

const needsKubectl = "a verb of kubectl itself, and there is no cluster"

func tail(s string) string {
	if len(s) > 3000 {
		s = "...\n" + s[len(s)-3000:]
	}
	return s
}

// Scratch makes a scratch folder and returns it.
func (r Runner) Scratch() (string, error) {
	dir, err := os.MkdirTemp(r.Work, "example")
	if err != nil {
		return "", err
	}
	here := filepath.Join(r.Repo, "test", "examples", "testdata")
	for from, to := range map[string]string{
		filepath.Join(r.Repo, "examples"): filepath.Join(dir, "work", "examples"),
		filepath.Join(here, "scratch"):    filepath.Join(dir, "work"),
		filepath.Join(here, "root"):       filepath.Join(dir, "root"),
		filepath.Join(here, "bin"):        filepath.Join(dir, "bin"),
	} {
		if err := copyTree(from, to); err != nil {
			return "", err
		}
	}
	for to, from := range borrowed {
		if err := copyFile(filepath.Join(r.Repo, from), filepath.Join(dir, to), 0o644); err != nil {
			return "", err
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "home"), 0o755); err != nil {
		return "", err
	}
	// The plugins lie in bin/, as make build puts them; what completion install
	// puts beside them stays in this folder.
	if err := os.MkdirAll(filepath.Join(dir, "work", "bin"), 0o755); err != nil {
		return "", err
	}
	for _, p := range []string{"nodehealth", "auditpolicy", "certgen", "logarch"} {
		if err := os.Symlink(filepath.Join(r.Bin, "kubectl-"+p), filepath.Join(dir, "work", "bin", "kubectl-"+p)); err != nil {
			return "", err
		}
	}
	own := fmt.Sprintf("echo %q >&2; exit 3", needsKubectl)
	if r.Kubectl != "" {
		own = fmt.Sprintf("exec %q kubectl \"$@\"", r.Kubectl)
	}
	script := "#!/bin/sh\ncase \"$1\" in nodehealth|auditpolicy|certgen|logarch) p=$1; shift; exec \"kubectl-$p\" \"$@\";; esac\n" + own + "\n"
	return dir, os.WriteFile(filepath.Join(dir, "bin", "kubectl"), []byte(script), 0o755)
}

// Run runs an example in a scratch folder.
func (r Runner) Run(ctx context.Context, dir string, e Example) (Result, error) {
	work, root := filepath.Join(dir, "work"), filepath.Join(dir, "root")
	for _, s := range setups {
		if s.match.MatchString(e.Command) {
			if out := r.bash(ctx, dir, work, "[ -e pki ] && exit 0\n"+s.script); out.Status != 0 {
				return out, fmt.Errorf("its setup: exit status %d: %s", out.Status, out.Stderr)
			}
			break
		}
	}
	// The PKI of the scratch root, made once.
	if strings.Contains(e.Command, "/etc/kubernetes") || strings.Contains(e.Command, "certgen rotate ca") {
		if _, err := os.Stat(filepath.Join(root, "etc/kubernetes/pki")); err != nil {
			out := r.bash(ctx, dir, dir, "kubectl-certgen cluster --control-plane cp1=10.0.0.10 --out made >/dev/null && cp -r made/cp1/. root/etc/kubernetes/ && rm -rf made")
			if out.Status != 0 {
				return out, fmt.Errorf("/etc/kubernetes: %s%s", out.Stdout, out.Stderr)
			}
		}
	}
	line := absolute.ReplaceAllStringFunc(e.Command, func(m string) string {
		i := strings.Index(m, "/")
		path := filepath.Join(root, m[i:])
		if _, err := os.Stat(path); err != nil {
			if _, err := os.Stat(filepath.Dir(path)); err != nil || m[:i] != "> " {
				return m
			}
		}
		return m[:i] + path
	})
	for _, i := range implied {
		if strings.HasPrefix(line, i.match) {
			line = strings.ReplaceAll(i.with, "ROOT", root) + strings.TrimPrefix(line, i.match)
		}
	}
	if r.Server != "" {
		if strings.Contains(line, "10.0.0.10:6443") {
			line = strings.ReplaceAll(line, filepath.Join(root, "etc/kubernetes/pki/ca.crt"), r.CA)
		}
		line = strings.ReplaceAll(line, "10.0.0.10:6443", r.Server)
	}
	return r.bash(ctx, dir, work, line), nil
}

var absolute = regexp.MustCompile(`(^|=| |> )/(etc|var)/[A-Za-z0-9_./-]*`)

func (r Runner) bash(ctx context.Context, dir, work, script string) Result {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "bash", "-c", "set -o pipefail\n"+script)
	c.Dir = work
	kubeconfig := r.Kubeconfig
	if kubeconfig == "" {
		kubeconfig = filepath.Join(dir, "no-kubeconfig")
	}
	c.Env = []string{
		"PATH=" + filepath.Join(dir, "bin") + ":" + filepath.Join(dir, "work", "bin") + ":" + os.Getenv("PATH"),
		"HOME=" + filepath.Join(dir, "home"), "KUBECONFIG=" + kubeconfig, "NO_COLOR=1", "LANG=C.UTF-8",
	}
	var out, errOut bytes.Buffer
	c.WaitDelay = 10 * time.Second
	start := time.Now()
	var err error
	if r.Columns > 0 {
		err = r.onTerminal(c, &out)
	} else {
		c.Stdout, c.Stderr = &out, &errOut
		err = c.Run()
	}
	res := Result{Stdout: out.String(), Stderr: errOut.String(), Took: time.Since(start)}
	if c.ProcessState == nil {
		res.Status, res.Stderr = -1, err.Error()
	} else {
		res.Status = c.ProcessState.ExitCode()
	}
	return res
}

// onTerminal runs a program on a terminal, one that cannot redraw a line, so
// that no progress is shown.
func (r Runner) onTerminal(c *exec.Cmd, out *bytes.Buffer) error {
	c.Env = append(c.Env, "TERM=dumb")
	tty, err := pty.StartWithSize(c, &pty.Winsize{Rows: 50, Cols: uint16(r.Columns)})
	if err != nil {
		return err
	}
	defer tty.Close()
	// The terminal's end is an error (EIO) on Linux.
	_, _ = io.Copy(out, tty)
	text := strings.ReplaceAll(out.String(), "\r\n", "\n")
	out.Reset()
	out.WriteString(text)
	return c.Wait()
}

func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		dst := filepath.Join(to, rel)
		if d.IsDir() {
			return os.MkdirAll(dst, 0o755)
		}
		st, err := d.Info()
		if err != nil {
			return err
		}
		return copyFile(path, dst, st.Mode().Perm())
	})
}

func copyFile(from, to string, mode fs.FileMode) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, b, mode)
}
