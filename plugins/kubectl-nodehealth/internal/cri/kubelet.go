package cri

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Kubelet shows what the kubelet knows of its runtime: its pods, the node's
// list of images, the Summary API. It takes no program on the host at all.
type Kubelet struct {
	// Get asks the kubelet for a path.
	Get  func(ctx context.Context, path string) ([]byte, error)
	Node *corev1.Node
}

// From implements Source.
func (k *Kubelet) From() string { return "the kubelet's own views" }

func (k *Kubelet) cannot(what string) error {
	return &Cannot{What: what, From: k.From(), Instead: "kubectl nodehealth shell " + k.Node.Name}
}

func (k *Kubelet) pods(ctx context.Context) ([]corev1.Pod, error) {
	b, err := k.Get(ctx, "pods")
	if err != nil {
		return nil, err
	}
	var list corev1.PodList
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("the kubelet's pods: %w", err)
	}
	return list.Items, nil
}

// Pods implements Source. The kubelet does not say the sandboxes' ids.
func (k *Kubelet) Pods(ctx context.Context) ([]Object, error) {
	pods, err := k.pods(ctx)
	var out []Object
	for _, p := range pods {
		state := "SANDBOX_NOTREADY"
		for _, c := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
			if c.State.Running != nil {
				state = "SANDBOX_READY"
			}
		}
		created := p.CreationTimestamp.Time
		if p.Status.StartTime != nil {
			created = p.Status.StartTime.Time
		}
		out = append(out, Object{
			"id": "", "state": state, "createdAt": nanos(created), "labels": labelsOf(p.Labels),
			"metadata": Object{"name": p.Name, "namespace": p.Namespace, "uid": string(p.UID)},
		})
	}
	return out, err
}

func labelsOf(m map[string]string) Object {
	out := Object{}
	for k, v := range m {
		out[k] = v
	}
	return out
}

// Containers implements Source: the current ones and, where one was restarted,
// the one before it.
func (k *Kubelet) Containers(ctx context.Context) ([]Object, error) {
	pods, err := k.pods(ctx)
	var out []Object
	for i := range pods {
		p := &pods[i]
		for _, list := range [][]corev1.ContainerStatus{p.Status.InitContainerStatuses, p.Status.ContainerStatuses, p.Status.EphemeralContainerStatuses} {
			for _, c := range list {
				if o := containerOf(p, c, c.State, c.RestartCount); o != nil {
					out = append(out, o)
				}
				if o := containerOf(p, c, c.LastTerminationState, c.RestartCount-1); o != nil {
					out = append(out, o)
				}
			}
		}
	}
	return out, err
}

func containerOf(p *corev1.Pod, c corev1.ContainerStatus, s corev1.ContainerState, attempt int32) Object {
	id, state := c.ContainerID, "CONTAINER_RUNNING"
	var since time.Time
	switch {
	case s.Running != nil:
		since = s.Running.StartedAt.Time
	case s.Terminated != nil:
		state, since = "CONTAINER_EXITED", s.Terminated.StartedAt.Time
		if s.Terminated.ContainerID != "" {
			id = s.Terminated.ContainerID
		}
	default:
		return nil
	}
	if _, short, ok := strings.Cut(id, "://"); ok {
		id = short
	}
	labels := labelsOf(map[string]string{podNameLabel: p.Name, podSpaceLabel: p.Namespace, podUIDLabel: string(p.UID), containerLabel: c.Name})
	return Object{
		"id": id, "podSandboxId": "", "state": state, "createdAt": nanos(since), "labels": labels,
		"image": Object{"image": c.Image}, "imageRef": c.ImageID,
		"metadata": Object{"name": c.Name, "attempt": json.Number(strconv.Itoa(int(max(0, attempt))))},
	}
}

// Images implements Source: the node's status names the largest, 50 unless the
// kubelet is told otherwise.
func (k *Kubelet) Images(context.Context) ([]Object, error) {
	var out []Object
	for _, im := range k.Node.Status.Images {
		tags, digests := []any{}, []any{}
		for _, n := range im.Names {
			if strings.Contains(n, "@") {
				digests = append(digests, n)
			} else {
				tags = append(tags, n)
			}
		}
		out = append(out, Object{"id": "", "repoTags": tags, "repoDigests": digests, "size": strconv.FormatInt(im.SizeBytes, 10)})
	}
	return out, nil
}

