package diff

import (
	"slices"
	"testing"

	"k8s.io/apiserver/pkg/apis/audit"
)

// Each class is one thing to read: paths are not joined to particular resources,
// and subresources are named for what they are.
func TestClassesReadAsOneThing(t *testing.T) {
	of := func(level audit.Level, verbs, resources []string) audit.PolicyRule {
		r := audit.PolicyRule{Level: level, Verbs: verbs}
		if resources != nil {
			r.Resources = []audit.GroupResources{{Resources: resources}}
		}
		return r
	}
	before := &audit.Policy{Rules: []audit.PolicyRule{of(audit.LevelMetadata, nil, nil)}}
	after := &audit.Policy{Rules: []audit.PolicyRule{
		of(audit.LevelMetadata, nil, []string{"pods", "nodes"}), of(audit.LevelMetadata, nil, []string{"*/status"}),
		of(audit.LevelNone, []string{"get", "list"}, nil), of(audit.LevelMetadata, nil, nil),
	}}
	var got []string
	for _, c := range Compare(before, after, nil).Changes {
		got = append(got, c.Class)
	}
	want := []string{
		"get and list on all resources but pods and nodes and all subresources but status",
		"get and list on all resources in groups other than core",
		"get on all paths that are no resources",
		"get on all subresources but status of any resource",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
