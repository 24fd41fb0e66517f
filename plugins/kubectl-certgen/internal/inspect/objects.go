package inspect

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
	"github.com/clusterwright/kubectl-plugins/shared/yamldoc"
)

type object = map[string]any

// Partial says which parts of a source could not be read, beside those that
// could.
type Partial struct{ Parts []error }

func (p *Partial) Error() string { return p.Parts[0].Error() }

func (p *Partial) Unwrap() []error { return p.Parts }

// partial is the error for some parts, nil for none.
func partial(parts []error) error {
	if len(parts) == 0 {
		return nil
	}
	return &Partial{parts}
}

// PartsOf are the parts that could not be read; ok says that the others could.
func PartsOf(items []Item, err error) (parts []error, ok bool) {
	var p *Partial
	if len(items) == 0 || !errors.As(err, &p) {
		return nil, false
	}
	return p.Parts, true
}

// objects reads Kubernetes manifests and kubeconfigs.
func objects(name string, data []byte, o Options) ([]Item, error) {
	f, err := yamldoc.Parse(name, data)
	if err != nil {
		return nil, errors.New("neither PEM, DER, PKCS#12, a kubeconfig nor a Kubernetes object")
	}
	var out []Item
	var failed []error
	known := 0
	for _, d := range f.Docs {
		if d.Root == nil || d.Root.Kind != yaml.MappingNode {
			continue
		}
		plainKeys(d.Root)
		var obj object
		if err := d.Root.Decode(&obj); err != nil {
			return nil, fmt.Errorf("not a Kubernetes object: %w", err)
		}
		its, ok, err := Object(name, obj, o)
		var p *Partial
		if errors.As(err, &p) {
			failed = append(failed, p.Parts...)
		}
		if ok {
			known++
		}
		out = append(out, its...)
	}
	switch {
	case known == 0:
		return nil, errors.New("neither PEM, DER, PKCS#12, a kubeconfig nor a Kubernetes object with certificates")
	case len(out) == 0 && len(failed) > 0:
		return nil, failed[0]
	case len(out) == 0:
		return nil, errors.New("there is no certificate in it")
	}
	return out, partial(failed)
}

// Object reads one Kubernetes object or kubeconfig; ok says whether it is of a
// kind that can hold certificates. The error, a *Partial, is for what could not be
// read in it.
func Object(source string, obj object, o Options) (items []Item, ok bool, err error) {
	kind, _ := obj["kind"].(string)
	if strings.HasSuffix(kind, "List") || kind == "List" {
		list, _ := obj["items"].([]any)
		var failed []error
		for _, e := range list {
			if m, isMap := e.(object); isMap {
				if _, has := m["kind"]; !has {
					m["kind"] = strings.TrimSuffix(kind, "List")
				}
				its, _, err := Object(source, m, o)
				var p *Partial
				if errors.As(err, &p) {
					failed = append(failed, p.Parts...)
				}
				items = append(items, its...)
			}
		}
		return items, true, partial(failed)
	}
	r := &objReader{o: o, source: source}
	meta, _ := obj["metadata"].(object)
	r.name, _ = meta["name"].(string)
	if ns, _ := meta["namespace"].(string); ns != "" {
		r.name = ns + "/" + r.name
	}
	switch kind {
	case "Config":
		if _, isKC := obj["clusters"]; !isKC {
			return nil, false, nil
		}
		r.kubeconfig(obj)
	case "Secret":
		r.secret(obj)
	case "ConfigMap":
		r.texts("configmap", obj["data"])
		r.binaries("configmap", obj["binaryData"])
	case "ClusterTrustBundle":
		spec, _ := obj["spec"].(object)
		pemText, _ := spec["trustBundle"].(string)
		r.pem("clustertrustbundle "+r.name, []byte(pemText), true)
	case "CertificateSigningRequest":
		r.csr("csr "+r.name, obj)
	case "CertificateRequest": // cert-manager's
		r.csr("certificaterequest "+r.name, obj)
		r.base64("certificaterequest "+r.name+" ca", dig(obj, "status", "ca"), true)
	case "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration":
		r.webhooks(kind, obj)
	case "APIService":
		spec, _ := obj["spec"].(object)
		r.base64("apiservice "+r.name+" caBundle", spec["caBundle"], true)
	case "CustomResourceDefinition":
		r.base64("crd "+r.name+" caBundle", dig(obj, "spec", "conversion", "webhook", "clientConfig", "caBundle"), true)
	default:
		return nil, false, nil
	}
	return r.items, true, partial(r.failed)
}

