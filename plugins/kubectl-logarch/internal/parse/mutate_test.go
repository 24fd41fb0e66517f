package parse

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/clusterwright/kubectl-plugins/shared/logline"
)

// TestMutatedPieces: wherever a damaged input is cut into pieces, and however
// many workers parse them, the output is that of one parser over the whole. (A
// fuzz target finds little here: with goroutines its coverage is never twice the
// same.)
func TestMutatedPieces(t *testing.T) {
	formats, err := os.ReadFile("../../../../shared/logline/testdata/logs/formats.txt")
	if err != nil {
		t.Fatal(err)
	}
	seeds := [][]byte{formats, mixedLog(3000, 1), mixedLog(5000, 2)}
	seed := uint64(time.Now().UnixNano())
	rnd := rand.New(rand.NewPCG(seed, 2))
	name := filepath.Join(t.TempDir(), "x.log")
	compared := 0
	for range 1500 {
		data := append([]byte("x\n"), mutate(rnd, seeds[rnd.IntN(len(seeds))])...) // no gzip, no BOM
		write(t, name, data)
		meta := func() *logline.Meta { return &logline.Meta{Restart: -1, Year: 2026} }
		opt := Options{Encode: toJSON, Workers: 1 + rnd.IntN(3), chunk: 64 + rnd.IntN(400)}
		var got bytes.Buffer
		r, err := Run(t.Context(), []Input{{Path: name, Meta: meta()}}, opt, &got)
		if err != nil {
			continue // taken for binary data
		}
		compared++
		var want []byte
		events := int64(0)
		p := logline.NewParser(meta(), func(ev *logline.Event) {
			want = toJSON(want, ev)
			events++
		})
		p.Lines(data, 1)
		p.Flush()
		if got.String() != string(want) || r.Events != events {
			t.Fatalf("seed %d, pieces of %d: %d events\n%s\nwhole: %d events\n%s\nfrom %q", seed, opt.chunk, r.Events, got.Bytes(), events, want, data)
		}
	}
	if compared < 1000 {
		t.Errorf("only %d inputs were compared", compared)
	}
}

// mutate shuffles lines, cuts them off, damages bytes, makes holes and long
// lines.
func mutate(rnd *rand.Rand, seed []byte) []byte {
	lines := bytes.SplitAfter(seed, []byte("\n"))
	var data []byte
	for range rnd.IntN(60) {
		l := bytes.Clone(lines[rnd.IntN(len(lines))])
		switch rnd.IntN(12) {
		case 0:
			l = l[:rnd.IntN(len(l)+1)]
		case 1:
			l = append(make([]byte, rnd.IntN(300)), l...)
		case 2:
			l = append(bytes.TrimSuffix(l, []byte("\n")), "\r\n"...)
		case 3:
			if len(l) > 0 {
				l[rnd.IntN(len(l))] = byte(rnd.IntN(256))
			}
		case 4:
			l = append(bytes.Repeat([]byte("y"), rnd.IntN(2000)), l...)
		}
		data = append(data, l...)
	}
	return data
}
