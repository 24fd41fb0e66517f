// Command dist builds the release: for each plugin and platform an archive
// (binary, LICENSE, THIRD_PARTY_LICENSES, README, man page, the program for Tab
// completion) and its bill of materials, the checksums of all, and the manifests
// for krew. The same source and the same Go give the same bytes wherever it is built.
//
//	dist [--out DIR] [--platforms os/arch,...] [--uri-base URL] VERSION
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
)

const (
	module  = "github.com/clusterwright/kubectl-plugins"
	maxSize = 32 * 1000 * 1000 // bytes of a program, on every platform
	uriBase = "https://" + module + "/releases/download"
)

var allPlatforms = []string{"darwin/amd64", "darwin/arm64", "linux/amd64", "linux/arm64", "windows/amd64", "windows/arm64"}

func main() {
	out := flag.String("out", "dist", "folder for the result; it is emptied first")
	platforms := flag.String("platforms", strings.Join(allPlatforms, ","), "platforms to build")
	base := flag.String("uri-base", uriBase, "where the archives will be served: URI-BASE/VERSION/ARCHIVE")
	index := flag.String("index", "", "folder for the krew manifests (default: OUT/krew)")
	flag.Parse()
	if flag.NArg() != 1 || !strings.HasPrefix(flag.Arg(0), "v") {
		fmt.Fprintln(os.Stderr, "usage: dist [--out DIR] [--platforms os/arch,...] [--uri-base URL] [--index DIR] vX.Y.Z")
		os.Exit(2)
	}
	r := release{version: flag.Arg(0), out: *out, platforms: strings.Split(*platforms, ","), uriBase: *base, index: *index}
	if r.index == "" {
		r.index = filepath.Join(r.out, "krew")
	}
	if err := r.run(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

type release struct {
	version   string
	out       string
	platforms []string
	uriBase   string
	index     string
}

// artifact is an archive that was made.
type artifact struct {
	plugin, os, arch string
	file, sha256     string
}

func (r release) run() error {
	if err := ours(r.out); err != nil {
		return err
	}
	if err := os.RemoveAll(r.out); err != nil {
		return err
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	// By its mark the next run knows the folder, should this one not come to its
	// end.
	if err := os.WriteFile(filepath.Join(r.out, checksums), nil, 0o644); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "dist")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	licenses := map[string][]byte{}
	for _, p := range plugins {
		if licenses[p.name], err = thirdParty(p.name); err != nil {
			return err
		}
	}
	var made []artifact
	for _, platform := range r.platforms {
		goos, goarch, ok := strings.Cut(platform, "/")
		if !ok {
			return fmt.Errorf("platform %q is not os/arch", platform)
		}
		dir := filepath.Join(work, goos+"_"+goarch)
		fmt.Printf("building %s\n", platform)
		if err := r.build(dir, goos, goarch); err != nil {
			return err
		}
		for _, p := range plugins {
			a, err := r.pack(dir, p.name, goos, goarch, licenses[p.name])
			if err != nil {
				return err
			}
			made = append(made, a)
		}
	}
	if err := r.writeChecksums(); err != nil {
		return err
	}
	return r.writeManifests(made)
}

// build compiles the four plugins for a platform. -trimpath and an empty build
// id take this machine out of the bytes; the version is the only thing stamped.
func (r release) build(dir, goos, goarch string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	args := []string{"build", "-trimpath", "-buildvcs=false",
		// As in the Makefile, which says why.
		"-gcflags=k8s.io/api/...=-l",
		"-ldflags", "-s -w -buildid= -X " + module + "/shared/cli.Version=" + r.version, "-o", dir + string(filepath.Separator)}
	for _, p := range plugins {
		args = append(args, "./plugins/kubectl-"+p.name)
	}
	c := exec.Command("go", args...)
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+goarch, "GOFLAGS=", "GOWORK=")
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	if err := c.Run(); err != nil {
		return fmt.Errorf("go build for %s/%s: %w", goos, goarch, err)
	}
	return nil
}

func (r release) pack(dir, name, goos, goarch string, licenses []byte) (artifact, error) {
	binary := "kubectl-" + name
	if goos == "windows" {
		binary += ".exe"
	}
	if st, err := os.Stat(filepath.Join(dir, binary)); err != nil {
		return artifact{}, err
	} else if st.Size() > maxSize {
		return artifact{}, fmt.Errorf("%s for %s/%s has %d bytes, more than %d", binary, goos, goarch, st.Size(), maxSize)
	}
	files, err := contents(filepath.Join(dir, binary), binary, name, goos, licenses)
	if err != nil {
		return artifact{}, err
	}
	base := fmt.Sprintf("kubectl-%s_%s_%s_%s", name, r.version, goos, goarch)
	a := artifact{plugin: name, os: goos, arch: goarch, file: base + ".tar.gz"}
	write := writeTarGz
	if goos == "windows" {
		a.file, write = base+".zip", writeZip
	}
	path := filepath.Join(r.out, a.file)
	if err := write(path, files); err != nil {
		return artifact{}, err
	}
	if a.sha256, err = sum(path); err != nil {
		return artifact{}, err
	}
	return a, writeSBOM(filepath.Join(r.out, base+".cdx.json"), filepath.Join(dir, binary), r.version)
}

func (r release) writeChecksums() error {
	entries, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	var lines []string
	for _, e := range entries {
		if e.IsDir() || e.Name() == checksums {
			continue
		}
		s, err := sum(filepath.Join(r.out, e.Name()))
		if err != nil {
			return err
		}
		lines = append(lines, s+"  "+e.Name()+"\n")
	}
	sort.Strings(lines)
	return os.WriteFile(filepath.Join(r.out, checksums), []byte(strings.Join(lines, "")), 0o644)
}

func sum(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:]), nil
}

// checksums is the file that every release's folder has.
const checksums = "checksums.txt"

// ours refuses to empty a folder that no release was written to.
func ours(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, checksums)); err != nil {
		return fmt.Errorf("--out %s is not a release's folder (it has no %s) and would be emptied: name another", dir, checksums)
	}
	return nil
}
