package fault

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

// System is how services are run and looked at on a node's distribution.
type System struct {
	// Name of the distribution: "k3s", "talos", "" for a systemd host.
	Name string
	// Kubelet and Runtime are the names of their services, Process that of the
	// process that is the kubelet.
	Kubelet, Runtime, Process string
	// Crictl is the runtime's client.
	Crictl string
	// CNI is where the network plugin's configuration lies.
	CNI string
	// Client and Serving are the kubelet's certificates, Kubeconfig is what it
	// finds the API server with.
	Client, Serving, Kubeconfig string
}

// NoHost says that there is no machine behind the node to log in to.
func (s System) NoHost() bool { return s.Name == fargate || s.Name == virtual }

// Nodes without a machine: AWS Fargate runs each pod in a machine of its own, and
// a virtual kubelet stands for a whole service.
const (
	fargate = "fargate"
	virtual = "virtual-kubelet"
)

// SystemOf tells the distribution from what the node says of itself.
func SystemOf(v *snapshot.View) System {
	runtime, _ := v.Runtime()
	s := System{
		Kubelet: "kubelet", Process: "kubelet", Crictl: "crictl", CNI: "/etc/cni/net.d",
		Client: "/var/lib/kubelet/pki/kubelet-client-current.pem", Serving: "/var/lib/kubelet/pki/kubelet-server-current.pem /var/lib/kubelet/pki/kubelet.crt",
		Kubeconfig: "/etc/kubernetes/kubelet.conf",
		Runtime:    map[string]string{"cri-o": "crio", "docker": "docker", "containerd": "containerd"}[runtime],
	}
	if s.Runtime == "" {
		s.Runtime = "containerd"
	}
	if v.Node.Object == nil {
		return s
	}
	info := v.Node.Object.Status.NodeInfo
	image := strings.ToLower(info.OSImage)
	labels := v.Node.Object.Labels
	label := func(prefix string) bool {
		for k := range labels {
			if strings.HasPrefix(k, prefix) {
				return true
			}
		}
		for k := range v.Node.Object.Annotations {
			if strings.HasPrefix(k, prefix) {
				return true
			}
		}
		return false
	}
	server := label("node-role.kubernetes.io/control-plane") || label("node-role.kubernetes.io/master")
	switch {
	case labels["eks.amazonaws.com/compute-type"] == "fargate", strings.Contains(v.Node.Object.Spec.ProviderID, "/fargate-"):
		s.Name = fargate
	case labels["type"] == "virtual-kubelet", strings.Contains(info.KubeletVersion, "-vk-"), v.Taint("virtual-kubelet.io/provider", "") != nil:
		s.Name = virtual
	case v.Windows():
		s.Name = "windows"
	case strings.Contains(info.KubeletVersion, "+k3s"):
		s.Name, s.Kubelet = "k3s", "k3s-agent"
		if server {
			s.Kubelet = "k3s"
		}
		s.rancher("/var/lib/rancher/k3s/agent/")
		s.Runtime, s.Crictl, s.CNI, s.Process = s.Kubelet, "k3s crictl", "/var/lib/rancher/k3s/agent/etc/cni/net.d", "k3s"
	case strings.Contains(info.KubeletVersion, "+rke2"):
		s.Name, s.Kubelet = "rke2", "rke2-agent"
		if server {
			s.Kubelet = "rke2-server"
		}
		s.rancher("/var/lib/rancher/rke2/agent/")
		s.Runtime, s.Crictl = s.Kubelet, "env CRI_CONFIG_FILE=/var/lib/rancher/rke2/agent/etc/crictl.yaml /var/lib/rancher/rke2/bin/crictl"
	case strings.Contains(image, "talos"):
		s.Name = "talos"
	case strings.Contains(image, "bottlerocket"):
		s.Name, s.Kubeconfig = "bottlerocket", "/etc/kubernetes/kubelet/kubeconfig"
	case label("machineconfiguration.openshift.io/"), strings.Contains(image, "coreos") && strings.Contains(image, "red hat"), strings.Contains(image, "openshift"):
		s.Name, s.Runtime, s.CNI = "openshift", "crio", "/etc/kubernetes/cni/net.d"
		s.Kubeconfig = ownKubeconfig
	case label("minikube.k8s.io/"), v.Node.Name == "minikube":
		s.Name = "minikube"
	case strings.Contains(info.KubeletVersion, "-gke."), label("cloud.google.com/gke-"):
		s.Name, s.Kubeconfig = "gke", ownKubeconfig
	case label("kubernetes.azure.com/"):
		s.Name, s.Kubeconfig = "aks", ownKubeconfig
	case label("eks.amazonaws.com/"), label("k8s.amazonaws.com/"), strings.Contains(info.KubeletVersion, "-eks-"):
		s.Name, s.Kubeconfig = "eks", ownKubeconfig
	case label("microk8s.io/"):
		s.Name, s.Kubelet, s.Runtime, s.Process = "microk8s", "snap.microk8s.daemon-kubelite", "snap.microk8s.daemon-containerd", "kubelite"
		s.Crictl, s.CNI = "crictl -r unix:///var/snap/microk8s/common/run/containerd.sock", "/var/snap/microk8s/current/args/cni-network"
		s.Client, s.Serving = "/var/snap/microk8s/current/certs/kubelet.crt", "/var/snap/microk8s/current/certs/kubelet.crt"
		s.Kubeconfig = "/var/snap/microk8s/current/credentials/kubelet.config"
	case strings.HasPrefix(v.Node.Object.Spec.ProviderID, "kind://"):
		s.Name = "kind"
	}
	if s.Runtime == "docker" {
		s.Crictl = "docker"
		if k, ok := v.KubeletVersion(); ok && k.AtLeast(dockershimGone) {
			s.Runtime, s.Crictl = criDockerd, "crictl -r unix:///run/cri-dockerd.sock"
		}
	}
	return s
}

