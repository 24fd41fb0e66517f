package collect

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/kubelet"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

// statuszAccept asks for the structured form; kubelets that do not know it
// answer 406 or plain text.
const statuszAccept = "application/json;as=Statusz;v=v1beta1;g=config.k8s.io,application/json;as=Statusz;v=v1alpha1;g=config.k8s.io,text/plain"

// askKubelet reads everything the kubelet answers, and asks ports of its host
// that it does not own. It takes no longer than the deadline.
func (c *Client) askKubelet(ctx context.Context, n *snapshot.Node, deadline time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	var mu sync.Mutex
	var wg sync.WaitGroup
	probe := func(source, path, accept string, take func(kubelet.Reply, *snapshot.Probe)) {
		wg.Go(func() {
			r, err := c.get(ctx, "/api/v1/nodes/"+n.Name+"/proxy"+path, nil, accept)
			var p snapshot.Probe
			if err != nil {
				p = failure(ctx, source, err, deadline)
				if p.Status == snapshot.Timeout {
					p.Reason = snapshot.ReasonSilent
				}
			} else {
				p = kubelet.Classify(source, r)
			}
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				take(r, &p)
			}
			n.Set(p)
		})
	}
	k := &n.Kubelet
	probe(snapshot.SourceHealthz, "/healthz", "", func(r kubelet.Reply, p *snapshot.Probe) {
		if _, _, api := r.FromAPIServer(); api {
			return
		}
		if h, ok := kubelet.ParseHealthz(r); ok {
			k.Healthz = h
			p.Status, p.Reason, p.Detail = snapshot.OK, "", ""
		}
	})
	probe(snapshot.SourceConfigz, "/configz", "", func(r kubelet.Reply, p *snapshot.Probe) {
		if p.Status != snapshot.OK {
			return
		}
		cfg, err := kubelet.ParseConfigz(r.Body)
		if err != nil {
			p.Status, p.Detail = snapshot.Unsupported, err.Error()
			return
		}
		k.Config = cfg
	})
	probe(snapshot.SourceSummary, "/stats/summary", "", func(r kubelet.Reply, p *snapshot.Probe) {
		if p.Status != snapshot.OK {
			return
		}
		st, _, err := kubelet.ParseStats(r.Body)
		if err != nil {
			p.Status, p.Detail = snapshot.Unsupported, err.Error()
			return
		}
		k.Stats = st
	})
	probe(snapshot.SourceKMetrics, "/metrics", "", func(r kubelet.Reply, p *snapshot.Probe) {
		if p.Status == snapshot.OK {
			k.Metrics = kubelet.ParseMetrics(r.Body)
		}
	})
	probe(snapshot.SourceStatusz, "/statusz", statuszAccept, func(r kubelet.Reply, p *snapshot.Probe) {
		if p.Status == snapshot.OK {
			k.Statusz = kubelet.ParseStatusz(r.Body)
		}
	})
	wg.Go(func() {
		host, p := c.askHost(ctx, n.Name)
		mu.Lock()
		defer mu.Unlock()
		k.Host = host
		n.Set(p)
	})
	wg.Wait()
}

// hostPorts are asked through the node proxy, which dials any port: 1 is a
// port on which nobody listens, and 10256 is kube-proxy's health. A refusal
// proves within one round trip that the host's network stack is alive.
var hostPorts = []struct {
	port, path string
}{{"1", "/"}, {"10256", "/healthz"}}

// askHost says whether the host answers on ports that the kubelet does not own.
func (c *Client) askHost(ctx context.Context, node string) (*snapshot.Host, snapshot.Probe) {
	type answer struct {
		port  string
		probe snapshot.Probe
		code  int
	}
	answers := make(chan answer, len(hostPorts))
	for _, hp := range hostPorts {
		go func() {
			r, err := c.get(ctx, "/api/v1/nodes/http:"+node+":"+hp.port+"/proxy"+hp.path, nil, "")
			a := answer{port: hp.port, code: r.Code}
			if err != nil {
				a.probe = failure(ctx, snapshot.SourceHost, err, ProbeDeadline)
				if a.probe.Status == snapshot.Timeout {
					a.probe.Reason = snapshot.ReasonSilent
				}
			} else {
				a.probe = kubelet.Classify(snapshot.SourceHost, r)
			}
			answers <- a
		}()
	}
	var last answer
	silent, noRoute := 0, 0
	host := &snapshot.Host{}
	for range hostPorts {
		a := <-answers
		last = a
		_, denied := deniedByAPI(a.probe)
		switch {
		case denied:
			return nil, a.probe
		case a.probe.Reason == snapshot.ReasonRefused:
			host.Up = true
			host.Evidence = "port " + a.port + " refused at once: the host is up"
		case a.probe.Status == snapshot.OK, a.probe.Reason == snapshot.ReasonKubelet:
			host.Up = true
			host.Evidence = "port " + a.port + " answers: the host is up"
			if a.port == "10256" {
				host.Proxy = fmt.Sprintf("kube-proxy's health check answers %d", a.code)
			}
		case a.probe.Reason == snapshot.ReasonNoRoute:
			noRoute++
		case a.probe.Reason == snapshot.ReasonSilent:
			silent++
		}
		if host.Up {
			// The other port need not be waited for.
			return host, snapshot.Probe{Name: snapshot.SourceHost, Status: snapshot.OK, Detail: host.Evidence}
		}
	}
	switch {
	case noRoute > 0:
		host.Evidence = "no route to the host on ports " + portList()
		return host, snapshot.Probe{Name: snapshot.SourceHost, Status: snapshot.Unreachable, Reason: snapshot.ReasonNoRoute, Detail: host.Evidence}
	case silent == len(hostPorts):
		host.Evidence = "ports " + portList() + " are silent too: the host is down, cut off, or drops them"
		return host, snapshot.Probe{Name: snapshot.SourceHost, Status: snapshot.Timeout, Reason: snapshot.ReasonSilent, Detail: host.Evidence}
	}
	return nil, last.probe
}

func deniedByAPI(p snapshot.Probe) (string, bool) {
	return p.Detail, p.Status == snapshot.Denied && p.Reason == snapshot.ReasonAPIServer
}

func portList() string {
	var out []string
	for _, hp := range hostPorts {
		out = append(out, hp.port)
	}
	return strings.Join(out, " and ")
}
