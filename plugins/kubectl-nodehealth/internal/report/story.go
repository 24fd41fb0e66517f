package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/check"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/fault"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/phrase"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/fold"
)

// Paint colours words by what they mean. The zero Paint colours nothing: the
// words say everything by themselves.
type Paint struct {
	Bold, Faint, Error, Warning, Good func(string) string
}

func (p Paint) by(f func(string) string, s string) string {
	if f == nil {
		return s
	}
	return f(s)
}

func (p Paint) verdict(v fault.Verdict) string {
	word := strings.ToUpper(string(v))
	switch v {
	case fault.Healthy:
		return p.by(p.Good, word)
	case fault.Unhealthy:
		return p.by(p.Error, word)
	}
	return p.by(p.Warning, word)
}

// maxAlso bounds the findings that a story lists beside the fault; -o wide and
// the data formats hold them all.
const maxAlso = 8

// Story writes one node's story, with all findings or the most important. width
// is in columns.
func Story(w io.Writer, l *List, n Node, p Paint, all bool, width int) error {
	b := &strings.Builder{}
	head(b, n, p, width)
	v := n.view
	if l.Cluster.Fault != nil && !mentions(l.Cluster.Fault, n) {
		fmt.Fprintf(b, "\n")
		fold.Under(b, "  ", "Cluster: "+l.Cluster.Fault.Phrase+". "+l.Cluster.Fault.Summary, width)
	}
	fmt.Fprintf(b, "\n")
	switch {
	case n.Fault != nil:
		fold.Under(b, "  ", n.Fault.Summary, width)
	case n.Verdict == fault.Unknown:
		fold.Under(b, "  ", unknownText(n), width)
	case n.Verdict == fault.Degraded:
		fold.Under(b, "  ", degradedText(n), width)
	default:
		fold.Under(b, "  ", healthyText(v), width)
	}
	if f := n.Fault; f != nil {
		section(b, p, "Why we say so")
		for _, e := range f.Why {
			labelled(b, e.Label, e.Text, e.Source, p, width)
		}
		for _, r := range f.Rivals {
			labelled(b, "or", r.Name+": "+r.Why, "", p, width)
		}
		if len(f.Consequences) > 0 {
			section(b, p, "What happens")
			for _, c := range f.Consequences {
				labelled(b, c.Label, c.Text, "", p, width)
			}
		}
		section(b, p, "Next")
		for _, c := range f.Next {
			command(b, c, p, width)
		}
	} else {
		facts := factLines(v)
		if len(facts) > 0 {
			section(b, p, "What we saw")
			for _, e := range facts {
				labelled(b, e.Label, e.Text, "", p, width)
			}
		}
		if len(n.Next) > 0 {
			section(b, p, "Next")
			for _, c := range n.Next {
				command(b, c, p, width)
			}
		} else if f, ok := degrading(n); ok {
			section(b, p, "Next")
			switch {
			case strings.Contains(f.Message, f.Remedy):
			case strings.HasPrefix(f.Remedy, "kubectl "):
				fmt.Fprintf(b, "    %s\n", f.Remedy)
			default:
				fold.Under(b, "    ", phrase.Capital(f.Remedy), width)
			}
			command(b, fault.Command{Run: "kubectl nodehealth checks " + f.ID, Note: "what it means"}, p, width)
		}
	}
	also(b, l, n, p, all, width)
	_, err := io.WriteString(w, b.String())
	return err
}

func head(b *strings.Builder, n Node, p Paint, width int) {
	answer := strings.ToUpper(string(n.Verdict))
	right := read(n)
	left := n.Metadata.Name + "   " + answer
	painted := p.by(p.Bold, n.Metadata.Name) + "   " + p.verdict(n.Verdict)
	if n.Fault != nil {
		tail := fmt.Sprintf("   %s (%s confidence)", n.Fault.Phrase, n.Fault.Confidence)
		left += tail
		painted += tail
	}
	if gap := width - utf8.RuneCountInString(left) - len(right); gap >= 2 {
		fmt.Fprintf(b, "%s%s%s\n", painted, strings.Repeat(" ", gap), p.by(p.Faint, right))
		return
	}
	fmt.Fprintf(b, "%s\n%s%s\n", painted, strings.Repeat(" ", max(0, width-len(right))), p.by(p.Faint, right))
}

// read is "read 11 of 14 sources".
func read(n Node) string {
	ok := 0
	for _, p := range n.Probes {
		if p.Status == snapshot.OK {
			ok++
		}
	}
	return fmt.Sprintf("read %d of %d sources", ok, len(n.Probes))
}

func section(b *strings.Builder, p Paint, title string) {
	fmt.Fprintf(b, "\n  %s\n", p.by(p.Bold, title))
}

const labelWidth = 9

