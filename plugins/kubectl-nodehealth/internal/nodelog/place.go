// Package nodelog reads the logs of a node's own services: through the
// kubelet's log query where it is on, through the kubelet's plain file server
// of /var/log otherwise, and says exactly why not and what to type on the node
// where neither has it.
//
// Facts: kubernetes/pkg/kubelet/kubelet_server_journal.go and server/server.go
// (v1.37), KEP-2258.
package nodelog

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Units are the services with a known place, for completion and help. Any other
// name is asked for as it is.
var Units = []string{"kubelet", "containerd", "crio", "docker", "kernel", "kube-proxy", "kube-apiserver", "kube-scheduler", "kube-controller-manager", "etcd", "systemd", "sshd"}

// Distro is how a node's operating system or Kubernetes distribution keeps its
// logs.
type Distro string

// The distributions whose habits differ.
const (
	Generic    Distro = "generic"
	K3s        Distro = "k3s"
	RKE2       Distro = "rke2"
	Talos      Distro = "talos"
	Bottlerock Distro = "bottlerocket"
	MicroK8s   Distro = "microk8s"
	Windows    Distro = "windows"
)

// DistroOf reads a node's info.
func DistroOf(info corev1.NodeSystemInfo) Distro {
	image := strings.ToLower(info.OSImage)
	switch {
	case info.OperatingSystem == "windows":
		return Windows
	case strings.Contains(info.KubeletVersion, "+k3s"):
		return K3s
	case strings.Contains(info.KubeletVersion, "+rke2"):
		return RKE2
	case strings.Contains(image, "talos"):
		return Talos
	case strings.Contains(image, "bottlerocket"):
		return Bottlerock
	case strings.Contains(info.KernelVersion, "microk8s") || strings.Contains(image, "microk8s"):
		return MicroK8s
	}
	return Generic
}

// Place says where a unit's log may be.
type Place struct {
	// Services are names for the kubelet's log query, in the order in which to
	// try them.
	Services []string
	// Files are files below /var/log, in the order in which to try them.
	Files []string
	// Host are files outside of /var/log, which only a program on the host reads.
	Host []string
	// ByHand is what to type on the node.
	ByHand []string
}

// PlaceOf returns where a unit's log may be on a node. In the Kubernetes
// handbook's list the files are /var/log/kubelet.log and so on; hosts with
// systemd have them in the journal.
func PlaceOf(unit string, d Distro) Place {
	component := slices.Contains([]string{"kube-proxy", "kube-apiserver", "kube-scheduler", "kube-controller-manager", "etcd"}, unit)
	switch {
	case d == Talos:
		p := Place{ByHand: []string{"talosctl -n NODE-IP logs " + unit}}
		if unit == "kernel" {
			p.ByHand = []string{"talosctl -n NODE-IP dmesg"}
		}
		return p
	case d == Windows:
		return Place{
			Services: []string{unit},
			Files:    []string{unit + "/" + unit + ".log", unit + ".log"},
			ByHand:   []string{`Get-WinEvent -FilterHashtable @{LogName='Application'; ProviderName='` + unit + `'}`, `Get-Content -Tail 200 C:\var\log\` + unit + `\` + unit + `.log`},
		}
	case unit == "kernel":
		// The log query passes a unit to journalctl, and the kernel is none.
		return Place{Files: []string{"kern.log", "messages", "syslog", "dmesg"}, ByHand: []string{"journalctl -k", "dmesg -T"}}
	case d == K3s && (unit == "kubelet" || unit == "containerd" || component):
		p := Place{Services: []string{"k3s-agent", "k3s"}, Files: []string{"k3s-agent.log", "k3s.log"}, ByHand: []string{"journalctl -u k3s-agent -u k3s"}}
		if unit == "containerd" {
			return onHost("/var/lib/rancher/k3s/agent/containerd/containerd.log")
		}
		return p
	case d == RKE2 && unit == "kubelet":
		return onHost("/var/lib/rancher/rke2/agent/logs/kubelet.log", "journalctl -u rke2-agent -u rke2-server")
	case d == RKE2 && unit == "containerd":
		return onHost("/var/lib/rancher/rke2/agent/containerd/containerd.log")
	case d == MicroK8s && (unit == "kubelet" || component):
		return Place{Services: []string{"snap.microk8s.daemon-kubelite"}, ByHand: []string{"journalctl -u snap.microk8s.daemon-kubelite"}}
	case d == MicroK8s && unit == "containerd":
		return Place{Services: []string{"snap.microk8s.daemon-containerd"}, ByHand: []string{"journalctl -u snap.microk8s.daemon-containerd"}}
	case d == Bottlerock:
		return Place{Services: []string{unit}, ByHand: []string{"in the admin container: sudo sheltie, then journalctl -u " + unit}}
	}
	p := Place{Services: []string{unit}, Files: []string{unit + ".log"}, ByHand: []string{"journalctl -u " + unit, "tail -n 200 /var/log/" + unit + ".log"}}
	if component {
		p.ByHand = append(p.ByHand, fmt.Sprintf("kubectl -n kube-system logs -l component=%s (where it runs as a pod)", unit))
	}
	return p
}

func onHost(file string, more ...string) Place {
	return Place{Host: []string{file}, ByHand: append([]string{"tail -n 200 " + file}, more...)}
}
