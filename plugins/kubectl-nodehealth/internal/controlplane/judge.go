package controlplane

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/fault"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/phrase"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// Days before its end at which a certificate is a warning, and an error.
const (
	warnDays  = 30
	errorDays = 7
)

// slowWebhook is the default of a webhook's timeout, in seconds; what asks for
// more holds the API server's own requests up for longer than their clients wait.
const slowWebhook = 10

// Report is the JSON of `controlplane`.
type Report struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// Verdict is Healthy, Degraded, Unhealthy or Unknown.
	Verdict string `json:"verdict"`
	// Scenario is the handbook's failure scenario that fits what was seen, "".
	Scenario string `json:"scenario,omitempty"`
	// Answer is the answer in one sentence.
	Answer   string            `json:"answer"`
	Findings []finding.Finding `json:"findings"`
	Summary  finding.Summary   `json:"summary"`
	// Coverage is the part of the sources that answered, 0 to 1.
	Coverage float64 `json:"coverage"`
	// Next are commands to run.
	Next     []fault.Command `json:"next"`
	Snapshot *Snapshot       `json:"snapshot"`
}

// Judge is a pure function of the snapshot.
func Judge(s *Snapshot) Report {
	j := &judge{s: s}
	j.reach()
	j.you()
	j.storage()
	j.health()
	j.leaders()
	j.servers()
	j.skew()
	j.certs()
	j.apis()
	j.webhooks()
	j.pods()
	j.proxies()
	j.refusals()
	j.machine()
	finding.SortBySeverity(j.out)
	r := Report{
		APIVersion: "nodehealth.clusterwright.dev/v1alpha1", Kind: "ControlPlaneHealth",
		Findings: j.out, Summary: finding.Summarize(j.out), Snapshot: s, Scenario: j.scenario,
	}
	if r.Findings == nil {
		r.Findings = []finding.Finding{}
	}
	ok := 0
	for _, p := range s.Probes {
		if p.Status == "ok" || p.Status == "absent" {
			ok++
		}
	}
	if len(s.Probes) > 0 {
		r.Coverage = float64(ok) / float64(len(s.Probes))
	}
	r.Verdict = verdict(s, r.Summary, j.blind != "" && !j.broken)
	r.Answer = j.sentence(r)
	r.Next = next(s, r)
	return r
}

// sentence is the answer to read first.
func (j *judge) sentence(r Report) string {
	switch {
	case j.answer != "":
		return j.answer
	case j.blind != "":
		return j.blind
	case r.Verdict == "Unknown":
		var missing []string
		for _, name := range []string{"readyz", "leases"} {
			if st := probeStatus(j.s, name); st != "ok" {
				missing = append(missing, name+" ("+st+")")
			}
		}
		return "cannot tell: " + strings.Join(missing, " and ") + " could not be read"
	case len(r.Findings) > 0 && r.Findings[0].Severity != finding.Info:
		return r.Findings[0].Message
	}
	return "the API server, its storage and the leaders of scheduler and controller-manager work"
}

// verdict is Unknown where the API server's own checks or the leaders' leases
// could not be read: nothing is healthy because nobody looked.
func verdict(s *Snapshot, sum finding.Summary, blind bool) string {
	switch {
	case sum.Error > 0 && !blind:
		return "Unhealthy"
	case blind, s.Readyz.Code == 0 || probeStatus(s, "leases") != "ok":
		return "Unknown"
	case sum.Warning > 0:
		return "Degraded"
	}
	return "Healthy"
}

func probeStatus(s *Snapshot, name string) string {
	for _, p := range s.Probes {
		if p.Name == name {
			return p.Status
		}
	}
	return ""
}

type judge struct {
	s        *Snapshot
	out      []finding.Finding
	scenario string
	// answer is the first thing to say, and blind why nothing can be said.
	answer, blind string
	// broken says that a component of this machine does not work.
	broken bool
}

func (j *judge) add(r finding.Rule, kind, name, message string, evidence ...string) *finding.Finding {
	f := r.New(finding.Subject{Kind: kind, Name: name}, message)
	f.Evidence = evidence
	j.out = append(j.out, f)
	return &j.out[len(j.out)-1]
}

