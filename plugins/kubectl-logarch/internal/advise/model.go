// Package advise looks at workloads and says how their logs get out now, what
// is wrong with it, and what would be lost: when a container crashes, a pod is
// evicted, a node is gone. It is pure functions over typed objects; where these
// come from (manifests, a cluster) is the business of Load and Collect.
package advise

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// Snapshot is what is judged.
type Snapshot struct {
	Workloads  []*Workload
	ConfigMaps []*corev1.ConfigMap
	// Kubelets are the log settings of nodes that were asked, by name.
	Kubelets map[string]Kubelet
	// Live says that the workloads are all of a cluster or a namespace, and
	// not some manifests; AllNamespaces that they are all of the cluster.
	Live, AllNamespaces bool
	// Notes say what could not be read; Unread counts the documents or kinds whose
	// workloads are missing for it.
	Notes  []string
	Unread int
}

// Workload is an object that makes pods, or a pod.
type Workload struct {
	Kind, Namespace, Name string
	Pod                   corev1.PodSpec
	Labels, Annotations   map[string]string
	// File and the places of the containers in it; At is that of the pod spec.
	File       string
	At         Place
	Containers map[string]Place
	// Twice are the keys that the file has twice, as findings.
	Twice []finding.Finding
	// Rates are measured log bytes a minute, by container; Used is what the
	// logs take on the node's disk.
	Rates map[string]Rate
	Used  map[string]int64
	// Node is where the measured pod runs.
	Node string
}

// Place is a line and a column, from 1.
type Place struct{ Line, Column int }

// Rate is a measured or assumed rate of log bytes.
type Rate struct {
	BytesPerMinute float64
	// Source says how it is known.
	Source string
	// AtLeast says that the measurement reached its limit.
	AtLeast bool
}

// Kubelet is how a node rotates container logs.
type Kubelet struct {
	MaxSize  int64 // bytes
	MaxFiles int64
	Source   string
}

// DefaultKubelet is what a kubelet does that was not configured:
// containerLogMaxSize 10Mi and containerLogMaxFiles 5
// (pkg/kubelet/apis/config/v1beta1/defaults.go).
var DefaultKubelet = Kubelet{MaxSize: 10 << 20, MaxFiles: 5, Source: "kubelet's default"}

// Advice is what is said of one workload.
type Advice struct {
	Metadata Metadata `json:"metadata"`
	// Patterns are how the logs get out now.
	Patterns []Pattern         `json:"patterns"`
	Budget   Budget            `json:"budget"`
	Findings []finding.Finding `json:"findings"`
	Summary  finding.Summary   `json:"summary"`
}

// Metadata names a workload.
type Metadata struct {
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Namespace string `json:"namespace,omitempty"`
	File      string `json:"file,omitempty"`
}

// Ref is [NAMESPACE/]kind/name.
func (m Metadata) Ref() string {
	ref := lower(m.Kind) + "/" + m.Name
	if m.Namespace != "" {
		return m.Namespace + "/" + ref
	}
	return ref
}

// Pattern is a way for logs to get out; they are those of the handbook, and
// the two in which they do not.
type Pattern string

// The patterns.
const (
	Stdout         Pattern = "stdout"
	Streaming      Pattern = "streaming sidecar"
	AgentSidecar   Pattern = "agent sidecar"
	NodeAgent      Pattern = "node agent"
	Direct         Pattern = "pushed by the application"
	UnreadFile     Pattern = "file nobody reads"
	ContainerLayer Pattern = "file in the container layer"
)

// Budget says how far back logs reach and what is lost when.
type Budget struct {
	// MaxSizeBytes and MaxFiles are the kubelet's rotation of each container's
	// log, and Source where they come from.
	MaxSizeBytes int64             `json:"containerLogMaxSizeBytes"`
	MaxFiles     int64             `json:"containerLogMaxFiles"`
	Source       string            `json:"source"`
	Containers   []ContainerBudget `json:"containers"`
	// LogBytes is the most that the kubelet keeps of the pod's logs.
	LogBytes int64 `json:"logBytes"`
	// LimitBytes is the pod's limit for ephemeral storage, 0 without one, and
	// HeadroomBytes what the logs leave of it.
	LimitBytes    int64 `json:"ephemeralStorageLimitBytes,omitempty"`
	HeadroomBytes int64 `json:"headroomBytes,omitempty"`
	// What is lost when a container crashes, the pod is evicted or deleted, the
	// node is gone.
	Crash    []string `json:"containerCrash"`
	Eviction []string `json:"podEviction"`
	NodeLoss []string `json:"nodeLoss"`
}

// ContainerBudget is the reach of one container's log.
type ContainerBudget struct {
	Name           string  `json:"name"`
	BytesPerMinute float64 `json:"bytesPerMinute,omitempty"`
	RateSource     string  `json:"rateSource,omitempty"`
	AtLeast        bool    `json:"atLeast,omitempty"`
	// KubectlLogsMinutes is how far kubectl logs reaches back at most (the
	// newest file, right before it is rotated), OnNodeMinutes how far the files
	// on the node do. 0 where the rate is not known.
	KubectlLogsMinutes float64 `json:"kubectlLogsMinutes,omitempty"`
	OnNodeMinutes      float64 `json:"onNodeMinutes,omitempty"`
	// UsedBytes is what the logs take on the node now, where that was asked.
	UsedBytes int64 `json:"usedBytes,omitempty"`
}
