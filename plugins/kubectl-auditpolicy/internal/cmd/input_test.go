package cmd

import (
	"testing"
	"unicode/utf16"

	"github.com/clusterwright/kubectl-plugins/shared/cli"
)

// kube-apiserver reads UTF-16 too, which PowerShell's redirection writes.
func TestUTF16(t *testing.T) {
	read := func(data []byte) []byte {
		env, in, _, _ := cli.TestEnv()
		in.Write(data)
		got, err := readBytes(env, "-")
		if err != nil {
			t.Error(err)
		}
		return got
	}
	const text = "apiVersion: audit.k8s.io/v1\r\nkind: Policy # \U0001F512\r\nrules: []\r\n"
	for name, high := range map[string]int{"little": 1, "big": 0} {
		data := []byte{0, 0}
		data[high], data[1-high] = 0xfe, 0xff
		for _, u := range utf16.Encode([]rune(text)) {
			pair := [2]byte{}
			pair[high], pair[1-high] = byte(u>>8), byte(u)
			data = append(data, pair[:]...)
		}
		if got := read(data); string(got) != text {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := read([]byte(text)); string(got) != text {
		t.Errorf("%q", got)
	}
}
