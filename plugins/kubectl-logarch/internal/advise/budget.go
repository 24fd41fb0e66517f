package advise

import (
	"fmt"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/check"
)

// limit is the pod's limit for ephemeral storage as the kubelet counts it: the sum
// over the containers that have one, 0 where none has (pkg/kubelet/eviction,
// podEphemeralStorageLimitEviction).
func (j *judge) limit() int64 {
	var sum int64
	for _, k := range j.containers {
		sum += k.storageLimit()
	}
	return sum
}

func (k *container) storageLimit() int64 { return k.Resources.Limits.StorageEphemeral().Value() }

// budget says how far back the logs reach, and what is lost when.
func (j *judge) budget(patterns []Pattern) Budget {
	kubelet := j.o.Kubelet
	if k, ok := j.s.Kubelets[j.w.Node]; ok && j.w.Node != "" {
		kubelet = k
	}
	b := Budget{MaxSizeBytes: kubelet.MaxSize, MaxFiles: kubelet.MaxFiles, Source: kubelet.Source}
	for _, k := range j.containers {
		c := ContainerBudget{Name: k.Name, UsedBytes: j.w.Used[k.Name]}
		rate, ok := j.w.Rates[k.Name]
		if !ok && j.o.Rate > 0 {
			rate = Rate{BytesPerMinute: j.o.Rate, Source: "assumed with --rate"}
		}
		if rate.BytesPerMinute > 0 {
			c.BytesPerMinute, c.RateSource, c.AtLeast = rate.BytesPerMinute, rate.Source, rate.AtLeast
			c.KubectlLogsMinutes = float64(kubelet.MaxSize) / rate.BytesPerMinute
			c.OnNodeMinutes = c.KubectlLogsMinutes * float64(kubelet.MaxFiles)
			if c.KubectlLogsMinutes < j.o.ShortMinutes {
				j.report(check.ShortMemory, k, fmt.Sprintf("kubectl logs of container %s reaches back %s at most", k.Name, Minutes(c.KubectlLogsMinutes)),
					fmt.Sprintf("%s a minute, %s", Bytes(rate.BytesPerMinute), rate.Source),
					fmt.Sprintf("containerLogMaxSize %s, %s", Bytes(float64(kubelet.MaxSize)), kubelet.Source))
			}
		}
		b.Containers = append(b.Containers, c)
	}
	each := kubelet.MaxSize * kubelet.MaxFiles
	b.LogBytes = each * int64(len(j.containers))
	size := fmt.Sprintf("containerLogMaxFiles %d x containerLogMaxSize %s, %s", kubelet.MaxFiles, Bytes(float64(kubelet.MaxSize)), kubelet.Source)
	if limit := j.limit(); limit > 0 {
		b.LimitBytes, b.HeadroomBytes = limit, limit-b.LogBytes
		if b.HeadroomBytes < 0 {
			j.report(check.LogsEvict, nil, fmt.Sprintf("the pod may hold %s of ephemeral storage, its logs may grow to %s", Bytes(float64(limit)), Bytes(float64(b.LogBytes))),
				plural(len(j.containers), "container")+" x "+size)
		}
	}
	if b.HeadroomBytes >= 0 {
		// The kubelet holds each container's logs against its own limit too.
		for _, k := range j.containers {
			if limit := k.storageLimit(); limit > 0 && each > limit {
				j.report(check.LogsEvict, k, fmt.Sprintf("container %s may hold %s of ephemeral storage, its log may grow to %s", k.Name, Bytes(float64(limit)), Bytes(float64(each))), size)
			}
		}
	}
	b.Crash, b.Eviction, b.NodeLoss = j.losses(patterns)
	return b
}

// losses says, from the most harmless to the worst, what is gone.
func (j *judge) losses(patterns []Pattern) (crash, eviction, node []string) {
	var layer, dirs, kept []string
	for _, k := range j.containers {
		for _, f := range k.writes {
			v := j.facts.volumes[f.volume]
			if tails, agents := j.readers(f); len(tails)+len(agents) > 0 {
				continue // its lines are in a sidecar's hands
			}
			switch {
			case f.volume == "":
				layer = append(layer, f.path)
			case v != nil && v.EmptyDir != nil:
				dirs = append(dirs, f.path)
			default:
				kept = append(kept, f.path)
			}
		}
	}
	if len(layer) > 0 {
		crash = append(crash, "all of "+strings.Join(layer, ", "))
	}
	crash = append(crash, "stdout of the runs before the previous one (kubectl logs --previous shows one)")
	lag := "stdout that the node agent has not read yet"
	if !j.shipped {
		lag = "stdout, unless a node agent ships it (none is in what was looked at)"
		if j.s.AllNamespaces {
			lag = "all of stdout: the cluster has no node agent"
		}
	}
	for _, p := range patterns {
		if p == AgentSidecar {
			eviction = append(eviction, "what the agent sidecar has not sent when its grace period ends")
			node = append(node, "what the agent sidecar has not sent yet")
		}
		if p == NodeAgent {
			lag = "what the agent has not sent yet"
		}
	}
	files := append(append([]string{}, layer...), dirs...)
	if len(files) > 0 {
		eviction = append(eviction, "all of "+strings.Join(files, ", "))
	}
	eviction = append(eviction, lag)
	if all := append(files, kept...); len(all) > 0 {
		node = append(node, "all of "+strings.Join(all, ", ")+onNetwork(kept))
	}
	node = append(node, lag)
	return crash, eviction, node
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

func onNetwork(kept []string) string {
	if len(kept) > 0 {
		return " (unless the volume is on the network)"
	}
	return ""
}

// Minutes writes a span for people.
func Minutes(m float64) string {
	switch {
	case m < 1:
		return fmt.Sprintf("%.0f s", m*60)
	case m < 120:
		return fmt.Sprintf("%.0f min", m)
	case m < 2*24*60:
		return fmt.Sprintf("%.0f h", m/60)
	}
	return fmt.Sprintf("%.0f days", m/60/24)
}

// Bytes writes a size for people.
func Bytes(n float64) string {
	for _, u := range []struct {
		size float64
		name string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= u.size {
			return strings.TrimSuffix(fmt.Sprintf("%.1f", n/u.size), ".0") + " " + u.name
		}
	}
	return fmt.Sprintf("%.0f B", n)
}
