package controlplane

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/kube"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/kubelet"
)

// proxyConfig reads the mode that kube-proxy is configured with, where kubeadm
// keeps it.
func (c *collector) proxyConfig(ctx context.Context) error {
	m, err := kube.ConfigMaps.Get(ctx, c.core, "kube-system", "kube-proxy")
	if err != nil {
		return err
	}
	var conf struct {
		Mode string `json:"mode"`
	}
	for _, key := range []string{"config.conf", "config", "kube-proxy-config"} {
		if text, ok := m.Data[key]; ok && yaml.Unmarshal([]byte(text), &conf) == nil {
			c.s.ProxyConfig = "default"
			if conf.Mode != "" {
				c.s.ProxyConfig = conf.Mode
			}
			return nil
		}
	}
	return nil
}

// askNodes asks the kube-proxy and the kubelet of a few nodes through the node
// proxy: the one for its mode (it listens on the loopback only, unless
// metricsBindAddress is set), the other to see whether kubelets know the API
// server.
func (c *collector) askNodes(ctx context.Context) {
	nodes := c.s.Nodes[:min(len(c.s.Nodes), nodesAsked)]
	modes := make([]string, len(nodes))
	replies := make([]kubelet.Reply, len(nodes))
	get := func(name, port, path string) kubelet.Reply {
		r, err := kubelet.ReplyOf(c.core.Get().Resource("nodes").Name(name + port).SubResource("proxy").Suffix(path).Do(ctx))
		if err != nil {
			return kubelet.Reply{}
		}
		return r
	}
	var wg sync.WaitGroup
	for i, n := range nodes {
		wg.Go(func() {
			if r := get(n.Name, ":10249", "proxyMode"); r.Code == http.StatusOK {
				modes[i] = strings.TrimSpace(string(r.Body))
			}
		})
		wg.Go(func() { replies[i] = get(n.Name, "", "healthz") })
	}
	wg.Wait()
	for i, n := range nodes {
		if modes[i] != "" {
			c.s.Proxies = append(c.s.Proxies, Proxy{n.Name, modes[i]})
		}
		r := replies[i]
		body := strings.Join(strings.Fields(string(r.Body)), " ")
		switch _, _, own := r.FromAPIServer(); {
		case r.Code == 0:
		case r.Code == http.StatusForbidden && own:
			c.refusals = apierrors.NewForbidden(schema.GroupResource{Resource: "nodes/proxy"}, "", errors.New(body))
		case r.Code == http.StatusUnauthorized, strings.Contains(body, "the server has asked for the client to provide credentials"):
			c.s.Asked++
			c.s.Refusals = append(c.s.Refusals, Refusal{n.Name, body})
		default:
			c.s.Asked++
		}
	}
	if len(nodes) > 0 && c.s.Asked == 0 && c.refusals == nil {
		c.refusals = errors.New("no kubelet answered through the node proxy")
	}
}
