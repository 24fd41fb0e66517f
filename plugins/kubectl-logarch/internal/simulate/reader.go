package simulate

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/agentconf"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/tailer"
)

// Shell is what runs the tailer: busybox, as in the sidecar's image, where the
// machine has it, else its own sh.
type Shell struct {
	// Busybox is its path, "" for the machine's own tools.
	Busybox string
	// Version is what it says of itself.
	Version string
}

// FindShell looks for busybox.
func FindShell() (Shell, error) {
	b, err := exec.LookPath("busybox")
	if err != nil {
		if _, err := exec.LookPath("sh"); err != nil {
			return Shell{}, fmt.Errorf("neither busybox nor sh is on this machine")
		}
		return Shell{Version: "the sh and tail of this machine"}, nil
	}
	out, _ := exec.Command(b, "--help").CombinedOutput()
	line, _, _ := bytes.Cut(out, []byte{'\n'})
	words := strings.Fields(string(line))
	version := "busybox"
	if len(words) > 1 {
		version = "busybox " + words[1]
	}
	return Shell{Busybox: b, Version: version}, nil
}

// applets are what the tailer needs beside the shell.
var applets = []string{"sh", "cat", "dd", "grep", "id", "ls", "sleep", "stat", "tail"}

func (s Shell) command(dir string, argv []string) (*exec.Cmd, error) {
	if s.Busybox == "" {
		return exec.Command(argv[0], argv[1:]...), nil
	}
	// The image has nothing but busybox: neither may the simulation.
	bin := filepath.Join(dir, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return nil, err
	}
	for _, a := range applets {
		if err := os.Symlink(s.Busybox, filepath.Join(bin, a)); err != nil && !os.IsExist(err) {
			return nil, err
		}
	}
	c := exec.Command(s.Busybox, argv...)
	c.Env = []string{"PATH=" + bin}
	return c, nil
}

// Tailer is the sidecar that inject adds, with its state on a volume.
func Tailer(s Shell) Reader {
	return Reader{Name: "tailer", About: "the sidecar that inject adds", Command: func(file, dir string) (*exec.Cmd, error) {
		return s.command(dir, tailer.Command(tailer.Options{File: file, State: filepath.Join(dir, "state")}))
	}}
}

// Comparison is why a plain tail may lose lines: it is only shown beside.
const Comparison = "shown for comparison"

// PlainTail is a tail such as hand-written sidecars run: -f or -F.
func PlainTail(s Shell, flag string) Reader {
	return Reader{
		Name: "tail " + flag, About: "what hand-written sidecars run",
		Command: func(file, dir string) (*exec.Cmd, error) {
			return s.command(dir, []string{"tail", "-n+1", flag, file})
		},
		Known: func(string) string { return Comparison },
	}
}

// Any is a program of the user's: {file} and {dir} in its words are replaced.
func Any(words []string) Reader {
	return Reader{Name: filepath.Base(words[0]), About: strings.Join(words, " "), Command: func(file, dir string) (*exec.Cmd, error) {
		argv := make([]string, len(words))
		for i, w := range words {
			argv[i] = strings.NewReplacer("{file}", file, "{dir}", dir).Replace(w)
		}
		return exec.Command(argv[0], argv[1:]...), nil
	}}
}

// OTel is an OpenTelemetry collector with the configuration that inject makes
// for it, writing to a file.
func OTel(binary string) Reader {
	return Reader{
		Name: "otel", About: "OpenTelemetry collector, file log receiver, " + binary,
		Command: func(file, dir string) (*exec.Cmd, error) {
			storage := filepath.Join(dir, "storage")
			if err := os.MkdirAll(storage, 0o755); err != nil {
				return nil, err
			}
			conf := agentconf.Render(agentconf.Spec{Agent: "otel", Files: []string{file}, State: storage, Destination: "file", Endpoint: filepath.Join(dir, "out.jsonl")})
			config := filepath.Join(dir, "otel.yaml")
			if err := os.WriteFile(config, []byte(conf.Files["otel.yaml"]), 0o600); err != nil {
				return nil, err
			}
			c := exec.Command(binary, "--config", config)
			c.Env = append(os.Environ(), "POD_NAME=simulated", "POD_NAMESPACE=simulated")
			return c, nil
		},
		Output: otelBodies,
		Known: func(scenario string) string {
			if scenario == "copytruncate" {
				return "the receiver reads what it finds at each poll: what was written between the last poll and the truncation is gone"
			}
			return ""
		},
	}
}

// otelBodies reads the bodies of the records that the file exporter wrote.
func otelBodies(dir string) ([]byte, error) {
	f, err := os.Open(filepath.Join(dir, "out.jsonl"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out bytes.Buffer
	r := bufio.NewReaderSize(f, 1<<20)
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return out.Bytes(), nil // a line that is being written
		}
		var batch struct {
			ResourceLogs []struct {
				ScopeLogs []struct {
					LogRecords []struct {
						Body struct {
							StringValue string `json:"stringValue"`
						} `json:"body"`
					} `json:"logRecords"`
				} `json:"scopeLogs"`
			} `json:"resourceLogs"`
		}
		if json.Unmarshal(line, &batch) != nil {
			// A kill tore a record in the middle; the next one begins on the
			// same line. What was torn counts as not delivered.
			i := bytes.LastIndex(line, []byte(`{"resourceLogs"`))
			batch.ResourceLogs = nil
			if i <= 0 || json.Unmarshal(line[i:], &batch) != nil {
				continue
			}
		}
		for _, rl := range batch.ResourceLogs {
			for _, sl := range rl.ScopeLogs {
				for _, rec := range sl.LogRecords {
					out.WriteString(rec.Body.StringValue + "\n")
				}
			}
		}
	}
}
