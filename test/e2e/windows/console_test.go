package windows

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"
)

// What is typed into cmd.exe: drives, blanks, quotes, stdin, exit statuses.
func TestConsole(t *testing.T) {
	m := start(t)
	m.folder(t, "console")
	r := m.cmd(t, "console",
		`mkdir "my files"`,
		`copy examples\auditpolicy\bad.yaml "my files\bad.yaml" >NUL`,
		`kubectl-auditpolicy lint examples\auditpolicy\good.yaml >NUL`, `echo clean %ERRORLEVEL%`,
		`kubectl-auditpolicy lint "C:\console\my files\bad.yaml" >NUL`, `echo findings %ERRORLEVEL%`,
		`kubectl-auditpolicy lint C:\console\none.yaml`, `echo input %ERRORLEVEL%`,
		`kubectl-nodehealth --kubeconfig C:\console\none`, `echo cluster %ERRORLEVEL%`,
		`type "my files\bad.yaml" | kubectl-auditpolicy lint - >NUL`, `echo stdin %ERRORLEVEL%`,
		`kubectl-auditpolicy lint - <examples\auditpolicy\good.yaml >NUL`, `echo redirected %ERRORLEVEL%`,
		`kubectl-logarch simulate`, `echo refused %ERRORLEVEL%`,
		// kubectl has one status for every failure of a plugin.
		`kubectl auditpolicy lint C:\console\none.yaml`, `echo kubectl %ERRORLEVEL%`,
		`kubectl auditpolicy lint examples\auditpolicy\good.yaml >NUL`, `echo kubectl %ERRORLEVEL%`)
	want := "clean 0\nfindings 1\ninput 2\ncluster 3\nstdin 1\nredirected 0\nrefused 3\nkubectl 1\nkubectl 0\n"
	if r.out != want {
		t.Errorf("%v\nwant\n%s", r, want)
	}
	for _, say := range []string{`error: C:\console\none.yaml: `, `error: no cluster: C:\console\none: `, "error: simulate: the tailer needs Linux (/proc), this is windows"} {
		if !strings.Contains(r.err, say) {
			t.Errorf("no %q in\n%s", say, r.err)
		}
	}
}

// Tab after kubectl NAME: kubectl finds the plugin and its completer.
func TestCompletion(t *testing.T) {
	m := start(t)
	if err := os.MkdirAll(filepath.Join(m.root, "tab"), 0o755); err != nil {
		t.Fatal(err)
	}
	r := m.cmd(t, "tab", `kubectl-certgen completion install`, `kubectl __complete certgen "" 2>NUL`,
		`kubectl __complete certgen server --la 2>NUL`, `kubectl-certgen completion uninstall`, `dir /b C:\bin`)
	for _, line := range []string{
		`created C:\bin\kubectl_complete-certgen.cmd`, `created C:\bin\kubectl-certgen`, "\nserver\t", "\n--layout\t",
		`removed C:\bin\kubectl_complete-certgen.cmd`, `removed C:\bin\kubectl-certgen`,
	} {
		if !strings.Contains(r.out, line) {
			t.Errorf("no %q in\n%v", line, r)
		}
	}
	if strings.Contains(r.out, "kubectl-certgen\nkubectl-certgen.exe") {
		t.Errorf("left behind:\n%v", r)
	}
}

// What > of Windows PowerShell writes is read, and what replaces it is that too.
func TestPowerShellFiles(t *testing.T) {
	m := start(t)
	dir := m.folder(t, "powershell")
	wide := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, "examples", name))
		if err != nil {
			t.Fatal(err)
		}
		out := []byte{0xff, 0xfe}
		for _, u := range utf16.Encode([]rune(strings.ReplaceAll(string(b), "\n", "\r\n"))) {
			out = binary.LittleEndian.AppendUint16(out, u)
		}
		file := filepath.Base(name)
		if err := os.WriteFile(filepath.Join(dir, file), out, 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	web := wide("logarch/web.yaml")
	before, _ := os.ReadFile(filepath.Join(dir, web))
	for _, c := range []struct {
		program, args string
		code          int
		out           string
	}{
		{"nodehealth", "--from " + wide("nodehealth/kube-worker-1.describe.txt"), 1, "UNHEALTHY"},
		{"auditpolicy", "lint " + wide("auditpolicy/bad.yaml"), 1, "AP010"},
		{"auditpolicy", "test --policy " + wide("auditpolicy/good.yaml") + " " + wide("auditpolicy/tests.yaml"), 0, "PASS"},
		{"certgen", "cluster -f " + wide("certgen/cluster.yaml") + " --out pki", 0, "made the PKI"},
		{"certgen", "node --list " + wide("certgen/nodes.txt") + " --out nodes", 0, "certificates made"},
		{"logarch", "inject --log /var/log/app.log --in-place -f " + web, 0, ""},
		{"logarch", "eject --in-place -f " + web, 0, ""},
	} {
		r := m.run(t, "powershell", "", "kubectl-"+c.program, strings.Fields(c.args)...)
		if r.code != c.code || !strings.Contains(r.out, c.out) {
			t.Errorf("%s %s: want status %d and %q\n%v", c.program, c.args, c.code, c.out, r)
		}
	}
	if after, _ := os.ReadFile(filepath.Join(dir, web)); string(after) != string(before) {
		t.Errorf("inject and eject in place leave other bytes: %d, were %d", len(after), len(before))
	}
}

// Keys are the user's alone, nothing is overwritten, and no lock stays behind.
func TestKeyFiles(t *testing.T) {
	m := start(t)
	dir := m.folder(t, "keys")
	first := m.run(t, "keys", "", "kubectl-certgen", "server", "--ip", "10.0.0.1", "--out", `C:\keys\my pki`)
	key, err := os.ReadFile(filepath.Join(dir, "my pki", "ca.key"))
	if err != nil || first.code != 0 {
		t.Fatalf("%v\n%v", err, first)
	}
	for _, args := range [][]string{{"server", "--ip", "10.0.0.1", "--out", "my pki"}, {"renew", `my pki\server.crt`, "--new-key"}, {"verify", `my pki\server.crt`}} {
		if r := m.run(t, "keys", "", "kubectl-certgen", args...); r.code != 0 {
			t.Errorf("%v\n%v", args, r)
		}
	}
	if now, _ := os.ReadFile(filepath.Join(dir, "my pki", "ca.key")); string(now) != string(key) {
		t.Error("the CA's key is another")
	}
	// wine keeps a list as the permissions that come nearest to it.
	names, _ := filepath.Glob(filepath.Join(dir, "my pki", "*"))
	for _, name := range names {
		st, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(name, ".key") && st.Mode().Perm()&0o007 != 0 {
			t.Errorf("%s: others have %v", name, st.Mode())
		}
	}
	if hidden, _ := filepath.Glob(filepath.Join(dir, "my pki", ".*")); len(names) != 6 || len(hidden) != 0 {
		t.Errorf("files: %v %v", names, hidden)
	}
}
