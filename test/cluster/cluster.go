package cluster

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Cluster is a running cluster. Its fields are also in Dir/cluster.json.
type Cluster struct {
	Name   string
	Config Config
	// Dir holds everything of the cluster.
	Dir string
	// Index is what ports, addresses and names derive from.
	Index int
	// Binary is the components' binary.
	Binary string
	// Kubeconfig is the administrator's (group system:masters).
	Kubeconfig string
	Endpoints  Endpoints
	PKI        PKI
	// Processes of the control plane by component.
	Processes map[string]*Process
	Nodes     []*Node

	// saving guards cluster.json and the nodes' records.
	saving sync.Mutex
}

// Start starts a cluster and returns when the control plane is ready and every
// node is Ready. It first clears what an earlier run of the same name left,
// running or not. On failure nothing is left running, the logs stay.
func Start(ctx context.Context, cfg Config) (*Cluster, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	binary := cfg.Binary
	if binary == "" {
		var err error
		if binary, err = Binary(cfg.Version); err != nil {
			return nil, err
		}
	}
	if err := Remove(cfg.Dir); err != nil {
		return nil, fmt.Errorf("clear the earlier cluster %s: %w", cfg.Name, err)
	}
	for _, d := range []string{"logs", "kubernetes/pki"} {
		if err := os.MkdirAll(filepath.Join(cfg.Dir, d), 0o755); err != nil {
			return nil, err
		}
	}
	c := &Cluster{Name: cfg.Name, Config: cfg, Dir: cfg.Dir, Binary: binary, Processes: map[string]*Process{},
		PKI: PKI{Dir: filepath.Join(cfg.Dir, "kubernetes"), exact: cfg.ExactPKI}}
	if err := c.reserve(); err != nil {
		return nil, err
	}
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(err, c.halt())
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context) error {
	if d := c.Config.PKIDir; d != "" {
		if err := os.CopyFS(c.PKI.Dir, os.DirFS(d)); err != nil {
			return fmt.Errorf("copy the PKI: %w", err)
		}
	}
	if make := c.Config.MakePKI; make != nil {
		if err := make(c.PKI.Dir, c.Endpoints); err != nil {
			return fmt.Errorf("make the PKI: %w", err)
		}
	}
	if err := c.PKI.fill(c.Endpoints, c.Nodes); err != nil {
		return err
	}
	c.Kubeconfig = c.PKI.Path("admin.conf")
	if len(c.Nodes) > 0 {
		if err := c.makeBridge(); err != nil {
			return err
		}
	}
	for _, name := range c.components() {
		if err := c.StartComponent(ctx, name); err != nil {
			return err
		}
	}
	if err := c.bootstrap(ctx); err != nil {
		return err
	}
	return c.startNodes(ctx)
}

// Open takes over a cluster that another process started.
func Open(name string) (*Cluster, error) { return openDir(filepath.Join(BaseDir(), name)) }

