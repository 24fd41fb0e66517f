package fault

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

var now = time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)

// scene is a node in a cluster of well peers, to be broken by a test.
type scene struct {
	s *snapshot.Snapshot
	n *snapshot.Node
}

func newScene() *scene {
	n := snapshot.NewNode(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1", CreationTimestamp: at(-24 * time.Hour)}})
	n.Object.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "192.0.2.7"}}
	n.Object.Status.NodeInfo = corev1.NodeSystemInfo{KubeletVersion: "v1.37.1", ContainerRuntimeVersion: "containerd://2.1.0", OperatingSystem: "linux"}
	sc := &scene{n: n, s: &snapshot.Snapshot{ObservedAt: now, Clock: snapshot.ClockLive, Nodes: []*snapshot.Node{n}}}
	sc.s.Cluster.ServerVersion = "v1.37.1"
	sc.s.Cluster.Whole = true
	for _, name := range []string{"n2", "n3", "n4"} {
		sc.s.Cluster.Peers = append(sc.s.Cluster.Peers, snapshot.Peer{Name: name, Ready: corev1.ConditionTrue, LeaseRenewed: now.Add(-4 * time.Second), Heartbeat: now.Add(-time.Minute)})
	}
	sc.s.Cluster.ControllerManager = &snapshot.Lease{Holder: "cp", Renewed: now.Add(-time.Second), Seconds: 15}
	sc.s.Cluster.Probes = []snapshot.Probe{{Name: snapshot.SourcePeers, Status: snapshot.OK}}
	n.Set(snapshot.Probe{Name: snapshot.SourceNode, Status: snapshot.OK})
	return sc.ready(corev1.ConditionTrue, "KubeletReady", "kubelet is posting ready status", time.Hour).lease(4*time.Second).kubelet(snapshot.OK, "", "")
}

func at(d time.Duration) metav1.Time { return metav1.Time{Time: now.Add(d)} }

func (sc *scene) condition(t corev1.NodeConditionType, st corev1.ConditionStatus, reason, message string, since time.Duration) *scene {
	c := corev1.NodeCondition{Type: t, Status: st, Reason: reason, Message: message, LastTransitionTime: at(-since), LastHeartbeatTime: at(-time.Minute)}
	for i := range sc.n.Object.Status.Conditions {
		if sc.n.Object.Status.Conditions[i].Type == t {
			sc.n.Object.Status.Conditions[i] = c
			return sc
		}
	}
	sc.n.Object.Status.Conditions = append(sc.n.Object.Status.Conditions, c)
	return sc
}

func (sc *scene) ready(st corev1.ConditionStatus, reason, message string, since time.Duration) *scene {
	return sc.condition(corev1.NodeReady, st, reason, message, since)
}

// unknown is what the node lifecycle controller writes.
func (sc *scene) unknown(since time.Duration) *scene {
	return sc.ready(corev1.ConditionUnknown, "NodeStatusUnknown", "Kubelet stopped posting node status.", since)
}

func (sc *scene) lease(age time.Duration) *scene {
	sc.n.Lease = &snapshot.Lease{Holder: "n1", Renewed: now.Add(-age), Seconds: 40}
	return sc
}

func (sc *scene) kubelet(st snapshot.Status, reason, detail string) *scene {
	sc.n.Set(snapshot.Probe{Name: snapshot.SourceHealthz, Status: st, Reason: reason, Detail: detail})
	sc.n.Kubelet.Healthz = nil
	if st == snapshot.OK {
		sc.n.Kubelet.Healthz = &snapshot.Healthz{OK: true}
	}
	return sc
}

func (sc *scene) host(up bool) *scene {
	sc.n.Kubelet.Host = &snapshot.Host{Up: up, Evidence: "ports 1 and 10256"}
	return sc
}

func (sc *scene) refused() *scene {
	return sc.kubelet(snapshot.Unreachable, snapshot.ReasonRefused, "dial tcp 192.0.2.7:10250: connect: connection refused")
}

