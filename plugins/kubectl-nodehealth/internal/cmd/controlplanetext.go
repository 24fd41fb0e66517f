package cmd

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/controlplane"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/phrase"
	"github.com/clusterwright/kubectl-plugins/shared/cli"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

func controlPlaneText(w io.Writer, st cli.Style, r controlplane.Report, width int) {
	s := r.Snapshot
	read := 0
	for _, p := range s.Probes {
		if p.Status == "ok" || p.Status == "absent" {
			read++
		}
	}
	head := "control plane   " + strings.ToUpper(r.Verdict)
	paint := map[string]func(string) string{"Healthy": st.Good, "Degraded": st.Warning, "Unhealthy": st.Error, "Unknown": st.Warning}[r.Verdict]
	painted := st.Bold("control plane") + "   " + paint(strings.ToUpper(r.Verdict))
	for _, e := range controlplane.Scenarios() {
		if e.Name == r.Scenario {
			head += "   " + e.Phrase
			painted += "   " + e.Phrase
		}
	}
	tail := fmt.Sprintf("read %d of %d sources", read, len(s.Probes))
	if gap := width - len(head) - len(tail); gap >= 2 {
		fmt.Fprintf(w, "%s%s%s\n\n", painted, strings.Repeat(" ", gap), st.Faint(tail))
	} else {
		fmt.Fprintf(w, "%s\n%s%s\n\n", painted, strings.Repeat(" ", max(0, width-len(tail))), st.Faint(tail))
	}
	fold.Under(w, "  ", phrase.Capital(r.Answer)+".", width)
	controlPlaneFindings(w, st, r, width)
	if len(r.Next) > 0 {
		fmt.Fprintf(w, "\n  %s\n", st.Bold("Next"))
	}
	for _, c := range r.Next {
		if c.Note != "" {
			fmt.Fprintf(w, "    %s\n", st.Faint("# "+c.Note))
		}
		fmt.Fprintf(w, "    %s\n", c.Run)
	}
	fmt.Fprintf(w, "\n  %s\n", st.Bold("What we saw"))
	controlPlaneFacts(func(name, text string) {
		fold.Under(w, fmt.Sprintf("    %-12s ", name), text, width)
	}, s)
}

func controlPlaneFindings(w io.Writer, st cli.Style, r controlplane.Report, width int) {
	if len(r.Findings) == 0 {
		return
	}
	fmt.Fprintf(w, "\n  %s\n", st.Bold("Why we say so"))
	for _, f := range r.Findings {
		lead := fmt.Sprintf("    %s %-8s", f.ID, f.Severity)
		indent := strings.Repeat(" ", len(lead))
		if phrase.Capital(f.Message) == phrase.Capital(r.Answer) && len(f.Evidence) > 0 && f.Evidence[0] != "" {
			// The answer is said already; what it rests on is not.
			f.Message, f.Evidence = f.Evidence[0], f.Evidence[1:]
		}
		fold.Hang(w, fmt.Sprintf("    %s %s%s", f.ID, st.Severity(f.Severity), strings.Repeat(" ", max(0, 8-len(f.Severity)))), indent, f.Message, width)
		for _, e := range f.Evidence {
			if e != "" {
				fold.Under(w, indent, e, width)
			}
		}
		if len(r.Next) == 0 {
			fold.Under(w, indent+"next: ", f.Remedy, width)
		}
	}
}

