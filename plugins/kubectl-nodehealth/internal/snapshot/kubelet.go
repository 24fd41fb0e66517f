package snapshot

import "time"

// Kubelet is what the kubelet itself says.
type Kubelet struct {
	Healthz *Healthz        `json:"healthz,omitempty"`
	Config  *KubeletConfig  `json:"config,omitempty"`
	Stats   *Stats          `json:"stats,omitempty"`
	Metrics *KubeletMetrics `json:"metrics,omitempty"`
	Statusz *Statusz        `json:"statusz,omitempty"`
	// Host is what a port of the node that the kubelet does not own said.
	Host *Host `json:"host,omitempty"`
}

// Healthz is the answer of the kubelet's /healthz.
type Healthz struct {
	OK bool `json:"ok"`
	// Failed are the checks that fail: ping, log, syncloop.
	Failed []string `json:"failed,omitempty"`
}

// Host is what is known of the host without its kubelet.
type Host struct {
	// Up: some port answered or refused; the host's network stack is alive.
	Up bool `json:"up"`
	// Evidence says which port said what.
	Evidence string `json:"evidence,omitempty"`
	// Proxy is kube-proxy's own health, where its port answered.
	Proxy string `json:"proxy,omitempty"`
}

// Statusz is the kubelet's /statusz.
type Statusz struct {
	Started time.Time `json:"started,omitzero"`
	Version string    `json:"version,omitempty"`
}

// KubeletConfig is the part of the running kubelet's configuration that the
// checks read, and Raw is all of it.
type KubeletConfig struct {
	EvictionHard          map[string]string `json:"evictionHard,omitempty"`
	EvictionSoft          map[string]string `json:"evictionSoft,omitempty"`
	MergeEvictionDefaults bool              `json:"mergeDefaultEvictionSettings,omitempty"`
	ImageGCHighPercent    *int32            `json:"imageGCHighThresholdPercent,omitempty"`
	ImageGCLowPercent     *int32            `json:"imageGCLowThresholdPercent,omitempty"`
	MaxPods               int32             `json:"maxPods,omitempty"`
	PodPidsLimit          *int64            `json:"podPidsLimit,omitempty"`
	RuntimeEndpoint       string            `json:"containerRuntimeEndpoint,omitempty"`
	ServerTLSBootstrap    bool              `json:"serverTLSBootstrap,omitempty"`
	RotateCertificates    bool              `json:"rotateCertificates,omitempty"`
	FailCgroupV1          *bool             `json:"failCgroupV1,omitempty"`
	FailSwapOn            *bool             `json:"failSwapOn,omitempty"`
	SwapBehavior          string            `json:"swapBehavior,omitempty"`
	LeaseSeconds          int32             `json:"nodeLeaseDurationSeconds,omitempty"`
	// ReportEvery is nodeStatusReportFrequency.
	ReportEvery time.Duration  `json:"nodeStatusReportFrequency,omitempty"`
	SystemLogs  bool           `json:"enableSystemLogQuery,omitempty"`
	Raw         map[string]any `json:"raw,omitempty"`
}

// Stats is the part of the Summary API that the checks read.
type Stats struct {
	Time     time.Time   `json:"time,omitzero"`
	Boot     time.Time   `json:"boot,omitzero"`
	NodeFs   *Filesystem `json:"nodeFs,omitempty"`
	ImageFs  *Filesystem `json:"imageFs,omitempty"`
	ContFs   *Filesystem `json:"containerFs,omitempty"`
	Memory   *Memory     `json:"memory,omitempty"`
	CPUNanos *uint64     `json:"cpuNanoCores,omitempty"`
	PIDs     *PIDs       `json:"pids,omitempty"`
	Swap     *Swap       `json:"swap,omitempty"`
	// PSI by resource: cpu, memory, io. A resource that is missing was not
	// measured, which is not the same as no pressure.
	PSI map[string]PSI `json:"psi,omitempty"`
	// TopMemory and TopDisk are the largest users, largest first.
	TopMemory []Consumer `json:"topMemory,omitempty"`
	TopDisk   []Consumer `json:"topDisk,omitempty"`
	Pods      int        `json:"pods,omitempty"`
}

// Filesystem is a filesystem's room, in bytes and inodes.
type Filesystem struct {
	Available  uint64 `json:"available"`
	Capacity   uint64 `json:"capacity"`
	Used       uint64 `json:"used"`
	InodesFree uint64 `json:"inodesFree,omitempty"`
	Inodes     uint64 `json:"inodes,omitempty"`
}

// Memory is the node's memory, in bytes.
type Memory struct {
	Available  uint64 `json:"available"`
	WorkingSet uint64 `json:"workingSet"`
}

// PIDs are the processes the kernel allows and those that run.
type PIDs struct {
	Max     int64 `json:"max"`
	Running int64 `json:"running"`
}

// Swap is the node's swap, in bytes.
type Swap struct {
	Available uint64 `json:"available"`
	Used      uint64 `json:"used"`
}

// PSI is the share of the time, in percent, in which some or all tasks waited
// for a resource.
type PSI struct {
	SomeAvg10  float64 `json:"someAvg10"`
	SomeAvg60  float64 `json:"someAvg60"`
	SomeAvg300 float64 `json:"someAvg300"`
	FullAvg10  float64 `json:"fullAvg10"`
	FullAvg60  float64 `json:"fullAvg60"`
	FullAvg300 float64 `json:"fullAvg300"`
	Total      uint64  `json:"total"`
}

// Consumer is a pod and how many bytes it uses.
type Consumer struct {
	Pod   string `json:"pod"`
	Bytes uint64 `json:"bytes"`
	// What names the largest part: "logs", "emptyDir", "writable layer".
	What string `json:"what,omitempty"`
}

// KubeletMetrics is the part of the kubelet's /metrics that the checks read.
// A nil number is a series that is not there.
type KubeletMetrics struct {
	// ClientTTL and ServerTTL are the seconds until a certificate expires;
	// infinite ("+Inf" in the metric) is told by the flags and means unused or
	// invalid, not healthy.
	ClientTTL       *float64 `json:"clientTTLSeconds,omitempty"`
	ServerTTL       *float64 `json:"serverTTLSeconds,omitempty"`
	ClientTTLInf    bool     `json:"clientTTLInfinite,omitempty"`
	ServerTTLInf    bool     `json:"serverTTLInfinite,omitempty"`
	ClientRenewErrs *float64 `json:"clientRenewErrors,omitempty"`
	ServerRenewErrs *float64 `json:"serverRenewErrors,omitempty"`
	// PLEGLastSeen is when the pod lifecycle event generator was last active.
	PLEGLastSeen time.Time `json:"plegLastSeen,omitzero"`
	// PLEGRelistP99 is in seconds, over the kubelet's life: the bound below it
	// of the histogram, whose highest is 10.
	PLEGRelistP99 *float64 `json:"plegRelistP99Seconds,omitempty"`
	// RuntimeOps and RuntimeErrors count CRI calls by operation.
	RuntimeOps    map[string]float64 `json:"runtimeOperations,omitempty"`
	RuntimeErrors map[string]float64 `json:"runtimeErrors,omitempty"`
	Evictions     map[string]float64 `json:"evictions,omitempty"`
	Rejections    map[string]float64 `json:"admissionRejections,omitempty"`
	// CgroupVersion is 1 or 2; 0 is not known.
	CgroupVersion int `json:"cgroupVersion,omitempty"`
	// LosingCRI is the kubelet version that drops this runtime's CRI version.
	LosingCRI string    `json:"losingCRI,omitempty"`
	Started   time.Time `json:"processStarted,omitzero"`
}
