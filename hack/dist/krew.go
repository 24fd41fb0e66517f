package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// The part of krew's manifest that we write. krew's own types print a null for
// every field that is not set.
type krewManifest struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Metadata   krewMeta `json:"metadata"`
	Spec       krewSpec `json:"spec"`
}

type krewMeta struct {
	Name string `json:"name"`
}

type krewSpec struct {
	Version          string         `json:"version"`
	Homepage         string         `json:"homepage"`
	ShortDescription string         `json:"shortDescription"`
	Description      string         `json:"description"`
	Caveats          string         `json:"caveats,omitempty"`
	Platforms        []krewPlatform `json:"platforms"`
}

type krewPlatform struct {
	Selector krewSelector `json:"selector"`
	URI      string       `json:"uri"`
	SHA256   string       `json:"sha256"`
	Bin      string       `json:"bin"`
}

type krewSelector struct {
	MatchLabels map[string]string `json:"matchLabels"`
}

func (r release) writeManifests(made []artifact) error {
	if err := os.MkdirAll(r.index, 0o755); err != nil {
		return err
	}
	for _, p := range plugins {
		m := krewManifest{
			APIVersion: "krew.googlecontainertools.github.com/v1alpha2",
			Kind:       "Plugin",
			Metadata:   krewMeta{p.name},
			Spec: krewSpec{
				Version: r.version, Homepage: "https://" + module,
				ShortDescription: p.short, Description: p.description + "\n",
				Caveats: "Tab completion is switched on by the command \"completion install\" of the\nplugin, and off by \"completion uninstall\"; do the latter before uninstalling.\n",
			},
		}
		for _, a := range made {
			if a.plugin != p.name {
				continue
			}
			bin := "kubectl-" + p.name
			if a.os == "windows" {
				bin += ".exe"
			}
			m.Spec.Platforms = append(m.Spec.Platforms, krewPlatform{
				Selector: krewSelector{map[string]string{"os": a.os, "arch": a.arch}},
				URI:      fmt.Sprintf("%s/%s/%s", strings.TrimSuffix(r.uriBase, "/"), r.version, a.file),
				SHA256:   a.sha256, Bin: bin,
			})
		}
		b, err := yaml.Marshal(m)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(r.index, p.name+".yaml"), b, 0o644); err != nil {
			return err
		}
	}
	return nil
}
