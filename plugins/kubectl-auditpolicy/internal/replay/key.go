package replay

import (
	"bytes"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/auditlog"
)

// other stands in a key for a name that the policy does not use. No name in a
// URI has this byte.
const other = 1

// appendUser appends what the policy can tell of an event's user.
func (l *literals) appendUser(k []byte, e *auditlog.Event) []byte {
	switch {
	case len(e.Username) == 0:
		return append(k, 2)
	case l.users[string(e.Username)]:
		k = append(k, e.Username...)
	default:
		k = append(k, other)
	}
	if len(l.groups) == 0 {
		return k
	}
	g := e.Groups
	if bytes.IndexByte(g, '\\') >= 0 {
		return append(append(k, 0), g...)
	}
	// The array's strings, between every other pair of quotes.
	for {
		i := bytes.IndexByte(g, '"')
		if i < 0 {
			return k
		}
		n := bytes.IndexByte(g[i+1:], '"')
		if n < 0 {
			return k
		}
		if name := g[i+1 : i+1+n]; l.groups[string(name)] {
			k = append(append(k, 0), name...)
		}
		g = g[i+n+2:]
	}
}

// appendURI appends the URI with the namespace and the name of an object
// blotted out where the policy does not name them. It does so only for paths
// of a form that leaves no doubt; all others, and those with escapes, stay as
// they are.
func (l *literals) appendURI(k []byte, e *auditlog.Event) []byte {
	uri := uriKey(e.RequestURI, e.Verb)
	if bytes.IndexByte(uri, '?') >= 0 || bytes.IndexByte(uri, '%') >= 0 {
		return append(k, uri...)
	}
	var at [12]int // where the segments begin
	n := 0
	for i := 0; i < len(uri); i++ {
		if uri[i] != '/' {
			continue
		}
		if n == len(at) || i+1 < len(uri) && uri[i+1] == '/' || i+1 == len(uri) {
			return append(k, uri...)
		}
		at[n] = i + 1
		n++
	}
	segment := func(i int) []byte {
		if i+1 < n {
			return uri[at[i] : at[i+1]-1]
		}
		return uri[at[i]:]
	}
	if n < 3 || at[0] != 1 {
		return append(k, uri...)
	}
	base := 2 // after the version
	switch string(segment(0)) {
	case "api":
	case "apis":
		base = 3
	default:
		return append(k, uri...)
	}
	namespace, name := -1, -1
	if base < n {
		switch string(segment(base)) {
		case "watch", "proxy":
			return append(k, uri...)
		case "namespaces":
			// namespaces/NS/RESOURCE/NAME, but not namespaces/NS/status.
			if base+2 < n {
				if s := string(segment(base + 2)); s != "status" && s != "finalize" {
					namespace, name = base+1, base+3
				}
			}
		default:
			name = base + 1
		}
	}
	for i := range n {
		k = append(k, '/')
		s := segment(i)
		if i == namespace && !l.namespaces[string(s)] || i == name && !l.names[string(s)] {
			k = append(k, other)
			continue
		}
		k = append(k, s...)
	}
	return k
}
