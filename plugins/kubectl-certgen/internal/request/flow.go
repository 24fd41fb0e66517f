package request

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/rawapi"
)

const path = "/apis/certificates.k8s.io/v1/certificatesigningrequests"

// Object is the API object of a spec.
func (s Spec) Object() rawapi.Object {
	usages := make([]any, len(s.Usages))
	for i, u := range s.Usages {
		usages[i] = u
	}
	spec := map[string]any{
		"signerName": s.Signer, "usages": usages, "request": base64.StdEncoding.EncodeToString(pki.EncodeRequest(s.CSR)),
	}
	if s.Seconds > 0 {
		spec["expirationSeconds"] = s.Seconds
	}
	meta := map[string]any{"name": s.Name}
	return rawapi.Object{"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": meta, "spec": spec}
}

// Flow drives one request through the API.
type Flow struct {
	Client *rawapi.Client
	// Poll is how often its state is read.
	Poll time.Duration
}

// Create stores the request. dryRun lets the server do everything but storing.
func (f *Flow) Create(ctx context.Context, s Spec, dryRun bool) (rawapi.Object, error) {
	q := url.Values{}
	if dryRun {
		q.Set("dryRun", "All")
	}
	return f.Client.Create(ctx, path, s.Object(), q)
}

// Get reads a request.
func (f *Flow) Get(ctx context.Context, name string) (rawapi.Object, error) {
	return f.Client.Get(ctx, path+"/"+name)
}

// Approve approves a request that nobody has decided about yet.
func (f *Flow) Approve(ctx context.Context, name string) error {
	for range 5 {
		o, err := f.Get(ctx, name)
		if err != nil {
			return err
		}
		if Condition(o, "Approved") != nil || Condition(o, "Denied") != nil {
			return nil
		}
		status, _ := o["status"].(map[string]any)
		if status == nil {
			status = map[string]any{}
		}
		conds, _ := status["conditions"].([]any)
		status["conditions"] = append(conds, map[string]any{
			"type": "Approved", "status": "True", "reason": "CertgenApprove", "message": "approved by kubectl certgen request --approve",
		})
		o["status"] = status
		if _, err = f.Client.Update(ctx, path+"/"+name+"/approval", o, nil); err == nil || !apierrors.IsConflict(err) {
			return err
		}
	}
	return errors.New("the request changes faster than it can be approved")
}

// Condition returns a condition of a request, nil where it has none.
func Condition(o rawapi.Object, typ string) rawapi.Object {
	for _, c := range o.Maps("status", "conditions") {
		if c.String("type") == typ {
			return c
		}
	}
	return nil
}

// Wait waits until the request has a certificate, is denied or has failed, or
// the time is over (context.DeadlineExceeded); it is looked at once in any case.
// The object is the last one seen, nil where there was no answer.
func (f *Flow) Wait(ctx context.Context, name string, limit time.Duration) (rawapi.Object, error) {
	wctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var last rawapi.Object
	for {
		o, err := f.Get(ctx, name)
		ctx = wctx
		switch {
		case err == nil:
			last = o
			if o.String("status", "certificate") != "" || Condition(o, "Denied") != nil || Condition(o, "Failed") != nil {
				return o, nil
			}
		case apierrors.IsNotFound(err):
			return last, fmt.Errorf("the request %s is gone: somebody deleted it, or it was cleaned up (pending ones after 24 h, decided ones after 1 h)", name)
		case apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err):
			return last, err
		}
		select {
		case <-ctx.Done():
			return last, ctx.Err()
		case <-time.After(f.Poll):
		}
	}
}

// Certificate reads the issued chain.
func Certificate(o rawapi.Object) ([]*x509.Certificate, error) {
	data, err := base64.StdEncoding.DecodeString(o.String("status", "certificate"))
	if err != nil {
		return nil, errors.New("status.certificate is not base64")
	}
	return pki.ParseCerts(data)
}

// Explain says why a request has no certificate: its state, and what is known
// of who should act.
func (f *Flow) Explain(ctx context.Context, o rawapi.Object, s Spec) (state string, why []string) {
	say := func(format string, a ...any) { why = append(why, fmt.Sprintf(format, a...)) }
	if c := Condition(o, "Denied"); c != nil {
		say("%s: %s", c.String("reason"), c.String("message"))
		return "Denied", why
	}
	if c := Condition(o, "Failed"); c != nil {
		say("%s: %s", c.String("reason"), c.String("message"))
		for _, p := range Predict(s) {
			if p.Outcome == Fails {
				say("%s; %s", p.Message, p.Remedy)
			}
		}
		return "Failed", why
	}
	if Condition(o, "Approved") == nil {
		say("%s", Approval(s.Signer))
		if s.Signer == KubeletClient {
			if auto, err := f.autoApproved(ctx); err == nil && !auto {
				say("the sender has neither permission, so it waits for a person")
			}
		}
		return "Pending", why
	}
	switch {
	case s.Signer == ClientPod || strings.HasPrefix(s.Signer, "kubernetes.io/") && !slices.Contains(BuiltIn, s.Signer):
		say("no component signs for %s", s.Signer)
	case slices.Contains(BuiltIn, s.Signer):
		f.controllerManager(ctx, say)
	default:
		say("a controller must run that signs for %s; Kubernetes has none for it", s.Signer)
	}
	return "Approved, not issued", why
}