// ownKubeconfig is the kubelet's kubeconfig on EKS, GKE, AKS and OpenShift.
const ownKubeconfig = "/var/lib/kubelet/kubeconfig"

// rancher sets what k3s and RKE2 keep below a folder.
func (s *System) rancher(agent string) {
	s.Client, s.Serving, s.Kubeconfig = agent+"client-kubelet.crt", agent+"serving-kubelet.crt", agent+"kubelet.kubeconfig"
}

// tool is put before a command on a system without a shell.
func (s System) tool() string {
	if s.Name == "talos" {
		return "talosctl "
	}
	return ""
}

// prune removes the images that no container uses.
func (s System) prune() string {
	if s.Crictl == "docker" {
		return "docker image prune --all"
	}
	return s.Crictl + " rmi --prune"
}

// reachCommand asks the API server from the node, at the address that its kubelet
// uses; a command may follow.
func reachCommand(sys System) string {
	switch sys.Name {
	case "talos":
		return ""
	case "windows":
		return "Test-NetConnection APISERVER -Port 6443; "
	}
	return fmt.Sprintf(`curl -kSs --max-time 5 $(sudo grep -om1 "https://[^ ]*" %s)/livez; `, sys.Kubeconfig)
}

// filterCommand lists the node's own packet filter, "" where it cannot be asked.
func filterCommand(sys System, port int32) string {
	switch sys.Name {
	case "talos":
		return ""
	case "windows":
		return fmt.Sprintf("Get-NetFirewallPortFilter | Where-Object LocalPort -eq %d | Get-NetFirewallRule", port)
	}
	return fmt.Sprintf("sudo iptables-save | grep %d; sudo nft list ruleset | grep %d", port, port)
}

// criDockerd is the service between the kubelet and docker.
const criDockerd = "cri-docker"

// dockershimGone is the version from which on docker needs cri-dockerd.
var dockershimGone = version.MustParseGeneric("1.24.0")

// onNode is how to run a command on the node.
func onNode(v *snapshot.View, sys System, command string) string {
	host := v.InternalIP()
	if host == "" {
		host = v.Node.Name
	}
	switch sys.Name {
	case "talos":
		return strings.ReplaceAll(command, "talosctl ", "talosctl -n "+host+" ")
	case "minikube":
		return fmt.Sprintf("minikube ssh -n %s '%s'", v.Node.Name, command)
	case "kind":
		return fmt.Sprintf("docker exec %s sh -c '%s'", v.Node.Name, strings.ReplaceAll(command, "sudo ", ""))
	case "gke":
		zone := ""
		if p := strings.Split(v.Node.Object.Spec.ProviderID, "/"); len(p) == 5 {
			zone = " --zone " + p[3]
		}
		return fmt.Sprintf("gcloud compute ssh %s%s --command '%s'", v.Node.Name, zone, command)
	case "eks", "bottlerocket":
		if id := instanceID(v); id != "" {
			return fmt.Sprintf("aws ssm start-session --target %s    # then: %s", id, command)
		}
	case "openshift":
		return fmt.Sprintf("ssh core@%s '%s'", host, command)
	case "windows":
		return fmt.Sprintf("ssh %s powershell -Command \"%s\"", host, command)
	}
	return fmt.Sprintf("ssh %s '%s'", host, command)
}

// serviceLog looks at a service's state and log.
func serviceLog(sys System, unit, since string) string {
	switch sys.Name {
	case "talos":
		if unit == sys.Runtime {
			unit = "cri"
		}
		return fmt.Sprintf("talosctl service %s && talosctl logs %s", unit, unit)
	case "windows":
		return fmt.Sprintf("Get-Service %s; Get-Content C:\\k\\%s.err.log -Tail 50", unit, unit)
	}
	return fmt.Sprintf("systemctl status %s; journalctl -u %s%s", unit, unit, since)
}

func pingCommand(v *snapshot.View) string {
	ip := v.InternalIP()
	if ip == "" {
		ip = v.Node.Name
	}
	if v.Windows() {
		// Windows hosts do not answer pings by default.
		return fmt.Sprintf("nc -vz -w 3 %s 3389", ip)
	}
	return fmt.Sprintf("ping -c 3 %s; nc -vz -w 3 %s 22", ip, ip)
}

// instanceID is the cloud's name of the machine, from the provider id.
func instanceID(v *snapshot.View) string {
	if v.Node.Object == nil {
		return ""
	}
	id := v.Node.Object.Spec.ProviderID
	return id[strings.LastIndex(id, "/")+1:]
}

// cloudState is how to ask the cloud whether the machine runs.
func cloudState(v *snapshot.View) (command, note string) {
	if v.Node.Object == nil {
		return "", ""
	}
	id := v.Node.Object.Spec.ProviderID
	switch {
	case strings.HasPrefix(id, "aws://"):
		return "aws ec2 describe-instance-status --include-all-instances --instance-ids " + instanceID(v), "what the cloud says"
	case strings.HasPrefix(id, "gce://"):
		p := strings.Split(strings.TrimPrefix(id, "gce://"), "/")
		if len(p) == 3 {
			return fmt.Sprintf("gcloud compute instances describe %s --project %s --zone %s --format 'value(status)'", p[2], p[0], p[1]), "what the cloud says"
		}
	case strings.HasPrefix(id, "azure://"):
		return "az resource show --ids " + strings.TrimPrefix(id, "azure://"), "what the cloud says"
	case strings.HasPrefix(id, "openstack://"):
		return "openstack server show " + instanceID(v) + " -c status", "what the cloud says"
	}
	return "", ""
}
