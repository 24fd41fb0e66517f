// Package bundle packs everything that a ticket about a node needs into one
// archive that the diagnosis can read again, without anything that a ticket
// must not have.
package bundle

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
)

// What must not leave the cluster, by its form. Objects that hold secrets by
// their nature (Secrets, environment variables) are never collected at all.
var secrets = []struct {
	find *lazyregexp.Regexp
	with string
}{
	{lazyregexp.New(`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+`), "[token]"},
	{lazyregexp.New(`(?i)(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}`), "$1 [credential]"},
	{lazyregexp.New(`(?is)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)`), "[private key]"},
	{lazyregexp.New(`(?i)((?:password|passwd|secret|token|api[_-]?key|access[_-]?key|credential)s?["']?\s*[:=]\s*["']?)[^\s"',;}\]]+`), "$1[redacted]"},
	{lazyregexp.New(`\b[a-z0-9]{6}\.[a-z0-9]{16}\b`), "[bootstrap token]"},
	{lazyregexp.New(`\b(?:AKIA|ASIA)[A-Z0-9]{16}\b`), "[access key]"},
	{lazyregexp.New(`(://[^/\s:@]+:)[^/\s:@]+@`), "$1[redacted]@"},
}

// address finds what may be an address; netip decides.
var address = lazyregexp.New(`[0-9a-fA-F]*[.:][0-9a-fA-F.:]+[0-9a-fA-F]`)

// Redactor takes secrets out of text, and addresses where that is asked for:
// the same address becomes the same word everywhere, so that the story can
// still be told.
type Redactor struct {
	Addresses bool
	seen      map[string]string
}

// Text redacts.
func (r *Redactor) Text(s string) string {
	for _, x := range secrets {
		s = x.find.ReplaceAllString(s, x.with)
	}
	if !r.Addresses {
		return s
	}
	return address.ReplaceAllStringFunc(s, func(a string) string {
		text, port := a, ""
		ip, err := netip.ParseAddr(text)
		if err != nil {
			// An IPv4 address with its port.
			text, port, _ = strings.Cut(a, ":")
			if ip, err = netip.ParseAddr(text); err != nil {
				return a
			}
			port = ":" + port
		}
		if ip.IsLoopback() || ip.IsUnspecified() {
			return a
		}
		if r.seen == nil {
			r.seen = map[string]string{}
		}
		if r.seen[text] == "" {
			r.seen[text] = fmt.Sprintf("ip-%d", len(r.seen)+1)
		}
		return r.seen[text] + port
	})
}
