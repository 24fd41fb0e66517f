// Package controlplane looks at the control plane from where a user stands: the
// API server's own checks, the leases of those that elect a leader, versions,
// certificates on the wire, and what can block every request: aggregated APIs
// and admission webhooks that fail closed.
package controlplane

import "time"

// Snapshot is what was read.
type Snapshot struct {
	ObservedAt time.Time `json:"observedAt"`
	// Server is the address of the API server.
	Server string `json:"server"`
	Reach  Reach  `json:"reach"`
	// You is the client certificate or token of the kubeconfig, nil where it
	// has none with an end.
	You *Certificate `json:"you,omitempty"`
	// Machine is this machine, where it is one of the control plane's.
	Machine *Machine `json:"machine,omitempty"`
	Version Version  `json:"version"`
	// Livez and Readyz are the API server's named checks.
	Livez  Health `json:"livez"`
	Readyz Health `json:"readyz"`
	// Etcd is the API server's check of its storage: "ok", or what it said.
	Etcd string `json:"etcd,omitempty"`
	// Leaders are the leases of the components that elect a leader.
	Leaders []Lease `json:"leaders"`
	// APIServers are the identity leases of API servers.
	APIServers []Lease `json:"apiServers"`
	// Candidates take part in a coordinated election.
	Candidates []Candidate `json:"candidates,omitempty"`
	// Pods are control-plane components that run as pods.
	Pods        []Pod         `json:"pods"`
	APIServices []APIService  `json:"apiServices"`
	Webhooks    []Webhook     `json:"webhooks"`
	Certs       []Certificate `json:"certificates"`
	Proxies     []Proxy       `json:"kubeProxies"`
	// ProxyConfig is the mode in the ConfigMap kube-system/kube-proxy:
	// "default" where it names none, "" where there is no such ConfigMap.
	ProxyConfig string `json:"kubeProxyConfig,omitempty"`
	// Refusals are nodes whose kubelet does not know the API server (401).
	Refusals []Refusal `json:"kubeletRefusals,omitempty"`
	// Asked is how many kubelets were asked.
	Asked  int     `json:"kubeletsAsked"`
	Nodes  []Node  `json:"nodes"`
	Probes []Probe `json:"probes"`
}

// Version is the answer of /version. Emulated and MinCompat are those of
// KEP-4330 (1.31 and later), "" before.
type Version struct {
	Git       string `json:"gitVersion"`
	Emulated  string `json:"emulated,omitempty"`
	MinCompat string `json:"minCompatibility,omitempty"`
}

// Health is the answer of livez or readyz.
type Health struct {
	// Code is the HTTP status, 0 where there was no answer.
	Code   int           `json:"code"`
	Checks []HealthCheck `json:"checks"`
}

// HealthCheck is one line of the verbose answer.
type HealthCheck struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	Why  string `json:"why,omitempty"`
}

// Lease is a lease of the control plane.
type Lease struct {
	Name     string        `json:"name"`
	Holder   string        `json:"holder"`
	Renewed  time.Time     `json:"renewed"`
	Duration time.Duration `json:"-"`
	Seconds  int           `json:"durationSeconds"`
	// Strategy is set for coordinated election (OldestEmulationVersion).
	Strategy    string `json:"strategy,omitempty"`
	Transitions int    `json:"transitions"`
}

// Candidate is a LeaseCandidate of coordinated leader election (KEP-4355).
type Candidate struct {
	Name      string `json:"name"`
	Lease     string `json:"lease"`
	Binary    string `json:"binaryVersion"`
	Emulation string `json:"emulationVersion"`
	Strategy  string `json:"strategy"`
}

// Pod is a component that runs as a pod.
type Pod struct {
	Component string `json:"component"`
	Name      string `json:"name"`
	Node      string `json:"node"`
	// Version is the image's tag.
	Version  string `json:"version"`
	Ready    bool   `json:"ready"`
	Restarts int    `json:"restarts"`
	Why      string `json:"why,omitempty"`
}

// APIService is an aggregated API.
type APIService struct {
	Name      string `json:"name"`
	Service   string `json:"service"`
	Available bool   `json:"available"`
	// Bundle is the end of the last authority in its caBundle, zero where it has
	// none.
	Bundle time.Time `json:"caBundleNotAfter,omitzero"`
	Why    string    `json:"why,omitempty"`
}

// Webhook is an admission webhook.
type Webhook struct {
	// Index is its place in its configuration.
	Index int `json:"index"`
	// Config is "ValidatingWebhookConfiguration/NAME" or the mutating kind.
	Config string `json:"config"`
	Name   string `json:"name"`
	// FailClosed says failurePolicy Fail: without an answer the request is
	// refused.
	FailClosed bool   `json:"failClosed"`
	Service    string `json:"service,omitempty"`
	// Endpoints is how many ready addresses the service has, -1 where that is
	// not known or the webhook is a URL.
	Endpoints int `json:"endpoints"`
	// Timeout is in seconds.
	Timeout int `json:"timeoutSeconds"`
	// Bundle is the end of the last authority in its caBundle, zero where it has
	// none.
	Bundle time.Time `json:"caBundleNotAfter,omitzero"`
	// Catches are sensitive resources that it intercepts without sparing
	// kube-system: pods, nodes, leases.
	Catches []string `json:"catches,omitempty"`
}

// Certificate is one that was shown on the wire.
type Certificate struct {
	Where    string    `json:"where"`
	Subject  string    `json:"subject"`
	Issuer   string    `json:"issuer"`
	NotAfter time.Time `json:"notAfter"`
	// Trust says why a client with this kubeconfig refuses it, "" if it does
	// not.
	Trust string `json:"trust,omitempty"`
}

// Refusal is a kubelet that does not let the API server in.
type Refusal struct {
	Node string `json:"node"`
	Why  string `json:"why"`
}

// Proxy is what kube-proxy says of its mode on one node.
type Proxy struct {
	Node string `json:"node"`
	Mode string `json:"mode"`
}

// Node is a node's kubelet, for the skew.
type Node struct {
	Name         string `json:"name"`
	Kubelet      string `json:"kubelet"`
	ControlPlane bool   `json:"controlPlane"`
	OSImage      string `json:"osImage"`
}

// Probe says how a source answered: ok, denied, timeout, unreachable, absent.
type Probe struct {
	Name   string `json:"name"`
	Status string `json:"status"`
	Detail string `json:"detail,omitempty"`
}
