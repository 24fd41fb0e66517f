package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// Tool builds a program that a module below test/judges pins (a tool line of
// its go.mod) and returns its path. It is static, so that it runs on a node and
// in an image. It is built once for each version and cached where the
// Kubernetes binary is.
func Tool(module, pkg string) (string, error) {
	gomod, err := repositoryFile(filepath.Join("test/judges", module, "go.mod"))
	if err != nil {
		return "", err
	}
	list := exec.Command("go", "list", "-f", "{{.Module.Version}}", pkg)
	list.Dir, list.Env = filepath.Dir(gomod), append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	out, err := list.Output()
	if err != nil {
		return "", fmt.Errorf("version of %s: %w", pkg, err)
	}
	version := strings.TrimSpace(string(out))
	bin := filepath.Join(cacheDir(), path.Base(pkg)+"-"+version)
	if _, err := os.Stat(bin); err == nil {
		return bin, nil
	}
	if err := os.MkdirAll(filepath.Dir(bin), 0o755); err != nil {
		return "", err
	}
	part := fmt.Sprintf("%s.%d", bin, os.Getpid())
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", part, pkg)
	build.Dir, build.Env = list.Dir, list.Env
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s %s: %w\n%s", pkg, version, err, out)
	}
	return bin, os.Rename(part, bin)
}
