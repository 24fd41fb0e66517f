package main

// A plugin as krew's index shows it. Reviewers of krew-index ask for a short
// description of at most 50 characters and no usage examples; both texts are
// checked by a test.
type plugin struct {
	name, short, description string
}

var plugins = []plugin{
	{
		name:  "nodehealth",
		short: "Find what is wrong with a node and prove it",
		description: `Holds a node's lease, conditions, kubelet, runtime and peers against
each other, names one fault with its evidence, tells what happens to the
workloads and what to do next. Works on a live cluster and on dumps.
Also reads node logs, finds where the metrics pipeline breaks and checks
the Node Problem Detector.`,
	},
	{
		name:  "auditpolicy",
		short: "Know exactly what an audit policy records",
		description: `Lints, explains, tests and compares Kubernetes audit policies. Whether
a rule can be reached and whether two policies differ is decided exactly,
each answer with a request that shows it. Replays audit logs against a
policy, finds leaked credentials, and writes policies and the
configuration of the log and webhook backends.`,
	},
	{
		name:  "certgen",
		short: "Make and look after the certificates of a cluster",
		description: `Makes certificates that every TLS client accepts, one by one or a whole
cluster PKI, in the layouts of kubeadm, easyrsa, openssl and cfssl.
Inspects, verifies, renews and converts what other tools made, predicts
which clients will refuse it, and drives the certificates.k8s.io flow.
Needs no cluster and no openssl.`,
	},
	{
		name:  "logarch",
		short: "Get a workload's logs out, see what would be lost",
		description: `Adds logging sidecars to manifests without touching another byte of
them, and takes them out again. Advises which logging pattern each
workload uses and what it loses, writes configurations for node-level
agents, and reads klog, structured, JSON and CRI logs as one record.`,
	},
}
