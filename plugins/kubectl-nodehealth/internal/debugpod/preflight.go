package debugpod

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/kube"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/kubelet"
)

// probeTimeout is what a kubelet gets to answer a question of the preflight. A
// frozen one would hold the API server's TLS handshake for ten seconds.
const probeTimeout = 2 * time.Second

// ErrNoNode says that there is no node of this name.
var ErrNoNode = errors.New("there is no such node")

// Impossible says why no pod can be started on the node, and what to do there.
type Impossible struct {
	Why  string
	Next string
}

func (e *Impossible) Error() string { return e.Why }

// Preflight is what is known of the node before a pod is tried.
type Preflight struct {
	Node *corev1.Node
	// Endpoint is the CRI endpoint that the kubelet uses, "" where it would not
	// say (no right to nodes/proxy or nodes/configz).
	Endpoint string
	// Ask asks the kubelet for a path.
	Ask func(ctx context.Context, path string) ([]byte, error)
}

// Check looks at the node before a pod is started there, so that a dead
// runtime or kubelet is said at once and not after a timeout. The error is
// ErrNoNode, *Impossible or that of the API server.
func Check(ctx context.Context, config *rest.Config, name string) (*Preflight, error) {
	client, err := kube.New(config)
	if err != nil {
		return nil, err
	}
	node, err := kube.Nodes.Get(ctx, client, "", name)
	switch {
	case apierrors.IsNotFound(err):
		return nil, ErrNoNode
	case apierrors.IsForbidden(err):
		// The pod may be allowed all the same.
		return &Preflight{Node: &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}, Ask: asker(client, name)}, nil
	case err != nil:
		return nil, err
	}
	if err := judgeNode(node); err != nil {
		return nil, err
	}
	p := &Preflight{Node: node, Ask: asker(client, name)}
	body, code, err := kubeletGet(ctx, client, name, "configz")
	if err != nil {
		return nil, kubeletSilent(node, err)
	}
	if code == http.StatusOK {
		p.Endpoint = endpoint(body)
	}
	return p, runtimeAnswers(ctx, client, node)
}

func kubeletSilent(node *corev1.Node, why error) *Impossible {
	return &Impossible{
		Why:  fmt.Sprintf("the kubelet of %s does not answer (%v), so no pod can be started there", node.Name, why),
		Next: onNode(node, "systemctl status "+kubeletUnit(node)),
	}
}

// runtimeAnswers asks the runtime itself, by the kubelet's runningpods; the
// Ready condition needs up to two minutes to notice that it is gone. The error
// is *Impossible.
func runtimeAnswers(ctx context.Context, client *kube.Client, node *corev1.Node) error {
	body, code, err := kubeletGet(ctx, client, node.Name, "runningpods/")
	var why string
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errSlow):
		// The kubelet itself has just answered; it waits for the runtime.
		why = err.Error()
	case err != nil:
		return kubeletSilent(node, err)
	case code != http.StatusInternalServerError:
		return nil
	default:
		why = oneLine(string(body))
	}
	return &Impossible{
		Why:  fmt.Sprintf("the container runtime of %s does not answer the kubelet (%s), so no pod can be started there", node.Name, why),
		Next: onNode(node, runtimeCommand(node)),
	}
}

// judgeNode reads the Ready condition.
func judgeNode(node *corev1.Node) error {
	if node.Labels[corev1.LabelOSStable] == "windows" || node.Status.NodeInfo.OperatingSystem == "windows" {
		return &Impossible{
			Why:  node.Name + " runs Windows: a debug pod with the host's file system needs a HostProcess image of its own",
			Next: "kubectl debug node/" + node.Name + " -it --image=mcr.microsoft.com/powershell --profile=sysadmin",
		}
	}
	for _, c := range node.Status.Conditions {
		if c.Type != corev1.NodeReady || c.Status == corev1.ConditionTrue {
			continue
		}
		if c.Status == corev1.ConditionUnknown {
			return &Impossible{
				Why:  fmt.Sprintf("the kubelet of %s has not been heard of since %s, so no pod can be started there", node.Name, c.LastTransitionTime.UTC().Format(time.RFC3339)),
				Next: onNode(node, "systemctl status "+kubeletUnit(node)),
			}
		}
		if strings.Contains(c.Message, "container runtime is down") || strings.Contains(c.Message, "PLEG is not healthy") {
			return &Impossible{
				Why:  fmt.Sprintf("the container runtime of %s is down (%s), so no pod can be started there", node.Name, oneLine(c.Message)),
				Next: onNode(node, runtimeCommand(node)),
			}
		}
	}
	return nil
}

