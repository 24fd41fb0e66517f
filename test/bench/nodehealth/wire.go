package nodehealth

import (
	"errors"

	"google.golang.org/protobuf/encoding/protowire"
)

// continueOf finds metadata.continue in a list in Kubernetes' binary form,
// without decoding what it lists: four bytes of magic, an envelope whose field 2
// is the list, whose field 1 is its metadata, whose field 3 is the token.
func continueOf(body []byte) (string, error) {
	if len(body) < 4 || string(body[:4]) != "k8s\x00" {
		return "", errors.New("not in Kubernetes' binary form")
	}
	raw, err := field(body[4:], 2)
	if err != nil {
		return "", err
	}
	meta, err := field(raw, 1)
	if err != nil {
		return "", err
	}
	token, err := field(meta, 3)
	return string(token), err
}

// field is the first field of a message that has this number, nil if none.
func field(b []byte, number protowire.Number) ([]byte, error) {
	for len(b) > 0 {
		n, typ, l := protowire.ConsumeTag(b)
		if l < 0 {
			return nil, protowire.ParseError(l)
		}
		b = b[l:]
		if n == number && typ == protowire.BytesType {
			v, l := protowire.ConsumeBytes(b)
			return v, protowire.ParseError(min(l, 0))
		}
		if l = protowire.ConsumeFieldValue(n, typ, b); l < 0 {
			return nil, protowire.ParseError(l)
		}
		b = b[l:]
	}
	return nil, nil
}
