package kubelet

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

// ParseHealthz reads the answer of /healthz: "ok", or with a status of 500 a
// list such as "[-]syncloop failed: reason withheld".
func ParseHealthz(r Reply) (*snapshot.Healthz, bool) {
	text := string(r.Body)
	if r.Code == 200 && strings.HasPrefix(strings.TrimSpace(text), "ok") {
		return &snapshot.Healthz{OK: true}, true
	}
	h := &snapshot.Healthz{}
	for l := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(l), "[-]"); ok {
			name, _, _ := strings.Cut(rest, " ")
			h.Failed = append(h.Failed, name)
		}
	}
	return h, len(h.Failed) > 0
}

// ParseConfigz reads the answer of /configz.
func ParseConfigz(data []byte) (*snapshot.KubeletConfig, error) {
	var doc struct {
		Config json.RawMessage `json:"kubeletconfig"`
	}
	if err := json.Unmarshal(data, &doc); err != nil || len(doc.Config) == 0 {
		return nil, fmt.Errorf("the kubelet's configz is not what was expected")
	}
	var c struct {
		EvictionHard map[string]string `json:"evictionHard"`
		EvictionSoft map[string]string `json:"evictionSoft"`
		Merge        bool              `json:"mergeDefaultEvictionSettings"`
		High         *int32            `json:"imageGCHighThresholdPercent"`
		Low          *int32            `json:"imageGCLowThresholdPercent"`
		MaxPods      int32             `json:"maxPods"`
		PodPids      *int64            `json:"podPidsLimit"`
		Endpoint     string            `json:"containerRuntimeEndpoint"`
		ServerTLS    bool              `json:"serverTLSBootstrap"`
		Rotate       bool              `json:"rotateCertificates"`
		FailCgroupV1 *bool             `json:"failCgroupV1"`
		FailSwapOn   *bool             `json:"failSwapOn"`
		Lease        int32             `json:"nodeLeaseDurationSeconds"`
		Report       string            `json:"nodeStatusReportFrequency"`
		SystemLogs   *bool             `json:"enableSystemLogQuery"`
		MemorySwap   struct {
			Behavior string `json:"swapBehavior"`
		} `json:"memorySwap"`
	}
	if err := json.Unmarshal(doc.Config, &c); err != nil {
		return nil, fmt.Errorf("the kubelet's configz is not what was expected: %w", err)
	}
	out := &snapshot.KubeletConfig{
		EvictionHard: c.EvictionHard, EvictionSoft: c.EvictionSoft, MergeEvictionDefaults: c.Merge, ImageGCHighPercent: c.High,
		ImageGCLowPercent: c.Low, MaxPods: c.MaxPods, PodPidsLimit: c.PodPids, RuntimeEndpoint: c.Endpoint,
		ServerTLSBootstrap: c.ServerTLS, RotateCertificates: c.Rotate, FailCgroupV1: c.FailCgroupV1, FailSwapOn: c.FailSwapOn,
		SwapBehavior: c.MemorySwap.Behavior, LeaseSeconds: c.Lease, SystemLogs: c.SystemLogs != nil && *c.SystemLogs,
	}
	out.ReportEvery, _ = time.ParseDuration(c.Report)
	_ = json.Unmarshal(doc.Config, &out.Raw)
	return out, nil
}

// ParseStatusz reads the answer of /statusz, structured or plain.
func ParseStatusz(data []byte) *snapshot.Statusz {
	var s struct {
		Started string `json:"startTime"`
		Binary  string `json:"binaryVersion"`
	}
	out := &snapshot.Statusz{}
	if json.Unmarshal(data, &s) == nil {
		out.Version = s.Binary
		out.Started, _ = time.Parse(time.RFC3339, s.Started)
		return out
	}
	for l := range strings.Lines(string(data)) {
		key, value, ok := strings.Cut(l, ":")
		if !ok {
			key, value, ok = strings.Cut(strings.TrimSpace(l), "  ")
		}
		if !ok {
			continue
		}
		switch value = strings.TrimSpace(value); strings.ToLower(strings.TrimSpace(key)) {
		case "binary version":
			out.Version = value
		case "started":
			for _, layout := range []string{time.RFC3339, time.UnixDate, time.RFC1123} {
				if t, err := time.Parse(layout, value); err == nil {
					out.Started = t.UTC()
				}
			}
		}
	}
	return out
}
