package inject

import (
	"strings"
	"testing"
)

const podHead = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n"

// texts are manifests as people and tools write them, each with something that
// an editor could trip over.
var texts = map[string]string{
	"no line end at the end":   podHead + "spec:\n  containers:\n  - name: c\n    image: x",
	"literal at the end":       podHead + "spec:\n  containers:\n  - name: c\n    image: x\n    args:\n    - |\n      a\n      b",
	"folded keep at the end":   podHead + "spec:\n  containers:\n  - name: c\n    image: x\n    args:\n    - >+\n      a\n\n\n",
	"crlf":                     strings.ReplaceAll(podHead+"spec:\n  containers:\n  - name: c\n    image: x\n    args:\n    - |\n      a\n      b\n", "\n", "\r\n"),
	"byte order mark":          "\xef\xbb\xbf" + podHead + "spec:\n  containers:\n  - name: c\n    image: x\n",
	"comments everywhere":      "# a\n" + podHead + "# b\nspec: # c\n  # d\n  containers: # e\n  # f\n  - name: c # g\n    # h\n    image: x # i\n  # j\n# k\n",
	"indented list":            podHead + "spec:\n    containers:\n        - name: c\n          image: x\n          volumeMounts:\n              - name: v\n                mountPath: /data\n    volumes:\n        - name: v\n          emptyDir: {}\n",
	"empty list":               podHead + "spec:\n  volumes: []\n  initContainers: [ ]\n  containers:\n  - name: c\n    image: x\n    volumeMounts: []\n",
	"nulls":                    podHead + "  annotations:\nspec:\n  volumes:\n  initContainers: null\n  containers:\n  - name: c\n    image: x\n    volumeMounts: ~ # none\n",
	"empty annotations":        "apiVersion: v1\nkind: Pod\nmetadata:\n  annotations: {}\n  name: p\nspec:\n  containers:\n  - {name: c, image: x}\n",
	"annotations":              "apiVersion: v1\nkind: Pod\nmetadata:\n  annotations:\n    a: b # c\n  name: p\nspec:\n  containers:\n  - {name: c, image: x}\n",
	"flow in block":            podHead + "spec: {containers: [{name: c, image: x}], restartPolicy: Never}\n",
	"generateName":             "apiVersion: batch/v1\nkind: Job\nmetadata:\n  generateName: j-\nspec:\n  template:\n    spec:\n      restartPolicy: Never\n      containers:\n      - name: c\n        image: x\n",
	"name last":                "kind: Pod\napiVersion: v1\nspec:\n  containers:\n  - image: x\n    name: c\nmetadata:\n  name: p\n",
	"json":                     "{\n    \"apiVersion\": \"v1\",\n    \"kind\": \"Pod\",\n    \"metadata\": {\"name\": \"p\"},\n    \"spec\": {\n        \"containers\": [\n            {\"name\": \"c\", \"image\": \"x\"}\n        ],\n        \"volumes\": null,\n        \"initContainers\": []\n    }\n}\n",
	"json with tabs":           "{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"Pod\",\n\t\"metadata\": {\n\t\t\"name\": \"p\"\n\t},\n\t\"spec\": {\n\t\t\"containers\": [\n\t\t\t{\n\t\t\t\t\"name\": \"c\",\n\t\t\t\t\"image\": \"x\\ty\"\n\t\t\t}\n\t\t]\n\t}\n}\n",
	"compact json":             `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"x"}]}}`,
	"json stream":              `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"x"}]}}` + "\n" + `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"q"},"spec":{"containers":[{"name":"c","image":"x"}]}}` + "\n",
	"json null annotations":    `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","annotations":null},"spec":{"containers":[{"name":"c","image":"x","volumeMounts":null}]}}`,
	"json empty":               `{"apiVersion":"v1","kind":"Pod","metadata":{},"spec":{"containers":[{"name":"c","image":"x","volumeMounts":[]}],"volumes":[ ]}}`,
	"directives and markers":   "%YAML 1.1\n---\n" + podHead + "spec:\n  containers:\n  - name: c\n    image: x\n...\n---\n# only a comment\n---\n" + podHead + "spec:\n  containers:\n  - name: c\n    image: x\n",
	"marker with flow":         "--- {apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, image: x}]}}\n",
	"kyaml":                    "---\n{\n  apiVersion: \"v1\",\n  kind: \"Pod\",\n  metadata: {\n    name: \"p\",\n  },\n  spec: {\n    containers: [{\n      name: \"c\",\n      image: \"x\",\n    }],\n    volumes: null,\n  },\n}\n",
	"kyaml empty":              "---\n{\n  apiVersion: \"v1\",\n  kind: \"Pod\",\n  metadata: {},\n  spec: {\n    volumes: [],\n    containers: [{\n      name: \"c\",\n      image: \"x\",\n      volumeMounts: [{\n        name: \"d\",\n        mountPath: \"/d\",\n      }],\n    }],\n  },\n}\n",
	"shared mounts":            podHead + "spec:\n  initContainers:\n  - name: i\n    image: x\n    volumeMounts: &m\n    - name: v\n      mountPath: /data\n  containers:\n  - name: c\n    image: x\n    volumeMounts: *m\n  volumes:\n  - name: v\n    emptyDir: {}\n",
	"anchored mounts":          podHead + "spec:\n  containers:\n  - name: c\n    image: x\n    volumeMounts: &m\n    - name: v\n      mountPath: /data\n  - name: d\n    image: x\n    volumeMounts: *m\n  volumes:\n  - name: v\n    emptyDir: {}\n",
	"merge keys":               podHead + "spec:\n  containers:\n  - &c\n    name: c\n    image: x\n  - <<: *c\n    name: d\n",
	"merged from elsewhere":    "x-base: &base\n  image: x\n  volumeMounts:\n  - name: v\n    mountPath: /data\n" + podHead + "spec:\n  containers:\n  - <<: *base\n    name: c\n  volumes:\n  - name: v\n    emptyDir: {}\n",
	"shared pod template":      "apiVersion: v1\nkind: List\nitems:\n- apiVersion: apps/v1\n  kind: Deployment\n  metadata: {name: a}\n  spec:\n    selector: {}\n    template: &t\n      metadata:\n        labels: {a: b}\n      spec:\n        containers:\n        - name: c\n          image: x\n- apiVersion: apps/v1\n  kind: Deployment\n  metadata: {name: b}\n  spec:\n    selector: {}\n    template: *t\n",
	"shared flow template":     "{apiVersion: v1, kind: List, items: [{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, spec: {selector: {}, template: &t {spec: {containers: [{name: c, image: x}]}}}}, {apiVersion: apps/v1, kind: Deployment, metadata: {name: b}, spec: {selector: {}, template: *t}}]}\n",
	"deployment list":          "apiVersion: apps/v1\nkind: DeploymentList\nitems:\n- apiVersion: apps/v1\n  kind: Deployment\n  metadata:\n    name: a\n  spec:\n    template:\n      spec:\n        containers:\n        - name: c\n          image: x\n",
	"items without a kind":     "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"items\":[{\"metadata\":{\"name\":\"a\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"x\"}]}},{\"metadata\":{\"generateName\":\"b-\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"x\",\"volumeMounts\":null}],\"volumes\":[]}}]}\n",
	"flow nulls, not written":  "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {metadata: {annotations: }, spec: {initContainers: , containers: [{name: c, image: x, volumeMounts: }], volumes: }}}\n",
	"native sidecar there":     podHead + "spec:\n  initContainers:\n  # the first\n  - name: i\n    image: x\n    restartPolicy: Always\n  containers:\n  - name: c\n    image: x\n",
	"init prepares the volume": podHead + "spec:\n  initContainers:\n  - name: i\n    image: x\n    volumeMounts: [{name: v, mountPath: /var/log/app}]\n  - name: j\n    image: x\n  containers:\n  - name: c\n    image: x\n    volumeMounts: [{name: v, mountPath: /var/log/app}]\n  volumes: [{name: v, emptyDir: {}}]\n",
	"quoted keys":              "\"apiVersion\": \"v1\"\n\"kind\": 'Pod'\n\"metadata\":\n  \"name\": \"p\"\n\"spec\":\n  \"containers\":\n  - \"name\": \"c\"\n    \"image\": \"x\"\n",
	"two spaces behind dashes": podHead + "spec:\n  containers:\n  -   name: c\n      image: x\n      env:\n      -   name: a\n          value: \"tab\there\"\n",
	"unicode":                  podHead + "  annotations:\n    note: \"größe ✓ \\U0001F600\"\nspec:\n  containers:\n  - name: c # ü\n    image: x\n",
	"windows lines, no end":    strings.ReplaceAll(podHead+"spec:\n  containers:\n  - name: c\n    image: x", "\n", "\r\n"),
}

func TestTexts(t *testing.T) {
	for name, text := range texts {
		for variant, o := range variants() {
			out := held(t, variant+": "+name, text, o)
			if out == nil {
				t.Errorf("%s: not read", name)
				continue
			}
			if len(out.Items) == 0 {
				t.Errorf("%s: no workload was found", name)
			}
			for _, it := range out.Items {
				if it.Action != Injected {
					t.Errorf("%s: %s: %s %v", variant, name, it.Action, it.Findings)
				}
			}
		}
	}
}

func FuzzInject(f *testing.F) {
	for _, text := range texts {
		f.Add(text)
	}
	all := variants()
	f.Fuzz(func(t *testing.T, text string) {
		for name, o := range all {
			held(t, name, text, o)
		}
	})
}
