package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A node's processes live in the cgroup /clusterwright/CLUSTER/NODE of every
// hierarchy: its daemons in system, its pods in kubepods.
const cgroupMount = "/sys/fs/cgroup"

// Cgroup is the node's cgroup, which is its kubelet's cgroupRoot.
func (n *Node) Cgroup() string { return "/clusterwright/" + n.cluster.Name + "/" + n.Name }

// cgroupV2 says whether the machine has the unified hierarchy only.
func cgroupV2() bool {
	_, err := os.Stat(filepath.Join(cgroupMount, "cgroup.controllers"))
	return err == nil
}

// hierarchies are the mounted cgroup hierarchies.
func hierarchies() ([]string, error) {
	if cgroupV2() {
		return []string{cgroupMount}, nil
	}
	entries, err := os.ReadDir(cgroupMount)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		dir := filepath.Join(cgroupMount, e.Name())
		if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err == nil && e.Type()&fs.ModeSymlink == 0 {
			out = append(out, dir)
		}
	}
	return out, nil
}

// makeCgroups makes the node's cgroups and returns the files that take the
// process ids of its daemons.
func (n *Node) makeCgroups() ([]string, error) {
	roots, err := hierarchies()
	if err != nil {
		return nil, err
	}
	var procs []string
	for _, root := range roots {
		dir := root
		for _, part := range strings.Split(strings.Trim(n.Cgroup(), "/"), "/") {
			if err := delegate(dir); err != nil {
				return nil, err
			}
			dir = filepath.Join(dir, part)
			if err := makeCgroup(dir); err != nil {
				return nil, err
			}
		}
		if err := delegate(dir); err != nil {
			return nil, err
		}
		system := filepath.Join(dir, "system")
		if err := makeCgroup(system); err != nil {
			return nil, err
		}
		procs = append(procs, filepath.Join(system, "cgroup.procs"))
	}
	return procs, nil
}

func makeCgroup(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	// A new v1 cpuset is empty and takes no process.
	for _, f := range []string{"cpuset.cpus", "cpuset.mems"} {
		own, err := os.ReadFile(filepath.Join(dir, f))
		if err != nil || strings.TrimSpace(string(own)) != "" || cgroupV2() {
			continue
		}
		parent, err := os.ReadFile(filepath.Join(filepath.Dir(dir), f))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, f), parent, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// delegate lets a v2 cgroup's children have all its controllers.
func delegate(dir string) error {
	if !cgroupV2() {
		return nil
	}
	b, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return err
	}
	for _, controller := range strings.Fields(string(b)) {
		if err := os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+controller), 0o644); err != nil {
			return fmt.Errorf("delegate the %s controller of %s: %w", controller, dir, err)
		}
	}
	return nil
}

// removeCgroups ends whatever lives in the node's cgroups and removes them.
func (n *Node) removeCgroups() error {
	roots, err := hierarchies()
	if err != nil {
		return err
	}
	var left error
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		left = nil
		for _, root := range roots {
			left = errors.Join(left, n.removeTree(filepath.Join(root, n.Cgroup())))
			// The parents go when the last node and cluster has gone.
			os.Remove(filepath.Join(root, "clusterwright", n.cluster.Name))
			os.Remove(filepath.Join(root, "clusterwright"))
		}
		if left == nil || time.Now().After(end) {
			return left
		}
	}
}

func (n *Node) removeTree(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		if e.IsDir() {
			errs = append(errs, n.removeTree(filepath.Join(dir, e.Name())))
		}
	}
	b, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	for _, f := range strings.Fields(string(b)) {
		if pid, err := strconv.Atoi(f); err == nil && pid > 1 {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	// A frozen process does not die before its freezer thaws.
	if _, err := os.Stat(filepath.Join(dir, "freezer.state")); err == nil {
		errs = append(errs, os.WriteFile(filepath.Join(dir, "freezer.state"), []byte("THAWED"), 0o644))
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
