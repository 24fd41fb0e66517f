// Package kubelet reads what a kubelet answers: its health, its configuration,
// the Summary API, its own metrics, and what its refusals mean. It does no I/O.
package kubelet

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

// The Summary API's JSON, as far as it is read. The Go types for it live in
// k8s.io/kubelet, whose dependencies a plugin does not need.
type summary struct {
	Node struct {
		NodeName  string     `json:"nodeName"`
		StartTime time.Time  `json:"startTime"`
		CPU       *cpuStats  `json:"cpu"`
		Memory    *memStats  `json:"memory"`
		IO        *ioStats   `json:"io"`
		Fs        *fsStats   `json:"fs"`
		Swap      *swapStats `json:"swap"`
		Runtime   *struct {
			ImageFs     *fsStats `json:"imageFs"`
			ContainerFs *fsStats `json:"containerFs"`
		} `json:"runtime"`
		Rlimit *struct {
			MaxPID  *int64 `json:"maxpid"`
			NumProc *int64 `json:"curproc"`
		} `json:"rlimit"`
	} `json:"node"`
	Pods []podStats `json:"pods"`
}

type cpuStats struct {
	Time  time.Time `json:"time"`
	Nanos *uint64   `json:"usageNanoCores"`
	PSI   *psiStats `json:"psi"`
}

type memStats struct {
	Time       time.Time `json:"time"`
	Available  *uint64   `json:"availableBytes"`
	WorkingSet *uint64   `json:"workingSetBytes"`
	PSI        *psiStats `json:"psi"`
}

type ioStats struct {
	PSI *psiStats `json:"psi"`
}

type psiStats struct {
	Full psiData `json:"full"`
	Some psiData `json:"some"`
}

type psiData struct {
	Total  uint64  `json:"total"`
	Avg10  float64 `json:"avg10"`
	Avg60  float64 `json:"avg60"`
	Avg300 float64 `json:"avg300"`
}

type fsStats struct {
	Available  *uint64 `json:"availableBytes"`
	Capacity   *uint64 `json:"capacityBytes"`
	Used       *uint64 `json:"usedBytes"`
	InodesFree *uint64 `json:"inodesFree"`
	Inodes     *uint64 `json:"inodes"`
}

type swapStats struct {
	Available *uint64 `json:"swapAvailableBytes"`
	Usage     *uint64 `json:"swapUsageBytes"`
}

type podStats struct {
	PodRef struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"podRef"`
	Memory     *memStats `json:"memory"`
	Ephemeral  *fsStats  `json:"ephemeral-storage"`
	Containers []struct {
		Rootfs *fsStats `json:"rootfs"`
		Logs   *fsStats `json:"logs"`
	} `json:"containers"`
	Volumes []struct {
		Used *uint64   `json:"usedBytes"`
		PVC  *struct{} `json:"pvcRef"`
	} `json:"volume"`
}

// topConsumers is how many of the largest users are kept.
const topConsumers = 5

// ParseStats reads the answer of /stats/summary; the second result is the
// node's name in it.
func ParseStats(data []byte) (*snapshot.Stats, string, error) {
	var s summary
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, "", fmt.Errorf("the Summary API's answer is not what was expected: %w", err)
	}
	n := s.Node
	out := &snapshot.Stats{Boot: n.StartTime, NodeFs: filesystem(n.Fs), Pods: len(s.Pods)}
	if n.CPU != nil {
		out.Time, out.CPUNanos = n.CPU.Time, n.CPU.Nanos
		out.PSI = putPSI(out.PSI, "cpu", n.CPU.PSI)
	}
	if n.Memory != nil {
		if n.Memory.Available != nil && n.Memory.WorkingSet != nil {
			out.Memory = &snapshot.Memory{Available: *n.Memory.Available, WorkingSet: *n.Memory.WorkingSet}
		}
		if out.Time.IsZero() {
			out.Time = n.Memory.Time
		}
		out.PSI = putPSI(out.PSI, "memory", n.Memory.PSI)
	}
	if n.IO != nil {
		out.PSI = putPSI(out.PSI, "io", n.IO.PSI)
	}
	if n.Runtime != nil {
		out.ImageFs, out.ContFs = filesystem(n.Runtime.ImageFs), filesystem(n.Runtime.ContainerFs)
	}
	if n.Rlimit != nil && n.Rlimit.MaxPID != nil && n.Rlimit.NumProc != nil {
		out.PIDs = &snapshot.PIDs{Max: *n.Rlimit.MaxPID, Running: *n.Rlimit.NumProc}
	}
	if n.Swap != nil && n.Swap.Usage != nil {
		out.Swap = &snapshot.Swap{Available: number(n.Swap.Available), Used: *n.Swap.Usage}
	}
	for _, p := range s.Pods {
		name := p.PodRef.Namespace + "/" + p.PodRef.Name
		if p.Memory != nil && p.Memory.WorkingSet != nil {
			out.TopMemory = append(out.TopMemory, snapshot.Consumer{Pod: name, Bytes: *p.Memory.WorkingSet})
		}
		if c := diskOf(p); c.Bytes > 0 {
			c.Pod = name
			out.TopDisk = append(out.TopDisk, c)
		}
	}
	out.TopMemory, out.TopDisk = top(out.TopMemory), top(out.TopDisk)
	return out, n.NodeName, nil
}

// diskOf sums up what a pod takes of the node's own filesystems and names the
// largest part.
func diskOf(p podStats) snapshot.Consumer {
	var logs, layers, volumes uint64
	for _, c := range p.Containers {
		if c.Rootfs != nil {
			layers += number(c.Rootfs.Used)
		}
		if c.Logs != nil {
			logs += number(c.Logs.Used)
		}
	}
	for _, v := range p.Volumes {
		if v.PVC == nil {
			volumes += number(v.Used)
		}
	}
	out := snapshot.Consumer{Bytes: logs + layers + volumes}
	if p.Ephemeral != nil && p.Ephemeral.Used != nil {
		out.Bytes = *p.Ephemeral.Used
	}
	switch max(logs, layers, volumes) {
	case 0:
	case logs:
		out.What = "logs"
	case volumes:
		out.What = "emptyDir"
	default:
		out.What = "writable layer"
	}
	return out
}

func top(cs []snapshot.Consumer) []snapshot.Consumer {
	slices.SortStableFunc(cs, func(a, b snapshot.Consumer) int { return cmp.Compare(b.Bytes, a.Bytes) })
	return cs[:min(len(cs), topConsumers)]
}

func number(p *uint64) uint64 {
	if p == nil {
		return 0
	}
	return *p
}

func filesystem(f *fsStats) *snapshot.Filesystem {
	if f == nil || f.Available == nil || f.Capacity == nil || *f.Capacity == 0 {
		return nil
	}
	return &snapshot.Filesystem{
		Available: *f.Available, Capacity: *f.Capacity, Used: number(f.Used),
		InodesFree: number(f.InodesFree), Inodes: number(f.Inodes),
	}
}

func putPSI(m map[string]snapshot.PSI, name string, p *psiStats) map[string]snapshot.PSI {
	if p == nil {
		return m
	}
	if m == nil {
		m = map[string]snapshot.PSI{}
	}
	m[name] = snapshot.PSI{
		SomeAvg10: p.Some.Avg10, SomeAvg60: p.Some.Avg60, SomeAvg300: p.Some.Avg300,
		FullAvg10: p.Full.Avg10, FullAvg60: p.Full.Avg60, FullAvg300: p.Full.Avg300, Total: p.Some.Total + p.Full.Total,
	}
	return m
}
