package fault

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/check"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

// System is how services are run and looked at on a node's distribution.
type System struct {
	// Name of the distribution: "k3s", "talos", "" for a systemd host.
	Name string
	// Kubelet and Runtime are the names of their services.
	Kubelet, Runtime string
}

// SystemOf tells the distribution from what the node says of itself.
func SystemOf(v *snapshot.View) System {
	runtime, _ := v.Runtime()
	s := System{Kubelet: "kubelet", Runtime: map[string]string{"cri-o": "crio", "docker": "docker", "containerd": "containerd"}[runtime]}
	if s.Runtime == "" {
		s.Runtime = "containerd"
	}
	if v.Node.Object == nil {
		return s
	}
	info := v.Node.Object.Status.NodeInfo
	image := strings.ToLower(info.OSImage)
	label := func(prefix string) bool {
		for k := range v.Node.Object.Labels {
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
	controlPlane := label("node-role.kubernetes.io/control-plane") || label("node-role.kubernetes.io/master")
	switch {
	case v.Windows():
		s.Name = "windows"
	case strings.Contains(info.KubeletVersion, "+k3s"):
		s = System{"k3s", "k3s-agent", "k3s-agent"}
		if controlPlane {
			s.Kubelet, s.Runtime = "k3s", "k3s"
		}
	case strings.Contains(info.KubeletVersion, "+rke2"):
		s = System{"rke2", "rke2-agent", "rke2-agent"}
		if controlPlane {
			s.Kubelet, s.Runtime = "rke2-server", "rke2-server"
		}
	case strings.Contains(image, "talos"):
		s.Name = "talos"
	case strings.Contains(image, "bottlerocket"):
		s.Name = "bottlerocket"
	case label("machineconfiguration.openshift.io/"), strings.Contains(image, "coreos") && strings.Contains(image, "red hat"), strings.Contains(image, "openshift"):
		s.Name, s.Runtime = "openshift", "crio"
	case label("minikube.k8s.io/"), v.Node.Name == "minikube":
		s.Name = "minikube"
	case strings.Contains(info.KubeletVersion, "-gke."), label("cloud.google.com/gke-"):
		s.Name = "gke"
	case label("kubernetes.azure.com/"):
		s.Name = "aks"
	case label("eks.amazonaws.com/"), label("k8s.amazonaws.com/"), strings.Contains(info.KubeletVersion, "-eks-"):
		s.Name = "eks"
	case label("microk8s.io/"):
		s = System{"microk8s", "snap.microk8s.daemon-kubelite", "snap.microk8s.daemon-containerd"}
	case strings.HasPrefix(v.Node.Object.Spec.ProviderID, "kind://"):
		s.Name = "kind"
	}
	return s
}

// next are the commands to run, the most telling first.
func next(v *snapshot.View, s *Signals, name string) []Command {
	sys := SystemOf(v)
	var out []Command
	add := func(note, format string, args ...any) {
		out = append(out, Command{Run: fmt.Sprintf(format, args...), Note: note})
	}
	on := func(note, command string) { out = append(out, Command{Run: onNode(v, sys, command), Note: note}) }
	since := sinceArg(v, s)
	node := v.Node.Name
	switch name {
	case HostDown:
		add("is the machine there?", "%s", pingCommand(v))
		if cmd, note := cloudState(v); cmd != "" {
			add(note, "%s", cmd)
		}
		if v.Taint(corev1.TaintNodeOutOfService, "") != nil {
			add("once it is back and well", "kubectl taint node %s node.kubernetes.io/out-of-service-", node)
			break
		}
		add("only when it is certainly off: free its pods and volumes", "kubectl taint node %s node.kubernetes.io/out-of-service=nodeshutdown:NoExecute", node)
	case KubeletDown, KubeletHung, KubeletNotReady, NeverRegistered:
		if s.Host != HostUp && name == KubeletDown {
			add("is the machine there?", "%s", pingCommand(v))
		}
		if name == NeverRegistered {
			add("a request waiting for approval?", "kubectl get csr")
		}
		on("", serviceLog(sys, sys.Kubelet, since))
		if name == KubeletHung && sys.Name != "windows" && sys.Name != "talos" {
			on("where it hangs, into its log; then it restarts", "sudo kill -QUIT $(pidof kubelet)")
			on("processes that wait for a dead disk or mount", "ps -eo state,pid,wchan:30,cmd | grep ^D")
		}
	case RuntimeDown:
		on("", serviceLog(sys, sys.Runtime, since))
		if sys.Name != "windows" && sys.Name != "talos" {
			on("", "sudo crictl info; df -h /var/lib")
			on("containers survive this", "sudo systemctl restart "+sys.Runtime)
		}
	case NetworkPluginDown:
		add("the plugin's pod on this node", "kubectl get pods -A -o wide --field-selector spec.nodeName=%s", node)
		if v.Windows() {
			on("", "Get-HnsNetwork; Get-HnsEndpoint; Get-NetAdapter; Get-ChildItem C:\\etc\\cni\\net.d, C:\\k\\cni\\config")
			on("pods answer no ping from outside and a NodePort not on the node itself: test with", "curl.exe -s -o NUL -w '%{http_code}' http://SERVICE-IP:PORT")
			on("ExceptionList has to hold the cluster, service and node subnets", "Select-String ExceptionList -Path C:\\k\\cni\\config\\*.conf, C:\\etc\\cni\\net.d\\*.conf -Context 0,6")
			on("flannel joins again without its leftovers", "Remove-Item C:\\k\\SourceVip.json, C:\\k\\SourceVipRequest.json; Test-Path C:\\run\\flannel\\subnet.env")
		} else {
			on("", "ls -l /etc/cni/net.d /opt/cni/bin")
		}
		on("", serviceLog(sys, sys.Runtime, since))
	case NetworkPartition:
		addr := fmt.Sprintf("%s:%d", v.InternalIP(), v.KubeletPort())
		if s.Kubelet == Spoke || s.Kubelet == NoTLS {
			on("can the node reach the API server?", "curl -ks --max-time 5 https://APISERVER:6443/livez; "+serviceLog(sys, sys.Kubelet, since))
		} else {
			add("from a control-plane host", "curl -ks --max-time 5 https://%s/healthz", addr)
			on("a rule that drops the port?", fmt.Sprintf("sudo iptables-save | grep %d; sudo nft list ruleset | grep %d", v.KubeletPort(), v.KubeletPort()))
		}
	case CertificateExpired:
		on("", "sudo openssl x509 -enddate -noout -in /var/lib/kubelet/pki/kubelet-client-current.pem")
		on("", serviceLog(sys, sys.Kubelet, since))
	case ServingCSRPending:
		if c := pendingServing(v); c != nil {
			add("are the names and addresses this node's?", "kubectl describe csr %s", c.Name)
			add("", "kubectl certificate approve %s", c.Name)
		} else {
			add("", "kubectl get csr --field-selector spec.signerName=kubernetes.io/kubelet-serving")
		}
	case ResourcePressure:
		out = append(out, pressureNext(v, sys)...)
	case Cordoned:
		add("who and when", "kubectl get node %s -o yaml --show-managed-fields | grep -B15 unschedulable", node)
		if check.TakenAway(v) == "" {
			add("when the maintenance is over", "kubectl uncordon %s", node)
		}
	case ShuttingDown:
		add("", "kubectl get pods -A -o wide --field-selector spec.nodeName=%s", node)
	case CloudUninitialized:
		add("", "kubectl -n kube-system get pods | grep cloud-controller")
	case ControlPlaneStale:
		out = append(out, controllerNext()...)
	case ZoneDown:
		add("", "kubectl get nodes -L topology.kubernetes.io/zone")
	}
	if len(out) > 0 || name != "" {
		add("what it means and what helps", "kubectl nodehealth faults %s", name)
	}
	return out
}

func controllerNext() []Command {
	return []Command{
		{Run: "kubectl -n kube-system get lease kube-controller-manager -o yaml", Note: "who should hold it"},
		{Run: "kubectl -n kube-system logs -l component=kube-controller-manager --tail=50", Note: "kubeadm's label"},
	}
}

// onNode is how to run a command on the node.
func onNode(v *snapshot.View, sys System, command string) string {
	host := v.InternalIP()
	if host == "" {
		host = v.Node.Name
	}
	switch sys.Name {
	case "talos":
		return command
	case "minikube":
		return fmt.Sprintf("minikube ssh -n %s %q", v.Node.Name, command)
	case "kind":
		return fmt.Sprintf("docker exec %s sh -c '%s'", v.Node.Name, command)
	case "gke":
		return fmt.Sprintf("gcloud compute ssh %s --command '%s'", v.Node.Name, command)
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

// sinceArg is journalctl's --since shortly before the node fell silent.
func sinceArg(v *snapshot.View, s *Signals) string {
	var t time.Time
	if s.LeaseKnown && s.Expired {
		t = v.Node.Lease.Renewed
	} else if c := v.Condition(corev1.NodeReady); c != nil && c.Status != corev1.ConditionTrue {
		t = c.LastTransitionTime.Time
	}
	if t.IsZero() {
		return " -n 100"
	}
	return fmt.Sprintf(" --since \"%s UTC\"", t.Add(-time.Minute).UTC().Format("2006-01-02 15:04"))
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