func (sc *scene) silent() *scene {
	return sc.kubelet(snapshot.Timeout, snapshot.ReasonSilent, "no answer within 2.3s")
}

func (sc *scene) tls(detail string) *scene {
	return sc.kubelet(snapshot.Unreachable, snapshot.ReasonTLS, detail)
}

func TestDiagnose(t *testing.T) {
	ttl := func(v float64) *snapshot.KubeletMetrics { return &snapshot.KubeletMetrics{ClientTTL: &v} }
	authz := "the kubelet cannot ask the API server: Authorization error (user=kube-apiserver-kubelet-client, verb=get, resource=nodes, subresource=proxy)"
	for _, tc := range []struct {
		name  string
		scene func(*scene)
		want  string
		sure  Confidence
		rival string
	}{
		{"healthy", func(*scene) {}, "", "", ""},
		{"heartbeat of five minutes is normal", func(sc *scene) {
			sc.n.Object.Status.Conditions[0].LastHeartbeatTime = at(-4*time.Minute - 50*time.Second)
		}, "", "", ""},
		{"denied is not a fault", func(sc *scene) { sc.kubelet(snapshot.Denied, snapshot.ReasonAPIServer, "needs nodes/proxy") }, "", "", ""},
		{"kubelet stopped", func(sc *scene) { sc.unknown(time.Minute).lease(2 * time.Minute).refused() }, KubeletDown, High, ""},
		{"kubelet stopped, grace period of 20s", func(sc *scene) { sc.unknown(time.Second).lease(21 * time.Second).refused() }, KubeletDown, High, ""},
		{"kubelet stopped, not noticed yet", func(sc *scene) { sc.lease(20 * time.Second).refused() }, KubeletDown, High, ""},
		{"kubelet just stopped or starting", func(sc *scene) { sc.lease(3 * time.Second).refused() }, KubeletDown, Medium, NetworkPartition},
		{"kubelet frozen", func(sc *scene) { sc.unknown(time.Minute).lease(2 * time.Minute).silent().host(true) }, KubeletHung, High, NetworkPartition},
		{"kubelet frozen, not noticed yet", func(sc *scene) { sc.lease(25 * time.Second).silent().host(true) }, KubeletHung, Medium, NetworkPartition},
		{"host silent", func(sc *scene) { sc.unknown(time.Minute).lease(2 * time.Minute).silent().host(false) }, HostDown, Medium, NetworkPartition},
		{"no route", func(sc *scene) {
			sc.unknown(time.Minute).lease(2*time.Minute).kubelet(snapshot.Unreachable, snapshot.ReasonNoRoute, "no route to host")
		}, HostDown, High, NetworkPartition},
		{"cloud says stopped", func(sc *scene) {
			sc.unknown(time.Minute).lease(2 * time.Minute).silent()
			sc.n.Object.Spec.Taints = []corev1.Taint{{Key: "node.cloudprovider.kubernetes.io/shutdown", Effect: corev1.TaintEffectNoSchedule}}
		}, HostDown, High, ""},
		{"nobody could be asked", func(sc *scene) {
			sc.unknown(time.Minute).lease(2*time.Minute).kubelet(snapshot.Denied, snapshot.ReasonAPIServer, "needs nodes/proxy")
		}, KubeletDown, Low, HostDown},
		{"port dropped, lease fresh", func(sc *scene) { sc.lease(3 * time.Second).silent().host(true) }, NetworkPartition, Medium, KubeletHung},
		{"port dropped, renewal seen", func(sc *scene) {
			sc.lease(time.Second).silent().host(true)
			sc.n.Lease.Seen = true
		}, NetworkPartition, High, ""},
		{"name not resolved, lease fresh", func(sc *scene) {
			sc.kubelet(snapshot.Unreachable, snapshot.ReasonNoName, "dial tcp: lookup n1 on 10.0.0.2:53: no such host")
		}, NetworkPartition, High, ""},
		{"name not resolved, lease old: nobody was asked", func(sc *scene) {
			sc.unknown(time.Minute).lease(2*time.Minute).kubelet(snapshot.Unreachable, snapshot.ReasonNoName, "dial tcp: lookup n1: no such host")
		}, KubeletDown, Low, HostDown},
		{"kubelet has just started", func(sc *scene) {
			sc.ready(corev1.ConditionFalse, "KubeletNotReady", "[container runtime status check may not have completed yet, PLEG is not healthy: pleg has yet to be successful]", 10*time.Second)
		}, KubeletNotReady, Medium, RuntimeDown},
		{"kubelet started long ago and never saw its containers", func(sc *scene) {
			sc.ready(corev1.ConditionFalse, "KubeletNotReady", "PLEG is not healthy: pleg has yet to be successful", 10*time.Minute)
		}, RuntimeDown, Medium, ""},
		{"node unreachable, lease fresh", func(sc *scene) { sc.lease(3 * time.Second).silent().host(false) }, NetworkPartition, Medium, HostDown},
		{"kubelet answers, lease old, certificate valid", func(sc *scene) {
			sc.unknown(time.Minute).lease(2 * time.Minute)
			sc.n.Kubelet.Metrics = ttl(86400)
		}, NetworkPartition, High, ""},
		{"kubelet answers, lease old, certificate expired", func(sc *scene) {
			sc.unknown(time.Minute).lease(2 * time.Minute)
			sc.n.Kubelet.Metrics = ttl(-60)
		}, CertificateExpired, High, ""},
		{"kubelet cannot authorise", func(sc *scene) {
			sc.unknown(time.Minute).lease(2*time.Minute).kubelet(snapshot.Denied, snapshot.ReasonKubelet, authz)
		}, CertificateExpired, Medium, NetworkPartition},
		{"kubelet cannot authorise, request waiting", func(sc *scene) {
			sc.unknown(time.Minute).lease(2*time.Minute).kubelet(snapshot.Denied, snapshot.ReasonKubelet, authz)
			sc.n.CSRs = []snapshot.CSR{{Name: "csr-1", Signer: snapshot.SignerClient, State: "Pending", Created: now.Add(-time.Hour)}}
		}, CertificateExpired, High, NetworkPartition},
		{"infinite time to live is not expired", func(sc *scene) { sc.n.Kubelet.Metrics = &snapshot.KubeletMetrics{ClientTTLInf: true} }, "", "", ""},
		{"serving request pending", func(sc *scene) {
			sc.tls("remote error: tls: internal error")
			sc.n.CSRs = []snapshot.CSR{{Name: "csr-1", Signer: snapshot.SignerServing, State: "Pending", Created: now.Add(-10 * time.Second)}}
		}, ServingCSRPending, High, ""},
		{"no serving certificate, requests not readable", func(sc *scene) { sc.tls("remote error: tls: internal error") }, ServingCSRPending, Medium, ""},
		{"serving certificate expired", func(sc *scene) {
			sc.tls("tls: failed to verify certificate: x509: certificate has expired or is not yet valid")
		}, CertificateExpired, High, ""},
		{"pending request while the old certificate serves", func(sc *scene) {
			sc.n.CSRs = []snapshot.CSR{{Name: "csr-1", Signer: snapshot.SignerServing, State: "Pending", Created: now.Add(-time.Hour)}}
		}, "", "", ""},
		{"runtime down", func(sc *scene) {
			sc.ready(corev1.ConditionFalse, "KubeletNotReady", "container runtime is down", time.Minute)
		}, RuntimeDown, High, ""},
		{"PLEG", func(sc *scene) {
			sc.ready(corev1.ConditionFalse, "KubeletNotReady", "[PLEG is not healthy: pleg was last seen active 3m5s ago; threshold is 3m0s]", time.Minute)
		}, RuntimeDown, Medium, ""},
		{"runtime not marked yet", func(sc *scene) {
			sc.n.Set(snapshot.Probe{Name: snapshot.SourceSummary, Status: snapshot.Unreachable, Reason: snapshot.ReasonKubelet, Detail: "the kubelet answers 500: Internal Error: failed to get imageFs stats: rpc error: code = Unavailable"})
		}, RuntimeDown, High, ""},
		{"network plugin", func(sc *scene) {
			sc.ready(corev1.ConditionFalse, "KubeletNotReady", "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized", time.Minute)
		}, NetworkPluginDown, High, ""},
		{"network unavailable", func(sc *scene) {
			sc.condition(corev1.NodeNetworkUnavailable, corev1.ConditionTrue, "NoRouteCreated", "Node created without a route", time.Hour)
		}, NetworkPluginDown, Medium, ""},
		{"runtime and network in one message", func(sc *scene) {
			sc.ready(corev1.ConditionFalse, "KubeletNotReady", "[container runtime is down, container runtime network not ready: NetworkReady=false]", time.Minute)
		}, RuntimeDown, High, ""},
		{"shutting down", func(sc *scene) {
			sc.ready(corev1.ConditionFalse, "KubeletNotReady", "node is shutting down", time.Minute)
		}, ShuttingDown, High, ""},
		{"unknown complaint", func(sc *scene) {
			sc.ready(corev1.ConditionFalse, "KubeletNotReady", "CSINode is not yet initialized", time.Minute)
		}, KubeletNotReady, Medium, ""},
		{"sync loop hangs", func(sc *scene) {
			sc.n.Kubelet.Healthz = &snapshot.Healthz{Failed: []string{"syncloop"}}
		}, KubeletHung, Medium, RuntimeDown},
		{"disk pressure", func(sc *scene) {
			sc.condition(corev1.NodeDiskPressure, corev1.ConditionTrue, "KubeletHasDiskPressure", "kubelet has disk pressure", time.Minute)
		}, ResourcePressure, High, ""},
		{"dead kubelet before disk pressure", func(sc *scene) {
			sc.condition(corev1.NodeDiskPressure, corev1.ConditionTrue, "KubeletHasDiskPressure", "kubelet has disk pressure", time.Minute).lease(20 * time.Second).refused()
		}, KubeletDown, High, ""},
		{"cordoned", func(sc *scene) { sc.n.Object.Spec.Unschedulable = true }, Cordoned, High, ""},
		{"never updated", func(sc *scene) {
			sc.ready(corev1.ConditionUnknown, "NodeStatusNeverUpdated", "Kubelet never posted node status.", time.Hour)
			sc.n.Lease = nil
		}, NeverRegistered, High, ""},
		{"denied node is not one that never registered", func(sc *scene) {
			sc.n.Object = nil
			sc.n.Lease, sc.n.Kubelet = nil, snapshot.Kubelet{}
			sc.n.Probes = []snapshot.Probe{{Name: snapshot.SourceNode, Status: snapshot.Denied, Reason: snapshot.ReasonAPIServer}}
		}, "", "", ""},
		{"lease without a node", func(sc *scene) {
			sc.n.Object = nil
			sc.n.Probes = []snapshot.Probe{{Name: snapshot.SourceNode, Status: snapshot.Absent}}
		}, NeverRegistered, High, ""},
		{"no cloud controller", func(sc *scene) {
			sc.n.Object.Spec.Taints = []corev1.Taint{{Key: "node.cloudprovider.kubernetes.io/uninitialized", Value: "true", Effect: corev1.TaintEffectNoSchedule}}
		}, CloudUninitialized, High, ""},
		{"Ready over a stale lease, nobody to ask", func(sc *scene) {
			sc.lease(10*time.Minute).kubelet(snapshot.Denied, snapshot.ReasonAPIServer, "needs nodes/proxy")
			sc.n.Object.Status.Conditions[0].LastHeartbeatTime = at(-12 * time.Minute)
			sc.s.Cluster.ControllerManager.Renewed = now.Add(-10 * time.Minute)
		}, ControlPlaneStale, High, KubeletDown},
		{"clock two minutes behind is not silence", func(sc *scene) {
			sc.lease(2 * time.Minute)
			sc.n.Lease.Stamped = now.Add(-5 * time.Second)
		}, "", "", ""},
		{"node comes back", func(sc *scene) { sc.unknown(20 * time.Second).lease(2 * time.Second) }, "", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sc := newScene()
			tc.scene(sc)
			f := Diagnose(sc.s.View(sc.n))
			if tc.want == "" {
				if f != nil {
					t.Fatalf("fault %s (%s): %q", f.Name, f.Summary, f.Evidence)
				}
				return
			}
			if f == nil {
				t.Fatalf("no fault, want %s", tc.want)
			}
			if f.Name != tc.want || f.Confidence != tc.sure {
				t.Errorf("%s, %s confidence; want %s, %s\n%s\n%s", f.Name, f.Confidence, tc.want, tc.sure, f.Summary, strings.Join(f.Evidence, "\n"))
			}
			if tc.rival != "" {
				found := false
				for _, r := range f.Rivals {
					found = found || r.Name == tc.rival
				}
				if !found {
					t.Errorf("the rival %s is not named: %+v", tc.rival, f.Rivals)
				}
			}
			if tc.want != NeverRegistered && len(f.Evidence) == 0 || len(f.Remedies) == 0 || len(f.Next) == 0 || f.Verdict == "" || f.Phrase == "" {
				t.Errorf("incomplete: %+v", f)
			}
			if strings.Contains(f.Summary, "%!") || strings.Contains(f.Summary, "  ") {
				t.Errorf("badly formed: %q", f.Summary)
			}
		})
	}
}

