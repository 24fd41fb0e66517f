package cluster

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is one program of a cluster. It is known by its id and its start time,
// so that another process that got the same id later is never taken for it.
type Process struct {
	// Name is the component, for a node's processes NODE/NAME.
	Name string
	// Args is the command line, the component's binary first.
	Args []string
	// Log is the file that takes its standard output and error, appended to.
	Log string
	// Pid is the component's process id as the host sees it, 0 when stopped.
	Pid int
	// Started is the kernel's start time of Pid, in clock ticks since boot.
	Started uint64
	// Parent is the id of the nsenter that waits for a node's process.
	Parent int `json:",omitempty"`
}

// Running says whether the process lives. A stopped (frozen) process lives.
func (p *Process) Running() bool {
	_, started, state, err := statOf(p.Pid)
	return p.Pid > 0 && err == nil && started == p.Started && state != 'Z' && state != 'X'
}

// Frozen says whether the process is stopped by SIGSTOP.
func (p *Process) Frozen() bool {
	_, started, state, err := statOf(p.Pid)
	return p.Pid > 0 && err == nil && started == p.Started && state == 'T'
}

// Signal sends a signal to the process, if it is still that process.
func (p *Process) Signal(sig syscall.Signal) error {
	if !p.Running() {
		return fmt.Errorf("%s is not running", p.Name)
	}
	if err := syscall.Kill(p.Pid, sig); err != nil {
		return err
	}
	if sig == syscall.SIGCONT {
		p.wakeParent()
	}
	return nil
}

// wakeParent lets the nsenter that waits for the process go on: it stops itself
// when its child is stopped, and a stopped parent never reaps its child, for
// which the end of the whole node would wait.
func (p *Process) wakeParent() {
	if _, _, state, err := statOf(p.Parent); p.Parent > 0 && err == nil && state == 'T' {
		syscall.Kill(p.Parent, syscall.SIGCONT)
	}
}

// start runs the process with its output in its log. With enter, the command is
// run through these leading arguments (nsenter ...), which fork it.
func (p *Process) start(enter ...string) error {
	log, err := os.OpenFile(p.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	argv := append(append([]string{}, enter...), p.Args...)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
	}
	go cmd.Wait() //nolint:errcheck // reaped here; Running looks at /proc
	p.Pid, p.Parent = cmd.Process.Pid, 0
	if len(enter) > 0 {
		p.Parent = p.Pid
		if p.Pid, err = childOf(p.Parent, 5*time.Second); err != nil {
			return fmt.Errorf("start %s: %w: %s", p.Name, err, lastLine(p.Log))
		}
	}
	_, p.Started, _, err = statOf(p.Pid)
	if err != nil {
		return fmt.Errorf("start %s: it ended at once: %s", p.Name, lastLine(p.Log))
	}
	return nil
}

// stop ends the process: SIGTERM, and SIGKILL when it has not ended in time.
// A frozen process is woken first. It does nothing to a process that is gone.
func (p *Process) stop(grace time.Duration) error {
	defer func() {
		p.wakeParent()
		p.Pid, p.Started, p.Parent = 0, 0, 0
	}()
	if !p.Running() {
		return nil
	}
	if grace > 0 {
		syscall.Kill(p.Pid, syscall.SIGTERM)
		syscall.Kill(p.Pid, syscall.SIGCONT)
		if p.waitGone(grace) {
			return nil
		}
	}
	if err := syscall.Kill(p.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill %s: %w", p.Name, err)
	}
	if !p.waitGone(10 * time.Second) {
		return fmt.Errorf("kill %s: process %d does not end", p.Name, p.Pid)
	}
	return nil
}

func (p *Process) waitGone(d time.Duration) bool {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if !p.Running() {
			return true
		}
	}
	return !p.Running()
}

// statOf reads a process's parent, start time and state from /proc.
func statOf(pid int) (parent int, started uint64, state byte, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, 0, err
	}
	// The second field, the name, is in parentheses and may hold anything.
	s := string(b)
	f := strings.Fields(s[strings.LastIndexByte(s, ')')+1:])
	if len(f) < 20 {
		return 0, 0, 0, fmt.Errorf("/proc/%d/stat: %q", pid, s)
	}
	parent, _ = strconv.Atoi(f[1])
	started, err = strconv.ParseUint(f[19], 10, 64)
	return parent, started, f[0][0], err
}

// childOf waits for the only child of a process to appear.
func childOf(parent int, d time.Duration) (int, error) {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		dirs, _ := filepath.Glob("/proc/[0-9]*")
		for _, dir := range dirs {
			pid, _ := strconv.Atoi(filepath.Base(dir))
			if pp, _, state, err := statOf(pid); err == nil && pp == parent && state != 'Z' {
				return pid, nil
			}
		}
		if _, _, state, err := statOf(parent); err != nil || state == 'Z' {
			return 0, errors.New("it ended at once")
		}
	}
	return 0, errors.New("its process did not appear")
}

// lastLine is the end of a log, to say why something died.
func lastLine(file string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	const max = 400
	last := lines[len(lines)-1]
	// A component's last words are often its usage; the error is the line that
	// says so.
	for i := len(lines) - 1; i >= 0 && i > len(lines)-200; i-- {
		if strings.Contains(lines[i], "rror") || strings.HasPrefix(lines[i], "E") || strings.HasPrefix(lines[i], "F") {
			last = lines[i]
			break
		}
	}
	if len(last) > max {
		last = last[:max] + "..."
	}
	return fmt.Sprintf("%s (in %s)", last, file)
}
