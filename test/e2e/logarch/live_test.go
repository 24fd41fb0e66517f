package logarch

import (
	"strings"
)

// live reads objects of the cluster, asks the kubelets for their versions and
// the API server for its opinion.
func live(u user) {
	u.kubectl("", "create", "deployment", "web", "--image=busybox:1.36", "--replicas=1", "--", "sh", "-c", "while true; do date >>/var/log/web/web.log; sleep 1; done")
	u.t.Cleanup(func() { u.kubectl("", "delete", "deployment", "web", "--wait=false") })
	args := []string{"inject", "deploy/web", "--log", "/var/log/web/web.log", "--live", "--dry-run", "server"}
	out, errOut, code := u.exec("", u.plugin, args...)
	if code != 0 || !strings.Contains(errOut, "deployment/web: the API server takes it") || !strings.Contains(errOut, "(native sidecar)") {
		u.t.Fatalf("exit status %d\n%s", code, errOut)
	}
	for _, gone := range []string{"resourceVersion", "managedFields", "uid:", "status:\n"} {
		if strings.Contains(out, gone) {
			u.t.Errorf("the manifest still has %s", gone)
		}
	}
	u.kubectl(out, "apply", "-f", "-")
	u.kubectl("", "rollout", "status", "deployment/web", "--timeout=60s")
	// What the cluster has now is ejected, and injecting it again changes nothing.
	back := u.logarch("", "eject", "deployment/web")
	if strings.Contains(back, "busybox-log-web") || strings.Contains(back, "logarch.clusterwright.dev/status") {
		u.t.Errorf("eject leaves something behind\n%s", back)
	}
	again := u.logarch("", "inject", "deploy/web", "--log", "/var/log/web/web.log", "--report", "none")
	if strings.Count(again, "name: busybox-log-web\n") != 1 {
		u.t.Errorf("the sidecar is there twice\n%s", again)
	}
	// A patch does the same to the object as it is.
	patch := u.logarch("", "inject", "deploy/web", "--log", "/var/log/web/web.log", "-o", "patch", "--report", "none")
	u.kubectl("", "patch", "deployment", "web", "--dry-run=server", "--patch", patch)
	// What the API server refuses is said, with exit status 1.
	_, errOut, code = u.exec(strings.Replace(out, "name: web\n", "name: WEB\n", 1), u.plugin, "inject", "-f", "-", "--log", "/var/log/web/web.log", "--dry-run", "server")
	if code != 1 || !strings.Contains(errOut, "the API server refuses it") {
		u.t.Errorf("exit status %d\n%s", code, errOut)
	}
	// What the user may not ask is no refusal: exit status 3. What admission forbids is.
	u.kubectl("", "create", "namespace", "strict")
	u.t.Cleanup(func() { u.kubectl("", "delete", "namespace", "strict", "--wait=false") })
	u.kubectl("", "label", "namespace", "strict", "pod-security.kubernetes.io/enforce=restricted")
	pod := "apiVersion: v1\nkind: Pod\nmetadata: {name: app}\nspec:\n  containers:\n  - {name: a, image: 'busybox:1.36'}\n"
	try := []string{"inject", "-f", "-", "--log", "/var/log/a/1.log", "--dry-run", "server", "-n", "strict"}
	if _, errOut, code := u.exec(pod, u.plugin, try...); code != 1 || !strings.Contains(errOut, "refuses it: pods \"app\" is forbidden: violates PodSecurity") {
		u.t.Errorf("exit status %d\n%s", code, errOut)
	}
	if _, errOut, code := u.exec(pod, u.plugin, append(try, "--as", "nobody")...); code != 3 || !strings.Contains(errOut, `User "nobody" cannot get resource "pods"`) {
		u.t.Errorf("exit status %d\n%s", code, errOut)
	}
	// A pod with resources of its own (KEP-2837) that its containers use up: what the
	// API server takes before, it takes after.
	own := "apiVersion: v1\nkind: Pod\nmetadata: {name: own}\nspec:\n  resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {cpu: 200m, memory: 128Mi}}\n  containers:\n  - {name: a, image: 'busybox:1.36', resources: {requests: {cpu: 100m, memory: 64Mi}}}\n"
	u.kubectl(own, "apply", "--dry-run=server", "-f", "-")
	for _, mode := range [][]string{{"--log", "/var/log/b/1.log"}, {"--mode", "agent"}, {"--mode", "rotate"}, {"--native", "false"}} {
		u.kubectl(u.logarch(own, append([]string{"inject", "-f", "-", "--log", "/var/log/a/1.log"}, mode...)...), "apply", "--dry-run=server", "-f", "-")
	}
	// No such object is wrong input; no cluster is no answer.
	if _, errOut, code := u.exec("", u.plugin, "inject", "deploy/none", "--log", "/var/log/web/web.log"); code != 2 || !strings.Contains(errOut, "not found") {
		u.t.Errorf("exit status %d\n%s", code, errOut)
	}
	if _, errOut, code := u.exec("", u.plugin, "inject", "deploy/web", "--log", "/var/log/web/web.log", "--server", "https://127.0.0.1:1"); code != 3 {
		u.t.Errorf("exit status %d\n%s", code, errOut)
	}
	// Node agents and Beats are objects that the API server takes.
	for _, agent := range []string{"otel", "fluent-bit", "fluentd", "vector", "filebeat", "alloy"} {
		objects := u.logarch("", "agent", agent, "--namespace", "kube-system", "--create-namespace=false")
		u.kubectl(objects, "apply", "--dry-run=server", "-f", "-")
	}
	u.kubectl(u.logarch("", "beats"), "apply", "--dry-run=server", "-f", "-")
}
