package parse

import (
	"bytes"
	"encoding/binary"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// entryOf writes a journal entry in the export format; a value with a line
// break or that is not text goes in binary.
func entryOf(b *bytes.Buffer, fields ...string) {
	for i := 0; i < len(fields); i += 2 {
		if strings.ContainsFunc(fields[i+1], func(r rune) bool { return r == '\n' || r == utf8.RuneError }) {
			b.WriteString(fields[i] + "\n")
			_ = binary.Write(b, binary.LittleEndian, uint64(len(fields[i+1])))
			b.WriteString(fields[i+1] + "\n")
			continue
		}
		b.WriteString(fields[i] + "=" + fields[i+1] + "\n")
	}
	b.WriteString("\n")
}

// TestJournalExport: text and binary fields, events over several entries and of
// several programs, in pieces that end anywhere.
func TestJournalExport(t *testing.T) {
	var b bytes.Buffer
	kubelet := func(msg string) {
		entryOf(&b, "__CURSOR", "s=1;i=2", "__REALTIME_TIMESTAMP", "1795233395000000", "PRIORITY", "6", "_PID", "812", "_HOSTNAME", "n1",
			"SYSLOG_IDENTIFIER", "kubelet", "_SYSTEMD_UNIT", "kubelet.service", "MESSAGE", msg)
	}
	kubelet(`I1121 03:56:35.000000     812 kubelet.go:9] "block" data=<`)
	entryOf(&b, "__REALTIME_TIMESTAMP", "1795233395000001", "SYSLOG_IDENTIFIER", "containerd", "_PID", "400", "MESSAGE", `time="2026-11-21T03:56:35Z" level=info msg="in between"`)
	kubelet("\tone")
	kubelet(" > n=1")
	kubelet("E1121 03:56:36.000000     812 kubelet.go:10] one entry\nof two lines")
	entryOf(&b, "__REALTIME_TIMESTAMP", "1795233397000000", "PRIORITY", "3", "_COMM", "kernel", "MESSAGE", "bytes \xff in it")
	out, r := run(t, Options{Encode: toJSON}, write(t, filepath.Join(t.TempDir(), "j.export"), b.Bytes()))
	want := []string{
		`"component":"containerd","msg":"in between"`,
		`"component":"kubelet","caller":"kubelet.go:9","msg":"block","fields":{"data":"one\n","n":1},"source":{"format":"klog","via":"journald"`,
		`"severity":"error","component":"kubelet","caller":"kubelet.go:10","msg":"one entry\nof two lines"`,
		`"severity":"error","component":"kernel","msg":"bytes ` + "\ufffd" + ` in it"`,
	}
	got := strings.Split(strings.TrimSpace(out), "\n")
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d:\n%s", len(got), len(want), out)
	}
	for i := range want {
		if !strings.Contains(got[i], want[i]) {
			t.Errorf("record %d: %s\nwant %s", i, got[i], want[i])
		}
	}
	if r.Lines != 6 || r.Carriers[3] != 4 {
		t.Errorf("%d entries, carriers %v", r.Lines, r.Carriers)
	}
}

// TestJournalCutOff: what was read before the damage is shown, and the damage is
// told.
func TestJournalCutOff(t *testing.T) {
	var b bytes.Buffer
	entryOf(&b, "__REALTIME_TIMESTAMP", "1795233395000000", "MESSAGE", "whole")
	entryOf(&b, "__REALTIME_TIMESTAMP", "1795233396000000", "MESSAGE", "two\nlines")
	for _, data := range [][]byte{b.Bytes()[:b.Len()-6], bytes.Replace(b.Bytes(), []byte("MESSAGE\n\t"), []byte("MESSAGE\n\xff\xff\xff\xff\xff\xff\xff\xff"), 1)} {
		in, err := Expand([]string{write(t, filepath.Join(t.TempDir(), "j.export"), data)}, nil, Defaults{})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		_, err = Run(t.Context(), in, Options{Encode: toJSON}, &out)
		var nt *NotText
		if !errors.As(err, &nt) || !strings.Contains(err.Error(), "entry 2") {
			t.Errorf("error %v", err)
		}
		if !strings.Contains(out.String(), `"msg":"whole"`) {
			t.Errorf("output %s", out.String())
		}
	}
}

// FuzzJournalExport: no input crashes the reader or makes it allocate what a
// length only claims.
func FuzzJournalExport(f *testing.F) {
	var b bytes.Buffer
	entryOf(&b, "__CURSOR", "x", "MESSAGE", "two\nlines", "_PID", "1")
	f.Add(b.Bytes())
	f.Add([]byte("__CURSOR=\nMESSAGE\n\xff\xff\xff\xff\xff\xff\xff\x7f"))
	f.Fuzz(func(t *testing.T, data []byte) {
		in := []Input{{Stdin: bytes.NewReader(append([]byte("__CURSOR=a\n"), data...)), Meta: MetaOf("x")}}
		var out bytes.Buffer
		_, _ = Run(t.Context(), in, Options{Encode: toJSON, Workers: 1}, &out)
	})
}
