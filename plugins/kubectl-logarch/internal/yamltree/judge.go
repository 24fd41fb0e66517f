package yamltree

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Judge holds a document against go.yaml.in/yaml. A document that it refuses,
// or that it reads differently, must not be edited. The error of a text that is
// not YAML is the library's own, with a line of the file.
func (f *File) Judge(d *Doc) error {
	if d.JSON || d.Plain {
		return nil
	}
	text := f.Src[d.Start:d.End]
	first := strings.Count(f.Src[:d.Start], "\n")
	var root yaml.Node
	if err := yaml.Unmarshal([]byte(text), &root); err != nil {
		msg := strings.TrimPrefix(err.Error(), "yaml: ")
		line := 0
		if n, _ := fmt.Sscanf(msg, "line %d:", &line); n == 1 {
			_, msg, _ = strings.Cut(msg, ": ")
			line += first
		} else if d.Err != nil {
			line, _ = f.Position(d.Err.Offset)
		}
		return &NotYAML{Line: line, Msg: msg}
	}
	if d.Err != nil {
		line, col := f.Position(d.Err.Offset)
		return &Unread{Line: line, Column: col, Msg: d.Err.Msg}
	}
	if len(root.Content) != 1 {
		return &Unread{Line: first + 1, Column: 1, Msg: "a document that the YAML library takes for empty"}
	}
	if n := differs(d.Root, root.Content[0]); n != nil {
		line, col := f.Position(n.Start)
		return &Unread{Line: line, Column: col, Msg: "a value that the YAML library reads differently"}
	}
	return nil
}

// NotYAML is a text that is not YAML.
type NotYAML struct {
	Line int
	Msg  string
}

func (e *NotYAML) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Msg) }

// Unread is YAML that this package does not read.
type Unread struct {
	Line, Column int
	Msg          string
}

func (e *Unread) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Msg)
}

// differs returns the first node that the library reads differently.
func differs(a *Node, b *yaml.Node) *Node {
	if a.Anchor != b.Anchor {
		return a
	}
	switch a.Kind {
	case Scalar:
		if b.Kind != yaml.ScalarNode || a.Value != b.Value {
			return a
		}
	case Alias:
		if b.Kind != yaml.AliasNode || a.Value != b.Value {
			return a
		}
	case Seq:
		if b.Kind != yaml.SequenceNode || len(a.Items) != len(b.Content) {
			return a
		}
		for i, n := range a.Items {
			if d := differs(n, b.Content[i]); d != nil {
				return d
			}
		}
	case Map:
		if b.Kind != yaml.MappingNode || 2*len(a.Items) != len(b.Content) {
			return a
		}
		for i, n := range a.Items {
			if d := differs(a.Keys[i], b.Content[2*i]); d != nil {
				return d
			}
			if d := differs(n, b.Content[2*i+1]); d != nil {
				return d
			}
		}
	}
	return nil
}
