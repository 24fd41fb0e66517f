package pipeline

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/phrase"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// each is up to how many nodes get a finding of their own.
const each = 5

// warmUp is how long metrics-server takes until it has its first figures: its
// probe waits 20 seconds, and CPU needs two scrapes.
const warmUp = time.Minute

func nodeNames(nodes []Node) string {
	var names []string
	for _, n := range nodes {
		names = append(names, n.Name)
	}
	return phrase.List(names, each)
}

// servers judges the pods behind the API: whether they run at all.
func (j *judge) servers() Link {
	l := Link{Name: linkServer, Status: "ok"}
	if j.s.API == nil {
		l.Status = "unknown"
		return l
	}
	api := j.s.API
	if len(j.s.Servers) == 0 {
		if j.s.Answers {
			l.Detail = "answers; its pods were not seen"
			return l
		}
		if p, failed := j.s.problem("metrics-server"); failed {
			l.Status, l.Detail = "unknown", "its pods could not be read: "+p
			return l
		}
		l.Status, l.Detail = "broken", fmt.Sprintf("no pod behind service %s/%s", api.Namespace, api.Service)
		j.add(ruleServer, "Service", api.Namespace+"/"+api.Service, l.Detail)
		j.do("", "kubectl -n %s get deployments,replicasets,events | grep %s", api.Namespace, api.Service)
		return l
	}
	runs := 0
	for _, p := range j.s.Servers {
		if p.Ready || p.Running {
			runs++
			continue
		}
		why := p.Why
		if p.LastWords != "" {
			why += "; its last words: " + phrase.Clip(p.LastWords, 200)
		}
		j.add(ruleServer, "Pod", p.Namespace+"/"+p.Name, fmt.Sprintf("metrics-server's pod %s/%s does not run: %s", p.Namespace, p.Name, why))
		j.do("", "kubectl -n %s describe pod %s", p.Namespace, p.Name)
		if p.LastWords != "" {
			j.do("", "kubectl -n %s logs %s --previous --tail=30", p.Namespace, p.Name)
		}
	}
	l.Detail = fmt.Sprintf("%d of %d pods run", runs, len(j.s.Servers))
	if runs == 0 {
		l.Status = "broken"
	}
	return l
}

// reads judges what the pods' logs say of the kubelets.
func (j *judge) reads() Link {
	l := Link{Name: linkReads, Status: "unknown"}
	running := slices.ContainsFunc(j.s.Servers, func(p Server) bool { return p.Running || p.Ready })
	if !running {
		if j.s.Answers {
			l.Status = "ok"
		}
		return l
	}
	means, remedy, nodes, evidence := j.refused()
	if means != "" {
		p := j.s.Servers[0]
		l.Status, l.Detail = "partly", fmt.Sprintf("not %s: %s", phrase.List(nodes, 3), means)
		if !j.s.Answers || len(nodes) == len(j.s.Nodes) {
			l.Status, l.Detail = "broken", means
		}
		f := j.finding(ruleScrape, "Pod", p.Namespace+"/"+p.Name, fmt.Sprintf("metrics-server cannot read %s: %s", whom(nodes, len(j.s.Nodes)), means), evidence...)
		f.Remedy = remedy
		j.do("", "kubectl -n %s logs %s --tail=200 | grep scrape", p.Namespace, p.Name)
		return l
	}
	for _, p := range j.s.Servers {
		if p.Ready || !p.Running || j.s.Answers {
			continue
		}
		if age := j.s.ObservedAt.Sub(p.Started); age < warmUp {
			l.Detail = fmt.Sprintf("it started %s ago: the first figures take a minute", phrase.Duration(age))
			return l
		}
		l.Status, l.Detail = "broken", "it runs and is not ready: "+p.Why
		j.add(ruleScrape, "Pod", p.Namespace+"/"+p.Name, fmt.Sprintf("metrics-server's pod %s/%s runs and is not ready: %s", p.Namespace, p.Name, p.Why), p.NoLog)
		j.do("", "kubectl -n %s logs %s --tail=50", p.Namespace, p.Name)
		return l
	}
	l.Status = "ok"
	if s := j.s.Servers[0]; s.NoLog != "" {
		l.Detail = "by its figures; its log could not be read"
	}
	return l
}

func whom(nodes []string, all int) string {
	nodes = slices.DeleteFunc(slices.Clone(nodes), func(n string) bool { return n == "" })
	switch {
	case len(nodes) == 0, len(nodes) == all && all > 1:
		return "any kubelet"
	case len(nodes) > each:
		return fmt.Sprintf("%d kubelets (%s)", len(nodes), phrase.List(nodes, 3))
	}
	return "the kubelet of " + phrase.List(nodes, each)
}

