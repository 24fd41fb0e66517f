package yamldoc

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// library decodes a text as one stream: the judge of the splitting.
func library(text string) (values []any, err error) {
	dec := yaml.NewDecoder(strings.NewReader(text))
	for {
		var v any
		if err := dec.Decode(&v); errors.Is(err, io.EOF) {
			return values, nil
		} else if err != nil {
			return nil, err
		}
		if v != nil {
			values = append(values, v)
		}
	}
}

var streams = []string{
	"a: 1\n---\nb: 2\n", "---\na: 1\n---\n---\nb: 2\n...\n", "a: 1\r\n---\r\nb: 2\r\n", "\xef\xbb\xbfa: 1\n---\nb: 2\n", "\xef\xbb\xbf---\na: 1\n",
	"--- # comment\na: 1\n--- # c\nb: 2\n", "--- {a: 1}\n--- [x]\n--- text\n", "a: |\n  ---\n  x\n  ...\nb: 1\n---\nc: 2\n", "--- |\n  x\n---\na: 1\n",
	"%YAML 1.1\n---\na: 1\n", "# only\n---\na: 1\n# c\n...\n# d\n---\nb: 1\n", "a: --- x\n", "---a: 1\n", "{\n\t\"a\": [1, 2]\n}\n", "a: '---'\nb: \"...\"\n",
	"a: \"x\u2028y\"\nb: 2\n---\nc: 3\n", "", "\n\n", "---\n",
}

func TestSplittingAgreesWithTheLibrary(t *testing.T) {
	for _, text := range streams {
		want, err := library(text)
		f, got := Parse("t", []byte(text))
		if err != nil {
			if got == nil {
				t.Errorf("%q: the library says %v", text, err)
			}
			continue
		}
		if got != nil {
			t.Errorf("%q: %v", text, got)
			continue
		}
		var values []any
		for _, d := range f.Docs {
			if d.Root == nil {
				continue
			}
			var v any
			if err := d.Root.Decode(&v); err != nil {
				t.Fatal(err)
			}
			if v != nil {
				values = append(values, v)
			}
		}
		if !reflect.DeepEqual(values, want) {
			t.Errorf("%q: %v, want %v", text, values, want)
		}
	}
}

func TestJSONStream(t *testing.T) {
	for text, want := range map[string]int{
		"{\"a\": 1}\n{\"a\": 2}\n": 2, `{"a":1}{"a":2}{"a":3}`: 3, `{"a":1}`: 1, "{\"a\":1}\n---\n{\"a\":2}": 2, " {\n \"a\": \"}{\" }\n": 1,
	} {
		f, err := Parse("t", []byte(text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if len(f.Docs) != want {
			t.Errorf("%q: %d documents, want %d", text, len(f.Docs), want)
		}
	}
}

// TestPlaces checks that line and column of every node lead to its bytes.
func TestPlaces(t *testing.T) {
	for _, text := range append([]string{
		"k: v0\n---\nk:\n  - v1\n  - v2\n---\nk: {x: v3}\n", "\xef\xbb\xbfk: v0\nl: v1\n", "ü: v0\nl: [ö, v1]\n", "a: \"\u2028\u2029\u0085\"\nb: v2\nc: v3\n", "a: v1\r\nb: v2\r\n---\r\nc: v3\r\n",
		"{\"a\": v1}\n", "{\"a\":\"v1\"}\n{\"b\":\"v2\"}\n",
	}, streams...) {
		f, err := Parse("t", []byte(text))
		if err != nil {
			continue
		}
		var walk func(n *yaml.Node)
		walk = func(n *yaml.Node) {
			if n.Kind == yaml.ScalarNode && n.Value != "" && n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0 {
				at := f.Bytes[f.Offset(n.Line, n.Column):]
				at = bytes.TrimLeft(at, "\"'")
				word := n.Value
				if i := strings.IndexAny(word, " \u2028\u2029\u0085"); i >= 0 {
					word = word[:i]
				}
				if !bytes.HasPrefix(at, []byte(word)) {
					t.Errorf("%q: %d:%d is not %q but %.10q", text, n.Line, n.Column, n.Value, at)
				}
				if line, col := f.Position(f.Offset(n.Line, n.Column)); line != n.Line || col != n.Column {
					t.Errorf("%q: %d:%d comes back as %d:%d", text, n.Line, n.Column, line, col)
				}
			}
			for _, c := range n.Content {
				walk(c)
			}
		}
		for _, d := range f.Docs {
			if d.Root != nil {
				walk(d.Root)
			}
		}
	}
}

func TestBadInput(t *testing.T) {
	for text, line := range map[string]int{
		"a: 1\nb: [\n": 0, "a: 1\n\x00": 2, "a: 1\nb: \xff\n": 2, "a: 1\n---\nb: {\n": 0, "a: 1\nb: c: d\n": 2,
		// The line that does not fit, not the one where its block begins.
		"x: 1\n---\na:\n   - b: 1\n     c: [1,\n       2]\n     d: 3\n    e: 4\n": 8,
	} {
		_, err := Parse("t", []byte(text))
		var s *SyntaxError
		if !errors.As(err, &s) {
			t.Errorf("%q: %v", text, err)
		} else if line > 0 && s.Line != line {
			t.Errorf("%q: line %d, want %d", text, s.Line, line)
		}
	}
}

func TestApply(t *testing.T) {
	got := Apply([]byte("0123456789"), []Edit{{5, 7, "x"}, {0, 0, "a"}, {0, 0, "b"}, {10, 10, "z"}})
	if string(got) != "ab01234x789z" {
		t.Errorf("%s", got)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range streams {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse("t", data)
		if err != nil {
			return
		}
		for _, d := range file.Docs {
			if d.Start > d.End || d.End > len(data) {
				t.Fatalf("document [%d,%d) of %d bytes", d.Start, d.End, len(data))
			}
			if d.Root != nil {
				file.Offset(d.Root.Line, d.Root.Column)
			}
		}
	})
}

// A byte order mark before a marker that ends a document leaves no room for one.
func TestByteOrderMarkBeforeAnEnd(t *testing.T) {
	f, err := Parse("t", []byte("\xef\xbb\xbf...\na: 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Docs) != 1 || String(f.Docs[0].Root, "a") != "1" || f.Docs[0].Root.Line != 2 {
		t.Errorf("%+v", f.Docs)
	}
}
