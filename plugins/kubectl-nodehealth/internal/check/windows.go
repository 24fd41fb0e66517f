package check

import (
	"fmt"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/phrase"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

const docsWindows = "https://kubernetes.io/docs/tasks/debug/debug-cluster/windows/"

// windowsSigns are messages of Windows nodes and what they mean, from the
// handbook's tips.
var windowsSigns = []struct{ sign, means string }{
	{"the container operating system does not match the host", "the pause or container image is for another Windows build: it must match node.kubernetes.io/windows-build"},
	{"no matching manifest for windows", "the image has no variant for this Windows build, or the pod belongs on Linux (nodeSelector kubernetes.io/os)"},
	{"Waiting for the Network to be created", "flannel's HNS network was not made: remove C:\\k\\SourceVip.json and SourceVipRequest.json, and restart flanneld"},
	{"subnet.env", "flannel has not written C:\\run\\flannel\\subnet.env: it has not joined; restart it after removing its rejoin files"},
	{"hnsCall failed", "the host networking service failed: Get-HnsNetwork, Get-HnsEndpoint"},
	{"HNS failed", "the host networking service failed: Get-HnsNetwork, Get-HnsEndpoint"},
	{"failed to create the HNS", "the host networking service failed: Get-HnsNetwork, Get-HnsEndpoint"},
	{"vEthernet", "the network adapter is not named as the scripts expect: set --interface to the adapter's name (Get-NetAdapter)"},
	{"wincat", "port-forward needs wincat.exe in the pause image: use the current pause image of the project"},
	{"ExceptionList", "outbound traffic is translated where it must not be: cni.conf's ExceptionList has to hold the cluster, service and node subnets"},
	{"hostname-override", "kube-proxy and kubelet disagree on the node's name, and HNS endpoints vanish: give both the same --hostname-override"},
	{"endpoint was not found", "an HNS endpoint vanished: kube-proxy needs the kubelet's --hostname-override; restart kube-proxy and the network plugin"},
	{"hcsshim", "the host compute service failed: look at the Windows event log Microsoft-Windows-Hyper-V-Compute"},
}

func windowsHint(message string) string {
	message = strings.ToLower(message)
	for _, s := range windowsSigns {
		if strings.Contains(message, strings.ToLower(s.sign)) {
			return s.means
		}
	}
	return ""
}

var windowsTrouble = Check{
	Rule: finding.Rule{
		ID: "NH120", Title: "a known trouble of Windows nodes", Severity: finding.Warning,
		Rationale: "Events and pod messages on Windows nodes have causes of their own: an image for another build, HNS networks and endpoints that vanish, flannel's leftover rejoin files, adapters under another name.",
		Remedy:    "see the message; the handbook's Windows page has the commands",
		Source:    "Kubernetes documentation, Windows debugging tips", Docs: docsWindows,
	},
	Degrades: true,
	Run: func(v *snapshot.View, r *Report) {
		if !v.Windows() {
			return
		}
		seen := map[string]bool{}
		look := func(where, message string) {
			if hint := windowsHint(message); hint != "" && !seen[hint] {
				seen[hint] = true
				r.Add(fmt.Sprintf("%s (%s: %s)", hint, where, phrase.Clip(message, 80)), message).Remedy = hint
			}
		}
		for _, e := range v.Node.Events {
			if e.Reason == "FailedCreatePodSandBox" && v.Age(e.Last) <= sandboxTime {
				continue // NH083 says it
			}
			look(e.Reason, e.Message)
		}
		for _, p := range pods(v) {
			look(p.String(), p.Message)
		}
	},
}
