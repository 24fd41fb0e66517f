package cmd

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/inspect"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/kubeconfig"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/layout"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/rawapi"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/request"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/store"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
	"github.com/clusterwright/kubectl-plugins/shared/output"
)

type requestOptions struct {
	signer, csrFile, subject   string
	user, key, out, kubeconfig string
	orgs, ips, dns, usages     []string
	duration, wait             time.Duration
	approve, dryRun, force     bool
	format                     string
	flags                      *cli.Cluster
}

// signerNames are short names for the built-in signers.
var signerNames = map[string]string{"client": request.Client, "kubelet-client": request.KubeletClient, "kubelet-serving": request.Serving}

func newRequest(env *cli.Env) *cobra.Command {
	o := &requestOptions{}
	c := &cobra.Command{
		Use:   "request NAME [--signer SIGNER] [--approve] [--dry-run]",
		Short: "Get a certificate from the cluster (certificates.k8s.io)",
		Long: fold.Wrap(`Make a key, ask the cluster for a certificate (certificates.k8s.io), wait for it, check
it and write it: NAME.key, NAME.csr and NAME.crt in --out.

Before anything is sent it says whether the signer will issue, and what to change
where it will not; what cannot succeed is not sent (but with --force). --dry-run
stops there, and needs no cluster. --approve approves it, where you may. A request
that stays without a certificate is explained: who has to approve, who has to sign,
and whether that component is alive. A second run goes on with the same key and
request; one that asks for something else makes another request for the key.

Signers: client (kubernetes.io/kube-apiserver-client), kubelet-client, kubelet-serving,
or the full name of any other.`, 79),
		Example: `
			kubectl certgen request alice --org developers --approve
			kubectl certgen request worker-1 --signer kubelet-serving --ip 10.0.0.5 --dns worker-1 --dry-run
			kubectl certgen request web --signer example.com/internal --csr web.csr --usage "server auth" --dry-run`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), env, args[0]) },
	}
	fl := c.Flags()
	fl.StringVar(&o.signer, "signer", "client", "Signer: client, kubelet-client, kubelet-serving or DOMAIN/PATH")
	fl.StringVar(&o.user, "common-name", "", "Common name to ask for (default: NAME, for kubelets system:node:NAME)")
	fl.StringSliceVar(&o.orgs, "org", nil, "Organisation to ask for, for a client its group")
	fl.StringVar(&o.subject, "subject", "", "Whole subject, instead of --common-name and --org")
	fl.StringSliceVar(&o.ips, "ip", nil, "Address to ask for")
	fl.StringSliceVar(&o.dns, "dns", nil, "Name to ask for")
	fl.StringSliceVar(&o.usages, "usage", nil, "Usages to ask for (default: those that the signer wants)")
	fl.StringVar(&o.csrFile, "csr", "", "Send this request; its key stays where it is")
	fl.StringVar(&o.key, "key", string(pki.ECDSAP256), "Type of the key: "+strings.Join(keySpecs(), ", "))
	fl.DurationVar(&o.duration, "duration", 0, "Lifetime to ask for, 10m or more (the signer may give less)")
	fl.StringVar(&o.out, "out", ".", "Folder for NAME.key, NAME.csr and NAME.crt")
	fl.StringVar(&o.kubeconfig, "write-kubeconfig", "", "Write a kubeconfig with the certificate too, to this file in --out")
	fl.BoolVar(&o.approve, "approve", false, "Approve the request")
	fl.DurationVar(&o.wait, "wait", 2*time.Minute, "How long to wait for the certificate")
	fl.BoolVar(&o.dryRun, "dry-run", false, "Only say what will become of it; nothing is sent or written")
	fl.BoolVar(&o.force, "force", false, "Send it although it cannot succeed")
	fl.StringVarP(&o.format, "output", "o", "text", "Output format: text, json, yaml")
	o.flags = cli.ClusterFlags(fl)
	completeFormats(c, "text", "json", "yaml")
	_ = c.RegisterFlagCompletionFunc("key", cobra.FixedCompletions(keySpecs(), cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("signer", cobra.FixedCompletions([]string{"client", "kubelet-client", "kubelet-serving"}, cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("usage", cobra.FixedCompletions(request.Usages, cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (o *requestOptions) run(ctx context.Context, env *cli.Env, name string) error {
	if o.format != "text" && o.format != "json" && o.format != "yaml" {
		return cli.Usagef("-o %q: not one of text, json, yaml", o.format)
	}
	base := fileName(name)
	if err := layout.CheckName(base); err != nil {
		return cli.Usagef("%w", err)
	}
	if full, ok := signerNames[o.signer]; ok {
		o.signer = full
	}
	if o.duration != 0 && o.duration < time.Minute {
		return cli.Usagef("--duration %s: too short (10m is the least that the API takes)", o.duration)
	}
	// What cannot be written is said before a certificate is asked for.
	if o.kubeconfig != "" {
		switch at := filepath.Join(o.out, o.kubeconfig); {
		case o.csrFile != "":
			return cli.Usagef("--write-kubeconfig needs the key, which --csr leaves elsewhere")
		case !filepath.IsLocal(o.kubeconfig):
			return cli.Usagef("--write-kubeconfig %s: not a file below --out", o.kubeconfig)
		case isThere(at):
			return cli.WithHint(cli.Usagef("--write-kubeconfig %s: exists already and is never overwritten", at), "move it away, or name another file")
		}
	}
	if _, err := settle(env, o.dryRun, o.out); err != nil {
		return err
	}
	files := &requestFiles{base: base}
	csr, err := o.prepare(files, name)
	if err != nil {
		return err
	}
	spec := request.Spec{Signer: o.signer, Usages: o.usages, CSR: csr, Seconds: int(o.duration.Seconds())}
	if len(spec.Usages) == 0 {
		spec.Usages = request.DefaultUsages(o.signer, pki.SpecOf(csr.PublicKey))
		if o.signer != request.Client && o.signer != request.KubeletClient && o.signer != request.Serving && len(csr.DNSNames)+len(csr.IPAddresses) > 0 {
			spec.Usages[len(spec.Usages)-1] = "server auth"
		}
	}
	spec.Name = objectName(base, spec)
	if o.dryRun {
		return o.forecast(env, spec, request.Predict(spec))
	}
	cluster, err := openCluster(o.flags)
	if err != nil {
		return err
	}
	flow := &request.Flow{Client: cluster.Client, Poll: 500 * time.Millisecond}
	wctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	spec.User = flow.WhoAmI(wctx)
	cancel()
	predicted := request.Predict(spec)
	if request.Blocked(predicted) && !o.force {
		_ = o.forecast(env, spec, predicted)
		return cli.Exit(cli.ExitFindings)
	}
	if err := files.write(o); err != nil {
		return err
	}
	if files.instead != "" {
		env.Tell("%s asked for %s; it was made again, for the same key", show(filepath.Join(o.out, base+".csr")), files.instead)
	}
	return o.send(ctx, env, flow, cluster.Config, spec, files)
}

func (o *requestOptions) forecast(env *cli.Env, spec request.Spec, fs []request.Forecast) error {
	blocked := request.Blocked(fs)
	if o.format != "text" {
		var list []map[string]string
		for _, f := range fs {
			list = append(list, map[string]string{"outcome": string(f.Outcome), "who": f.Who, "message": f.Message, "remedy": f.Remedy})
		}
		rep := map[string]any{"apiVersion": apiVersion, "kind": "RequestForecast", "willIssue": !blocked, "signer": spec.Signer, "usages": spec.Usages,
			"approval": request.Approval(spec.Signer), "forecast": list, "object": spec.Object()}
		if err := writeAny(env, o.format, rep); err != nil {
			return err
		}
	} else {
		st, w := env.Style(env.Out), env.Out
		word := st.Good("would be issued once it is approved")
		if blocked {
			word = st.Error("will not be issued") + ": " + string(fs[0].Outcome)
		}
		fmt.Fprintf(w, "%s   %s\n", st.Bold(spec.Signer), word)
		field(w, "subject", inspect.NameString(spec.CSR.RawSubject), env.Width())
		field(w, "names", strings.Join(request.Names(spec.CSR), " "), env.Width())
		field(w, "usages", strings.Join(spec.Usages, ", "), env.Width())
		for _, f := range fs {
			field(w, string(f.Outcome), fmt.Sprintf("%s: %s", f.Who, f.Message), env.Width())
			field(w, "", f.Remedy, env.Width())
		}
		if !blocked {
			field(w, "approval", request.Approval(spec.Signer), env.Width())
		}
	}
	if blocked {
		return cli.Exit(cli.ExitFindings)
	}
	return nil
}

func writeAny(env *cli.Env, format string, v any) error {
	if format == "yaml" {
		return finding.WriteYAML(env.Out, v)
	}
	return finding.WriteJSON(env.Out, v)
}

// again is the next step after a run that did not get to its end.
const again = "run the same command again: it goes on with the same key and request"

// late says that what was sent has no answer, and may have been done.
func late(err error) bool { return errors.Is(err, context.DeadlineExceeded) || os.IsTimeout(err) }

func (o *requestOptions) send(ctx context.Context, env *cli.Env, flow *request.Flow, cfg *rest.Config, spec request.Spec, f *requestFiles) error {
	p := output.NewProgress(env.ErrOut, env.Interactive())
	defer p.Stop()
	if _, err := flow.Create(ctx, spec, false); err != nil {
		switch {
		case apierrors.IsAlreadyExists(err):
			env.Tell("going on with the request %s, which is there already", spec.Name)
		case apierrors.IsForbidden(err) || apierrors.IsInvalid(err) || apierrors.IsBadRequest(err):
			return &cli.Error{Code: cli.ExitFindings, Err: fmt.Errorf("the API server refuses the request: %w", err)}
		case late(err):
			return cli.WithHint(cli.Unknownf("send the request: the API server did not answer in time"), again)
		default:
			return cli.Unknownf("send the request: %w", err)
		}
	}
	if o.approve {
		if err := flow.Approve(ctx, spec.Name); err != nil {
			if apierrors.IsForbidden(err) {
				return cli.WithHint(&cli.Error{Code: cli.ExitFindings, Err: fmt.Errorf("you may not approve requests for %s: %w", spec.Signer, err)},
					"somebody who may: kubectl certificate approve "+spec.Name, "then run the same command again")
			}
			if late(err) {
				return cli.WithHint(cli.Unknownf("approve %s: the API server did not answer in time", spec.Name), again)
			}
			return cli.Unknownf("approve %s: %w", spec.Name, err)
		}
	}
	p.Set("waiting for %s (%s)", spec.Name, spec.Signer)
	obj, err := flow.Wait(ctx, spec.Name, o.wait)
	p.Stop()
	if ctx.Err() != nil {
		env.Tell("the request %s stays: %s", spec.Name, again)
		return ctx.Err()
	}
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return cli.Unknownf("wait for %s: %w", spec.Name, err)
	}
	if obj == nil {
		return cli.WithHint(cli.Unknownf("wait for %s: the API server did not answer", spec.Name), again)
	}
	if obj.String("status", "certificate") == "" {
		return o.stuck(ctx, env, flow, spec, obj)
	}
	return o.receive(env, cfg, spec, f, obj)
}

// stuck says why there is no certificate.
func (o *requestOptions) stuck(ctx context.Context, env *cli.Env, flow *request.Flow, spec request.Spec, obj rawapi.Object) error {
	state, why := flow.Explain(ctx, obj, spec)
	code := cli.ExitUnknown
	if state == "Denied" || state == "Failed" {
		code = cli.ExitFindings
	}
	if o.format != "text" {
		if err := writeAny(env, o.format, map[string]any{"apiVersion": apiVersion, "kind": "Requested", "name": spec.Name, "signer": spec.Signer, "state": state, "why": why}); err != nil {
			return err
		}
		return cli.Exit(code)
	}
	st := env.Style(env.Out)
	fmt.Fprintf(env.Out, "%s   %s   no certificate\n", st.Bold(spec.Name), st.Error(state))
	for _, w := range why {
		field(env.Out, "why", w, env.Width())
	}
	switch state {
	case "Pending":
		field(env.Out, "next", "kubectl certificate approve "+spec.Name, env.Width())
		field(env.Out, "", "then "+again, env.Width())
	case "Denied", "Failed":
		// The decision stays as long as the object does.
		field(env.Out, "next", "kubectl delete csr "+spec.Name, env.Width())
		field(env.Out, "", "then the same command asks again, with the same key", env.Width())
	}
	return cli.Exit(code)
}

// receive checks and writes the certificate.
func (o *requestOptions) receive(env *cli.Env, cfg *rest.Config, spec request.Spec, f *requestFiles, obj rawapi.Object) error {
	chain, err := request.Certificate(obj)
	if err != nil {
		return cli.Unknownf("the certificate of %s: %w", spec.Name, err)
	}
	wrong := request.Compare(spec, chain[0], env.Now())
	if slices.Contains(wrong, "it is for another key") {
		return &cli.Error{Code: cli.ExitFindings, Err: fmt.Errorf("the certificate of %s is for another key; nothing was written", spec.Name)}
	}
	st, err := store.Open(o.out)
	if err != nil {
		return cli.WithHint(cli.Unknownf("%w", err), again)
	}
	defer st.Close()
	b := st.Begin()
	if err := b.Replace(f.base+".crt", pki.EncodeCerts(chain...), store.PublicMode); err != nil {
		return cli.Unknownf("%w", err)
	}
	written := []string{show(filepath.Join(o.out, f.base+".crt"))}
	if o.kubeconfig != "" {
		kc, err := o.kubeconfigFile(cfg, chain, f)
		if err != nil {
			return err
		}
		if err := b.Create(filepath.ToSlash(o.kubeconfig), kc, store.KeyMode); err != nil {
			return cli.Usagef("%w", err)
		}
		written = append(written, show(filepath.Join(o.out, o.kubeconfig)))
	}
	if err := b.Commit(); err != nil {
		return notWritten(err)
	}
	if f.newKey {
		written = append(written, show(filepath.Join(o.out, f.base+".key")))
	}
	c := chain[0]
	if o.format != "text" {
		return writeAny(env, o.format, map[string]any{"apiVersion": apiVersion, "kind": "Requested", "name": spec.Name, "signer": spec.Signer, "state": "Issued",
			"files": written, "differences": wrong, "certificate": describe(&inspect.Item{Kind: inspect.Certificate, Source: written[0], Cert: c}, env.Now())})
	}
	style := env.Style(env.Out)
	fold.Under(env.Out, fmt.Sprintf("%s  %s   ", style.Good("issued "), style.Bold(strings.Join(written, ", "))), fmt.Sprintf("%s, until %s", inspect.NameString(c.RawSubject), c.NotAfter.UTC().Format("2006-01-02 15:04")), env.Columns(env.Out))
	field(env.Out, "by", inspect.NameString(c.RawIssuer)+" for "+spec.Signer, env.Width())
	for _, x := range wrong {
		field(env.Out, "differs", x, env.Width())
	}
	return nil
}

func (o *requestOptions) kubeconfigFile(cfg *rest.Config, chain []*x509.Certificate, f *requestFiles) ([]byte, error) {
	ca := cfg.CAData
	if len(ca) == 0 && cfg.CAFile != "" {
		var err error
		if ca, err = readFile(cfg.CAFile); err != nil {
			return nil, err
		}
	}
	way := kubeconfig.Way{TLSServerName: cfg.ServerName, InsecureSkipTLSVerify: cfg.Insecure}
	if u, err := url.Parse(cfg.Host); err == nil && cfg.Proxy != nil {
		if p, err := cfg.Proxy(&http.Request{URL: u}); err == nil && p != nil {
			way.ProxyURL = p.String()
		}
	}
	data, err := kubeconfig.File{Cluster: "kubernetes", User: chain[0].Subject.CommonName, Server: cfg.Host, CA: ca, Cert: pki.EncodeCerts(chain...), Key: f.keyPEM, Way: way}.Encode()
	if err != nil {
		return nil, cli.Unknownf("%w", err)
	}
	return data, nil
}
