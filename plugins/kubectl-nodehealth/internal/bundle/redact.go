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
	{lazyregexp.New(`(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}`), "$1 [credential]"},
	{lazyregexp.New(`(?is)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)`), "[private key]"},
	// The same in base64, as kubeconfigs and Secrets hold it.
	{lazyregexp.New(`LS0tLS1CRUdJTi[A-Za-z0-9+/=]+`), "[PEM]"},
	{lazyregexp.New(`(?i)((?:password|passwd|pwd|secret|token|signature|api[_-]?key|access[_-]?key|account[_-]?key|private[_-]?key|key-data|credential)[a-z_-]{0,12}\\?["']?\s*[:=]\s*\\?["']?)[^\s"',;&}\]\\]+`), "$1[redacted]"},
	{lazyregexp.New(`(?i)(\bauth\\?["']?\s*:\s*\\?["'])[A-Za-z0-9+/=_-]{8,}`), "$1[redacted]"},
	{lazyregexp.New(`(?i)(--?(?:password|passwd|secret|token|api-key|access-key)[a-z-]{0,12}["',]*\s+["']?)[^\s"',;\]-][^\s"',;\]]*`), "$1[redacted]"},
	{lazyregexp.New(`(?i)([?&](?:sig|sv|se|code|key)=)[^&\s"']+`), "$1[redacted]"},
	{lazyregexp.New(`\b[a-z0-9]{6}\.[a-z0-9]{16}\b`), "[bootstrap token]"},
	{lazyregexp.New(`\b(?:AKIA|ASIA)[A-Z0-9]{16}\b`), "[access key]"},
	{lazyregexp.New(`\b(?:gh[pousr]_|github_pat_|glpat-|xox[abpr]-|sk-|AIza|npm_|dop_v1_|hvs\.)[A-Za-z0-9_-]{16,}`), "[token]"},
	{lazyregexp.New(`(://[^/\s:@]+:)[^/\s@]+@`), "$1[redacted]@"},
	// A token in the place of a user.
	{lazyregexp.New(`(://)[^/\s:@]{16,}@`), "$1[redacted]@"},
}

// address finds what may be an address; netip decides.
var address = lazyregexp.New(`[0-9a-fA-F]*[.:][0-9a-fA-F.:]+[0-9a-fA-F]`)

// addressName is a name that a cloud makes of an address: ip-10-0-3-17.
var addressName = lazyregexp.New(`\bip-(?:\d{1,3}-){3}\d{1,3}\b`)

// secretName is the name of a field whose value is a secret whatever it looks
// like.
var secretName = lazyregexp.New(`(?i)passw|pwd|secret|token|credential|authorization|bearer|(api|access|account|private)[-_.]?key|key-data|staticPodURLHeader`)

// plainValue is a value that no secret has: a switch, a number, a duration, a
// path or the name of one.
var plainValue = lazyregexp.New(`^(true|false|[0-9]+[smhdKMGi]*|[0-9hms.]+|/[A-Za-z0-9_./-]*|)$`)

// Field redacts the value of a field: by the field's name, or by its form.
func (r *Redactor) Field(name, value string) string {
	if secretName.MatchString(name) && !plainValue.MatchString(value) {
		return "[redacted]"
	}
	return r.Text(value)
}

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
	s = addressName.ReplaceAllStringFunc(s, func(a string) string { return r.name(strings.ReplaceAll(a[3:], "-", ".")) })
	return address.ReplaceAllStringFunc(s, func(a string) string {
		// A label may stand before it (node:10.0.0.7), a port behind it.
		label := ""
		if strings.HasPrefix(a, ":") && !strings.HasPrefix(a, "::") {
			label, a = ":", a[1:]
		}
		if word, ok := r.word(a); ok {
			return label + word
		}
		parts := strings.Split(a, ":")
		for i, p := range parts {
			if word, ok := r.word(p); ok {
				parts[i] = word
			}
		}
		return label + strings.Join(parts, ":")
	})
}

// word is what to write for an address, and whether the text is one.
func (r *Redactor) word(text string) (string, bool) {
	ip, err := netip.ParseAddr(text)
	switch {
	case err != nil:
		return "", false
	case ip.IsLoopback(), ip.IsUnspecified():
		return text, true
	}
	return r.name(text), true
}

// name is the word that stands for an address.
func (r *Redactor) name(address string) string {
	if r.seen == nil {
		r.seen = map[string]string{}
	}
	if r.seen[address] == "" {
		r.seen[address] = fmt.Sprintf("ip-%d", len(r.seen)+1)
	}
	return r.seen[address]
}