// labelled writes "    label     text ... from source", folded under the text.
// The word says what the place at the right says to the eye; where there is no
// room beside the text the source has a line of its own.
func labelled(b *strings.Builder, label, text, source string, p Paint, width int) {
	indent := strings.Repeat(" ", 4+labelWidth+1)
	if len(label) > labelWidth {
		// A long label (a condition's name) starts the text.
		text, label = label+" "+text, ""
	}
	lead := "    " + label + strings.Repeat(" ", labelWidth-len(label)+1)
	var folded strings.Builder
	fold.Hang(&folded, lead, indent, text, width)
	shown := strings.TrimSuffix(folded.String(), "\n")
	if source != "" {
		source = "from " + source
		last := shown[strings.LastIndexByte(shown, '\n')+1:]
		gap := width - fold.Width(last) - len(source)
		if gap < 2 {
			shown += "\n"
			gap = max(len(indent), width-len(source))
		}
		shown += strings.Repeat(" ", gap) + p.by(p.Faint, source)
	}
	fmt.Fprintln(b, shown)
}

// command writes a line that can be pasted; it is never folded.
func command(b *strings.Builder, c fault.Command, p Paint, width int) {
	line := "    " + c.Run
	if c.Note == "" {
		fmt.Fprintln(b, line)
		return
	}
	note := "# " + c.Note
	if len(line)+2+len(note) <= width {
		fmt.Fprintf(b, "%s  %s\n", line, p.by(p.Faint, note))
		return
	}
	fmt.Fprintf(b, "    %s\n%s\n", p.by(p.Faint, note), line)
}

// mentions says whether the node's own story already tells the cluster's
// fault.
func mentions(f *fault.Fault, n Node) bool { return n.Fault != nil && n.Fault.Name == f.Name }

// degrading is the first finding that keeps a node from being well.
func degrading(n Node) (finding.Finding, bool) {
	for _, f := range n.Findings {
		if check.Degrading(f) {
			return f, true
		}
	}
	return finding.Finding{}, false
}

func degradedText(n Node) string {
	f, ok := degrading(n)
	if !ok {
		return "The node works, with the problems below."
	}
	text := f.Message
	if !strings.HasSuffix(text, "...") {
		text = phrase.Sentence(text) + "."
	}
	return "The node works, but: " + text
}

// unknownText says what is missing, and the worst of what was seen all the same.
func unknownText(n Node) string {
	text := "Cannot tell: " + n.Missing + "."
	for _, f := range n.Findings {
		if f.Severity != finding.Info && !strings.Contains(n.Missing, f.Message) {
			return text + " Trouble was seen all the same: " + phrase.Sentence(f.Message) + "."
		}
	}
	return text
}

func healthyText(v *snapshot.View) string {
	if v.Live() {
		return "The node is ready and its kubelet is alive."
	}
	when := ""
	if !v.Now.IsZero() {
		when = " as of " + phrase.Time(v.Now)
	}
	if v.Clock == snapshot.ClockNewest {
		when += " (the newest time in the capture)"
	}
	if _, ok := v.LeaseAge(); !ok {
		why := "the lease is not in the capture"
		if p, _ := v.Probe(v.Node, snapshot.SourceLease); p.Status == snapshot.Denied {
			why = "the lease could not be read"
		} else if strings.Contains(p.Detail, "not found") {
			why = "it has no lease"
		}
		return "The node is ready" + when + ", by its own status alone: " + why + "."
	}
	return "The node is ready and its kubelet is alive" + when + "."
}

// factLines are what a node without a fault shows for itself.
func factLines(v *snapshot.View) []fault.Evidence {
	var out []fault.Evidence
	add := func(label, format string, args ...any) {
		out = append(out, fault.Evidence{Label: label, Text: fmt.Sprintf(format, args...)})
	}
	if age, ok := v.LeaseAge(); ok {
		if v.Clock.AtLeast() && age == 0 {
			add("lease", "renewed at %s, the newest time there is", phrase.Clock(v.Node.Lease.Renewed))
		} else {
			add("lease", "renewed %s ago", phrase.Duration(age))
		}
	}
	if c := v.Condition(corev1.NodeReady); c != nil && !c.LastTransitionTime.IsZero() {
		add("Ready", "%s for %s", c.Status, phrase.Duration(v.Age(c.LastTransitionTime.Time)))
	}
	if hb, ok := v.Heartbeat(); ok && v.Node.Lease == nil {
		if v.Clock.AtLeast() && v.Age(hb) == 0 {
			add("heartbeat", "posted at %s, the newest time there is", phrase.Clock(hb))
		} else {
			add("heartbeat", "posted %s ago", phrase.Duration(v.Age(hb)))
		}
	}
	if h := v.Node.Kubelet.Healthz; h != nil {
		if h.OK {
			add("kubelet", "healthz ok")
		} else {
			add("kubelet", "healthz fails: %s", phrase.List(h.Failed, 4))
		}
	}
	if o := v.Node.Object; o != nil && o.Status.NodeInfo.KubeletVersion != "" {
		i := o.Status.NodeInfo
		parts := []string{"kubelet " + i.KubeletVersion}
		for _, p := range []string{i.ContainerRuntimeVersion, i.OSImage} {
			if p != "" {
				parts = append(parts, p)
			}
		}
		if i.KernelVersion != "" {
			parts = append(parts, "kernel "+i.KernelVersion)
		}
		add("software", "%s", strings.Join(parts, ", "))
	}
	if p := v.Node.Pods; p != nil {
		text := phrase.Count(p.Total, "pod")
		if v.Node.Object != nil {
			if q, ok := v.Node.Object.Status.Allocatable[corev1.ResourcePods]; ok {
				text = fmt.Sprintf("%d of %d pods", p.Total, q.Value())
			}
			for _, r := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
				req, alloc := p.Requests[r], v.Node.Object.Status.Allocatable[r]
				if pc := percent(req.MilliValue(), alloc.MilliValue()); pc != nil {
					text += fmt.Sprintf("; %s requested %d%%", r, *pc)
				}
			}
		}
		add("pods", "%s", text)
	}
	for _, d := range v.Node.Devices {
		add("devices", "%s: %d", d.Driver, d.Total)
	}
	return out
}