// controllerManager says whether kube-controller-manager, which signs for the
// built-in signers, is alive.
func (f *Flow) controllerManager(ctx context.Context, say func(string, ...any)) {
	o, err := f.Client.Get(ctx, "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-controller-manager")
	switch {
	case apierrors.IsNotFound(err):
		say("kube-controller-manager signs it, and has never held its lease: it does not run, or runs without leader election")
	case err != nil:
		say("kube-controller-manager signs it; whether it runs could not be seen (%v)", err)
	default:
		t, err := time.Parse(time.RFC3339, o.String("spec", "renewTime"))
		if age := time.Since(t); err == nil && age > time.Minute {
			say("kube-controller-manager signs it, and renewed its lease %s ago: it does not run", age.Round(time.Second))
			return
		}
		say("kube-controller-manager runs; it signs only with --cluster-signing-cert-file and --cluster-signing-key-file (or the pair of this signer), and with the controller csrsigning switched on")
	}
}

// autoApproved asks whether the sender's requests for kubelet client
// certificates are approved by kube-controller-manager.
func (f *Flow) autoApproved(ctx context.Context) (bool, error) {
	for _, sub := range []string{"nodeclient", "selfnodeclient"} {
		o, err := f.Client.Create(ctx, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", rawapi.Object{
			"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
			"spec": map[string]any{"resourceAttributes": map[string]any{"group": "certificates.k8s.io", "resource": "certificatesigningrequests", "subresource": sub, "verb": "create"}},
		}, nil)
		if err != nil {
			return false, err
		}
		if ok, _ := o.Dig("status", "allowed").(bool); ok {
			return true, nil
		}
	}
	return false, nil
}

// WhoAmI is the user that sends the requests, "" where the server does not say.
func (f *Flow) WhoAmI(ctx context.Context) string {
	o, err := f.Client.Create(ctx, "/apis/authentication.k8s.io/v1/selfsubjectreviews", rawapi.Object{"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}, nil)
	if err != nil {
		return ""
	}
	return o.String("status", "userInfo", "username")
}

// Compare says in what an issued certificate is not what was asked for.
func Compare(s Spec, c *x509.Certificate, now time.Time) []string {
	var out []string
	if !pki.SamePublicKey(c.PublicKey, s.CSR.PublicKey) {
		out = append(out, "it is for another key")
	}
	if a, b := pkiName(c.RawSubject), pkiName(s.CSR.RawSubject); !sameSet(strings.Split(a, ", "), strings.Split(b, ", ")) {
		out = append(out, fmt.Sprintf("its subject is %s, asked for was %s", a, b))
	}
	have, asked := names(c.DNSNames, c.IPAddresses), Names(s.CSR)
	if !sameSet(have, asked) {
		out = append(out, fmt.Sprintf("its names are [%s], asked for were [%s]", strings.Join(have, " "), strings.Join(asked, " ")))
	}
	for _, u := range []struct {
		name string
		eku  x509.ExtKeyUsage
	}{{"client auth", x509.ExtKeyUsageClientAuth}, {"server auth", x509.ExtKeyUsageServerAuth}} {
		if slices.Contains(s.Usages, u.name) && !slices.Contains(c.ExtKeyUsage, u.eku) {
			out = append(out, "it lacks usage "+u.name)
		}
	}
	if now.After(c.NotAfter) || now.Before(c.NotBefore.Add(-time.Minute)) {
		out = append(out, fmt.Sprintf("it is valid from %s to %s, which is not now", c.NotBefore.UTC().Format(time.RFC3339), c.NotAfter.UTC().Format(time.RFC3339)))
	}
	return out
}

// Names are the DNS names and addresses that a request asks for.
func Names(r *x509.CertificateRequest) []string { return names(r.DNSNames, r.IPAddresses) }

func names(dns []string, ips []net.IP) []string {
	out := slices.Clone(dns)
	for _, ip := range ips {
		out = append(out, ip.String())
	}
	return out
}

func pkiName(raw []byte) string {
	n, err := pki.DecodeName(raw)
	if err != nil {
		return ""
	}
	return n.String()
}
