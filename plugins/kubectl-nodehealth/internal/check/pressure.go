package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/phrase"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

var pressured = Check{
	Rule: finding.Rule{
		ID: "NH010", Title: "under pressure", Severity: finding.Error,
		Rationale: "MemoryPressure, DiskPressure or PIDPressure is True: a signal fell below the kubelet's eviction threshold, and pods are being evicted. The condition names neither the filesystem nor the signal; the kubelet's own figures and thresholds do. It stays True for evictionPressureTransitionPeriod (five minutes by default) after the cause is over.",
		Remedy:    "free what the signal measures; find the largest consumers and limit them",
		Source:    "k8s.io/kubernetes pkg/kubelet/eviction; kubernetes/kubernetes#66961, #52336, #58820", Docs: docsPressure,
	},
	Run: func(v *snapshot.View, r *Report) {
		for _, t := range []corev1.NodeConditionType{corev1.NodeMemoryPressure, corev1.NodeDiskPressure, corev1.NodePIDPressure} {
			c := v.Condition(t)
			if c == nil || c.Status != corev1.ConditionTrue {
				continue
			}
			r.Add(fmt.Sprintf("%s: %s", t, Explain(v, t)), append([]string{seenCondition(c)}, consumers(v, t)...)...)
		}
	},
}

// Explain says which signal is behind a pressure condition, by how much, and
// who takes it.
func Explain(v *snapshot.View, t corev1.NodeConditionType) string {
	signals := Signals(v)
	if len(signals) == 0 {
		if n, why := evicted(v); n > 0 {
			return fmt.Sprintf("the kubelet's figures could not be read; it told %s that it evicted: %s", phrase.Count(n, "pod"), phrase.Clip(phrase.Sentence(why), 160))
		}
		return "the kubelet's figures could not be read, so which signal it is cannot be told"
	}
	var below, measured []string
	for _, s := range signals {
		if s.Condition != t {
			continue
		}
		measured = append(measured, s.String())
		if s.Below() {
			below = append(below, fmt.Sprintf("%s (%s short)", s, s.size(s.Threshold-s.Left)))
		}
	}
	var text string
	switch {
	case len(below) > 0:
		text = strings.Join(below, "; ")
	case len(measured) > 0:
		text = fmt.Sprintf("nothing is below its threshold any more (%s): the condition outlives its cause by five minutes", strings.Join(measured, "; "))
	default:
		text = "the kubelet does not report what this is about"
	}
	if who := consumers(v, t); len(who) > 0 {
		text += "; largest: " + phrase.List(who, 3)
	}
	return text
}

// evicted counts the pods that the kubelet evicted and that are still there, and
// gives its words to one of them: they name the resource.
func evicted(v *snapshot.View) (n int, why string) {
	for _, p := range pods(v) {
		if p.Reason == "Evicted" && p.Message != "" {
			n++
			why = p.Message
		}
	}
	return n, why
}

var belowThreshold = Check{
	Rule: finding.Rule{
		ID: "NH030", Title: "below the eviction threshold", Severity: finding.Error,
		Rationale: "A signal is below its eviction threshold and the condition is not True yet: the kubelet looks every ten seconds, and is about to evict pods. Where it stays so, the kubelet does not see the filesystem that the figure is about.",
		Remedy:    "free what the signal measures before pods are evicted",
		Source:    "k8s.io/kubernetes pkg/kubelet/eviction", Docs: docsPressure,
	},
	Run: func(v *snapshot.View, r *Report) {
		for _, s := range Signals(v) {
			if c := v.Condition(s.Condition); s.Below() && !s.Default && (c == nil || c.Status != corev1.ConditionTrue) {
				r.Add(s.String()+": pods are about to be evicted", consumers(v, s.Condition)...)
			}
		}
	},
}

var nearThreshold = Check{
	Rule: finding.Rule{
		ID: "NH031", Title: "near the eviction threshold", Severity: finding.Warning,
		Rationale: "Less than half as much again as the threshold is left. One image pull or one busy log can cross it.",
		Remedy:    "free some, or find out what grows",
		Source:    "our margin: 1.5 times the threshold", Docs: docsPressure, Heuristic: true,
	},
	Degrades: true,
	Run: func(v *snapshot.View, r *Report) {
		for _, s := range Signals(v) {
			if c := v.Condition(s.Condition); s.Near() && (c == nil || c.Status != corev1.ConditionTrue) {
				r.Add(s.String(), consumers(v, s.Condition)...)
			}
		}
	},
}

