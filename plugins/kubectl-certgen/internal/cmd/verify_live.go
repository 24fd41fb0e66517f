package cmd

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/certlint"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/inspect"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/live"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/verify"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// liveVerdicts judges what the servers of a cluster serve: the chain to the CA
// that their clients trust, the name that they ask for, and, for the API
// server, every name that the cluster's own objects lead to.
func (o *verifyOptions) liveVerdicts(ctx context.Context, env *cli.Env, cas []*x509.Certificate) ([]verdict, error) {
	c, err := openCluster(o.flags)
	if err != nil {
		return nil, err
	}
	s, err := c.Collect(ctx)
	if err != nil {
		return nil, cli.Unknownf("%w", err)
	}
	var vs []verdict
	clusterCA := cas
	if len(clusterCA) == 0 {
		clusterCA = inspect.Certificates(s.Endpoints[0].Bundle)
	}
	for i := range s.Endpoints {
		e := &s.Endpoints[i]
		if e.Err != nil {
			fmt.Fprintf(env.ErrOut, "could not read: %s: %v\n", e.What, e.Err)
			continue
		}
		roots := inspect.Certificates(e.Bundle)
		if len(roots) == 0 {
			roots = clusterCA
			// A kubelet's own self-signed certificate is trusted by nobody but is
			// what the API server takes without --kubelet-certificate-authority.
		}
		leaf := &e.Served[0]
		v := verdict{item: leaf, purpose: verify.Server, result: verify.Check(verify.Request{
			Leaf: leaf.Cert, Pool: inspect.Certificates(e.Served[1:]), Roots: roots, Purpose: verify.Server, Hosts: []string{e.Name}, Now: env.Now(),
		})}
		sub := finding.Subject{Kind: "Certificate", Name: leaf.Where()}
		if len(e.Bundle) > 0 && e.What != "apiserver" {
			for _, d := range v.result.Defects {
				switch d.Rule.ID {
				case certlint.NoIssuer.ID, certlint.BadSignature.ID, certlint.WrongName.ID:
					v.extra = append(v.extra, certlint.BundleMismatch.New(sub, fmt.Sprintf("the API server cannot call %s: %s", e.What, d.Message)))
				}
			}
		}
		if e.What == "apiserver" {
			drift, err := c.Drift(ctx, leaf.Cert)
			if err != nil {
				fmt.Fprintf(env.ErrOut, "could not read: %v\n", err)
			}
			for _, d := range drift {
				v.extra = append(v.extra, certlint.SANDrift.New(sub, fmt.Sprintf("%s (%s) is not in the API server's certificate", d.Name, d.Why)))
			}
			if len(drift) > 0 {
				v.extra[len(v.extra)-1].Remedy = reissue(leaf.Cert, drift2names(drift))
				fmt.Fprintf(env.ErrOut, "the smallest re-issue: %s\n", reissue(leaf.Cert, drift2names(drift)))
			}
		}
		vs = append(vs, v)
	}
	return vs, nil
}

// reissue is the command that issues the API server's certificate again with
// the names that it has and those that it lacks.
func reissue(c *x509.Certificate, missing []string) string {
	var b strings.Builder
	b.WriteString("kubectl certgen server --out /etc/kubernetes/pki --layout kubeadm")
	names := append([]string{}, missing...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	names = append(names, c.DNSNames...)
	for _, n := range names {
		switch {
		case net.ParseIP(n) != nil:
			b.WriteString(" --ip " + n)
		case n == "kubernetes" || strings.HasPrefix(n, "kubernetes.default"):
		default:
			b.WriteString(" --dns " + n)
		}
	}
	return b.String()
}

func drift2names(ms []live.Missing) []string {
	var out []string
	for _, m := range ms {
		out = append(out, m.Name)
	}
	return out
}
