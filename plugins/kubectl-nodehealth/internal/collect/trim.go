package collect

import (
	"errors"

	"google.golang.org/protobuf/encoding/protowire"
)

// Most of a pod's bytes are of no interest here: environments, mounts, probes,
// managed fields, annotations. They are cut out of the protobuf before it is
// decoded, which is several times cheaper than decoding them. What remains is
// a smaller message of the same type.

// fields says which fields of a message are kept: nil keeps a field whole, a
// map keeps a part of a message.
type fields map[protowire.Number]fields

var (
	resourcesKept = fields{1: nil, 2: nil}
	statusKept    = fields{1: nil, 10: nil, 11: resourcesKept}
	containerKept = fields{1: nil, 8: resourcesKept, 24: nil}

	// podSelf is what snapshot.Pods.Add reads of a pod besides its resources:
	// who it is, who owns it, where it runs and how it is.
	podSelf = fields{
		1: {1: nil, 3: nil, 8: nil, 9: nil, 10: nil, 13: {1: nil, 6: nil}},
		2: {10: nil},
		3: {1: nil, 2: {1: nil, 2: nil}, 3: nil, 4: nil, 8: {14: nil}},
	}
	// podSize is what its requests and limits are counted from: specification
	// and status, because a resize in place is in the status. Pods of one
	// workload have the same, byte for byte.
	podSize = fields{
		2: {2: containerKept, 3: nil, 20: containerKept, 32: nil, 40: resourcesKept},
		3: {8: statusKept, 10: statusKept, 19: nil, 20: resourcesKept, 21: nil},
	}
	// nodeKept is a node less its images and managed fields.
	nodeKept = fields{
		1: {1: nil, 5: nil, 8: nil, 9: nil, 11: nil, 12: nil, 14: nil},
		2: nil,
		3: {1: nil, 2: nil, 4: nil, 5: nil, 6: nil, 7: nil, 9: nil, 10: nil},
	}
)

var errWire = errors.New("the API server's protobuf is damaged")

// trim appends the kept fields of a message to dst.
func trim(dst, msg []byte, keep fields) ([]byte, error) {
	for len(msg) > 0 {
		num, typ, n := protowire.ConsumeTag(msg)
		if n < 0 {
			return nil, errWire
		}
		m := protowire.ConsumeFieldValue(num, typ, msg[n:])
		if m < 0 {
			return nil, errWire
		}
		whole := msg[:n+m]
		msg = msg[n+m:]
		sub, ok := keep[num]
		switch {
		case !ok:
		case sub == nil || typ != protowire.BytesType:
			dst = append(dst, whole...)
		default:
			inner, k := protowire.ConsumeBytes(whole[n:])
			if k < 0 {
				return nil, errWire
			}
			dst = protowire.AppendTag(dst, num, typ)
			// The length comes first, so the inner message is written behind a
			// gap that holds the longest length, and moved.
			start := len(dst)
			dst = append(dst, make([]byte, 5)...)
			var err error
			if dst, err = trim(dst, inner, sub); err != nil {
				return nil, err
			}
			size := len(dst) - start - 5
			head := protowire.AppendVarint(nil, uint64(size))
			copy(dst[start:], head)
			copy(dst[start+len(head):], dst[start+5:])
			dst = dst[:start+len(head)+size]
		}
	}
	return dst, nil
}

// page is one page of a list in the API server's protobuf.
type page struct {
	next string
	list []byte
}

// openPage unwraps the envelope ("k8s\0" and a runtime.Unknown) and reads the
// continue token, which stands before the items.
func openPage(body []byte) (page, error) {
	const magic = "k8s\x00"
	if len(body) < len(magic) || string(body[:len(magic)]) != magic {
		return page{}, errWire
	}
	list, err := field(body[len(magic):], 2)
	if err != nil {
		return page{}, err
	}
	meta, err := field(list, 1)
	if err != nil {
		return page{}, err
	}
	next, err := field(meta, 3)
	return page{next: string(next), list: list}, err
}

// field returns the first field of a number in a message, empty if there is
// none.
func field(msg []byte, want protowire.Number) ([]byte, error) {
	for len(msg) > 0 {
		num, typ, n := protowire.ConsumeTag(msg)
		if n < 0 {
			return nil, errWire
		}
		m := protowire.ConsumeFieldValue(num, typ, msg[n:])
		if m < 0 {
			return nil, errWire
		}
		if num == want && typ == protowire.BytesType {
			v, k := protowire.ConsumeBytes(msg[n:])
			if k < 0 {
				return nil, errWire
			}
			return v, nil
		}
		msg = msg[n+m:]
	}
	return nil, nil
}

// items calls f with each item of a list.
func (p page) items(f func([]byte) error) error {
	msg := p.list
	for len(msg) > 0 {
		num, typ, n := protowire.ConsumeTag(msg)
		if n < 0 {
			return errWire
		}
		m := protowire.ConsumeFieldValue(num, typ, msg[n:])
		if m < 0 {
			return errWire
		}
		if num == 2 && typ == protowire.BytesType {
			v, k := protowire.ConsumeBytes(msg[n:])
			if k < 0 {
				return errWire
			}
			if err := f(v); err != nil {
				return err
			}
		}
		msg = msg[n+m:]
	}
	return nil
}
