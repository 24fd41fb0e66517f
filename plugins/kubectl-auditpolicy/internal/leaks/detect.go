package leaks

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"
)

// hit is a credential in a text. value is used for telling equal ones and for
// its length, and goes no further.
type hit struct {
	kind
	value string
	// subject is whom a token stands for, where the token says so.
	subject string
	expires time.Time
}

// lazy puts off the compiling of an expression until it is used: all of them
// together would double the time that --help takes.
func lazy(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

// forms are credentials that are known by their form, wherever they stand.
// need is a text that must be there, so that the expressions run seldom.
var forms = []struct {
	need string
	re   func() *regexp.Regexp
	kind kind
}{
	{"AKIA", lazy(`\bAKIA[A-Z0-9]{16}\b`), kind{ruleCloud, "AWS access key id"}},
	{"ASIA", lazy(`\bASIA[A-Z0-9]{16}\b`), kind{ruleCloud, "AWS temporary key id"}},
	{"AIza", lazy(`\bAIza[0-9A-Za-z_-]{35}`), kind{ruleCloud, "Google API key"}},
	{"ya29.", lazy(`\bya29\.[0-9A-Za-z_-]{20,}`), kind{ruleCloud, "Google OAuth token"}},
	{"AccountKey=", lazy(`AccountKey=[A-Za-z0-9+/]{86}==`), kind{ruleCloud, "Azure storage key"}},
	{"gh", lazy(`\bgh[pousr]_[A-Za-z0-9]{36,}\b`), kind{ruleCloud, "GitHub token"}},
	{"github_pat_", lazy(`\bgithub_pat_[A-Za-z0-9_]{60,}\b`), kind{ruleCloud, "GitHub token"}},
	{"glpat-", lazy(`\bglpat-[A-Za-z0-9_-]{20,}`), kind{ruleCloud, "GitLab token"}},
	{"xox", lazy(`\bxox[abeprs]-[A-Za-z0-9-]{10,}`), kind{ruleCloud, "Slack token"}},
	{"_live_", lazy(`\b[sr]k_live_[A-Za-z0-9]{16,}`), kind{ruleCloud, "Stripe key"}},
	{"hvs.", lazy(`\bhvs\.[A-Za-z0-9_-]{24,}`), kind{ruleCloud, "Vault token"}},
	{"dop_v1_", lazy(`\bdop_v1_[a-f0-9]{64}\b`), kind{ruleCloud, "DigitalOcean token"}},
	{"npm_", lazy(`\bnpm_[A-Za-z0-9]{36}\b`), kind{ruleCloud, "npm token"}},
	{"PRIVATE KEY-----", lazy(`-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----(?s:.*?)(?:-----END|$)`), kind{rulePrivateKey, "private key"}},
}

var (
	jwtForm       = lazy(`\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,}`)
	bootstrapForm = lazy(`(?:^|[^A-Za-z0-9._/-])([a-z0-9]{6}\.[a-z0-9]{16})(?:$|[^A-Za-z0-9._-])`)
	basicForm     = lazy(`(?i)\bBasic ([A-Za-z0-9+/]{8,}={0,2})`)
	bearerForm    = lazy(`(?i)\bBearer ([A-Za-z0-9._~+/-]{16,}=*)`)
	urlForm       = lazy(`\b[a-z][a-z0-9+.-]*://[^/\s:@'"]+:([^/\s@'"]+)@`)
	pemBase64     = lazy(`LS0tLS1CRUdJTi[A-Za-z0-9+/]{20,}={0,2}`)
	// flagForm is an argument that carries a password or a token.
	flagForm = lazy(`(?i)(?:^|[\s;&|'"-])([a-z0-9_-]*(?:password|passwd|pwd)|(?:[a-z0-9_]+[-_])*(?:token|secret|secret[-_]?key|api[-_]?key|access[-_]?key|private[-_]?key|client[-_]?secret))(?:=|:\s*|\s+)['"]?([^\s'"&;|]{4,})`)
	// nameForm is an environment variable or key that is named for what it
	// holds.
	nameForm = lazy(`(?i)(?:^|[_.-])(?:password|passwd|pwd|secret|token|api_?key|access_?key|secret_?key|private_?key|client_?secret|credentials?)$`)
)

// inText finds the credentials in a string of any origin.
func inText(s string) []hit {
	var out []hit
	if len(s) < 8 {
		return nil
	}
	if strings.Contains(s, "eyJ") {
		for _, m := range jwtForm().FindAllString(s, -1) {
			if h, ok := jwt(m); ok {
				out = append(out, h)
			}
		}
	}
	for _, f := range forms {
		if strings.Contains(s, f.need) {
			for _, m := range f.re().FindAllString(s, -1) {
				out = append(out, hit{kind: f.kind, value: m})
			}
		}
	}
	if strings.Contains(s, "LS0tLS1CRUdJTi") {
		for _, m := range pemBase64().FindAllString(s, -1) {
			head := m[:min(len(m), 64)]
			if b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(head, "=")[:len(strings.TrimRight(head, "="))/4*4]); err == nil && bytes.Contains(b, []byte("PRIVATE KEY")) {
				out = append(out, hit{kind: kind{rulePrivateKey, "private key in base64"}, value: m})
			}
		}
	}
	if strings.Contains(s, ".") {
		for _, m := range bootstrapForm().FindAllStringSubmatch(s, -1) {
			if digits(m[1]) >= 4 {
				out = append(out, hit{kind: kind{ruleBootstrap, "bootstrap token"}, value: m[1]})
			}
		}
	}
	if strings.Contains(s, "://") {
		for _, m := range urlForm().FindAllStringSubmatch(s, -1) {
			if !placeholder(m[1]) {
				out = append(out, hit{kind: kind{rulePassword, "password in a URL"}, value: m[1]})
			}
		}
	}
	for _, m := range basicForm().FindAllStringSubmatch(s, -1) {
		if b, err := base64.StdEncoding.DecodeString(m[1]); err == nil && bytes.IndexByte(b, ':') > 0 && printable(b) {
			out = append(out, hit{kind: kind{rulePassword, "basic authorization"}, value: m[1]})
		}
	}
	for _, m := range bearerForm().FindAllStringSubmatch(s, -1) {
		if !jwtForm().MatchString(m[1]) && !placeholder(m[1]) {
			out = append(out, hit{kind: kind{ruleBearer, "opaque bearer token"}, value: m[1]})
		}
	}
	return out
}

