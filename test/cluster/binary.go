package cluster

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/clusterwright/kubectl-plugins/test/program"
)

// DefaultVersion is the Kubernetes version of this module.
const DefaultVersion = "v1.37.1"

// Binary finds the binary that is all components of the given Kubernetes
// version ("" for $CLUSTERWRIGHT_VERSION, else DefaultVersion):
// $CLUSTERWRIGHT_K8S for the default version, else k8s-VERSION in the cache
// folder ($XDG_CACHE_HOME or ~/.cache, below clusterwright). If it is missing it
// is built with hack/build-k8s.sh, which takes about ten minutes on two cores
// and writes its progress to standard error. Its first argument is the component
// to be: etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubelet,
// kubeadm or kubectl.
func Binary(version string) (string, error) {
	version = versionOf(version)
	if version == DefaultVersion {
		if b := os.Getenv("CLUSTERWRIGHT_K8S"); b != "" {
			if _, err := os.Stat(b); err != nil {
				return "", fmt.Errorf("CLUSTERWRIGHT_K8S: %w", err)
			}
			return b, nil
		}
	}
	b := filepath.Join(program.Cache(), "k8s-"+version)
	if _, err := os.Stat(b); err == nil {
		return b, nil
	}
	script := filepath.Join(program.Repo(), "hack", "build-k8s.sh")
	cmd := exec.Command(script, version)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("build Kubernetes %s with %s: %w", version, script, err)
	}
	if _, err := os.Stat(b); err != nil {
		return "", fmt.Errorf("%s did not make %s", script, b)
	}
	return b, nil
}

// versionOf is the version that a configuration means.
func versionOf(version string) string {
	if version == "" {
		version = os.Getenv("CLUSTERWRIGHT_VERSION")
	}
	if version == "" {
		version = DefaultVersion
	}
	return version
}

// minor is the 37 of v1.37.1.
func (c Config) minor() int {
	var n int
	if _, err := fmt.Sscanf(versionOf(c.Version), "v1.%d.", &n); err != nil {
		return 0
	}
	return n
}

// CanRun says why this machine cannot run a control plane, or nil.
func CanRun() error {
	if runtime.GOOS != "linux" {
		return errors.New("the test cluster needs Linux")
	}
	return nil
}

// CanRunNodes says why this machine cannot run real nodes, or nil.
func CanRunNodes() error {
	if err := CanRun(); err != nil {
		return err
	}
	if os.Getuid() != 0 {
		return errors.New("the nodes of the test cluster need root")
	}
	var missing []string
	for _, tool := range []string{"containerd", "runc", "ctr", "iptables", "ip", "nsenter", "unshare", "busybox", "mkfs.ext4"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing = append(missing, tool)
		}
	}
	if _, err := os.Stat(cniBinDir); err != nil {
		missing = append(missing, cniBinDir)
	}
	if len(missing) > 0 {
		return fmt.Errorf("missing for the test cluster's nodes: %s (hack/packages.sh installs the packages)", strings.Join(missing, ", "))
	}
	return nil
}

// cniBinDir is where Debian's containernetworking-plugins puts the plugins.
const cniBinDir = "/usr/lib/cni"
