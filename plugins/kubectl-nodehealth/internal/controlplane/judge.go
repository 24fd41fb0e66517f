package controlplane

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// Days before its end at which a certificate is a warning, and an error.
const (
	warnDays  = 30
	errorDays = 7
)

// Report is the JSON of `controlplane`.
type Report struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// Verdict is Healthy, Degraded, Unhealthy or Unknown.
	Verdict string `json:"verdict"`
	// Scenario is the handbook's failure scenario that fits what was seen, "".
	Scenario string            `json:"scenario,omitempty"`
	Findings []finding.Finding `json:"findings"`
	Summary  finding.Summary   `json:"summary"`
	// Coverage is the part of the sources that answered, 0 to 1.
	Coverage float64   `json:"coverage"`
	Snapshot *Snapshot `json:"snapshot"`
}

// Judge is a pure function of the snapshot.
func Judge(s *Snapshot) Report {
	j := &judge{s: s}
	j.health()
	j.leaders()
	j.skew()
	j.certs()
	j.apis()
	j.webhooks()
	j.pods()
	j.proxies()
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
	r.Verdict = verdict(s, r.Summary)
	return r
}

// verdict is Unknown where the API server's own checks or the leaders' leases
// could not be read: nothing is healthy because nobody looked.
func verdict(s *Snapshot, sum finding.Summary) string {
	switch {
	case sum.Error > 0:
		return "Unhealthy"
	case s.Readyz.Code == 0 || probeStatus(s, "leases") != "ok":
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
			if c.OK || seen[c.Name] {
				continue
			}
			seen[c.Name] = true
			j.add(ruleLive, "APIServer", j.s.Server, fmt.Sprintf("%s: check %q fails: %s", h.path, c.Name, c.Why), fmt.Sprintf("GET /%s?verbose: status %d", h.path, h.Code))
			if strings.HasPrefix(c.Name, "etcd") {
				j.scenario = StorageLost
			}
		}
		if h.Code >= 500 && len(h.Checks) == 0 {
			j.add(ruleLive, "APIServer", j.s.Server, fmt.Sprintf("%s: status %d without a list of checks", h.path, h.Code))
		}
	}
}

func (j *judge) leaders() {
	if probeStatus(j.s, "leases") != "ok" {
		return
	}
	for _, name := range []string{"kube-controller-manager", "kube-scheduler"} {
		i := slices.IndexFunc(j.s.Leaders, func(l Lease) bool { return l.Name == name })
		if i < 0 {
			j.add(ruleNoLeader, "Lease", "kube-system/"+name, name+" has no lease in kube-system: it never ran, or runs without leader election")
			continue
		}
	}
	for _, l := range j.s.Leaders {
		age := j.s.ObservedAt.Sub(l.Renewed)
		// Twice the duration: a moment between two leaders is no fault.
		if l.Duration == 0 || age <= 2*l.Duration {
			continue
		}
		j.add(ruleLeader, "Lease", "kube-system/"+l.Name,
			fmt.Sprintf("%s: nobody has renewed its lease for %s", l.Name, age.Round(time.Second)),
			fmt.Sprintf("holder %s, renewed %s, duration %s", l.Holder, l.Renewed.UTC().Format(time.RFC3339), l.Duration))
		if j.scenario == "" {
			j.scenario = SupportingServiceDown
		}
	}
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
		j.add(ruleSkew, "Node", names[0], fmt.Sprintf("kubelet %s on %d nodes is %s the API server (%s)", v, len(names), what, j.s.Version.Git), "nodes: "+some(names))
	}
}

func some(names []string) string {
	if len(names) > 5 {
		return strings.Join(names[:5], ", ") + fmt.Sprintf(" and %d more", len(names)-5)
	}
	return strings.Join(names, ", ")
}

func (j *judge) certs() {
	for _, c := range j.s.Certs {
		left := c.NotAfter.Sub(j.s.ObservedAt)
		if left > warnDays*24*time.Hour {
			continue
		}
		text := fmt.Sprintf("the certificate of %s (%s) expires in %d days, on %s", c.Where, c.Subject, int(left.Hours()/24), c.NotAfter.UTC().Format("2006-01-02"))
		if left <= 0 {
			text = fmt.Sprintf("the certificate of %s (%s) expired on %s", c.Where, c.Subject, c.NotAfter.UTC().Format("2006-01-02"))
		}
		f := j.add(ruleCert, "Certificate", c.Where, text, "issued by "+c.Issuer)
		if left <= errorDays*24*time.Hour {
			f.Severity = finding.Error
		}
	}
}

func (j *judge) apis() {
	for _, a := range j.s.APIServices {
		if !a.Available {
			j.add(ruleAPIService, "APIService", a.Name, fmt.Sprintf("%s, served by %s, is not available: %s", a.Name, a.Service, a.Why))
		}
	}
}

func (j *judge) webhooks() {
	for _, w := range j.s.Webhooks {
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
			j.add(ruleWebhookWide, "Webhook", w.Config, fmt.Sprintf("%s: matches %s in kube-system too, and fails closed", w.Name, strings.Join(w.Catches, ", ")), fmt.Sprintf("failurePolicy Fail, timeout %d s, service %s", w.Timeout, w.Service))
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
