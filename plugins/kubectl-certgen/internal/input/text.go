package input

import (
	"path"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
	"github.com/clusterwright/kubectl-plugins/shared/spelling"
)

// Text is a value with its place in the file, as byte offsets.
type Text struct {
	Value      string
	Start, End int
}

// Dynamic says that the value is only known when the file is used: a shell,
// make, template or terraform variable stands in it.
func (t Text) Dynamic() bool {
	return strings.Contains(t.Value, "$") || strings.Contains(t.Value, "{{") || strings.Contains(t.Value, "`") ||
		strings.Contains(t.Value, "{%") || strings.Contains(t.Value, "%s")
}

// placeholder is a name in angle brackets or a marker that says what to put
// there; an OID, a number or a host name never looks so.
var placeholder = lazyregexp.New(`<[A-Za-z][A-Za-z0-9_ .:/-]*>|^(REPLACE_?ME|CHANGE_?ME|YOUR_[A-Z_]+|XXX+|TODO)$|__[A-Z][A-Z0-9_]*__|@[A-Z][A-Z0-9_]+@`)

// Placeholder says that the value still waits for the reader to replace it
// ("<MASTER_IP>").
func (t Text) Placeholder() bool { return placeholder.MatchString(t.Value) }

// Fixed says that the value is final: neither dynamic nor a placeholder.
func (t Text) Fixed() bool { return !t.Dynamic() && !t.Placeholder() }

// Manifest is a document for kubectl; offsets in Text are the file's own.
type Manifest struct{ Text string }

// Problem is something that the file's own tool refuses to read.
type Problem struct {
	At  Text
	Msg string
}

// File is one input file and what was found in it.
type File struct {
	Name string
	Data []byte
	Kind Kind

	Requests []*CFSSLRequest
	Configs  []*CFSSLConfig
	Confs    []*Conf
	Vars     *Vars
	// Environment are settings of easyrsa that a script exports.
	Environment *Vars
	Commands    []*Command
	// Manifests are CertificateSigningRequests of Kubernetes, as they stand
	// there: a shell may still fill them in.
	Manifests []Manifest
	// Variables are the names that a script gives a value to.
	Variables map[string]bool
	// BOM says that the file began with a byte order mark, which Data has blanks
	// for.
	BOM bool
	// Problems are documents that a script writes and their tool refuses.
	Problems []Problem

	lines []int
	// repeated are the bodies of loops and functions that were read more than
	// once.
	repeated [][2]int
}

// Repeated says that the place stands in the body of a loop or a function that
// was read for several values.
func (f *File) Repeated(offset int) bool {
	return slices.ContainsFunc(f.repeated, func(r [2]int) bool { return r[0] <= offset && offset < r[1] })
}

// Kind is what a file is.
type Kind string

// The kinds of input files.
const (
	KindCFSSLRequest Kind = "cfssl CSR"
	KindCFSSLConfig  Kind = "cfssl config"
	KindOpenSSLConf  Kind = "openssl configuration"
	KindExtensions   Kind = "openssl extensions"
	KindVars         Kind = "easyrsa vars"
	KindScript       Kind = "script"
	KindPage         Kind = "page"
	KindYAML         Kind = "YAML"
)

func newFile(name string, data []byte) *File {
	f := &File{Name: name, Data: data, lines: []int{0}}
	for i, b := range data {
		if b == '\n' {
			f.lines = append(f.lines, i+1)
		}
	}
	return f
}

// Blank is a file without text, for what has no places.
func Blank(name string) *File { return newFile(name, nil) }

// Position turns a byte offset into a line and a column, both from 1; columns
// count characters.
func (f *File) Position(offset int) (line, column int) {
	offset = max(0, min(offset, len(f.Data)))
	i := sort.SearchInts(f.lines, offset+1) - 1
	return i + 1, utf8.RuneCount(f.Data[f.lines[i]:offset]) + 1
}

// only returns the file's bytes with everything outside [start, end) blanked,
// so that a document inside can be parsed and its offsets are the file's own.
func (f *File) only(start, end int) []byte {
	out := make([]byte, end)
	for i := range start {
		out[i] = ' '
		if f.Data[i] == '\n' {
			out[i] = '\n'
		}
	}
	copy(out[start:], f.Data[start:end])
	return out
}

// Template says by its name that something else fills the file in before its
// tool reads it.
func (f *File) Template() bool { return isTemplate(f.Name) }

func isTemplate(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".tpl", ".tmpl", ".template", ".j2", ".jinja", ".jinja2", ".erb", ".in", ".gotmpl", ".ctmpl", ".mustache", ".tftpl", ".dist", ".sample":
		return true
	}
	return false
}

// Nearest is the known name that is closest to a misspelt one, "" where none
// is near.
func Nearest(name string, known []string) string {
	best, bestDist := "", 1+min(len(name)/2, 4)
	fold := squash(name)
	for _, k := range known {
		if d := spelling.Distance(fold, squash(k)); d < bestDist {
			best, bestDist = k, d
		}
	}
	if best != "" {
		return best
	}
	// "agent auth" is no typing error of anything; a shared last word is the
	// next best hint.
	words := strings.Fields(name)
	if len(words) > 1 {
		for _, k := range known {
			if strings.HasSuffix(k, " "+words[len(words)-1]) {
				return k
			}
		}
	}
	return ""
}

func squash(s string) string {
	return strings.NewReplacer(" ", "", "_", "", "-", "").Replace(strings.ToLower(s))
}
