package clusterpki

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/clusterwright/kubectl-plugins/shared/spelling"
	"github.com/clusterwright/kubectl-plugins/shared/yamldoc"
)

// fields are what kubeadm v1beta4 knows at the places that certificates come
// from (kubernetes, cmd/kubeadm/app/apis/kubeadm/v1beta4/types.go). kubeadm only
// warns of others, and a certificate is made without what they say.
var fields = map[string][]string{
	"ClusterConfiguration": {"apiVersion", "kind", "etcd", "networking", "kubernetesVersion", "controlPlaneEndpoint", "apiServer", "controllerManager", "scheduler", "dns", "proxy",
		"certificatesDir", "imageRepository", "featureGates", "clusterName", "encryptionAlgorithm", "certificateValidityPeriod", "caCertificateValidityPeriod"},
	"ClusterConfiguration.apiServer":     {"extraArgs", "extraVolumes", "extraEnvs", "certSANs", "timeoutForControlPlane"},
	"ClusterConfiguration.networking":    {"serviceSubnet", "podSubnet", "dnsDomain"},
	"ClusterConfiguration.etcd":          {"local", "external"},
	"ClusterConfiguration.etcd.local":    {"imageRepository", "imageTag", "dataDir", "extraArgs", "extraEnvs", "serverCertSANs", "peerCertSANs"},
	"ClusterConfiguration.etcd.external": {"endpoints", "httpEndpoints", "caFile", "certFile", "keyFile"},
	"InitConfiguration":                  {"apiVersion", "kind", "bootstrapTokens", "dryRun", "nodeRegistration", "localAPIEndpoint", "certificateKey", "skipPhases", "patches", "timeouts"},
	"InitConfiguration.nodeRegistration": {"name", "criSocket", "taints", "kubeletExtraArgs", "ignorePreflightErrors", "imagePullPolicy", "imagePullSerial"},
	"InitConfiguration.localAPIEndpoint": {"advertiseAddress", "bindPort"},
}

// sinceV1beta4 are fields that v1beta3 does not know.
var sinceV1beta4 = []string{"encryptionAlgorithm", "certificateValidityPeriod", "caCertificateValidityPeriod"}

// unknownFields warns of what kubeadm would not take from a document.
func (s *Spec) unknownFields(name, version, kind string, root *yaml.Node) {
	var walk func(path string, n *yaml.Node)
	walk = func(path string, n *yaml.Node) {
		n = yamldoc.Resolve(n)
		known := fields[path]
		if known == nil || n == nil || n.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			k := n.Content[i]
			at := strings.TrimPrefix(path+"."+k.Value, kind+".")
			switch {
			case k.Value == "<<":
			case !slices.Contains(known, k.Value):
				hint := ""
				if m := closest(k.Value, known); m != "" {
					hint = fmt.Sprintf(" (%s?)", m)
				}
				s.Warnings = append(s.Warnings, fmt.Sprintf("%s:%d: kubeadm does not know %s%s and leaves it out; so do these certificates", name, k.Line, at, hint))
			case path == "ClusterConfiguration" && strings.HasSuffix(version, "/v1beta3") && slices.Contains(sinceV1beta4, k.Value):
				s.Warnings = append(s.Warnings, fmt.Sprintf("%s:%d: %s is of v1beta4: kubeadm leaves it out of a v1beta3 file; it is followed here", name, k.Line, at))
			default:
				walk(path+"."+k.Value, n.Content[i+1])
			}
		}
	}
	walk(kind, root)
}

// closest is the known word that a slip of the pen most likely meant: at most
// two letters away.
func closest(word string, known []string) string {
	best, at := "", 3
	for _, k := range known {
		if d := spelling.Distance(strings.ToLower(word), strings.ToLower(k)); d < at {
			best, at = k, d
		}
	}
	return best
}
