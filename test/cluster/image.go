package cluster

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// PauseImage is the sandbox image of every node.
const PauseImage = "registry.k8s.io/pause:3.10"

// BusyboxTags are the names under which nodes have the busybox image: those
// that the documentation's manifests use. With ":latest" (or no tag) a manifest
// needs imagePullPolicy Never or IfNotPresent, as there is no registry.
var BusyboxTags = []string{
	"docker.io/library/busybox:1.28", "docker.io/library/busybox:1.28.4", "docker.io/library/busybox:1.35",
	"docker.io/library/busybox:1.36", "docker.io/library/busybox:1.37", "docker.io/library/busybox:latest",
	"docker.io/library/busybox:stable", "registry.k8s.io/e2e-test-images/busybox:1.29",
}

// Image says what a container image is to hold.
type Image struct {
	// Tags are full names: docker.io/library/busybox:1.28.
	Tags []string
	// Files maps paths in the image to files of this machine. Programs must be
	// static.
	Files map[string]string
	// Busybox adds /bin/busybox with all its applets, /etc/passwd and /tmp.
	Busybox bool
	// Entrypoint and Cmd as in a Dockerfile; Env is NAME=value.
	Entrypoint, Cmd, Env []string
	// User is a numeric user id; "" is root.
	User string
}

// WriteImage writes an image as a docker-archive tar, which Node.Import and
// "ctr images import" take.
func WriteImage(w io.Writer, im Image) error {
	layer, err := layerOf(im)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(layer)
	diffID := "sha256:" + hex.EncodeToString(sum[:])
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux", "created": "2026-01-01T00:00:00Z",
		"config": map[string]any{"Entrypoint": im.Entrypoint, "Cmd": im.Cmd, "User": im.User,
			"Env": append([]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, im.Env...)},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{diffID}},
	})
	if err != nil {
		return err
	}
	csum := sha256.Sum256(config)
	configName := hex.EncodeToString(csum[:]) + ".json"
	manifest, err := json.Marshal([]map[string]any{{"Config": configName, "RepoTags": im.Tags, "Layers": []string{"layer.tar"}}})
	if err != nil {
		return err
	}
	tw := tar.NewWriter(w)
	for _, f := range []struct {
		name string
		data []byte
	}{{"manifest.json", manifest}, {configName, config}, {"layer.tar", layer}} {
		if err := addFile(tw, f.name, f.data, 0o644); err != nil {
			return err
		}
	}
	return tw.Close()
}

// imageTime is fixed, so that equal images are equal bytes.
var imageTime = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func layerOf(im Image) ([]byte, error) {
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	dirs := map[string]bool{}
	mkdir := func(dir string, mode int64) error {
		if dir == "." || dir == "" || dirs[dir] {
			return nil
		}
		dirs[dir] = true
		return tw.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: mode, ModTime: imageTime})
	}
	for _, d := range []string{"dev", "etc", "proc", "root", "sys", "var", "var/log"} {
		if err := mkdir(d, 0o755); err != nil {
			return nil, err
		}
	}
	if err := mkdir("tmp", 0o1777); err != nil {
		return nil, err
	}
	if im.Busybox {
		if err := addBusybox(tw, mkdir); err != nil {
			return nil, err
		}
	}
	names := make([]string, 0, len(im.Files))
	for name := range im.Files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		rel := strings.TrimPrefix(name, "/")
		parent := ""
		for _, part := range strings.Split(filepath.Dir(rel), "/") {
			parent = filepath.Join(parent, part)
			if err := mkdir(parent, 0o755); err != nil {
				return nil, err
			}
		}
		data, err := os.ReadFile(im.Files[name])
		if err != nil {
			return nil, err
		}
		info, err := os.Stat(im.Files[name])
		if err != nil {
			return nil, err
		}
		if err := addFile(tw, rel, data, int64(info.Mode().Perm())); err != nil {
			return nil, err
		}
	}
	if err := tw.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

func addBusybox(tw *tar.Writer, mkdir func(string, int64) error) error {
	path, err := exec.LookPath("busybox")
	if err != nil {
		return err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if bytes.Contains(data, []byte("ld-linux")) && !bytes.Contains(data, []byte("static")) {
		return fmt.Errorf("%s is not static: install busybox-static", path)
	}
	if err := mkdir("bin", 0o755); err != nil {
		return err
	}
	if err := addFile(tw, "bin/busybox", data, 0o755); err != nil {
		return err
	}
	list, err := exec.Command(path, "--list").Output()
	if err != nil {
		return err
	}
	for _, applet := range strings.Fields(string(list)) {
		if applet == "busybox" {
			continue
		}
		if err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/" + applet, Linkname: "busybox", Mode: 0o777, ModTime: imageTime}); err != nil {
			return err
		}
	}
	if err := addFile(tw, "etc/passwd", []byte("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"), 0o644); err != nil {
		return err
	}
	return addFile(tw, "etc/group", []byte("root:x:0:\nnogroup:x:65534:\n"), 0o644)
}

func addFile(tw *tar.Writer, name string, data []byte, mode int64) error {
	if err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(data)), Mode: mode, ModTime: imageTime}); err != nil {
		return err
	}
	_, err := tw.Write(data)
	return err
}

// baseImages writes the pause and busybox images.
func baseImages() ([][]byte, error) {
	// The sandbox's process reaps what is orphaned in a shared process namespace
	// and ends at once when told to.
	pause := Image{Tags: []string{PauseImage}, Busybox: true,
		Entrypoint: []string{"/bin/busybox", "sh", "-c", `trap "exit 0" TERM INT; while :; do sleep 2147483647 & wait; done`}}
	var out [][]byte
	for _, im := range []Image{pause, {Tags: BusyboxTags, Busybox: true, Cmd: []string{"sh"}}} {
		var buf bytes.Buffer
		if err := WriteImage(&buf, im); err != nil {
			return nil, fmt.Errorf("make the image %s: %w", im.Tags[0], err)
		}
		out = append(out, buf.Bytes())
	}
	return out, nil
}

// Import loads a docker-archive or OCI tar into the node's containerd.
func (n *Node) Import(tarball io.Reader) error {
	cmd := n.Command("ctr", "-n", "k8s.io", "images", "import", "--no-unpack", "-")
	cmd.Stdin = tarball
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: import an image: %w: %s", n.Name, err, out)
	}
	return nil
}

// ImportFile loads an image tar from a file.
func (n *Node) ImportFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return n.Import(f)
}

// ImportImage makes an image and loads it into every node of the cluster.
func (c *Cluster) ImportImage(im Image) error {
	var buf bytes.Buffer
	if err := WriteImage(&buf, im); err != nil {
		return err
	}
	for _, n := range c.Nodes {
		if err := n.Import(bytes.NewReader(buf.Bytes())); err != nil {
			return err
		}
	}
	return nil
}
