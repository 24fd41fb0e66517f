package logline

import (
	"bytes"
	"strconv"
	"strings"
)

// Style paints words for a terminal.
type Style interface {
	Faint(string) string
	Error(string) string
	Warning(string) string
	Info(string) string
}

// View writes events as lines for people.
type View struct {
	faint, error, warning, info paint
}

// paint is what stands before and after a painted word.
type paint struct{ on, off string }

func paintOf(f func(string) string) paint {
	on, off, _ := strings.Cut(f("x"), "x")
	return paint{on, off}
}

// NewView returns a view in a style. Several goroutines may use it.
func NewView(s Style) *View {
	return &View{faint: paintOf(s.Faint), error: paintOf(s.Error), warning: paintOf(s.Warning), info: paintOf(s.Info)}
}

// Append appends an event: time, severity, who (where asked for), message,
// error, fields, place. Values of several lines follow, indented.
func (v *View) Append(dst []byte, e *Event, who bool) []byte {
	if e.Format == Unparsed && e.Env.Kind == NoEnvelope {
		return appendVisible(dst, e.Raw)
	}
	dst = append(dst, v.faint.on...)
	if e.HasTime {
		dst = appendShortTime(dst, e.Time)
	} else {
		dst = append(dst, "                  "...)
	}
	dst = append(append(dst, v.faint.off...), ' ')
	var by paint
	switch e.Severity {
	case Fatal, Error:
		by = v.error
	case Warning:
		by = v.warning
	case Debug:
		by = v.faint
	}
	dst = append(append(dst, by.on...), e.Severity.Letter())
	dst = append(append(dst, by.off...), ' ')
	if who {
		if w := e.who(); w != "" {
			dst = append(dst, v.info.on...)
			dst = append(appendVisible(dst, []byte(w)), v.info.off...)
			dst = append(dst, ' ')
		}
	}
	var blocks []block
	e.scratch = e.Msg.Text(e.scratch[:0])
	msg, rest, many := bytes.Cut(e.scratch, []byte{'\n'})
	if many {
		blocks = append(blocks, block{"", string(rest)})
	}
	if len(msg) > 0 {
		dst = append(dst, by.on...)
		dst = append(appendVisible(dst, msg), by.off...)
	}
	if e.ErrAt >= 0 {
		e.scratch = e.Err.Text(e.scratch[:0])
		if bytes.IndexByte(e.scratch, '\n') >= 0 {
			blocks = append(blocks, block{"err", string(e.scratch)})
		} else {
			dst = append(append(dst, ": "...), v.error.on...)
			dst = append(appendVisible(dst, e.scratch), v.error.off...)
		}
	}
	if e.LoggerAt >= 0 {
		dst = v.key(dst, []byte("logger"))
		e.scratch = e.Logger.Text(e.scratch[:0])
		dst = appendVisible(dst, e.scratch)
	}
	for i := range e.Fields {
		f := &e.Fields[i]
		e.scratch = f.Value.Text(e.scratch[:0])
		isText := f.Value.IsString()
		if isText && bytes.IndexByte(e.scratch, '\n') >= 0 {
			blocks = append(blocks, block{f.Key.String(), string(e.scratch)})
			continue
		}
		key := f.Key.Raw
		if f.Key.Enc != Plain {
			key = f.Key.Text(nil)
		}
		dst = v.key(dst, key)
		if isText && needsQuotes(e.scratch) {
			dst = strconv.AppendQuote(dst, string(e.scratch))
		} else {
			dst = appendVisible(dst, e.scratch)
		}
	}
	if len(e.Caller) > 0 {
		dst = append(append(dst, "  "...), v.faint.on...)
		dst = append(appendVisible(dst, e.Caller), v.faint.off...)
	}
	if e.Incomplete {
		dst = append(append(dst, "  "...), v.warning.on...)
		dst = append(append(dst, "(the rest of this line was never written)"...), v.warning.off...)
	}
	for _, b := range blocks {
		indent := "\n    "
		if b.key != "" {
			indent = "\n      "
			dst = append(append(dst, "\n    "...), v.faint.on...)
			dst = append(appendVisible(dst, []byte(b.key)), ':')
			dst = append(dst, v.faint.off...)
		}
		for line := range bytes.SplitSeq(bytes.TrimSuffix([]byte(b.text), []byte{'\n'}), []byte{'\n'}) {
			dst = appendVisible(append(dst, indent...), line)
		}
	}
	return dst
}

func (v *View) key(dst, key []byte) []byte {
	dst = append(append(dst, "  "...), v.faint.on...)
	return append(append(appendVisible(dst, key), '='), v.faint.off...)
}

type block struct{ key, text string }

// who names the source of a line in the readable view.
func (e *Event) who() string {
	if e.File != nil && e.File.Pod != "" {
		if e.File.Container == e.File.Pod || e.File.Container == "" {
			return e.File.Pod
		}
		return e.File.Pod + "/" + e.File.Container
	}
	if len(e.Env.Pod) > 0 {
		if len(e.Env.Container) == 0 {
			return string(e.Env.Pod)
		}
		return string(e.Env.Pod) + "/" + string(e.Env.Container)
	}
	if c := e.Component(); len(c) > 0 {
		return string(c)
	}
	if e.File != nil {
		return e.File.Name
	}
	return ""
}

// Visible returns a text as a terminal may show it: see appendVisible.
func Visible(s string) string { return string(appendVisible(nil, []byte(s))) }

// appendVisible keeps control characters off the terminal, those of one byte
// and the C1 set (which some terminals obey in UTF-8 too). A program's own
// colours are left out.
func appendVisible(dst, s []byte) []byte {
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c < 0x7f || c >= 0xa0 && c != 0xc2 || c == '\t' {
			continue
		}
		if c >= 0x80 && c < 0xa0 && i > 0 && s[i-1] >= 0x80 {
			continue // part of a character
		}
		if c == 0xc2 {
			if i+1 < len(s) && s[i+1] >= 0x80 && s[i+1] < 0xa0 {
				dst = append(append(dst, s[start:i]...), '\\', 'u', '0', '0', hexDigits[s[i+1]>>4], hexDigits[s[i+1]&15])
				i++
				start = i + 1
			}
			continue
		}
		if n := colour(s[i:]); n > 0 {
			dst = append(dst, s[start:i]...)
			i += n - 1
			start = i + 1
			continue
		}
		dst = append(append(dst, s[start:i]...), '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
		start = i + 1
	}
	return append(dst, s[start:]...)
}

// needsQuotes says whether a text has to be quoted to be told from what stands
// around it.
func needsQuotes(s []byte) bool {
	for _, c := range s {
		if c <= ' ' || c == '"' || c == '=' || c == '\\' {
			return true
		}
	}
	return len(s) == 0 || bytes.Contains(s, []byte("\ufffd"))
}
