// Package trust hands a CA's certificate out: into the trust store of an
// operating system, of Java and NSS, or as a Kubernetes object. It plans; the
// caller runs the plan. A private key is never part of one.
package trust

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // the name that Windows and macOS give a certificate
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
)

// Read reads the CAs of a file. A file with a private key in it is refused
// whole: it would be handed out with the rest.
func Read(data []byte) ([]*x509.Certificate, error) {
	if bytes.Contains(data, []byte("PRIVATE KEY-----")) {
		return nil, errors.New("it holds a private key, which is never handed out: give the certificate alone")
	}
	certs, err := pki.ParseCerts(data)
	if err != nil {
		return nil, err
	}
	var out []*x509.Certificate
	for _, c := range certs {
		if !c.IsCA || !c.BasicConstraintsValid {
			return nil, fmt.Errorf("%q is no CA: trusting it would trust nothing else", c.Subject.String())
		}
		if !slices.ContainsFunc(out, c.Equal) {
			out = append(out, c)
		}
	}
	return out, nil
}

// WithoutRoot are the CAs whose issuer is not among them. OpenSSL, and with it
// curl and Python, goes on to look for a CA that signs itself and refuses
// without; Go, GnuTLS and Java stop at what is trusted.
func WithoutRoot(certs []*x509.Certificate) []*x509.Certificate {
	var out []*x509.Certificate
	for _, c := range certs {
		if !slices.ContainsFunc(certs, func(o *x509.Certificate) bool { return bytes.Equal(o.RawSubject, c.RawIssuer) }) {
			out = append(out, c)
		}
	}
	return out
}

// System is a trust store.
type System string

// The trust stores.
const (
	Debian  System = "debian"
	RHEL    System = "rhel"
	Alpine  System = "alpine"
	MacOS   System = "macos"
	Windows System = "windows"
	Java    System = "java"
	NSS     System = "nss"
)

// Systems lists all of them.
var Systems = []System{Debian, RHEL, Alpine, MacOS, Windows, Java, NSS}

// Detect reads /etc/os-release; ok is false for a system that is none of
// Debian's, Red Hat's or Alpine's family.
func Detect(osRelease []byte) (System, bool) {
	ids := ""
	for _, l := range strings.Split(string(osRelease), "\n") {
		k, v, _ := strings.Cut(strings.TrimSpace(l), "=")
		if k == "ID" || k == "ID_LIKE" {
			ids += " " + strings.Trim(v, `"'`)
		}
	}
	for _, id := range strings.Fields(ids) {
		switch id {
		case "debian", "ubuntu":
			return Debian, true
		case "rhel", "fedora", "centos", "rocky", "almalinux", "ol", "amzn":
			return RHEL, true
		case "alpine":
			return Alpine, true
		}
	}
	return "", false
}

// Source is the file that the CAs are from.
type Source struct {
	// Name is what the user called it, for the commands that take it from there.
	Name string
	// Plain says that commands can: it is one certificate in PEM, and its last
	// line ends. Alpine's update-ca-certificates puts files behind each other as
	// they are.
	Plain bool
}

// SourceOf says how commands can use a file; "-" is standard input.
func SourceOf(name string, data []byte, certs []*x509.Certificate) Source {
	return Source{name, name != "-" && len(certs) == 1 && bytes.HasSuffix(data, []byte("\n")) && bytes.Contains(data, pki.EncodeCerts(certs[0]))}
}

// Plan is what makes one system trust the CAs, and what takes it back.
type Plan struct {
	System System
	// Files are to be written, each with one certificate: update-ca-certificates,
	// security and certutil.exe take no more from one file. Those of a plan that
	// a person carries out lie in the folder where the person is.
	Files []File
	// Do and Undo are commands, in order. In a plan that a person carries out
	// they say the copying too.
	Do, Undo [][]string
	// Input is what the commands of Do read from standard input, where they read
	// a certificate from there.
	Input [][]byte
	// Manual says that this package cannot carry it out here.
	Manual bool

	src Source
}

// File is a file of a plan.
type File struct {
	Path string
	Data []byte
}

