package nodetools

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterwright/kubectl-plugins/test/cluster"
)

const planted = "hunter2-planted-secret"

// testIncident breaks a node and repairs it; the timeline tells it in order, and
// a bundle of the broken node gives the verdict that live gave, without the
// secrets that a pod on it holds.
func testIncident(t *testing.T, c *cluster.Cluster, u user) {
	ctx := context.Background()
	client, err := c.Client()
	if err != nil {
		t.Fatal(err)
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "planted", Namespace: "default"}, StringData: map[string]string{"password": planted}}
	if _, err := client.CoreV1().Secrets("default").Create(ctx, secret, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "holder", Namespace: "default"},
		Spec: corev1.PodSpec{NodeName: one, TerminationGracePeriodSeconds: new(int64), Containers: []corev1.Container{{
			Name: "c", Image: "docker.io/library/busybox:1.36", Command: []string{"sleep", "3600"}, ImagePullPolicy: corev1.PullIfNotPresent,
			Env: []corev1.EnvVar{{Name: "PASSWORD", Value: planted}},
		}}},
	}
	if _, err := client.CoreV1().Pods("default").Create(ctx, pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.CoreV1().Pods("default").Delete(ctx, "holder", metav1.DeleteOptions{}) }()

	if err := c.Inject(ctx, "kubelet-stopped", one); err != nil {
		t.Fatal(err)
	}
	n, err := c.Node(one)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.WaitCondition(ctx, 2*time.Minute, corev1.NodeReady, corev1.ConditionUnknown); err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(t.TempDir(), "incident.tar.gz")
	live, _, liveCode, _ := u.run("", one, "-o", "json")
	u.expect(0, "created  "+archive, "", "bundle", one, "--out", archive)
	u.expect(2, "", "is there already", "bundle", one, "--out", archive)
	from, errOut, fromCode, _ := u.run("", "--from", archive, one, "-o", "json")
	if l, f := verdict(t, live), verdict(t, from); l != f || liveCode != fromCode || !strings.HasPrefix(l, "Unhealthy KubeletDown") {
		t.Errorf("live %q (exit status %d), from the bundle %q (%d) %s", l, liveCode, f, fromCode, errOut)
	}
	if text := unpack(t, archive); strings.Contains(text, planted) || !strings.Contains(text, "holder") {
		t.Error("the bundle holds the planted secret, or does not name the pod")
	}

	repair(t, c, "kubelet-stopped")
	out, _, code, _ := u.run("", "timeline", one)
	if code != 0 {
		t.Fatalf("timeline: exit status %d", code)
	}
	at := 0
	for _, step := range []string{"the node registered", "NodeNotReady", "NodeReady"} {
		i := strings.Index(out[at:], step)
		if i < 0 {
			t.Fatalf("%q is not told, or not in order:\n%s", step, out)
		}
		at += i
	}
	u.expect(0, "<svg ", "", "timeline", one, "-o", "svg")
	u.expect(0, "enableSystemLogQuery", "", "compare", one, two)
}

// verdict is the verdict and the fault's name in a report.
func verdict(t *testing.T, report string) string {
	t.Helper()
	var l struct {
		Items []struct {
			Verdict string
			Fault   *struct{ Name string }
		}
	}
	if err := json.Unmarshal([]byte(report), &l); err != nil || len(l.Items) != 1 {
		t.Fatalf("%v: %s", err, report)
	}
	if l.Items[0].Fault == nil {
		return l.Items[0].Verdict
	}
	return l.Items[0].Verdict + " " + l.Items[0].Fault.Name
}

func unpack(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString(h.Name + "\n")
		if _, err := io.Copy(&all, r); err != nil {
			t.Fatal(err)
		}
	}
}
