package expect

import (
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/apitable"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-auditpolicy/internal/policy"
)

// A test that checks nothing must not pass: what would be ignored is refused.
func TestRefuses(t *testing.T) {
	const head = "policy: p.yaml\ntests:\n"
	for text, want := range map[string]string{
		"tests: []\n": "no policy named",
		head:          "no tests in it",
		head + "- request: {verb: get, resource: pods}\n":                                                       "expect is empty",
		head + "- request: {verb: get, resource: pods}\n  expect: {levl: None}\n":                               "levl",
		head + "- request: {verb: get, resource: pods}\n  expect: {level: none}\n":                              "not one of None",
		head + "- request: {verb: get, resource: pods}\n  expect: {stages: [Panic]}\n":                          "stage",
		head + "- request: {verb: get, resource: pods}\n  expect: {level: None}\n---\npolicy: p\ntests: [{}]\n": "p:6: a second YAML document",
	} {
		if _, err := Parse("p", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	for request, want := range map[string]string{
		"{verb: get, url: /api, resource: pods}":             "url stands for the whole request",
		"{verb: get, url: /api, namespace: x}":               "url stands for the whole request",
		"{kubectl: get pods, verb: get}":                     "kubectl stands for the whole request",
		"{kubectl: get pods, name: web-0}":                   "kubectl stands for the whole request",
		"{unauthenticated: true, user: a, url: /api}":        "has no user",
		"{resource: pods}":                                   "a verb is needed",
		"{kubectl: config view}":                             "sends nothing",
		"{verb: get, resource: pods, name: x, namespace: y}": "",
	} {
		table, err := Parse("p", []byte(head+"- request: "+request+"\n  expect: {level: Metadata}\n"))
		if err != nil {
			t.Fatal(err)
		}
		ps, err := policy.Load("p", []byte("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n"))
		if err != nil {
			t.Fatal(err)
		}
		r := Run(table, ps[0], apitable.For(0))[0]
		switch {
		case want == "" && (r.Invalid != nil || len(r.Failures) > 0):
			t.Errorf("%s: %v %v", request, r.Invalid, r.Failures)
		case want != "" && (r.Invalid == nil || !strings.Contains(r.Invalid.Error(), want)):
			t.Errorf("%s: %v, want %q", request, r.Invalid, want)
		}
	}
}
