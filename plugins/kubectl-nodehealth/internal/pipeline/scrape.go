package pipeline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
)

// Scrape is what metrics-server's log says of one kubelet that it cannot read.
type Scrape struct {
	Node  string `json:"node"`
	Error string `json:"error"`
}

// complaint is metrics-server's line about a kubelet that it cannot read, in
// all of its versions. Not every x509 error is one: it also says so of the API
// server's certificate.
var (
	complaint = lazyregexp.New(`(?i)failed to scrape node|unable to fully scrape|unable to fetch metrics from node`)
	quotedErr = lazyregexp.New(`err="((?:[^"\\]|\\.)*)"`)
	nodeField = lazyregexp.New(`node="([^"]+)"|from node ([^\s:]+)|kubelet_summary:([^\s:]+)`)
)

// scrapes reads the complaints of a log: the last one about each node.
func scrapes(log string) []Scrape {
	last := map[string]string{}
	for l := range strings.SplitSeq(log, "\n") {
		if !complaint.MatchString(l) {
			continue
		}
		node := ""
		if m := nodeField.FindStringSubmatch(l); m != nil {
			node = cmp.Or(m[1], m[2], m[3])
		}
		text := strings.TrimSpace(l)
		if m := quotedErr.FindStringSubmatch(l); m != nil {
			text = strings.ReplaceAll(m[1], `\"`, `"`)
		} else if _, after, ok := strings.Cut(l, "] "); ok {
			text = strings.TrimSpace(after)
		}
		last[node] = text
	}
	out := make([]Scrape, 0, len(last))
	for n, e := range last {
		out = append(out, Scrape{n, e})
	}
	slices.SortFunc(out, func(a, b Scrape) int { return strings.Compare(a.Node, b.Node) })
	return out
}

// causes say why metrics-server cannot read a kubelet, and what helps, by what
// Go's and the kubelet's errors have in common.
var causes = []struct{ in, means, remedy string }{
	{"IP SANs", "the kubelets' serving certificates do not hold the nodes' addresses", "have them signed (serverTLSBootstrap: true and approve the requests: kubectl get csr), or for a test start metrics-server with --kubelet-insecure-tls"},
	{"certificate is valid for", "the kubelets' serving certificates do not hold the nodes' addresses", "have them signed (serverTLSBootstrap: true and approve the requests: kubectl get csr), or choose another --kubelet-preferred-address-types"},
	{"unknown authority", "the kubelets' serving certificates are signed by nobody it trusts", "give metrics-server --kubelet-certificate-authority, or have the certificates signed by the cluster's authority (serverTLSBootstrap: true)"},
	{"certificate has expired", "the kubelets' serving certificates have expired", "renew them: approve the pending requests (kubectl get csr), restart the kubelet"},
	{"tls: internal error", "the kubelets have no serving certificate: its request is not approved", "kubectl get csr; kubectl certificate approve NAME"},
	{"x509: ", "it does not trust the kubelets' serving certificates", "compare them with --kubelet-certificate-authority"},
	{"403 Forbidden", "the kubelets forbid it: it lacks the right to get nodes/metrics", "compare ClusterRole system:metrics-server and its binding with the release's manifest: get on nodes/metrics"},
	{"401 Unauthorized", "the kubelets do not know its token", "turn the kubelet's authentication.webhook on"},
	{"no such host", "it cannot resolve the nodes' names", "start it with --kubelet-preferred-address-types=InternalIP"},
	{"connection refused", "nobody listens on the kubelet's port", "kubectl nodehealth NODE"},
	{"no route to host", "it has no route to the node", "kubectl nodehealth NODE; the network of metrics-server's pod"},
	{"deadline exceeded", "the kubelet does not answer in time", "a firewall or network policy before port 10250, or a slow kubelet: kubectl nodehealth NODE"},
	{"i/o timeout", "the kubelet does not answer in time", "a firewall or network policy before port 10250, or a slow kubelet: kubectl nodehealth NODE"},
}

// cause says what an error means and what helps; what is not known is quoted.
func cause(err string) (means, remedy string) {
	for _, c := range causes {
		if strings.Contains(err, c.in) {
			return c.means, c.remedy
		}
	}
	return err, "read its log"
}

// refused groups what the servers complain about by its cause, for nodes that
// have no figures.
func (j *judge) refused() (means, remedy string, nodes []string, evidence []string) {
	for _, p := range j.s.Servers {
		for _, x := range p.Scrapes {
			if i := slices.IndexFunc(j.s.Nodes, func(n Node) bool { return n.Name == x.Node }); i >= 0 && j.fresh(j.s.Nodes[i]) || x.Node != "" && i < 0 {
				// It has figures since, or is not looked at.
				continue
			}
			m, r := cause(x.Error)
			if means == "" {
				means, remedy = m, r
			}
			if m == means {
				nodes = append(nodes, x.Node)
			}
			if len(evidence) < 2 {
				evidence = append(evidence, strings.TrimPrefix(fmt.Sprintf("%s: %s", x.Node, x.Error), ": "))
			}
		}
	}
	slices.Sort(nodes)
	return means, remedy, slices.Compact(nodes), evidence
}

// fresh says whether a node has figures that are not stale.
func (j *judge) fresh(n Node) bool {
	return n.Usage != nil && j.s.ObservedAt.Sub(n.Usage.Time) <= staleAfter
}
