package controlplane

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/fault"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// Platforms, as far as logs and commands differ.
const (
	static  = "static pods"
	k3s     = "k3s"
	rke2    = "RKE2"
	eks     = "EKS"
	gke     = "GKE"
	aks     = "AKS"
	talos   = "Talos"
	unknown = ""
)

// platformOf tells how a control plane is run, by its pods, its nodes, and where
// nothing could be read by the server's name.
func platformOf(s *Snapshot) string {
	for _, n := range s.Nodes {
		switch {
		case strings.Contains(n.Kubelet, "+k3s"):
			return k3s
		case strings.Contains(n.Kubelet, "+rke2"):
			return rke2
		case strings.Contains(n.Kubelet, "-eks-"):
			return eks
		case strings.Contains(n.Kubelet, "-gke."):
			return gke
		case strings.Contains(strings.ToLower(n.OSImage), "talos"):
			return talos
		}
	}
	switch {
	case strings.Contains(s.Server, ".eks.amazonaws.com"):
		return eks
	case strings.Contains(s.Server, ".gke.goog"):
		return gke
	case strings.Contains(s.Server, ".azmk8s.io"):
		return aks
	case len(s.Pods) > 0, s.Machine != nil:
		return static
	}
	return unknown
}

// LogPlace says where the logs of the control plane are, as a command or a
// place, with COMPONENT for the name.
func LogPlace(s *Snapshot) string {
	switch platformOf(s) {
	case k3s:
		return "journalctl -u k3s on the server: all components are one process"
	case rke2:
		return "kubectl -n kube-system logs -l component=COMPONENT; on the server journalctl -u rke2-server, /var/lib/rancher/rke2/agent/logs"
	case eks:
		return "CloudWatch, group /aws/eks/CLUSTER/cluster, once control plane logging is on"
	case gke:
		return "Cloud Logging, resource k8s_control_plane_component, once it is on"
	case aks:
		return "Azure Monitor, resource logs kube-apiserver and kube-controller-manager, once they are on"
	case talos:
		return "talosctl -n NODE logs -k kube-system/COMPONENT-NODE:COMPONENT"
	case static:
		return "kubectl -n kube-system logs -l component=COMPONENT; on its machine sudo crictl logs, /var/log/pods"
	}
	return "on its machine: journalctl -u COMPONENT, or /var/log/COMPONENT.log"
}

// logCommand is the command that shows the end of a component's log. There, on
// its machine, the API server is not needed.
func logCommand(s *Snapshot, component string, there bool) fault.Command {
	note := "on its machine"
	switch p := platformOf(s); {
	case p == k3s:
		return fault.Command{Run: "journalctl -u k3s -n 100 --no-pager", Note: "on the server"}
	case p == rke2 && there:
		return fault.Command{Run: "journalctl -u rke2-server -n 100 --no-pager", Note: "on the server"}
	case p == eks:
		return fault.Command{Run: "aws eks describe-cluster --name CLUSTER --query 'cluster.[status,health]'"}
	case p == gke:
		return fault.Command{Run: "gcloud container clusters list"}
	case p == aks:
		return fault.Command{Run: "az aks list --output table"}
	case p == talos:
		return fault.Command{Run: "talosctl -n NODE containers -k; talosctl -n NODE service etcd"}
	case (p == static || p == rke2) && !there:
		return fault.Command{Run: "kubectl -n kube-system logs -l component=" + component + " --tail=50"}
	case p == static:
		return fault.Command{Run: fmt.Sprintf("sudo crictl logs --tail 50 $(sudo crictl ps -aq --name %s | head -n 1)", component), Note: note}
	}
	return fault.Command{Run: fmt.Sprintf("systemctl status %s; journalctl -u %s -n 100 --no-pager", component, component), Note: note}
}

