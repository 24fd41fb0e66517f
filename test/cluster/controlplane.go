package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// defaultAuditPolicy records who did what, without bodies: enough for tests
// that ask what a program has read.
const defaultAuditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
`

// AuditLog is the audit log of the first API server, unless flags moved it.
func (c *Cluster) AuditLog() string { return filepath.Join(c.LogsDir(), "audit.log") }

// LogsDir holds a log for each component of the control plane; a node's are in
// its own /var/log (Node.Path).
func (c *Cluster) LogsDir() string { return filepath.Join(c.Dir, "logs") }

func (c *Cluster) componentFlags(name string) ([]string, error) {
	e, pki := c.Endpoints, c.PKI
	common := []string{fmt.Sprintf("--v=%d", c.Config.Verbosity)}
	if c.Config.LogFormat != "" {
		common = append(common, "--logging-format="+c.Config.LogFormat)
	}
	switch name {
	case Etcd:
		client := fmt.Sprintf("https://127.0.0.1:%d", e.EtcdClientPort)
		peer := fmt.Sprintf("https://127.0.0.1:%d", e.EtcdPeerPort)
		return mergeFlags([]string{
			"--name=etcd", "--data-dir=" + filepath.Join(c.Dir, "etcd"),
			"--listen-client-urls=" + client, "--advertise-client-urls=" + client,
			"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer, "--initial-cluster=etcd=" + peer,
			"--cert-file=" + pki.Cert("etcd/server"), "--key-file=" + pki.Key("etcd/server"),
			"--trusted-ca-file=" + pki.Cert("etcd/ca"), "--client-cert-auth=true",
			"--peer-cert-file=" + pki.Cert("etcd/server"), "--peer-key-file=" + pki.Key("etcd/server"),
			"--peer-trusted-ca-file=" + pki.Cert("etcd/ca"), "--peer-client-cert-auth=true",
			"--unsafe-no-fsync=true", "--quota-backend-bytes=8589934592", "--log-level=warn",
		}, c.Config.EtcdFlags), nil
	case ControllerManager:
		conf := pki.Path("controller-manager.conf")
		flags := append(common,
			"--kubeconfig="+conf, "--authentication-kubeconfig="+conf, "--authorization-kubeconfig="+conf,
			"--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", e.ControllerManagerPort),
			"--cert-dir="+filepath.Join(c.Dir, "controller-manager"),
			"--cluster-signing-cert-file="+pki.Cert("ca"), "--cluster-signing-key-file="+pki.Key("ca"),
			"--client-ca-file="+pki.Cert("ca"), "--requestheader-client-ca-file="+pki.Cert("front-proxy-ca"),
			"--root-ca-file="+pki.Cert("ca"), "--service-account-private-key-file="+pki.Key("sa"),
			"--use-service-account-credentials=true", "--service-cluster-ip-range="+ServiceCIDR,
			"--leader-elect=true", "--profiling=false")
		if g := c.Config.NodeMonitorGracePeriod; g > 0 {
			flags = append(flags, "--node-monitor-grace-period="+g.String(), "--node-startup-grace-period="+(g+10*time.Second).String())
		}
		return mergeFlags(flags, c.Config.ControllerManagerFlags), nil
	case Scheduler:
		conf := pki.Path("scheduler.conf")
		return mergeFlags(append(common,
			"--kubeconfig="+conf, "--authentication-kubeconfig="+conf, "--authorization-kubeconfig="+conf,
			"--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", e.SchedulerPort),
			"--cert-dir="+filepath.Join(c.Dir, "scheduler"), "--leader-elect=true", "--profiling=false",
		), c.Config.SchedulerFlags), nil
	}
	if strings.HasPrefix(name, APIServer) {
		return c.apiServerFlags(name, common)
	}
	return nil, fmt.Errorf("no component %q", name)
}

func (c *Cluster) apiServerFlags(name string, common []string) ([]string, error) {
	e, pki := c.Endpoints, c.PKI
	number := 0
	audit := c.AuditLog()
	if name != APIServer {
		if _, err := fmt.Sscanf(strings.TrimPrefix(name, APIServer+"-"), "%d", &number); err != nil || number < 2 || number > len(e.APIServerPorts) {
			return nil, fmt.Errorf("no API server %q", name)
		}
		audit = filepath.Join(c.LogsDir(), fmt.Sprintf("audit-%d.log", number))
		number--
	}
	policy := filepath.Join(c.Dir, "audit-policy.yaml")
	if err := os.WriteFile(policy, []byte(defaultAuditPolicy), 0o644); err != nil {
		return nil, err
	}
	flags := append(common,
		"--bind-address="+e.APIServer, "--advertise-address="+e.APIServer,
		fmt.Sprintf("--secure-port=%d", e.APIServerPorts[number]),
		"--cert-dir="+filepath.Join(c.Dir, name),
		"--tls-cert-file="+pki.Cert("apiserver"), "--tls-private-key-file="+pki.Key("apiserver"),
		"--client-ca-file="+pki.Cert("ca"),
		fmt.Sprintf("--etcd-servers=https://127.0.0.1:%d", e.EtcdClientPort),
		"--etcd-cafile="+pki.Cert("etcd/ca"), "--etcd-certfile="+pki.Cert("apiserver-etcd-client"), "--etcd-keyfile="+pki.Key("apiserver-etcd-client"),
		"--kubelet-client-certificate="+pki.Cert("apiserver-kubelet-client"), "--kubelet-client-key="+pki.Key("apiserver-kubelet-client"),
		"--kubelet-preferred-address-types=InternalIP",
		"--requestheader-client-ca-file="+pki.Cert("front-proxy-ca"), "--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file="+pki.Cert("front-proxy-client"), "--proxy-client-key-file="+pki.Key("front-proxy-client"),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file="+pki.Path("pki/sa.pub"), "--service-account-signing-key-file="+pki.Key("sa"),
		"--service-cluster-ip-range="+ServiceCIDR, "--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction", "--allow-privileged=true",
		"--endpoint-reconciler-type=none", "--profiling=false",
		"--audit-policy-file="+policy, "--audit-log-path="+audit, "--audit-log-maxsize=1000",
	)
	_, policies := c.Config.mutatingPolicies()
	return mergeFlags(append(flags, policies...), c.Config.APIServerFlags), nil
}

// mergeFlags puts extra flags over base ones: --name=value replaces every
// --name of the base, "--name-" takes it away.
func mergeFlags(base, extra []string) []string {
	name := func(f string) string {
		n, _, _ := strings.Cut(f, "=")
		return strings.TrimLeft(n, "-")
	}
	replaced := map[string]bool{}
	for _, f := range extra {
		replaced[strings.TrimSuffix(name(f), "-")] = true
	}
	var out []string
	for _, f := range base {
		if !replaced[name(f)] {
			out = append(out, f)
		}
	}
	for _, f := range extra {
		if !strings.HasSuffix(name(f), "-") || strings.Contains(f, "=") {
			out = append(out, f)
		}
	}
	return out
}

// components of the control plane in the order of their start.
func (c *Cluster) components() []string {
	names := []string{Etcd, APIServer}
	for i := 2; i <= c.Config.APIServers; i++ {
		names = append(names, fmt.Sprintf("%s-%d", APIServer, i))
	}
	if !c.Config.NoControllerManager {
		names = append(names, ControllerManager)
	}
	if !c.Config.NoScheduler {
		names = append(names, Scheduler)
	}
	return names
}

// StartComponent starts a component of the control plane with the flags of the
// Config and waits until it is ready. Starting a running one does nothing. To
// start it with other flags, stop it, change Config, start it.
func (c *Cluster) StartComponent(ctx context.Context, name string) error {
	if p := c.Processes[name]; p != nil && p.Running() {
		return nil
	}
	flags, err := c.componentFlags(name)
	if err != nil {
		return err
	}
	component := name
	if strings.HasPrefix(name, APIServer) {
		component = APIServer
	}
	p := &Process{Name: name, Args: append([]string{c.Binary, component}, flags...), Log: filepath.Join(c.LogsDir(), name+".log")}
	if err := p.start(); err != nil {
		return err
	}
	c.Processes[name] = p
	if err := c.save(); err != nil {
		return err
	}
	return c.waitReady(ctx, name)
}

// StopComponent ends a component: SIGTERM, SIGKILL after ten seconds.
func (c *Cluster) StopComponent(name string) error {
	p := c.Processes[name]
	if p == nil {
		return fmt.Errorf("cluster %s has no %s", c.Name, name)
	}
	if err := p.stop(10 * time.Second); err != nil {
		return err
	}
	return c.save()
}

// RestartComponent stops and starts a component.
func (c *Cluster) RestartComponent(ctx context.Context, name string) error {
	if err := c.StopComponent(name); err != nil {
		return err
	}
	return c.StartComponent(ctx, name)
}