func onNode(node *corev1.Node, command string) string {
	for _, a := range node.Status.Addresses {
		if a.Type == corev1.NodeInternalIP {
			return fmt.Sprintf("ssh %s '%s'", a.Address, command)
		}
	}
	return "on the node: " + command
}

// kubeletUnit is the service that holds the kubelet; that of a server or of an
// agent of k3s and RKE2 is told by the node's role.
func kubeletUnit(node *corev1.Node) string {
	_, server := node.Labels["node-role.kubernetes.io/control-plane"]
	switch version := node.Status.NodeInfo.KubeletVersion; {
	case strings.Contains(version, "+k3s") && server:
		return "k3s"
	case strings.Contains(version, "+k3s"):
		return "k3s-agent"
	case strings.Contains(version, "+rke2") && server:
		return "rke2-server"
	case strings.Contains(version, "+rke2"):
		return "rke2-agent"
	}
	return "kubelet"
}

func runtimeCommand(node *corev1.Node) string {
	unit := kubeletUnit(node)
	switch version := node.Status.NodeInfo.ContainerRuntimeVersion; {
	case strings.HasPrefix(version, "cri-o"):
		unit = "crio"
	case strings.HasPrefix(version, "docker"):
		unit = "docker"
	case unit == "kubelet":
		unit = "containerd"
	}
	return "systemctl status " + unit + "; journalctl -u " + unit + " --since -15m"
}

// errSlow says that a kubelet took its time.
var errSlow = fmt.Errorf("no answer within %s", probeTimeout)

// kubeletGet asks the kubelet through the API server. A refusal by rights or by
// the kubelet's configuration is a status code, a kubelet that does not answer
// an error.
func kubeletGet(ctx context.Context, client *kube.Client, node, path string) ([]byte, int, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	r, err := kubelet.ReplyOf(client.Get().Resource("nodes").Name(node).SubResource("proxy").Suffix(path).Do(ctx))
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, 0, errSlow
	case err != nil:
		return nil, 0, errors.New(oneLine(err.Error()))
	case r.Code == http.StatusServiceUnavailable, r.Code == http.StatusBadGateway, r.Code == http.StatusGatewayTimeout:
		return nil, 0, errors.New(reason(string(r.Body)))
	}
	return r.Body, r.Code, nil
}

// reason says why the API server could not reach a kubelet: its message, not the
// object that it stands in.
func reason(body string) string {
	var status struct{ Message string }
	if json.Unmarshal([]byte(body), &status) == nil && status.Message != "" {
		body = status.Message
	}
	switch {
	case strings.Contains(body, "connection refused"):
		return "connection refused: the host is up, the kubelet is down"
	case strings.Contains(body, "tls: internal error"):
		return "it has no serving certificate: kubectl get csr, kubectl certificate approve NAME"
	}
	return oneLine(strings.TrimPrefix(body, "error trying to reach service: "))
}

// asker asks the kubelet for a path; every answer but 200 is an error.
func asker(client *kube.Client, node string) func(context.Context, string) ([]byte, error) {
	return func(ctx context.Context, path string) ([]byte, error) {
		body, code, err := kubeletGet(ctx, client, node, path)
		if err == nil && code != http.StatusOK {
			err = fmt.Errorf("status %d: %s", code, oneLine(string(body)))
		}
		if err != nil {
			return nil, fmt.Errorf("the kubelet's /%s: %w", path, err)
		}
		return body, nil
	}
}

// endpoint reads containerRuntimeEndpoint from the kubelet's configuration.
func endpoint(configz []byte) string {
	var v struct {
		Config struct {
			Endpoint string `json:"containerRuntimeEndpoint"`
		} `json:"kubeletconfig"`
	}
	if json.Unmarshal(configz, &v) != nil {
		return ""
	}
	return v.Config.Endpoint
}

// Shell is the program that gives a shell on the host.
func Shell(args []string) []string {
	if len(args) > 0 {
		return append([]string{"chroot", "/host"}, args...)
	}
	return []string{"chroot", "/host", "/bin/sh", "-c", "if [ -x /bin/bash ]; then exec /bin/bash -l; fi; exec /bin/sh -l"}
}
