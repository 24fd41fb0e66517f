package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

var (
	ourCommand = regexp.MustCompile("`(?:[^`]*\\| )?kubectl (nodehealth|auditpolicy|certgen|logarch)( [^`]*)?`")
	longFlag   = regexp.MustCompile(`--[a-z][a-z0-9-]+`)
)

// unknownFlags are the flags in a next step's commands that the plugin's
// reference, docs/PLUGIN-commands.md, does not have.
func unknownFlags(repo, step string) ([]string, error) {
	var out []string
	for _, m := range ourCommand.FindAllStringSubmatch(step, -1) {
		page, err := os.ReadFile(filepath.Join(repo, "docs", m[1]+"-commands.md"))
		if err != nil {
			return nil, err
		}
		// What follows -- is another program's.
		args, _, _ := strings.Cut(m[2], " -- ")
		for _, f := range longFlag.FindAllString(args, -1) {
			if !slices.Contains(longFlag.FindAllString(string(page), -1), f) {
				out = append(out, "kubectl "+m[1]+" "+f)
			}
		}
	}
	return out, nil
}
