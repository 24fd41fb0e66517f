package fault

// The names of the faults.
const (
	HostDown           = "HostDown"
	KubeletDown        = "KubeletDown"
	KubeletHung        = "KubeletHung"
	KubeletNotReady    = "KubeletNotReady"
	RuntimeDown        = "RuntimeDown"
	NetworkPluginDown  = "NetworkPluginDown"
	NetworkPartition   = "NetworkPartition"
	ControlPlaneStale  = "ControlPlaneStale"
	ZoneDown           = "ZoneDown"
	CertificateExpired = "CertificateExpired"
	ServingCSRPending  = "ServingCSRPending"
	ResourcePressure   = "ResourcePressure"
	Cordoned           = "Cordoned"
	ShuttingDown       = "ShuttingDown"
	NeverRegistered    = "NeverRegistered"
	CloudUninitialized = "CloudUninitialized"
)

// Entry describes a fault: what `faults NAME` prints.
type Entry struct {
	Name string `json:"name"`
	// Phrase is the name for people.
	Phrase string `json:"phrase"`
	// Mode is the failure mode: what is broken.
	Mode string `json:"failureMode"`
	// Signs are how it shows, by source.
	Signs []string `json:"signs"`
	// Consequences are what it means for the workloads.
	Consequences []string `json:"consequences"`
	// Mitigations are what helps, now and against the next time.
	Mitigations []string `json:"mitigations"`
	// Verdict is what it makes of a node.
	Verdict Verdict `json:"verdict"`
	// Scope is "node" or "cluster".
	Scope string `json:"scope"`
	Docs  string `json:"docs"`
}

const (
	handbook = "https://kubernetes.io/docs/tasks/debug/debug-cluster/"
	nodesDoc = "https://kubernetes.io/docs/concepts/architecture/nodes/"
)

const (
	mRestart  = "let the provider restart machines by itself (automatic VM restart)"
	mReplicas = "run pods under controllers with several replicas behind Services, so that others take over"
	mSurvive  = "write applications that survive restarts"
	mStorage  = "keep the API server's and etcd's data on reliable storage"
	mHA       = "run the control plane with high availability"
	mSnapshot = "take snapshots of the volumes of the API server and etcd periodically"
)

