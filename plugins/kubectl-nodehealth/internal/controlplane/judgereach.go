package controlplane

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/phrase"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// stored are the sources that the API server has to read from its storage.
var stored = []string{"leases", "apiserver identities", "nodes", "pods of kube-system", "apiservices", "webhooks"}

// reach judges how far a request got, and says so first of all.
func (j *judge) reach() {
	s := j.s
	at := s.Reach.Address
	down := func(scenario, answer string) {
		j.add(ruleUnreachable, "APIServer", s.Server, answer, s.Reach.Detail)
		j.scenario, j.answer = scenario, answer
	}
	switch s.Reach.Layer {
	case Refused:
		down(APIServerDown, fmt.Sprintf("nobody listens on %s: the host is up, kube-apiserver (or its load balancer) is not", at))
	case Hung:
		down(APIServerDown, fmt.Sprintf("%s takes connections and does not answer: kube-apiserver hangs, or is starved", at))
	case Broken:
		down(APIServerDown, fmt.Sprintf("what answers on %s is no working API server", at))
	case NotTrusted:
		if j.expiredOnWire() {
			// The certificate's own finding says the rest.
			j.scenario, j.answer = APIServerCertificateExpired, "the API server runs, but its certificate has expired: no client that verifies it can talk to it, kubelets included"
			return
		}
		j.blind = fmt.Sprintf("the API server's certificate is not what this kubeconfig expects (%s): another cluster's kubeconfig, or a new certificate authority", s.Reach.Detail)
	case NoCluster:
		j.blind = "no kubeconfig names a cluster"
		if s.Machine != nil {
			j.blind += "; this machine has " + s.Machine.Folder + "/admin.conf"
		}
	case NoName:
		j.blind = "the API server's name does not resolve (" + s.Reach.Detail + "): DNS, VPN, or the wrong kubeconfig"
	case NoRoute, Silent:
		j.blind = fmt.Sprintf("%s: %s. The machine, the network between or your VPN is down; from here they look the same", at, s.Reach.Detail)
	case NotKnown:
		j.blind = "the API server answers, and does not know you (401 Unauthorized)"
		if s.You != nil && !s.You.NotAfter.After(s.ObservedAt) {
			j.blind += fmt.Sprintf(": %s expired on %s", s.You.Where, s.You.NotAfter.UTC().Format("2006-01-02 15:04 UTC"))
		}
	}
	if j.blind != "" {
		j.add(ruleUnreachable, "APIServer", s.Server, j.blind).Severity = finding.Warning
	}
}

func (j *judge) expiredOnWire() bool {
	return slices.ContainsFunc(j.s.Certs, func(c Certificate) bool {
		return strings.HasPrefix(c.Where, "kube-apiserver") && !c.NotAfter.After(j.s.ObservedAt)
	})
}

// you judges the reader's own certificate or token.
func (j *judge) you() {
	y := j.s.You
	if y == nil {
		return
	}
	left := y.NotAfter.Sub(j.s.ObservedAt)
	switch {
	case left <= 0:
		j.add(ruleYou, "User", y.Subject, fmt.Sprintf("%s (%s) expired on %s", y.Where, y.Subject, y.NotAfter.UTC().Format("2006-01-02 15:04 UTC")))
	case left <= errorDays*24*time.Hour && y.Where != "your token":
		j.add(ruleYou, "User", y.Subject, fmt.Sprintf("%s (%s) expires in %s", y.Where, y.Subject, days(left)))
	}
}

// days is a time that is left, in the unit that matters.
func days(left time.Duration) string {
	switch {
	case left < 2*time.Hour:
		return phrase.Count(int(left.Minutes()), "minute")
	case left < 48*time.Hour:
		return fmt.Sprintf("%d hours", int(left.Hours()))
	}
	return fmt.Sprintf("%d days", int(left.Hours()/24))
}

