// Package trust hands a CA's certificate out: into the trust store of an
// operating system, of Java and NSS, or as a Kubernetes object. It plans; the
// caller runs the plan. A private key is never part of one.
package trust

import (
	"bytes"
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

// Plan is what makes one system trust the CAs, and what takes it back.
type Plan struct {
	System System
	// Files are to be written, each with one certificate (update-ca-certificates
	// takes no more from one file).
	Files []File
	// Do and Undo are commands, in order. In a plan that a person carries out
	// they say the copying too.
	Do, Undo [][]string
	// Input is what the commands of Do read from standard input, where they read
	// a certificate from there.
	Input [][]byte
	// Manual says that this package cannot carry it out here.
	Manual bool
}

// File is a file of a plan.
type File struct {
	Path string
	Data []byte
}

// For plans for a system. src is the file as the user named it, for the
// commands that take it from there.
func For(sys System, certs []*x509.Certificate, src string) (*Plan, error) {
	p := &Plan{System: sys}
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
		p.Do = [][]string{{"sudo", "security", "add-trusted-cert", "-d", "-r", "trustRoot", "-k", "/Library/Keychains/System.keychain", src}}
		for _, c := range certs {
			p.Undo = append(p.Undo, []string{"sudo", "security", "delete-certificate", "-Z", strings.ToUpper(hex.EncodeToString(sum(c))), "/Library/Keychains/System.keychain"})
		}
	case Windows:
		p.Manual = true
		p.Do = [][]string{{"certutil.exe", "-addstore", "-f", "Root", strings.ReplaceAll(src, "/", `\`)}}
		for _, c := range certs {
			p.Undo = append(p.Undo, []string{"certutil.exe", "-delstore", "Root", c.SerialNumber.Text(16)})
		}
	case Java:
		p.Manual = true
		for _, c := range certs {
			do := []string{"keytool", "-importcert", "-noprompt", "-cacerts", "-storepass", "changeit", "-alias", Slug(c)}
			p.each(do, []string{"-file", src}, nil, c, len(certs))
			p.Undo = append(p.Undo, []string{"keytool", "-delete", "-cacerts", "-storepass", "changeit", "-alias", Slug(c)})
		}
	case NSS:
		p.Manual = true
		for _, c := range certs {
			do := []string{"certutil", "-A", "-d", nssDB, "-t", "C,,", "-n", Slug(c)}
			p.each(do, []string{"-i", src}, []string{"-a"}, c, len(certs))
			p.Undo = append(p.Undo, []string{"certutil", "-D", "-d", nssDB, "-n", Slug(c)})
		}
	default:
		return nil, fmt.Errorf("%q: not one of %s", sys, join(Systems))
	}
	return p, nil
}

// nssDB is the user's database; the shell fills in the home.
const nssDB = "sql:$HOME/.pki/nssdb"

// each adds a command that takes one certificate: from the file where it is the
// only one there, and otherwise, as keytool and certutil read no more than the
// first of a file, from standard input.
func (p *Plan) each(do, fromFile, fromInput []string, c *x509.Certificate, n int) {
	if n == 1 {
		p.Do = append(p.Do, append(do, fromFile...))
		return
	}
	p.Do, p.Input = append(p.Do, append(do, fromInput...)), append(p.Input, pki.EncodeCerts(c))
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

func sum(c *x509.Certificate) []byte {
	s := sha256.Sum256(c.Raw)
	return s[:]
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
	return "certgen-" + strings.Trim(s[:min(40, len(s))], "-.") + "-" + hex.EncodeToString(sum(c)[:4])
}

// Lines are the commands of a plan for a person's shell, the copying included.
func (p *Plan) Lines(src string, undo bool) []string {
	var out []string
	sudo := ""
	if len(p.Files) > 0 {
		sudo = "sudo "
	}
	for _, f := range p.Files {
		switch {
		case undo:
			out = append(out, "sudo rm "+f.Path)
		case len(p.Files) == 1:
			out = append(out, fmt.Sprintf("sudo install -m 0644 %s %s", quote(src), f.Path))
		default:
			out = append(out, fmt.Sprintf("printf '%%s' '%s' | sudo tee %s >/dev/null", strings.TrimSpace(string(f.Data)), f.Path))
		}
	}
	cmds := p.Do
	if undo {
		cmds = p.Undo
	}
	for i, c := range cmds {
		var words []string
		for _, w := range c {
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