var unwatched = Check{
	Rule: finding.Rule{
		ID: "NH032", Title: "eviction signals switched off", Severity: finding.Warning,
		Rationale: "Setting any of evictionHard sets all the others to nothing, unless mergeDefaultEvictionSettings is on: a configuration that only raises memory.available silently stops watching the disks. The node then fills up until the runtime fails.",
		Remedy:    "name all signals in evictionHard, or set mergeDefaultEvictionSettings: true",
		Source:    "k8s.io/kubernetes pkg/kubelet/apis/config/v1beta1/defaults.go; kubernetes/kubernetes#121809", Docs: docsPressure,
	},
	Run: func(v *snapshot.View, r *Report) {
		c := v.Node.Kubelet.Config
		if c == nil || c.MergeEvictionDefaults {
			return
		}
		var missing []string
		for _, name := range slices.Sorted(maps.Keys(defaults(v))) {
			if n, ok := amount(c.EvictionHard[name], 100); ok && n > 0 {
				continue
			}
			// A separate image filesystem is the case that hurts; where there is
			// none, nodefs covers it.
			if strings.HasPrefix(name, "imagefs") && sameFilesystem(v) {
				continue
			}
			missing = append(missing, name)
		}
		if len(missing) == len(defaults(v)) {
			r.Add("eviction is switched off altogether: evictionHard has no threshold")
			return
		}
		if len(missing) > 0 {
			r.Add("evictionHard has no threshold for " + phrase.List(missing, 5) + ": the kubelet does not watch it")
		}
	},
}

func sameFilesystem(v *snapshot.View) bool {
	st := v.Node.Kubelet.Stats
	return st != nil && st.NodeFs != nil && st.ImageFs != nil && st.NodeFs.Capacity == st.ImageFs.Capacity && st.NodeFs.Inodes == st.ImageFs.Inodes
}

var noPIDThreshold = Check{
	Rule: finding.Rule{
		ID: "NH033", Title: "no threshold for process ids", Severity: finding.Info,
		Rationale: "There is no default for pid.available, so PIDPressure cannot become True: a fork bomb takes the node down before the kubelet says anything.",
		Remedy:    "set evictionHard pid.available (such as 10%) and podPidsLimit",
		Source:    "k8s.io/kubernetes pkg/kubelet/eviction/defaults_linux.go", Docs: "https://kubernetes.io/docs/concepts/policy/pid-limiting/",
	},
	Run: func(v *snapshot.View, r *Report) {
		c := v.Node.Kubelet.Config
		if c == nil || v.Windows() || c.EvictionHard["pid.available"] != "" || c.PodPidsLimit != nil && *c.PodPidsLimit > 0 {
			return
		}
		r.Add("neither pid.available nor podPidsLimit is set: PIDPressure can never become True")
	},
}

var pidsExhausted = Check{
	Rule: finding.Rule{
		ID: "NH034", Title: "process ids run out", Severity: finding.Warning,
		Rationale: "More than 90% of the process ids that the kernel allows are taken. At the limit nothing can start on the node, not even a shell to look.",
		Remedy:    "find the process with the most threads; set podPidsLimit",
		Source:    "Summary API rlimit: maxpid, curproc", Docs: "https://kubernetes.io/docs/concepts/policy/pid-limiting/", Heuristic: true,
	},
	Degrades: true,
	Run: func(v *snapshot.View, r *Report) {
		st := v.Node.Kubelet.Stats
		if st == nil || st.PIDs == nil || st.PIDs.Max <= 0 {
			return
		}
		if p := st.PIDs; float64(p.Running) > 0.9*float64(p.Max) {
			r.Add(fmt.Sprintf("%d of %d process ids are taken", p.Running, p.Max))
		}
	},
}

