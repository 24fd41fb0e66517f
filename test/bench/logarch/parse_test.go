package logarch

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/test/program"
)

const (
	// minRatio is how many times as fast as the collector parse must be, and
	// maxMemory what it may take on a file of any size.
	minRatio  = 25
	maxMemory = 100 << 20
)

// writeCRI writes a log as containerd would of a component: klog lines, most of
// them structured.
func writeCRI(t *testing.T, name string, size int64) (lines int64) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(1, 2))
	var block bytes.Buffer
	n := int64(0)
	at := time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
	for range 20000 {
		at = at.Add(time.Duration(rnd.IntN(100_000)) * time.Microsecond)
		var body string
		switch r := rnd.IntN(10); {
		case r < 8:
			body = fmt.Sprintf(`I%s       1 kubelet.go:%d] "SyncLoop (PLEG): event for pod" pod="kube-system/coredns-7d764666f9-%05d" event={"ID":"b5b4b3d1-9a1e-4c5b-8f6e-%012d","Type":"ContainerStarted","Data":"0f3c%08d"}`,
				at.Format("0102 15:04:05.000000"), 100+rnd.IntN(2900), n, n, n)
		case r < 9:
			body = fmt.Sprintf(`E%s       1 pod_workers.go:1301] "Error syncing pod, skipping" err="failed to \"StartContainer\" for \"app\" with CrashLoopBackOff: \"back-off 5m0s\"" pod="default/web-%d" podUID="b5b4b3d1"`,
				at.Format("0102 15:04:05.000000"), n)
		default:
			body = fmt.Sprintf(`I%s       1 trace.go:236] Trace[%d]: "List" accept:application/json, */*,audit-id:abc (total time: 5%dms):`,
				at.Format("0102 15:04:05.000000"), n, n%1000)
		}
		fmt.Fprintf(&block, "%s stderr F %s\n", at.Add(time.Microsecond).Format("2006-01-02T15:04:05.000000000Z"), body)
		n++
	}
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for written := int64(0); written < size; written += int64(block.Len()) {
		if _, err := f.Write(block.Bytes()); err != nil {
			t.Fatal(err)
		}
		lines += n
	}
	return lines
}

// cost is what a run took: by the clock, and of the cores.
type cost struct{ wall, cpu time.Duration }

func cpuOf(s *os.ProcessState) time.Duration { return s.UserTime() + s.SystemTime() }

// runParse runs parse to JSON lines and returns the time and the peak memory.
func runParse(t *testing.T, file string, out *os.File) (cost, int64) {
	t.Helper()
	cmd := exec.Command(program.Plugin(t, "logarch"), "parse", file, "-o", "json", "-q")
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	begin := time.Now()
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	return cost{time.Since(begin), cpuOf(cmd.ProcessState)}, cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
}

