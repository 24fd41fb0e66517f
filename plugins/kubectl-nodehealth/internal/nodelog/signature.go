package nodelog

import (
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
	{"KernelOops", "kernel", re(`BUG: unable to handle|Oops: \d+|kernel BUG at|divide error: 0000`), "a bug in the kernel or a module", "the trace that follows; reboot, update the kernel", 0},
	{"SoftLockup", "kernel", re(`soft lockup - CPU#\d+ stuck|rcu_sched (?:self-)?detected stalls?`), "a CPU did not schedule for many seconds: kernel bug, or a starved virtual machine", "steal time of the virtual machine; the trace that follows", 0},
	{"FilesystemError", "kernel", re(`EXT4-fs error|XFS .*(?:Corruption|Shutting down)|Remounting filesystem read-only|BTRFS error`), "a file system is damaged or became read-only", "fsck or replace the disk; drain the node", 0},
	{"IOError", "kernel", re(`Buffer I/O error|blk_update_request: .*I/O error|I/O error, dev \S+`), "a disk does not answer as it should", "smartctl, the cloud's disk events", 0},
	{"HardwareError", "kernel", re(`\[Hardware Error\]|mce: \[Hardware|EDAC .*(?:CE|UE) `), "the hardware reports errors", "the machine's event log; replace the part", 0},
	{"NfsNotResponding", "kernel", re(`nfs: server \S+ not responding`), "a network file system hangs; the kubelet's syncloop may hang with it", "the NFS server; pods that mount it", 0},
	{"ConntrackFull", "kernel", re(`nf_conntrack: .*table full, dropping packet`), "connections are dropped because the connection table is full", "net.netfilter.nf_conntrack_max, kube-proxy's conntrack settings", 0},
	{"CertificateExpired", "kubelet", re(`x509: certificate has expired or is not yet valid|certificate has expired`), "a certificate expired, or the clock is wrong", "kubectl certgen expiry; the node's clock", 0},
	{"Unauthorized", "kubelet", re(`err="Unauthorized"|: Unauthorized$`), "the API server does not accept the kubelet's credentials", "/var/lib/kubelet/pki, pending CSRs", 0},
	{"APIServerRefused", "kubelet", re(`dial tcp \S+:\d+: (?:connect: connection refused|i/o timeout|connect: no route to host|connectex: )|net/http: TLS handshake timeout`), "the kubelet cannot reach the API server (or another address in the line)", "the address in the line: load balancer, firewall, control plane", 0},
	{"KubeletNotConfigured", "kubelet", re(`failed to (?:load|read) [Kk]ubelet config file`), "the kubelet has no configuration: kubeadm init or join has not run here, or did not get that far", "kubeadm's own output; ls /var/lib/kubelet/config.yaml", 0},
	{"BootstrapMissing", "kubelet", re(`unable to load bootstrap kubeconfig|bootstrap client certificate in .* is expired`), "the kubelet's kubeconfig or client certificate is missing or expired, and it has nothing to ask for a new one with", "openssl x509 -enddate -noout -in /var/lib/kubelet/pki/kubelet-client-current.pem; join again, or make a new kubelet.conf", 0},
	{"UnknownFlag", "kubelet", re(`failed to parse kubelet flag|unknown flag: --|Flag --\S+ has been removed`), "the kubelet does not know a flag that it is started with: flags of an older version remained after an upgrade", "/var/lib/kubelet/kubeadm-flags.env and the unit's drop-ins", 0},
	{"SwapOn", "kubelet", re(`running with swap on is not supported`), "the kubelet does not start on a machine that swaps", "swapoff -a and /etc/fstab, or failSwapOn: false", 0},
	{"CgroupDriverMismatch", "kubelet", re(`kubelet cgroup driver: .* is different from docker cgroup driver|expected cgroupsPath to be of format "?slice:prefix:name`), "the kubelet and the runtime use different cgroup drivers", "cgroupDriver of the kubelet, SystemdCgroup of the runtime: both systemd", 0},
	{"CgroupMissing", "kubelet", re(`Following Cgroup subsystem not mounted|cgroups?: cannot find cgroup mount|missing (?:required )?cgroups?:|configured to not run on a host using cgroup v1`), "the machine's cgroups are not those that the kubelet needs", "cgroup_enable=memory on the kernel's command line; cgroup v2 for v1.35 and later", 0},
	{"CRIUnimplemented", "kubelet", re(`unknown service runtime\.v1(?:alpha2)?\.(?:RuntimeService|ImageService)|CRI v1 (?:runtime|image) API is not implemented`), "the runtime speaks another version of the CRI, or its CRI plugin is switched off", "disabled_plugins in /etc/containerd/config.toml; the runtime's version", 0},
	{"Forbidden", "kubelet", re(`is forbidden: User \\*"(?:system:anonymous|system:bootstrap|system:node:[^"]*" cannot \w+ resource \\*"(?:nodes|leases|csinodes)\b)`), "the API server does not let the kubelet do what it has to", "the name in its certificate (system:node:NAME), --authorization-mode=Node,RBAC", 0},
	{"ResolvConfMissing", "kubelet", re(`open \S*resolv\.conf: no such file`), "the resolv.conf that the kubelet gives to pods is not there", "resolvConf in /var/lib/kubelet/config.yaml; systemd-resolved", 0},
	{"PLEGUnhealthy", "kubelet", re(`PLEG is not healthy: pleg was last seen active`), "the runtime answers too slowly for the kubelet to see its pods", "the runtime's log, disk latency, number of containers", 0},
	{"RuntimeDown", "kubelet", re(`container runtime is down|rpc error: code = Unavailable desc = connection error.*(?:containerd|crio)\.sock`), "the container runtime does not answer", "systemctl status containerd", 0},
	{"NetworkPluginNotReady", "kubelet", re(`NetworkPluginNotReady|cni plugin not initialized|no networks found in /etc/cni|failed to (?:setup|set up) network for sandbox`), "the network plugin is missing or fails", "/etc/cni/net.d, the network plugin's pod on the node", 0},
	{"IPExhausted", "kubelet", re(`no IP addresses available in range|failed to allocate for range|failed to assign an IP address`), "the node's range of pod addresses is used up", "podCIDR and maxPods; leaked addresses in /var/lib/cni/networks", 0},
	{"SandboxImageMissing", "kubelet", re(`failed to get sandbox image|failed to pull image \\*"[^"]*pause`), "the pause image cannot be pulled, so no pod can start at all", "sandbox_image of the runtime; the way to its registry (k8s.gcr.io is frozen: registry.k8s.io)", 0},
	{"ImageGCFailed", "kubelet", re(`[Ff]ailed to garbage collect required amount of images`), "the disk for images is full, and no unused image is left to remove", "df -h; what else is on that disk", 0},
	{"ImagePullFailed", "kubelet", re(`Failed to pull image|ErrImagePull|toomanyrequests`), "images cannot be pulled", "the registry, pull secrets, rate limits", 0},
	{"NoSpace", "kubelet", re(`no space left on device`), "a disk, or its inodes, are full", "df -h; df -i; kubectl nodehealth (pressure)", 0},
	{"EvictionStarted", "kubelet", re(`eviction manager: (?:must evict|attempting to reclaim|pods .* evicted)|"Eviction manager: (?:must evict|attempting to reclaim)`), "the kubelet evicts pods to regain memory or disk", "the pressure conditions; requests and limits of the pods", 0},
	{"TooManyOpenFiles", "kubelet", re(`too many open files|inotify_add_watch.*no space left`), "limits on files or inotify watches are reached", "fs.inotify.max_user_instances, fs.file-max", 0},
	{"MountFailed", "kubelet", re(`MountVolume\.(?:SetUp|MountDevice) failed|Unable to attach or mount volumes`), "volumes cannot be mounted, pods stay in ContainerCreating", "the CSI driver's pod on the node, VolumeAttachments", 0},
	{"OrphanedVolumes", "kubelet", re(`orphaned pod .* found, but`), "volumes of pods that are gone remain on the node", "/var/lib/kubelet/pods/UID/volumes", 0},
	{"NodeNotFound", "kubelet", re(`nodes? \\*"[^"]*" not found|Error getting (?:the current )?node\b`), "the node has not registered, its object was deleted, or its name changed", "the first error before these lines: the API server, the certificate, the hostname; restart the kubelet to register again", 5},
	{"ClockSkew", "kubelet", re(`clock skew|certificate .* not yet valid`), "the node's clock is off", "chronyc tracking, timedatectl", 0},
	{"ShimGone", "containerd", re(`failed to (?:create|start) (?:containerd )?shim|error reading from shim|ttrpc: closed: unknown`), "a container's shim ended unexpectedly", "the runtime's log around the line; memory of the node", 0},
	{"RuncFailed", "containerd", re(`OCI runtime (?:create|exec) failed|runc (?:create|run) failed`), "the low-level runtime could not start a container", "the message behind it: cgroups, seccomp, AppArmor, missing files", 0},
	{"AppArmorNotLoaded", "kubelet", re(`Cannot enforce AppArmor|apparmor profile not found|AppArmor profile .* not loaded`), "a pod asks for an AppArmor profile that the node does not have, or AppArmor is off there", "load the profile on the node (apparmor_parser), or boot it with AppArmor", 0},
	{"HNSFailed", "kubelet", re(`HNS failed with error|hnsCall failed|Waiting for the Network to be created|subnet\.env: no such file`), "the Windows host network service or flannel has no network", "restart hns, kube-proxy and flannel; delete c:\\k\\SourceVip.json and flannel's files before rejoining", 0},
}

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
	// Example is the newest line.
	Example string `json:"example"`
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
	for _, sig := range Signatures {
		if !sig.Pattern.MatchString(r.Raw) {
			continue
		}
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
		h.Example = r.Raw
	}
}

// Hits are the signatures found, in the order of the table. Where half of the
// lines say it, a few are enough: somebody cut out what matters.
func (s *Scanner) Hits() []Hit {
	out := []Hit{}
	for _, sig := range Signatures {
		if h := s.hits[sig.Name]; h != nil && (h.Count >= sig.Min || 2*h.Count >= s.lines) {
			out = append(out, *h)
		}
	}
	return out
}
