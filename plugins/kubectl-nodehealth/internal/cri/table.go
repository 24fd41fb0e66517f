package cri

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Table is rows of cells under a header.
type Table struct {
	Header []string
	Rows   [][]string
}

// short is crictl's short id: 13 characters, without the name of the digest.
func short(id string, full bool) string {
	if full || id == "" {
		return orDash(id)
	}
	id = strings.TrimPrefix(id, "sha256:")
	return id[:min(13, len(id))]
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// ContainerTable is crictl ps, with the images' names instead of their ids.
func ContainerTable(list []Object, images Names, now time.Time, full bool) Table {
	t := Table{Header: []string{"CONTAINER", "IMAGE", "CREATED", "STATE", "NAME", "ATTEMPT", "POD ID", "POD", "NAMESPACE"}}
	for _, o := range list {
		image := images.Of(Str(o, "image", "image"))
		if strings.HasPrefix(image, "sha256:") {
			image = short(image, full)
		}
		t.Rows = append(t.Rows, []string{
			short(Str(o, "id"), full), image, ago(o, now), title(Str(o, "state"), "CONTAINER_"),
			Str(o, "metadata", "name"), strconv.FormatInt(Num(o, "metadata", "attempt"), 10),
			short(Str(o, "podSandboxId"), full), orDash(Str(o, "labels", podNameLabel)), orDash(Str(o, "labels", podSpaceLabel)),
		})
	}
	return t
}

// PodTable is crictl pods.
func PodTable(list []Object, now time.Time, full bool) Table {
	t := Table{Header: []string{"POD ID", "CREATED", "STATE", "NAME", "NAMESPACE", "ATTEMPT", "RUNTIME"}}
	for _, o := range list {
		runtime := Str(o, "runtimeHandler")
		if runtime == "" {
			runtime = "(default)"
		}
		attempt := "-"
		if m, ok := o["metadata"].(Object); ok && m["attempt"] != nil {
			attempt = strconv.FormatInt(Num(o, "metadata", "attempt"), 10)
		}
		state := "Ready"
		if Str(o, "state") != "SANDBOX_READY" {
			state = "NotReady"
		}
		t.Rows = append(t.Rows, []string{short(Str(o, "id"), full), ago(o, now), state,
			Str(o, "metadata", "name"), Str(o, "metadata", "namespace"), attempt, runtime})
	}
	return t
}

// ImageTable is crictl images: a row for each tag.
func ImageTable(list []Object, digests, full bool) Table {
	t := Table{Header: []string{"IMAGE", "TAG", "IMAGE ID", "SIZE"}}
	if digests {
		t.Header = []string{"IMAGE", "TAG", "DIGEST", "IMAGE ID", "SIZE"}
	}
	for _, o := range list {
		digest, name := "<none>", "<none>"
		if d := Strings(o, "repoDigests"); len(d) > 0 {
			name, digest, _ = strings.Cut(d[0], "@")
			digest = short(digest, full)
		}
		pairs := [][2]string{}
		for _, tag := range Strings(o, "repoTags") {
			if i := strings.LastIndexByte(tag, ':'); i > strings.LastIndexByte(tag, '/') {
				pairs = append(pairs, [2]string{tag[:i], tag[i+1:]})
			} else {
				pairs = append(pairs, [2]string{tag, "<none>"})
			}
		}
		if len(pairs) == 0 {
			pairs = append(pairs, [2]string{name, "<none>"})
		}
		for _, p := range pairs {
			row := []string{p[0], p[1]}
			if digests {
				row = append(row, digest)
			}
			t.Rows = append(t.Rows, append(row, short(Str(o, "id"), full), size(Num(o, "size"))))
		}
	}
	return t
}

// StatsTable is crictl stats. before holds the same containers a moment
// earlier, from which the CPU's use is counted; a source that knows the use
// itself needs none.
func StatsTable(before, now []Object, all, full bool) Table {
	t := Table{Header: []string{"CONTAINER", "NAME", "CPU %", "MEM", "DISK", "INODES", "SWAP", "POD", "NAMESPACE"}}
	for _, o := range now {
		mem := Num(o, "memory", "workingSetBytes", "value")
		cpu, running := cpuUse(before, o, "cpu")
		if !all && mem == 0 && !running {
			continue
		}
		t.Rows = append(t.Rows, []string{
			short(Str(o, "attributes", "id"), full), Str(o, "attributes", "metadata", "name"), cpu, size(mem),
			size(Num(o, "writableLayer", "usedBytes", "value")), strconv.FormatInt(Num(o, "writableLayer", "inodesUsed", "value"), 10),
			size(Num(o, "swap", "swapUsageBytes", "value")),
			orDash(Str(o, "attributes", "labels", podNameLabel)), orDash(Str(o, "attributes", "labels", podSpaceLabel)),
		})
	}
	return t
}

// PodStatsTable is crictl statsp.
func PodStatsTable(before, now []Object, full bool) Table {
	t := Table{Header: []string{"POD", "NAMESPACE", "POD ID", "CPU %", "MEM"}}
	for _, o := range now {
		cpu, _ := cpuUse(before, o, "linux", "cpu")
		t.Rows = append(t.Rows, []string{Str(o, "attributes", "metadata", "name"), Str(o, "attributes", "metadata", "namespace"),
			short(Str(o, "attributes", "id"), full), cpu, size(Num(o, "linux", "memory", "workingSetBytes", "value"))})
	}
	return t
}

// cpuUse is the use in percent of one CPU, and whether there is any to speak of.
func cpuUse(before []Object, o Object, path ...string) (string, bool) {
	p := func(more ...string) []string { return append(append([]string{}, path...), more...) }
	total := Num(o, p("usageCoreNanoSeconds", "value")...)
	for _, b := range before {
		if Str(b, "attributes", "id") != Str(o, "attributes", "id") {
			continue
		}
		span := Num(o, p("timestamp")...) - Num(b, p("timestamp")...)
		if span <= 0 {
			break // the runtime did not measure again in between
		}
		return fmt.Sprintf("%.2f", float64(total-Num(b, p("usageCoreNanoSeconds", "value")...))/float64(span)*100), total != 0
	}
	if nano := Num(o, p("usageNanoCores", "value")...); nano != 0 || total == 0 {
		return fmt.Sprintf("%.2f", float64(nano)/1e7), nano != 0
	}
	return "-", true
}

func title(s, prefix string) string {
	s = strings.ToLower(strings.TrimPrefix(s, prefix))
	if s == "" {
		return "-"
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// ago is crictl's "5 minutes ago".
func ago(o Object, now time.Time) string {
	d := now.Sub(time.Unix(0, Num(o, "createdAt")))
	n, unit := int(d.Seconds()), "second"
	switch {
	case d >= 48*time.Hour:
		n, unit = int(d.Hours()/24), "day"
	case d >= 2*time.Hour:
		n, unit = int(d.Hours()), "hour"
	case d >= 2*time.Minute:
		n, unit = int(d.Minutes()), "minute"
	case d < time.Second:
		return "just now"
	}
	if n != 1 {
		unit += "s"
	}
	return fmt.Sprintf("%d %s ago", n, unit)
}

// size is a size in the decimal units of crictl.
func size(n int64) string {
	v, unit := float64(n), "B"
	for _, u := range []string{"kB", "MB", "GB", "TB"} {
		if v < 1000 {
			break
		}
		v, unit = v/1000, u
	}
	return strconv.FormatFloat(v, 'g', 4, 64) + unit
}

// Needs says whether a second look at the statistics is needed to know the use
// of the CPU: the CRI counts nanoseconds.
func Needs(list []Object, path ...string) bool {
	for _, o := range list {
		if Num(o, append(append([]string{}, path...), "usageCoreNanoSeconds", "value")...) != 0 {
			return true
		}
	}
	return false
}
