package leaks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sort"
	"strings"
)

// located is a hit with its place in the event.
type located struct {
	path string
	hit
}

// suspicious are the texts of which one must stand in a body before it is
// decoded. It errs on the side of decoding.
var suspicious = [][]byte{
	[]byte(`eyJ`), []byte(`"Secret`), []byte(`PRIVATE KEY`), []byte(`LS0tLS1CRUdJTi`), []byte(`"TokenRe`), []byte(`token`), []byte(`TOKEN`),
	[]byte(`assword`), []byte(`asswd`), []byte(`PASSW`), []byte(`SECRET`), []byte(`secret"`), []byte(`_KEY`), []byte(`_key`), []byte(`earer `), []byte(`asic `),
	[]byte(`://`), []byte(`AKIA`), []byte(`ASIA`), []byte(`AIza`), []byte(`AccountKey=`), []byte(`ghp_`), []byte(`github_pat_`), []byte(`glpat-`),
	[]byte(`xox`), []byte(`_live_`), []byte(`hvs.`), []byte(`dop_v1_`), []byte(`npm_`), []byte(`ya29.`), []byte(`"command"`), []byte(`CREDENTIAL`),
}

// inBody finds credentials in a logged object. where is "requestObject" or
// "responseObject"; ofSecret says that the request was for secrets, whose
// patches do not say so themselves.
func inBody(where string, body []byte, ofSecret bool) []located {
	look := ofSecret
	for _, s := range suspicious {
		if look = look || bytes.Contains(body, s); look {
			break
		}
	}
	if !look {
		return nil
	}
	var v any
	if json.Unmarshal(body, &v) != nil {
		return nil
	}
	w := &walker{}
	if ofSecret {
		w.secretPatch(where, v)
	}
	w.value(where, v, 0)
	return w.out
}

type walker struct {
	out []located
}

func (w *walker) hit(path string, h hit) { w.out = append(w.out, located{path, h}) }

func (w *walker) value(path string, v any, depth int) {
	if depth > 64 {
		return
	}
	switch v := v.(type) {
	case map[string]any:
		w.object(path, v, depth)
	case []any:
		for i, item := range v {
			p := fmt.Sprintf("%s[%d]", path, i)
			if depth > 0 && strings.HasSuffix(path, ".items") {
				p = path + "[]"
			}
			w.value(p, item, depth+1)
		}
	case string:
		// kubectl keeps the last applied object in an annotation.
		if len(v) > 2 && v[0] == '{' && depth < 32 {
			var inner any
			if json.Unmarshal([]byte(v), &inner) == nil {
				w.value(path+" (JSON)", inner, depth+32)
				return
			}
		}
		for _, h := range inText(v) {
			w.hit(path, h)
		}
	}
}

func (w *walker) object(path string, m map[string]any, depth int) {
	kindName, _ := m["kind"].(string)
	skip := map[string]bool{}
	switch kindName {
	case "Secret":
		w.secret(path, m)
		skip["data"], skip["stringData"] = true, true
	case "SecretList":
		// The items of a list do not name their kind.
		if items, ok := m["items"].([]any); ok {
			for _, item := range items {
				if s, ok := item.(map[string]any); ok && s["kind"] == nil {
					w.secret(path+".items[]", s)
					delete(s, "data")
					delete(s, "stringData")
				}
			}
		}
	case "TokenReview":
		if spec, ok := m["spec"].(map[string]any); ok {
			if t, _ := spec["token"].(string); t != "" {
				w.token(path+".spec.token", t, "token under review")
				delete(spec, "token")
			}
		}
	case "TokenRequest":
		if status, ok := m["status"].(map[string]any); ok {
			if t, _ := status["token"].(string); t != "" {
				w.token(path+".status.token", t, "service account token")
				delete(status, "token")
			}
		}
	}
	// An environment variable, or another pair of name and value.
	if name, ok := m["name"].(string); ok {
		if value, ok := m["value"].(string); ok && nameForm().MatchString(name) && len(value) >= 4 && !placeholder(value) && !pathLike(value) && len(inText(value)) == 0 {
			w.hit(path+".value (name "+cleanName(name)+")", hit{kind: kind{rulePassword, "value named as a secret"}, value: value})
			skip["value"] = true
		}
	}
	for _, key := range sortedKeys(m) {
		if skip[key] {
			continue
		}
		if args, ok := m[key].([]any); ok && (key == "command" || key == "args") && allStrings(args) {
			var words []string
			for _, a := range args {
				words = append(words, a.(string))
			}
			for _, h := range inArgument(strings.Join(words, " ")) {
				w.hit(path+"."+key, h)
			}
			continue
		}
		w.value(path+"."+cleanName(key), m[key], depth+1)
	}
}

