package check

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// Polarity says which status of a condition is the good one.
type Polarity int

// The polarities. A type that is not in the table is Neutral: nothing is
// concluded from it.
const (
	Neutral Polarity = iota
	GoodFalse
	GoodTrue
	// Notice: neither is bad; True is worth knowing.
	Notice
)

// Known is what is known of a condition type.
type Known struct {
	Polarity Polarity
	Severity finding.Severity
	// Owner says who writes it.
	Owner string
	// Means says what the bad status means.
	Means string
	// Latches says that the writer never takes it back by itself.
	Latches bool
}

const (
	npd = "Node Problem Detector"
	aks = "AKS node problem detector"
	eks = "EKS node monitoring agent"
)

// conditionTable lists the node condition types whose meaning is documented or
// readable in their writer's source. Kubernetes' own are judged elsewhere.
var conditionTable = map[corev1.NodeConditionType]Known{
	// kubernetes/node-problem-detector config/*.json.
	"KernelDeadlock":         {GoodFalse, finding.Error, npd, "a kernel task hangs", true},
	"XfsShutdown":            {GoodFalse, finding.Error, npd, "an XFS filesystem has shut itself down", true},
	"CperHardwareErrorFatal": {GoodFalse, finding.Error, npd, "the firmware has reported a fatal hardware error", true},
	"ReadonlyFilesystem":     {GoodFalse, finding.Error, npd, "a filesystem was remounted read-only", true},
	// The monitor that "npd manifest" adds for runtimes other than docker.
	"ContainerRuntimeTaskHung":                            {GoodFalse, finding.Error, npd, "a task of the container runtime or the kubelet hangs", true},
	"CorruptDockerOverlay2":                               {GoodFalse, finding.Error, npd, "docker's overlay2 storage is corrupt", true},
	"DiskBadBlock":                                        {GoodFalse, finding.Error, npd, "a disk has bad blocks", true},
	"FrequentUnregisterNetDevice":                         {GoodFalse, finding.Warning, npd, "network devices cannot be freed", false},
	"FrequentKubeletRestart":                              {GoodFalse, finding.Warning, npd, "the kubelet restarts again and again", false},
	"FrequentDockerRestart":                               {GoodFalse, finding.Warning, npd, "docker restarts again and again", false},
	"FrequentContainerdRestart":                           {GoodFalse, finding.Warning, npd, "containerd restarts again and again", false},
	"FrequentGcfsSnapshotterRestart":                      {GoodFalse, finding.Warning, npd, "the image streaming snapshotter restarts again and again", false},
	"FrequentGcfsdRestart":                                {GoodFalse, finding.Warning, npd, "the image streaming daemon restarts again and again", false},
	"KubeletUnhealthy":                                    {GoodFalse, finding.Error, npd, "the kubelet fails its health check", false},
	"ContainerRuntimeUnhealthy":                           {GoodFalse, finding.Error, npd, "the container runtime fails its health check", false},
	"KubeProxyUnhealthy":                                  {GoodFalse, finding.Error, npd, "kube-proxy fails its health check", false},
	"NTPProblem":                                          {GoodFalse, finding.Warning, npd, "the clock is not synchronised", false},
	"DeprecatedAuthsFieldInContainerdConfiguration":       {Notice, finding.Info, npd, "containerd's configuration uses a deprecated field", false},
	"DeprecatedConfigsAuthFieldInContainerdConfiguration": {Notice, finding.Info, npd, "containerd's configuration uses a deprecated field", false},
	"DeprecatedMirrorsFieldInContainerdConfiguration":     {Notice, finding.Info, npd, "containerd's configuration uses a deprecated field", false},
	"DeprecatedOtherContainerdFeatures":                   {Notice, finding.Info, npd, "containerd uses a deprecated feature", false},
	// learn.microsoft.com/azure/aks/node-problem-detector.
	"KubeletProblem":              {GoodFalse, finding.Error, aks, "the kubelet service has a problem", false},
	"ContainerRuntimeProblem":     {GoodFalse, finding.Error, aks, "the container runtime service has a problem", false},
	"FilesystemCorruptionProblem": {GoodFalse, finding.Error, aks, "a filesystem is corrupt", false},
	"VMEventScheduled":            {GoodFalse, finding.Warning, aks, "Azure has scheduled an event for this machine (reboot, redeploy, freeze or preemption)", false},
	"GPUMissing":                  {GoodFalse, finding.Error, aks, "a GPU is missing", false},
	"UnhealthyNvidiaDevicePlugin": {GoodFalse, finding.Error, aks, "the NVIDIA device plugin is unhealthy", false},
	"UnhealthyNvidiaDCGMServices": {GoodFalse, finding.Warning, aks, "NVIDIA's DCGM services are unhealthy", false},
	"IBLinkFlapping":              {GoodFalse, finding.Warning, aks, "an InfiniBand link flaps", false},
	"NVLinkStatusInactive":        {GoodFalse, finding.Warning, aks, "an NVLink is inactive", false},
	"XIDErrors":                   {GoodFalse, finding.Error, aks, "the GPU driver reports XID errors", false},
	// aws/eks-node-monitoring-agent: True is good.
	"KernelReady":              {GoodTrue, finding.Error, eks, "the kernel has a fatal problem", true},
	"NetworkingReady":          {GoodTrue, finding.Error, eks, "the network has a fatal problem", true},
	"StorageReady":             {GoodTrue, finding.Error, eks, "the storage has a fatal problem", true},
	"ContainerRuntimeReady":    {GoodTrue, finding.Error, eks, "the container runtime has a fatal problem", true},
	"AcceleratedHardwareReady": {GoodTrue, finding.Error, eks, "a GPU or Neuron device has a fatal problem", true},
	// k3s, RKE2 (rancher): set on nodes that run etcd.
	"EtcdIsVoter": {GoodTrue, finding.Warning, "k3s and RKE2", "etcd on this node is a learner, not a voter", false},
	// Calico, Cilium and Weave set NetworkUnavailable, which is Kubernetes' own.
	// Gardener and machine-controller-manager use NPD's types and these.
	"ClusterNetworkProblem": {GoodFalse, finding.Error, "Gardener network problem detector", "the network to other nodes or services fails", false},
	"HostNetworkProblem":    {GoodFalse, finding.Error, "Gardener network problem detector", "the host's network to other nodes or services fails", false},
	// Karpenter writes these to its NodeClaims and some of them to nodes.
	"Drifted": {Notice, finding.Info, "Karpenter", "the node differs from what its pool asks for and will be replaced", false},
	// OpenShift's and Docker's historic kubelet condition.
	"OutOfDisk": {GoodFalse, finding.Error, "kubelet before v1.13", "the disk is full", false},
	// The dynamic kubelet configuration, removed in v1.24.
	"ConfigOK":        {GoodTrue, finding.Warning, "kubelet before v1.23", "the dynamic kubelet configuration is not used", false},
	"KubeletConfigOk": {GoodTrue, finding.Warning, "kubelet before v1.23", "the dynamic kubelet configuration is not used", false},
}

// KnownCondition returns what is known of a type; a type that is not known is
// Neutral.
func KnownCondition(t corev1.NodeConditionType) (Known, bool) {
	k, ok := conditionTable[t]
	return k, ok
}

// BadCondition returns what is known of a condition that has its bad status.
func BadCondition(c *corev1.NodeCondition) (Known, bool) {
	k, ok := conditionTable[c.Type]
	return k, ok && k.bad(c.Status)
}

// core says whether a type is one of Kubernetes' own, which have checks of
// their own.
func core(t corev1.NodeConditionType) bool {
	switch t {
	case corev1.NodeReady, corev1.NodeMemoryPressure, corev1.NodeDiskPressure, corev1.NodePIDPressure, corev1.NodeNetworkUnavailable:
		return true
	}
	return false
}

// bad says whether a condition has the bad status of its polarity.
func (k Known) bad(s corev1.ConditionStatus) bool {
	switch k.Polarity {
	case GoodFalse:
		return s == corev1.ConditionTrue
	case GoodTrue:
		return s == corev1.ConditionFalse
	}
	return false
}
