package clusterpki

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"runtime"
	"sync"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/issue"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/profile"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/san"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/store"
)

// Result is what a run made.
type Result struct {
	// CAs are the authorities, in the order ca, front-proxy-ca, etcd/ca.
	CAs []*issue.Folder
	SA  *issue.KeyPair
	// Nodes are the nodes' folders, control planes first.
	Nodes []NodeResult
	// Endpoint is the URL in the kubeconfigs.
	Endpoint string
}

// IssuerOf is the authority that signed a certificate of a node.
func (r *Result) IssuerOf(it *issue.Item) *x509.Certificate {
	for _, ca := range r.CAs {
		if bytes.Equal(ca.CA.Cert.RawSubject, it.Cert.RawIssuer) {
			return ca.CA.Cert
		}
	}
	return nil
}

// NodeResult is a node's folder.
type NodeResult struct {
	Node
	Role string // "control plane", "etcd", "worker"
	// Certificates and Kubeconfigs of the folder.
	Certificates, Kubeconfigs []*issue.Item
	// Created and Unchanged count files: pairs of certificate and key,
	// kubeconfigs, copies.
	Created, Unchanged int
}

// task makes one certificate of a node, in memory.
type task struct {
	node int
	conf bool
	run  func() (*issue.Item, error)
	view *issue.Folder
	item *issue.Item
	err  error
}

type maker struct {
	*Spec
	root             *issue.Folder
	ca, front, etcd  *issue.Folder
	sa               *issue.KeyPair
	endpoint         string
	endpointNames    []pki.GeneralName
	serviceIPs       []pki.GeneralName
	tasks            []*task
	nodes            []NodeResult
	copies           []copyOf
	firstControlName string
}

type copyOf struct {
	node int
	issue.File
}

// Make plans the whole PKI in a folder, whose Commit then writes it. What is
// there and fits is kept; what is there and does not fit is an error.
func Make(ctx context.Context, root *issue.Folder, s *Spec) (*Result, error) {
	m := &maker{Spec: s, root: root, firstControlName: s.ControlPlanes[0].Name}
	var err error
	if m.endpoint, err = s.endpoint(); err != nil {
		return nil, err
	}
	if m.endpointNames, err = s.endpointName(); err != nil {
		return nil, err
	}
	for _, p := range s.ServiceCIDRs {
		a, err := san.ServiceIP(p)
		if err != nil {
			return nil, err
		}
		m.serviceIPs = append(m.serviceIPs, san.IPs(a)...)
	}
	if err := m.authorities(); err != nil {
		return nil, err
	}
	for _, n := range s.ControlPlanes {
		m.controlPlane(n)
	}
	for _, n := range s.Etcd {
		m.member(n)
	}
	for _, n := range s.Workers {
		m.worker(n)
	}
	if err := m.runTasks(ctx); err != nil {
		return nil, err
	}
	if err := m.add(); err != nil {
		return nil, err
	}
	return &Result{CAs: []*issue.Folder{m.ca, m.front, m.etcd}, SA: m.sa, Nodes: m.nodes, Endpoint: m.endpoint}, nil
}

func cn(s string) pki.Name { return pki.Name{{Type: "CN", Value: s}} }

func (m *maker) authorities() (err error) {
	if m.ca, err = m.root.Authority("pki/ca", cn("kubernetes")); err != nil {
		return err
	}
	if m.front, err = m.root.Authority("pki/front-proxy-ca", cn("front-proxy-ca")); err != nil {
		return err
	}
	if m.etcd, err = m.root.Authority("pki/etcd/ca", cn("etcd-ca")); err != nil {
		return err
	}
	m.sa, err = m.root.ServiceAccount("pki")
	return err
}

func (m *maker) startNode(n Node, role string) int {
	m.nodes = append(m.nodes, NodeResult{Node: n, Role: role})
	return len(m.nodes) - 1
}

// copyCA puts a CA into a node's folder; withKey only where kubeadm has it.
func (m *maker) copyCA(node int, view *issue.Folder, name string, withKey bool) {
	base := m.nodes[node].Name + "/pki/" + name
	m.copies = append(m.copies, copyOf{node, issue.File{Path: base + ".crt", Data: view.CAPEM, Mode: store.PublicMode}})
	if withKey {
		m.copies = append(m.copies, copyOf{node, issue.File{Path: base + ".key", Data: view.CAKeyPEM, Mode: store.KeyMode}})
	}
}

func (m *maker) leaf(node int, view *issue.Folder, name string, purpose profile.Purpose, subject pki.Name, names []pki.GeneralName) {
	r := issue.Request{Name: m.nodes[node].Name + "/pki/" + name, Purpose: purpose, Subject: subject, Names: names, Validity: m.Validity}
	m.tasks = append(m.tasks, &task{node: node, view: view, run: func() (*issue.Item, error) { return view.Prepare(r) }})
}