// psiLimits are the shares of a minute, in percent, that tasks may wait for a
// resource before we say so. Memory stalls hurt soonest; CPU has no "full"
// value on a whole node.
var psiLimits = map[string]struct{ some, full float64 }{
	"memory": {25, 10}, "io": {60, 30}, "cpu": {80, 101},
}

var stalled = Check{
	Rule: finding.Rule{
		ID: "NH035", Title: "tasks wait for a resource", Severity: finding.Warning,
		Rationale: "Pressure stall information says for which share of the time some (or all) tasks could not run because they waited for memory, I/O or CPU. It shows an overloaded node long before a threshold is crossed. There is no node condition for it. Before v1.36 a system without PSI reports zeros, which mean nothing.",
		Remedy:    "find the pods with the highest pressure (Summary API, psi), move or limit them",
		Source:    "KEP-4205; limits are ours, on the 60 s average", Docs: "https://kubernetes.io/docs/reference/instrumentation/understand-psi-metrics/", Since: "1.34 and later (beta), cgroup v2", Heuristic: true,
	},
	Degrades: true,
	Run: func(v *snapshot.View, r *Report) {
		st := v.Node.Kubelet.Stats
		if st == nil {
			return
		}
		for _, name := range []string{"memory", "io", "cpu"} {
			p, ok := st.PSI[name]
			if !ok || p.Total == 0 {
				continue
			}
			l := psiLimits[name]
			if p.SomeAvg60 >= l.some || p.FullAvg60 >= l.full {
				r.Add(fmt.Sprintf("tasks wait for %s: some %.0f%%, all %.0f%% of the last minute", name, p.SomeAvg60, p.FullAvg60),
					fmt.Sprintf("psi %s some avg10=%.1f avg60=%.1f avg300=%.1f", name, p.SomeAvg10, p.SomeAvg60, p.SomeAvg300))
			}
		}
	},
}

var imageGC = Check{
	Rule: finding.Rule{
		ID: "NH036", Title: "image filesystem over the garbage collection threshold", Severity: finding.Warning,
		Rationale: "Above imageGCHighThresholdPercent (85 by default) the kubelet removes unused images until it is below imageGCLowThresholdPercent (80). Where usage stays above, nothing is left to remove: what fills the disk is in use, or is not images.",
		Remedy:    "look at what else is on this filesystem: logs, emptyDirs, writable layers, stopped containers",
		Source:    "k8s.io/kubernetes pkg/kubelet/images/image_gc_manager.go", Docs: "https://kubernetes.io/docs/concepts/architecture/garbage-collection/#containers-images",
		Heuristic: true,
	},
	Run: func(v *snapshot.View, r *Report) {
		st := v.Node.Kubelet.Stats
		if st == nil || st.ImageFs == nil {
			return
		}
		high := 85.0
		if c := v.Node.Kubelet.Config; c != nil && c.ImageGCHighPercent != nil {
			high = float64(*c.ImageGCHighPercent)
		}
		f := st.ImageFs
		used := 100 - float64(f.Available)*100/float64(f.Capacity)
		if used > high && high < 100 {
			r.Add(fmt.Sprintf("imagefs is %.0f%% full; images are collected above %.0f%%", used, high))
		}
	},
}

var evictions = Check{
	Rule: finding.Rule{
		ID: "NH038", Title: "the kubelet has evicted pods", Severity: finding.Info,
		Rationale: "The kubelet counts, since it started, the pods that it evicted and for which signal. A node that evicts again and again is too small for what it runs, or has a leak.",
		Remedy:    "compare requests with usage on this node; look at the signal named",
		Source:    "kubelet metric kubelet_evictions (ALPHA)", Docs: docsPressure,
	},
	Run: func(v *snapshot.View, r *Report) {
		m := v.Node.Kubelet.Metrics
		if m == nil || len(m.Evictions) == 0 {
			return
		}
		var parts []string
		for _, signal := range slices.Sorted(maps.Keys(m.Evictions)) {
			parts = append(parts, fmt.Sprintf("%.0f for %s", m.Evictions[signal], signal))
		}
		r.Add("pods evicted since the kubelet started: " + phrase.List(parts, 5))
	},
}
