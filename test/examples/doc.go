// Package examples reads every command that the documentation shows, in the
// generated pages of the commands (which are the help texts) and in the guides,
// and runs it: what a manual tells people to type has to work.
//
// An example runs by bash in a scratch folder of its own that holds examples/
// and the files that examples name (testdata/scratch); the examples of a guide
// run one after another in one folder, as its reader would. Absolute paths lead
// to testdata/root where it has such a file. An example passes when its exit
// status is 0, or 1 without an error message (findings, a negative answer).
package examples

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Example is one command of a document.
type Example struct {
	// File and Line say where it stands.
	File string
	Line int
	// Command is the shell's line, continuations joined.
	Command string
	// Output is what the document shows below it, nil where it shows nothing. A
	// line "..." stands for any lines, "..." in a line for any text, and a date
	// for any date.
	Output []string
	// Block numbers the fenced block.
	Block int
}

func (e Example) String() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Command) }

// Read returns the examples of a Markdown document: the commands of its sh
// blocks, and those after "$ " in its console blocks.
func Read(path string) ([]Example, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var out []Example
	kind, block, joined, start := "", 0, "", 0
	for i, line := range strings.Split(string(b), "\n") {
		if fence, ok := strings.CutPrefix(line, "```"); ok {
			if kind != "" {
				kind = ""
			} else if kind = fence; kind == "" {
				kind = "none"
			}
			block++
			continue
		}
		command := false
		switch kind {
		case "sh":
			command = true
		case "console":
			if rest, ok := strings.CutPrefix(line, "$ "); ok {
				line, command = rest, true
			} else if joined != "" {
				command = true
			} else if n := len(out); n > 0 && out[n-1].Block == block {
				out[n-1].Output = append(out[n-1].Output, line)
			}
		}
		if !command {
			continue
		}
		if joined == "" {
			start = i + 1
			if t := strings.TrimSpace(line); t == "" || strings.HasPrefix(t, "#") {
				continue
			}
		}
		if head, ok := strings.CutSuffix(line, `\`); ok {
			joined += head
			continue
		}
		out = append(out, Example{File: filepath.Base(path), Line: start, Command: strings.TrimSpace(joined + strings.TrimLeft(line, " ")), Block: block})
		joined = ""
	}
	return out, nil
}

// All returns the examples of the README and of every page in docs/.
func All(repo string) ([]Example, error) {
	pages, err := filepath.Glob(filepath.Join(repo, "docs", "*.md"))
	if err != nil {
		return nil, err
	}
	var out []Example
	for _, p := range append([]string{filepath.Join(repo, "README.md")}, pages...) {
		found, err := Read(p)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

// Exception is an example that is not run, or not held to its output, and why.
type Exception struct {
	Match  *regexp.Regexp
	Reason string
}

// Shows says whether an output is what a document shows of it.
func Shows(shown []string, output string) error {
	pattern := "(?s)^"
	for _, l := range trim(shown) {
		if strings.TrimSpace(l) == "..." {
			pattern += ".*?"
			continue
		}
		line := strings.ReplaceAll(regexp.QuoteMeta(strings.TrimRight(l, " ")), `\.\.\.`, "[^\n]*")
		pattern += date.ReplaceAllString(line, `\d{4}-\d\d-\d\d`) + "\n"
	}
	var got strings.Builder
	for _, l := range trim(strings.Split(output, "\n")) {
		got.WriteString(strings.TrimRight(l, " ") + "\n")
	}
	re, err := regexp.Compile(pattern + "$")
	if err != nil {
		return err
	}
	if !re.MatchString(got.String()) {
		return fmt.Errorf("the document shows\n%s\nand the command printed\n%s", strings.Join(shown, "\n"), got.String())
	}
	return nil
}

// date is a day, which is another one when the command runs again.
var date = regexp.MustCompile(`\d{4}-\d\d-\d\d`)

func trim(lines []string) []string {
	for len(lines) > 0 && strings.TrimSpace(lines[len(lines)-1]) == "" {
		lines = lines[:len(lines)-1]
	}
	for len(lines) > 0 && strings.TrimSpace(lines[0]) == "" {
		lines = lines[1:]
	}
	return lines
}
