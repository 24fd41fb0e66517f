package cri

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// Object is a message of the CRI as crictl's -o json shows it: zero values are
// there, absent messages are not, 64-bit numbers are strings.
type Object = map[string]any

// decode reads a message of the schema. A field that the schema does not have
// is skipped, as a newer runtime may send some.
func decode(message string, b []byte) (Object, error) {
	fields, ok := tables().messages[message]
	if !ok {
		return nil, fmt.Errorf("no message %s", message)
	}
	out := Object{}
	for _, f := range fields {
		if v, ok := zero(f); ok {
			out[f.name] = v
		}
	}
	for len(b) > 0 {
		number, wire, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil, fmt.Errorf("%s: %w", message, protowire.ParseError(n))
		}
		b = b[n:]
		size := protowire.ConsumeFieldValue(number, wire, b)
		if size < 0 {
			return nil, fmt.Errorf("%s: %w", message, protowire.ParseError(size))
		}
		if f, ok := fields[int32(number)]; ok {
			if err := set(out, f, wire, b[:size]); err != nil {
				return nil, fmt.Errorf("%s.%s: %w", message, f.name, err)
			}
		}
		b = b[size:]
	}
	return out, nil
}

func zero(f field) (any, bool) {
	if f.list {
		return []any{}, true
	}
	if names, ok := tables().enums[f.kind]; ok {
		return names[0], true
	}
	switch f.kind {
	case "map":
		return Object{}, true
	case "string":
		return "", true
	case "bool":
		return false, true
	case "int64", "uint64":
		return "0", true
	case "int32", "uint32":
		return json.Number("0"), true
	case "double":
		return json.Number("0"), true
	}
	return nil, false
}

func set(out Object, f field, wire protowire.Type, b []byte) error {
	switch {
	case f.kind == "map":
		pair, _ := protowire.ConsumeBytes(b)
		k, v, err := entry(pair)
		if err != nil {
			return err
		}
		out[f.name].(Object)[k] = v
		return nil
	case f.list && wire == protowire.BytesType && isNumber(f.kind):
		// Repeated numbers come packed.
		packed, _ := protowire.ConsumeBytes(b)
		for len(packed) > 0 {
			n, size := protowire.ConsumeVarint(packed)
			if size < 0 {
				return protowire.ParseError(size)
			}
			out[f.name] = append(out[f.name].([]any), number(f.kind, n))
			packed = packed[size:]
		}
		return nil
	}
	v, err := value(f, wire, b)
	if err != nil {
		return err
	}
	if f.list {
		v = append(out[f.name].([]any), v)
	}
	out[f.name] = v
	return nil
}

func isNumber(kind string) bool {
	return slices.Contains([]string{"int64", "uint64", "int32", "uint32", "bool"}, kind)
}

func value(f field, wire protowire.Type, b []byte) (any, error) {
	switch wire {
	case protowire.VarintType:
		n, _ := protowire.ConsumeVarint(b)
		return number(f.kind, n), nil
	case protowire.Fixed64Type:
		n, _ := protowire.ConsumeFixed64(b)
		return json.Number(strconv.FormatFloat(math.Float64frombits(n), 'g', -1, 64)), nil
	case protowire.BytesType:
		data, _ := protowire.ConsumeBytes(b)
		if f.kind == "string" {
			return string(data), nil
		}
		return decode(f.kind, data)
	}
	return nil, fmt.Errorf("unexpected wire type %d", wire)
}

func number(kind string, n uint64) any {
	switch kind {
	case "bool":
		return n != 0
	case "int64":
		return strconv.FormatInt(int64(n), 10)
	case "uint64":
		return strconv.FormatUint(n, 10)
	case "int32":
		return json.Number(strconv.FormatInt(int64(int32(n)), 10))
	case "uint32":
		return json.Number(strconv.FormatUint(uint64(uint32(n)), 10))
	}
	names := tables().enums[kind]
	if n < uint64(len(names)) {
		return names[n]
	}
	return json.Number(strconv.FormatUint(n, 10))
}

// entry reads one pair of a map of strings.
func entry(b []byte) (key, val string, err error) {
	for len(b) > 0 {
		number, wire, n := protowire.ConsumeTag(b)
		if n < 0 {
			return "", "", protowire.ParseError(n)
		}
		b = b[n:]
		size := protowire.ConsumeFieldValue(number, wire, b)
		if size < 0 {
			return "", "", protowire.ParseError(size)
		}
		if wire == protowire.BytesType {
			s, _ := protowire.ConsumeBytes(b)
			switch number {
			case 1:
				key = string(s)
			case 2:
				val = string(s)
			}
		}
		b = b[size:]
	}
	return key, val, nil
}

// Str is the text at a path, "" where there is none.
func Str(o Object, path ...string) string {
	v := at(o, path)
	s, _ := v.(string)
	return s
}

// Num is the number at a path, whatever its spelling, 0 where there is none.
func Num(o Object, path ...string) int64 {
	var s string
	switch v := at(o, path).(type) {
	case string:
		s = v
	case json.Number:
		s = v.String()
	case float64:
		return int64(v)
	}
	n, _ := strconv.ParseInt(s, 10, 64)
	return n
}

// List is the messages of a repeated field.
func List(o Object, path ...string) []Object {
	items, _ := at(o, path).([]any)
	var out []Object
	for _, it := range items {
		if m, ok := it.(Object); ok {
			out = append(out, m)
		}
	}
	return out
}

// Strings is a repeated text.
func Strings(o Object, path ...string) []string {
	items, _ := at(o, path).([]any)
	var out []string
	for _, it := range items {
		if s, ok := it.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

func at(o Object, path []string) any {
	var v any = o
	for _, p := range path {
		m, ok := v.(Object)
		if !ok {
			return nil
		}
		v = m[p]
	}
	return v
}
