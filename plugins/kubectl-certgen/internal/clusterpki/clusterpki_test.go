package clusterpki

import (
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/san"
)

const config = `apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: 10.0.0.1, bindPort: 7443}
nodeRegistration: {name: cp1}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
clusterName: prod
networking: {serviceSubnet: "10.128.0.0/16", dnsDomain: prod.local, podSubnet: 10.1.0.0/16}
apiServer: {certSANs: [a.example.org, 192.0.2.1]}
etcd: {local: {serverCertSANs: [etcd.example.org], peerCertSANs: [192.0.2.2]}}
encryptionAlgorithm: RSA-3072
certificateValidityPeriod: 100h
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
`

func TestReadKubeadm(t *testing.T) {
	s, err := Read("k.yaml", []byte(config))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	u, err := s.endpoint()
	if err != nil || u != "https://10.0.0.1:7443" {
		t.Errorf("endpoint %s %v", u, err)
	}
	if s.Name != "prod" || s.Domain != "prod.local" || s.Key != pki.RSA3072 || s.Validity.Hours() != 100 || len(s.CertSANs) != 2 ||
		len(s.EtcdServerSANs) != 1 || len(s.EtcdPeerSANs) != 1 || s.ServiceCIDRs[0].String() != "10.128.0.0/16" {
		t.Errorf("%+v", s)
	}
}

func TestEndpoints(t *testing.T) {
	for in, want := range map[string]struct{ url, name string }{
		"":                       {"https://10.0.0.1:6443", ""},
		"lb.example.org":         {"https://lb.example.org:6443", "DNS:lb.example.org"},
		"lb.example.org:443":     {"https://lb.example.org:443", "DNS:lb.example.org"},
		"192.0.2.1":              {"https://192.0.2.1:6443", "IP:192.0.2.1"},
		"fd00::1":                {"https://[fd00::1]:6443", "IP:fd00::1"},
		"[fd00::1]:443":          {"https://[fd00::1]:443", "IP:fd00::1"},
		"https://lb.example.org": {"https://lb.example.org", "DNS:lb.example.org"},
	} {
		n, err := ParseNode("cp=10.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		s := &Spec{Endpoint: in, ControlPlanes: []Node{n}}
		if err := s.Check(); err != nil {
			t.Errorf("%q: %v", in, err)
			continue
		}
		u, err := s.endpoint()
		if err != nil || u != want.url {
			t.Errorf("%q: %s %v", in, u, err)
		}
		names, err := s.endpointName()
		got := ""
		if len(names) > 0 {
			got = names[0].String()
		}
		if err != nil || got != want.name {
			t.Errorf("%q: %s %v", in, got, err)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "no YAML document",
		"a: b":                      "no kind",
		"kind: Pod\napiVersion: v1": "not a ClusterPKI",
		strings.Replace(config, "10.128.0.0/16", "10.128.0.0", 1):                          "serviceSubnet",
		strings.Replace(config, "RSA-3072", "RSA-1024", 1):                                 "encryptionAlgorithm",
		strings.Replace(config, "100h", "10 days", 1):                                      "certificateValidityPeriod",
		strings.Replace(config, "192.0.2.1]", "192.0.2.1:6443]", 1):                        "certSANs",
		strings.Replace(config, "{name: cp1}", "{}", 1):                                    "nodeRegistration.name",
		strings.Replace(config, "name: cp1", "name: CP1", 1):                               "lower case",
		"apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nclusterName: [x]": "of the wrong kind",
	} {
		if s, err := Read("k.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.60q: %v, %+v; want an error with %q", text, err, s, want)
		}
	}
}

// Addresses that a certificate can have and a cluster cannot use are warned of.
func TestDoubtfulAddresses(t *testing.T) {
	for _, c := range []struct{ node, cidr, want string }{
		{"cp1=10.0.0.1", "10.96.0.0/12", ""},
		{"cp1=fd00::1", "fd00:96::/108,10.96.0.0/12", ""},
		{"cp1=10.96.0.20", "10.96.0.0/12", "node cp1: 10.96.0.20 lies in the service network 10.96.0.0/12"},
		{"cp1=10.0.0.1,fd00:96::7", "10.96.0.0/12,fd00:96::/108", "node cp1: fd00:96::7 lies in the service network fd00:96::/108"},
		{"cp1=127.0.0.1", "10.96.0.0/12", "the other machines do not reach 127.0.0.1"},
		{"cp1=fd00::1,10.0.0.1", "10.96.0.0/12,fd00:96::/108", "kube-apiserver does not start"},
	} {
		n, err := ParseNode(c.node)
		if err != nil {
			t.Fatal(err)
		}
		cidrs, err := san.ServiceCIDRs(strings.Split(c.cidr, ","))
		if err != nil {
			t.Fatal(err)
		}
		s := &Spec{ControlPlanes: []Node{n}, Workers: []Node{{Name: "w1"}}, ServiceCIDRs: cidrs}
		if err := s.Check(); err != nil || !strings.Contains(strings.Join(s.Warnings, "\n"), c.want) || len(s.Warnings) > 0 != (c.want != "") {
			t.Errorf("%+v: %v %q", c, err, s.Warnings)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(config))
	f.Add([]byte("apiVersion: certgen.clusterwright.dev/v1alpha1\nkind: ClusterPKI\ncontrolPlanes: [{name: a, ips: [10.0.0.1]}]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Read("f", data)
		if err == nil {
			_ = s.Check()
		}
	})
}

// The line in a message is that of the file, whatever stands above the document.
func TestReadSaysTheLine(t *testing.T) {
	own := "apiVersion: certgen.clusterwright.dev/v1alpha1\nkind: ClusterPKI\n"
	for text, want := range map[string]string{
		own + "foo: 1\n":                      "line 3: ",
		"# one\n\n# two\n" + own + "foo: 1\n": "line 6: ",
		"---\n# one\n" + own + "foo: 1\n":     "line 5: ",
		"apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n---\n# one\n" + own + "foo: 1\n": "line 7: ",
		own + "days: 300000\n": "days 300000: not between",
		own + "caDays: -1\n":   "caDays -1: not between",
	} {
		if _, err := Read("c.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", text, err, want)
		}
	}
}