func (j *judge) health() {
	seen := map[string]bool{}
	for _, h := range []struct {
		path string
		Health
	}{{"livez", j.s.Livez}, {"readyz", j.s.Readyz}} {
		for _, c := range h.Checks {
			if c.OK || seen[c.Name] || c.Name == "etcd" && j.scenario == StorageLost && j.s.Etcd != "" {
				continue
			}
			seen[c.Name] = true
			if strings.HasPrefix(c.Name, "etcd") && j.s.Etcd == "ok" && j.scenario != StorageLost {
				f := j.add(ruleLive, "APIServer", j.s.Server, fmt.Sprintf("%s: check %q failed a moment ago; the storage answers now", h.path, c.Name), fmt.Sprintf("GET /%s?verbose: status %d; GET /readyz/etcd a second later: ok", h.path, h.Code))
				f.Severity = finding.Warning
				continue
			}
			j.add(ruleLive, "APIServer", j.s.Server, fmt.Sprintf("%s: check %q fails: %s", h.path, c.Name, c.Why), fmt.Sprintf("GET /%s?verbose: status %d", h.path, h.Code))
		}
		if h.Code >= 500 && len(h.Checks) == 0 {
			j.add(ruleLive, "APIServer", j.s.Server, fmt.Sprintf("%s: status %d without a list of checks", h.path, h.Code))
		}
	}
}

func (j *judge) leaders() {
	if probeStatus(j.s, "leases") != "ok" || j.scenario == StorageLost {
		return
	}
	for _, name := range []string{"kube-controller-manager", "kube-scheduler"} {
		if !slices.ContainsFunc(j.s.Leaders, func(l Lease) bool { return l.Name == name }) {
			j.add(ruleNoLeader, "Lease", "kube-system/"+name, name+" has no lease in kube-system: it never ran, or runs without leader election")
		}
	}
	var stopped []string
	for _, l := range j.s.Leaders {
		age := j.s.ObservedAt.Sub(l.Renewed)
		// Twice the duration: a moment between two leaders is no fault. A leader
		// that ends in order leaves a duration of a second behind.
		if l.Duration == 0 || age <= max(2*l.Duration, 30*time.Second) {
			continue
		}
		held := "held by " + l.Holder + " to the end"
		if l.Holder == "" {
			held = "given up in order by its last holder"
		}
		j.add(ruleLeader, "Lease", "kube-system/"+l.Name,
			fmt.Sprintf("%s: nobody has renewed its lease for %s", l.Name, age.Round(time.Second)),
			fmt.Sprintf("%s, renewed %s, good for %s", held, l.Renewed.UTC().Format(time.RFC3339), l.Duration))
		stopped = append(stopped, l.Name)
	}
	if len(stopped) == 0 || j.scenario != "" {
		return
	}
	j.scenario = SupportingServiceDown
	var effects []string
	for _, name := range stopped {
		if e := withoutLeader[name]; e != "" {
			effects = append(effects, e)
		}
	}
	j.answer = fmt.Sprintf("nobody does the work of %s: %s; what runs goes on", strings.Join(stopped, " and "), strings.Join(effects, ", "))
}

// withoutLeader is what stops while nobody leads.
var withoutLeader = map[string]string{
	"kube-scheduler":           "new pods stay Pending",
	"kube-controller-manager":  "nodes are not judged, pods not replaced or evicted, endpoints not updated",
	"cloud-controller-manager": "new nodes stay tainted, load balancers and routes are not made",
}

// minor is the minor version of "v1.37.1", -1 for what is none.
func minor(v string) int {
	parsed, err := version.ParseGeneric(v)
	if err != nil {
		return -1
	}
	return int(parsed.Minor())
}

func (j *judge) skew() {
	server := minor(j.s.Version.Git)
	if server < 0 {
		return
	}
	if e := j.s.Version.Emulated; e != "" && minor(e) != server {
		j.add(ruleEmulated, "APIServer", j.s.Server, fmt.Sprintf("%s behaves as %s (--emulated-version)", j.s.Version.Git, e))
	}
	for _, p := range j.s.Pods {
		m := minor(p.Version)
		if m < 0 || p.Component == "etcd" || p.Component == "cloud-controller-manager" {
			continue
		}
		switch d := server - m; {
		case p.Component == "kube-apiserver" && (d > 1 || d < -1), p.Component != "kube-apiserver" && (d > 1 || d < 0):
			j.add(ruleSkew, "Pod", "kube-system/"+p.Name, fmt.Sprintf("%s %s with an API server of %s", p.Component, p.Version, j.s.Version.Git))
		}
	}
	byVersion := map[string][]string{}
	for _, n := range j.s.Nodes {
		if m := minor(n.Kubelet); m >= 0 && (m > server || server-m > 3) {
			byVersion[n.Kubelet] = append(byVersion[n.Kubelet], n.Name)
		}
	}
	versions := make([]string, 0, len(byVersion))
	for v := range byVersion {
		versions = append(versions, v)
	}
	slices.Sort(versions)
	for _, v := range versions {
		names := byVersion[v]
		what := fmt.Sprintf("%d minors older than", server-minor(v))
		if minor(v) > server {
			what = "newer than"
		}
		j.add(ruleSkew, "Node", names[0], fmt.Sprintf("kubelet %s on %s is %s the API server (%s)", v, phrase.Count(len(names), "node"), what, j.s.Version.Git), "nodes: "+phrase.List(names, 5))
	}
}