// For plans for a system.
func For(sys System, certs []*x509.Certificate, src Source) (*Plan, error) {
	p := &Plan{System: sys, src: src}
	switch sys {
	case Debian, Alpine:
		p.files("/usr/local/share/ca-certificates", ".crt", certs)
		p.Do = [][]string{{"update-ca-certificates"}}
		p.Undo = p.Do
		if sys == Debian {
			// Alpine's is another program of this name.
			p.Undo = [][]string{{"update-ca-certificates", "--fresh"}}
		}
	case RHEL:
		p.files("/etc/pki/ca-trust/source/anchors", ".pem", certs)
		p.Do = [][]string{{"update-ca-trust", "extract"}}
		p.Undo = p.Do
	case MacOS:
		p.Manual = true
		for _, c := range certs {
			file, as := p.own(c, ".pem"), "trustRoot"
			if !bytes.Equal(c.RawSubject, c.RawIssuer) {
				as = "trustAsRoot" // what security(1) wants for a CA that another one signed
			}
			p.Do = append(p.Do, []string{"sudo", "security", "add-trusted-cert", "-d", "-r", as, "-k", systemKeychain, file})
			// The first takes the trust back and leaves the certificate.
			p.Undo = append(p.Undo, []string{"sudo", "security", "remove-trusted-cert", "-d", file},
				[]string{"sudo", "security", "delete-certificate", "-Z", thumbprint(c), systemKeychain})
		}
	case Windows:
		p.Manual = true
		for _, c := range certs {
			p.Do = append(p.Do, []string{"certutil.exe", "-addstore", "-f", "Root", p.own(c, ".crt")})
			// Not by its serial number: a short one is the number of a place in
			// the store for certutil.exe.
			p.Undo = append(p.Undo, []string{"certutil.exe", "-delstore", "Root", thumbprint(c)})
		}
	case Java:
		p.Manual = true
		for _, c := range certs {
			p.each([]string{"keytool", "-importcert", "-noprompt", "-cacerts", "-storepass", "changeit", "-alias", Slug(c)}, []string{"-file", src.Name}, nil, c)
			p.Undo = append(p.Undo, []string{"keytool", "-delete", "-cacerts", "-storepass", "changeit", "-alias", Slug(c)})
		}
	case NSS:
		p.Manual = true
		for _, c := range certs {
			p.each([]string{"certutil", "-A", "-d", nssDB, "-t", "C,,", "-n", Slug(c)}, []string{"-i", src.Name}, []string{"-a"}, c)
			p.Undo = append(p.Undo, []string{"certutil", "-D", "-d", nssDB, "-n", Slug(c)})
		}
	default:
		return nil, fmt.Errorf("%q: not one of %s", sys, join(Systems))
	}
	return p, nil
}

const systemKeychain = "/Library/Keychains/System.keychain"

// nssDB is the user's database; the shell fills in the home.
const nssDB = "sql:$HOME/.pki/nssdb"

// each adds a command that takes one certificate: from the file where it is
// nothing else, and otherwise, as keytool and certutil read no more than the
// first of a file, from standard input.
func (p *Plan) each(do, fromFile, fromInput []string, c *x509.Certificate) {
	if p.src.Plain {
		p.Do = append(p.Do, append(do, fromFile...))
		return
	}
	p.Do, p.Input = append(p.Do, append(do, fromInput...)), append(p.Input, pki.EncodeCerts(c))
}

// own is the file that holds a certificate alone: the user's, or one that the
// person has to write.
func (p *Plan) own(c *x509.Certificate, ext string) string {
	if p.src.Plain {
		return p.src.Name
	}
	p.Files = append(p.Files, File{Slug(c) + ext, pki.EncodeCerts(c)})
	return Slug(c) + ext
}

func join(s []System) string {
	var out []string
	for _, x := range s {
		out = append(out, string(x))
	}
	return strings.Join(out, ", ")
}

func (p *Plan) files(dir, ext string, certs []*x509.Certificate) {
	for _, c := range certs {
		p.Files = append(p.Files, File{path.Join(dir, Slug(c)+ext), pki.EncodeCerts(c)})
	}
}

// thumbprint names a certificate to certutil.exe, and to security of every
// version (only later ones take SHA-256 too).
func thumbprint(c *x509.Certificate) string {
	return fmt.Sprintf("%X", sha1.Sum(c.Raw)) //nolint:gosec // a name
}

// Slug is a name for a CA in a trust store: who it is, and a part of its
// fingerprint, so that a second CA of the same name gets a place of its own and
// the same CA always has the same.
func Slug(c *x509.Certificate) string {
	name := c.Subject.CommonName
	if name == "" {
		name = "ca"
	}
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			b.WriteRune(r)
		} else {
			b.WriteByte('-')
		}
	}
	s := b.String()
	sum := sha256.Sum256(c.Raw)
	return "certgen-" + strings.Trim(s[:min(40, len(s))], "-.") + "-" + hex.EncodeToString(sum[:4])
}

