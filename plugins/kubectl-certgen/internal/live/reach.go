package live

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/inspect"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/rawapi"
)

// What to do where a port-forward is denied.
const hintForward = "to look behind Services: create clusterrole cert-look --verb=create --resource=pods/portforward, and bind it to this user; or run this in a pod"

// direct bounds a connection that is tried without the API server's help.
const direct = 3 * time.Second

// dialAll asks all servers that were not asked yet, a few at a time, and those
// that several webhooks share once.
func (c *Cluster) dialAll(ctx context.Context, s *Snapshot) {
	groups := map[string][]*Endpoint{}
	var order []string
	for i := range s.Endpoints {
		e := &s.Endpoints[i]
		if e.Served != nil || e.Err != nil {
			continue
		}
		key := e.Addr + " " + e.Name
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], e)
	}
	var wg sync.WaitGroup
	var asked atomic.Int32
	var mu sync.Mutex
	slots := make(chan struct{}, 16)
	for _, key := range order {
		es := groups[key]
		wg.Add(1)
		go func() {
			defer wg.Done()
			slots <- struct{}{}
			defer func() { <-slots }()
			e := es[0]
			if e.Err = ctx.Err(); e.Err == nil {
				e.Err = c.reach(ctx, e)
			}
			c.tell(fmt.Sprintf("asking the cluster's servers: %d of %d", asked.Add(1), len(order)))
			if errors.Is(e.Err, errForwardDenied) {
				mu.Lock()
				s.hint(hintForward)
				mu.Unlock()
			}
			for _, o := range es {
				o.Addr, o.Via, o.Err = e.Addr, e.Via, e.Err
				o.Served = label(append([]inspect.Item{}, e.Served...), o.What+" "+o.where())
			}
		}()
	}
	wg.Wait()
}

// where is the address, and the pod that it was reached through.
func (e *Endpoint) where() string {
	if e.Via != "" {
		return e.Addr + " via " + e.Via
	}
	return e.Addr
}

// reach gets an endpoint's certificates: a Service's from a pod behind it, a
// node's straight, or, where no way leads there from here, through a pod in the
// node's own network.
func (c *Cluster) reach(ctx context.Context, e *Endpoint) error {
	if e.service.Name != "" {
		return c.reachService(ctx, e)
	}
	err := errors.New("not tried")
	if e.node == "" || !c.kubeletTries.hopeless() {
		err = e.dial(ctx, e.Addr)
		if e.node != "" {
			c.kubeletTries.add(err)
		}
	}
	if err == nil || e.node == "" {
		return err
	}
	// The words leave the address out: nodes with the same cause are said in one
	// line.
	const no = "its address cannot be dialled from here, and "
	pods, perr := c.hostPods(ctx)
	switch {
	case perr != nil:
		return fmt.Errorf(no+"pods of kube-system to go through: %s", Cause(perr))
	case len(pods[e.node]) == 0:
		return errors.New(no + "no hostNetwork pod of kube-system runs there to go through")
	}
	for _, p := range pods[e.node] {
		if err = c.through(ctx, e, p, e.port); err == nil {
			return nil
		}
	}
	return fmt.Errorf(no+"%w", err)
}

// tries counts how often nodes could be dialled, so that a fleet behind a wall
// does not cost three seconds a node.
type tries struct{ good, bad atomic.Int32 }

func (t *tries) add(err error) {
	if err == nil {
		t.good.Add(1)
	} else {
		t.bad.Add(1)
	}
}

func (t *tries) hopeless() bool { return t.good.Load() == 0 && t.bad.Load() >= 16 }

func (e *Endpoint) dial(ctx context.Context, addr string) error {
	dctx, cancel := context.WithTimeout(ctx, direct)
	defer cancel()
	srv, err := inspect.Dial(dctx, addr, e.Name)
	if err != nil {
		return err
	}
	e.Addr, e.Served = addr, srv.Items
	return nil
}

// through asks a port of a pod by port-forward.
func (c *Cluster) through(ctx context.Context, e *Endpoint, p podRef, port int) error {
	fctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	conn, err := c.forward(fctx, p, port)
	if err != nil {
		return err
	}
	defer conn.Close()
	srv, err := inspect.Handshake(fctx, conn, e.Addr, e.Name)
	if err != nil {
		if f, ok := conn.(*forwarded); ok && fctx.Err() == nil {
			if m := f.Refusal(); strings.Contains(m, "connection refused") {
				return fmt.Errorf("nothing listens on port %d of %s", port, p)
			} else if m != "" {
				return fmt.Errorf("port %d of %s: %s", port, p, m)
			}
		}
		return fmt.Errorf("port %d of %s: %s", port, p, strings.TrimPrefix(err.Error(), e.Addr+": "))
	}
	e.Via, e.Served = fmt.Sprintf("%s:%d", p, port), srv.Items
	return nil
}

