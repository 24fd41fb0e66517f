package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// krew-index's reviewers: at most 50 characters, text wrapped at 80, no usage
// examples.
func TestDescriptionsFollowTheReviewRules(t *testing.T) {
	for _, p := range plugins {
		if n := len(p.short); n == 0 || n > 50 {
			t.Errorf("%s: short description has %d characters", p.name, n)
		}
		for _, l := range strings.Split(p.description, "\n") {
			if len(l) > 80 {
				t.Errorf("%s: a line of %d characters: %q", p.name, len(l), l)
			}
		}
		if strings.Contains(p.description, "kubectl ") {
			t.Errorf("%s: the description has a usage example", p.name)
		}
	}
}

// One archive is the same bytes however often it is written.
func TestArchivesAreReproducible(t *testing.T) {
	files := []file{{"kubectl-x", 0o755, []byte("program")}, {"LICENSE", 0o644, []byte("text")}}
	for name, write := range map[string]func(string, []file) error{"x.tar.gz": writeTarGz, "x.zip": writeZip} {
		var sums []string
		for range 2 {
			path := filepath.Join(t.TempDir(), name)
			if err := write(path, files); err != nil {
				t.Fatal(err)
			}
			s, err := sum(path)
			if err != nil {
				t.Fatal(err)
			}
			sums = append(sums, s)
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
		if sums[0] != sums[1] {
			t.Errorf("%s: two writes differ", name)
		}
	}
}

// A folder of somebody else's is not emptied; one that a release was begun in is.
func TestOnlyAReleaseIsEmptied(t *testing.T) {
	dir := t.TempDir()
	if err := ours(dir); err != nil {
		t.Errorf("an empty folder: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "thesis.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := ours(dir); err == nil {
		t.Error("a folder without checksums would be emptied")
	}
	// A release for a platform that there is not stops after it has begun.
	t.Chdir("../..")
	out := filepath.Join(t.TempDir(), "dist")
	r := release{version: "v0", out: out, platforms: []string{"none"}, index: filepath.Join(out, "krew")}
	if err := r.run(); err == nil {
		t.Fatal("a release for no platform")
	}
	if err := os.WriteFile(filepath.Join(out, "half.tar.gz"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := ours(out); err != nil {
		t.Errorf("after a run that stopped: %v", err)
	}
}
