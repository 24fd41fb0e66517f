// Package notices finds the licences of the modules that a program is linked
// from: their names for a list, their texts for a release, which has to carry
// them.
package notices

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Allowed are the licences that a dependency may have: those under which a
// binary may be handed on with nothing but their text.
var Allowed = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0"}

// Module is a dependency.
type Module struct {
	Path, Version string
	// License is its SPDX name, several joined by " AND ".
	License string
	// Text is the text of its licence and its notice, if it has one.
	Text string
}

// Of returns the modules that packages of the workspace in repo are linked from,
// those of the repository left out, in the order of their paths.
func Of(repo string, packages ...string) ([]Module, error) {
	type module struct {
		Path, Version, Dir string
		Main               bool
		Replace            *module
	}
	seen := map[string]module{}
	for _, goos := range []string{"linux", "darwin", "windows"} {
		c := exec.Command("go", append([]string{"list", "-deps", "-json=Module"}, packages...)...)
		c.Dir = repo
		c.Env = append(os.Environ(), "GOWORK=", "CGO_ENABLED=0", "GOOS="+goos)
		c.Stderr = os.Stderr
		out, err := c.Output()
		if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		for d := json.NewDecoder(strings.NewReader(string(out))); ; {
			var p struct{ Module *module }
			if err := d.Decode(&p); err == io.EOF {
				break
			} else if err != nil {
				return nil, err
			}
			if m := p.Module; m != nil && !m.Main && (m.Replace == nil || m.Replace.Version != "") {
				seen[m.Path] = *m
			}
		}
	}
	var out []Module
	for _, m := range seen {
		found, err := read(m.Path, m.Version, m.Dir)
		if err != nil {
			return nil, err
		}
		out = append(out, found)
	}
	slices.SortFunc(out, func(a, b Module) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

var licenseFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)([-.].*)?$`)

func read(path, version, dir string) (Module, error) {
	m := Module{Path: path, Version: version}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return m, err
	}
	var kinds, texts []string
	for _, n := range names {
		base := filepath.Base(n)
		if st, err := os.Stat(n); err != nil || st.IsDir() || !licenseFile.MatchString(base) {
			continue
		}
		b, err := os.ReadFile(n)
		if err != nil {
			return m, err
		}
		texts = append(texts, strings.TrimSpace(string(b)))
		lower := strings.ToLower(base)
		if strings.HasPrefix(lower, "notice") || strings.HasPrefix(lower, "patents") {
			continue
		}
		found := Classify(string(b))
		if len(found) == 0 {
			return m, fmt.Errorf("%s %s: %s is no licence that this knows", path, version, base)
		}
		kinds = append(kinds, found...)
	}
	if len(kinds) == 0 {
		return m, fmt.Errorf("%s %s: no licence in its module", path, version)
	}
	slices.Sort(kinds)
	kinds = slices.Compact(kinds)
	m.License = strings.Join(kinds, " AND ")
	for _, k := range kinds {
		if !allowed(k) {
			return m, fmt.Errorf("%s %s: %s is not among the allowed licences %s", path, version, k, strings.Join(Allowed, ", "))
		}
	}
	m.Text = strings.Join(texts, "\n\n")
	return m, nil
}

func allowed(kind string) bool { return slices.Contains(Allowed, kind) }

var blanks = regexp.MustCompile(`\s+`)

// Classify names the licences in a text by sentences that only they have. A file
// may hold several.
func Classify(text string) []string {
	t := strings.ToLower(blanks.ReplaceAllString(text, " "))
	var out []string
	add := func(name string, sentences ...string) {
		for _, s := range sentences {
			if !strings.Contains(t, s) {
				return
			}
		}
		out = append(out, name)
	}
	add("Apache-2.0", "apache license", "version 2.0")
	add("MPL-2.0", "mozilla public license")
	add("GPL", "gnu general public license", "free software foundation")
	add("LGPL", "gnu lesser general public license")
	add("EPL", "eclipse public license")
	switch {
	case strings.Contains(t, "permission is hereby granted, free of charge") && strings.Contains(t, "the above copyright notice and this permission notice shall be included"):
		out = append(out, "MIT")
	case strings.Contains(t, "permission is hereby granted, free of charge"):
		out = append(out, "MIT-0")
	}
	add("ISC", "permission to use, copy, modify, and/or distribute this software for any purpose")
	if strings.Contains(t, "redistribution and use in source and binary forms") {
		if regexp.MustCompile(`neither the name|names? of (its|the) (contributors|copyright)`).MatchString(t) {
			out = append(out, "BSD-3-Clause")
		} else {
			out = append(out, "BSD-2-Clause")
		}
	}
	return out
}
