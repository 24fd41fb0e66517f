package manifest

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/yamltree"
)

// TestScalarsAreKubectls holds the type of every plain scalar against the library
// that kubectl reads manifests with.
func TestScalarsAreKubectls(t *testing.T) {
	texts := []string{
		"y", "n", "Y", "N", "yes", "No", "ON", "on", "off", "True", "tRue", "NULL", "nuLl", "~", "=",
		"0o17", "0o8", "0b11", "-0b1", "0b2", "1_000", "1__0", "_1", "0_1", "0x1F", "0xG", "-0x1", "0777", "08", "-017", "+017", "0", "-0", "00",
		"1e3", "12e03", "1:30", "190:20:30", ".5", "+.5", "-.5", "+1", "1.", "1.5", "685_230.15", "1e400", "-", "+", ".", "e3", "1e", "0.0", "1E+2",
		"9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616", "-9223372036854775808", "0x7fffffffffffffff",
		"2001-01-01", "2001-01-01T00:00:00Z", "2001-01-01 00:00:00",
		"!!str 5", "!!int 5", `!!int "5"`, "!!bool yes", `!!bool "yes"`, "!!float 1", `!!null ""`, "!!binary aGk=", "!!str", "! 5",
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		b := make([]byte, 1+rnd.IntN(6))
		for i := range b {
			const alphabet = "0011789+-._eExXoObBafynYN"
			b[i] = alphabet[rnd.IntN(len(alphabet))]
		}
		texts = append(texts, string(b))
	}
	bad := 0
	for _, text := range texts {
		want, err := yaml.YAMLToJSON([]byte("- " + text))
		f := yamltree.Parse("f", "a:\n- "+text+"\n")
		if err != nil || len(f.Docs) != 1 || f.Docs[0].Root == nil {
			continue
		}
		got, err := json.Marshal(JSON(f.Docs[0].Root).(map[string]any)["a"])
		if err != nil {
			t.Fatal(err)
		}
		var a, b any // of a number its value counts, not its digits
		if json.Unmarshal(got, &a) != nil || json.Unmarshal(want, &b) != nil || !reflect.DeepEqual(a, b) {
			if bad++; bad <= 20 {
				t.Errorf("%s is %s, kubectl reads %s", text, got, want)
			}
		}
	}
}
