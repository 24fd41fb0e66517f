package inspect

import (
	"encoding/json"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	sigs "sigs.k8s.io/yaml"
)

// A key that is a number or a yes to YAML has the name that kubectl gives it,
// and keeps no other key of its mapping from being read.
func TestPlainKeys(t *testing.T) {
	for _, key := range []string{"y", "n", "on", "OFF", "yes", "True", "8443", "0x1F", "1.5", "-3", "ca.crt", "'y'", `"8443"`, "1.2.3", "2026-11-26x"} {
		text := "kind: ConfigMap\ndata:\n  " + key + ": v\n  other: w\n"
		var n yaml.Node
		if err := yaml.Unmarshal([]byte(text), &n); err != nil {
			t.Fatal(err)
		}
		plainKeys(&n)
		var obj object
		if err := n.Decode(&obj); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		got, err := json.Marshal(obj)
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		want, err := sigs.YAMLToJSON([]byte(text))
		if err != nil || string(got) != string(want) {
			t.Errorf("%s: %s, kubectl sends %s (%v)", key, got, want, err)
		}
	}
	pem := "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"
	text := "kind: ConfigMap\nmetadata: {name: m}\ndata:\n  8443: text\n  ca.crt: |\n    " + strings.ReplaceAll(pem, "\n", "\n    ") + "\n"
	if _, err := Bytes("f", []byte(text), Options{}); err == nil || !strings.Contains(err.Error(), "configmap m ca.crt") {
		t.Errorf("the broken certificate beside the number was passed over: %v", err)
	}
}
