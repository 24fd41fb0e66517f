package parse

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/clusterwright/kubectl-plugins/shared/logline"
)

// maxJournalField is the largest field that is read; journald's own limit is
// 768 MB, and no log line comes near.
const maxJournalField = 64 << 20

// journal reads the journal's export format: fields KEY=VALUE a line, or KEY,
// a length and bytes that may hold line breaks; an empty line ends an entry.
// https://systemd.io/JOURNAL_EXPORT_FORMATS/
func (c *cutter) journal(src io.Reader) error {
	r := bufio.NewReaderSize(src, 256<<10)
	var batch []entry
	size := 0
	first, n := 1, 0
	flush := func(end bool) error {
		if len(batch) == 0 && !end {
			return nil
		}
		if batch == nil {
			batch = []entry{}
		}
		c.total.Lines += int64(len(batch))
		c.total.Bytes += int64(size)
		ch := &chunk{meta: c.in.Meta, entries: batch, line: first, end: end}
		first += len(batch)
		batch, size = nil, 0
		if !c.p.send(c.ctx, ch) {
			return errStopped
		}
		return nil
	}
	for {
		e, got, err := readEntry(r)
		damaged := err != nil && !errors.Is(err, io.EOF)
		if got && (!damaged || e.text != nil) {
			n++
			batch = append(batch, e)
			size += len(e.text) + 64
		}
		if errors.Is(err, io.EOF) {
			return stopped(flush(!c.in.More))
		}
		if damaged {
			if got && e.text != nil {
				n-- // it was counted, and it is the one that is damaged
			}
			if ferr := flush(true); ferr != nil {
				return stopped(ferr)
			}
			return &NotText{Name: c.name, What: fmt.Sprintf("entry %d of the journal export is cut off or damaged: %v", n+1, err)}
		}
		if size > c.p.opt.chunk || r.Buffered() == 0 {
			if err := flush(false); err != nil {
				return stopped(err)
			}
		}
	}
}

// readEntry reads one entry; got says whether it had any field.
func readEntry(r *bufio.Reader) (e entry, got bool, err error) {
	e.env.Kind = logline.Journald
	for {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) > 0 {
			err = nil
		}
		if err != nil {
			return e, got, err
		}
		line = bytes.TrimSuffix(line, []byte{'\n'})
		if len(line) == 0 {
			if got {
				return e, true, nil
			}
			continue
		}
		key, val, ok := bytes.Cut(line, []byte{'='})
		if !ok {
			var size [8]byte
			if _, err := io.ReadFull(r, size[:]); err != nil {
				return e, got, fmt.Errorf("field %q has no length", clip(key))
			}
			n := binary.LittleEndian.Uint64(size[:])
			if n > maxJournalField {
				return e, got, fmt.Errorf("field %q claims to have %d bytes", clip(key), n)
			}
			// Read as it comes: a wrong length must not allocate it all.
			var b bytes.Buffer
			if _, err := io.CopyN(&b, r, int64(n)); err != nil {
				return e, got, fmt.Errorf("field %q is cut off", clip(key))
			}
			val = b.Bytes()
			if c, err := r.ReadByte(); err == nil && c != '\n' {
				return e, got, fmt.Errorf("field %q has a wrong length", clip(key))
			}
		}
		got = true
		if string(key) == "MESSAGE" {
			e.text = val
			continue
		}
		logline.JournalField(key, val, &e.env)
	}
}

func clip(b []byte) string { return string(b[:min(len(b), 40)]) }
