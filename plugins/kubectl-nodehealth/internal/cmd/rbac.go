package cmd

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

// newRBAC is `rbac`: what the command needs to be allowed.
func newRBAC(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use:   "rbac",
		Short: "Print the roles that this command needs",
		Long: `Print two ClusterRoles: a reader, with which every check works that needs no
kubelet, and a prober, which adds what the kubelets say. The second is a strong
right, and its comment says why. A Role in kube-system lets usage read
metrics-server's log.`,
		Example: `
			kubectl nodehealth rbac
			kubectl nodehealth rbac | kubectl apply --dry-run=client -f -`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprint(env.Out, roles)
			return err
		},
	}
}

const roles = `# Reads what the API server knows. The built-in role "view" has neither nodes
# nor leases, so it is not enough. Without:
#   nodes, leases   no verdict at all (essential)
#   pods            no consequences, no allocation, no stuck pods
#   events          no reboots, evictions, OOM kills
#   csrs            no pending or denied certificates
#   metrics.k8s.io  no usage
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: nodehealth-reader
rules:
- apiGroups: [""]
  resources: [nodes, pods, events]
  verbs: [get, list, watch]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [get, list, watch]
- apiGroups: [certificates.k8s.io]
  resources: [certificatesigningrequests]
  verbs: [get, list]
- apiGroups: [metrics.k8s.io]
  resources: [nodes, pods]
  verbs: [get, list]
- apiGroups: [resource.k8s.io]
  resources: [resourceslices]
  verbs: [list]
# What controlplane and usage read besides: who serves aggregated APIs and
# webhooks, candidates for leadership, the API server's own check of etcd, the
# mode of kube-proxy. livez, readyz and version are open to all by default.
- apiGroups: [""]
  resources: [services]
  verbs: [get]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list]
- apiGroups: [apiregistration.k8s.io]
  resources: [apiservices]
  verbs: [list]
- apiGroups: [admissionregistration.k8s.io]
  resources: [validatingwebhookconfigurations, mutatingwebhookconfigurations]
  verbs: [list]
- apiGroups: [coordination.k8s.io]
  resources: [leasecandidates]
  verbs: [list]
- nonResourceURLs: [/readyz/etcd]
  verbs: [get]
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [kube-proxy]
  verbs: [get]
---
# Asks the kubelets and the hosts, through the API server's node proxy. Bind it
# to few: "get" on nodes/proxy is not read-only. It reaches every endpoint of
# the kubelet that answers to GET, and over a WebSocket that includes exec into
# every container of every node (kubernetes/kubernetes#136550). The
# fine-grained nodes/stats, nodes/metrics, nodes/healthz and nodes/configz help
# only those who talk to port 10250 directly, not through the API server.
# Without it: KubeletDown, KubeletHung, HostDown and NetworkPartition cannot be
# told apart, and certificates, eviction margins, PSI and runtime errors are
# not seen.
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: nodehealth-prober
rules:
- apiGroups: [""]
  resources: [nodes/proxy]
  verbs: [get]
---
# Lets usage read which kubelets metrics-server complains about. Logs may hold
# anything, so this is for kube-system only; where metrics-server runs
# elsewhere, change it here. Without it: that metrics-server cannot read a
# kubelet is known, and why is not.
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: nodehealth-metrics-server-log
  namespace: kube-system
rules:
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
`
