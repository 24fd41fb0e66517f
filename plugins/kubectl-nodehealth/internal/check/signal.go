package check

import (
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/phrase"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

// Signal is one eviction signal of the kubelet: what is left of what, and the
// threshold below which pods are evicted.
type Signal struct {
	// Name as in the kubelet's configuration: nodefs.available.
	Name      string
	Condition corev1.NodeConditionType
	Left      uint64
	Capacity  uint64
	// Threshold is in the unit of Left; 0 with Set false is none.
	Threshold uint64
	Set       bool
	// Text is the threshold as configured, and Default says that it is the
	// kubelet's own because the configuration could not be read.
	Text    string
	Default bool
	bytes   bool
}

// linuxDefaults and windowsDefaults are the kubelet's evictionHard where none
// is set. There is none for pid.available.
// k8s.io/kubernetes pkg/kubelet/eviction/defaults_linux.go, defaults_others.go.
var (
	linuxDefaults = map[string]string{
		"memory.available": "100Mi", "nodefs.available": "10%", "nodefs.inodesFree": "5%", "imagefs.available": "15%", "imagefs.inodesFree": "5%",
	}
	windowsDefaults = map[string]string{"memory.available": "500Mi", "nodefs.available": "10%", "imagefs.available": "15%"}
)

func defaults(v *snapshot.View) map[string]string {
	if v.Windows() {
		return windowsDefaults
	}
	return linuxDefaults
}

// Signals are the eviction signals that could be measured.
func Signals(v *snapshot.View) []Signal {
	st := v.Node.Kubelet.Stats
	if st == nil {
		return nil
	}
	thresholds, guessed := defaults(v), true
	if c := v.Node.Kubelet.Config; c != nil {
		thresholds, guessed = c.EvictionHard, false
	}
	var out []Signal
	add := func(name string, t corev1.NodeConditionType, left, capacity uint64, bytes bool) {
		s := Signal{Name: name, Condition: t, Left: left, Capacity: capacity, bytes: bytes, Default: guessed}
		if text, ok := thresholds[name]; ok {
			if n, ok := amount(text, capacity); ok && n > 0 {
				s.Threshold, s.Set, s.Text = n, true, text
			}
		}
		out = append(out, s)
	}
	if m := st.Memory; m != nil {
		add("memory.available", corev1.NodeMemoryPressure, m.Available, m.Available+m.WorkingSet, true)
	}
	filesystem := func(name string, f *snapshot.Filesystem) {
		if f == nil {
			return
		}
		add(name+".available", corev1.NodeDiskPressure, f.Available, f.Capacity, true)
		if f.Inodes > 0 {
			add(name+".inodesFree", corev1.NodeDiskPressure, f.InodesFree, f.Inodes, false)
		}
	}
	filesystem("nodefs", st.NodeFs)
	filesystem("imagefs", st.ImageFs)
	if f := st.ContFs; f != nil && st.ImageFs != nil && *f != *st.ImageFs {
		filesystem("containerfs", f)
	}
	if p := st.PIDs; p != nil && p.Max > 0 {
		add("pid.available", corev1.NodePIDPressure, uint64(max(0, p.Max-p.Running)), uint64(p.Max), false)
	}
	return out
}

// amount reads a threshold: a share of the capacity or a quantity.
func amount(text string, capacity uint64) (uint64, bool) {
	if share, ok := strings.CutSuffix(text, "%"); ok {
		f, err := strconv.ParseFloat(share, 64)
		return uint64(f / 100 * float64(capacity)), err == nil && f >= 0
	}
	q, err := resource.ParseQuantity(text)
	if err != nil || q.Sign() < 0 {
		return 0, false
	}
	return uint64(q.Value()), true
}

// Below says whether the signal is below its threshold.
func (s Signal) Below() bool { return s.Set && s.Left < s.Threshold }

// Near says whether less than half as much again as the threshold is left.
func (s Signal) Near() bool { return s.Set && !s.Below() && s.Left < s.Threshold+s.Threshold/2 }

func (s Signal) size(n uint64) string {
	if s.bytes {
		return phrase.Bytes(n)
	}
	return strconv.FormatUint(n, 10)
}

// String is "nodefs.available 412Mi of 20Gi (2%), threshold 10% = 2Gi".
func (s Signal) String() string {
	text := fmt.Sprintf("%s %s of %s (%s)", s.Name, s.size(s.Left), s.size(s.Capacity), percent(s.Left, s.Capacity))
	switch {
	case !s.Set:
		return text + ", no threshold"
	case strings.HasSuffix(s.Text, "%"):
		text += fmt.Sprintf(", threshold %s = %s", s.Text, s.size(s.Threshold))
	default:
		text += ", threshold " + s.size(s.Threshold)
	}
	if s.Default {
		text += " by default (configz not read)"
	}
	return text
}

func percent(part, whole uint64) string {
	if whole == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f%%", float64(part)*100/float64(whole))
}

// consumers names the pods that take the most of what a condition is about.
func consumers(v *snapshot.View, t corev1.NodeConditionType) []string {
	st := v.Node.Kubelet.Stats
	if st == nil {
		return nil
	}
	list := st.TopDisk
	if t == corev1.NodeMemoryPressure {
		list = st.TopMemory
	}
	if t == corev1.NodePIDPressure {
		return nil
	}
	var out []string
	for i, c := range list {
		if i == 3 || c.Bytes < 10<<20 {
			break
		}
		s := c.Pod + " " + phrase.Bytes(c.Bytes)
		if c.What != "" {
			s += " (" + c.What + ")"
		}
		out = append(out, s)
	}
	return out
}