// Lines are the commands of a plan for a person's shell, the copying included.
func (p *Plan) Lines(undo bool) []string {
	var out []string
	sudo := ""
	if !p.Manual {
		sudo = "sudo "
	}
	for _, f := range p.Files {
		text := strings.TrimSpace(string(f.Data))
		switch {
		case undo && p.Manual:
		case undo:
			out = append(out, "sudo rm "+f.Path)
		case p.System == Windows: // of PowerShell: cmd.exe has no way to write lines
			out = append(out, fmt.Sprintf("Set-Content %s '%s'", f.Path, text))
		case p.Manual:
			out = append(out, fmt.Sprintf("printf '%%s\\n' '%s' > %s", text, f.Path))
		case p.src.Plain:
			out = append(out, fmt.Sprintf("sudo install -m 0644 %s %s", quote(p.src.Name), f.Path))
		default:
			out = append(out, fmt.Sprintf("printf '%%s\\n' '%s' | sudo tee %s >/dev/null", text, f.Path))
		}
	}
	cmds := p.Do
	if undo {
		cmds = p.Undo
	}
	for i, c := range cmds {
		var words []string
		for _, w := range c {
			if p.System == Windows {
				words = append(words, quoteWindows(w))
				continue
			}
			words = append(words, quote(w))
		}
		line := sudo + strings.Join(words, " ")
		if !undo && i < len(p.Input) {
			line = fmt.Sprintf("printf '%%s\\n' '%s' | %s", strings.TrimSpace(string(p.Input[i])), line)
		}
		out = append(out, line)
	}
	return out
}

func quote(s string) string {
	if s == nssDB || s != "" && !strings.ContainsAny(s, " \t\n\"'\\;&|()<>*?$`#~[]{}!") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// quoteWindows is for cmd.exe and PowerShell alike; a file's name there has no
// double quote.
func quoteWindows(s string) string {
	s = strings.ReplaceAll(s, "/", `\`)
	if strings.ContainsAny(s, " &()[]{}^=;!'+,`~") {
		return `"` + s + `"`
	}
	return s
}

// maxBundle is the largest trustBundle that the API takes.
const maxBundle = 1 << 20

// ObjectSpec names a Kubernetes object that carries the CAs.
type ObjectSpec struct {
	Kind, Name, Namespace, Key string
	// Signer links a ClusterTrustBundle to a signer, "" for none.
	Signer string
}

// Object makes a ConfigMap, a Secret or a ClusterTrustBundle.
func Object(s ObjectSpec, certs []*x509.Certificate) (map[string]any, error) {
	text := string(pki.EncodeCerts(certs...))
	meta := map[string]any{"name": s.Name}
	if s.Namespace != "" {
		meta["namespace"] = s.Namespace
	}
	key := s.Key
	if key == "" {
		key = "ca.crt"
	}
	switch s.Kind {
	case "configmap":
		return map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": map[string]any{key: text}}, nil
	case "secret":
		return map[string]any{"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": meta, "data": map[string]any{key: base64.StdEncoding.EncodeToString([]byte(text))}}, nil
	case "clustertrustbundle":
		delete(meta, "namespace")
		if len(text) > maxBundle {
			return nil, fmt.Errorf("%d bytes; a ClusterTrustBundle takes 1 MiB", len(text))
		}
		spec := map[string]any{"trustBundle": text}
		if s.Signer != "" {
			domain, p, ok := strings.Cut(s.Signer, "/")
			if !ok || domain == "" || p == "" {
				return nil, fmt.Errorf("signer name %q: not DOMAIN/PATH", s.Signer)
			}
			spec["signerName"] = s.Signer
			prefix := strings.ReplaceAll(s.Signer, "/", ":") + ":"
			if !strings.HasPrefix(s.Name, prefix) {
				meta["name"] = prefix + s.Name
			}
		} else if strings.Contains(s.Name, ":") {
			return nil, fmt.Errorf("name %q: without a signer it must not have a colon", s.Name)
		}
		return map[string]any{"apiVersion": "certificates.k8s.io/v1", "kind": "ClusterTrustBundle", "metadata": meta, "spec": spec}, nil
	}
	return nil, fmt.Errorf("%q: not one of configmap, secret, clustertrustbundle", s.Kind)
}
