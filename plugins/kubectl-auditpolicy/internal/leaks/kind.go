// Package leaks finds credentials that already stand in an audit log. Whoever
// can read the log can use them, so it names each one by where it stands and
// never by what it says: neither a value nor a part of one leaves this package.
package leaks

import "github.com/clusterwright/kubectl-plugins/shared/finding"

// Rules are the kinds of leaks, as checks. The order is that of the reference.
var Rules = []finding.Rule{
	{
		ID: "AP080", Title: "secret contents in an audit log", Severity: finding.Error,
		Rationale: `An event at level Request or RequestResponse carries the object that was written or read. For a
			Secret that is the secret itself: base64 hides nothing. The log is then as sensitive as etcd, and is
			usually kept longer, shipped further and read by more people.`,
		Remedy: "Log secrets at Metadata, in a rule above every rule with bodies; rotate what the log holds and delete or restrict the log.",
		Source: "k8s.io/apiserver/pkg/audit (LogRequestObject, LogResponseObject); CIS Kubernetes Benchmark 3.2.2",
		Bad:    "- level: RequestResponse\n  resources:\n  - group: \"\"",
		Good:   "- level: Metadata\n  resources:\n  - group: \"\"\n    resources: [\"secrets\", \"configmaps\", \"serviceaccounts/token\"]\n- level: RequestResponse\n  resources:\n  - group: \"\"",
	},
	{
		ID: "AP081", Title: "service account token in an audit log", Severity: finding.Error,
		Rationale: `A token request returns a token in its response body, and a token review sends one in its request body.
			Until it expires such a token is an identity of the cluster.`,
		Remedy: "Log serviceaccounts/token and tokenreviews at Metadata; delete the pod or service account whose token stands in the log, or wait until it has expired.",
		Source: "kubernetes PR 47921 (tokenreviews) and PR 102040 (serviceaccounts/token) in the GCE policy",
		Bad:    "- level: RequestResponse\n  resources:\n  - group: \"\"\n    resources: [\"serviceaccounts/*\"]",
		Good:   "- level: Metadata\n  resources:\n  - group: \"\"\n    resources: [\"serviceaccounts/token\"]\n  - group: authentication.k8s.io",
	},
	{
		ID: "AP082", Title: "bearer token in an audit log", Severity: finding.Error,
		Rationale: `A token of an identity provider, in a body, an argument of exec or a URI. URIs are logged at every level
			from Metadata on, so a policy cannot keep this one out except by not logging the request.`,
		Remedy: "Revoke the token; pass tokens in files or environment, never as an argument or in a URI.",
		Source: "RFC 6750, section 5.3; kubernetes issue 97795",
		Bad:    "kubectl exec pod -- curl -H \"Authorization: Bearer eyJ...\" https://api",
		Good:   "kubectl exec pod -- sh -c 'curl -H @/run/secrets/header https://api'",
	},
	{
		ID: "AP083", Title: "bootstrap token in an audit log", Severity: finding.Error,
		Rationale: "A bootstrap token lets anybody join a node to the cluster until it expires.",
		Remedy:    "Delete the token (kubeadm token delete ID) and log secrets of kube-system at Metadata.",
		Source:    "k8s.io/cluster-bootstrap/token/api (the form [a-z0-9]{6}.[a-z0-9]{16})", Heuristic: true,
		Bad:  "- level: Request\n  resources:\n  - group: \"\"\n    resources: [\"secrets\"]",
		Good: "- level: Metadata\n  resources:\n  - group: \"\"\n    resources: [\"secrets\"]",
	},
	{
		ID: "AP084", Title: "password in an audit log", Severity: finding.Error,
		Rationale: `A password in an argument of exec, in a URL, in a basic authorization header or in a container's environment.
			Arguments of exec stand in the request URI, which every level from Metadata on records.`,
		Remedy: "Change the password; take it from a Secret by valueFrom or a file instead of writing it into a command or a manifest.",
		Source: "kubernetes issue 97795", Heuristic: true,
		Bad:  "kubectl exec db-0 -- mysql --password=...",
		Good: "kubectl exec db-0 -- sh -c 'mysql --defaults-file=/run/secrets/my.cnf'",
	},
	{
		ID: "AP085", Title: "private key in an audit log", Severity: finding.Error,
		Rationale: "A PEM private key in a logged body, plain or in base64.",
		Remedy:    "Replace the key and revoke its certificate; keep keys in Secrets and log those at Metadata.",
		Source:    "RFC 7468",
		Bad:       "a ConfigMap that holds a private key, under level Request", Good: "a Secret of type kubernetes.io/tls, under level Metadata",
	},
	{
		ID: "AP086", Title: "cloud or service key in an audit log", Severity: finding.Error,
		Rationale: "A key in the published form of a provider (AWS, Google, Azure, GitHub, GitLab, Slack, Stripe and others) in a logged body or argument.",
		Remedy:    "Revoke the key at its provider; hand keys over by Secret or workload identity.",
		Source:    "the providers' published key formats", Heuristic: true,
		Bad: "env: [{name: AWS_SECRET_ACCESS_KEY, value: ...}]", Good: "env: [{name: AWS_SECRET_ACCESS_KEY, valueFrom: {secretKeyRef: {...}}}]",
	},
}

// kind is one sort of credential.
type kind struct {
	rule int // index in Rules
	// what names it, as in "an AWS access key".
	what string
}

const (
	ruleSecret = iota
	ruleServiceAccount
	ruleBearer
	ruleBootstrap
	rulePassword
	rulePrivateKey
	ruleCloud
)
