package snapshot

import (
	"encoding/json"
	"slices"
	"sort"
)

// Devices are those that one driver of dynamic resource allocation offers on a
// node, folded from its ResourceSlices (resource.k8s.io).
type Devices struct {
	Driver string `json:"driver"`
	Total  int    `json:"total"`
	// Tainted are devices that are not given to new pods, or taken from old
	// ones, each "name (key:effect)".
	Tainted []string `json:"tainted,omitempty"`
}

// slice is the part of a ResourceSlice that is read, of v1 and of the betas,
// which hold a device's taints one level deeper.
type slice struct {
	Spec struct {
		Driver   string `json:"driver"`
		NodeName string `json:"nodeName"`
		Devices  []struct {
			Name   string        `json:"name"`
			Taints []deviceTaint `json:"taints"`
			Basic  struct {
				Taints []deviceTaint `json:"taints"`
			} `json:"basic"`
		} `json:"devices"`
	} `json:"spec"`
}

type deviceTaint struct {
	Key    string `json:"key"`
	Effect string `json:"effect"`
}

// AddSlice folds a ResourceSlice into what is known of a node's devices and
// returns the node, "" for a slice that is of no single node.
func AddSlice(raw []byte, to map[string][]Devices) (node string, err error) {
	var s slice
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", err
	}
	node = s.Spec.NodeName
	if node == "" {
		return "", nil
	}
	all := to[node]
	i := slices.IndexFunc(all, func(d Devices) bool { return d.Driver == s.Spec.Driver })
	if i < 0 {
		i, all = len(all), append(all, Devices{Driver: s.Spec.Driver})
	}
	for _, d := range s.Spec.Devices {
		all[i].Total++
		for _, t := range slices.Concat(d.Taints, d.Basic.Taints) {
			if t.Effect != "None" {
				all[i].Tainted = append(all[i].Tainted, d.Name+" ("+t.Key+":"+t.Effect+")")
				break
			}
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Driver < all[j].Driver })
	to[node] = all
	return node, nil
}
