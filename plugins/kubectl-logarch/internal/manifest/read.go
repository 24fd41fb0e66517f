package manifest

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/yamltree"
)

// BadInput is a file that is not what it claims to be, with a place.
type BadInput struct {
	File         string
	Line, Column int
	Msg          string
}

func (e *BadInput) Error() string {
	at := e.File
	if e.Line > 0 {
		at += fmt.Sprintf(":%d", e.Line)
	}
	if e.Column > 0 {
		at += fmt.Sprintf(":%d", e.Column)
	}
	return fmt.Sprintf("%s: %s", at, e.Msg)
}

// Read parses a file and holds every document against the YAML library. A
// document that is YAML but not readable here is left in place with its error;
// only a text that is not YAML is a *BadInput.
func Read(name, src string) (*yamltree.File, error) {
	if err := Encoding(name, src); err != nil {
		return nil, err
	}
	f := yamltree.Parse(name, src)
	if err := Judge(f, f.Docs); err != nil {
		return nil, err
	}
	return f, nil
}

// Encoding refuses what is not text in UTF-8.
func Encoding(name, src string) error {
	at := 0
	var msg string
	switch i := strings.IndexByte(src, 0); {
	case strings.HasPrefix(src, "\xff\xfe"), strings.HasPrefix(src, "\xfe\xff"):
		return &BadInput{File: name, Msg: "not UTF-8: this is UTF-16 (iconv -f UTF-16 -t UTF-8 FILE)"}
	case i >= 0:
		at, msg = i, "not YAML: a zero byte: this is a binary file"
	case !utf8.ValidString(src):
		for r, n := utf8.DecodeRuneInString(src); r != utf8.RuneError || n > 1; r, n = utf8.DecodeRuneInString(src[at:]) {
			at += n
		}
		msg = fmt.Sprintf("not UTF-8: byte 0x%02x (iconv -f LATIN1 -t UTF-8 FILE, if that is what it is)", src[at])
	default:
		return nil
	}
	line := strings.LastIndexByte(src[:at], '\n') + 1
	return &BadInput{File: name, Line: 1 + strings.Count(src[:at], "\n"), Column: 1 + utf8.RuneCountInString(src[line:at]), Msg: msg}
}

// Judge is Read for documents that were parsed: one that is YAML and not readable here
// loses its root and gets its error.
func Judge(f *yamltree.File, docs []*yamltree.Doc) error {
	for _, d := range docs {
		if d.Root != nil && d.Root.Kind != yamltree.Map && !d.Root.IsNull() {
			line, col := f.Position(d.Root.Start)
			return &BadInput{File: f.Name, Line: line, Column: col, Msg: "not a Kubernetes object: a document that is no map of keys"}
		}
		if d.Plain || d.JSON {
			continue
		}
		if err := f.Judge(d); err != nil {
			if line := template(f, d); line > 0 {
				return &BadInput{File: f.Name, Line: line, Msg: "a template (\"{{\"), not a manifest: render it first, for example with helm template"}
			}
			var bad *yamltree.NotYAML
			if errors.As(err, &bad) {
				e := &BadInput{File: f.Name, Line: bad.Line, Msg: "not YAML: " + bad.Msg}
				if d.Err != nil {
					e.Line, e.Column = f.Position(d.Err.Offset)
					if d.Err.Msg == yamltree.TabIndent { // the library's words do not name it
						e.Msg = "not YAML: " + d.Err.Msg
					}
				}
				return e
			}
			var unread *yamltree.Unread
			if errors.As(err, &unread) {
				d.Root = nil
				d.Err = &yamltree.Error{Offset: lineOffset(f.Src, unread.Line), Msg: unread.Msg}
			}
		}
	}
	return nil
}

// template is the line on which a document that could not be read has a "{{" of
// Helm or alike, 0 without one: the line where reading stopped, or the first one that
// begins with it, which no manifest has.
func template(f *yamltree.File, d *yamltree.Doc) int {
	if d.Err == nil {
		return 0
	}
	at := min(d.Err.Offset, len(f.Src))
	start := strings.LastIndexByte(f.Src[:at], '\n') + 1
	if text, _, _ := strings.Cut(f.Src[start:], "\n"); !strings.Contains(text, "{{") {
		for at = d.Start; ; at++ {
			text, _, more := strings.Cut(f.Src[at:d.End], "\n")
			if strings.HasPrefix(strings.TrimLeft(text, " \t"), "{{") {
				break
			}
			if at += len(text); !more {
				return 0
			}
		}
	}
	line, _ := f.Position(at)
	return line
}

func lineOffset(src string, line int) int {
	at := 0
	for ; line > 1; line-- {
		i := strings.IndexByte(src[at:], '\n')
		if i < 0 {
			break
		}
		at += i + 1
	}
	return at
}
