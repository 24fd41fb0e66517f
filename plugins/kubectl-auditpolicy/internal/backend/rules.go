package backend

import "github.com/clusterwright/kubectl-plugins/shared/finding"

const flagsSource = "k8s.io/apiserver/pkg/server/options/audit.go"

// Rules are the checks of how auditing is switched on.
var Rules = []finding.Rule{
	{
		ID: "AP055", Title: "blocking-strict does nothing", Severity: finding.Error,
		Rationale: `The mode blocking-strict refuses a request that cannot be logged, and it does so at the stage RequestReceived.
			A policy that omits the stage takes the check away: with an unwritable log the requests go through and their
			events are lost.`,
		Remedy: "Record RequestReceived where requests must not go unlogged, or use the mode blocking, which promises less.",
		Source: "k8s.io/apiserver/pkg/endpoints/filters/audit.go (WithAudit)",
		Bad:    "--audit-log-mode=blocking-strict, with omitStages: [RequestReceived] in the policy",
		Good:   "--audit-log-mode=blocking-strict, with no omitStages at all",
	},
	{
		ID: "AP070", Title: "audit storage fails or never ends", Severity: finding.Error,
		Rationale: `The log must be a directory of the host that the API server can write and rename in. A log that is mounted
			as a single file cannot be rotated ("device or resource busy"); a policy that is not mounted keeps the API
			server from starting; a log that is not mounted dies with the container; and a log without bounds fills
			the disk that etcd is often on.`,
		Remedy: "Mount the directories of the policy (read-only) and of the log; set maxage, maxbackup and maxsize. 'kubectl auditpolicy backend log' writes them.",
		Source: "kubernetes/website issue 30661, aws/eks-anywhere issue 642, kubernetes/kops issues 2670 and 15489; " + flagsSource,
		Bad:    "volumeMounts:\n- name: audit-log\n  mountPath: /var/log/audit.log",
		Good:   "volumeMounts:\n- name: audit-log\n  mountPath: /var/log/kubernetes/audit",
	},
	{
		ID: "AP071", Title: "kube-apiserver refuses the audit flags", Severity: finding.Error,
		Rationale: "The API server validates these flags at start and exits. On a single control plane node that is the end of the cluster until somebody logs in.",
		Remedy:    "Correct the value; 'kube-apiserver --help' lists what is allowed.",
		Source:    flagsSource + " (Validate)",
		Bad:       "--audit-log-mode=async", Good: "--audit-log-mode=batch",
	},
	{
		ID: "AP072", Title: "auditing is not switched on", Severity: finding.Error,
		Rationale: `It takes a policy and a backend. A backend without a policy records nothing, a policy without a backend goes
			nowhere, and kube-apiserver mentions neither above log level 2.`,
		Remedy: "Give --audit-policy-file and at least one of --audit-log-path and --audit-webhook-config-file.",
		Source: flagsSource + " (ApplyTo); CIS Kubernetes Benchmark 3.2.1",
		Bad:    "--audit-log-path=/var/log/kubernetes/audit/audit.log", Good: "--audit-policy-file=/etc/kubernetes/audit/policy.yaml --audit-log-path=/var/log/kubernetes/audit/audit.log",
	},
	{
		ID: "AP073", Title: "no such audit flag", Severity: finding.Error,
		Rationale: "kube-apiserver exits with \"unknown flag\": the name is misspelt, was removed, or belongs to another version.",
		Remedy:    "Use the name that is suggested.",
		Source:    flagsSource + " (AddFlags)",
		Bad:       "--audit-log-maxbackups=10", Good: "--audit-log-maxbackup=10",
	},
	{
		ID: "AP074", Title: "audit log kept for less than the benchmark asks", Severity: finding.Warning,
		Rationale: "The CIS benchmark asks for at least 30 days, 10 rotated files and 100 MB a file. A log that has rotated away answers nothing.",
		Remedy:    "Set --audit-log-maxage=30, --audit-log-maxbackup=10 and --audit-log-maxsize=100 or more, or ship the log elsewhere.",
		Source:    "CIS Kubernetes Benchmark 1.2 (audit-log-maxage, -maxbackup, -maxsize)",
		Bad:       "--audit-log-maxage=7", Good: "--audit-log-maxage=30",
	},
	{
		ID: "AP075", Title: "audit flag without effect", Severity: finding.Warning,
		Rationale: "A flag of a backend that is off, or of batching where the mode does not batch, is accepted and ignored. Whoever set it believes otherwise.",
		Remedy:    "Remove the flag, or switch on what it belongs to.",
		Source:    flagsSource,
		Bad:       "--audit-log-batch-buffer-size=50000 (the log's default mode is blocking)", Good: "--audit-log-mode=batch --audit-log-batch-buffer-size=50000",
	},
	{
		ID: "AP076", Title: "audit events will be dropped or hold requests up", Severity: finding.Warning,
		Rationale: `A batching backend carries max-size events times throttle-qps a second; what is above fills the buffer, and a full
			buffer drops. A blocking webhook makes every request wait for the receiver instead.`,
		Remedy: "Size it by the load: 'kubectl auditpolicy backend webhook --rate N', and try it with 'kubectl auditpolicy simulate'.",
		Source: "k8s.io/apiserver/plugin/pkg/audit/buffered; handbook, Auditing (parameter tuning)",
		Bad:    "--audit-webhook-batch-max-size=10 --audit-webhook-batch-throttle-qps=1", Good: "--audit-webhook-batch-max-size=400 --audit-webhook-batch-throttle-qps=10",
	},
	{
		ID: "AP077", Title: "large audit events are not truncated", Severity: finding.Info,
		Rationale: "Receivers limit the size of a request. Without truncation one large object in a batch gets the whole batch refused, five times, and then dropped.",
		Remedy:    "Set --audit-webhook-truncate-enabled=true.",
		Source:    "k8s.io/apiserver/plugin/pkg/audit/truncate",
		Bad:       "--audit-webhook-config-file=... alone", Good: "--audit-webhook-config-file=... --audit-webhook-truncate-enabled=true",
	},
	{
		ID: "AP078", Title: "audit log in the legacy text format", Severity: finding.Warning,
		Rationale: "The legacy format is one line of text without level, bodies or annotations; nothing that reads audit logs understands it.",
		Remedy:    "Remove --audit-log-format=legacy; json is the default.",
		Source:    "k8s.io/apiserver/pkg/audit/format.go",
		Bad:       "--audit-log-format=legacy", Good: "--audit-log-format=json",
	},
	{
		ID: "AP079", Title: "audit webhook's kubeconfig", Severity: finding.Error,
		Rationale: `kube-apiserver reads the webhook's address and credentials from a kubeconfig, at start, and exits where it cannot.
			The address must be https, and the receiver's certificate verified: audit events tell who does what, and
			whoever can answer in the receiver's place can also make them disappear.`,
		Remedy: "Write it with 'kubectl auditpolicy backend webhook --url URL --ca-file CA --kubeconfig-only'.",
		Source: "k8s.io/apiserver/pkg/util/webhook (LoadKubeconfig), k8s.io/client-go/tools/clientcmd",
		Bad:    "clusters:\n- name: audit\n  cluster:\n    server: http://audit.example.org/events",
		Good:   "clusters:\n- name: audit\n  cluster:\n    server: https://audit.example.org/events\n    certificate-authority: /etc/kubernetes/audit/ca.crt",
	},
}

func rule(id string) finding.Rule {
	for _, r := range Rules {
		if r.ID == id {
			return r
		}
	}
	panic("no rule " + id)
}
