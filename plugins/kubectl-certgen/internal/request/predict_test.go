package request

import (
	"crypto/x509/pkix"
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
)

func spec(t *testing.T, signer, subject string, names []pki.GeneralName, usages ...string) Spec {
	t.Helper()
	key, err := pki.GenerateKey(pki.ECDSAP256)
	if err != nil {
		t.Fatal(err)
	}
	n, err := pki.ParseName(subject)
	if err != nil {
		t.Fatal(err)
	}
	der, err := n.Encode(pki.PrintableOrUTF8)
	if err != nil {
		t.Fatal(err)
	}
	s := Spec{Name: "x", Signer: signer, Usages: usages}
	if len(usages) == 0 {
		s.Usages = DefaultUsages(signer, pki.ECDSAP256)
	}
	e, err := pki.SubjectAltName(names, false)
	if err != nil {
		t.Fatal(err)
	}
	exts := []pkix.Extension{e}
	if len(names) == 0 {
		exts = nil
	}
	if s.CSR, err = pki.CreateRequest(der, exts, key); err != nil {
		t.Fatal(err)
	}
	return s
}

// The outcomes that a real control plane gives are in test/e2e/certgen-live;
// here it is that each reason is told with its remedy.
func TestPredict(t *testing.T) {
	ip := []pki.GeneralName{{Kind: pki.IP, Value: "10.0.0.1"}}
	forever := spec(t, Client, "/CN=a", nil)
	forever.Seconds = 1 << 31
	node := "/O=system:nodes/CN=system:node:n1"
	for name, c := range map[string]struct {
		s    Spec
		want Outcome
		word string
	}{
		"client":             {spec(t, Client, "/CN=a", nil), "", ""},
		"masters":            {spec(t, Client, "/O=system:masters/CN=a", nil), Refused, "system:masters"},
		"server usage":       {spec(t, Client, "/CN=a", nil, "client auth", "server auth"), Fails, "server auth"},
		"no client auth":     {spec(t, Client, "/CN=a", nil, "digital signature"), Fails, "client auth"},
		"kubelet client":     {spec(t, KubeletClient, node, nil), "", ""},
		"kubelet names":      {spec(t, KubeletClient, node, ip), Fails, "not allowed"},
		"kubelet org":        {spec(t, KubeletClient, "/CN=system:node:n1", nil), Fails, "organisation"},
		"kubelet cn":         {spec(t, KubeletClient, "/O=system:nodes/CN=n1", nil), Fails, "common name"},
		"serving":            {spec(t, Serving, node, ip), "", ""},
		"serving no names":   {spec(t, Serving, node, nil), Fails, "DNS name"},
		"legacy":             {spec(t, Legacy, "/CN=a", nil), Refused, "legacy"},
		"pod":                {spec(t, ClientPod, "/CN=a", nil), Never, "not implemented"},
		"unknown built-in":   {spec(t, "kubernetes.io/x", "/CN=a", nil), Never, "no signer"},
		"custom":             {spec(t, "example.com/x", "/CN=a", nil), Note, "own"},
		"signer name":        {spec(t, "nothing", "/CN=a", nil), Refused, "DOMAIN/PATH"},
		"signer path":        {spec(t, "example.com/a/b", "/CN=a", nil), Refused, "DOMAIN/PATH"},
		"signer in capitals": {spec(t, "example.com/Web", "/CN=a", nil), Refused, "lower-case"},
		"no end in sight":    {forever, Refused, "68 years"},
		"unknown usage":      {spec(t, Client, "/CN=a", nil, "client auth", "agent auth"), Refused, "agent auth"},
		"twice":              {spec(t, Client, "/CN=a", nil, "client auth", "client auth"), Refused, "twice"},
	} {
		fs := Predict(c.s)
		got := Outcome("")
		if len(fs) > 0 {
			got = fs[0].Outcome
		}
		if got != c.want || (c.word != "" && !strings.Contains(fs[0].Message, c.word)) {
			t.Errorf("%s: %q %v, want %q and %q", name, got, fs, c.want, c.word)
		}
		if got != "" && got != Note && fs[0].Remedy == "" {
			t.Errorf("%s: no remedy", name)
		}
	}
	s := spec(t, Serving, node, ip)
	s.User = "system:node:n2"
	if fs := Predict(s); len(fs) == 0 || fs[0].Outcome != Refused {
		t.Errorf("a node asking for another's name: %v", fs)
	}
}
