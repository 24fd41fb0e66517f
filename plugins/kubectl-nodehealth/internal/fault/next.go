package fault

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/check"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

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
	if sys.NoHost() && !onAPI[name] {
		out = append(out, noHostNext(sys, node)...)
		add("what it means and what helps", "kubectl nodehealth faults %s", name)
		return out
	}
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
			if cmd, note := cloudState(v); cmd != "" {
				add(note, "%s", cmd)
			}
		}
		if name == NeverRegistered {
			add("a request waiting for approval?", "kubectl get csr")
		}
		on("", serviceLog(sys, sys.Kubelet, since))
		if name == KubeletHung && sys.Name != "windows" && sys.Name != "talos" {
			note := "where it hangs, into its log; then it restarts"
			if sys.Process != "kubelet" {
				note = "where it hangs, into its log; then all of " + sys.Process + " restarts"
			}
			on(note, "sudo kill -QUIT $(pidof "+sys.Process+")")
			on("processes that wait for a dead disk or mount", "ps -eo state,pid,wchan:30,cmd | grep ^D")
		}
	case RuntimeDown:
		on("", serviceLog(sys, sys.Runtime, since))
		if sys.Runtime == criDockerd {
			on("", serviceLog(sys, "docker", since))
		}
		if sys.Name != "windows" && sys.Name != "talos" {
			note := "containers survive this"
			if sys.Runtime == "docker" {
				note = "ends its containers, unless live-restore is on in /etc/docker/daemon.json"
			}
			on("", "sudo "+sys.Crictl+" info; df -h /var/lib")
			on(note, "sudo systemctl restart "+sys.Runtime)
		}
	case NetworkPluginDown:
		if sick := check.SickAgents(v); len(sick) > 0 {
			for _, p := range sick[:min(2, len(sick))] {
				add("why it does not work", "kubectl -n %s logs %s --all-containers --previous; kubectl -n %s describe pod %s", p.Namespace, p.Name, p.Namespace, p.Name)
			}
		} else {
			add("the plugin's pod on this node", "kubectl get pods -A -o wide --field-selector spec.nodeName=%s", node)
		}
		if v.Windows() {
			on("", "Get-HnsNetwork; Get-HnsEndpoint; Get-NetAdapter; Get-ChildItem C:\\etc\\cni\\net.d, C:\\k\\cni\\config")
			on("pods answer no ping from outside and a NodePort not on the node itself: test with", "curl.exe -s -o NUL -w '%{http_code}' http://SERVICE-IP:PORT")
			on("ExceptionList has to hold the cluster, service and node subnets", "Select-String ExceptionList -Path C:\\k\\cni\\config\\*.conf, C:\\etc\\cni\\net.d\\*.conf -Context 0,6")
			on("flannel joins again without its leftovers", "Remove-Item C:\\k\\SourceVip.json, C:\\k\\SourceVipRequest.json; Test-Path C:\\run\\flannel\\subnet.env")
		} else {
			on("", sys.tool()+"ls -l "+sys.CNI)
		}
		on("", serviceLog(sys, sys.Runtime, since))
	case NetworkPartition:
		switch {
		case s.Kubelet == NoName:
			add("InternalIP should come first in --kubelet-preferred-address-types", "kubectl -n kube-system get pods -l component=kube-apiserver -o yaml | grep preferred-address")
			add("or give the name to the resolver of the control-plane hosts", "kubectl get node %s -o jsonpath='{.status.addresses}'", node)
		case s.Kubelet == Spoke || s.Kubelet == NoTLS:
			on("can the node reach the API server?", reachCommand(sys)+serviceLog(sys, sys.Kubelet, since))
		default:
			add("from a control-plane host", "curl -kSs --max-time 5 https://%s/healthz", kubeletAddress(v))
			if c := filterCommand(sys, v.KubeletPort()); c != "" {
				on("a rule that drops the port?", c)
			}
		}
	case CertificateExpired:
		if sys.Name != "windows" && sys.Name != "talos" {
			files := sys.Client
			if s.Kubelet == NoTLS {
				files = sys.Serving
			}
			var look []string
			for _, f := range strings.Fields(files) {
				look = append(look, "sudo openssl x509 -subject -enddate -noout -in "+f)
			}
			on("", strings.Join(look, "; "))
		}
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
		if strings.HasPrefix(check.TakenAway(v), "the machine config daemon") {
			add("what holds it up", "oc -n openshift-machine-config-operator logs deploy/machine-config-controller --tail=200 | grep %s", node)
		}
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

// onAPI are the faults that are looked at through the API server alone.
var onAPI = map[string]bool{NeverRegistered: true, ServingCSRPending: true, Cordoned: true, CloudUninitialized: true, ControlPlaneStale: true, ZoneDown: true}

// noHostNext is what to look at where no machine can be logged in to.
func noHostNext(sys System, node string) []Command {
	here := Command{Run: "kubectl get pods -A -o wide --field-selector spec.nodeName=" + node, Note: "what is bound here"}
	if sys.Name == fargate {
		here.Note = "its one pod; deleting it gets a new machine (AWS Fargate)"
		return []Command{here, {Run: "kubectl get events -A --field-selector involvedObject.name=" + node}}
	}
	return []Command{{Run: "kubectl get pods -A -o wide | grep -iE 'virtual-kubelet|aci-connector|liqo|admiralty'", Note: "the pod that stands for the node, and its log"}, here}
}
