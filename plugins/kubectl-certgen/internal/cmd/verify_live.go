package cmd

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/certlint"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/inspect"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/live"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/san"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/verify"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// liveVerdicts judges what the servers of a cluster serve: the chain to the CA
// that their clients trust, the name that they ask for, and, for the API
// server, every name that the cluster's own objects lead to.
func (o *verifyOptions) liveVerdicts(ctx context.Context, env *cli.Env, cas []inspect.Item) ([]verdict, []inspect.Item, error) {
	c, s, err := o.collect(ctx, env)
	if err != nil {
		return nil, nil, err
	}
	o.blind, o.hints = append(o.blind, s.Blind...), append(o.hints, s.Hints...)
	if len(cas) == 0 {
		cas = s.Endpoints[0].Bundle
	}
	var vs []verdict
	for i := range s.Endpoints {
		e := &s.Endpoints[i]
		if len(e.Served) == 0 {
			continue
		}
		leaf := &e.Served[0]
		v := verdict{item: leaf, purpose: verify.Server}
		v.result, v.extra, v.blind = judgeEndpoint(e, cas, env.Now())
		if e.What == "apiserver" && !s.Deaf {
			sub := finding.Subject{Kind: "Certificate", Name: leaf.Where()}
			drift, blind := c.Drift(ctx, leaf.Cert)
			o.blind = append(o.blind, blind...)
			for _, d := range drift {
				v.extra = append(v.extra, certlint.SANDrift.New(sub, fmt.Sprintf("%s (%s) is not in the API server's certificate", d.Name, d.Why)))
				v.extra[len(v.extra)-1].Remedy = ""
			}
			if len(drift) > 0 {
				// One command adds all of them.
				v.extra[len(v.extra)-1].Remedy = reissue(leaf.Cert, drift2names(drift))
				fmt.Fprintf(env.ErrOut, "the smallest re-issue, on the control-plane node: %s\n", reissue(leaf.Cert, drift2names(drift)))
			}
		}
		vs = append(vs, v)
	}
	return vs, s.Items, nil
}

// reissue is the command that issues the API server's certificate again with
// the names that it has and those that it lacks, and no others: where they are
// not those of the default Service network and domain, all are given.
func reissue(c *x509.Certificate, missing []string) string {
	names := append([]string{}, missing...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	names = append(names, c.DNSNames...)
	words := []string{"kubectl certgen server --out /etc/kubernetes/pki --layout kubeadm"}
	implied := append(san.ServiceNames("cluster.local"), "10.96.0.1")
	subject := inspect.NameString(c.RawSubject)
	usual := slices.Contains(names, "10.96.0.1") && slices.Contains(names, "kubernetes.default.svc.cluster.local")
	if !usual {
		words, implied = append(words, "--no-service-names"), nil
	}
	if !usual || subject != "CN=kube-apiserver" {
		words = append(words, "--subject '"+strings.ReplaceAll(subject, "'", `'\''`)+"'")
	}
	for _, n := range names {
		switch {
		case slices.Contains(implied, n):
		case net.ParseIP(n) != nil:
			words = append(words, "--ip "+n)
		default:
			words = append(words, "--dns "+n)
		}
	}
	return strings.Join(words, " ")
}

func drift2names(ms []live.Missing) []string {
	var out []string
	for _, m := range ms {
		out = append(out, m.Name)
	}
	return out
}
