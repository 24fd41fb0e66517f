package check

import "github.com/clusterwright/kubectl-plugins/shared/finding"

const (
	docsArchitecture = "https://kubernetes.io/docs/concepts/cluster-administration/logging/"
	docsSidecar      = "https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/"
	docsPodSecurity  = "https://kubernetes.io/docs/concepts/security/pod-security-standards/"
	docsSecurityCtx  = "https://kubernetes.io/docs/tasks/configure-pod-container/security-context/"
)

// The rules of inject. Those of severity error make it refuse a document.
var (
	NotAPod = finding.Rule{ID: "LA001", Title: "not a pod that the API server would take", Severity: finding.Error,
		Rationale: "The pod template does not decode into the types of Kubernetes: the API server would refuse it before and after. Nothing is added to what is already broken.",
		Remedy:    "mend the manifest: kubectl apply --dry-run=server -f FILE tells what is wrong", Source: "k8s.io/api/core/v1", Docs: "https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/"}
	NoContainer = finding.Rule{ID: "LA002", Title: "no such container", Severity: finding.Error,
		Rationale: "--container names a container that the pod does not have, so that it is not known who writes the log file.",
		Remedy:    "name one of the pod's containers", Source: "the manifest itself", Docs: docsArchitecture}
	HidesImage = finding.Rule{ID: "LA003", Title: "the log volume would hide files of the image", Severity: finding.Error,
		Rationale: "A volume mounted on a directory hides what the image has there. nginx does not start without /var/log/nginx; a volume on /var/log takes it away.",
		Remedy:    "name a log file in a directory of its own, or pass --copy-existing to fill the volume with what the image has", Source: "the images' Dockerfiles; knative/serving#3809, airflow-helm#571", Docs: "https://kubernetes.io/docs/concepts/storage/volumes/#emptydir"}
	HidesProgram = finding.Rule{ID: "LA004", Title: "the log directory may hold the program", Severity: finding.Error, Heuristic: true,
		Rationale: "No volume covers the log's directory, so one has to be mounted there. The directory is a system directory, or the container's working directory, or nothing in its name says that it holds logs only: the volume could hide the program, and the container would not start.",
		Remedy:    "let the application write to a directory of its own, or pass --assume-empty if the image has nothing there, or --copy-existing to keep what it has", Source: "the mount semantics of the kubelet", Docs: "https://kubernetes.io/docs/concepts/storage/volumes/#emptydir"}
	AlreadyStdout = finding.Rule{ID: "LA005", Title: "the log is on stdout already", Severity: finding.Error,
		Rationale: "The image links this file to stdout or stderr: kubectl logs shows it without a sidecar. A volume on the directory would replace the link by a file and take the stream away from kubectl logs.",
		Remedy:    "leave this file out: kubectl logs shows it", Source: "the images' Dockerfiles; ingress-nginx#3583", Docs: docsArchitecture}
	NotWritable = finding.Rule{ID: "LA006", Title: "the volume cannot hold a log", Severity: finding.Error,
		Rationale: "The volume that covers the path is of a kind that the application cannot write to (configMap, secret, projected, downwardAPI, image), or it is mounted read-only.",
		Remedy:    "give the path of a file that the application writes, or mount a writable volume there", Source: "k8s.io/api/core/v1 VolumeSource", Docs: "https://kubernetes.io/docs/concepts/storage/volumes/"}
	SubPathExpr = finding.Rule{ID: "LA007", Title: "subPathExpr with variables that the sidecar cannot have", Severity: finding.Error,
		Rationale: "The mount's subPathExpr is made of environment variables of the application. The sidecar needs the same values to mount the same directory; only variables with a fixed value or from the downward API can be given to it.",
		Remedy:    "take the variables from the downward API (fieldRef) or use subPath", Source: "k8s.io/api/core/v1 VolumeMount", Docs: "https://kubernetes.io/docs/concepts/storage/volumes/#using-subpath-expanded-environment"}
	Windows = finding.Rule{ID: "LA008", Title: "a Windows pod", Severity: finding.Error,
		Rationale: "The tailer is a POSIX shell script and its image is a Linux image.", Remedy: "use a node agent: kubectl logarch agent", Source: "k8s.io/api/core/v1 PodOS", Docs: "https://kubernetes.io/docs/concepts/windows/intro/"}
	JobNeverEnds = finding.Rule{ID: "LA009", Title: "a Job that could not end", Severity: finding.Error,
		Rationale: "A plain sidecar keeps a Job's pod running after the work is done. Without native sidecars the tailer must see the pod's processes to know that the application has ended, and this pod forbids that (shareProcessNamespace: false, or the host's process namespace).",
		Remedy:    "use native sidecars (--native true, Kubernetes 1.29 and later) or allow shareProcessNamespace", Source: "KEP-753; kubernetes#25908", Docs: docsSidecar}
	LowersSecurity = finding.Rule{ID: "LA010", Title: "the pod would meet a lower Pod Security Standard", Severity: finding.Error,
		Rationale: "The namespace may enforce the level that the pod meets now; the pod with the sidecar would not be admitted any more.",
		Remedy:    "see the evidence for the field; --run-as-user N chooses a user that the level allows", Source: "k8s.io/pod-security-admission", Docs: docsPodSecurity}
	NameTaken = finding.Rule{ID: "LA011", Title: "the name is taken", Severity: finding.Error,
		Rationale: "A container of the pod has the name that --log NAME=PATH asks for. Names that are not asked for are chosen so that they are free.",
		Remedy:    "choose another name", Source: "k8s.io/api/core/v1", Docs: docsArchitecture}
	NotEditable = finding.Rule{ID: "LA012", Title: "YAML that cannot be edited safely", Severity: finding.Error,
		Rationale: "The document uses a part of YAML that the text editor does not handle. It is refused rather than changed in a way that was not proved.",
		Remedy:    "rewrite the place in block style", Source: "YAML 1.2", Docs: "https://yaml.org/spec/1.2.2/"}
	NotProved = finding.Rule{ID: "LA013", Title: "the edit could not be proved", Severity: finding.Error,
		Rationale: "Before anything is written the result is read again: everything that was there must be there, unchanged, and taking the injection out must give the same bytes. For this document that failed, so nothing was written.",
		Remedy:    "please report the manifest; writing it in plain block style helps until then", Source: "the editor's own proof", Docs: docsArchitecture}
	FileMount = finding.Rule{ID: "LA014", Title: "the log file itself is a mount", Severity: finding.Warning,
		Rationale: "The file is mounted by itself (subPath). The container cannot rename it, so only rotation by truncation works, and the sidecar sees the file that was there when it started.",
		Remedy:    "mount the directory instead of the file", Source: "k8s.io/api/core/v1 VolumeMount", Docs: "https://kubernetes.io/docs/concepts/storage/volumes/#using-subpath"}
	ImmutableObject = finding.Rule{ID: "LA015", Title: "the object cannot be changed in the cluster", Severity: finding.Warning,
		Rationale: "Containers of a running Pod and the template of a Job cannot be changed: the manifest has to be deleted and created again (kubectl replace --force).",
		Remedy:    "change what makes the pod (its Deployment, its manifest), or kubectl replace --force -f -", Source: "the validation of the API server", Docs: "https://kubernetes.io/docs/concepts/workloads/pods/#pod-update-and-replacement"}
	DuplicateKey = finding.Rule{ID: "LA016", Title: "a key that is written twice", Severity: finding.Warning,
		Rationale: "YAML forbids two equal keys in a map, and JSON leaves open what they mean. kubectl sends the last one and says nothing, kustomize refuses the file. What stands under the first one has no effect, so a volume or a container that seems to be there is not.",
		Remedy:    "write the key once, with what belongs under it", Source: "YAML 1.2.2, 3.2.1.1; sigs.k8s.io/yaml, YAMLToJSON", Docs: "https://yaml.org/spec/1.2.2/#3211-nodes"}
	AliasExpanded = finding.Rule{ID: "LA020", Title: "an alias was expanded", Severity: finding.Info,
		Rationale: "The place to change is shared with another one through a YAML anchor. A change there would reach the other place too, so the alias became a comment, followed by a copy of what it stands for. eject brings it back.",
		Source:    "YAML 1.2, 7.1", Docs: "https://yaml.org/spec/1.2.2/#71-alias-nodes"}
	UnknownUser = finding.Rule{ID: "LA021", Title: "the user that writes the log is not known", Severity: finding.Info,
		Rationale: "Neither the manifest nor the table of known images says as which user the application runs. The tailer runs as uid 65534 and reads files that are readable by all, which is what umask 022 gives (0644). A file with mode 0600 or 0640 it cannot read; it says so in its own log.",
		Remedy:    "if the application writes 0600 or 0640, pass --run-as-user UID of the application", Source: "logging-operator#972, vertica-kubernetes#1401", Docs: docsSecurityCtx}
	UnknownImage = finding.Rule{ID: "LA022", Title: "what the image has in the log directory is not known", Severity: finding.Info, Heuristic: true,
		Rationale: "A new volume is mounted on the log's directory and hides what the image has there. The image is not in the table of known images.",
		Remedy:    "look: docker run --rm --entrypoint ls IMAGE -la DIRECTORY; or pass --copy-existing", Source: "the mount semantics of the kubelet", Docs: "https://kubernetes.io/docs/concepts/storage/volumes/#emptydir"}
	QoSKept = finding.Rule{ID: "LA023", Title: "the pod's QoS class", Severity: finding.Info,
		Rationale: "The class decides who is evicted first under pressure. A Guaranteed pod stays Guaranteed only if every container has limits equal to its requests, so the sidecar gets them; a BestEffort pod becomes Burstable by the sidecar's requests, which is better for it.",
		Source:    "k8s.io/kubernetes/pkg/apis/core/v1/helper/qos", Docs: "https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/"}
	HPAUtilisation = finding.Rule{ID: "LA024", Title: "an autoscaler measures the sidecar too", Severity: finding.Warning,
		Rationale: "A HorizontalPodAutoscaler with a Resource metric divides the usage of all containers by the requests of all containers. A container without a request stops it altogether (missing request for cpu).",
		Remedy:    "use a ContainerResource metric that names the application's container", Source: "kubernetes#79365, linkerd2#1480", Docs: "https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#container-resource-metrics"}
	ShortGrace = finding.Rule{ID: "LA025", Title: "a short grace period", Severity: finding.Warning,
		Rationale: "A native sidecar is told to stop after the application has stopped, within the pod's grace period. Where the application uses all of it, the sidecar is killed and the last lines are lost.",
		Remedy:    "give terminationGracePeriodSeconds a few seconds more than the application needs", Source: "KEP-753", Docs: docsSidecar}
	PlainSidecar = finding.Rule{ID: "LA026", Title: "a plain sidecar", Severity: finding.Warning,
		Rationale: "The target version has no native sidecars, or the kind takes none. The tailer gets SIGTERM at the same time as the application; it goes on until the log was quiet for five seconds. In a Job it sees the pod's processes (shareProcessNamespace) and ends when no other is left.",
		Remedy:    "use native sidecars where every kubelet is 1.29 or later", Source: "KEP-753", Docs: docsSidecar}
	Reinjected = finding.Rule{ID: "LA027", Title: "an earlier injection was replaced", Severity: finding.Info,
		Rationale: "The workload had an injection with other options. It was taken out first, so that nothing is there twice.", Source: "the receipt in the pod's annotations", Docs: docsArchitecture}
	ReadOnlyRoot = finding.Rule{ID: "LA028", Title: "read-only root file system", Severity: finding.Info,
		Rationale: "The container's root file system is read-only: without a volume on the directory the application could not have written this file. It can now.", Source: "k8s.io/api/core/v1 SecurityContext", Docs: docsSecurityCtx}
	SharedClaim = finding.Rule{ID: "LA029", Title: "the volume may be shared between pods", Severity: finding.Warning,
		Rationale: "Several replicas mount the same claim, or the same directory of their node: each tailer would ship the lines of all pods that write to the file.",
		Remedy:    "let each pod write to a file or a subPath of its own, or to an emptyDir", Source: "k8s.io/api/core/v1 PersistentVolumeClaimVolumeSource", Docs: "https://kubernetes.io/docs/concepts/storage/persistent-volumes/"}
	ForeignKind = finding.Rule{ID: "LA030", Title: "a kind that is not Kubernetes' own", Severity: finding.Info,
		Rationale: "The kind is defined by somebody else and has a pod template in the usual place. Whether its controller passes all of it on is not known here.", Source: "the manifest itself", Docs: docsArchitecture}
	DiskDoubles = finding.Rule{ID: "LA031", Title: "the log is on the node's disk twice", Severity: finding.Info,
		Rationale: "Once in the volume, once in the container log that the runtime writes for the sidecar's stdout. Both count toward the pod's ephemeral storage; the kubelet rotates only the second.",
		Remedy:    "rotate the file too (logarch inject --rotate), or let the application log to stdout", Source: "the handbook, Logging Architecture; kubernetes#124333", Docs: docsArchitecture}
	MemoryVolume = finding.Rule{ID: "LA032", Title: "the log is in memory", Severity: finding.Warning,
		Rationale: "The volume is an emptyDir with medium Memory: the log counts toward the memory of the containers, and grows until one of them is killed.",
		Remedy:    "use an emptyDir on disk, or rotate the file", Source: "k8s.io/api/core/v1 EmptyDirVolumeSource", Docs: "https://kubernetes.io/docs/concepts/storage/volumes/#emptydir"}
	ModeUnreadable = finding.Rule{ID: "LA033", Title: "only the application's user can read the log", Severity: finding.Info,
		Rationale: "The application is known to write its log with a mode that others cannot read. The sidecar runs as the same user.", Source: "the image's entry point", Docs: docsSecurityCtx}
	NewEmptyDir = finding.Rule{ID: "LA034", Title: "the log leaves the container layer", Severity: finding.Info,
		Rationale: "The file was in the container's own layer and lost at each restart of the container. In the new emptyDir it lives as long as the pod.", Source: "k8s.io/api/core/v1 EmptyDirVolumeSource", Docs: "https://kubernetes.io/docs/concepts/storage/volumes/#emptydir"}
	NotExecuted = finding.Rule{ID: "LA035", Title: "an agent that was not executed", Severity: finding.Info,
		Rationale: "The configuration follows the agent's reference and its syntax was checked as far as that is possible without the agent. The OpenTelemetry collector's is executed in the project's tests; the others' are not.", Source: "the project's tests", Docs: docsArchitecture}
	ListReplaced = finding.Rule{ID: "LA036", Title: "a null was replaced", Severity: finding.Info,
		Rationale: "JSON has no comments, so a null in the place of a list had to be replaced instead of commented out. The receipt remembers it; eject puts it back.", Source: "RFC 8259", Docs: docsArchitecture}
	RotationUser = finding.Rule{ID: "LA037", Title: "the rotation may lack the right to truncate", Severity: finding.Warning,
		Rationale: "A file can be truncated only by who may write to it, which by umask 022 is its owner alone. The sidecar does not know the owner.",
		Remedy:    "pass --run-as-user UID of the application", Source: "POSIX truncate(2)", Docs: docsSecurityCtx}
	CopyAndTruncate = finding.Rule{ID: "LA038", Title: "rotation by copy and truncate", Severity: finding.Info,
		Rationale: "The file is copied and emptied, so the application need not reopen it. It must write in append mode, else the emptied file starts with a hole. Lines written between the last look at the copy and the truncation are lost; that is microseconds, but not never.",
		Source:    "logrotate(8), copytruncate", Docs: docsArchitecture}
	KnativePort = finding.Rule{ID: "LA039", Title: "Knative could not tell which container serves", Severity: finding.Error,
		Rationale: "A Knative Service of one container needs no port: 8080 is taken. Of several containers Knative sends the requests to the one that has a port, and refuses a Service where none has.",
		Remedy:    "give the application's container its port, for example ports: [{containerPort: 8080}]",
		Source:    "knative/serving, pkg/apis/serving/k8s_validation.go, validateContainersPorts", Docs: "https://knative.dev/docs/serving/configuration/feature-flags/#multiple-containers"}
)

// Inject is the rules of inject, in order.
var Inject = []finding.Rule{
	NotAPod, NoContainer, HidesImage, HidesProgram, AlreadyStdout, NotWritable, SubPathExpr, Windows, JobNeverEnds, LowersSecurity, NameTaken,
	NotEditable, NotProved, FileMount, ImmutableObject, DuplicateKey, AliasExpanded, UnknownUser, UnknownImage, QoSKept, HPAUtilisation, ShortGrace, PlainSidecar,
	Reinjected, ReadOnlyRoot, SharedClaim, ForeignKind, DiskDoubles, MemoryVolume, ModeUnreadable, NewEmptyDir, NotExecuted, ListReplaced, RotationUser, CopyAndTruncate, KnativePort,
}