// also lists the findings that the fault does not tell, and what could not be
// read.
func also(b *strings.Builder, l *List, n Node, p Paint, all bool, width int) {
	var rest []finding.Finding
	for _, f := range n.Findings {
		if (n.Fault == nil || !toldByFault[f.ID]) && (all || !toldElsewhere[f.ID]) {
			rest = append(rest, f)
		}
	}
	for _, f := range l.Cluster.Findings {
		// The paragraph on the cluster tells its fault.
		if l.Cluster.Fault == nil || f.ID != "NH140" && f.ID != "NH141" {
			rest = append(rest, f)
		}
	}
	missing := unread(n)
	if len(rest) == 0 && len(missing) == 0 && len(l.Notes) == 0 {
		return
	}
	section(b, p, "Also")
	for i, f := range rest {
		if i == maxAlso && !all {
			fmt.Fprintf(b, "    %d more: -o wide lists them all\n", len(rest)-maxAlso)
			break
		}
		word := string(f.Severity)
		painted := word
		switch f.Severity {
		case finding.Error:
			painted = p.by(p.Error, word)
		case finding.Warning:
			painted = p.by(p.Warning, word)
		}
		lead := fmt.Sprintf("    %s %s%s ", f.ID, painted, strings.Repeat(" ", 7-len(word)))
		fold.Under(b, lead, f.Message, width)
	}
	if len(missing) > 0 {
		fold.Hang(b, "    ", "      ", "could not read: "+strings.Join(missing, "; "), width)
	}
	for _, note := range l.Notes {
		fold.Under(b, "    ", "note: "+note, width)
	}
}

// toldByFault are the findings that every story with a fault tells anyway.
var toldByFault = map[string]bool{"NH001": true, "NH002": true, "NH003": true, "NH004": true, "NH005": true, "NH010": true, "NH011": true, "NH019": true, "NH020": true, "NH024": true}

// toldElsewhere are the findings that the line of unread sources tells.
var toldElsewhere = map[string]bool{"NH110": true}

// unread groups what could not be read by why.
func unread(n Node) []string {
	type group struct {
		why   string
		names []string
	}
	var groups []group
	for _, p := range n.Probes {
		if p.Status == snapshot.OK {
			continue
		}
		why := phrase.Clip(p.Detail, 110)
		switch {
		case why == "":
			why = string(p.Status)
		case p.Status == snapshot.Denied, p.Status == snapshot.Disabled, p.Status == snapshot.Timeout:
			why = string(p.Status) + ": " + why
		}
		found := false
		for i := range groups {
			if groups[i].why == why {
				groups[i].names = append(groups[i].names, p.Name)
				found = true
			}
		}
		if !found {
			groups = append(groups, group{why, []string{p.Name}})
		}
	}
	var out []string
	for _, g := range groups {
		out = append(out, fmt.Sprintf("%s (%s)", strings.Join(together(g.names), ", "), g.why))
	}
	return out
}

// together says "kubelet" for all of the kubelet's own sources: a reader whose
// kubelet is silent has no use for the list of what it does not say.
func together(names []string) []string {
	var out []string
	n := 0
	for _, name := range names {
		if strings.HasPrefix(name, "kubelet-") {
			n++
		}
	}
	if n < len(kubeletSources) {
		return names
	}
	for _, name := range names {
		switch {
		case name == kubeletSources[0]:
			out = append(out, "kubelet")
		case !strings.HasPrefix(name, "kubelet-"):
			out = append(out, name)
		}
	}
	return out
}

var kubeletSources = []string{snapshot.SourceHealthz, snapshot.SourceConfigz, snapshot.SourceSummary, snapshot.SourceKMetrics, snapshot.SourceStatusz}
