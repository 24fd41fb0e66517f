package cri

import (
	"bytes"
	"io"
)

// LogWriter takes a container's log file (TIME STREAM F|P TEXT, a line each)
// and writes the texts to the stream that each came from.
type LogWriter struct {
	Out, Err io.Writer
	// Times keeps the time in front of each line.
	Times bool

	rest []byte
	// open are the streams whose last text was part of a line (P).
	open struct{ out, err bool }
}

// Write implements io.Writer.
func (w *LogWriter) Write(b []byte) (int, error) {
	w.rest = append(w.rest, b...)
	for {
		line, rest, ok := bytes.Cut(w.rest, []byte("\n"))
		if !ok {
			return len(b), nil
		}
		w.rest = rest
		if err := w.line(line); err != nil {
			return len(b), err
		}
	}
}

// Flush writes a last line that has no end.
func (w *LogWriter) Flush() error {
	if len(w.rest) == 0 {
		return nil
	}
	line := w.rest
	w.rest = nil
	return w.line(line)
}

func (w *LogWriter) line(line []byte) error {
	f := bytes.SplitN(line, []byte(" "), 4)
	if len(f) < 4 {
		_, err := w.Out.Write(append(line, '\n')) // not the format of the CRI: as it is
		return err
	}
	to, open := w.Out, &w.open.out
	if string(f[1]) == "stderr" {
		to, open = w.Err, &w.open.err
	}
	text := f[3]
	if w.Times && !*open {
		text = append(append(append([]byte{}, f[0]...), ' '), text...)
	}
	*open = string(f[2]) == "P"
	if !*open {
		text = append(append([]byte{}, text...), '\n')
	}
	_, err := to.Write(text)
	return err
}