// inArgument finds what inText does, and passwords given to a program.
func inArgument(s string) []hit {
	out := inText(s)
	for _, m := range flagForm().FindAllStringSubmatch(s, -1) {
		v := m[2]
		if placeholder(v) || strings.HasPrefix(v, "/") || known(out, v) {
			continue
		}
		out = append(out, hit{kind: kind{rulePassword, "argument " + strings.Trim(strings.ToLower(m[1]), "-_")}, value: v})
	}
	return out
}

func known(hits []hit, v string) bool {
	for _, h := range hits {
		if strings.Contains(v, h.value) || strings.Contains(h.value, v) {
			return true
		}
	}
	return false
}

func digits(s string) int {
	n := 0
	for _, c := range s {
		if c >= '0' && c <= '9' {
			n++
		}
	}
	return n
}

func printable(b []byte) bool {
	for _, c := range b {
		if c < 0x20 || c > 0x7e {
			return false
		}
	}
	return true
}

// placeholder says whether a value stands for another one: a reference, an
// example or a mask.
func placeholder(v string) bool {
	if strings.HasPrefix(v, "$") || strings.HasPrefix(v, "<") || strings.HasPrefix(v, "{{") || strings.HasPrefix(v, "%") {
		return true
	}
	if strings.Trim(v, "*") == "" || strings.Trim(strings.ToLower(v), "x") == "" || strings.Trim(v, ".") == "" {
		return true
	}
	switch strings.ToLower(v) {
	case "true", "false", "null", "none", "redacted", "[redacted]", "changeme", "password", "secret", "token", "stdin", "required":
		return true
	}
	return false
}

// jwt reads the claims of a token that is one: three parts, of which the first
// names an algorithm.
func jwt(s string) (hit, bool) {
	parts := strings.Split(s, ".")
	if len(parts) != 3 {
		return hit{}, false
	}
	var header struct {
		Alg string `json:"alg"`
	}
	var claims struct {
		Iss        string          `json:"iss"`
		Sub        string          `json:"sub"`
		Exp        float64         `json:"exp"`
		Kubernetes json.RawMessage `json:"kubernetes.io"`
		Namespace  string          `json:"kubernetes.io/serviceaccount/namespace"`
	}
	h, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil || json.Unmarshal(h, &header) != nil || header.Alg == "" {
		return hit{}, false
	}
	p, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(p, &claims) != nil {
		return hit{}, false
	}
	out := hit{kind: kind{ruleBearer, "JSON web token"}, value: s}
	if claims.Exp > 0 {
		out.expires = time.Unix(int64(claims.Exp), 0).UTC()
	}
	if claims.Kubernetes != nil || claims.Namespace != "" || strings.HasPrefix(claims.Sub, "system:serviceaccount:") {
		out.kind = kind{ruleServiceAccount, "service account token"}
		out.subject = claims.Sub
	}
	return out, true
}

// inURI finds credentials in a request URI: arguments of exec and attach,
// parameters that are tokens, and what a path to a proxied service carries.
func inURI(uri string) (out []located) {
	path, query, _ := strings.Cut(uri, "?")
	if p, err := url.PathUnescape(path); err == nil {
		path = p
	}
	for _, h := range inText(path) {
		out = append(out, located{"requestURI (path)", h})
	}
	values, _ := url.ParseQuery(query)
	if args := values["command"]; len(args) > 0 {
		// An option and its value may be two arguments.
		hits := inArgument(strings.Join(args, " "))
		for _, h := range hits {
			out = append(out, located{"requestURI (command)", h})
		}
	}
	for name, vs := range values {
		if name == "command" {
			continue
		}
		for _, v := range vs {
			hits := inText(v)
			if len(hits) == 0 && tokenParameter(name) && len(v) >= 8 && !placeholder(v) {
				hits = []hit{{kind: kind{ruleBearer, "token in a URI"}, value: v}}
			}
			for _, h := range hits {
				out = append(out, located{"requestURI (" + cleanName(name) + ")", h})
			}
		}
	}
	return out
}

// tokenParameter says whether a query parameter is named for a credential. A
// list's continue token is none.
func tokenParameter(name string) bool {
	switch strings.ToLower(name) {
	case "access_token", "token", "id_token", "refresh_token", "api_key", "apikey", "password", "secret", "sig", "x-amz-signature", "x-amz-security-token":
		return true
	}
	return false
}

// cleanName is a name from the log that is safe to print: it may itself hold
// anything.
func cleanName(s string) string {
	if len(s) > 64 || len(inText(s)) > 0 {
		return "..."
	}
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}
