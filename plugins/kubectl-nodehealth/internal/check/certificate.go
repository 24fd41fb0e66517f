package check

import (
	"fmt"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/phrase"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

const docsRotation = "https://kubernetes.io/docs/tasks/tls/certificate-rotation/"

var certificateTTL = Check{
	Rule: finding.Rule{
		ID: "NH045", Title: "a kubelet certificate expires", Severity: finding.Warning,
		Rationale: "The kubelet tells how long its certificates are valid, if it rotates them itself. It renews at 70 to 90% of their life; one that is left with less than a fifth of its life, and less than a week, was not renewed. When the client certificate is over, the node is gone: the API server refuses its kubelet. +Inf means that there is no such certificate or an invalid one, not that it lasts for ever; a missing series means that nothing is rotated, and nothing known.",
		Remedy:    "look for pending or denied requests (kubectl get csr) and for rotation errors in the kubelet's log",
		Source:    "kubelet metrics kubelet_certificate_manager_{client,server}_ttl_seconds (ALPHA); limits of kubernetes-mixin: 7 days, 1 day", Docs: docsRotation,
	},
	Run: func(v *snapshot.View, r *Report) {
		m := v.Node.Kubelet.Metrics
		if m == nil {
			return
		}
		look := func(what, signer string, ttl *float64) {
			if ttl == nil {
				return
			}
			left := time.Duration(*ttl * float64(time.Second))
			switch {
			case left <= 0:
				r.Add(fmt.Sprintf("the kubelet's %s certificate expired %s ago", what, phrase.Duration(-left))).Severity = finding.Error
			case left < 7*24*time.Hour && overdue(v, signer, left):
				f := r.Add(fmt.Sprintf("the kubelet's %s certificate expires in %s and was not renewed", what, phrase.Duration(left)))
				if left < 24*time.Hour {
					f.Severity = finding.Error
				}
			}
		}
		look("client", snapshot.SignerClient, m.ClientTTL)
		look("serving", snapshot.SignerServing, m.ServerTTL)
		c := v.Node.Kubelet.Config
		if c != nil && c.RotateCertificates && m.ClientTTLInf {
			r.Add("the kubelet rotates its client certificate and has none that is valid")
		}
		if c != nil && c.ServerTLSBootstrap && m.ServerTTLInf {
			r.Add("the kubelet asks for a serving certificate and has none that is valid")
		}
	},
}

// overdue says whether a certificate should have been renewed by now. A
// certificate made for a day is not late in its last week: its life is known
// where the request that made it is still there.
func overdue(v *snapshot.View, signer string, left time.Duration) bool {
	for _, c := range v.Node.CSRs {
		if c.Signer == signer && c.State == "Issued" {
			if life := left + v.Age(c.Created); float64(left) > 0.1*float64(life) {
				return false
			}
		}
	}
	return true
}

var csrPending = Check{
	Rule: finding.Rule{
		ID: "NH046", Title: "certificate request not approved", Severity: finding.Error,
		Rationale: "A kubelet that asks for its serving certificate (serverTLSBootstrap) waits for somebody to approve it: Kubernetes itself never does. Until then logs, exec, port-forward and metrics fail with 'remote error: tls: internal error'. Client certificates of known nodes are approved automatically; one that waits means that the approving controller does not run.",
		Remedy:    "check its names and addresses, then kubectl certificate approve NAME; run an approver for kubelet-serving requests",
		Source:    "kubeadm#591; k8s.io/kubernetes pkg/controller/certificates/approver", Docs: "https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/",
	},
	Degrades: true,
	Run: func(v *snapshot.View, r *Report) {
		count, oldest := map[string]int{}, map[string]snapshot.CSR{}
		for _, c := range v.Node.CSRs {
			if c.State != "Pending" || v.Age(c.Created) < 15*time.Second {
				continue
			}
			count[c.Signer]++
			if o, ok := oldest[c.Signer]; !ok || c.Created.Before(o.Created) {
				oldest[c.Signer] = c
			}
		}
		for _, signer := range []string{snapshot.SignerServing, snapshot.SignerClient} {
			c, ok := oldest[signer]
			if !ok {
				continue
			}
			what := "serving"
			if signer == snapshot.SignerClient {
				what = "client"
			}
			text := fmt.Sprintf("the request for a %s certificate (%s) has waited %s for approval", what, c.Name, phrase.Duration(v.Age(c.Created)))
			if count[signer] > 1 {
				text = fmt.Sprintf("%d requests for a %s certificate wait for approval, the oldest (%s) for %s", count[signer], what, c.Name, phrase.Duration(v.Age(c.Created)))
			}
			f := r.Add(text)
			if p, ok := snapshot.Find(v.Node.Probes, snapshot.SourceHealthz); ok && p.Status == snapshot.OK {
				// The old certificate still serves.
				f.Severity = finding.Warning
			}
		}
	},
}

var csrRefused = Check{
	Rule: finding.Rule{
		ID: "NH047", Title: "certificate request refused", Severity: finding.Warning,
		Rationale: "A certificate request of this kubelet was denied by an approver, or the signer failed on it. The kubelet asks again, with the same result.",
		Remedy:    "read the message; compare the names and addresses in the request with the node's",
		Source:    "certificates.k8s.io/v1 conditions Denied and Failed", Docs: "https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/",
	},
	Degrades: true,
	Run: func(v *snapshot.View, r *Report) {
		for _, c := range v.Node.CSRs {
			if c.State == "Denied" || c.State == "Failed" {
				text := fmt.Sprintf("%s of the signer %s: %s", c.Name, c.Signer, c.State)
				if c.Message != "" {
					text += ", " + phrase.Clip(c.Message, 120)
				}
				r.Add(text)
			}
		}
	},
}

var renewErrors = Check{
	Rule: finding.Rule{
		ID: "NH048", Title: "certificate renewal fails", Severity: finding.Warning,
		Rationale: "The kubelet counts its failed attempts to renew a certificate since it started. The node works until the certificate it has is over; then it is gone.",
		Remedy:    "look for certificate_manager errors in the kubelet's log",
		Source:    "kubelet metrics kubelet_certificate_manager_client_expiration_renew_errors, kubelet_server_expiration_renew_errors (ALPHA)", Docs: docsRotation,
	},
	Run: func(v *snapshot.View, r *Report) {
		m := v.Node.Kubelet.Metrics
		if m == nil {
			return
		}
		for _, e := range []struct {
			what string
			n    *float64
		}{{"client", m.ClientRenewErrs}, {"serving", m.ServerRenewErrs}} {
			if e.n != nil && *e.n > 0 {
				r.Add(fmt.Sprintf("renewing the %s certificate failed %.0f times since the kubelet started", e.what, *e.n))
			}
		}
	},
}

var strangeAPIServer = Check{
	Rule: finding.Rule{
		ID: "NH050", Title: "the kubelet does not know the API server", Severity: finding.Error,
		Rationale: "The kubelet answers the API server with 401 Unauthorized: the certificate that the API server shows (--kubelet-client-certificate) has expired, or its authority is not the kubelet's clientCAFile. Logs, exec, port-forward and metrics fail; pods run. When all kubelets say so it is the API server's certificate, when one does it is that kubelet's configuration.",
		Remedy:    "kubectl nodehealth controlplane tells whether all kubelets say so; kubeadm certs renew apiserver-kubelet-client, or repair clientCAFile",
		Source:    "status 401 of the kubelet through the node proxy", Docs: "https://kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz/",
	},
	Degrades: true,
	Run: func(v *snapshot.View, r *Report) {
		for _, p := range v.Node.Probes {
			if p.Status == snapshot.Denied && p.Reason == snapshot.ReasonKubelet && strings.HasSuffix(p.Detail, "refuses: Unauthorized") {
				r.Add("the kubelet does not know the API server (401 Unauthorized): logs, exec, port-forward and metrics fail here; pods run", p.Detail)
				return
			}
		}
	},
}