func allStrings(vs []any) bool {
	for _, v := range vs {
		if _, ok := v.(string); !ok {
			return false
		}
	}
	return len(vs) > 0
}

// pathLike says whether a value names a file or another object and not a
// secret.
func pathLike(v string) bool {
	return strings.HasPrefix(v, "/") || strings.HasPrefix(v, "./") || strings.HasPrefix(v, "file:")
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

func (w *walker) token(path, t, what string) {
	for _, h := range inText(t) {
		if h.rule == ruleServiceAccount || h.rule == ruleBearer {
			w.hit(path, h)
			return
		}
	}
	w.hit(path, hit{kind: kind{ruleBearer, what}, value: t})
}

// secret reports each key of a Secret that has a value.
func (w *walker) secret(path string, m map[string]any) {
	typ, _ := m["type"].(string)
	for _, field := range []string{"data", "stringData"} {
		data, _ := m[field].(map[string]any)
		for _, key := range sortedKeys(data) {
			v, _ := data[key].(string)
			if v == "" {
				continue
			}
			w.secretValue(path+"."+field+"."+cleanName(key), typ, key, v)
		}
	}
}

func (w *walker) secretValue(path, typ, key, v string) {
	k := kind{ruleSecret, "Secret value"}
	switch {
	case typ == "kubernetes.io/service-account-token" && key == "token":
		k = kind{ruleServiceAccount, "service account token without expiry"}
	case typ == "kubernetes.io/service-account-token":
		return // the CA certificate and the namespace are public
	case typ == "bootstrap.kubernetes.io/token" && key == "token-secret":
		k = kind{ruleBootstrap, "bootstrap token"}
	case typ == "bootstrap.kubernetes.io/token":
		return
	case typ == "kubernetes.io/tls" && key == "tls.key":
		k = kind{rulePrivateKey, "private key"}
	case typ == "kubernetes.io/tls":
		return
	case typ == "kubernetes.io/dockerconfigjson" || typ == "kubernetes.io/dockercfg":
		k.what = "registry credentials"
	case typ == "helm.sh/release.v1":
		k.what = "Helm release, with its values"
	}
	w.hit(path, hit{kind: k, value: v})
}

// secretPatch reports what a patch of a Secret writes: a merge patch has data,
// a JSON patch has paths.
func (w *walker) secretPatch(path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		if kindName, _ := v["kind"].(string); kindName == "" {
			w.secret(path, v)
			delete(v, "data")
			delete(v, "stringData")
		}
	case []any:
		for i, op := range v {
			o, ok := op.(map[string]any)
			if !ok {
				continue
			}
			to, _ := o["path"].(string)
			if !strings.HasPrefix(to, "/data") && !strings.HasPrefix(to, "/stringData") {
				continue
			}
			at := fmt.Sprintf("%s[%d].value", path, i)
			switch value := o["value"].(type) {
			case string:
				if value != "" {
					w.secretValue(at, "", "", value)
				}
			case map[string]any:
				w.secret(at[:len(at)-len(".value")], map[string]any{"data": value})
			}
			delete(o, "value")
		}
	}
}
