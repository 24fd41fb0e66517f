package input

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
)

// MaxBytes is the largest input that is read. These are texts that people
// write by hand.
const MaxBytes = 4 << 20

// Error is a text that is none of the formats, or is broken as the one it
// claims to be; Line is 0 where no place is known.
type Error struct {
	File         string
	Line, Column int
	Msg          string
}

func (e *Error) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Msg)
	}
	return e.File + ": " + e.Msg
}

// Parse reads one file, of any of the formats. Errors are of type *Error.
func Parse(name string, data []byte) (*File, error) {
	f := newFile(name, data)
	switch {
	case len(data) > MaxBytes:
		return nil, &Error{File: name, Msg: fmt.Sprintf("%d MB is more than any such file has", len(data)>>20)}
	case len(bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")))) == 0:
		return nil, &Error{File: name, Msg: "the file is empty"}
	case bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")):
		return nil, &Error{File: name, Msg: "UTF-16 text, which cfssl, openssl and easyrsa do not read: save it as UTF-8"}
	case bytes.IndexByte(data, 0) >= 0:
		return nil, &Error{File: name, Msg: "a binary file, none of the texts that cfssl, openssl or easyrsa read"}
	case !utf8.Valid(data):
		return nil, &Error{File: name, Msg: "not UTF-8 text"}
	}
	if bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) {
		f.Data, f.BOM = append([]byte("   "), data[3:]...), true
	}
	trim := bytes.TrimSpace(f.Data)
	base := strings.ToLower(filepath.Base(name))
	if trim[0] == '{' && !anyCall.Match(trim) || (strings.Contains(base, ".json") && !looksLikeConf(string(trim))) {
		return f, f.parseJSONFile()
	}
	if isYAML(base, f.Data) {
		f.Kind = KindYAML
		f.parseYAML()
		if f.nothing() {
			return nil, &Error{File: name, Msg: "YAML, and nothing for openssl, cfssl or easyrsa in it"}
		}
		return f, nil
	}
	switch kind, mk := f.textKind(base); kind {
	case KindPage:
		f.Kind = kind
		f.parsePage()
	case KindScript:
		f.Kind = kind
		f.parseScript([]block{{end: len(f.Data)}}, mk)
	case KindVars:
		f.Kind, f.Vars = kind, parseVars(f.Data)
	case KindOpenSSLConf:
		c := parseConf(f.Data, name, false)
		f.Kind = kind
		if len(c.Sections) == 1 {
			f.Kind = KindExtensions
		}
		f.Confs = []*Conf{c}
	default:
		if m := pemLabel.FindSubmatch(data); m != nil {
			return nil, &Error{File: name, Msg: fmt.Sprintf("PEM (%s), not a text from which cfssl, openssl or easyrsa make certificates", m[1])}
		}
		return nil, &Error{File: name, Msg: "neither a cfssl JSON, an openssl configuration, easyrsa vars or x509-types, nor a script that calls them"}
	}
	if f.Kind == KindScript || f.Kind == KindPage {
		if f.nothing() {
			return nil, &Error{File: name, Msg: "no call of openssl, cfssl or easyrsa in it that can be read (shell scripts, Makefiles, batch files, Dockerfiles, pages and YAML can)"}
		}
	}
	return f, nil
}

// nothing says that there is nothing in the file to judge.
func (f *File) nothing() bool {
	return !slices.ContainsFunc(f.Commands, func(c *Command) bool { return c.Tool != "chmod" }) &&
		len(f.Requests)+len(f.Configs)+len(f.Confs)+len(f.Problems)+len(f.Manifests) == 0 && f.Vars == nil
}

func (f *File) parseJSONFile() error {
	root, err := parseJSON(f.Data)
	if err != nil {
		if t := untemplated(f.Data); t != nil {
			if r, e := parseJSON(t); e == nil {
				root, err = r, nil
			}
		}
	}
	if err != nil {
		var se *syntaxError
		if errors.As(err, &se) {
			line, col := f.Position(se.offset)
			return &Error{f.Name, line, col, "not JSON: " + se.msg}
		}
		return &Error{File: f.Name, Msg: "not JSON: " + err.Error()}
	}
	if v, _ := root.get("signing"); v != nil {
		f.Kind, f.Configs = KindCFSSLConfig, []*CFSSLConfig{parseCFSSLConfig(root, f.Name)}
		return nil
	}
	if isRequest(root) {
		f.Kind, f.Requests = KindCFSSLRequest, []*CFSSLRequest{parseCFSSLRequest(root, f.Name)}
		return nil
	}
	return &Error{File: f.Name, Msg: "JSON, but neither a cfssl request (CN, hosts, names, key) nor a cfssl config (signing)"}
}

