package cmd

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/cri"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

// TestViewsWithoutIDs: the kubelet does not know the ids of pods and images. A
// view that is about them says so instead of showing nothing.
func TestViewsWithoutIDs(t *testing.T) {
	node := &corev1.Node{}
	node.Name, node.Status.Images = "n1", []corev1.ContainerImage{{Names: []string{"nginx:1"}}}
	source := &cri.Kubelet{Node: node, Get: func(_ context.Context, path string) ([]byte, error) {
		if path == "pods" {
			return []byte(`{"items":[{"metadata":{"name":"web"},"status":{"containerStatuses":[{"name":"app","containerID":"containerd://abc","state":{"running":{}}}]}}]}`), nil
		}
		return []byte(`{"pods":[{"podRef":{"name":"web"},"containers":[{"name":"app","memory":{"workingSetBytes":1}}]}]}`), nil
	}}
	for line, known := range map[string]bool{
		"ps": true, "ps -q": true, "pods": true, "images": true, "stats": true, "statsp": true, "ps --pod x": false,
		"pods -q": false, "pods --id x": false, "images -q": false, "stats --id x": false, "statsp --id x": false,
	} {
		v, err := parseView(strings.Fields(line))
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		env := &cli.Env{Now: func() time.Time { return time.Unix(0, 0) }}
		env.Out = &out
		err = v.from(context.Background(), env, nil, source)
		var cannot *cri.Cannot
		if known && (err != nil || out.Len() == 0) || !known && (!errors.As(err, &cannot) || out.Len() > 0) {
			t.Errorf("%s: %v %q", line, err, out.String())
		}
	}
}
