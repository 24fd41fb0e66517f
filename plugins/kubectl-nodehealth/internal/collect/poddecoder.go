package collect

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

// podSizes are what a pod requests and is limited to.
type podSizes struct{ requests, limits corev1.ResourceList }

// podDecoder decodes of each pod what is folded into its node. What a pod
// requests takes the longest to work out, and thousands of pods of one workload
// request the same: it is worked out once for each different text.
type podDecoder struct {
	self, size []byte
	sizes      map[string]podSizes
	pod        corev1.Pod
}

// maxSizes bounds the texts that are remembered.
const maxSizes = 20_000

// decode reads a pod. The result is good until the next call.
func (d *podDecoder) decode(raw []byte) (*corev1.Pod, podSizes, error) {
	var err error
	if d.size, err = trim(d.size[:0], raw, podSize); err != nil {
		return nil, podSizes{}, err
	}
	size, ok := d.sizes[string(d.size)]
	if !ok {
		var whole corev1.Pod
		if whole.Unmarshal(d.size) != nil {
			return nil, podSizes{}, errWire
		}
		size.requests, size.limits = snapshot.Resources(&whole)
		if len(d.sizes) < maxSizes {
			d.sizes[string(d.size)] = size
		}
	}
	if d.self, err = trim(d.self[:0], raw, podSelf); err != nil {
		return nil, podSizes{}, err
	}
	d.pod = corev1.Pod{}
	if d.pod.Unmarshal(d.self) != nil {
		return nil, podSizes{}, errWire
	}
	return &d.pod, size, nil
}
