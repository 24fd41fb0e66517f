// Package pipeline follows the resource metrics of a cluster from where they
// arise to where kubectl top, the HPA and the VPA read them, and names the first
// link that is broken:
//
//	kubelet (/metrics/resource) -> metrics-server -> APIService -> metrics.k8s.io
//
// https://kubernetes.io/docs/tasks/debug/debug-cluster/resource-metrics-pipeline/
package pipeline

import (
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Snapshot is what was read.
type Snapshot struct {
	ObservedAt time.Time `json:"observedAt"`
	Nodes      []Node    `json:"nodes"`
	// API is the aggregated API of metrics.k8s.io, nil where none is
	// registered.
	API *APIService `json:"api,omitempty"`
	// Answers says whether metrics.k8s.io answered, and Why what it said
	// otherwise.
	Answers bool   `json:"answers"`
	Why     string `json:"why,omitempty"`
	// Version is the version that answered: v1 or v1beta1.
	Version string   `json:"version,omitempty"`
	Servers []Server `json:"servers"`
	// Custom and External are the aggregated APIs of the full pipeline.
	Custom   *APIService `json:"custom,omitempty"`
	External *APIService `json:"external,omitempty"`
	// StateMetrics and Prometheus are pods found by their usual labels.
	StateMetrics []string  `json:"kubeStateMetrics"`
	Prometheus   []string  `json:"prometheus"`
	TopPods      []PodUse  `json:"topPods"`
	NotReady     []PodRef  `json:"podsNotReady"`
	Stuck        []PodRef  `json:"podsStuckTerminating"`
	NotReadyN    int       `json:"podsNotReadyCount"`
	StuckN       int       `json:"podsStuckTerminatingCount"`
	Probes       []Problem `json:"notRead"`
	// PodsRead says whether the pods were read to the end: without, requests
	// and limits are not known.
	PodsRead bool `json:"podsRead"`
	// PodsOf is the one node whose pods were read, "" where all were.
	PodsOf string `json:"podsOf,omitempty"`
}

// Node is one node's resources.
type Node struct {
	Name        string              `json:"name"`
	Allocatable corev1.ResourceList `json:"allocatable"`
	Requests    corev1.ResourceList `json:"requests"`
	Limits      corev1.ResourceList `json:"limits"`
	Pods        int                 `json:"pods"`
	// Usage is nil where metrics.k8s.io has nothing of this node.
	Usage *Usage `json:"usage,omitempty"`
	// Kubelet says how /metrics/resource of the node answered: ok, denied,
	// timeout, unreachable, disabled, or "" where it was not asked.
	Kubelet string `json:"kubelet"`
	Detail  string `json:"detail,omitempty"`
	// Evict is the kubelet's evictionHard, nil where it would not say.
	Evict map[string]string `json:"evictionHard,omitempty"`
	Ready bool              `json:"ready"`
}

// Usage is what metrics.k8s.io says: CPU as average cores over the window,
// memory as working set.
type Usage struct {
	CPUMilli int64         `json:"cpuMilli"`
	Memory   int64         `json:"memoryBytes"`
	Time     time.Time     `json:"time"`
	Window   time.Duration `json:"windowNanoseconds"`
}

// APIService is a registered aggregated API.
type APIService struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	Service   string `json:"service"`
	Available bool   `json:"available"`
	Why       string `json:"why,omitempty"`
}

// Server is a pod behind the API.
type Server struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Node      string `json:"node"`
	Ready     bool   `json:"ready"`
	Why       string `json:"why,omitempty"`
	// Running says whether its container runs, ready or not, and Started since
	// when.
	Running bool      `json:"running"`
	Started time.Time `json:"started,omitzero"`
	// Scrapes are the kubelets that its log says it cannot read, NoLog why the
	// log could not be read.
	Scrapes []Scrape `json:"scrapes,omitempty"`
	NoLog   string   `json:"noLog,omitempty"`
	// LastWords is the last line of a container that ended.
	LastWords string `json:"lastWords,omitempty"`
}

// PodUse is a pod's usage.
type PodUse struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	CPUMilli  int64  `json:"cpuMilli"`
	Memory    int64  `json:"memoryBytes"`
}

// PodRef names a pod and since when something holds.
type PodRef struct {
	Namespace string    `json:"namespace"`
	Name      string    `json:"name"`
	Node      string    `json:"node,omitempty"`
	Why       string    `json:"why,omitempty"`
	Since     time.Time `json:"since,omitzero"`
}

// Problem is a source that did not answer.
type Problem struct {
	Name   string `json:"name"`
	Status string `json:"status"`
	Detail string `json:"detail,omitempty"`
}