// controlPlaneFacts are what was seen, good or bad, a row each.
func controlPlaneFacts(row func(name, text string), s *controlplane.Snapshot) {
	row("server", s.Server)
	if s.Version.Git != "" {
		version := s.Version.Git
		if e := s.Version.Emulated; e != "" && !strings.HasPrefix(strings.TrimPrefix(version, "v"), e+".") {
			version += ", emulates " + e
		}
		row("version", version)
	}
	if s.Reach.Layer == controlplane.Answered {
		row("livez", healthLine(s.Livez))
		row("readyz", healthLine(s.Readyz))
	}
	// With the storage away an "ok" is the check's last result.
	if s.Etcd != "" && (s.Etcd != "ok" || s.Readyz.Code == 200) {
		row("etcd", fold.Clip(s.Etcd, 120))
	}
	for i, l := range s.Leaders {
		name := ""
		if i == 0 {
			name = "leaders"
		}
		text := fmt.Sprintf("%s renewed %s ago by %s", l.Name, phrase.Duration(s.ObservedAt.Sub(l.Renewed)), holder(l.Holder))
		if l.Strategy != "" {
			text += ", " + l.Strategy
		}
		row(name, text)
	}
	for _, c := range s.Candidates {
		row("", fmt.Sprintf("candidate %s for %s: binary %s, emulates %s", holder(c.Name), c.Lease, c.Binary, c.Emulation))
	}
	if n := len(s.APIServers); n > 0 {
		var hosts []string
		for _, l := range s.APIServers {
			hosts = append(hosts, l.Holder)
		}
		row("API servers", fmt.Sprintf("%d with an identity lease: %s", n, phrase.List(hosts, 3)))
	}
	if len(s.Nodes) > 0 {
		row("kubelets", kubeletLine(s.Nodes))
	}
	for _, c := range s.Certs {
		row("certificate", c.Subject+" until "+c.NotAfter.UTC().Format("2006-01-02"))
	}
	if s.You != nil {
		row("you", fmt.Sprintf("%s (%s) until %s", s.You.Where, s.You.Subject, s.You.NotAfter.UTC().Format("2006-01-02")))
	}
	if s.Machine != nil {
		for _, c := range s.Machine.Components {
			row("this machine", c.Name+": "+c.Answer)
		}
		if n := len(s.Machine.Certs); n > 0 {
			first := slices.MinFunc(s.Machine.Certs, func(a, b controlplane.Certificate) int { return a.NotAfter.Compare(b.NotAfter) })
			row("", fmt.Sprintf("%s, the first to end is %s on %s", phrase.Count(n, "certificate"), first.Where, first.NotAfter.UTC().Format(time.DateOnly)))
		}
		if len(s.Machine.Unread) > 0 {
			row("", "not readable by you: "+phrase.List(s.Machine.Unread, 3)+" (run it with sudo)")
		}
	}
	closed := 0
	for _, h := range s.Webhooks {
		if h.FailClosed {
			closed++
		}
	}
	if len(s.APIServices)+len(s.Webhooks) > 0 {
		row("extensions", fmt.Sprintf("%d aggregated APIs, %d webhooks, %d of them fail closed", len(s.APIServices), len(s.Webhooks), closed))
	}
	for _, p := range s.Proxies {
		row("kube-proxy", p.Mode+" on "+p.Node)
	}
	if len(s.Proxies) == 0 && s.ProxyConfig != "" {
		row("kube-proxy", "mode "+s.ProxyConfig+", by its ConfigMap")
	}
	row("logs", controlplane.LogPlace(s))
	var missing []string
	for _, p := range s.Probes {
		if p.Status != "ok" && p.Status != "absent" {
			missing = append(missing, p.Name+" ("+p.Status+")")
		}
	}
	if s.Reach.Layer != controlplane.Answered {
		row("not read", "all that the API server would have said")
	} else if len(missing) > 0 {
		row("not read", strings.Join(missing, ", "))
	}
}

// holder is the host of a leader's identity, without the random part.
func holder(identity string) string {
	host, _, _ := strings.Cut(identity, "_")
	return host
}

func healthLine(h controlplane.Health) string {
	if h.Code == 0 {
		return "no answer"
	}
	failed := []string{}
	for _, c := range h.Checks {
		if !c.OK {
			failed = append(failed, c.Name)
		}
	}
	if len(failed) > 0 {
		return fmt.Sprintf("status %d, fails: %s", h.Code, strings.Join(failed, ", "))
	}
	return fmt.Sprintf("%d checks pass", len(h.Checks))
}

func kubeletLine(nodes []controlplane.Node) string {
	counts := map[string]int{}
	for _, n := range nodes {
		counts[n.Kubelet]++
	}
	var parts []string
	for v, n := range counts {
		parts = append(parts, fmt.Sprintf("%s x%d", v, n))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}
