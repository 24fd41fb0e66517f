package liveobject

import (
	"encoding/json"
	"reflect"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestClean(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"what was meant stays": {
			`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"w-1","generateName":"w-","uid":"u","resourceVersion":"1","managedFields":[{}],"finalizers":["f"],"ownerReferences":[{"kind":"X"}],"annotations":{"deployment.kubernetes.io/revision":"3"}},"spec":{"template":{"metadata":{"creationTimestamp":null}}},"status":{"x":1}}`,
			`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"w-1","generateName":"w-","finalizers":["f"],"ownerReferences":[{"kind":"X"}]},"spec":{"template":{"metadata":{}}}}`,
		},
		"a pod can run on another node": {
			`{"kind":"Pod","metadata":{"name":"p","annotations":{"a":"b"}},"spec":{"nodeName":"n","volumes":[{"name":"kube-api-access-x"},{"name":"v"}],"containers":[{"name":"c","volumeMounts":[{"name":"kube-api-access-x"}]}]}}`,
			`{"kind":"Pod","metadata":{"name":"p","annotations":{"a":"b"}},"spec":{"volumes":[{"name":"v"}],"containers":[{"name":"c"}]}}`,
		},
		"a job can be created again": {
			`{"kind":"Job","metadata":{"name":"j","labels":{"job-name":"j"}},"spec":{"selector":{"matchLabels":{"controller-uid":"u"}},"template":{"metadata":{"labels":{"controller-uid":"u","app":"x"}}}}}`,
			`{"kind":"Job","metadata":{"name":"j"},"spec":{"template":{"metadata":{"labels":{"app":"x"}}}}}`,
		},
	} {
		var in, want map[string]any
		if json.Unmarshal([]byte(c.in), &in) != nil || json.Unmarshal([]byte(c.want), &want) != nil {
			t.Fatal(name)
		}
		before, _ := json.Marshal(in)
		if got := Clean(&unstructured.Unstructured{Object: in}).Object; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v", name, got)
		}
		if after, _ := json.Marshal(in); string(after) != string(before) {
			t.Errorf("%s: the object itself was changed", name)
		}
	}
}
