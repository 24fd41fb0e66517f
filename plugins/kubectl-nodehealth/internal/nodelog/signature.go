package nodelog

import (
	"slices"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
)

// Signature is a line that is known to mean trouble.
type Signature struct {
	Name string
	// Unit is the log in which it stands, for the reader; every log is searched
	// for all of them.
	Unit    string
	Pattern *lazyregexp.Regexp
	// Means says what it is a sign of.
	Means string
	// Next is what to look at.
	Next string
	// Min is how often the line has to come to mean something, 0 for once: a
	// kubelet that starts says some of them in good health.
	Min int
}

// Signatures are looked for by Scan: the kernel's messages that the Node
// Problem Detector watches too, and what the kubelet and the runtimes say when
// a node is going wrong.
var Signatures = []Signature{
	{"OOMKilling", "kernel", re(`Killed process \d+ \(.+?\)|oom-kill:constraint=`), "the kernel killed a process for memory", "memory limits of the pod; a system-wide OOM (constraint=CONSTRAINT_NONE) means that the node itself ran out", 0},
	{"TaskHung", "kernel", re(`task \S+:\d+ blocked for more than \d+ seconds`), "a task waits for the disk or a lock in the kernel: storage, NFS or a kernel bug", "the stack that follows the line; disks and network file systems", 0},
	{"UnregisterNetDevice", "kernel", re(`unregister_netdevice: waiting for \S+ to become free`), "a network namespace cannot be torn down; pods on the node stop being deleted", "reboot the node; update the kernel", 0},
	{"KernelOops", "kernel", re(`BUG: unable to handle|BUG: kernel NULL pointer|general protection fault|Kernel panic - not syncing|Oops: (?:Oops: )?\d+|kernel BUG at|divide error: 0000`), "a bug in the kernel or a module", "the trace that follows; reboot, update the kernel", 0},
	{"SoftLockup", "kernel", re(`soft lockup - CPU#\d+ stuck|hard LOCKUP on cpu|rcu_(?:sched|preempt)(?:_\w+)? (?:self-)?detected (?:expedited )?stalls?`), "a CPU did not schedule for many seconds: kernel bug, or a starved virtual machine", "steal time of the virtual machine; the trace that follows", 0},
	{"FilesystemError", "kernel", re(`EXT4-fs error|XFS .*(?:Corruption|[Ss]hut(?:ting)? down|metadata I/O error)|Remounting filesystem read-only|BTRFS error|(?:mkdir|open|create|write|remove|rename) /var/\S+: read-only file system`), "a file system is damaged or became read-only", "fsck or replace the disk; drain the node", 0},
	{"IOError", "kernel", re(`Buffer I/O error|critical medium error|nvme.*: (?:I/O \d+ .*timeout|controller is down)|blk_update_request: .*I/O error|I/O error, dev \S+`), "a disk does not answer as it should", "smartctl, the cloud's disk events", 0},
	{"HardwareError", "kernel", re(`\[Hardware Error\]|mce: \[Hardware|EDAC .*(?:CE|UE) `), "the hardware reports errors", "the machine's event log; replace the part", 0},
	{"NfsNotResponding", "kernel", re(`nfs: server \S+ not responding`), "a network file system hangs; the kubelet's syncloop may hang with it", "the NFS server; pods that mount it", 0},
	{"ConntrackFull", "kernel", re(`nf_conntrack: .*table full, dropping packet`), "connections are dropped because the connection table is full", "net.netfilter.nf_conntrack_max, kube-proxy's conntrack settings", 0},
	{"NICFlapping", "kernel", re(`NIC Link is Down|: Link is [Dd]own\b|: Link down$|link status definitely down`), "a network card loses its link again and again: cable, port, driver or the virtual switch", "ethtool on the interface; the switch port's counters", 3},
	{"NICHang", "kernel", re(`NETDEV WATCHDOG: .*timed out|Detected Tx Unit Hang|Detected Hardware Unit Hang`), "a network card does not send any more until its driver resets it", "the driver's and the firmware's version; ethtool -S on the interface", 0},
	{"GPUError", "kernel", re(`NVRM: Xid`), "the NVIDIA driver reports an error of a GPU", "the Xid's number in NVIDIA's table; nvidia-smi -q; drain the node for 48, 63, 64, 79 and 94 on", 0},
	{"CertificateExpired", "kubelet", re(`certificate has expired or is not yet valid(?:$|[^:]|: [^c]|: current time \S+ is after)|certificate has expired(?:$|[^ ]| [^o])`), "a certificate expired, or the clock is wrong", "kubectl certgen expiry; the node's clock", 0},
	{"UnknownAuthority", "kubelet", re(`x509: certificate signed by unknown authority`), "somebody shows a certificate of an authority that is not known here: the cluster's CA was replaced, the machine belongs to another cluster, or a registry has its own", "whom the line calls; the CA in /etc/kubernetes/kubelet.conf against that of the cluster (kubectl certgen verify)", 0},
	{"WrongName", "kubelet", re(`x509: certificate is (?:valid for|not valid for any)`), "a server is called by a name or address that is not in its certificate", "the names in the line: kubectl certgen inspect; certSANs of the API server", 0},
	{"JoinRefused", "k3s", re(`token CA hash does not match|Node password rejected`), "the server does not let this machine join: the token is that of another cluster, or the node's name was used by another machine", "K3S_TOKEN or RKE2's token; kubectl -n kube-system get secret NAME.node-password.k3s", 0},
	{"Unauthorized", "kubelet", re(`err="Unauthorized"|: Unauthorized$`), "the API server does not accept the kubelet's credentials", "/var/lib/kubelet/pki, pending CSRs", 0},
	{"APIServerRefused", "kubelet", re(`dial tcp \S+:\d+: (?:connect: connection refused|i/o timeout|connect: no route to host|connectex: )|net/http: TLS handshake timeout|https://[^ "]+/apis?/[^ "]*\\*"?: (?:net/http: request canceled|context deadline exceeded|http2: client connection|(?:unexpected )?EOF|(?:read|write) tcp \S+: (?:read: |write: )?(?:use of closed network connection|connection reset by peer|broken pipe))`), "the kubelet cannot reach the API server (or another address in the line)", "the address in the line: load balancer, firewall, control plane", 0},
	{"APIServerFails", "kubelet", re(`an error on the server \(.*\) has prevented the request from succeeding|the server is currently unable to handle the request`), "the API server, or the load balancer before it, answers with an error", "kubectl get --raw '/readyz?verbose'; the API server's and etcd's logs; the load balancer's targets", 3},
	{"NameNotResolved", "kubelet", re(`dial tcp: lookup \S+?(?: on \S+)?: (?:no such host|i/o timeout|server misbehaving|Temporary failure)`), "a name cannot be resolved on this node: that of the API server, a registry or another in the line", "the name in the line; /etc/resolv.conf of the node", 0},
	{"KubeletNotConfigured", "kubelet", re(`failed to (?:load|read) [Kk]ubelet config file`), "the kubelet has no configuration: kubeadm init or join has not run here, or did not get that far", "kubeadm's own output; ls /var/lib/kubelet/config.yaml", 0},
	{"BootstrapMissing", "kubelet", re(`unable to load bootstrap kubeconfig|bootstrap client certificate (?:in .* )?is expired`), "the kubelet's kubeconfig or client certificate is missing or expired, and it has nothing to ask for a new one with", "openssl x509 -enddate -noout -in /var/lib/kubelet/pki/kubelet-client-current.pem; join again, or make a new kubelet.conf", 0},
	{"Standalone", "kubelet", re(`No API server defined - no node status update will be sent|Standalone mode, no API client`), "the kubelet was started without a kubeconfig: it runs on its own and never registers", "systemctl cat kubelet: --kubeconfig and --bootstrap-kubeconfig, and whether the drop-in that gives them is there", 0},
	{"CSRNotSigned", "kubelet", re(`certificate request was not signed`), "the kubelet asked for a certificate and nobody approved the request", "kubectl get csr; kubectl certificate approve NAME", 0},
	{"NoServingCertificate", "kubelet", re(`no serving certificate available for the kubelet`), "the kubelet has no serving certificate yet: logs, exec and metrics fail", "kubectl get csr; kubectl certificate approve NAME", 3},
	{"NodeIPMissing", "kubelet", re(`failed to validate nodeIP|node IP: .* not found in the host's network interfaces`), "the kubelet's --node-ip is no address of this machine", "--node-ip in /var/lib/kubelet/kubeadm-flags.env or the unit's drop-ins; ip addr", 0},
	{"UnknownFlag", "kubelet", re(`failed to parse kubelet flag|unknown flag: --|Flag --\S+ has been removed`), "the kubelet does not know a flag that it is started with: flags of an older version remained after an upgrade", "/var/lib/kubelet/kubeadm-flags.env and the unit's drop-ins", 0},
	{"SwapOn", "kubelet", re(`[Rr]unning with swap on is not supported`), "the kubelet does not start on a machine that swaps", "swapoff -a and /etc/fstab, or failSwapOn: false", 0},
	{"CgroupDriverMismatch", "kubelet", re(`kubelet cgroup driver: .* is different from docker cgroup driver|expected cgroupsPath to be of format \\*"?slice:prefix:name`), "the kubelet and the runtime use different cgroup drivers", "cgroupDriver of the kubelet, SystemdCgroup of the runtime: both systemd", 0},
	{"CgroupMissing", "kubelet", re(`Following Cgroup subsystem not mounted|cgroups?: cannot find cgroup mount|missing (?:required )?cgroups?:|configured to not run on a host using cgroup v1`), "the machine's cgroups are not those that the kubelet needs", "cgroup_enable=memory on the kernel's command line; cgroup v2 for v1.35 and later", 0},
	{"CRIUnimplemented", "kubelet", re(`unknown service runtime\.v1(?:alpha2)?\.(?:RuntimeService|ImageService)|CRI v1 (?:runtime|image) API is not implemented`), "the runtime speaks another version of the CRI, or its CRI plugin is switched off", "disabled_plugins in /etc/containerd/config.toml; the runtime's version", 0},
	{"Forbidden", "kubelet", re(`is forbidden: User \\*"(?:system:anonymous|system:bootstrap|system:node:[^"]*" cannot \w+ resource \\*"(?:nodes|leases|csinodes)\b)`), "the API server does not let the kubelet do what it has to", "the name in its certificate (system:node:NAME), --authorization-mode=Node,RBAC", 0},
	{"ResolvConfMissing", "kubelet", re(`open \S*resolv\.conf: no such file`), "the resolv.conf that the kubelet gives to pods is not there", "resolvConf in /var/lib/kubelet/config.yaml; systemd-resolved", 0},
	{"PLEGUnhealthy", "kubelet", re(`PLEG is not healthy: pleg was last seen active`), "the runtime answers too slowly for the kubelet to see its pods", "the runtime's log, disk latency, number of containers", 0},
	{"NameReserved", "containerd", re(`failed to reserve (?:container|sandbox) name|name (?:\\*"[^"]*" )?is reserved|The container name \S+ is already in use by container|requests that are timing out in CRI-O`), "the runtime is still busy with what the kubelet asks for again: it is slow, most often for the disk", "disk latency (iostat -x 1), pressure (kubectl nodehealth NODE), number of containers", 3},
	{"RuntimeDown", "kubelet", re(`container runtime is down|rpc error: code = Unavailable desc = connection error.*(?:containerd|crio|docker|dockerd|dockershim)\.sock`), "the container runtime does not answer", "systemctl status containerd (or crio, docker, cri-docker: the socket in the line)", 0},
	{"NetworkPluginNotReady", "kubelet", re(`NetworkPluginNotReady|cni plugin not initialized|no networks found in /etc/cni|failed to (?:setup|set up) network for sandbox|error adding pod \S+ to CNI network`), "the network plugin is missing or fails", "/etc/cni/net.d, the network plugin's pod on the node", 0},
	{"IPExhausted", "kubelet", re(`no IP addresses available in range|failed to allocate for range|failed to assign an IP address`), "the node's range of pod addresses is used up", "podCIDR and maxPods; leaked addresses in /var/lib/cni/networks", 0},
	{"SandboxImageMissing", "kubelet", re(`failed to get sandbox image|failed to pull image \\*"[^"]*pause`), "the pause image cannot be pulled, so no pod can start at all", "sandbox_image of the runtime; the way to its registry (k8s.gcr.io is frozen: registry.k8s.io)", 0},
	{"ImageGCFailed", "kubelet", re(`[Ff]ailed to garbage collect required amount of images`), "the disk for images is full, and no unused image is left to remove", "df -h; what else is on that disk", 0},
	{"ImagePullFailed", "kubelet", re(`Failed to pull image|ErrImagePull|toomanyrequests`), "images cannot be pulled", "the registry, pull secrets, rate limits", 0},
	{"NoSpace", "kubelet", re(`no space left on device`), "a disk, or its inodes, are full", "df -h; df -i; kubectl nodehealth (pressure)", 0},
	{"EvictionStarted", "kubelet", re(`eviction manager: (?:must evict|attempting to reclaim|pods .* evicted)|"Eviction manager: (?:must evict|attempting to reclaim)`), "the kubelet evicts pods to regain memory or disk", "the pressure conditions; requests and limits of the pods", 0},
	{"TooManyOpenFiles", "kubelet", re(`too many open files|inotify_add_watch.*no space left`), "limits on files or inotify watches are reached", "fs.inotify.max_user_instances, fs.file-max", 0},
	{"NoMoreProcesses", "kubelet", re(`failed to create new OS thread|fork/exec \S+: resource temporarily unavailable|fork rejected by pids controller`), "no process or thread can be started: the process ids of the machine, a cgroup or a unit have run out", "ps -eLf | wc -l; kernel.pid_max, podPidsLimit, TasksMax of the unit in the line", 0},
	{"MountFailed", "kubelet", re(`MountVolume\.(?:SetUp|MountDevice) failed|Unable to attach or mount volumes`), "volumes cannot be mounted, pods stay in ContainerCreating", "the CSI driver's pod on the node, VolumeAttachments", 3},
	{"OrphanedVolumes", "kubelet", re(`orphaned pod .* found, but`), "volumes of pods that are gone remain on the node", "/var/lib/kubelet/pods/UID/volumes", 0},
	{"NodeNotFound", "kubelet", re(`nodes? \\*"[^"]*" not found|Error getting (?:the current )?node\b`), "the node has not registered, its object was deleted, or its name changed", "the first error before these lines: the API server, the certificate, the hostname; restart the kubelet to register again", 5},
	{"ClockSkew", "kubelet", re(`clock skew|clock difference against peer|is not yet valid: current time \S+ is before`), "the node's clock is off", "chronyc tracking, timedatectl", 0},
	{"ShimGone", "containerd", re(`failed to (?:create|start) (?:containerd )?shim(?: task)?: [^O]|failed to start shim|error reading from shim|ttrpc: closed: unknown`), "a container's shim ended unexpectedly", "the runtime's log around the line; memory of the node", 0},
	{"RuncFailed", "containerd", re(`OCI runtime (?:create|exec) failed|runc (?:create|run) failed`), "the low-level runtime could not start a container", "the message behind it: cgroups, seccomp, AppArmor, missing files", 0},
	{"AppArmorNotLoaded", "kubelet", re(`Cannot enforce AppArmor|apparmor profile not found|AppArmor profile .* not loaded`), "a pod asks for an AppArmor profile that the node does not have, or AppArmor is off there", "load the profile on the node (apparmor_parser), or boot it with AppArmor", 0},
	{"HNSFailed", "kubelet", re(`HNS failed with error|hnsCall failed|Waiting for the Network to be created|subnet\.env: no such file`), "the Windows host network service or flannel has no network", "restart hns, kube-proxy and flannel; delete c:\\k\\SourceVip.json and flannel's files before rejoining", 0},
	{"EtcdSlow", "etcd", re(`apply request took too long|slow fdatasync|failed to send out heartbeat on time|etcdserver: request timed out|etcdserver: leader changed`), "etcd waits for its disk or its peers; everything that the API server does waits with it", "the disk under etcd's data (fio, iostat -x 1); etcd_disk_wal_fsync_duration_seconds", 3},
	{"EtcdFull", "etcd", re(`mvcc: database space exceeded`), "etcd has reached its quota: nothing can be written to the cluster any more", "etcdctl alarm list; compact, defrag, alarm disarm; --quota-backend-bytes", 0},
	heartbeatFails,
	kubeletFails,
}

