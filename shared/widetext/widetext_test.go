package widetext

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

func TestRoundTrip(t *testing.T) {
	long := strings.Repeat("kind: Policy # grüß ☸ 😀\r\n", 1000)
	for _, text := range []string{"", "a", "grüß ☸ 😀\r\n", long, long[1:]} {
		for name, mark := range map[string]string{"little endian": "\xff\xfe", "big endian": "\xfe\xff"} {
			wide := encode([]byte(mark), []byte(text))
			if !bytes.HasPrefix(wide, []byte(mark)) || text != "" && bytes.Equal(wide[2:], []byte(text)) {
				t.Errorf("%s: not UTF-16: %q", name, wide[:min(len(wide), 20)])
			}
			if got := string(Decode(wide)); got != text {
				t.Errorf("%s: %d bytes came back as %d", name, len(text), len(got))
			}
			got, err := io.ReadAll(NewReader(iotest.OneByteReader(bytes.NewReader(wide))))
			if err != nil || string(got) != text {
				t.Errorf("%s, byte by byte: %d bytes came back as %d, %v", name, len(text), len(got), err)
			}
		}
	}
}

// The bytes of a file from Windows PowerShell 5.1: "a: ü" | Out-File x.yaml
func TestPowerShell(t *testing.T) {
	if got := string(Decode([]byte("\xff\xfea\x00:\x00 \x00\xfc\x00\r\x00\n\x00"))); got != "a: ü\r\n" {
		t.Errorf("%q", got)
	}
}

func TestOther(t *testing.T) {
	for _, text := range []string{"", "\xff", "\xef\xbb\xbfa: 1\n", "a: 1\n"} {
		if got := string(Decode([]byte(text))); got != text {
			t.Errorf("%q became %q", text, got)
		}
		file := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := Like(file, []byte("x")); err != nil || string(got) != "x" {
			t.Errorf("like %q: %q, %v", text, got, err)
		}
	}
	for in, want := range map[string]string{
		"\xff\xfea\x00b":                 "a\uFFFD", // cut off in a character
		"\xff\xfe\x3d\xd8a\x00":          "\uFFFDa", // half a pair
		"\xff\xfe\x3d\xd8":               "\uFFFD",
		"\xff\xfe\x00\xdea\x00":          "\uFFFDa",
		"\xff\xfe\xff\xfea\x00":          "\ufeffa",
		"\xfe\xff\xd8\x3d\xde\x00\x00\n": "😀\n",
	} {
		if got := string(Decode([]byte(in))); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	broken := errors.New("broken")
	if _, err := io.ReadAll(NewReader(io.MultiReader(strings.NewReader("\xff\xfea\x00"), iotest.ErrReader(broken)))); !errors.Is(err, broken) {
		t.Errorf("error lost: %v", err)
	}
}
