package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/hack/notices"
)

// epoch is the time of every file in every archive: the oldest that a zip can
// say. A real time would make two builds of one source differ.
var epoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

type file struct {
	name string
	mode os.FileMode
	data []byte
}

// contents are the files of an archive. krew wants a LICENSE in it.
func contents(path, binary, plugin, goos string, licenses []byte) ([]file, error) {
	program, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	license, err := os.ReadFile("LICENSE")
	if err != nil {
		return nil, err
	}
	readme, err := os.ReadFile("docs/" + plugin + ".md")
	if err != nil {
		return nil, err
	}
	man, err := os.ReadFile("docs/man/kubectl-" + plugin + ".1")
	if err != nil {
		return nil, err
	}
	// The same bytes as "completion install" writes, so that it replaces and
	// "completion uninstall" removes this one too.
	complete := file{"kubectl_complete-" + plugin, 0o755, fmt.Appendf(nil, "#!/bin/sh\n# written by \"completion install\"\nexec kubectl %s __complete \"$@\"\n", plugin)}
	if goos == "windows" {
		complete = file{"kubectl_complete-" + plugin + ".cmd", 0o755, fmt.Appendf(nil, "@rem written by \"completion install\"\r\n@kubectl %s __complete %%*\r\n", plugin)}
	}
	return []file{{binary, 0o755, program}, complete, {"LICENSE", 0o644, license}, {"README.md", 0o644, readme}, {"THIRD_PARTY_LICENSES", 0o644, licenses}, {"kubectl-" + plugin + ".1", 0o644, man}}, nil
}

// thirdParty are the texts of the licences of what a plugin is linked from,
// which whoever hands the binary on has to hand on too.
func thirdParty(plugin string) ([]byte, error) {
	modules, err := notices.Of(".", "./plugins/kubectl-"+plugin)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "kubectl-%s is linked from these modules, each under its own licence.\n", plugin)
	for _, m := range modules {
		fmt.Fprintf(&b, "\n%s\n%s %s (%s)\n\n%s\n", strings.Repeat("=", 78), m.Path, m.Version, m.License, m.Text)
	}
	return b.Bytes(), nil
}

func writeTarGz(path string, files []file) error {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return err
	}
	t := tar.NewWriter(z)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Mode: int64(f.mode), Size: int64(len(f.data)), ModTime: epoch, Format: tar.FormatUSTAR}
		if err := t.WriteHeader(h); err != nil {
			return err
		}
		if _, err := t.Write(f.data); err != nil {
			return err
		}
	}
	if err := t.Close(); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}

func writeZip(path string, files []file) error {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: epoch}
		h.SetMode(f.mode)
		w, err := z.CreateHeader(h)
		if err != nil {
			return err
		}
		if _, err := w.Write(f.data); err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}
