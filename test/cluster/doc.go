// Package cluster starts real Kubernetes clusters on one Linux machine, for
// tests and for playing: etcd, one or more API servers, controller-manager,
// scheduler and up to a few real nodes (kubelet, containerd, runc), all of them
// the genuine components.
//
//	c, err := cluster.Start(ctx, cluster.Config{Name: "audit", APIServerFlags: []string{"--audit-policy-file=" + f}})
//	if err != nil { ... }
//	defer c.Stop()
//	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.Kubeconfig)
//
// In tests, [ForTest] does that and skips or fails rightly where the machine
// cannot run a cluster.
//
// # What it needs
//
// The components are one binary, built once from this module's test/cmd/k8s by
// hack/build-k8s.sh (about ten minutes on two cores, then cached; see
// [Binary]). All of it needs Linux. Nodes need root too, and the Debian packages
// of hack/packages.txt.
//
// # How a cluster is laid out
//
// Clusters are told apart by Config.Name and can run side by side. Each has a
// folder of its own (Cluster.Dir) and an index that its ports, addresses,
// bridge, namespaces and cgroups derive from. etcd, controller-manager and
// scheduler listen on loopback; the API server too, or, when there are nodes,
// on the address of the cluster's bridge, which leads nowhere but to them.
//
// A node is a set of namespaces (network, mount, PID, UTS, IPC) around an init
// process. In them /var, /run, /etc and /tmp are the node's own, so that all
// paths are the usual ones: /var/lib/kubelet, /var/log/pods,
// /run/containerd/containerd.sock. /var/lib/kubelet is a small filesystem of
// its own that can be filled. Killing the init process ends everything on the
// node, mounts included.
//
// # Cleaning up
//
// Every process is recorded in cluster.json by process id and start time.
// [Start] first clears what an earlier run of the same name left, [Cluster.Stop]
// ends this one, and [Open] takes over a running one, which is how
// "cluster fault" works from another terminal. Nothing is ever killed by name.
package cluster