// Every fault that a rule can name is in the catalogue, and every entry is
// complete.
func TestCatalogue(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range Catalogue() {
		if seen[e.Name] {
			t.Errorf("%s is there twice", e.Name)
		}
		seen[e.Name] = true
		if e.Phrase == "" || e.Mode == "" || len(e.Signs) == 0 || len(e.Consequences) == 0 || len(e.Mitigations) == 0 || e.Verdict == "" || e.Docs == "" || e.Scope == "" {
			t.Errorf("%s is incomplete: %+v", e.Name, e)
		}
	}
	for _, name := range []string{HostDown, KubeletDown, KubeletHung, KubeletNotReady, RuntimeDown, NetworkPluginDown, NetworkPartition, ControlPlaneStale, ZoneDown,
		CertificateExpired, ServingCSRPending, ResourcePressure, Cordoned, ShuttingDown, NeverRegistered, CloudUninitialized} {
		if !seen[name] {
			t.Errorf("%s is not in the catalogue", name)
		}
	}
}

func TestDiagnoseCluster(t *testing.T) {
	dead := func(p *snapshot.Peer) {
		p.Ready, p.LeaseRenewed = corev1.ConditionUnknown, now.Add(-5*time.Minute)
	}
	peers := func(sc *scene, zone string, n, broken int) {
		for i := range n {
			p := snapshot.Peer{Name: zone + string(rune('a'+i%26)) + string(rune('a'+i/26)), Zone: zone, Ready: corev1.ConditionTrue, LeaseRenewed: now.Add(-3 * time.Second), Heartbeat: now}
			if i < broken {
				dead(&p)
				p.Heartbeat = now.Add(-6 * time.Minute)
			}
			sc.s.Cluster.Peers = append(sc.s.Cluster.Peers, p)
		}
	}
	for _, tc := range []struct {
		name    string
		scene   func(*scene)
		want    string
		finding string
	}{
		{"well", func(*scene) {}, "", ""},
		{"one node down is no zone", func(sc *scene) { dead(&sc.s.Cluster.Peers[0]) }, "", ""},
		{"zone down, others well", func(sc *scene) { peers(sc, "z2", 3, 3) }, ZoneDown, "NH141"},
		{"zone of one node is a node", func(sc *scene) { peers(sc, "z2", 1, 1) }, "", ""},
		{"every zone down", func(sc *scene) {
			sc.unknown(time.Minute).lease(5 * time.Minute)
			for i := range sc.s.Cluster.Peers {
				dead(&sc.s.Cluster.Peers[i])
			}
		}, ZoneDown, "NH141"},
		{"most of a small zone: eviction stops", func(sc *scene) { peers(sc, "z2", 5, 3) }, "", "NH142"},
		{"half of a zone: nothing slows", func(sc *scene) { peers(sc, "z2", 6, 3) }, "", ""},
		{"two of three: below the minimum", func(sc *scene) { peers(sc, "z2", 3, 2) }, "", ""},
		{"controller frozen", func(sc *scene) { sc.s.Cluster.ControllerManager.Renewed = now.Add(-2 * time.Minute) }, ControlPlaneStale, "NH140"},
		{"controller frozen and a node missed", func(sc *scene) {
			sc.s.Cluster.ControllerManager.Renewed = now.Add(-5 * time.Minute)
			sc.s.Cluster.Peers[0].LeaseRenewed, sc.s.Cluster.Peers[0].Heartbeat = now.Add(-4*time.Minute), now.Add(-4*time.Minute)
		}, ControlPlaneStale, "NH140"},
		{"lease of an earlier life", func(sc *scene) { sc.s.Cluster.ControllerManager.Renewed = now.Add(-300 * 24 * time.Hour) }, "", ""},
		{"node missed, controller unknown", func(sc *scene) {
			sc.s.Cluster.ControllerManager = nil
			sc.s.Cluster.Peers[0].LeaseRenewed, sc.s.Cluster.Peers[0].Heartbeat = now.Add(-4*time.Minute), now.Add(-4*time.Minute)
		}, ControlPlaneStale, "NH140"},
		{"stale lease but fresh status counts as life", func(sc *scene) {
			sc.s.Cluster.ControllerManager = nil
			sc.s.Cluster.Peers[0].LeaseRenewed = now.Add(-4 * time.Minute)
			sc.s.Cluster.Peers[0].Heartbeat = now.Add(-10 * time.Second)
		}, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sc := newScene()
			tc.scene(sc)
			h := DiagnoseCluster(sc.s)
			got := ""
			if h.Fault != nil {
				got = h.Fault.Name
			}
			if got != tc.want {
				t.Errorf("fault %q, want %q: %+v", got, tc.want, h.Fault)
			}
			var ids []string
			for _, f := range h.Findings {
				ids = append(ids, f.ID)
			}
			if tc.finding == "" && len(ids) > 0 || tc.finding != "" && !strings.Contains(strings.Join(ids, " "), tc.finding) {
				t.Errorf("findings %q, want %q", ids, tc.finding)
			}
		})
	}
}