// heartbeatFails is what a kubelet says each time that it cannot tell that it
// lives. It counts where no other signature knows the line's reason.
var heartbeatFails = Signature{"HeartbeatFails", "kubelet", re(`Error updating node status, will retry|[Uu]nable to update node status|[Ff]ailed to (?:update|ensure) (?:node )?lease`), "the kubelet cannot renew its lease or post its status: the node becomes NotReady", "the error at the end of the line; restarting the kubelet helps where it holds on to a dead connection", 3}

// kubeletFails is what a kubelet says of any start that fails. The line has the
// reason, so it is a hit only where no other signature knows it.
var kubeletFails = Signature{"KubeletFails", "kubelet", re(`[Ff]ailed to run [Kk]ubelet|"Failed to start ContainerManager"|Failed to start cAdvisor`), "the kubelet does not start", "the reason at the end of the line", 0}

var registered = re(`Successfully registered node`)

func re(s string) *lazyregexp.Regexp { return lazyregexp.New(s) }

// Hit is a signature that was found.
type Hit struct {
	Name  string    `json:"name"`
	Unit  string    `json:"unit"`
	Means string    `json:"means"`
	Next  string    `json:"next"`
	Count int       `json:"count"`
	First time.Time `json:"first,omitzero"`
	Last  time.Time `json:"last,omitzero"`
	// Example is the newest line, and At where in it the signature stands.
	Example string `json:"example"`
	At      int    `json:"-"`
}