func (m *maker) controlPlane(n Node) {
	i := m.startNode(n, "control plane")
	m.copyCA(i, m.ca, "ca", true)
	m.copyCA(i, m.front, "front-proxy-ca", true)
	m.copyCA(i, m.etcd, "etcd/ca", !m.ExternalEtcd)
	m.copies = append(m.copies,
		copyOf{i, issue.File{Path: n.Name + "/pki/sa.key", Data: m.sa.KeyPEM, Mode: store.KeyMode}},
		copyOf{i, issue.File{Path: n.Name + "/pki/sa.pub", Data: m.sa.PublicPEM, Mode: store.PublicMode}})

	names := profile.ServerNames{
		DNS: append(san.DNSs(n.Name), san.DNSs(n.DNS...)...), IPs: san.IPs(n.IPs...), ServiceIPs: m.serviceIPs,
		// kubeadm's names: without the handbook's .svc.cluster.
		ServiceDNS: san.DNSs("kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc."+m.Domain),
	}
	for _, g := range append(m.endpointNames[:len(m.endpointNames):len(m.endpointNames)], m.CertSANs...) {
		if g.Kind == pki.IP {
			names.IPs = append(names.IPs, g)
		} else {
			names.DNS = append(names.DNS, g)
		}
	}
	m.leaf(i, m.ca, "apiserver", profile.Server, cn("kube-apiserver"), m.root.Profile.Arrange(names))
	m.leaf(i, m.ca, "apiserver-kubelet-client", profile.Client, cn("kube-apiserver-kubelet-client"), nil)
	m.leaf(i, m.front, "front-proxy-client", profile.Client, cn("front-proxy-client"), nil)
	m.leaf(i, m.etcd, "apiserver-etcd-client", profile.Client, cn("kube-apiserver-etcd-client"), nil)
	if !m.ExternalEtcd {
		m.etcdLeaves(i, n)
	}
	m.conf(i, "admin", "kubernetes-admin", []string{"kubeadm:cluster-admins"}, m.endpoint)
	if n.Name == m.firstControlName {
		m.conf(i, "super-admin", "kubernetes-super-admin", []string{"system:masters"}, m.endpoint)
	}
	m.conf(i, "controller-manager", "system:kube-controller-manager", nil, m.local(n))
	m.conf(i, "scheduler", "system:kube-scheduler", nil, m.local(n))
	m.kubelet(i, n)
}

func (m *maker) etcdLeaves(i int, n Node) {
	own := san.Add(san.DNSs(n.Name, "localhost"), san.DNSs(n.DNS...)...)
	own = append(own, san.IPs(n.IPs...)...)
	own = san.Add(own, pki.GeneralName{Kind: pki.IP, Value: "127.0.0.1"}, pki.GeneralName{Kind: pki.IP, Value: "::1"})
	m.leaf(i, m.etcd, "etcd/server", profile.Peer, cn(pki.CutCommonName(n.Name)), san.Add(own[:len(own):len(own)], m.EtcdServerSANs...))
	m.leaf(i, m.etcd, "etcd/peer", profile.Peer, cn(pki.CutCommonName(n.Name)), san.Add(own[:len(own):len(own)], m.EtcdPeerSANs...))
	m.leaf(i, m.etcd, "etcd/healthcheck-client", profile.Client, cn("kube-etcd-healthcheck-client"), nil)
}

// member is an external etcd member. It gets etcd's CA without the key.
func (m *maker) member(n Node) {
	i := m.startNode(n, "etcd")
	m.copyCA(i, m.etcd, "etcd/ca", false)
	m.etcdLeaves(i, n)
}

func (m *maker) worker(n Node) {
	i := m.startNode(n, "worker")
	m.copyCA(i, m.ca, "ca", false)
	m.kubelet(i, n)
}

func (m *maker) kubelet(i int, n Node) {
	m.conf(i, "kubelet", "system:node:"+n.Name, []string{"system:nodes"}, m.endpoint)
	if m.KubeletServing {
		subject := pki.Name{{Type: "O", Value: "system:nodes"}, {Type: "CN", Value: "system:node:" + n.Name}}
		names := san.Add(append(san.DNSs(n.Name), san.DNSs(n.DNS...)...), san.IPs(n.IPs...)...)
		m.leaf(i, m.ca, "kubelet", profile.Server, subject, names)
	}
}

// runTasks makes keys and signatures on all processors.
func (m *maker) runTasks(ctx context.Context) error {
	next := make(chan *task)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for t := range next {
				t.item, t.err = t.run()
			}
		})
	}
feed:
	for _, t := range m.tasks {
		select {
		case next <- t:
		case <-ctx.Done():
			break feed
		}
	}
	close(next)
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, t := range m.tasks {
		if t.err != nil {
			return t.err
		}
	}
	return nil
}

// add puts everything into the folder's set, node by node.
func (m *maker) add() error {
	for _, c := range m.copies {
		did, err := m.root.AddFile(c.File)
		if err != nil {
			return fmt.Errorf("%w (another cluster's?)", err)
		}
		m.count(c.node, did)
	}
	for _, t := range m.tasks {
		if err := t.view.Add(t.item); err != nil {
			return err
		}
		n := &m.nodes[t.node]
		if t.conf {
			n.Kubeconfigs = append(n.Kubeconfigs, t.item)
		} else {
			n.Certificates = append(n.Certificates, t.item)
		}
		m.count(t.node, t.item.Action)
	}
	return nil
}

func (m *maker) count(node int, did issue.Action) {
	if did == issue.Unchanged {
		m.nodes[node].Unchanged++
	} else {
		m.nodes[node].Created++
	}
}
