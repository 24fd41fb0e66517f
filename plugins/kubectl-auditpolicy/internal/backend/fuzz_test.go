package backend

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzReadServer: whatever stands in a file, reading and judging it ends.
func FuzzReadServer(f *testing.F) {
	files, err := filepath.Glob("testdata/check/*")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("kind: Pod\nspec: {containers: [{name: kube-apiserver, command: x, volumeMounts: [1, {name: [a]}]}], volumes: [1, {name: x, hostPath: y}]}"))
	f.Add([]byte("cluster: {apiServer: {extraArgs: &a [*a, {name: [x]}]}}"))
	f.Add([]byte("kube-apiserver-arg: {audit-log-path: [], audit-log-maxage: {a: b}}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		s, err := ReadServer("f", data)
		if err != nil {
			return
		}
		for _, found := range Check(s, Options{Minor: 30, Rate: 100, EventsPerRequest: 2}) {
			if found.ID == "" || found.Message == "" || found.Subject.Name != "f" {
				t.Fatalf("%+v", found)
			}
		}
		InForce(s, 37)
	})
}
