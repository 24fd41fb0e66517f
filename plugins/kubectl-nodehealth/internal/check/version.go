package check

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

func serverVersion(v *snapshot.View) (*version.Version, bool) {
	ver, err := version.ParseGeneric(v.Cluster.ServerVersion)
	return ver, err == nil
}

func minor(v *version.Version) *version.Version { return version.MajorMinor(v.Major(), v.Minor()) }

var kubeletNewer = Check{
	Rule: finding.Rule{
		ID: "NH060", Title: "kubelet newer than the API server", Severity: finding.Error,
		Rationale: "A kubelet must never be newer than the API server it talks to: it may use API fields and behaviours that the server does not know, and drops them silently.",
		Remedy:    "upgrade the control plane first, or put the older kubelet back",
		Source:    "version skew policy", Docs: docsSkew,
	},
	Run: func(v *snapshot.View, r *Report) {
		k, ok1 := v.KubeletVersion()
		s, ok2 := serverVersion(v)
		if ok1 && ok2 && minor(k).GreaterThan(minor(s)) {
			r.Add(fmt.Sprintf("kubelet %s is newer than the API server %s", v.Node.Object.Status.NodeInfo.KubeletVersion, v.Cluster.ServerVersion))
		}
	},
}

var kubeletOld = Check{
	Rule: finding.Rule{
		ID: "NH061", Title: "kubelet too old for the API server", Severity: finding.Warning,
		Rationale: "A kubelet may be up to three minor versions older than the API server (two before v1.28). Beyond that nobody tests the combination, and removed APIs break it.",
		Remedy:    "upgrade the node",
		Source:    "version skew policy; KEP-3935", Docs: docsSkew,
	},
	Run: func(v *snapshot.View, r *Report) {
		k, ok1 := v.KubeletVersion()
		s, ok2 := serverVersion(v)
		if !ok1 || !ok2 || k.Major() != s.Major() {
			return
		}
		allowed := 3
		if s.LessThan(version.MustParseGeneric("1.28.0")) {
			allowed = 2
		}
		if behind := int(s.Minor()) - int(k.Minor()); behind > allowed {
			r.Add(fmt.Sprintf("kubelet %s is %d minors behind the API server %s; %d are supported", v.Node.Object.Status.NodeInfo.KubeletVersion, behind, v.Cluster.ServerVersion, allowed))
		}
	},
}

var cgroupV1 = Check{
	Rule: finding.Rule{
		ID: "NH062", Title: "cgroup v1", Severity: finding.Warning,
		Rationale: "Since v1.35 the kubelet refuses to start on cgroup v1 unless failCgroupV1 is false, and support ends in v1.38 at the earliest. Memory QoS, swap and PSI need cgroup v2.",
		Remedy:    "move the node to an operating system with cgroup v2 before the next upgrade",
		Source:    "KEP-4569, KEP-5573; kubelet metric kubelet_cgroup_version, event CgroupV1", Docs: "https://kubernetes.io/docs/concepts/architecture/cgroups/",
	},
	Run: func(v *snapshot.View, r *Report) {
		m := v.Node.Kubelet.Metrics
		if (m == nil || m.CgroupVersion != 1) && len(v.EventsOf("CgroupV1")) == 0 {
			return
		}
		text := "the node runs on cgroup v1"
		if c := v.Node.Kubelet.Config; c != nil && c.FailCgroupV1 != nil && !*c.FailCgroupV1 {
			text += ", allowed by failCgroupV1: false"
		} else if k, ok := v.KubeletVersion(); ok && k.LessThan(version.MustParseGeneric("1.35.0")) {
			text += ": kubelet v1.35 and later refuse to start on it by default"
		}
		r.Add(text)
	},
}

var oldRuntime = Check{
	Rule: finding.Rule{
		ID: "NH063", Title: "container runtime near its end", Severity: finding.Info,
		Rationale: "The kubelet before v1.24 carried the docker runtime itself; later ones need cri-dockerd. containerd 1.x does not report its cgroup driver: the kubelet falls back to its own setting, and v1.38 drops that fallback.",
		Remedy:    "upgrade the runtime before the kubelet (containerd 2.x, CRI-O of the kubelet's minor)",
		Source:    "KEP-2221 (dockershim), KEP-4033 (cgroup driver from CRI)", Docs: "https://kubernetes.io/docs/setup/production-environment/container-runtimes/",
	},
	Run: func(v *snapshot.View, r *Report) {
		name, text := v.Runtime()
		k, ok := v.KubeletVersion()
		if !ok {
			return
		}
		switch {
		case name == "docker" && k.LessThan(version.MustParseGeneric("1.24.0")):
			r.Add("the kubelet talks to docker by dockershim, which v1.24 removed")
		case v.Windows(): // has no cgroups, and so no driver of them
		case name == "containerd" && strings.HasPrefix(strings.TrimPrefix(text, "v"), "1.") && k.AtLeast(version.MustParseGeneric("1.34.0")):
			r.Add(fmt.Sprintf("containerd %s does not report its cgroup driver; kubelet v1.38 will need one that does (2.x)", text))
		}
	},
}
