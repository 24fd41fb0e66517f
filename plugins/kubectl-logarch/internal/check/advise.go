package check

import "github.com/clusterwright/kubectl-plugins/shared/finding"

const (
	docsLogRotation = "https://kubernetes.io/docs/concepts/cluster-administration/logging/#log-rotation"
	docsEphemeral   = "https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#local-ephemeral-storage"
)

// The rules of advise.
var (
	ContainerLayer = finding.Rule{ID: "LA101", Title: "a log file in the container's own layer", Severity: finding.Error, Heuristic: true,
		Rationale: "The file is on no volume: it is deleted when the container restarts, so the lines before a crash are gone when somebody looks for them. kubectl logs never shows them, no agent on the node finds them, and they count toward the pod's ephemeral storage.",
		Remedy:    "log to stdout, or: kubectl logarch inject -f FILE --log PATH", Source: "the handbook, Logging Architecture", Docs: docsArchitecture}
	Unshipped = finding.Rule{ID: "LA102", Title: "a log file that nobody reads", Severity: finding.Warning, Heuristic: true,
		Rationale: "The file is on a volume, but no container of the pod streams it or ships it. kubectl logs does not show it; an emptyDir goes with the pod.",
		Remedy:    "kubectl logarch inject -f FILE --log PATH", Source: "the handbook, Logging Architecture", Docs: docsArchitecture}
	TailDescriptor = finding.Rule{ID: "LA103", Title: "tail -f follows the file that was renamed", Severity: finding.Error,
		Rationale: "tail -f holds on to the file it opened. After the first rotation by rename it waits at the end of the old file for ever, and everything from then on is lost without an error. It also ends at once when the file is not there yet.",
		Remedy:    "kubectl logarch inject makes a tailer that survives rotation; 'tail -n+1 -F' is the least", Source: "POSIX tail; wazuh-docker#519, website#18060; kubectl logarch simulate --compare shows it", Docs: docsArchitecture}
	TailName = finding.Rule{ID: "LA104", Title: "tail -F loses the last lines", Severity: finding.Warning,
		Rationale: "As the first process of its container tail -F ignores SIGTERM, so the pod takes the whole grace period to go; busybox's misses a file that is rotated twice within a second, and half of one that was truncated and outgrew its old size.",
		Remedy:    "kubectl logarch inject makes a tailer that loses none of these", Source: "helm-nifi#158, cass-operator#325; kubectl logarch simulate --compare shows it", Docs: docsArchitecture}
	EndOfLife = finding.Rule{ID: "LA105", Title: "a log agent that is no longer maintained", Severity: finding.Error,
		Rationale: "No fixes come any more, for security either, and newer container runtimes and servers are not followed.",
		Remedy:    "move to a maintained agent: kubectl logarch agent NAME writes the manifests", Source: "the projects' announcements (see the evidence)", Docs: docsArchitecture}
	FluentdV012 = finding.Rule{ID: "LA106", Title: "configuration of fluentd 0.12", Severity: finding.Error,
		Rationale: "Directives without @ (type tail, format none, id x) are those of fluentd 0.12, out of maintenance since 2019. fluentd 1 takes some of them with warnings and drops others; the handbook's own example was of this kind.",
		Remedy:    "write @type, <parse> and <match **> with @type; kubectl logarch inject --mode agent --agent fluentd makes a current one", Source: "docs.fluentd.org, update from v0.12", Docs: "https://docs.fluentd.org/quickstart/update-from-v0.12"}
	BlindToRotated = finding.Rule{ID: "LA107", Title: "the agent never sees rotated files", Severity: finding.Warning,
		Rationale: "/var/log/containers/*.log are links to the live files only. When the kubelet rotates while the agent is down, slow or throttled, what is in the rotated file is not read.",
		Remedy:    "read /var/log/pods/*/*/*.log* (without the .gz), or make sure that the agent keeps the old file open until its end", Source: "pkg/kubelet/logs of Kubernetes; beats#47336", Docs: docsLogRotation}
	NoCRIParser = finding.Rule{ID: "LA108", Title: "the agent does not take the runtime's format off", Severity: finding.Warning,
		Rationale: "containerd and CRI-O write \"TIME stream P|F text\". An agent that expects Docker's JSON, or nothing, ships that prefix as part of the message and does not join lines that the runtime split at 16 KiB.",
		Remedy:    "fluent-bit: multiline.parser cri; fluentd: @type cri; vector: kubernetes_logs; filebeat: parsers container; otel: the container operator", Source: "the Container Runtime Interface's log format, KEP-1382", Docs: docsArchitecture}
	DoubleShipping = finding.Rule{ID: "LA109", Title: "the same lines are shipped twice", Severity: finding.Warning, Heuristic: true,
		Rationale: "One sidecar streams the file to its stdout, where the node's agent picks it up, and another sidecar ships the same file itself: every line is paid for and alerted on twice.",
		Remedy:    "keep one of the two", Source: "the handbook, Logging Architecture", Docs: docsArchitecture}
	JobNeverDone = finding.Rule{ID: "LA110", Title: "a sidecar that keeps the Job from finishing", Severity: finding.Error,
		Rationale: "A Job is done when all of its pod's containers have ended. A log sidecar among the containers never ends, so the Job runs until its deadline, and the CronJob's next runs wait or pile up.",
		Remedy:    "make it a native sidecar (initContainers with restartPolicy: Always, Kubernetes 1.29 and later): kubectl logarch inject does", Source: "KEP-753; kubernetes#25908", Docs: docsSidecar}
	CopyTruncate = finding.Rule{ID: "LA111", Title: "rotation by copytruncate", Severity: finding.Warning,
		Rationale: "Lines written between the copy and the truncation are lost by design, and readers that hold the file lose what they had not read yet or read the copy again.",
		Remedy:    "rotate by rename and let the application open its log again (create, postrotate kill -HUP); kubectl logarch inject --mode rotate", Source: "logrotate(8); beats#39731, otel-contrib#43693", Docs: docsLogRotation}
	NoRequests = finding.Rule{ID: "LA112", Title: "a log sidecar without requests", Severity: finding.Warning,
		Rationale: "A HorizontalPodAutoscaler on cpu or memory stops with \"missing request for cpu\" where one container has none, and the scheduler does not count the sidecar.",
		Remedy:    "give it requests for cpu and memory, and a memory limit", Source: "kubernetes#79365, linkerd2#1480", Docs: "https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/"}
	NoPosition = finding.Rule{ID: "LA113", Title: "the agent forgets where it was", Severity: finding.Warning,
		Rationale: "Without a position file on a volume, a restart of the agent reads everything again or, worse, begins at the end: what was written in between is lost.",
		Remedy:    "fluent-bit: DB; fluentd: pos_file; filebeat, vector: their data directory; otel: file_storage; on a hostPath or an emptyDir", Source: "the agents' references", Docs: docsArchitecture}
	FromTheEnd = finding.Rule{ID: "LA114", Title: "the agent begins at the end of new files", Severity: finding.Warning,
		Rationale: "The agent's default is to begin at the end of a file it did not know. The first lines of each container, often the ones that tell why it failed, are lost.",
		Remedy:    "fluent-bit: Read_from_Head On; fluentd: read_from_head true; otel: start_at: beginning", Source: "the agents' references; logging-operator", Docs: docsArchitecture}
	Unbounded = finding.Rule{ID: "LA115", Title: "a log volume without a limit", Severity: finding.Warning,
		Rationale: "Nothing rotates a file in an emptyDir unless somebody sets it up. It grows until the node is under disk pressure, and then pods are evicted that may have nothing to do with it.",
		Remedy:    "set emptyDir.sizeLimit and rotate: kubectl logarch inject -f FILE --log PATH --rotate", Source: "the kubelet's eviction manager", Docs: docsEphemeral}
	ShortMemory = finding.Rule{ID: "LA116", Title: "kubectl logs reaches back only minutes", Severity: finding.Warning,
		Rationale: "kubectl logs shows the newest file only. At the measured rate that file is full, and begun anew, within minutes: right after a rotation there is nothing to see.",
		Remedy:    "raise containerLogMaxSize in the kubelet's configuration, log less, or ship the logs", Source: "the handbook, log rotation", Docs: docsLogRotation}
	LogsEvict = finding.Rule{ID: "LA117", Title: "the logs alone can evict the pod", Severity: finding.Warning,
		Rationale: "Container logs count toward the ephemeral-storage limit. What the kubelet keeps of this pod's logs (containerLogMaxSize times containerLogMaxFiles a container) is more than the limit allows.",
		Remedy:    "raise the limits for ephemeral-storage by the size of the logs", Source: "kubernetes#124333; the kubelet's eviction manager", Docs: docsEphemeral}
	NobodyShips = finding.Rule{ID: "LA118", Title: "no agent ships the logs of this node", Severity: finding.Info, Heuristic: true,
		Rationale: "No DaemonSet that reads the nodes' /var/log was found. The logs then live on one node's disk only: a deleted pod takes them along, and so does the loss of the node.",
		Remedy:    "kubectl logarch agent otel writes the manifests of a node agent", Source: "the handbook, cluster-level logging", Docs: docsArchitecture}
	NotEverywhere = finding.Rule{ID: "LA119", Title: "the agent does not run on every node", Severity: finding.Warning,
		Rationale: "The DaemonSet does not tolerate all taints: on control-plane nodes, and on nodes that are tainted for a purpose, nobody reads the logs.",
		Remedy:    "tolerations: [{operator: Exists}]", Source: "k8s.io/api/core/v1 Toleration", Docs: "https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/"}
	DanglingLinks = finding.Rule{ID: "LA120", Title: "the agent mounts links without what they lead to", Severity: finding.Error,
		Rationale: "The files in /var/log/containers are links into /var/log/pods. The agent mounts the first and not the second: every link is broken and no log is read.",
		Remedy:    "mount /var/log (read-only)", Source: "pkg/kubelet/kuberuntime of Kubernetes", Docs: docsArchitecture}
	SkipsLongLines = finding.Rule{ID: "LA121", Title: "a long line stops the file", Severity: finding.Warning,
		Rationale: "fluent-bit's tail stops reading a file for good at a line longer than Buffer_Max_Size (32 KiB) unless Skip_Long_Lines is on.",
		Remedy:    "Skip_Long_Lines On, and a larger Buffer_Max_Size", Source: "docs.fluentbit.io, tail", Docs: "https://docs.fluentbit.io/manual/pipeline/inputs/tail"}
)

// Advise is the rules of advise, in order.
var Advise = []finding.Rule{
	ContainerLayer, Unshipped, TailDescriptor, TailName, EndOfLife, FluentdV012, BlindToRotated, NoCRIParser, DoubleShipping, JobNeverDone,
	CopyTruncate, NoRequests, NoPosition, FromTheEnd, Unbounded, ShortMemory, LogsEvict, NobodyShips, NotEverywhere, DanglingLinks, SkipsLongLines,
}