// isRequest says whether a JSON document is a CSR of cfssl.
func isRequest(root *node) bool {
	if root.kind != '{' {
		return false
	}
	for _, k := range []string{"CN", "hosts", "names", "key", "request"} {
		if v, _ := root.get(k); v != nil {
			// Many things have a key or names; a CSR's have these forms.
			switch {
			case k == "key" && v.kind != '{', k == "names" && v.kind != '[', k == "request" && v.kind != '{':
				continue
			}
			if k == "key" {
				if a, _ := v.get("algo"); a == nil {
					continue
				}
			}
			return true
		}
	}
	return false
}

var (
	sectionLine = lazyregexp.New(`(?m)^[ \t]*\[[ \t]*[A-Za-z0-9_.\- ]+[ \t]*\][ \t]*(#.*)?\r?$`)
	pemLabel    = lazyregexp.New(`(?m)^-----BEGIN ([A-Z0-9 ]+)-----`)
	confKey     = lazyregexp.New(`(?m)^[ \t]*(basicConstraints|keyUsage|extendedKeyUsage|subjectAltName|subjectKeyIdentifier|authorityKeyIdentifier|distinguished_name|req_extensions|x509_extensions|copy_extensions|default_bits|default_md|nsCertType|crlDistributionPoints)[ \t]*=`)
	confComment = lazyregexp.New(`(?m)^[ \t]*#.*$`)
	varLine     = lazyregexp.New(`(?m)^[ \t]*#?[ \t]*(set_var[ \t]+EASYRSA\w*|export[ \t]+(KEY|CA)_[A-Z]+=|(export[ \t]+)?EASYRSA_[A-Z_]+=|set[ \t]+(KEY|CA)_[A-Z]+=)`)
	anyCall     = lazyregexp.New(`\b(openssl[ \t]+(req|x509|ca|genrsa|genpkey|ecparam)\b|cfssl[ \t]+(gencert|genkey|sign|selfsign|print-defaults)\b|easyrsa[ \t]+\S)|(OPENSSL|CFSSL)\w*[})]?"?[ \t]+(req|x509|ca|genrsa|gencert|sign)\b`)
)

func looksLikeConf(text string) bool {
	return confKey.MatchString(text) || (sectionLine.MatchString(text) && strings.Contains(text, "="))
}

// textKind decides what a text that is not JSON is; makefile is for the
// quoting rules of scripts.
func (f *File) textKind(base string) (kind Kind, makefile bool) {
	text := string(f.Data)
	code := confComment.ReplaceAllString(text, "")
	mk := base == "makefile" || base == "gnumakefile" || strings.HasSuffix(base, ".mk")
	ext := filepath.Ext(base)
	calls := anyCall.MatchString(code)
	switch {
	case isTemplate(base) && !calls && looksLikeConf(code):
		return KindOpenSSLConf, false
	case ext == ".md" || ext == ".markdown" || ext == ".rst" || ext == ".adoc" || ext == ".txt" && strings.Contains(text, "```"):
		return KindPage, false
	case mk || strings.HasPrefix(text, "#!") || ext == ".sh" || ext == ".bash" || strings.HasPrefix(base, "dockerfile"):
		if varLine.MatchString(code) && !calls {
			return KindVars, false
		}
		return KindScript, mk
	case strings.Contains(text, "set_var") && varLine.MatchString(text), base == "vars" && varLine.MatchString(text):
		return KindVars, false
	case calls && !startsWithConf(code):
		if strings.Contains(text, "\n```") {
			return KindPage, false
		}
		return KindScript, false
	case looksLikeConf(code):
		return KindOpenSSLConf, false
	case varLine.MatchString(text):
		return KindVars, false
	case calls:
		return KindScript, false
	case filepath.Base(filepath.Dir(f.Name)) == "x509-types" || strings.Contains(text, "X509 extensions"):
		// A type that only holds comments, as easyrsa's COMMON.
		return KindOpenSSLConf, false
	}
	return "", false
}

// startsWithConf says whether the first line that counts is a configuration's.
func startsWithConf(code string) bool {
	for _, l := range strings.Split(code, "\n") {
		if l = strings.TrimSpace(l); l == "" {
			continue
		}
		if sectionLine.MatchString(l) {
			return true
		}
		k, _, ok := strings.Cut(l, "=")
		k = strings.TrimSpace(k)
		return ok && !strings.ContainsAny(k, " \t$(") && strings.Contains(l, " = ")
	}
	return false
}
