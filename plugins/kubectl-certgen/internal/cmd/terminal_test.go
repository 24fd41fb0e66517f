package cmd

import (
	"testing"

	"github.com/clusterwright/kubectl-plugins/shared/clitest"
)

func TestTerminal(t *testing.T) {
	clitest.Terminal(t, New, []string{
		"server --ip 203.0.113.10 --service-cidr 10.96.0.0/12",
		"ca --layout easyrsa",
		"node worker-1 --ip 10.0.0.11 --server https://203.0.113.10:6443",
		"node --list examples/certgen/nodes.txt",
		"cluster --control-plane cp1=10.0.0.10 --worker w1 --worker w2",
		"csr webhook --dns webhook.a-namespace-with-a-long-name.svc.cluster.local",
		"lint testdata/lint",
		"inspect testdata/rare",
		"verify testdata/rare --clients",
		"expiry testdata/rare",
		"trust testdata/rare/ca.pem",
		"version",
	})
}
