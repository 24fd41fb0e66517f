package check

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/kubelet"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var now = time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)

func at(d time.Duration) metav1.Time { return metav1.Time{Time: now.Add(d)} }

// view is a node that is well, changed by a test.
func view(change ...func(*snapshot.Snapshot, *snapshot.Node)) *snapshot.View {
	n := snapshot.NewNode(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1", CreationTimestamp: at(-24 * time.Hour)}})
	n.Object.Status.NodeInfo = corev1.NodeSystemInfo{KubeletVersion: "v1.37.1", ContainerRuntimeVersion: "containerd://2.1.0", OperatingSystem: "linux"}
	n.Object.Status.Conditions = []corev1.NodeCondition{
		{Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastTransitionTime: at(-time.Hour), LastHeartbeatTime: at(-time.Minute)},
	}
	n.Lease = &snapshot.Lease{Renewed: now.Add(-4 * time.Second), Seconds: 40}
	s := &snapshot.Snapshot{ObservedAt: now, Clock: snapshot.ClockLive, Nodes: []*snapshot.Node{n}}
	s.Cluster.ServerVersion = "v1.37.1"
	for _, c := range change {
		c(s, n)
	}
	return s.View(n)
}

func ids(fs []finding.Finding) string {
	var out []string
	for _, f := range fs {
		out = append(out, f.ID)
	}
	return strings.Join(out, " ")
}

func find(v *snapshot.View, id string) *finding.Finding {
	for _, f := range Run(v) {
		if f.ID == id {
			return &f
		}
	}
	return nil
}

// set changes the node only.
func set(f func(*snapshot.Node)) func(*snapshot.Snapshot, *snapshot.Node) {
	return func(_ *snapshot.Snapshot, n *snapshot.Node) { f(n) }
}

func condition(t corev1.NodeConditionType, st corev1.ConditionStatus, since time.Duration) func(*snapshot.Snapshot, *snapshot.Node) {
	return set(func(n *snapshot.Node) {
		c := corev1.NodeCondition{Type: t, Status: st, LastTransitionTime: at(-since), LastHeartbeatTime: at(-time.Minute), Message: "m"}
		for i := range n.Object.Status.Conditions {
			if n.Object.Status.Conditions[i].Type == t {
				n.Object.Status.Conditions[i] = c
				return
			}
		}
		n.Object.Status.Conditions = append(n.Object.Status.Conditions, c)
	})
}

func TestHealthyNodeHasNoFinding(t *testing.T) {
	if fs := Run(view()); len(fs) != 0 {
		t.Errorf("%+v", fs)
	}
}

func number(v float64) *float64 { return &v }

// Each fact of the field that a check stands on, once where it must speak and
// once where it must not.
func TestFacts(t *testing.T) {
	event := func(reason, typ string, ago time.Duration, count int32) func(*snapshot.Snapshot, *snapshot.Node) {
		return set(func(n *snapshot.Node) {
			n.Events = append(n.Events, snapshot.Event{Reason: reason, Type: typ, Last: now.Add(-ago), First: now.Add(-ago), Count: count, Component: "kubelet", About: "Node/n1", Message: "text"})
		})
	}
	metrics := func(m snapshot.KubeletMetrics) func(*snapshot.Snapshot, *snapshot.Node) {
		return set(func(n *snapshot.Node) { n.Kubelet.Metrics = &m })
	}
	stats := func(st snapshot.Stats) func(*snapshot.Snapshot, *snapshot.Node) {
		return set(func(n *snapshot.Node) { n.Kubelet.Stats = &st })
	}
	config := func(c snapshot.KubeletConfig) func(*snapshot.Snapshot, *snapshot.Node) {
		return set(func(n *snapshot.Node) { n.Kubelet.Config = &c })
	}
	versions := func(server, kubelet string) func(*snapshot.Snapshot, *snapshot.Node) {
		return func(s *snapshot.Snapshot, n *snapshot.Node) {
			s.Cluster.ServerVersion, n.Object.Status.NodeInfo.KubeletVersion = server, kubelet
		}
	}
	taint := func(key string, effects ...corev1.TaintEffect) func(*snapshot.Snapshot, *snapshot.Node) {
		return set(func(n *snapshot.Node) {
			for _, e := range effects {
				n.Object.Spec.Taints = append(n.Object.Spec.Taints, corev1.Taint{Key: key, Effect: e})
			}
		})
	}
	capacity := func(name, have, usable string) func(*snapshot.Snapshot, *snapshot.Node) {
		return set(func(n *snapshot.Node) {
			n.Object.Status.Capacity = corev1.ResourceList{corev1.ResourceName(name): resource.MustParse(have)}
			n.Object.Status.Allocatable = corev1.ResourceList{corev1.ResourceName(name): resource.MustParse(usable)}
		})
	}
	pod := func(p snapshot.Pod) func(*snapshot.Snapshot, *snapshot.Node) {
		return set(func(n *snapshot.Node) {
			if n.Pods == nil {
				n.Pods = &snapshot.Pods{}
			}
			n.Pods.Rows = append(n.Pods.Rows, p)
		})
	}
	gib := uint64(1 << 30)
	fs := &snapshot.Filesystem{Capacity: 100 * gib, Available: 50 * gib, Inodes: 1000, InodesFree: 900}
	type change = func(*snapshot.Snapshot, *snapshot.Node)
	for _, tc := range []struct {
		name   string
		id     string
		speaks bool
		with   []change
		says   string
	}{
		{"NPD's XfsShutdown=False is good", "NH012", false, []change{condition("XfsShutdown", "False", time.Hour)}, ""},
		{"NPD's XfsShutdown=True is bad", "NH012", true, []change{condition("XfsShutdown", "True", time.Hour)}, "XFS"},
		{"CperHardwareErrorFatal=False is good", "NH012", false, []change{condition("CperHardwareErrorFatal", "False", time.Hour)}, ""},
		{"EKS KernelReady=True is good", "NH012", false, []change{condition("KernelReady", "True", time.Hour)}, ""},
		{"EKS NetworkingReady=False is bad", "NH012", true, []change{condition("NetworkingReady", "False", time.Hour)}, "NetworkingReady=False"},
		{"AKS VMEventScheduled=True is a warning", "NH012", true, []change{condition("VMEventScheduled", "True", time.Hour)}, "Azure"},
		{"an unknown type is neutral when True", "NH012", false, []change{condition("AcmeFrobbed", "True", time.Hour)}, ""},
		{"an unknown type is neutral when False", "NH012", false, []change{condition("AcmeFrobbed", "False", time.Hour)}, ""},
		{"an unknown type is shown", "NH016", true, []change{condition("AcmeFrobbed", "True", time.Hour)}, "AcmeFrobbed=True"},
		{"Unknown of a detector is neither", "NH012", false, []change{condition("KernelDeadlock", "Unknown", time.Hour)}, ""},
		{"Unknown of a detector is said", "NH018", true, []change{condition("KernelDeadlock", "Unknown", time.Hour)}, "cannot tell"},
		{"a condition without a type", "NH017", true, []change{condition("", "False", time.Hour)}, "no type"},
		{"an old bad condition may be latched", "NH014", true, []change{condition("KernelDeadlock", "True", 17*24*time.Hour)}, "17d"},
		{"a fresh bad condition is not latched", "NH014", false, []change{condition("KernelDeadlock", "True", time.Hour)}, ""},
		{"an orphaned condition", "NH013", true, []change{condition("KernelDeadlock", "False", time.Hour), set(func(n *snapshot.Node) {
			n.Object.Status.Conditions[1].LastHeartbeatTime = at(-17 * 24 * time.Hour)
		})}, "gone or stuck"},
		{"a detector's heartbeat of five minutes is normal", "NH013", false, []change{condition("KernelDeadlock", "False", time.Hour), set(func(n *snapshot.Node) {
			n.Object.Status.Conditions[1].LastHeartbeatTime = at(-6 * time.Minute)
		})}, ""},
		{"NetworkUnavailable is written once, not stale", "NH013", false, []change{condition(corev1.NodeNetworkUnavailable, "False", 30*24*time.Hour), set(func(n *snapshot.Node) {
			n.Object.Status.Conditions[1].LastHeartbeatTime = at(-30 * 24 * time.Hour)
		})}, ""},
		{"pressure Unknown is not True", "NH010", false, []change{condition(corev1.NodeDiskPressure, "Unknown", time.Hour)}, ""},

		{"heartbeat of five minutes is normal", "NH006", false, []change{set(func(n *snapshot.Node) { n.Object.Status.Conditions[0].LastHeartbeatTime = at(-5 * time.Minute) })}, ""},
		{"heartbeat of ten minutes over a fresh lease", "NH006", true, []change{set(func(n *snapshot.Node) { n.Object.Status.Conditions[0].LastHeartbeatTime = at(-10 * time.Minute) })}, "10m"},
		{"a longer report frequency is respected", "NH006", false, []change{set(func(n *snapshot.Node) { n.Object.Status.Conditions[0].LastHeartbeatTime = at(-10 * time.Minute) }), config(snapshot.KubeletConfig{ReportEvery: 15 * time.Minute, EvictionHard: linuxDefaults})}, ""},
		{"lease late", "NH004", true, []change{set(func(n *snapshot.Node) { n.Lease.Renewed = now.Add(-30 * time.Second) })}, "30s"},
		{"lease of 15s", "NH004", false, []change{set(func(n *snapshot.Node) { n.Lease.Renewed = now.Add(-15 * time.Second) })}, ""},
		{"lease expired", "NH003", true, []change{set(func(n *snapshot.Node) { n.Lease.Renewed = now.Add(-60 * time.Second) })}, "1m"},
		{"Ready over a stale lease", "NH005", true, []change{set(func(n *snapshot.Node) {
			n.Lease.Renewed = now.Add(-10 * time.Minute)
			n.Object.Status.Conditions[0].LastHeartbeatTime = at(-10 * time.Minute)
		})}, "50s"},
		{"Ready within the grace period", "NH005", false, []change{set(func(n *snapshot.Node) {
			n.Lease.Renewed = now.Add(-55 * time.Second)
			n.Object.Status.Conditions[0].LastHeartbeatTime = at(-4 * time.Minute)
		})}, ""},
		{"grace was 40s before v1.32", "NH005", true, []change{versions("v1.31.0", "v1.31.0"), set(func(n *snapshot.Node) {
			n.Lease.Renewed = now.Add(-57 * time.Second)
			n.Object.Status.Conditions[0].LastHeartbeatTime = at(-4 * time.Minute)
		})}, "after 40s"},
		{"clock ahead, from one write", "NH100", true, []change{set(func(n *snapshot.Node) {
			n.Lease.Renewed, n.Lease.Stamped = now.Add(2*time.Minute), now.Add(-3*time.Second)
		})}, "ahead"},
		{"clock behind", "NH100", true, []change{set(func(n *snapshot.Node) {
			n.Lease.Renewed, n.Lease.Stamped = now.Add(-2*time.Minute), now.Add(-3*time.Second)
		})}, "behind"},
		{"a second is the stamp's grain", "NH100", false, []change{set(func(n *snapshot.Node) { n.Lease.Stamped = n.Lease.Renewed.Truncate(time.Second) })}, ""},
		{"a skewed clock is no stale lease", "NH003", false, []change{set(func(n *snapshot.Node) {
			n.Lease.Renewed, n.Lease.Stamped = now.Add(-time.Hour), now.Add(-3*time.Second)
		})}, ""},

		{"cordoned", "NH020", true, []change{set(func(n *snapshot.Node) { n.Object.Spec.Unschedulable = true })}, "cordoned"},
		{"a taint whose condition is gone", "NH021", true, []change{taint(corev1.TaintNodeUnreachable, "NoSchedule", "NoExecute")}, "Ready=True"},
		{"no NoExecute taint: eviction paused", "NH022", true, []change{condition(corev1.NodeReady, "Unknown", time.Hour), taint(corev1.TaintNodeUnreachable, "NoSchedule")}, "eviction is paused"},
		{"no taints before there were any", "NH022", false, []change{condition(corev1.NodeReady, "Unknown", time.Hour), set(func(n *snapshot.Node) { n.Object.Status.NodeInfo.KubeletVersion = "v1.7.5" })}, ""},
		{"both taints", "NH022", false, []change{condition(corev1.NodeReady, "Unknown", time.Hour), taint(corev1.TaintNodeUnreachable, "NoSchedule", "NoExecute")}, ""},
		{"taints follow within seconds", "NH022", false, []change{condition(corev1.NodeReady, "Unknown", 10*time.Second)}, ""},
		{"NotReady has another taint", "NH022", true, []change{condition(corev1.NodeReady, "False", time.Hour), taint(corev1.TaintNodeUnreachable, "NoSchedule")}, "not-ready"},
		{"out of service on a live node", "NH023", true, []change{taint(corev1.TaintNodeOutOfService, "NoExecute")}, "alive"},
		{"being deleted by the autoscaler", "NH025", true, []change{taint("ToBeDeletedByClusterAutoscaler", "NoSchedule")}, "autoscaler"},
		{"karpenter disrupts", "NH025", true, []change{taint("karpenter.sh/disrupted", "NoSchedule")}, "Karpenter"},
		{"a user's taint is nobody's business", "NH025", false, []change{taint("dedicated", "NoSchedule")}, ""},
		{"an agent that has not come up", "NH027", true, []change{taint("node.cilium.io/agent-not-ready", "NoExecute")}, "Cilium"},
		{"any agent says it by its key", "NH027", true, []change{taint("storage.example.com/agent-not-ready", "NoSchedule")}, "storage.example.com"},
		{"a new node may wait for its agents", "NH027", false, []change{taint("node.cilium.io/agent-not-ready", "NoExecute"), set(func(n *snapshot.Node) { n.Object.CreationTimestamp = at(-time.Minute) })}, ""},
		{"flapping, folded into one event", "NH091", true, []change{set(func(n *snapshot.Node) {
			n.Events = []snapshot.Event{{Reason: "NodeNotReady", Count: 12, First: now.Add(-2 * time.Hour), Last: now.Add(-3 * time.Minute)}}
		})}, "23 times in the last 2h"},
		{"flapping now, ready again and again for days", "NH091", true, []change{set(func(n *snapshot.Node) {
			n.Events = []snapshot.Event{{Reason: "NodeNotReady", Count: 3, First: now.Add(-46 * time.Minute), Last: now.Add(-25 * time.Minute)},
				{Reason: "NodeReady", Count: 6, First: now.Add(-121 * time.Hour), Last: now.Add(-19 * time.Minute)}}
		})}, "5 times in the last 46m"},
		{"two outages in an hour", "NH091", false, []change{set(func(n *snapshot.Node) {
			n.Events = []snapshot.Event{{Reason: "NodeNotReady", Count: 2, First: now.Add(-50 * time.Minute), Last: now.Add(-25 * time.Minute)}}
		})}, ""},
		{"a change now and then", "NH091", false, []change{set(func(n *snapshot.Node) {
			n.Events = []snapshot.Event{{Reason: "NodeNotReady", Count: 6, First: now.Add(-48 * time.Hour), Last: now.Add(-30 * time.Minute)}}
		})}, ""},
		{"tainted devices", "NH076", true, []change{set(func(n *snapshot.Node) {
			n.Devices = []snapshot.Devices{{Driver: "gpu.example.com", Total: 8, Tainted: []string{"gpu-3 (example.com/unhealthy:NoExecute)"}}}
		})}, "1 of 8 devices are tainted: gpu-3"},
		{"devices that are well", "NH076", false, []change{set(func(n *snapshot.Node) { n.Devices = []snapshot.Devices{{Driver: "gpu.example.com", Total: 8}} })}, ""},
		{"machine config degraded", "NH026", true, []change{set(func(n *snapshot.Node) {
			n.Object.Annotations = map[string]string{"machineconfiguration.openshift.io/state": "Degraded", "machineconfiguration.openshift.io/reason": "content mismatch"}
		})}, "content mismatch"},
		{"machine config done", "NH026", false, []change{set(func(n *snapshot.Node) {
			n.Object.Annotations = map[string]string{"machineconfiguration.openshift.io/state": "Done"}
		})}, ""},

		{"disk pressure names filesystem, margin and threshold", "NH010", true, []change{condition(corev1.NodeDiskPressure, "True", time.Minute), config(snapshot.KubeletConfig{EvictionHard: linuxDefaults}),
			stats(snapshot.Stats{NodeFs: &snapshot.Filesystem{Capacity: 100 * gib, Available: 4 * gib}, ImageFs: fs, TopDisk: []snapshot.Consumer{{Pod: "a/b", Bytes: 3 * gib, What: "logs"}}})}, "nodefs.available 4Gi of 100Gi (4%), threshold 10% = 10Gi (6Gi short); largest: a/b 3Gi (logs)"},
		{"pressure that outlives its cause", "NH010", true, []change{condition(corev1.NodeDiskPressure, "True", time.Minute), config(snapshot.KubeletConfig{EvictionHard: linuxDefaults}), stats(snapshot.Stats{NodeFs: fs})}, "outlives its cause"},
		{"pressure without figures", "NH010", true, []change{condition(corev1.NodeDiskPressure, "True", time.Minute)}, "could not be read"},
		{"inodes run out", "NH010", true, []change{condition(corev1.NodeDiskPressure, "True", time.Minute), config(snapshot.KubeletConfig{EvictionHard: linuxDefaults}),
			stats(snapshot.Stats{NodeFs: &snapshot.Filesystem{Capacity: 100 * gib, Available: 50 * gib, Inodes: 1000, InodesFree: 10}})}, "nodefs.inodesFree 10 of 1000"},
		{"below the threshold, not yet marked", "NH030", true, []change{config(snapshot.KubeletConfig{EvictionHard: linuxDefaults}), stats(snapshot.Stats{NodeFs: &snapshot.Filesystem{Capacity: 100 * gib, Available: 4 * gib}})}, "about to be evicted"},
		{"near the threshold", "NH031", true, []change{config(snapshot.KubeletConfig{EvictionHard: linuxDefaults}), stats(snapshot.Stats{NodeFs: &snapshot.Filesystem{Capacity: 100 * gib, Available: 12 * gib}})}, "12Gi"},
		{"one threshold set zeroes the rest", "NH032", true, []change{config(snapshot.KubeletConfig{EvictionHard: map[string]string{"memory.available": "500Mi"}})}, "nodefs.available"},
		{"unless the defaults are merged", "NH032", false, []change{config(snapshot.KubeletConfig{EvictionHard: map[string]string{"memory.available": "500Mi"}, MergeEvictionDefaults: true})}, ""},
		{"all defaults set", "NH032", false, []change{config(snapshot.KubeletConfig{EvictionHard: linuxDefaults})}, ""},
		{"a threshold of zero is none", "NH032", true, []change{config(snapshot.KubeletConfig{EvictionHard: map[string]string{"memory.available": "100Mi", "nodefs.available": "0%", "nodefs.inodesFree": "5%", "imagefs.available": "15%", "imagefs.inodesFree": "5%"}})}, "nodefs.available"},
		{"no pid threshold by default", "NH033", true, []change{config(snapshot.KubeletConfig{EvictionHard: linuxDefaults})}, "PIDPressure"},
		{"process ids run out", "NH034", true, []change{stats(snapshot.Stats{PIDs: &snapshot.PIDs{Max: 1000, Running: 950}})}, "950 of 1000"},
		{"memory stalls", "NH035", true, []change{stats(snapshot.Stats{PSI: map[string]snapshot.PSI{"memory": {SomeAvg60: 40, Total: 9}}})}, "memory"},
		{"zeros without PSI mean nothing", "NH035", false, []change{stats(snapshot.Stats{PSI: map[string]snapshot.PSI{"memory": {}}})}, ""},
		{"image filesystem over its threshold", "NH036", true, []change{stats(snapshot.Stats{ImageFs: &snapshot.Filesystem{Capacity: 100 * gib, Available: 10 * gib}})}, "90%"},

		{"health check fails", "NH040", true, []change{set(func(n *snapshot.Node) { n.Kubelet.Healthz = &snapshot.Healthz{Failed: []string{"syncloop"}} })}, "syncloop"},
		{"slow relist", "NH041", true, []change{metrics(snapshot.KubeletMetrics{PLEGRelistP99: number(10)})}, "10s"},
		{"runtime errors", "NH042", true, []change{metrics(snapshot.KubeletMetrics{RuntimeOps: map[string]float64{"run_podsandbox": 100}, RuntimeErrors: map[string]float64{"run_podsandbox": 40}})}, "run_podsandbox 40 of 100"},
		{"failing pulls are the registry's", "NH042", false, []change{metrics(snapshot.KubeletMetrics{RuntimeOps: map[string]float64{"pull_image": 100}, RuntimeErrors: map[string]float64{"pull_image": 90}})}, ""},
		{"client certificate expired", "NH045", true, []change{metrics(snapshot.KubeletMetrics{ClientTTL: number(-60)})}, "expired"},
		{"client certificate in its last week", "NH045", true, []change{metrics(snapshot.KubeletMetrics{ClientTTL: number(3 * 86400)})}, "3d"},
		{"a year is fine", "NH045", false, []change{metrics(snapshot.KubeletMetrics{ClientTTL: number(300 * 86400)})}, ""},
		{"a certificate of a day is not late", "NH045", false, []change{metrics(snapshot.KubeletMetrics{ClientTTL: number(20 * 3600)}), set(func(n *snapshot.Node) {
			n.CSRs = []snapshot.CSR{{Signer: snapshot.SignerClient, State: "Issued", Created: now.Add(-30 * time.Minute)}}
		})}, ""},
		{"infinity with rotation on is no certificate", "NH045", true, []change{metrics(snapshot.KubeletMetrics{ClientTTLInf: true}), config(snapshot.KubeletConfig{RotateCertificates: true, EvictionHard: linuxDefaults})}, "none that is valid"},
		{"infinity without rotation is unused", "NH045", false, []change{metrics(snapshot.KubeletMetrics{ServerTTLInf: true}), config(snapshot.KubeletConfig{EvictionHard: linuxDefaults})}, ""},
		{"serving request pending", "NH046", true, []change{set(func(n *snapshot.Node) {
			n.CSRs = []snapshot.CSR{{Name: "csr-1", Signer: snapshot.SignerServing, State: "Pending", Created: now.Add(-time.Hour)}}
		})}, "csr-1"},
		{"request denied", "NH047", true, []change{set(func(n *snapshot.Node) {
			n.CSRs = []snapshot.CSR{{Name: "csr-1", Signer: snapshot.SignerServing, State: "Denied", Message: "wrong name"}}
		})}, "wrong name"},
		{"renewal fails", "NH048", true, []change{metrics(snapshot.KubeletMetrics{ClientRenewErrs: number(4)})}, "4 times"},
		{"runtime loses support", "NH049", true, []change{metrics(snapshot.KubeletMetrics{LosingCRI: "1.38"})}, "1.38"},

		{"kubelet newer", "NH060", true, []change{versions("v1.36.0", "v1.37.0")}, "newer"},
		{"newer patch is allowed", "NH060", false, []change{versions("v1.37.0", "v1.37.3")}, ""},
		{"three minors are supported", "NH061", false, []change{versions("v1.37.0", "v1.34.0")}, ""},
		{"four are not", "NH061", true, []change{versions("v1.37.0", "v1.33.0")}, "4 minors"},
		{"two before v1.28", "NH061", true, []change{versions("v1.27.0", "v1.24.0")}, "2 are supported"},
		{"vendor versions compare", "NH061", true, []change{versions("v1.30.4-eks-abc", "v1.23.17-gke.100")}, "7 minors"},
		{"cgroup v1", "NH062", true, []change{metrics(snapshot.KubeletMetrics{CgroupVersion: 1})}, "cgroup v1"},
		{"cgroup v2", "NH062", false, []change{metrics(snapshot.KubeletMetrics{CgroupVersion: 2})}, ""},

		{"requests exceed the node", "NH070", true, []change{capacity("cpu", "2", "2"), set(func(n *snapshot.Node) {
			n.Pods = &snapshot.Pods{Requests: corev1.ResourceList{"cpu": resource.MustParse("2500m")}}
		})}, "2500m requested of 2"},
		{"partial sums are not judged", "NH070", false, []change{capacity("cpu", "2", "2"), set(func(n *snapshot.Node) {
			n.Pods = &snapshot.Pods{Partial: true, Requests: corev1.ResourceList{"cpu": resource.MustParse("2500m")}}
		})}, ""},
		{"pods over 95%", "NH071", true, []change{capacity("pods", "110", "110"), set(func(n *snapshot.Node) { n.Pods = &snapshot.Pods{Total: 108} })}, "108 of 110"},
		{"a GPU is unhealthy", "NH072", true, []change{capacity("nvidia.com/gpu", "8", "7")}, "7 of 8"},
		{"allocatable CPU below capacity is normal", "NH072", false, []change{capacity("cpu", "8", "7")}, ""},
		{"attachable volumes are no device", "NH072", false, []change{capacity("attachable-volumes-csi", "39", "25")}, ""},
		{"no CPU to allocate", "NH074", true, []change{capacity("cpu", "0", "0")}, "cpu"},

		{"stuck terminating", "NH080", true, []change{pod(snapshot.Pod{Namespace: "a", Name: "b", Phase: "Running", Deleted: now.Add(-10 * time.Minute)})}, "a/b"},
		{"terminating within its grace period", "NH080", false, []change{pod(snapshot.Pod{Namespace: "a", Name: "b", Phase: "Running", Deleted: now.Add(20 * time.Second)})}, ""},
		{"AppArmor refuses", "NH081", true, []change{pod(snapshot.Pod{Namespace: "a", Name: "b", Phase: "Failed", Reason: "AppArmor", Message: "Cannot enforce AppArmor: profile \"x\" is not loaded"})}, "not loaded"},
		{"Ready without AppArmor's words says nothing", "NH081", false, nil, ""},
		{"sandboxes fail", "NH083", true, []change{event("FailedCreatePodSandBox", "Warning", time.Minute, 7)}, "7 attempts"},
		{"kube-proxy is down", "NH084", true, []change{pod(snapshot.Pod{Namespace: "kube-system", Name: "kube-proxy-x", Owner: "DaemonSet", Phase: "Running", Reason: "CrashLoopBackOff", Created: now.Add(-time.Hour)})}, "CrashLoopBackOff"},

		{"rebooted", "NH090", true, []change{event("Rebooted", "Warning", 5*time.Minute, 1)}, "5m"},
		{"flapping, though the events are Normal", "NH091", true, []change{event("NodeNotReady", "Normal", 5*time.Minute, 3), event("NodeReady", "Normal", 4*time.Minute, 3)}, "6 times"},
		{"one outage is no flapping", "NH091", false, []change{event("NodeNotReady", "Normal", 5*time.Minute, 1), event("NodeReady", "Normal", 4*time.Minute, 1)}, ""},
		{"SystemOOM", "NH092", true, []change{event("SystemOOM", "Warning", 5*time.Minute, 1)}, "SystemOOM"},
		{"a Normal event that matters", "NH095", true, []change{event("DeletingNode", "Normal", 5*time.Minute, 1)}, "DeletingNode"},
		{"TaskHung fires where KernelDeadlock is blind", "NH095", true, []change{event("TaskHung", "Warning", 5*time.Minute, 1)}, "TaskHung"},
		{"InvalidDiskCapacity at start is usual", "NH094", false, []change{event("InvalidDiskCapacity", "Warning", 5*time.Minute, 1)}, ""},
		{"the kubelet restarts", "NH097", true, []change{event("Starting", "Normal", 5*time.Minute, 5)}, "5 times"},
		{"an unknown warning is shown", "NH096", true, []change{event("AcmeBroken", "Warning", 5*time.Minute, 1)}, "AcmeBroken"},
		{"Windows: image of another build", "NH120", true, []change{set(func(n *snapshot.Node) { n.Object.Status.NodeInfo.OperatingSystem = "windows" }), pod(snapshot.Pod{Namespace: "a", Name: "b", Message: "hcsshim::CreateComputeSystem: the container operating system does not match the host"})}, "must match node.kubernetes.io/windows-build"},
		{"Windows: port-forward without wincat", "NH120", true, []change{set(func(n *snapshot.Node) { n.Object.Status.NodeInfo.OperatingSystem = "windows" }), pod(snapshot.Pod{Namespace: "a", Name: "b", Message: "unable to do port forwarding: exec: wincat.exe: not found"})}, "pause image"},
		{"the same on Linux is not Windows'", "NH120", false, []change{pod(snapshot.Pod{Namespace: "a", Name: "b", Message: "hcsshim"})}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := view(tc.with...)
			f := find(v, tc.id)
			switch {
			case tc.speaks && f == nil:
				t.Fatalf("%s says nothing; there is %q", tc.id, ids(Run(v)))
			case !tc.speaks && f != nil:
				t.Fatalf("%s says %q", tc.id, f.Message)
			case f != nil && !strings.Contains(f.Message, tc.says):
				t.Errorf("%q does not say %q", f.Message, tc.says)
			}
		})
	}
}

