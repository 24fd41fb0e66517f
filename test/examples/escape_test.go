package examples

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// typed is a line that its reader would type.
var typed = regexp.MustCompile(`^ *(\$ |sudo |kubectl (nodehealth|auditpolicy|certgen|logarch)\b|make )`)

// A command in a block that Read passes over would never be run.
func TestNoCommandEscapes(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for _, page := range append(pages, "../../README.md") {
		// The synopses of the generated pages are text; their examples are sh.
		commands := strings.HasSuffix(page, "-commands.md")
		b, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		kind, inside := "", false
		for i, line := range strings.Split(string(b), "\n") {
			if fence, ok := strings.CutPrefix(line, "```"); ok {
				kind, inside = fence, !inside
				continue
			}
			if inside && kind != "sh" && kind != "console" && !(commands && kind == "text") && typed.MatchString(line) {
				t.Errorf("%s:%d: a command in a block that is not sh or console: nothing runs it: %s", page, i+1, line)
			}
		}
	}
}
