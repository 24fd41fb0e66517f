package logline

import (
	"bytes"
	"strconv"
)

// severityJSON are the severities as members.
var severityJSON = func() (out [len(severityNames)]string) {
	for i, n := range severityNames {
		out[i] = `"severity":"` + n + `"`
	}
	return out
}()

// AppendJSON appends the event as one JSON object, without a line break.
func (e *Event) AppendJSON(dst []byte) []byte {
	if e.memo == nil {
		e.memo = &memo{}
	}
	dst = append(dst, '{')
	if e.HasTime {
		dst = append(dst, `"time":"`...)
		dst = e.memo.date.appendTime(dst, e.Time)
		dst = append(dst, `",`...)
	}
	dst = append(dst, severityJSON[e.Severity]...)
	if e.File != nil && e.File.prepared && len(e.Env.Identifier)+len(e.Env.Container) == 0 {
		dst = append(dst, e.File.jsonComponent...)
	} else if c := e.Component(); len(c) > 0 {
		dst = append(dst, `,"component":`...)
		dst = AppendJSONString(dst, c)
	}
	if e.V >= 0 {
		dst = append(dst, `,"v":`...)
		dst = strconv.AppendInt(dst, int64(e.V), 10)
	}
	if e.LoggerAt >= 0 {
		dst = append(dst, `,"logger":`...)
		dst = e.Logger.AppendJSON(dst)
	}
	if len(e.Caller) > 0 {
		dst = append(dst, `,"caller":`...)
		dst = AppendJSONString(dst, e.Caller)
	}
	dst = append(dst, `,"msg":`...)
	dst = e.Msg.AppendJSON(dst)
	if e.ErrAt >= 0 {
		dst = append(dst, `,"err":`...)
		dst = e.Err.AppendJSONField(dst)
	}
	if len(e.Fields) > 0 {
		dst = append(dst, `,"fields":{`...)
		for i := range e.Fields {
			f := &e.Fields[i]
			if i > 0 {
				dst = append(dst, ',')
			}
			if k := f.Key.Raw; safePrefix(k) == len(k) {
				dst = append(append(append(dst, '"'), k...), `":`...)
			} else {
				dst = append(f.Key.AppendJSON(dst), ':')
			}
			switch f.Value.Enc {
			case JSONPlain:
				dst = append(dst, f.Value.Raw...)
			case GoLiteral:
				dst = append(append(append(dst, '"'), f.Value.Raw...), '"')
			default:
				dst = f.Value.AppendJSONField(dst)
			}
		}
		dst = append(dst, '}')
	}
	return e.appendSource(dst)
}

// appendSource appends where the event came from and how it was written, and
// ends the object.
func (e *Event) appendSource(dst []byte) []byte {
	dst = e.memo.appendHead(dst, e)
	dst = e.memo.appendLine(dst, e.Line)
	dst = e.memo.appendTail(dst, e)
	if env := &e.Env; len(env.Namespace)+len(env.Pod)+len(env.Container)+len(env.Host)+len(env.Unit) > 0 {
		for _, m := range [...]struct {
			key string
			val []byte
		}{{`,"namespace":`, env.Namespace}, {`,"pod":`, env.Pod}, {`,"container":`, env.Container}, {`,"host":`, env.Host}, {`,"unit":`, env.Unit}} {
			if len(m.val) > 0 {
				dst = AppendJSONString(append(dst, m.key...), m.val)
			}
		}
	}
	// When the carrier took the line is told only where it tells something.
	if e.Env.HasTime {
		if d := e.Env.Time - e.Time; d > second || d < -second {
			dst = append(dst, `,"received":"`...)
			dst = AppendTime(dst, e.Env.Time)
			dst = append(dst, '"')
		}
	}
	if e.Incomplete {
		dst = append(dst, `,"incomplete":true`...)
	}
	return append(dst, "}}"...)
}

// AppendKlog appends the event as klog text, without a line break. An event
// that was klog text comes out byte for byte; what is in no known format stays
// as it is.
func (e *Event) AppendKlog(dst []byte) []byte {
	switch e.Format {
	case Klog, Unparsed, Panic:
		return append(dst, e.Raw...)
	}
	letter := byte('I')
	switch e.Severity {
	case Warning, Error, Fatal:
		letter = e.Severity.Letter()
	}
	days := floorDiv(e.Time, day)
	_, m, d := civilFromDays(days)
	into := e.Time - days*day
	dst = append2(append2(append(dst, letter), m), d)
	dst = append(dst, ' ')
	dst = appendClock(dst, int(into/second))
	us := int(into % second / 1000)
	dst = append(dst, '.')
	dst = append2(append2(append2(dst, us/10000), us/100%100), us%100)
	dst = append(dst, ' ')
	pid := strconv.Itoa(max(e.PID, 1))
	for i := len(pid); i < 7; i++ {
		dst = append(dst, ' ')
	}
	dst = append(append(dst, pid...), ' ')
	if len(e.Caller) > 0 {
		dst = append(dst, e.Caller...)
	} else {
		dst = append(dst, "???:1"...)
	}
	dst = append(dst, "] "...)
	if !e.Structured {
		dst = e.Msg.Text(dst)
		for i := range e.Fields { // the stack trace that followed
			dst = e.Fields[i].Value.Text(append(dst, '\n'))
		}
		return dst
	}
	dst = strconv.AppendQuote(dst, e.Msg.String())
	pair := func(key []byte, v Value) {
		dst = append(append(dst, ' '), key...)
		if !v.IsString() {
			dst = append(dst, '=')
			dst = v.Text(dst)
			return
		}
		text := v.Text(nil)
		if bytes.IndexByte(text, '\n') < 0 {
			dst = strconv.AppendQuote(append(dst, '='), string(text))
			return
		}
		dst = append(dst, "=<\n"...)
		for line := range bytes.SplitSeq(bytes.TrimSuffix(text, []byte{'\n'}), []byte{'\n'}) {
			dst = append(append(append(dst, '\t'), line...), '\n')
		}
		dst = append(dst, " >"...)
	}
	e.eachPair(pair)
	return dst
}

// eachPair calls f with the fields, the logger and the error in the order in
// which klog writes them.
func (e *Event) eachPair(f func(key []byte, v Value)) {
	logger := func(i int) {
		if e.LoggerAt == i {
			f([]byte("logger"), e.Logger)
		}
	}
	// The two indexes were taken one after the other, so that the one taken
	// second counts without the first.
	errAt := e.ErrAt
	if e.ErrAt >= 0 && e.LoggerAt >= 0 && e.errFirst && e.LoggerAt < e.ErrAt {
		errAt--
	}
	for i := 0; i <= len(e.Fields); i++ {
		if errAt == i && e.errFirst {
			f(errName, e.Err)
		}
		logger(i)
		if errAt == i && !e.errFirst {
			f(errName, e.Err)
		}
		if i < len(e.Fields) {
			f(e.Fields[i].Key.Text(nil), e.Fields[i].Value)
		}
	}
}
