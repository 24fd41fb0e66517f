package logline

import (
	"bytes"
	"strings"
)

// Lookup appends what an event says of a key to dst: one of its fields, msg,
// err, logger, caller, severity or component; a member of a field that is an
// object (event.Type); or, where it has no such field, where the event came
// from (namespace, pod, container, host, unit, stream, file). It returns false
// where there is nothing.
func (e *Event) Lookup(dst []byte, key string) ([]byte, bool) {
	for i := range e.Fields {
		f := &e.Fields[i]
		if k := f.Key.Raw; string(k) == key || len(k) > len(key) && f.Key.Enc != Plain && f.Key.String() == key {
			return f.Value.Text(dst), true
		}
	}
	switch key {
	case "msg":
		return e.Msg.Text(dst), true
	case "err":
		if e.ErrAt >= 0 {
			return e.Err.Text(dst), true
		}
	case "logger":
		if e.LoggerAt >= 0 {
			return e.Logger.Text(dst), true
		}
	case "caller":
		return append(dst, e.Caller...), len(e.Caller) > 0
	case "severity":
		return append(dst, severityNames[e.Severity]...), true
	case "component":
		c := e.Component()
		return append(dst, c...), len(c) > 0
	}
	if field, path, ok := strings.Cut(key, "."); ok {
		for i := range e.Fields {
			f := &e.Fields[i]
			if string(f.Key.Raw) == field && (f.Value.Enc == JSONValue || f.Value.Enc == JSONPlain) {
				if v, ok := member(f.Value.Raw, path); ok {
					return v.Text(dst), true
				}
			}
		}
	}
	if s := e.from(key); len(s) > 0 {
		return append(dst, s...), true
	}
	return dst, false
}

// from is where the event came from: what its carrier says, else its path.
func (e *Event) from(key string) []byte {
	var said []byte
	known := ""
	m := e.File
	if m == nil {
		m = &Meta{}
	}
	switch key {
	case "namespace":
		said, known = e.Env.Namespace, m.Namespace
	case "pod": // as klog writes a reference: namespace/name
		ns := e.from("namespace")
		if said, known = e.Env.Pod, m.Pod; len(ns) > 0 && len(said)+len(known) > 0 {
			if len(said) == 0 {
				said = []byte(known)
			}
			return append(append(bytes.Clone(ns), '/'), said...)
		}
	case "container":
		said, known = e.Env.Container, m.Container
	case "host":
		said = e.Env.Host
	case "unit":
		said = e.Env.Unit
	case "stream":
		known = streamNames[e.Env.Stream]
	case "file":
		known = m.Name
	}
	if len(said) > 0 {
		return said
	}
	return []byte(known)
}

// member finds a value in nested JSON objects by the names on its way. A name
// may itself hold dots.
func member(raw []byte, path string) (v Value, ok bool) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || raw[0] != '{' {
		return Value{}, false
	}
	scanObject(raw, 0, func(key, val []byte) {
		name := string(key)
		switch {
		case name == path:
			v, ok = Value{val, JSONValue}, true
			if val[0] == '"' {
				v = Value{val[1 : len(val)-1], JSONString}
			}
		case !ok && strings.HasPrefix(path, name+"."):
			v, ok = member(val, path[len(name)+1:])
		}
	})
	return v, ok
}