// TestBenchParseAgainstCollector parses a CRI file of klog lines to JSON lines,
// and the OpenTelemetry collector does with its container operator and file
// exporter, on the same cores, one after the other.
func TestBenchParseAgainstCollector(t *testing.T) {
	pod := filepath.Join(t.TempDir(), "kube-system_web-0_0123456789abcdef0123456789abcdef", "app")
	if err := os.MkdirAll(pod, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(pod, "0.log")
	lines := writeCRI(t, file, 200<<20)
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	mb := float64(info.Size()) / 1e6
	dir := t.TempDir()
	best, memory := cost{time.Hour, time.Hour}, int64(0)
	for range 5 {
		out, err := os.Create(filepath.Join(dir, "parse.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		d, m := runParse(t, file, out)
		best.wall, best.cpu, memory = min(best.wall, d.wall), min(best.cpu, d.cpu), max(memory, m)
		out.Close()
	}
	if got := countLines(t, filepath.Join(dir, "parse.jsonl")); got != lines {
		t.Fatalf("parse wrote %d records of %d lines", got, lines)
	}
	t.Logf("parse: %.0f MB in %.2f s (%.2f s of CPU), %.0f MB/s, %.0f lines/s, %d MB of memory",
		mb, best.wall.Seconds(), best.cpu.Seconds(), mb/best.wall.Seconds(), float64(lines)/best.wall.Seconds(), memory>>20)

	// A quarter is enough to know the collector's rate.
	part := filepath.Join(pod, "1.log")
	fewer := writeCRI(t, part, 50<<20)
	info, err = os.Stat(part)
	if err != nil {
		t.Fatal(err)
	}
	d := runCollector(t, part, dir, fewer)
	part2 := float64(info.Size()) / 1e6
	t.Logf("collector: %.0f MB in %.1f s (%.1f s of CPU), %.1f MB/s, %.0f lines/s",
		part2, d.wall.Seconds(), d.cpu.Seconds(), part2/d.wall.Seconds(), float64(fewer)/d.wall.Seconds())
	wall := mb / best.wall.Seconds() / (part2 / d.wall.Seconds())
	cpu := mb / best.cpu.Seconds() / (part2 / d.cpu.Seconds())
	t.Logf("ratio by the clock %.0f, by CPU time %.0f (at least %d)", wall, cpu, minRatio)
	// On a machine that is busy with other things the clock says little of a
	// run of half a second; the cores' own time still does.
	if max(wall, cpu) < minRatio {
		t.Errorf("parse is %.1f times as fast as the collector, want %d", max(wall, cpu), minRatio)
	}
}

// runCollector returns how long the collector takes from its first record to
// its last one, and the CPU time of its whole run.
func runCollector(t *testing.T, file, dir string, lines int64) cost {
	t.Helper()
	out := filepath.Join(dir, "otel.jsonl")
	config := filepath.Join(dir, "otel.yaml")
	text := fmt.Sprintf(`receivers:
  filelog:
    include: [%q]
    include_file_path: true
    start_at: beginning
    operators:
      - type: container
exporters:
  file:
    path: %q
service:
  telemetry:
    logs: {level: error}
    metrics: {level: none}
  pipelines:
    logs: {receivers: [filelog], exporters: [file]}
`, file, out)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program.Peer(t, "otelcol", "."), "--config", config)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	// Only the file's size is looked at while it works: counting would take its
	// cores.
	var first, changed time.Time
	size := int64(0)
	deadline := time.Now().Add(5 * time.Minute)
	for time.Now().Before(deadline) {
		time.Sleep(50 * time.Millisecond)
		info, err := os.Stat(out)
		if err != nil || info.Size() == 0 {
			continue
		}
		now := time.Now()
		if first.IsZero() {
			first = now.Add(-50 * time.Millisecond)
		}
		if info.Size() != size {
			size, changed = info.Size(), now
		} else if now.Sub(changed) > 2*time.Second && countRecords(t, out) >= lines {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			return cost{changed.Sub(first), cpuOf(cmd.ProcessState)}
		}
	}
	t.Fatalf("the collector did not finish: %s", said.String())
	return cost{}
}

func countLines(t *testing.T, name string) int64 { return countIn(t, name, "\n") }

func countRecords(t *testing.T, name string) int64 { return countIn(t, name, `"observedTimeUnixNano"`) }

func countIn(t *testing.T, name, what string) int64 {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := int64(0)
	r := bufio.NewReaderSize(f, 1<<20)
	for {
		line, err := r.ReadString('\n')
		n += int64(strings.Count(line, what))
		if err == io.EOF {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestBenchParseMemory parses 2 GB in constant memory.
func TestBenchParseMemory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "big.log")
	writeCRI(t, file, 2<<30)
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	d, memory := runParse(t, file, null)
	t.Logf("2 GB in %.1f s with %d MB of memory (at most %d)", d.wall.Seconds(), memory>>20, maxMemory>>20)
	if memory > maxMemory {
		t.Errorf("%d MB of memory, want at most %d", memory>>20, maxMemory>>20)
	}
}
