package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/certlint"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/inspect"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/live"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/rawapi"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/verify"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/output"
)

// liveFlags choose a cluster and what to look at there.
type liveFlags struct {
	live  bool
	skip  []string
	flags *cli.Cluster
}

func (l *liveFlags) add(c *cobra.Command, usage string) {
	fl := c.Flags()
	fl.BoolVar(&l.live, "live", false, usage)
	fl.StringSliceVar(&l.skip, "skip", nil, "What --live leaves out: "+strings.Join(live.Parts, ", "))
	l.flags = cli.ClusterFlags(fl)
	_ = c.RegisterFlagCompletionFunc("skip", cobra.FixedCompletions(live.Parts, cobra.ShellCompDirectiveNoFileComp))
}

// open makes a client of the cluster that the flags choose.
func (l *liveFlags) open() (*live.Cluster, error) {
	for _, p := range l.skip {
		if !slices.Contains(live.Parts, p) {
			return nil, cli.Usagef("--skip %q: not one of %s", p, strings.Join(live.Parts, ", "))
		}
	}
	c, err := openCluster(l.flags)
	if err != nil {
		return nil, err
	}
	c.Skip = l.skip
	c.Namespace = l.flags.NamespaceFlag()
	return c, nil
}

// collect looks at the cluster, and says on a terminal what it is at.
func (l *liveFlags) collect(ctx context.Context, env *cli.Env) (*live.Cluster, *live.Snapshot, error) {
	c, err := l.open()
	if err != nil {
		return nil, nil, err
	}
	p := output.NewProgress(env.ErrOut, env.Interactive())
	defer p.Stop()
	c.Tell = func(what string) { p.Set("%s", what) }
	s, err := c.Collect(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		if errors.Is(err, live.ErrNoNamespace) {
			return nil, nil, cli.Usagef("--namespace %s: %w", c.Namespace, err)
		}
		return nil, nil, cli.WithHint(cli.Unknownf("%w", err), "'kubectl cluster-info' shows whether kubectl reaches it; -v 6 shows the requests")
	}
	return c, s, nil
}

// openCluster makes a client of the cluster that the flags choose.
func openCluster(flags *cli.Cluster) (*live.Cluster, error) {
	cfg, err := flags.RESTConfig()
	if err != nil {
		return nil, err
	}
	api, err := rawapi.New(cfg)
	if err != nil {
		return nil, cli.Unknownf("no cluster: %w", err)
	}
	return &live.Cluster{Config: cfg, Client: api}, nil
}

// judgeEndpoint verifies what an endpoint serves by the CAs that the API server
// has for it, and says where it could not call it. blind says that nothing vouches
// for the certificate's issuer.
func judgeEndpoint(e *live.Endpoint, fallback []inspect.Item, now time.Time) (res *verify.Result, out []finding.Finding, blind bool) {
	roots := inspect.Certificates(e.Bundle)
	if len(e.Bundle) == 0 {
		roots = inspect.Certificates(fallback)
	}
	leaf := &e.Served[0]
	res = verify.Check(verify.Request{
		Leaf: leaf.Cert, Pool: inspect.Certificates(e.Served[1:]), Roots: roots, Purpose: verify.Server, Hosts: []string{e.Name}, Now: now,
	})
	sub := finding.Subject{Kind: "Certificate", Name: leaf.Where()}
	switch {
	case e.Trust == live.BySystem:
		// By which CAs the API server's own system goes cannot be seen.
		blind = drop(res, certlint.NoIssuer.ID) != nil
		f := certlint.BundleMismatch.New(sub, fmt.Sprintf("%s has no caBundle: the API server verifies it by the CAs of its own system, and %s has to be one of them", e.What, issuerName(leaf)))
		f.Severity = finding.Warning
		out = append(out, f)
	case e.Trust == live.Blindly:
		blind = true
		drop(res, certlint.NoIssuer.ID, certlint.BadSignature.ID, certlint.WrongName.ID)
		f := certlint.BundleMismatch.New(sub, fmt.Sprintf("%s is not verified at all (insecureSkipTLSVerify): whoever answers there is believed", e.What))
		f.Severity = finding.Warning
		out = append(out, f)
	case e.Trust == live.Foreign:
		blind = drop(res, certlint.NoIssuer.ID) != nil
	case strings.HasPrefix(e.What, "kubelet "):
		// Without --kubelet-certificate-authority, kubeadm's default, the API
		// server takes any certificate of a kubelet.
		if d := drop(res, certlint.NoIssuer.ID); d != nil {
			blind = true
			drop(res, certlint.WrongName.ID)
			f := certlint.NoIssuer.New(sub, fmt.Sprintf("%s serves a certificate of its own making (%s), which only clients take that do not verify: metrics-server wants --kubelet-insecure-tls", e.What, issuerName(leaf)))
			f.Severity = finding.Warning
			f.Remedy = "serverTLSBootstrap: true in the KubeletConfiguration, and approve the requests (kubectl certgen request explains)"
			out = append(out, f)
		}
	case len(e.Bundle) > 0 && !strings.HasPrefix(e.What, "apiserver"):
		for _, d := range res.Defects {
			switch d.Rule.ID {
			case certlint.NoIssuer.ID, certlint.BadSignature.ID, certlint.WrongName.ID, certlint.Expired.ID:
				f := certlint.BundleMismatch.New(sub, fmt.Sprintf("the API server cannot call %s: %s", e.What, d.Message))
				if d.Rule.ID == certlint.WrongName.ID || d.Rule.ID == certlint.Expired.ID {
					f.Remedy = "issue the serving certificate again, with the name " + e.Name
				}
				out = append(out, f)
			}
		}
	}
	return res, out, blind
}

func issuerName(i *inspect.Item) string { return inspect.NameString(i.Cert.RawIssuer) }

// drop takes the defects of some rules out of a result, and gives the first.
func drop(r *verify.Result, ids ...string) *verify.Defect {
	var first *verify.Defect
	r.Defects = slices.DeleteFunc(r.Defects, func(d verify.Defect) bool {
		if !slices.Contains(ids, d.Rule.ID) {
			return false
		}
		if first == nil {
			c := d
			first = &c
		}
		return true
	})
	return first
}

// cannotCall are the findings of all endpoints that the API server cannot call.
func cannotCall(s *live.Snapshot, now time.Time) []finding.Finding {
	var out []finding.Finding
	for i := range s.Endpoints {
		if e := &s.Endpoints[i]; len(e.Served) > 0 {
			_, fs, _ := judgeEndpoint(e, s.Endpoints[0].Bundle, now)
			out = append(out, fs...)
		}
	}
	return out
}