func dig(v any, path ...string) any {
	for _, p := range path {
		m, _ := v.(object)
		v = m[p]
	}
	return v
}

type objReader struct {
	o      Options
	source string
	name   string
	// inObject says that a kubeconfig is read out of an object: the files that it
	// names are those of some pod.
	inObject bool
	items    []Item
	failed   []error
}

func (r *objReader) pem(part string, data []byte, bundle bool) []Item {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil
	}
	its, err := pemItems(r.source, part, data)
	if err != nil {
		r.fail(part, err)
		return nil
	}
	start := len(r.items)
	for _, it := range its {
		if it.Kind == Key {
			continue
		}
		it.Bundle = it.Bundle || bundle
		it.Intermediate = it.Intermediate && !bundle
		r.items = append(r.items, it)
	}
	return r.items[start:]
}

func (r *objReader) fail(part string, err error) {
	r.failed = append(r.failed, fmt.Errorf("%s: %w", pki.Printable(part), err))
}

func (r *objReader) base64(part string, v any, bundle bool) []Item {
	s, _ := v.(string)
	if s == "" {
		return nil
	}
	data, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		r.fail(part, errors.New("not base64"))
		return nil
	}
	return r.pem(part, data, bundle)
}

func sortedKeys(m object) []string {
	var ks []string
	for k := range m {
		ks = append(ks, k)
	}
	sort.Strings(ks)
	return ks
}

func (r *objReader) texts(what string, v any) {
	m, _ := v.(object)
	for _, k := range sortedKeys(m) {
		if s, _ := m[k].(string); strings.Contains(s, "-----BEGIN CERTIFICATE") {
			r.pem(what+" "+r.name+" "+k, []byte(s), true)
		}
	}
}

// binaries reads what is no text, or was none to kubectl: one letter of a bundle's
// comments that is not UTF-8 is enough.
func (r *objReader) binaries(what string, v any) {
	m, _ := v.(object)
	for _, k := range sortedKeys(m) {
		s, _ := m[k].(string)
		b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s), ""))
		switch part := what + " " + r.name + " " + k; {
		case err != nil:
			r.fail(part, errors.New("not base64"))
		case bytes.Contains(b, []byte("-----BEGIN CERTIFICATE")):
			r.pem(part, b, true)
		default:
			r.der(part, b)
		}
	}
}

// der reads a certificate that is not in PEM; what is none is passed over.
func (r *objReader) der(part string, b []byte) {
	if c, err := x509.ParseCertificate(b); err == nil {
		r.items = append(r.items, Item{Kind: Certificate, Source: r.source, Part: part, Cert: c})
	}
}

// key pairs a certificate with the key of a part of the object. A broken one is
// said where it lies inside; a file that is named there is looked at as a file.
func (r *objReader) key(it *Item, part, file string, data []byte, inside bool) {
	key, err := pki.ParseKey(data, nil)
	switch {
	case len(bytes.TrimSpace(data)) == 0:
	case err == nil:
		it.KeyFile, it.KeyMatches = file, pki.SamePublicKey(key.Public(), it.Cert.PublicKey)
	case errors.Is(err, pki.ErrEncrypted):
		it.KeyFile, it.KeyEncrypted = file, true
	case inside:
		r.fail(part, err)
	}
}

