package auditpolicy

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterwright/kubectl-plugins/test/cluster"
)

// sent is a request as an API server logs it, or as match predicts it.
type sent struct{ verb, resource, namespace, name, path string }

// kubectlLines are run against a real API server. What match says of a line has
// to be what the server logs of it: nothing may be missing, and nothing more may
// be said but what a condition names.
var kubectlLines = []string{
	"get pods", "get pods -A", "get pod web-0", "get po,svc", "get all", "get deploy/web svc/kubernetes", "get deploy web --subresource=scale", "get --raw /healthz",
	"get pods -w --request-timeout=2s", "get pod web-0 -w --request-timeout=2s",
	"describe secret s", "describe cm c", "describe ns default", "describe deploy web", "describe node n1", "describe pods",
	"create cm c2 --from-literal=a=b", "create service clusterip x --tcp=80", "create token default", "create role r --verb=get --resource=pods",
	"create secret generic s2 --from-literal=a=b", "create cm c3 --dry-run=server",
	"label pod web-0 a=b", "annotate cm c a=b", "label deploy web --list", "patch deploy web -p {}", "patch deploy web --subresource=status -p {}",
	"set image deploy/web c=busybox:1", "set env deploy/web --list", "taint node n1 a=b:NoSchedule", "cordon n1", "uncordon n1",
	"scale deploy web --replicas=2", "autoscale deploy web --max=3", "expose deploy web --port=80",
	"rollout restart deploy/web", "rollout history deploy/web", "rollout undo deploy/web", "rollout status deploy/web --timeout=2s", "wait --for=condition=Available deploy/web --timeout=2s",
	"exec web-0 -- true", "exec deploy/web -- true", "attach web-0", "cp web-0:/etc/passwd /dev/null", "logs web-0", "logs deploy/web", "logs -l app=web",
	"port-forward web-0 :80", "run r1 --image=busybox:1", "debug web-0 --image=busybox:1", "debug web-0 --image=busybox:1 --copy-to=web-9", "debug node/n1 --image=busybox:1",
	"auth whoami", "auth can-i get pods", "auth can-i --list", "events", "cluster-info", "version", "certificate approve none",
	"drain n2 --force --timeout=2s", "delete cm c2", "delete cm c --wait=false", "delete pods -l run=r1 --grace-period=0", "delete pod web-9 --wait=false", "get nodes n1 -oname",
}

// stopped are the lines of which kubectl stops before its last request, for want
// of a controller or of the object.
var stopped = map[string]bool{"rollout undo deploy/web": true, "certificate approve none": true}

// TestKubectl runs real kubectl and compares what the API server's audit log has
// of it with what match says that kubectl sends.
func TestKubectl(t *testing.T) {
	c := cluster.ForTest(t, cluster.Config{Name: "audit-kubectl", NoControllerManager: true, NoScheduler: true})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	objects(t, ctx, c)
	policy := write(t, "p.yaml", "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n")
	for _, line := range kubectlLines {
		t.Run(line, func(t *testing.T) {
			before, err := os.Stat(c.AuditLog())
			if err != nil {
				t.Fatal(err)
			}
			limit, stop := context.WithTimeout(ctx, 20*time.Second)
			defer stop()
			words := strings.Fields(line)
			cmd := exec.CommandContext(limit, c.Binary, append([]string{"kubectl", "--kubeconfig", c.Kubeconfig, "--cache-dir", t.TempDir()}, words...)...)
			cmd.WaitDelay = time.Second
			out, _ := cmd.CombinedOutput() // some must fail: there are no kubelets
			got := logged(t, c.AuditLog(), before.Size())
			want, optional := predicted(t, policy, words)
			for r := range got {
				if !want[r] && !want[nameless(r)] {
					t.Errorf("kubectl sent what match does not tell: %+v\n%s", r, out)
				}
			}
			found := map[sent]bool{}
			for r := range got {
				found[r], found[nameless(r)] = true, true
			}
			for r := range want {
				if stopped[line] {
					break
				}
				if !found[r] && !optional[r] {
					t.Errorf("match tells what kubectl did not send: %+v\n%s", r, out)
				}
			}
		})
	}
}