func (j *judge) certs() {
	all := j.s.Certs
	if j.s.Machine != nil {
		all = slices.Concat(all, j.s.Machine.Certs)
	}
	for _, c := range all {
		left := c.NotAfter.Sub(j.s.ObservedAt)
		if left > warnDays*24*time.Hour {
			continue
		}
		text := fmt.Sprintf("the certificate of %s (%s) expires in %s, on %s", c.Where, c.Subject, days(left), c.NotAfter.UTC().Format("2006-01-02"))
		if left <= 0 {
			text = fmt.Sprintf("the certificate of %s (%s) expired on %s", c.Where, c.Subject, c.NotAfter.UTC().Format("2006-01-02 15:04 UTC"))
		}
		f := j.add(ruleCert, "Certificate", c.Where, text, "issued by "+c.Issuer)
		if left <= errorDays*24*time.Hour {
			f.Severity = finding.Error
		}
		if left <= 0 && c.Where == "kube-apiserver" && j.scenario == "" {
			j.scenario = APIServerCertificateExpired
		}
	}
}

func (j *judge) apis() {
	for _, a := range j.s.APIServices {
		if !a.Available {
			text := fmt.Sprintf("%s, served by %s, is not available: %s", a.Name, a.Service, a.Why)
			if strings.Contains(a.Why, "401") {
				text += " (it does not know the API server: look at the front-proxy client certificate)"
			}
			j.add(ruleAPIService, "APIService", a.Name, text)
		}
		if !a.Bundle.IsZero() && !a.Bundle.After(j.s.ObservedAt) {
			j.add(ruleBundle, "APIService", a.Name, fmt.Sprintf("the authority in the caBundle of %s expired on %s: the API server trusts nobody behind it", a.Name, a.Bundle.UTC().Format("2006-01-02")))
		}
	}
}

func (j *judge) webhooks() {
	for _, w := range j.s.Webhooks {
		if !w.Bundle.IsZero() && !w.Bundle.After(j.s.ObservedAt) {
			effect := "it is never asked, and every request it matches waits for that"
			if w.FailClosed {
				effect = "every request it matches is refused"
			}
			f := j.add(ruleBundle, "Webhook", w.Config, fmt.Sprintf("%s: the authority in its caBundle expired on %s, so %s", w.Name, w.Bundle.UTC().Format("2006-01-02"), effect))
			if !w.FailClosed {
				f.Severity = finding.Warning
			} else if j.scenario == "" {
				j.scenario = OperatorError
			}
		}
		if w.Timeout > slowWebhook && len(w.Catches) > 0 {
			j.add(ruleSlow, "Webhook", w.Config, fmt.Sprintf("%s: may hold every request for %s up for %d s", w.Name, strings.Join(w.Catches, ", "), w.Timeout))
		}
		if !w.FailClosed {
			continue
		}
		if w.Service != "" && w.Endpoints == 0 {
			j.add(ruleWebhookDead, "Webhook", w.Config, fmt.Sprintf("%s: service %s has no ready endpoint, so every request it matches is refused", w.Name, w.Service))
			if j.scenario == "" {
				j.scenario = OperatorError
			}
		}
		if len(w.Catches) > 0 {
			behind := "service " + w.Service
			if w.Service == "" {
				behind = "a URL"
			}
			j.add(ruleWebhookWide, "Webhook", w.Config, fmt.Sprintf("%s: matches %s in kube-system too, and fails closed", w.Name, strings.Join(w.Catches, ", ")), fmt.Sprintf("failurePolicy Fail, timeout %d s, %s", w.Timeout, behind))
		}
	}
}

func (j *judge) pods() {
	for _, p := range j.s.Pods {
		if !p.Ready {
			j.add(rulePod, "Pod", "kube-system/"+p.Name, fmt.Sprintf("%s on %s is not ready: %s", p.Component, p.Node, p.Why))
		}
	}
}

func (j *judge) proxies() {
	modes := map[string]string{}
	for _, p := range j.s.Proxies {
		modes[p.Mode] = p.Node
	}
	if len(modes) > 1 {
		var names []string
		for m, n := range modes {
			names = append(names, fmt.Sprintf("%s on %s", m, n))
		}
		slices.Sort(names)
		j.add(ruleProxy, "KubeProxy", "kube-proxy", "the modes differ: "+strings.Join(names, ", "))
	}
}