// available judges the API server's way to them.
func (j *judge) available() Link {
	l := Link{Name: linkAvailable, Status: "ok", Detail: j.s.Version}
	switch {
	case j.s.API == nil && !j.s.Answers:
		l.Status, l.Detail = "unknown", ""
	case j.s.API != nil && !j.s.API.Available:
		l.Status, l.Detail = "broken", j.s.API.Why
		if strings.HasPrefix(j.s.API.Why, "MissingEndpoints") && j.warming() {
			l.Status = "unknown"
			return l
		}
		if strings.HasPrefix(j.s.API.Why, "MissingEndpoints") &&
			slices.ContainsFunc(j.out, func(f finding.Finding) bool { return f.ID == ruleServer.ID || f.ID == ruleScrape.ID }) {
			// What has no ready pod has no endpoint; that is told already.
			return l
		}
		text := fmt.Sprintf("%s is not available: %s", j.s.API.Name, phrase.Clip(j.s.API.Why, 300))
		if strings.Contains(j.s.API.Why, "401") {
			text += ". It does not know the API server: the front-proxy client certificate has expired, or is of another authority"
			j.do("on the API server's machine", "sudo openssl x509 -enddate -noout -in /etc/kubernetes/pki/front-proxy-client.crt")
		}
		j.add(ruleAPIDown, "APIService", j.s.API.Name, text)
		j.do("", "kubectl describe apiservice %s", j.s.API.Name)
	case !j.s.Answers && j.s.denied(sourceMetrics):
		l.Status, l.Detail = "unknown", "you may not read metrics.k8s.io"
	case !j.s.Answers:
		l.Status, l.Detail = "broken", j.s.Why
		version, _, _ := strings.Cut(j.s.API.Name, ".")
		j.add(ruleAPIDown, "APIService", j.s.API.Name, "metrics.k8s.io does not answer: "+phrase.Clip(j.s.Why, 300))
		j.do("", "kubectl get --raw /apis/metrics.k8s.io/%s/nodes", version)
	}
	return l
}

func (j *judge) warming() bool {
	return slices.ContainsFunc(j.s.Servers, func(p Server) bool { return p.Running && !p.Ready && j.s.ObservedAt.Sub(p.Started) < warmUp })
}

// complete judges what the API serves against the nodes.
func (j *judge) complete() Link {
	l := Link{Name: linkComplete, Status: "unknown"}
	if !j.s.Answers {
		return l
	}
	var missing, stale []Node
	told := 0
	for _, n := range j.s.Nodes {
		switch {
		case n.Usage == nil && n.Ready && j.complained(n.Name):
			told++ // by metrics-server's own complaint
		case n.Usage == nil && n.Ready:
			missing = append(missing, n)
		case n.Usage != nil && !j.fresh(n):
			stale = append(stale, n)
		}
	}
	if len(missing) > each {
		j.add(ruleMissing, "Node", missing[0].Name, fmt.Sprintf("metrics.k8s.io has nothing of %d nodes", len(missing)), "nodes: "+nodeNames(missing))
	} else {
		for _, n := range missing {
			j.add(ruleMissing, "Node", n.Name, "metrics.k8s.io has nothing of "+n.Name)
		}
	}
	if len(stale) > each {
		oldest := slices.MinFunc(stale, func(a, b Node) int { return a.Usage.Time.Compare(b.Usage.Time) })
		j.add(ruleStale, "Node", oldest.Name, fmt.Sprintf("the figures of %d nodes are up to %s old", len(stale), phrase.Duration(j.s.ObservedAt.Sub(oldest.Usage.Time))), "nodes: "+nodeNames(stale))
	} else {
		for _, n := range stale {
			j.add(ruleStale, "Node", n.Name, fmt.Sprintf("the figures of %s are %s old", n.Name, phrase.Duration(j.s.ObservedAt.Sub(n.Usage.Time))))
		}
	}
	l.Status, l.Detail = "ok", phrase.Count(len(j.s.Nodes), "node")
	if told+len(missing)+len(stale) > 0 {
		l.Status, l.Detail = "partly", fmt.Sprintf("%d missing, %d stale of %d", told+len(missing), len(stale), len(j.s.Nodes))
		if len(missing) > 0 {
			j.do("", "kubectl nodehealth %s", missing[0].Name)
		}
		if len(j.s.Servers) > 0 && told == 0 {
			p := j.s.Servers[0]
			j.do("", "kubectl -n %s logs %s --tail=200 | grep scrape", p.Namespace, p.Name)
		}
	}
	return l
}

// complained says whether a metrics-server's log names a node.
func (j *judge) complained(node string) bool {
	return slices.ContainsFunc(j.s.Servers, func(p Server) bool {
		return slices.ContainsFunc(p.Scrapes, func(c Scrape) bool { return c.Node == node })
	})
}