func TestNextFitsTheSystem(t *testing.T) {
	for _, tc := range []struct {
		name string
		set  func(o *corev1.Node)
		want string
	}{
		{"systemd", func(*corev1.Node) {}, "journalctl -u kubelet"},
		{"k3s agent", func(o *corev1.Node) { o.Status.NodeInfo.KubeletVersion = "v1.30.1+k3s1" }, "journalctl -u k3s-agent"},
		{"k3s server", func(o *corev1.Node) {
			o.Status.NodeInfo.KubeletVersion = "v1.30.1+k3s1"
			o.Labels = map[string]string{"node-role.kubernetes.io/control-plane": "true"}
		}, "journalctl -u k3s "},
		{"rke2", func(o *corev1.Node) { o.Status.NodeInfo.KubeletVersion = "v1.30.1+rke2r1" }, "journalctl -u rke2-agent"},
		{"talos", func(o *corev1.Node) { o.Status.NodeInfo.OSImage = "Talos (v1.8.0)" }, "talosctl"},
		{"gke", func(o *corev1.Node) { o.Status.NodeInfo.KubeletVersion = "v1.30.1-gke.100" }, "gcloud compute ssh n1"},
		{"eks", func(o *corev1.Node) {
			o.Labels = map[string]string{"eks.amazonaws.com/nodegroup": "w"}
			o.Spec.ProviderID = "aws:///eu-1a/i-0123"
		}, "aws ssm start-session --target i-0123"},
		{"windows", func(o *corev1.Node) { o.Status.NodeInfo.OperatingSystem = "windows" }, "powershell"},
		{"fargate", func(o *corev1.Node) {
			o.Labels = map[string]string{"eks.amazonaws.com/compute-type": "fargate"}
			o.Spec.ProviderID = "aws:///eu-1a/5c0d-8f/fargate-ip-10-0-1-2.ec2.internal"
		}, "spec.nodeName=n1"},
		{"virtual kubelet", func(o *corev1.Node) { o.Labels = map[string]string{"type": "virtual-kubelet"} }, "grep -iE 'virtual-kubelet"},
		{"gke's zone", func(o *corev1.Node) {
			o.Status.NodeInfo.KubeletVersion = "v1.30.1-gke.100"
			o.Spec.ProviderID = "gce://p/europe-west1-b/n1"
		}, "--zone europe-west1-b"},
		{"minikube", func(o *corev1.Node) { o.Labels = map[string]string{"minikube.k8s.io/name": "m"} }, "minikube ssh -n n1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sc := newScene().unknown(time.Minute).lease(2 * time.Minute).refused()
			tc.set(sc.n.Object)
			f := Diagnose(sc.s.View(sc.n))
			var all []string
			for _, c := range f.Next {
				all = append(all, c.Run+" ")
			}
			if !strings.Contains(strings.Join(all, "\n"), tc.want) {
				t.Errorf("no %q in %q", tc.want, all)
			}
		})
	}
}