// nameless is a request whose object's name nobody can tell beforehand.
func nameless(r sent) sent { r.name = "demo"; return r }

func objects(t *testing.T, ctx context.Context, c *cluster.Cluster) {
	t.Helper()
	manifest := write(t, "w.yaml", `apiVersion: v1
kind: Node
metadata: {name: n1}
---
apiVersion: v1
kind: Node
metadata: {name: n2}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: default}
---
apiVersion: v1
kind: Secret
metadata: {name: s}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: busybox}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web-0, labels: {app: web}}
spec: {nodeName: n1, containers: [{name: c, image: busybox}]}
---
apiVersion: v1
kind: Pod
metadata: {name: on-n2}
spec: {nodeName: n2, terminationGracePeriodSeconds: 0, containers: [{name: c, image: busybox}]}
`)
	cmd := exec.CommandContext(ctx, c.Binary, "kubectl", "--kubeconfig", c.Kubeconfig, "apply", "-f", manifest)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	k, err := c.Client()
	if err != nil {
		t.Fatal(err)
	}
	pod, err := k.CoreV1().Pods("default").Get(ctx, "web-0", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pod.Status.Phase = corev1.PodRunning
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	if _, err := k.CoreV1().Pods("default").UpdateStatus(ctx, pod, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// logged reads the requests of kubectl behind an offset of an audit log, without
// its discovery.
func logged(t *testing.T, log string, from int64) map[sent]bool {
	t.Helper()
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	out := map[sent]bool{}
	for line := range bytes.Lines(data[from:]) {
		var e struct {
			Verb, RequestURI, UserAgent string
			ObjectRef                   *struct{ Resource, Subresource, APIGroup, Namespace, Name string }
		}
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		path, _, _ := strings.Cut(e.RequestURI, "?")
		if !strings.HasPrefix(e.UserAgent, "kubectl/") && !strings.HasPrefix(e.UserAgent, "Go-http-client") {
			continue
		}
		if e.ObjectRef == nil {
			if path != "/api" && path != "/apis" && path != "/api/v1" && !strings.HasPrefix(path, "/apis/") && !strings.HasPrefix(path, "/openapi/") {
				out[sent{verb: e.Verb, path: path}] = true
			}
			continue
		}
		o := e.ObjectRef
		name := o.Name
		if e.Verb == "create" && o.Subresource == "" {
			name = "" // filled in from the body
		}
		out[sent{e.Verb, resourceKey(o.APIGroup, o.Resource, o.Subresource), o.Namespace, name, ""}] = true
	}
	return out
}

func resourceKey(group, resource, sub string) string {
	return strings.Trim(group+"/"+resource+"/"+sub, "/")
}

// predicted is what match says of a line; optional is what it says only under a
// condition or of other versions of kubectl.
func predicted(t *testing.T, policy string, words []string) (all, optional map[sent]bool) {
	t.Helper()
	var r struct {
		Items []struct {
			Request struct{ Verb, APIGroup, Resource, Subresource, Namespace, Name, Path, Why string }
		}
	}
	if err := json.Unmarshal([]byte(must(t, append([]string{"match", policy, "-o", "json", "--", "kubectl"}, words...)...)), &r); err != nil {
		t.Fatal(err)
	}
	all, optional = map[sent]bool{}, map[sent]bool{}
	for _, i := range r.Items {
		q := i.Request
		s := sent{q.Verb, resourceKey(q.APIGroup, q.Resource, q.Subresource), q.Namespace, q.Name, q.Path}
		all[s] = true
		for _, condition := range []string{"if ", "SPDY", "once for each", "waits until it is gone", "for most kinds"} {
			if strings.Contains(q.Why, condition) {
				optional[s] = true
			}
		}
	}
	return all, optional
}
