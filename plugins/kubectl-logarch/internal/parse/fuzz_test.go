package parse

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/clusterwright/kubectl-plugins/shared/logline"
)

// FuzzPieces: wherever an input is cut into pieces, and however many workers
// parse them, the output is that of one parser over the whole.
func FuzzPieces(f *testing.F) {
	data, err := os.ReadFile("../../../../shared/logline/testdata/logs/formats.txt")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data, uint8(3))
	f.Add(mixedLog(3000, 1), uint8(0))
	f.Add(mixedLog(3000, 2), uint8(200))
	f.Add([]byte("I1121 03:56:31.367033       1 a.go:1] \"b\" k=<\n\tx\n\x00\x00\x00\n >\npanic: x\n\ngoroutine 1 [running]:\n"), uint8(9))
	name := filepath.Join(f.TempDir(), "x.log")
	f.Fuzz(func(t *testing.T, data []byte, size uint8) {
		data = append([]byte("x\n"), data...) // no gzip, no BOM
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		meta := func() *logline.Meta { return &logline.Meta{Restart: -1, Year: 2026} }
		var got bytes.Buffer
		in := []Input{{Path: name, Meta: meta()}}
		r, err := Run(t.Context(), in, Options{Encode: toJSON, Workers: 3, chunk: 64 + int(size)}, &got)
		if err != nil {
			return // no text
		}
		var want []byte
		events := int64(0)
		p := logline.NewParser(meta(), func(ev *logline.Event) {
			want = toJSON(want, ev)
			events++
		})
		p.Lines(data, 1)
		p.Flush()
		if got.String() != string(want) || r.Events != events {
			t.Fatalf("in pieces of %d: %d events\n%s\nwhole: %d events\n%s", 64+int(size), r.Events, got.Bytes(), events, want)
		}
	})
}