// storage judges what the API server says of etcd, and what its silence says.
func (j *judge) storage() {
	s := j.s
	if s.Reach.Layer != Answered {
		return
	}
	failing := func(h Health) bool {
		return slices.ContainsFunc(h.Checks, func(c HealthCheck) bool { return !c.OK && strings.HasPrefix(c.Name, "etcd") })
	}
	late, asked := 0, 0
	for _, name := range stored {
		switch probeStatus(s, name) {
		case "timeout", "unreachable":
			late++
			asked++
		case "":
		default:
			asked++
		}
	}
	lists := fmt.Sprintf("%d of %d lists that need the storage got no answer within %s, /version did at once", late, asked, deadline)
	hangs := asked > 0 && late == asked
	switch {
	case s.Etcd != "" && s.Etcd != "ok":
		f := j.add(ruleLive, "APIServer", s.Server, "the API server cannot use etcd: its check of the storage fails", "GET /readyz/etcd: "+s.Etcd)
		if hangs {
			f.Evidence = append(f.Evidence, lists)
		}
	case s.Etcd == "" && (failing(s.Livez) || failing(s.Readyz)):
		// The named checks are findings of their own.
	case hangs && probeStatus(s, "version") == "ok":
		j.add(ruleLive, "APIServer", s.Server, "nothing that is stored can be read: etcd hangs, or is too slow", lists)
	default:
		return
	}
	j.scenario = StorageLost
	j.answer = "the API server answers, its storage (etcd) does not: nothing new starts, stops or is changed; what runs goes on"
}

// servers judges the API servers' identities.
func (j *judge) servers() {
	for _, l := range j.s.APIServers {
		age := j.s.ObservedAt.Sub(l.Renewed)
		if l.Duration == 0 || l.Renewed.IsZero() || age <= l.Duration+30*time.Second {
			continue
		}
		j.add(ruleServerGone, "Lease", "kube-system/"+l.Name,
			fmt.Sprintf("the API server on %s has not renewed its identity for %s: it is down, or was removed within the hour", l.Holder, age.Round(time.Second)),
			fmt.Sprintf("lease %s, renewed %s, duration %s", l.Name, l.Renewed.UTC().Format(time.RFC3339), l.Duration))
	}
}

// refusals: kubelets that take the API server for a stranger.
func (j *judge) refusals() {
	r := j.s.Refusals
	if len(r) == 0 {
		return
	}
	var names []string
	for _, x := range r {
		names = append(names, x.Node)
	}
	text := fmt.Sprintf("%d of %d kubelets that were asked do not know the API server (401): its kubelet client certificate is expired or of another authority", len(r), j.s.Asked)
	j.add(ruleRefused, "APIServer", j.s.Server, text, "nodes: "+phrase.List(names, 5), "said: "+r[0].Why)
	if len(r) == j.s.Asked && j.answer == "" {
		j.answer = "the API server is a stranger to the kubelets: logs, exec, port-forward and metrics fail everywhere; pods run"
	}
}

// machine judges what this machine tells of its own part.
func (j *judge) machine() {
	m := j.s.Machine
	if m == nil {
		return
	}
	none := len(m.Components) > 1 && !slices.ContainsFunc(m.Components, func(c Local) bool { return !strings.HasPrefix(c.Answer, "refused") })
	for _, c := range m.Components {
		if c.Answer == "ok" {
			continue
		}
		f := j.add(ruleLocal, "Component", c.Name, fmt.Sprintf("%s on this machine: %s", c.Name, c.Answer), "asked "+c.URL, "static pod "+c.Manifest)
		if j.s.Reach.Layer == Answered {
			// Others do its work, or its port is another one.
			f.Severity = finding.Warning
			continue
		}
		// What is seen here is no matter of the way to the API server.
		j.broken = true
		if none {
			j.scenario = APIServerDown
			j.answer = "nothing of the control plane runs on this machine: look first at what starts it, the kubelet and the container runtime"
			continue
		}
		if c.Name == "etcd" {
			// Without etcd the API server does not come up: that is the cause.
			j.scenario = StorageLost
			j.answer = "etcd on this machine does not work, so the API server cannot come up: nothing new starts, stops or is changed; what runs goes on"
		}
	}
}