func (r *objReader) secret(obj object) {
	data, _ := obj["data"].(object)
	text, _ := obj["stringData"].(object)
	value := func(k string) []byte {
		if s, ok := text[k].(string); ok {
			return []byte(s)
		}
		s, _ := data[k].(string)
		b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s), ""))
		if err != nil {
			r.fail("secret "+r.name+" "+k, errors.New("not base64"))
		}
		return b
	}
	keys := sortedKeys(data)
	for _, k := range sortedKeys(text) {
		if _, both := data[k]; !both {
			keys = append(keys, k)
		}
	}
	for _, k := range keys {
		b := value(k)
		part := "secret " + r.name + " " + k
		switch {
		case bytes.Contains(b, []byte("-----BEGIN CERTIFICATE")):
			its := r.pem(part, b, strings.HasPrefix(k, "ca"))
			if k == "tls.crt" && len(its) > 0 {
				file := part[:len(part)-len(k)] + "tls.key"
				r.key(&its[0], file, file, value("tls.key"), true)
			}
		case k == "tls.crt" && obj["type"] == "kubernetes.io/tls" && len(bytes.TrimSpace(b)) > 0:
			r.fail(part, errors.New("no PEM certificate in it"))
		case strings.HasSuffix(k, ".p12") || strings.HasSuffix(k, ".pfx"):
			its, err := p12Items(r.source, b, r.o)
			if err != nil {
				r.fail(part, err)
			}
			for _, it := range its {
				it.Part = part
				if it.KeyFile != "" {
					it.KeyFile = part
				}
				r.items = append(r.items, it)
			}
		case bytes.Contains(b, []byte("kind: Config")) && bytes.Contains(b, []byte("clusters:")):
			var kc object
			if yaml.Unmarshal(b, &kc) == nil {
				sub := &objReader{o: r.o, source: r.source, inObject: true}
				sub.kubeconfig(kc)
				for _, err := range sub.failed {
					r.fail(part, err)
				}
				for _, it := range sub.items {
					it.Part = part + " " + it.Part
					r.items = append(r.items, it)
				}
			}
		default:
			r.der(part, b)
		}
	}
}

func (r *objReader) csr(part string, obj object) {
	r.base64(part+" request", dig(obj, "spec", "request"), false)
	r.base64(part+" certificate", dig(obj, "status", "certificate"), false)
}

func (r *objReader) webhooks(kind string, obj object) {
	what := "validatingwebhook"
	if kind[0] == 'M' {
		what = "mutatingwebhook"
	}
	list, _ := obj["webhooks"].([]any)
	for _, w := range list {
		m, _ := w.(object)
		n, _ := m["name"].(string)
		r.base64(fmt.Sprintf("%s %s %s caBundle", what, r.name, n), dig(m, "clientConfig", "caBundle"), true)
	}
}

// kubeconfig reads the CA of each cluster and the certificate of each user, in
// the file or in the files that it names.
func (r *objReader) kubeconfig(obj object) {
	dir := filepath.Dir(r.source)
	each := func(list, inner string, f func(name string, m object)) {
		l, _ := obj[list].([]any)
		for _, e := range l {
			m, _ := e.(object)
			n, _ := m["name"].(string)
			in, _ := m[inner].(object)
			f(n, in)
		}
	}
	load := func(part string, m object, field string) ([]byte, string) {
		if s, _ := m[field+"-data"].(string); s != "" {
			b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s), ""))
			if err != nil {
				r.fail(part+" "+field+"-data", errors.New("not base64"))
			}
			return b, ""
		}
		file, _ := m[field].(string)
		if file == "" || r.inObject {
			return nil, ""
		}
		if !filepath.IsAbs(file) {
			if r.source == "-" {
				r.fail(part+" "+field, fmt.Errorf("%s lies beside the kubeconfig, and of standard input nobody knows where that is: name the file", file))
				return nil, file
			}
			file = filepath.Join(dir, file)
		}
		b, err := read(file)
		if err != nil {
			r.fail(part+" "+field, err)
		}
		return b, file
	}
	each("clusters", "cluster", func(name string, m object) {
		b, _ := load("cluster "+name, m, "certificate-authority")
		r.pem("cluster "+name, b, true)
	})
	each("users", "user", func(name string, m object) {
		b, certFile := load("user "+name, m, "client-certificate")
		its := r.pem("user "+name, b, false)
		if len(its) == 0 {
			if note := login(m); note != "" {
				r.items = append(r.items, Item{Kind: Login, Source: r.source, Part: "user " + name, Note: note})
			}
			return
		}
		its[0].CertFile = certFile
		kb, file := load("user "+name, m, "client-key")
		inside := file == ""
		if inside {
			file = "client-key-data"
		}
		r.key(&its[0], "user "+name+" client-key", file, kb, inside)
	})
}

// login says how a user of a kubeconfig without a certificate proves who it is.
func login(m object) string {
	text := func(k string) string { s, _ := m[k].(string); return s }
	if e, ok := m["exec"].(object); ok {
		cmd, _ := e["command"].(string)
		return "the exec plugin " + cmd
	}
	switch {
	case text("tokenFile") != "":
		return "the token in " + text("tokenFile")
	case text("token") != "":
		return "a token"
	case text("username") != "":
		return "a password"
	}
	if p, ok := m["auth-provider"].(object); ok {
		n, _ := p["name"].(string)
		return "the auth provider " + n
	}
	return ""
}
