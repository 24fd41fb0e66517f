package windows

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/test/program"
)

// Every verb that needs no cluster says the same on both systems. A path is
// written with slashes on Linux and, in the odd cases, with backslashes on
// Windows.
func TestSameAnswers(t *testing.T) {
	m := start(t)
	dir := m.folder(t, "same")
	for i, c := range []struct {
		stdin string // a file
		args  string
		slash bool // the Windows command gets slashes, too
	}{
		{args: "nodehealth --from examples/nodehealth/kube-worker-1.describe.txt"},
		{args: "nodehealth --from examples/nodehealth/kube-worker-1.yaml -o json"},
		{args: "nodehealth --from -", stdin: "examples/nodehealth/kube-worker-1.describe.txt"},
		{args: "nodehealth --from examples/nodehealth/none"},
		{args: "nodehealth timeline kube-worker-1 --from examples/nodehealth/kube-worker-1.yaml", slash: true},
		{args: "nodehealth faults KubeletDown"},
		{args: "nodehealth rbac"},
		{args: "nodehealth npd manifest"},
		{args: "nodehealth crictl --explain docker ps"},
		{args: "nodehealth --no-such-flag"},
		{args: "nodehealth --help"},
		{args: "auditpolicy lint examples/auditpolicy/bad.yaml"},
		{args: "auditpolicy lint examples/auditpolicy/good.yaml examples/auditpolicy/swallowed.yaml -o sarif"},
		{args: "auditpolicy lint -", stdin: "examples/auditpolicy/bad.yaml"},
		{args: "auditpolicy lint examples"},
		{args: "auditpolicy explain examples/auditpolicy/good.yaml", slash: true},
		{args: "auditpolicy match examples/auditpolicy/good.yaml --user alice --verb create --resource pods -n default"},
		{args: "auditpolicy diff examples/auditpolicy/good.yaml examples/auditpolicy/swallowed.yaml"},
		{args: "auditpolicy test examples/auditpolicy/tests.yaml"},
		{args: "auditpolicy init"},
		{args: "certgen lint examples/certgen"},
		{args: "certgen inspect examples/certgen"},
		{args: "certgen checks CG001"},
		{args: "logarch inject -f examples/logarch/web.yaml --log /var/log/app.log", slash: true},
		{args: "logarch inject -f - --log /var/log/app.log", stdin: "examples/logarch/web.yaml"},
		{args: "logarch explain streaming"},
		{args: "logarch explain --no-such-flag"},
		{args: "logarch advise -f examples/logarch/web.yaml"},
		{args: "logarch agent --agent fluent-bit"},
		{args: "logarch beats"},
	} {
		words := strings.Fields(c.args)
		stdin := ""
		if c.stdin != "" {
			b, err := os.ReadFile(filepath.Join(dir, c.stdin))
			if err != nil {
				t.Fatal(err)
			}
			stdin = string(b)
		}
		want := linux(t, dir, stdin, words[0], words[1:]...)
		for k, w := range words {
			if !c.slash && strings.HasPrefix(w, "examples/") {
				words[k] = strings.ReplaceAll(w, "/", `\`)
			}
		}
		got := m.run(t, "same", stdin, "kubectl-"+words[0], words[1:]...)
		if neutral(t, got, dir) != neutral(t, want, dir) {
			t.Errorf("%d: %s\n=== Windows\n%v\n=== Linux\n%v", i, c.args, got, want)
		}
	}
}

// version is that of the Linux plugins; the Windows ones are built without.
func version(t *testing.T) string {
	t.Helper()
	out, err := exec.Command(program.Plugin(t, "certgen"), "version").Output()
	words := strings.Fields(string(out))
	if err != nil || len(words) < 3 {
		t.Fatalf("version: %v: %q", err, out)
	}
	return words[2]
}

// neutral is a result in which a path and the words of the system do not tell
// which system it is from. The folder is the one that the command ran in.
func neutral(t *testing.T, r result, folder string) string {
	t.Helper()
	s := strings.NewReplacer(
		`          "version": "`+version(t)+"\",\n", "",
		`\\`, "/", `\`, "/",
		"File not found.", "no such file or directory", "Path not found.", "no such file or directory",
	).Replace(r.String())
	return strings.NewReplacer(folder, "FOLDER", "C:/"+filepath.Base(folder), "FOLDER").Replace(s)
}
