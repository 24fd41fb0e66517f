package certlint

import (
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/input"
)

// A request that goes from one call to the next without a file of its own is
// judged like one with.
func TestRequestThroughThePipe(t *testing.T) {
	const sign = "openssl x509 -req -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -out s.crt"
	const asks = "openssl req -new -key s.key -subj /CN=s -addext subjectAltName=DNS:s.example.com"
	lost := "drops the names that the request asks for"
	for script, want := range map[string]string{
		asks + " | " + sign:                                 lost,
		asks + " |\n  " + sign:                              lost,
		asks + " | tee s.csr | " + sign:                     lost,
		asks + " > s.csr\n" + sign + " < s.csr":             lost,
		sign + " -in <(" + asks + ")":                       lost,
		asks + " | " + sign + " -copy_extensions copy":      "",
		asks + " || " + sign:                                "no extensions at all",
		"openssl req -new -key s.key -subj /CN=s | " + sign: "no extensions at all",
		"openssl req -new -key s.key -subj /CN=s | " + sign + " -copy_extensions copy":  "nothing to copy: the request asks for no extensions",
		"openssl genrsa 2048 | openssl req -new -key /dev/stdin -subj /CN=s -out s.csr": "",
	} {
		f, err := input.Parse("make.sh", []byte("#!/bin/bash\n"+script+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, i := range Lint([]*input.File{f}) {
			got = append(got, i.Message)
		}
		if want == "" && len(got) > 0 || want != "" && (len(got) != 1 || !strings.Contains(got[0], want)) {
			t.Errorf("%s\n  says %q, want %q", script, got, want)
		}
	}
}
