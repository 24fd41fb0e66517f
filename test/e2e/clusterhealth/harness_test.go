// Package clusterhealth breaks a real control plane and a real metrics-server,
// and reads what `kubectl nodehealth controlplane` and `usage` say of it.
package clusterhealth

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/test/program"
)

// user runs the plugin.
type user struct {
	t          *testing.T
	bin        string
	kubeconfig string
}

func newUser(t *testing.T, kubeconfig string) user {
	t.Helper()
	return user{t, program.Plugin(t, "nodehealth"), kubeconfig}
}

func (u user) run(args ...string) (output string, code int) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, u.bin, args...)
	c.Env = append(os.Environ(), "KUBECONFIG="+u.kubeconfig, "NO_COLOR=1")
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Run(); err != nil && c.ProcessState == nil {
		u.t.Fatal(err)
	}
	return out.String(), c.ProcessState.ExitCode()
}

// eventually runs the plugin until its exit status and output are what is
// wanted: what others have to notice first takes its time. Every line has to fit
// a terminal but for a command to paste and a name that cannot be folded.
func (u user) eventually(within time.Duration, code int, want []string, args ...string) {
	u.t.Helper()
	begin := time.Now()
	for {
		out, got := u.run(args...)
		missing := ""
		for _, w := range want {
			if !strings.Contains(unfolded(out), w) {
				missing = w
			}
		}
		if got == code && missing == "" {
			u.fits(out)
			u.t.Logf("%s after %s: %s", strings.Join(args, " "), time.Since(begin).Round(time.Second), want[0])
			return
		}
		if time.Since(begin) > within {
			u.t.Errorf("%s: exit status %d, want %d; missing %q\n%s", strings.Join(args, " "), got, code, missing, out)
			return
		}
		time.Sleep(time.Second)
	}
}

// unfolded makes one line of a text, so that what was folded can be found.
func unfolded(s string) string { return strings.Join(strings.Fields(s), " ") }

func (u user) fits(out string) {
	u.t.Helper()
	for l := range strings.SplitSeq(out, "\n") {
		t := strings.TrimSpace(l)
		command := strings.HasPrefix(t, "kubectl ") || strings.HasPrefix(t, "sudo ") || strings.HasPrefix(t, "systemctl ") || strings.HasPrefix(t, "{") ||
			strings.HasPrefix(t, "error: ") || strings.HasPrefix(t, "hint: ") // on stderr, one line each
		if len([]rune(l)) > 80 && !command && strings.Contains(t, " ") {
			u.t.Errorf("wider than a terminal: %q", l)
		}
	}
}