func openDir(dir string) (*Cluster, error) {
	b, err := os.ReadFile(filepath.Join(dir, "cluster.json"))
	if err != nil {
		return nil, err
	}
	c := &Cluster{}
	if err := json.Unmarshal(b, c); err != nil {
		return nil, fmt.Errorf("%s/cluster.json: %w", dir, err)
	}
	for _, n := range c.Nodes {
		n.cluster = c
		if err := n.note(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// List names the clusters on this machine, running or not.
func List() ([]string, error) {
	files, err := filepath.Glob(filepath.Join(BaseDir(), "*", "cluster.json"))
	var names []string
	for _, f := range files {
		names = append(names, filepath.Base(filepath.Dir(f)))
	}
	return names, err
}

// Remove ends the cluster in a folder, whoever started it, and removes the
// folder. A folder that is not there is no error.
func Remove(dir string) error {
	c, err := openDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return os.RemoveAll(dir)
	}
	if err != nil {
		return err
	}
	if err := c.halt(); err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(dir), c.release())
}

// Stop ends everything the cluster runs and removes all but its logs.
func (c *Cluster) Stop() error {
	if err := c.halt(); err != nil {
		return err
	}
	entries, err := os.ReadDir(c.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != "logs" {
			err = errors.Join(err, os.RemoveAll(filepath.Join(c.Dir, e.Name())))
		}
	}
	return errors.Join(err, c.release())
}

// halt ends all processes, nodes first, and what the nodes had of the kernel.
func (c *Cluster) halt() error {
	var errs []error
	for _, n := range c.Nodes {
		errs = append(errs, n.destroy())
	}
	if len(c.Nodes) > 0 {
		errs = append(errs, c.removeBridge())
	}
	names := c.components()
	slices.Reverse(names)
	for _, name := range names {
		if p := c.Processes[name]; p != nil {
			// etcd and the schedulers have nothing to lose; the API server may
			// still write its audit log.
			grace := time.Duration(0)
			if strings.HasPrefix(name, APIServer) {
				grace = 3 * time.Second
			}
			errs = append(errs, p.stop(grace))
		}
	}
	errs = append(errs, c.save())
	return errors.Join(errs...)
}

// Signal sends a signal to a component of the control plane.
func (c *Cluster) Signal(name string, sig syscall.Signal) error {
	p := c.Processes[name]
	if p == nil {
		return fmt.Errorf("cluster %s has no %s", c.Name, name)
	}
	return p.Signal(sig)
}

// Node finds a node by name.
func (c *Cluster) Node(name string) (*Node, error) {
	for _, n := range c.Nodes {
		if n.Name == name {
			return n, nil
		}
	}
	return nil, fmt.Errorf("cluster %s has no node %s", c.Name, name)
}

// RESTConfig is the administrator's, without client-side rate limits.
func (c *Cluster) RESTConfig() (*rest.Config, error) {
	r, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig)
	if err != nil {
		return nil, err
	}
	r.QPS = -1
	return r, nil
}

// Client is the administrator's.
func (c *Cluster) Client() (*kubernetes.Clientset, error) {
	r, err := c.RESTConfig()
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(r)
}

// save writes the cluster down. What only concerns a node is written by the
// node's save, which can be called for several nodes at once.
func (c *Cluster) save() error {
	c.saving.Lock()
	defer c.saving.Unlock()
	for _, n := range c.Nodes {
		if err := n.note(); err != nil {
			return err
		}
	}
	return c.write()
}

func (c *Cluster) write() error {
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	tmp := filepath.Join(c.Dir, "cluster.json.part")
	if err := os.WriteFile(tmp, b, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, filepath.Join(c.Dir, "cluster.json"))
}

// waitReady waits until a component of the control plane answers.
func (c *Cluster) waitReady(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, c.Config.StartTimeout)
	defer cancel()
	p := c.Processes[name]
	ready := c.readyCheck(name)
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		if !p.Running() {
			return fmt.Errorf("%s ended: %s", name, lastLine(p.Log))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready after %s: %w: %s", name, c.Config.StartTimeout, err, lastLine(p.Log))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (c *Cluster) readyCheck(name string) func(context.Context) error {
	e := c.Endpoints
	switch name {
	case Etcd:
		return func(ctx context.Context) error {
			var d net.Dialer
			conn, err := d.DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", e.EtcdClientPort))
			if err == nil {
				conn.Close()
			}
			return err
		}
	case ControllerManager:
		return getOK(fmt.Sprintf("https://127.0.0.1:%d/healthz", e.ControllerManagerPort))
	case Scheduler:
		return getOK(fmt.Sprintf("https://127.0.0.1:%d/healthz", e.SchedulerPort))
	}
	i := slices.Index(c.components(), name) - 1
	return func(ctx context.Context) error {
		r, err := c.RESTConfig()
		if err != nil {
			return err
		}
		r.Host = e.URLOf(i)
		r.Timeout = 5 * time.Second
		client, err := kubernetes.NewForConfig(r)
		if err != nil {
			return err
		}
		return client.RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	}
}

// getOK asks a component for its health without knowing its certificate, which
// the component made itself.
func getOK(url string) func(context.Context) error {
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		res, err := client.Do(req)
		if err != nil {
			return err
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s", url, res.Status)
		}
		return nil
	}
}