// Stats implements Source.
func (k *Kubelet) Stats(ctx context.Context) ([]Object, error) {
	pods, err := k.summary(ctx)
	var out []Object
	for _, p := range pods {
		for _, c := range p.Containers {
			out = append(out, Object{
				"attributes": Object{"id": "", "metadata": Object{"name": c.Name},
					"labels": labelsOf(map[string]string{podNameLabel: p.Ref.Name, podSpaceLabel: p.Ref.Namespace})},
				"cpu":           Object{"usageNanoCores": Object{"value": unsigned(c.CPU.NanoCores)}},
				"memory":        Object{"workingSetBytes": Object{"value": unsigned(c.Memory.WorkingSet)}},
				"writableLayer": Object{"usedBytes": Object{"value": unsigned(c.Rootfs.Used)}, "inodesUsed": Object{"value": unsigned(c.Rootfs.Inodes)}},
				"swap":          Object{"swapUsageBytes": Object{"value": unsigned(c.Swap.Usage)}},
			})
		}
	}
	return out, err
}

// PodStats implements Source.
func (k *Kubelet) PodStats(ctx context.Context) ([]Object, error) {
	pods, err := k.summary(ctx)
	var out []Object
	for _, p := range pods {
		out = append(out, Object{
			"attributes": Object{"id": "", "metadata": Object{"name": p.Ref.Name, "namespace": p.Ref.Namespace}},
			"linux": Object{"cpu": Object{"usageNanoCores": Object{"value": unsigned(p.CPU.NanoCores)}},
				"memory": Object{"workingSetBytes": Object{"value": unsigned(p.Memory.WorkingSet)}}},
		})
	}
	return out, err
}

func unsigned(n uint64) string { return strconv.FormatUint(n, 10) }

// use is the part of the Summary API that a table needs.
type use struct {
	CPU struct {
		NanoCores uint64 `json:"usageNanoCores"`
	} `json:"cpu"`
	Memory struct {
		WorkingSet uint64 `json:"workingSetBytes"`
	} `json:"memory"`
}

type podUse struct {
	use
	Ref        struct{ Name, Namespace string } `json:"podRef"`
	Containers []struct {
		use
		Name   string
		Rootfs struct {
			Used   uint64 `json:"usedBytes"`
			Inodes uint64 `json:"inodesUsed"`
		}
		Swap struct {
			Usage uint64 `json:"swapUsageBytes"`
		}
	}
}

func (k *Kubelet) summary(ctx context.Context) ([]podUse, error) {
	b, err := k.Get(ctx, "stats/summary")
	if err != nil {
		return nil, err
	}
	var s struct{ Pods []podUse }
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("the kubelet's stats/summary: %w", err)
	}
	return s.Pods, nil
}

// Inspect implements Source for images; of a container the kubelet says what
// kubectl get pod says.
func (k *Kubelet) Inspect(ctx context.Context, kind Kind, id string) (Object, error) {
	var list []Object
	var err error
	switch kind {
	case Container:
		list, err = k.Containers(ctx)
	case Image:
		list, err = k.Images(ctx)
	default:
		return nil, k.cannot("a sandbox")
	}
	if err != nil {
		return nil, err
	}
	o, err := byID(list, kind, id, imageNames)
	if err != nil {
		return nil, err
	}
	return Object{"status": o}, nil
}

// Version implements Source.
func (k *Kubelet) Version(context.Context) (Object, error) {
	name, version, _ := strings.Cut(k.Node.Status.NodeInfo.ContainerRuntimeVersion, "://")
	return Object{"runtimeName": name, "runtimeVersion": version}, nil
}

// Info implements Source.
func (k *Kubelet) Info(context.Context) (Object, error) { return nil, k.cannot("the runtime's state") }

// ImageFs implements Source.
func (k *Kubelet) ImageFs(context.Context) (Object, error) {
	return nil, k.cannot("the image file system")
}