// The real answer of a v1.34 kubelet is read, and its CPU pressure is seen.
func TestRealSummary(t *testing.T) {
	data, err := os.ReadFile("../../testdata/nodes/nri-kubernetes-1_34-stats-summary.json")
	if err != nil {
		t.Fatal(err)
	}
	st, name, err := kubelet.ParseStats(data)
	if err != nil || name != "datagen-1-34" {
		t.Fatal(name, err)
	}
	if st.NodeFs == nil || st.NodeFs.Capacity != 485473984512 || st.PIDs.Max != 127735 || st.PSI["cpu"].SomeAvg60 != 44.48 || st.Swap == nil || len(st.TopMemory) != 5 || st.Pods != 18 {
		t.Errorf("%+v", st)
	}
	v := view(set(func(n *snapshot.Node) { n.Kubelet.Stats = st }))
	for _, s := range Signals(v) {
		if s.Below() || s.Near() {
			t.Errorf("%s", s)
		}
	}
}

func TestRulesAreComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Rules() {
		if !regexp.MustCompile(`^NH\d{3}$`).MatchString(r.ID) || seen[r.ID] {
			t.Errorf("%q is malformed or not unique", r.ID)
		}
		seen[r.ID] = true
		if r.Title == "" || r.Severity.Rank() == 0 || len(r.Rationale) < 60 || r.Remedy == "" || r.Source == "" || !strings.HasPrefix(r.Docs, "https://") {
			t.Errorf("%s is incomplete: %+v", r.ID, r)
		}
	}
}

// No check may fail on a node of which next to nothing is known.
func TestEmptyNodes(t *testing.T) {
	for _, n := range []*snapshot.Node{{Name: "a"}, {Name: "b", Object: &corev1.Node{}}, {Name: "c", Object: &corev1.Node{}, Pods: &snapshot.Pods{}, Lease: &snapshot.Lease{}, Kubelet: snapshot.Kubelet{Stats: &snapshot.Stats{}, Config: &snapshot.KubeletConfig{}, Metrics: &snapshot.KubeletMetrics{}, Healthz: &snapshot.Healthz{OK: true}}}} {
		for _, clock := range []snapshot.Clock{snapshot.ClockLive, snapshot.ClockNewest, snapshot.ClockNone} {
			s := &snapshot.Snapshot{Nodes: []*snapshot.Node{n}, Clock: clock}
			for _, f := range Run(s.View(n)) {
				if f.Severity == finding.Error {
					t.Errorf("%s: %s %s", n.Name, f.ID, f.Message)
				}
			}
		}
	}
}
