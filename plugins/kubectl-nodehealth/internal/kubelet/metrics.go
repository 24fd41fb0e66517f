package kubelet

import (
	"bufio"
	"bytes"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

// ParseMetrics reads the series of interest from the kubelet's /metrics, in
// Prometheus' text format. All of them are ALPHA: one that is missing is not
// known, never healthy.
func ParseMetrics(data []byte) *snapshot.KubeletMetrics {
	m := &snapshot.KubeletMetrics{}
	relist := map[float64]float64{}
	var relistCount float64
	sc := bufio.NewScanner(bytes.NewReader(data))
	sc.Buffer(make([]byte, 64<<10), 4<<20)
	for sc.Scan() {
		name, labels, value, ok := sample(sc.Text())
		if !ok {
			continue
		}
		switch name {
		case "kubelet_certificate_manager_client_ttl_seconds":
			m.ClientTTL, m.ClientTTLInf = ttl(value)
		case "kubelet_certificate_manager_server_ttl_seconds":
			m.ServerTTL, m.ServerTTLInf = ttl(value)
		case "kubelet_certificate_manager_client_expiration_renew_errors":
			m.ClientRenewErrs = &value
		case "kubelet_server_expiration_renew_errors":
			m.ServerRenewErrs = &value
		case "kubelet_pleg_last_seen_seconds":
			if value > 0 {
				m.PLEGLastSeen = time.Unix(int64(value), 0).UTC()
			}
		case "kubelet_pleg_relist_duration_seconds_bucket":
			if le, err := strconv.ParseFloat(labels["le"], 64); err == nil {
				relist[le] = value
			}
		case "kubelet_pleg_relist_duration_seconds_count":
			relistCount = value
		case "kubelet_runtime_operations_total":
			m.RuntimeOps = put(m.RuntimeOps, labels["operation_type"], value)
		case "kubelet_runtime_operations_errors_total":
			m.RuntimeErrors = put(m.RuntimeErrors, labels["operation_type"], value)
		case "kubelet_evictions":
			m.Evictions = put(m.Evictions, labels["eviction_signal"], value)
		case "kubelet_admission_rejections_total":
			m.Rejections = put(m.Rejections, labels["reason"], value)
		case "kubelet_cgroup_version":
			m.CgroupVersion = int(value)
		case "kubelet_cri_losing_support":
			m.LosingCRI = labels["version"]
		case "process_start_time_seconds":
			if value > 0 {
				m.Started = time.Unix(int64(value), 0).UTC()
			}
		}
	}
	m.PLEGRelistP99 = quantile(relist, relistCount, 0.99)
	return m
}

// ttl reads a time to live; +Inf means that there is no certificate, or an
// invalid one.
func ttl(v float64) (*float64, bool) {
	if math.IsInf(v, 1) {
		return nil, true
	}
	if math.IsNaN(v) {
		return nil, false
	}
	return &v, false
}

func put(m map[string]float64, key string, v float64) map[string]float64 {
	if v == 0 || key == "" {
		return m
	}
	if m == nil {
		m = map[string]float64{}
	}
	m[key] += v
	return m
}

// quantile is the lower bound of the bucket that holds the quantile, nil without
// samples: the quantile is that much or more.
func quantile(buckets map[float64]float64, count, q float64) *float64 {
	if count == 0 {
		return nil
	}
	lower := 0.0
	for _, le := range slices.Sorted(maps.Keys(buckets)) {
		if buckets[le] >= q*count || math.IsInf(le, 1) {
			break
		}
		lower = le
	}
	return &lower
}

// sample splits a line of the text format.
func sample(line string) (name string, labels map[string]string, value float64, ok bool) {
	if line == "" || line[0] == '#' || !strings.HasPrefix(line, "kubelet_") && !strings.HasPrefix(line, "process_start") {
		return "", nil, 0, false
	}
	rest := line
	if i := strings.IndexByte(line, '{'); i >= 0 {
		j := strings.LastIndexByte(line, '}')
		if j < i {
			return "", nil, 0, false
		}
		name, rest = line[:i], line[j+1:]
		labels = pairs(line[i+1 : j])
	} else if i := strings.IndexByte(line, ' '); i >= 0 {
		name, rest = line[:i], line[i:]
	}
	f := strings.Fields(rest)
	if len(f) == 0 {
		return "", nil, 0, false
	}
	v, err := strconv.ParseFloat(f[0], 64)
	return name, labels, v, err == nil
}

func pairs(s string) map[string]string {
	out := map[string]string{}
	for s != "" {
		key, rest, ok := strings.Cut(s, `="`)
		if !ok {
			return out
		}
		var b strings.Builder
		i := 0
		for ; i < len(rest) && rest[i] != '"'; i++ {
			if rest[i] == '\\' && i+1 < len(rest) {
				i++
				if rest[i] == 'n' {
					b.WriteByte('\n')
					continue
				}
			}
			b.WriteByte(rest[i])
		}
		out[strings.Trim(key, ", ")] = b.String()
		s = strings.TrimPrefix(rest[min(len(rest), i):], `"`)
	}
	return out
}