// Excerpt is what fits n bytes of the newest line, with the signature in it: a
// line's head tells least, and its reason stands at the end.
func (h *Hit) Excerpt(n int) string {
	text := h.Example
	if len(text) > n && h.At > n/4 {
		from := min(h.At-n/4, len(text)-n)
		if sp := strings.IndexByte(text[from:h.At], ' '); sp >= 0 {
			from += sp + 1
		}
		text = "... " + text[from:]
	}
	if len(text) > n {
		text = text[:n-4] + " ..."
	}
	return strings.ToValidUTF8(text, "")
}

// Scanner counts signatures over records.
type Scanner struct {
	hits  map[string]*Hit
	lines int
}

// Add looks at one record.
func (s *Scanner) Add(r Record) {
	s.lines++
	if registered.MatchString(r.Raw) {
		delete(s.hits, "NodeNotFound") // every kubelet says it until it has registered
	}
	known := false
	for _, sig := range Signatures {
		at := sig.Pattern.FindStringIndex(r.Raw)
		if at == nil || known && sig.Name == heartbeatFails.Name {
			continue
		}
		known = true
		h := s.hits[sig.Name]
		if h == nil {
			if s.hits == nil {
				s.hits = map[string]*Hit{}
			}
			h = &Hit{Name: sig.Name, Unit: sig.Unit, Means: sig.Means, Next: sig.Next}
			s.hits[sig.Name] = h
		}
		h.Count++
		if !r.Time.IsZero() {
			if h.First.IsZero() || r.Time.Before(h.First) {
				h.First = r.Time
			}
			if r.Time.After(h.Last) {
				h.Last = r.Time
			}
		}
		h.Example, h.At = r.Raw, at[0]
	}
}

// Hits are the signatures found, in the order of the table. Where half of the
// lines say it, a few are enough: somebody cut out what matters.
func (s *Scanner) Hits() []Hit {
	out := []Hit{}
	for _, sig := range Signatures {
		if h := s.hits[sig.Name]; h != nil && (h.Count >= sig.Min || 2*h.Count >= s.lines) {
			if sig.Name == kubeletFails.Name && slices.ContainsFunc(out, func(h Hit) bool { return h.Unit == kubeletFails.Unit }) {
				continue
			}
			out = append(out, *h)
		}
	}
	return out
}
