package simulate

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/agentconf"
)

// Filebeat is Filebeat with the configuration that inject makes for it, writing
// to a file.
func Filebeat(binary string) Reader {
	return Reader{
		Name: "filebeat", About: "Filebeat, filestream input, " + binary,
		Command: func(file, dir string) (*exec.Cmd, error) {
			state := filepath.Join(dir, "state")
			if err := os.MkdirAll(state, 0o755); err != nil {
				return nil, err
			}
			conf := agentconf.Render(agentconf.Spec{Agent: "filebeat", Files: []string{file}, State: state, Destination: "file", Endpoint: filepath.ToSlash(filepath.Join(dir, "out", "all.json"))})
			config := filepath.Join(dir, "filebeat.yml")
			if err := os.WriteFile(config, []byte(conf.Files["filebeat.yml"]), 0o600); err != nil {
				return nil, err
			}
			c := exec.Command(binary, "-e", "--strict.perms=false", "-c", config, "--path.home", dir)
			c.Env = append(os.Environ(), "POD_NAME=simulated", "POD_NAMESPACE=simulated")
			return c, nil
		},
		Output: filebeatMessages,
		Known: func(scenario string) string {
			switch scenario {
			case "copytruncate":
				return "the open file is read on from the old position: what was written right before and after the truncation is lost or doubled"
			case "no-line-end":
				return "a line is read when its line break is there"
			}
			return ""
		},
	}
}

// filebeatMessages reads the messages of the events that the file output wrote:
// into all.json, or into files of that name and a date, from version 8 on.
func filebeatMessages(dir string) ([]byte, error) {
	files, err := filepath.Glob(filepath.Join(dir, "out", "all.json*"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fs.ErrNotExist
	}
	var out bytes.Buffer
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			return nil, err
		}
		s := bufio.NewScanner(f)
		s.Buffer(make([]byte, 1<<20), 16<<20)
		for s.Scan() {
			var event struct{ Message string }
			if json.Unmarshal(s.Bytes(), &event) == nil && event.Message != "" {
				out.WriteString(event.Message + "\n")
			}
		}
		err = s.Err()
		f.Close()
		if err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}