// TestYoungNode: what a new node waits for is no fault yet.
func TestYoungNode(t *testing.T) {
	const message = "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized"
	for age, want := range map[time.Duration]string{40 * time.Second: "still starting", 10 * time.Minute: "network plugin down"} {
		sc := newScene().ready(corev1.ConditionFalse, "KubeletNotReady", message, 30*time.Second)
		sc.n.Object.CreationTimestamp = at(-age)
		if f := Diagnose(sc.s.View(sc.n)); f == nil || f.Phrase != want {
			t.Errorf("%s old: %+v, want %s", age, f, want)
		}
	}
}

// TestMeantCordon: a cordon that belongs to a removal is not for a person to
// lift.
func TestMeantCordon(t *testing.T) {
	for key, lift := range map[string]bool{"dedicated": true, "karpenter.sh/disrupted": false} {
		sc := newScene()
		sc.n.Object.Spec.Unschedulable = true
		sc.n.Object.Spec.Taints = []corev1.Taint{{Key: key, Effect: corev1.TaintEffectNoSchedule}}
		f := Diagnose(sc.s.View(sc.n))
		if f == nil || f.Name != Cordoned {
			t.Fatalf("%s: %+v", key, f)
		}
		got := false
		for _, c := range f.Next {
			got = got || strings.Contains(c.Run, "uncordon")
		}
		if got != lift {
			t.Errorf("%s: uncordon advised: %v, want %v (%s)", key, got, lift, f.Summary)
		}
	}
}

// Every kubelet of a new cluster says that it has no network plugin: that is
// neither a zone without power nor a cut.
func TestNotReadyIsNoDeadZone(t *testing.T) {
	sc := newScene()
	for _, n := range sc.s.Nodes {
		for i := range n.Object.Status.Conditions {
			if c := &n.Object.Status.Conditions[i]; c.Type == corev1.NodeReady {
				c.Status, c.Message = corev1.ConditionFalse, "cni plugin not initialized"
			}
		}
	}
	for i := range sc.s.Cluster.Peers {
		sc.s.Cluster.Peers[i].Ready = corev1.ConditionFalse
	}
	h := DiagnoseCluster(sc.s)
	if h.Fault != nil {
		t.Errorf("%s: %s", h.Fault.Name, h.Fault.Summary)
	}
	if len(h.Findings) != 1 || h.Findings[0].ID != "NH142" || !strings.Contains(h.Findings[0].Message, "no node is ready") {
		t.Errorf("%+v", h.Findings)
	}
}