// next are the commands to run, the most telling first.
func next(s *Snapshot, r Report) []fault.Command {
	out := []fault.Command{}
	add := func(note, format string, args ...any) {
		out = append(out, fault.Command{Run: fmt.Sprintf(format, args...), Note: note})
	}
	has := func(id string) bool {
		return slices.ContainsFunc(r.Findings, func(f finding.Finding) bool { return f.ID == id })
	}
	managed := slices.Contains([]string{eks, gke, aks}, platformOf(s))
	host, port, err := net.SplitHostPort(s.Reach.Address)
	if err != nil {
		host = s.Reach.Address
	}
	switch s.Reach.Layer {
	case NoCluster:
		if s.Machine != nil {
			add("", "sudo kubectl nodehealth controlplane --kubeconfig %s/admin.conf", s.Machine.Folder)
		} else {
			add("", "kubectl config get-contexts; echo $KUBECONFIG")
		}
	case NoName:
		add("does anybody resolve it?", "getent hosts %s; kubectl config view --minify", host)
	case NoRoute, Silent:
		add("is it your way, or the machine?", "ping -c 3 %s; nc -vz -w 3 %s %s", host, host, port)
	case NotKnown:
		add("who you are, and where it comes from", "kubectl config view --minify")
		if s.You != nil && !managed {
			add("on a control-plane machine", "sudo kubeadm certs renew admin.conf && sudo cat /etc/kubernetes/admin.conf")
		}
	}
	switch r.Scenario {
	case APIServerDown:
		if s.Machine != nil {
			add("static pods are started by the kubelet", "systemctl status kubelet containerd crio; sudo journalctl -u kubelet -n 50 --no-pager; sudo crictl ps -a")
		}
		if platformOf(s) == unknown {
			add("on its machine; static pods are started by the kubelet", "sudo crictl ps -a --name kube-apiserver; journalctl -u kubelet -n 50 --no-pager")
		}
		out = append(out, logCommand(s, "kube-apiserver", true))
	case StorageLost:
		out = append(out, logCommand(s, "etcd", true))
		if !managed && platformOf(s) != k3s {
			add("a full or slow disk is the usual cause", "df -h /var/lib/etcd; sudo iostat -x 1 3")
		}
	case APIServerCertificateExpired:
		if platformOf(s) == k3s {
			add("k3s renews its certificates when it starts", "sudo systemctl restart k3s")
		} else if !managed {
			add("on its machine", "sudo kubeadm certs check-expiration; sudo kubeadm certs renew all")
			add("the new one is read within a minute; if not, restart it", "sudo crictl ps --name kube-apiserver")
		}
	case SupportingServiceDown:
		for _, f := range r.Findings {
			if f.ID != ruleLeader.ID {
				continue
			}
			name := strings.TrimPrefix(f.Subject.Name, "kube-system/")
			out = append(out, logCommand(s, name, false))
			if platformOf(s) == static {
				add("its certificate, on its machine", "sudo kubeadm certs check-expiration")
			}
		}
	}
	for _, w := range s.Webhooks {
		if dead := w.Service != "" && w.Endpoints == 0; w.FailClosed && (dead || !w.Bundle.IsZero() && !w.Bundle.After(s.ObservedAt)) {
			kind, name, _ := strings.Cut(w.Config, "/")
			if dead {
				namespace, service, _ := strings.Cut(w.Service, "/")
				add("why nobody is there", "kubectl -n %s get service,endpointslices,pods | grep %s", namespace, service)
			}
			add("let requests pass until it is repaired", `kubectl patch %s %s --type=json -p '[{"op":"replace","path":"/webhooks/%d/failurePolicy","value":"Ignore"}]'`, strings.ToLower(kind), name, w.Index)
			break
		}
	}
	if has(ruleRefused.ID) && !managed {
		add("on its machine", "sudo openssl x509 -enddate -noout -in /etc/kubernetes/pki/apiserver-kubelet-client.crt")
		add("then restart kube-apiserver", "sudo kubeadm certs renew apiserver-kubelet-client")
	}
	for _, a := range s.APIServices {
		if !a.Available {
			if strings.HasSuffix(a.Name, "metrics.k8s.io") {
				add("where the metrics pipeline breaks", "kubectl nodehealth usage")
			} else {
				add("", "kubectl get apiservice %s -o yaml", a.Name)
			}
			break
		}
	}
	if r.Scenario != "" {
		add("what it means and what helps", "kubectl nodehealth faults %s", r.Scenario)
	}
	return out
}
