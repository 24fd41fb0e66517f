package krew

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/test/cluster"
	"github.com/clusterwright/kubectl-plugins/test/program"
)

// withPlugins puts the built plugins on PATH, with kubectl's completion of them.
func (w *world) withPlugins(kubeconfig string) (bin string) {
	w.t.Helper()
	bin = filepath.Join(w.home, "bin")
	for _, p := range plugins {
		if err := os.Symlink(program.Plugin(w.t, p), filepath.Join(bin, "kubectl-"+p)); err != nil {
			w.t.Fatal(err)
		}
	}
	w.env = append(w.env, "KUBECONFIG="+kubeconfig)
	for _, p := range plugins {
		w.ok("kubectl", p, "completion", "install")
	}
	return bin
}

// Tab, on a real cluster, through the real kubectl: what it offers for each kind
// of argument, in each of the four.
func TestCompletionOnACluster(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT TESTED: a cluster, in short mode")
	}
	c := cluster.ForTest(t, cluster.Config{Name: "e2e-krew", Nodes: 1})
	w := newWorld(t)
	before := names(t, filepath.Join(w.home, "bin"))
	bin := w.withPlugins(c.Kubeconfig)
	w.ok("kubectl", "create", "namespace", "shop")
	w.ok("kubectl", "create", "deployment", "web", "-n", "shop", "--image=busybox:1.36", "--", "sleep", "10000")
	if err := os.WriteFile(filepath.Join(w.home, "policy.yaml"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	elsewhere := "--kubeconfig=" + filepath.Join(w.home, "none")
	for _, x := range []struct{ line, want string }{
		{"nodehealth kube-", "kube-worker-1 :4"},
		{"nodehealth logs ", "kube-worker-1 :4"},
		{"nodehealth shell ", "kube-worker-1 :4"},
		{"nodehealth usage kube-worker-1 ", ":4"},
		{"nodehealth timeline " + elsewhere + " ", ":4"},
		{"nodehealth timeline --context clusterwright ", "kube-worker-1 :4"},
		{"nodehealth --context ", "clusterwright :4"},
		{"nodehealth logs x --debug-namespace sh", "shop :4"},
		{"nodehealth checks NH00", "NH001 .* :4"},
		{"nodehealth --fail-on ", "error warning info never :4"},
		{"nodehealth rbac ", ":4"},
		{"auditpolicy lint ", ":0"},
		{"auditpolicy match policy.yaml --verb d", ".* delete deletecollection :4"},
		{"auditpolicy checks AP01", "AP010 .* :4"},
		{"certgen inspect --live -n sh", "shop :4"},
		{"certgen server --key r", ".* rsa:2048 rsa:3072 rsa:4096 .*:4"},
		{"certgen client ", ":4"},
		{"certgen sign ", ":0"},
		{"logarch inject d", "deployment/ daemonset/ :6"},
		{"logarch inject -n shop deploy/", "deploy/web :4"},
		{"logarch eject --namespace=shop deployment/w", "deployment/web :4"},
		{"logarch advise -n sh", "shop :4"},
		{"logarch inject -f ", ":0"},
	} {
		out, _ := w.ok("kubectl", append([]string{"__complete"}, strings.Split(x.line, " ")...)...)
		got := words(out)
		if !regexp.MustCompile("^" + x.want + "$").MatchString(got) {
			t.Errorf("kubectl %s<Tab>: %q, want %q", x.line, got, x.want)
		}
	}
	w.shells(bin)
	for _, p := range plugins {
		w.ok("kubectl", p, "completion", "uninstall")
		if err := os.Remove(filepath.Join(bin, "kubectl-"+p)); err != nil {
			t.Error(err)
		}
	}
	if after := names(t, bin); !slices.Equal(before, after) {
		t.Errorf("uninstall left %q of %q", after, before)
	}
}

// shells asks the shells themselves, through kubectl and by the program's name.
func (w *world) shells(bin string) {
	w.t.Helper()
	const bash = "source /usr/share/bash-completion/bash_completion; source <(%s completion bash)\n" +
		"COMP_WORDS=(%s \"\"); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); COMP_LINE='%[2]s '; COMP_POINT=${#COMP_LINE}; COMP_TYPE=9\n" +
		"$(complete -p %[1]s | sed -n 's/.*-F \\([^ ]*\\).*/\\1/p') 2>/dev/null; printf '%%s\\n' \"${COMPREPLY[@]}\""
	const fish = "%s completion fish | source; complete -C '%s '"
	for _, line := range []string{"kubectl nodehealth logs", "kubectl-nodehealth logs"} {
		program, _, _ := strings.Cut(line, " ")
		for shell, script := range map[string]string{"bash": fmt.Sprintf(bash, program, line), "fish": fmt.Sprintf(fish, program, line)} {
			out, errOut := w.ok(shell, "-c", script)
			if strings.TrimSpace(out) != "kube-worker-1" {
				w.t.Errorf("%s, %s <Tab>: %q\n%s", shell, line, out, errOut)
			}
		}
	}
}

// Every script is one to its shell, which for zsh is all that can be asked
// without a terminal, and is for the program's own name. What install writes is
// ours, and as clean as the scripts of this repository.
func TestCompletionScripts(t *testing.T) {
	w := newWorld(t)
	bin := w.withPlugins(filepath.Join(w.home, "none"))
	for _, p := range plugins {
		for _, x := range []struct {
			shell, parse, head string
		}{
			{"bash", "-n", "# bash completion V2 for kubectl-" + p},
			{"zsh", "-n", "#compdef kubectl-" + p + "\n"},
			{"fish", "--no-execute", "# fish completion for kubectl-" + p},
		} {
			out, _ := w.ok("kubectl-"+p, "completion", x.shell)
			if !strings.HasPrefix(out, x.head) {
				t.Errorf("%s script of %s: %.60q", x.shell, p, out)
			}
			file := filepath.Join(w.home, p+"."+x.shell)
			for text, broken := range map[string]bool{out: false, out + "\nif (((\n": true} {
				if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
				if said, errOut, code := w.run(x.shell, x.parse, file); (code != 0) != broken {
					t.Errorf("%s %s of %s's script, broken %v: status %d\n%s%s", x.shell, x.parse, p, broken, code, said, errOut)
				}
			}
		}
		completer := filepath.Join(bin, "kubectl_complete-"+p)
		w.ok("sh", "-n", completer)
		w.ok("shellcheck", completer)
	}
}

// A cluster that cannot be reached costs neither time nor words.
func TestCompletionWithoutACluster(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	w := newWorld(t)
	config := filepath.Join(w.home, "silent.conf")
	text := fmt.Sprintf("apiVersion: v1\nkind: Config\ncurrent-context: x\nclusters: [{name: x, cluster: {server: 'https://%s'}}]\nusers: [{name: x, user: {token: t}}]\ncontexts: [{name: x, context: {cluster: x, user: x}}]\n", silent.Addr())
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	w.withPlugins(filepath.Join(w.home, "none"))
	for _, kubeconfig := range []string{filepath.Join(w.home, "none"), config} {
		w.env = append(w.env, "KUBECONFIG="+kubeconfig)
		for _, line := range []string{"nodehealth logs ", "nodehealth -n ", "certgen request x -n ", "auditpolicy lint --live -n ", "logarch inject deploy/"} {
			args := strings.Split(line, " ")
			begin := time.Now()
			// The program that kubectl runs: kubectl's own start is not ours.
			out, errOut := w.ok("kubectl-"+args[0], append([]string{"__complete"}, args[1:]...)...)
			if took := time.Since(begin); took > 2*time.Second {
				t.Errorf("%q, %s: %s", line, kubeconfig, took)
			}
			if words(out) != ":4" || strings.Contains(errOut, "rror") {
				t.Errorf("%q, %s: %q, %q", line, kubeconfig, out, errOut)
			}
		}
	}
}

// words are what is offered, without descriptions, and the directive.
func words(out string) string {
	var got []string
	for _, l := range strings.Split(strings.TrimSpace(out), "\n") {
		word, _, _ := strings.Cut(l, "\t")
		got = append(got, word)
	}
	return strings.Join(got, " ")
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}
