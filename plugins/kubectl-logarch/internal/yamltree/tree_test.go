package yamltree

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// force makes Judge look at every document.
func force(f *File) {
	for _, d := range f.Docs {
		d.Plain, d.JSON = false, false
	}
}

var texts = []string{
	"a: 1\n", "a:\n", "a: \n  b: 2\nc: 3", "- a\n- b: 1\n  c: 2\n-\n  - x\n- - y\n  - z\n",
	"a:\n- 1\n- 2\nb: x\n", "a: |\n  one\n  two\n\n\nb: 1\n", "a: |+\n  one\n\n", "a: >-\n  one\n  two\n\n  three\n   deep\n  four\n",
	"a: |2\n    one\n  two\n", "a: >\n  x\n", "a: |\n  x", "a: |+\n\nb: 1\n", "a: [1, 2, {b: c}]\n", "{a: 1, b: [x, y,], \"c\":d}\n",
	"a: {\n  b: c,\n  d: e,\n}\n", "# c\na: b # d\n# e\n", "a: \"x\\ty\\u0041\"\n", "a: 'it''s'\n", "a: x y\n  z\nb: 1\n",
	"a: \"x\n  y\n\n  z\"\n", "a: \"x\\\n   \\ y\"\n", "a: &x\n  b: 1\nc: *x\n", "a: &x 1\nb: !!str 2\nc: !<tag:x> y\n",
	"%YAML 1.2\n---\na: 1\n", "--- # comment\na: 1\n---\nb: 2\n...\n---\nc: 3\n", "--- {a: 1}\n---\n[x]\n", "a: 1\r\nb:\r\n- x\r\n- |\r\n  y\r\n  z\r\n",
	"\xef\xbb\xbfa: 1\n", "a: |\n  ---\n  x\nb: 1\n", "{\n\t\"a\": 1,\n\t\"b\": [\n\t\t{}\n\t]\n}\n", "a: http://x:80/y#z\n", "a: -x\nb: - \n", "- &a x\n- *a\n",
	"a: 'x\n  y'\n", "a:\n  - b\n  # c\n  - d\n# e\nf: g\n", "? a\n: b\n", "a: b: c\n", "a\n", "a:\n\tb: 1\n", "é: 1\nü:\n- ö: x\n", "a: !!binary |\n  aGk=\n",
	"a: >\n\n  x\n\n\n  y\n\n", "a: |\n   \n  x\n", "a: |\n  x\n     \n", "a: x#y\n", "a: 'x' # y\n", "a: \"x\"y\n", "a: {b: }\n", "a: {b}\n", "<<: {a: 1}\nb: 2\n",
	"a: &x [1]\nb: [*x, *x ]\n", "a: *nope\n", "a: {x: &y 1, z: *y}\n", "a: ''\nb: \"\"\n", "a: |-\n  x\n  y\n# c\nb: 1\n", "a: >+\n  x\n\n# c\nb: 1\n",
}

func TestReadingAgreesWithTheLibrary(t *testing.T) {
	for _, text := range texts {
		f := Parse("t", text)
		plain := map[*Doc]bool{}
		for _, d := range f.Docs {
			plain[d] = d.Plain
		}
		force(f)
		for _, d := range f.Docs {
			if err := f.Judge(d); err != nil {
				if unread := (*Unread)(nil); errors.As(err, &unread) && d.Root != nil {
					t.Errorf("%q: %v", text, err)
				}
				if plain[d] {
					t.Errorf("%q is said to be plain: %v", text, err)
				}
			}
		}
	}
}

func TestCorpus(t *testing.T) {
	files, _ := filepath.Glob("../../testdata/manifests/*/*")
	if len(files) < 25 {
		t.Fatalf("only %d manifests", len(files))
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f := Parse(name, string(b))
		force(f)
		for _, d := range f.Docs {
			if err := f.Judge(d); err != nil && !strings.Contains(name, ".bad.") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestSpans checks that every scalar's bytes are what its value says.
func TestSpans(t *testing.T) {
	src := "a: x y # c\nb: \"q\"\nc: 's'\nd: |\n  one\n  two\n\ne: [f, {g: h}]\n"
	want := []string{"x y", `"q"`, "'s'", "|\n  one\n  two", "[f, {g: h}]"}
	f := Parse("t", src)
	for i, n := range f.Docs[0].Root.Items {
		if got := src[n.Start:n.End]; got != want[i] {
			t.Errorf("%q, want %q", got, want[i])
		}
	}
}

func FuzzAgainstTheLibrary(f *testing.F) {
	for _, text := range texts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		file := Parse("t", text)
		for _, d := range file.Docs {
			if d.JSON || d.Root == nil {
				continue
			}
			plain := d.Plain
			d.Plain = false
			if err := file.Judge(d); err != nil && plain {
				t.Fatalf("%q is said to be plain: %v", text, err)
			}
		}
	})
}

// TestLiteralsAgain reads the same long literal in places where it ends
// differently, in one memory.
func TestLiteralsAgain(t *testing.T) {
	script := strings.Repeat("    echo a longer line of a script\n", 30)
	var s Scratch
	for _, text := range []string{
		"a:\n  b: |\n" + script + "  c: 1\n", "a:\n  b: |\n" + script + "  c: 1\n", "a:\n  b: |\n" + script, "a:\n  b: |\n" + script + "\n",
		"a:\n  b: |\n" + script + "    more\n  c: 1\n", "a:\n  b: |\n" + script + "\n\n  c: 1\n", "a:\n  b: |-\n" + script + "  c: 1\n",
		"a:\n  b: |+\n" + script + "\n  c: 1\n", "a:\n  b: >\n" + script + "  c: 1\n", "a:\n  b: |\n" + script + "      deeper\n  c: 1\n",
		"a:\n  b: |2\n" + script + "  c: 1\n", "a:\n  b: |\n" + script + "# comment\n  c: 1\n", "a:\n  - |\n" + script + "  - c\n",
		"a:\n  b: |\n" + script + "\t\n  c: 1\n", "a:\n      b:\n        - |\n" + script + "  c: 1\n", "a:\n  b: |\n" + script + "   c: 1\n",
	} {
		for range 2 {
			f := s.Parse("t", text)
			force(f)
			for _, d := range f.Docs {
				if err := f.Judge(d); d.Root != nil && errors.As(err, new(*Unread)) {
					t.Errorf("%q: %v", text, err)
				}
			}
			g := Parse("t", text)
			if len(f.Docs) != len(g.Docs) || (f.Docs[0].Root == nil) != (g.Docs[0].Root == nil) {
				t.Errorf("%q: read differently the second time", text)
			} else if f.Docs[0].Root != nil && f.Docs[0].Root.End != g.Docs[0].Root.End {
				t.Errorf("%q: ends at %d, alone at %d", text, f.Docs[0].Root.End, g.Docs[0].Root.End)
			}
		}
	}
}
