package leaks

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/auditlog"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/replay"
)

// Credentials are put together here so that no scanner takes this file for a
// leak.
func token(claims string) string {
	enc := base64.RawURLEncoding.EncodeToString
	return enc([]byte(`{"alg":"RS256","kid":"k"}`)) + "." + enc([]byte(claims)) + "." + enc([]byte(strings.Repeat("signature", 4)))
}

var (
	saToken = token(`{"iss":"https://kubernetes.default.svc","sub":"system:serviceaccount:ns:sa","exp":1767323045,"kubernetes.io":{"namespace":"ns"}}`)
	idToken = token(`{"iss":"https://issuer.example.org","sub":"alice@example.org"}`)
	keyPEM  = func() string {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(k)
		if err != nil {
			panic(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	}()
	bootstrap = "07401b" + "." + "f395accd246ae52d"
	password  = "correct-horse-" + "battery"
	aws       = "AKIA" + "IOSFODNN7EXAMPLE"
	github    = "ghp_" + strings.Repeat("aB3", 12)
)

func event(uri, verb, request, response string) string {
	q := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	s := `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"RequestResponse","auditID":"id-1","stage":"ResponseComplete","requestURI":` + q(uri) + `,"verb":` + q(verb) + `,"user":{"username":"alice","groups":["system:authenticated"]},"stageTimestamp":"2026-01-02T03:04:05.000000Z"`
	if request != "" {
		s += `,"requestObject":` + request
	}
	if response != "" {
		s += `,"responseObject":` + response
	}
	return s + "}"
}

func find(t *testing.T, judge *replay.Judge, lines ...string) []*Leak {
	t.Helper()
	v := NewVisitor(judge)
	for _, l := range lines {
		events := auditlog.Parse([]byte(l))
		if len(events) != 1 {
			t.Fatalf("%d events in %s", len(events), l)
		}
		v.Visit(events[0])
	}
	out, _, _ := Merge([]*Visitor{v, NewVisitor(nil)})
	return out
}

func TestFinds(t *testing.T) {
	b64 := base64.StdEncoding.EncodeToString
	secret := func(typ, key, v string) string {
		return fmt.Sprintf(`{"kind":"Secret","apiVersion":"v1","metadata":{"name":"s"},"type":%q,"data":{%q:%q}}`, typ, key, b64([]byte(v)))
	}
	pod := func(container string) string {
		return `{"kind":"Pod","spec":{"containers":[` + container + `]}}`
	}
	exec := func(args ...string) string {
		v := url.Values{"command": args, "container": {"c"}, "stdout": {"true"}}
		return "/api/v1/namespaces/d/pods/p/exec?" + v.Encode()
	}
	secrets, pods := "/api/v1/namespaces/d/secrets", "/api/v1/namespaces/d/pods"
	for name, c := range map[string]struct {
		event, what, path string
		values            []string
	}{
		"created secret":         {event(secrets, "create", secret("Opaque", "password", password), ""), "Secret value", "requestObject.data.password", []string{password, b64([]byte(password))}},
		"read secret":            {event(secrets+"/s", "get", "", secret("Opaque", "password", password)), "Secret value", "responseObject.data.password", []string{password}},
		"stringData":             {event(secrets, "create", `{"kind":"Secret","stringData":{"p":"`+password+`"}}`, ""), "Secret value", "requestObject.stringData.p", []string{password}},
		"listed secrets":         {event(secrets, "list", "", `{"kind":"SecretList","items":[{"metadata":{"name":"a"},"data":{"p":"`+b64([]byte(password))+`"}}]}`), "Secret value", "responseObject.items[].data.p", []string{b64([]byte(password))}},
		"merge patch":            {event(secrets+"/s", "patch", `{"data":{"p":"`+b64([]byte(password))+`"}}`, ""), "Secret value", "requestObject.data.p", []string{b64([]byte(password))}},
		"JSON patch":             {event(secrets+"/s", "patch", `[{"op":"replace","path":"/data/p","value":"`+b64([]byte(password))+`"}]`, ""), "Secret value", "requestObject[0].value", []string{b64([]byte(password))}},
		"JSON patch of all":      {event(secrets+"/s", "patch", `[{"op":"add","path":"/data","value":{"p":"`+b64([]byte(password))+`"}}]`, ""), "Secret value", "requestObject[0].data.p", []string{b64([]byte(password))}},
		"last applied":           {event(secrets, "create", `{"metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":`+quoted(secret("Opaque", "p", password))+`}}}`, ""), "Secret value", "(JSON).data.p", []string{b64([]byte(password))}},
		"registry credentials":   {event(secrets, "create", secret("kubernetes.io/dockerconfigjson", ".dockerconfigjson", `{"auths":{}}`), ""), "registry credentials", "requestObject.data", nil},
		"TLS key":                {event(secrets, "create", secret("kubernetes.io/tls", "tls.key", keyPEM), ""), "private key", "requestObject.data.tls.key", []string{b64([]byte(keyPEM))[:40]}},
		"old token secret":       {event(secrets, "create", secret("kubernetes.io/service-account-token", "token", saToken), ""), "service account token without expiry", "data.token", []string{saToken}},
		"bootstrap secret":       {event("/api/v1/namespaces/kube-system/secrets", "create", secret("bootstrap.kubernetes.io/token", "token-secret", "f395accd246ae52d"), ""), "bootstrap token", "data.token-secret", nil},
		"token request":          {event("/api/v1/namespaces/ns/serviceaccounts/sa/token", "create", "", `{"kind":"TokenRequest","status":{"token":"`+saToken+`"}}`), "service account token", "responseObject.status.token", []string{saToken}},
		"token review":           {event("/apis/authentication.k8s.io/v1/tokenreviews", "create", `{"kind":"TokenReview","spec":{"token":"opaque-token-1234"}}`, ""), "token under review", "requestObject.spec.token", []string{"opaque-token-1234"}},
		"token in a ConfigMap":   {event("/api/v1/namespaces/d/configmaps", "create", `{"kind":"ConfigMap","data":{"c":"token: `+idToken+`"}}`, ""), "JSON web token", "requestObject.data.c", []string{idToken}},
		"key in a ConfigMap":     {event("/api/v1/namespaces/d/configmaps", "create", `{"kind":"ConfigMap","data":{"c":`+quoted(keyPEM)+`}}`, ""), "private key", "requestObject.data.c", []string{keyPEM[30:60]}},
		"kubeconfig":             {event("/api/v1/namespaces/d/configmaps", "create", `{"kind":"ConfigMap","data":{"c":"client-key-data: `+b64([]byte(keyPEM))+`"}}`, ""), "private key in base64", "requestObject.data.c", []string{b64([]byte(keyPEM))[:40]}},
		"exec with a bearer":     {event(exec("curl", "-H", "Authorization: Bearer "+idToken, "https://x"), "create", "", ""), "JSON web token", "requestURI (command)", []string{idToken}},
		"exec with an opaque":    {event(exec("curl", "-H", "Authorization: Bearer abcdef0123456789abcdef"), "get", "", ""), "opaque bearer token", "requestURI (command)", []string{"abcdef0123456789abcdef"}},
		"exec with a password":   {event(exec("mysql", "--password="+password), "create", "", ""), "argument password", "requestURI (command)", []string{password}},
		"exec, two arguments":    {event(exec("mysql", "--password", password), "create", "", ""), "argument password", "requestURI (command)", []string{password}},
		"exec with a variable":   {event(exec("sh", "-c", "PGPASSWORD="+password+" psql"), "create", "", ""), "argument", "requestURI (command)", []string{password}},
		"exec with basic auth":   {event(exec("curl", "-H", "Authorization: Basic "+b64([]byte("u:"+password))), "create", "", ""), "basic authorization", "requestURI (command)", []string{b64([]byte("u:" + password))}},
		"exec with a URL":        {event(exec("git", "clone", "https://u:"+password+"@git.example.org/x"), "create", "", ""), "password in a URL", "requestURI (command)", []string{password}},
		"kubeadm join":           {event(exec("kubeadm", "join", "10.0.0.1:6443", "--token", bootstrap), "create", "", ""), "bootstrap token", "requestURI (command)", []string{bootstrap}},
		"token in a proxied URI": {event("/api/v1/namespaces/d/services/web/proxy/x?access_token=0123456789abcdef", "get", "", ""), "token in a URI", "requestURI (access_token)", []string{"0123456789abcdef"}},
		"AWS key":                {event(pods, "create", pod(`{"env":[{"name":"X","value":"`+aws+`"}]}`), ""), "AWS access key id", "requestObject.spec.containers[0].env[0].value", []string{aws}},
		"GitHub token":           {event(pods, "create", pod(`{"args":["--pat","`+github+`"]}`), ""), "GitHub token", "requestObject.spec.containers[0].args", []string{github}},
		"password in env":        {event(pods, "create", pod(`{"env":[{"name":"DB_PASSWORD","value":"`+password+`"}]}`), ""), "value named as a secret", "env[0].value (name DB_PASSWORD)", []string{password}},
		"password in args":       {event(pods, "create", pod(`{"command":["server"],"args":["--db-password=`+password+`"]}`), ""), "argument db-password", "containers[0].args", []string{password}},
	} {
		t.Run(name, func(t *testing.T) {
			got := find(t, nil, c.event)
			if len(got) == 0 {
				t.Fatal("nothing found")
			}
			ok := false
			for _, l := range got {
				ok = ok || strings.HasPrefix(l.What, c.what) && strings.Contains(l.Path, c.path)
				// Nothing that leaves the package may hold the credential.
				all := fmt.Sprintf("%+v", *l)
				for _, v := range c.values {
					if strings.Contains(all, v) {
						t.Errorf("%s tells the credential: %s", l.What, all)
					}
				}
				if (l.Length < minHashed) != (l.Hash == "") {
					t.Errorf("a hash of %d characters can be guessed", l.Length)
				}
			}
			if !ok || len(got) != 1 {
				for _, l := range got {
					t.Errorf("found %q at %s, want %q at %s and nothing else", l.What, l.Path, c.what, c.path)
				}
			}
		})
	}
}

func quoted(s string) string { b, _ := json.Marshal(s); return string(b) }

// TestQuiet has what looks like a credential and is none.
func TestQuiet(t *testing.T) {
	pod := func(s string) string {
		return event("/api/v1/namespaces/d/pods", "create", `{"kind":"Pod","spec":{"containers":[`+s+`]}}`, "")
	}
	for name, e := range map[string]string{
		"env from a secret":     pod(`{"env":[{"name":"DB_PASSWORD","valueFrom":{"secretKeyRef":{"name":"s","key":"p"}}}]}`),
		"env naming a file":     pod(`{"env":[{"name":"TOKEN_FILE","value":"/run/secrets/token"},{"name":"SECRET","value":"/run/secrets/x"}]}`),
		"env with a reference":  pod(`{"env":[{"name":"API_KEY","value":"$(OTHER)"},{"name":"USE_TOKEN","value":"true"},{"name":"TOKEN","value":"true"}]}`),
		"path to a token":       pod(`{"args":["--token-file=/var/run/token","--bootstrap-token=$TOKEN","--tls-private-key-file=/x/tls.key"]}`),
		"image digest":          pod(`{"image":"registry.example.org/app@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}`),
		"versions":              pod(`{"image":"a.b/c:v1.2.3","env":[{"name":"V","value":"abcdef.ghijklmnopqrstuv"}]}`),
		"secret's metadata":     event("/api/v1/namespaces/d/secrets", "create", `{"kind":"Secret","metadata":{"name":"s"},"data":{"p":""}}`, ""),
		"certificate only":      event("/api/v1/namespaces/d/configmaps", "create", `{"kind":"ConfigMap","data":{"ca.crt":"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"}}`, ""),
		"CA of a token secret":  event("/api/v1/namespaces/d/secrets", "create", `{"kind":"Secret","type":"kubernetes.io/service-account-token","data":{"ca.crt":"QUFB","namespace":"ZA=="}}`, ""),
		"a continue token":      event("/api/v1/pods?limit=500&continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MTIzNCwic3RhcnQiOiJhL2IifQ", "list", "", ""),
		"an ordinary exec":      event("/api/v1/namespaces/d/pods/p/exec?command=cat&command=%2Fetc%2Fpasswd", "create", "", ""),
		"a service's URL":       pod(`{"args":["--url=https://user@host/x","--other=http://host:8080/a@b"]}`),
		"not base64 of a login": pod(`{"args":["Basic authentication","basic tutorial12345"]}`),
		"token review's answer": event("/apis/authentication.k8s.io/v1/tokenreviews", "create", "", `{"kind":"TokenReview","spec":{},"status":{"authenticated":true,"user":{"username":"x"}}}`),
	} {
		for _, l := range find(t, nil, e) {
			t.Errorf("%s: %s at %s", name, l.What, l.Path)
		}
	}
}

func TestRuleAndCount(t *testing.T) {
	ps, err := policy.Load("p", []byte("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: None\n  verbs: [delete]\n- level: RequestResponse\n"))
	if err != nil {
		t.Fatal(err)
	}
	p := ps[0].Internal
	e := event("/api/v1/namespaces/d/serviceaccounts/sa/token", "create", "", `{"kind":"TokenRequest","status":{"token":"`+saToken+`"}}`)
	got := find(t, replay.NewJudge(policy.NewEvaluator(p), p), e, strings.Replace(e, "id-1", "id-0", 1), e)
	if len(got) != 1 || got[0].Events != 3 || got[0].PolicyRule != 1 || got[0].PolicyLevel != "RequestResponse" || got[0].AuditID != "id-0" {
		t.Fatalf("%+v", got)
	}
	if got[0].Subject != "system:serviceaccount:ns:sa" || got[0].Expires.Unix() != 1767323045 {
		t.Errorf("%+v", got[0])
	}
}