// backend is one address behind a Service.
type backend struct {
	addr  string
	port  int
	pod   podRef
	ready bool
}

func (c *Cluster) reachService(ctx context.Context, e *Endpoint) error {
	ref := e.service
	svc, err := c.get(ctx, "/api/v1/namespaces/"+ref.Namespace+"/services/"+ref.Name)
	switch {
	case apierrors.IsNotFound(err):
		return fmt.Errorf("there is no service %s/%s: the API server cannot call it either", ref.Namespace, ref.Name)
	case err != nil:
		return fmt.Errorf("service %s/%s: %s", ref.Namespace, ref.Name, Cause(err))
	}
	if ext := svc.String("spec", "externalName"); svc.String("spec", "type") == "ExternalName" {
		return e.dial(ctx, net.JoinHostPort(ext, strconv.Itoa(ref.Port)))
	}
	portName, ok := portOf(svc, ref.Port)
	if !ok {
		return fmt.Errorf("the service %s/%s has no port %d: the API server cannot call it either", ref.Namespace, ref.Name, ref.Port)
	}
	bs, err := c.backends(ctx, ref, portName)
	if err != nil {
		return fmt.Errorf("endpoints of service %s/%s: %s", ref.Namespace, ref.Name, Cause(err))
	}
	if len(bs) == 0 {
		return fmt.Errorf("no pod runs behind service %s/%s: the API server cannot call it either", ref.Namespace, ref.Name)
	}
	var first error
	for _, b := range bs {
		if b.pod.Name == "" {
			err = e.dial(ctx, net.JoinHostPort(b.addr, strconv.Itoa(b.port)))
		} else {
			err = c.through(ctx, e, b.pod, b.port)
		}
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
		if errors.Is(err, errForwardDenied) {
			break
		}
	}
	// In a pod the Service's own address works without any permission. From
	// elsewhere it may be somebody else's host, so it comes last.
	if ip := svc.String("spec", "clusterIP"); inPod() && ip != "" && ip != "None" {
		if e.dial(ctx, net.JoinHostPort(ip, strconv.Itoa(ref.Port))) == nil {
			return nil
		}
	}
	return fmt.Errorf("service %s/%s: %w", ref.Namespace, ref.Name, first)
}

// portOf finds the name of a Service's port by its number.
func portOf(svc rawapi.Object, port int) (string, bool) {
	for _, p := range svc.Maps("spec", "ports") {
		if n, ok := p["port"].(float64); ok && int(n) == port {
			return p.String("name"), true
		}
	}
	return "", false
}

// backends are the addresses behind a Service's port, those that are ready
// first.
func (c *Cluster) backends(ctx context.Context, ref serviceRef, portName string) ([]backend, error) {
	list, err := c.Client.List(ctx, "/apis/discovery.k8s.io/v1/namespaces/"+ref.Namespace+"/endpointslices", url.Values{"labelSelector": {"kubernetes.io/service-name=" + ref.Name}})
	if err != nil {
		return nil, err
	}
	var ready, rest []backend
	for _, sl := range list {
		port := 0
		for _, p := range sl.Maps("ports") {
			if n, ok := p["port"].(float64); ok && p.String("name") == portName {
				port = int(n)
			}
		}
		if port == 0 {
			continue
		}
		for _, ep := range sl.Maps("endpoints") {
			as := ep.Strings("addresses")
			if len(as) == 0 {
				continue
			}
			b := backend{addr: as[0], port: port}
			b.ready, _ = ep.Dig("conditions", "ready").(bool)
			if ep.String("targetRef", "kind") == "Pod" {
				b.pod = podRef{ref.Namespace, ep.String("targetRef", "name")}
			}
			if b.ready || ep.Dig("conditions", "ready") == nil {
				ready = append(ready, b)
			} else {
				rest = append(rest, b)
			}
		}
	}
	out := append(ready, rest...)
	return out[:min(len(out), 4)], nil
}

// listHostPods are the running pods of kube-system in their node's network, by
// the node's name and its address.
func (c *Cluster) listHostPods(ctx context.Context) (map[string][]podRef, error) {
	pods, err := c.Client.List(ctx, "/api/v1/namespaces/kube-system/pods", url.Values{"fieldSelector": {"spec.hostNetwork=true,status.phase=Running"}})
	if err != nil {
		return nil, err
	}
	out := map[string][]podRef{}
	for _, p := range pods {
		ref := podRef{p.Namespace(), p.Name()}
		for _, k := range []string{p.String("spec", "nodeName"), p.String("status", "hostIP")} {
			if k != "" && len(out[k]) < 2 {
				out[k] = append(out[k], ref)
			}
		}
	}
	return out, nil
}