// Catalogue lists all faults, worst first.
func Catalogue() []Entry {
	return []Entry{
		{
			Name: HostDown, Phrase: "host down", Scope: "node", Verdict: Unhealthy, Docs: handbook,
			Mode:  "The machine is off, has crashed or is cut from the network altogether.",
			Signs: []string{"lease expired, Ready=Unknown", "the kubelet's port and a closed port of the node time out, or the network says no route to host", "other nodes are well"},
			Consequences: []string{
				"its pods have stopped; after tolerationSeconds (300 by default) they are marked for deletion and replacements start elsewhere",
				"pods with ReadWriteOnce volumes cannot move until the volume is detached, six minutes after the pod is deleted, or at once with the out-of-service taint",
				"StatefulSet pods are not replaced while the old pod cannot confirm that it has ended"},
			Mitigations: []string{mRestart, mReplicas, mSurvive, "power the machine off for certain before forcing its pods away (out-of-service taint): two writers destroy a volume"},
		},
		{
			Name: KubeletDown, Phrase: "kubelet down", Scope: "node", Verdict: Unhealthy, Docs: handbook,
			Mode:  "The kubelet process has stopped or cannot start; the host is up.",
			Signs: []string{"lease expired, Ready=Unknown (Kubelet stopped posting node status)", "port 10250 is refused at once: the host answers, nobody listens", "other nodes are well"},
			Consequences: []string{
				"running containers go on, unmanaged: no restarts, no probes, no new pods, no logs or exec",
				"Services stop sending traffic to its pods once the node is marked not ready",
				"after tolerationSeconds (300 by default) the pods are marked for deletion and replacements start elsewhere, while the old ones may still run"},
			Mitigations: []string{"restart the kubelet and read why it stopped (journalctl -u kubelet)", mReplicas, mSurvive, "a supervisor that restarts the kubelet (systemd Restart=always; the kubelet's own watchdog since v1.32)"},
		},
		{
			Name: KubeletHung, Phrase: "kubelet hung", Scope: "node", Verdict: Unhealthy, Docs: handbook,
			Mode:  "The kubelet process exists but does not work: stopped, deadlocked, out of memory or CPU, or waiting for a dead mount.",
			Signs: []string{"lease expired or late", "connections to port 10250 are accepted by the kernel and never answered", "a closed port of the same host is refused at once"},
			Consequences: []string{
				"the same as for a dead kubelet; a supervisor does not notice, because the process lives",
				"every kubectl logs or exec to this node hangs until the API server gives up after ten seconds"},
			Mitigations: []string{"take a goroutine dump before restarting it (kill -QUIT)", "look for hanging NFS mounts and for I/O that never ends (processes in state D)", "WatchdogSec in the kubelet's systemd unit restarts it (v1.32 and later)", mReplicas},
		},
		{
			Name: RuntimeDown, Phrase: "container runtime down", Scope: "node", Verdict: Unhealthy, Docs: "https://kubernetes.io/docs/tasks/debug/debug-cluster/crictl/",
			Mode:  "containerd, CRI-O or cri-dockerd does not answer the kubelet.",
			Signs: []string{"Ready=False: container runtime is down, or PLEG is not healthy", "lease fresh: the kubelet is well", "the kubelet's counters of runtime errors grow"},
			Consequences: []string{
				"containers that run go on (their shims outlive the runtime); none can be started, stopped, probed or entered",
				"after tolerationSeconds pods are marked for deletion, but the kubelet cannot end them: they stay Terminating"},
			Mitigations: []string{"restart the runtime; containers survive a restart of containerd and CRI-O", "look at its log, its disk (a full or read-only filesystem) and its memory", mReplicas},
		},
		{
			Name: NetworkPluginDown, Phrase: "network plugin down", Scope: "node", Verdict: Unhealthy, Docs: "https://kubernetes.io/docs/concepts/extend-kubernetes/compute-storage-net/network-plugins/",
			Mode:  "The network plugin (CNI) is not configured or does not work on this node.",
			Signs: []string{"Ready=False: NetworkReady=false, NetworkPluginNotReady, cni plugin not initialized", "or NetworkUnavailable=True by the plugin or the cloud's route controller", "events FailedCreatePodSandBox"},
			Consequences: []string{
				"running pods keep their network; new pods stay in ContainerCreating; host-network pods work",
				"the node is tainted and, if it lasts, its pods are evicted"},
			Mitigations: []string{"look at the plugin's DaemonSet pod on this node and at /etc/cni/net.d", "restart the container runtime after a configuration has come back: it does not always notice", mReplicas},
		},
		{
			Name: NetworkPartition, Phrase: "network partition", Scope: "node", Verdict: Unhealthy, Docs: handbook,
			Mode:  "The node and the control plane cannot reach each other, in one direction or both: each side thinks that the other is down.",
			Signs: []string{"lease fresh but the kubelet's port is silent: the API server cannot reach the node", "or the kubelet answers but its lease is old: the node cannot reach the API server"},
			Consequences: []string{
				"towards the node: logs, exec, port-forward, metrics and admission webhooks on it fail; pods run",
				"towards the API server: the node is marked Unknown and replacements start elsewhere while the old pods still run: two writers"},
			Mitigations: []string{"check firewalls, security groups, routes and MTU between the control plane and port 10250 of the node, and from the node to the API server", "do not force-delete pods of a node that may still run them", mReplicas},
		},
		{
			Name: KubeletNotReady, Phrase: "kubelet not ready", Scope: "node", Verdict: Unhealthy, Docs: "https://kubernetes.io/docs/reference/node/node-status/",
			Mode:         "The kubelet runs, reaches the API server, and says that it cannot run pods, for a reason of its own.",
			Signs:        []string{"Ready=False with a message", "lease fresh"},
			Consequences: []string{"no new pods; after tolerationSeconds (300 by default) its pods are evicted"},
			Mitigations:  []string{"follow the message; read the kubelet's log around the transition", mReplicas},
		},
		{
			Name: CertificateExpired, Phrase: "certificate expired", Scope: "node", Verdict: Unhealthy, Docs: "https://kubernetes.io/docs/tasks/tls/certificate-rotation/",
			Mode:  "The kubelet's client certificate has expired (the API server refuses it), or its serving certificate has (the API server does not talk to it).",
			Signs: []string{"the kubelet answers, but its lease is old", "kubelet_certificate_manager_client_ttl_seconds is not positive", "serving: x509: certificate has expired on every probe"},
			Consequences: []string{
				"client: the node is marked Unknown as if the kubelet were dead; its pods go on and are replaced elsewhere",
				"serving: logs, exec, port-forward and metrics fail; pods run"},
			Mitigations: []string{"renew: kubeadm: on the node, restore rotation with a fresh /etc/kubernetes/kubelet.conf (kubeadm kubeconfig user --org system:nodes --client-name system:node:NAME), then restart the kubelet", "keep rotateCertificates on and approve the requests", "watch the time to live: this command warns from a week before"},
		},
		{
			Name: ShuttingDown, Phrase: "shutting down", Scope: "node", Verdict: Unhealthy, Docs: "https://kubernetes.io/docs/concepts/cluster-administration/node-shutdown/",
			Mode:         "The host is shutting down and the kubelet holds it up to end its pods in order.",
			Signs:        []string{"Ready=False: node is shutting down", "pods end with the reason Terminated (Pod was terminated in response to imminent node shutdown)"},
			Consequences: []string{"regular pods end first, critical ones last, within shutdownGracePeriod; pods refused by the node stay behind as Failed"},
			Mitigations:  []string{"drain before a planned shutdown", mReplicas},
		},
		{
			Name: NeverRegistered, Phrase: "never registered", Scope: "node", Verdict: Unhealthy, Docs: "https://kubernetes.io/docs/reference/setup-tools/kubeadm/kubeadm-join/",
			Mode:         "No kubelet has joined under this name: there is no node object, or one without any status.",
			Signs:        []string{"Ready=Unknown: Kubelet never posted node status", "or a lease or a signing request without a node"},
			Consequences: []string{"nothing can be scheduled there"},
			Mitigations:  []string{"look at the kubelet's log on the machine: the API server's address, the bootstrap token, the node's name", "approve a pending kubelet client certificate: kubectl get csr"},
		},
		{
			Name: CloudUninitialized, Phrase: "not initialised by the cloud", Scope: "node", Verdict: Degraded, Docs: "https://kubernetes.io/docs/tasks/administer-cluster/running-cloud-controller/",
			Mode:         "The kubelet runs with an external cloud provider and no cloud controller manager has filled in the node.",
			Signs:        []string{"taint node.cloudprovider.kubernetes.io/uninitialized that stays", "no providerID, no addresses"},
			Consequences: []string{"pods without a toleration for the taint stay Pending"},
			Mitigations:  []string{"run the cloud-controller-manager of this cloud, and see that it tolerates the taint itself", "without a cloud: start the kubelet without --cloud-provider=external"},
		},
		{
			Name: ResourcePressure, Phrase: "resource pressure", Scope: "node", Verdict: Degraded, Docs: "https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/",
			Mode:  "Memory, disk, inodes or process ids are below the kubelet's eviction threshold.",
			Signs: []string{"MemoryPressure, DiskPressure or PIDPressure is True", "events EvictionThresholdMet, Evicted, FreeDiskSpaceFailed", "the condition lasts five minutes beyond its cause"},
			Consequences: []string{
				"the kubelet evicts pods: first those over their requests, by priority, then by how far over",
				"new pods are kept away (memory pressure: best-effort ones only)"},
			Mitigations: []string{"find the largest consumers and give them limits", "disk: images and logs first (imageGC thresholds, containerLogMaxSize)", "reserve resources for the system (systemReserved, kubeReserved)"},
		},
		{
			Name: ServingCSRPending, Phrase: "serving certificate not approved", Scope: "node", Verdict: Degraded, Docs: "https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-certs/#kubelet-serving-certs",
			Mode:         "The kubelet asks for its serving certificate (serverTLSBootstrap) and nobody approves the request.",
			Signs:        []string{"a pending request of the signer kubernetes.io/kubelet-serving", "remote error: tls: internal error on logs and exec"},
			Consequences: []string{"logs, exec, port-forward and metrics-server fail for this node; pods run"},
			Mitigations:  []string{"check that the request's names and addresses are this node's, then: kubectl certificate approve NAME", "run an approver for kubelet-serving requests: Kubernetes has none"},
		},
		{
			Name: Cordoned, Phrase: "cordoned", Scope: "node", Verdict: Degraded, Docs: nodesDoc + "#manual-node-administration",
			Mode:         "Somebody marked the node unschedulable.",
			Signs:        []string{"spec.unschedulable, taint node.kubernetes.io/unschedulable"},
			Consequences: []string{"running pods go on; new ones go elsewhere, DaemonSets excepted"},
			Mitigations:  []string{"kubectl uncordon NODE when the maintenance is over"},
		},
		{
			Name: ControlPlaneStale, Phrase: "control plane stale", Scope: "cluster", Verdict: Unhealthy, Docs: handbook,
			Mode:  "kube-controller-manager (or what it reads) does not work: nodes are no longer judged.",
			Signs: []string{"Ready=True over a lease that expired long ago", "the controller manager's own lease in kube-system is old", "kubelets answer"},
			Consequences: []string{
				"dead nodes stay Ready, nothing is evicted, Services send traffic to dead pods",
				"no controller acts: no new replicas, no endpoints, no certificates approved; what runs goes on"},
			Mitigations: []string{"look at kube-controller-manager's pod and log on the control-plane hosts", mHA, mStorage, mSnapshot},
		},
		{
			Name: ZoneDown, Phrase: "zone down", Scope: "cluster", Verdict: Unhealthy, Docs: nodesDoc + "#rate-limits-on-eviction",
			Mode:  "All nodes of a zone (or most of them) fell silent together: power, network, or what they share.",
			Signs: []string{"every node of the zone is Unknown within minutes", "nodes of other zones are well", "where every zone is down, the NoExecute taints are taken away and eviction stops"},
			Consequences: []string{
				"one zone down, others well: its pods are evicted at the normal rate and start elsewhere",
				"most of a zone down (55%, at least three nodes): eviction slows to one node in 100 s, and stops in zones of up to 50 nodes",
				"all zones down: nothing is evicted at all, because the control plane takes itself to be cut off"},
			Mitigations: []string{"look at what the zone shares: power, switch, cloud zone status, the path to the API server", "spread replicas over zones (topologySpreadConstraints)", mReplicas, mHA},
		},
	}
}

// Lookup returns an entry of the catalogue; a name that is not there gives an
// entry of that name only.
func Lookup(name string) Entry {
	for _, e := range Catalogue() {
		if e.Name == name {
			return e
		}
	}
	return Entry{Name: name, Phrase: name, Verdict: Unhealthy}
}
