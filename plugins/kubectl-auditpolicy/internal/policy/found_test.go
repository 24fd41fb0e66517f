package policy

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
)

// A template is no policy yet, and is called so at the first place that has to
// be filled in, whether it happens to be YAML or not.
func TestTemplates(t *testing.T) {
	const head = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n"
	for name, c := range map[string]struct{ text, want string }{
		"Jinja":           {head + "{% if custom %}\n{{ custom | indent(2) }}\n{% endif %}\n- level: Metadata\n", "p:4: a template, not yet a policy: it has {% if custom %}; render it with Ansible and check what comes out"},
		"a Jinja value":   {head + "- level: \"{{ level }}\"\n", "p:4: a template, not yet a policy: it has {{ level }}; render it with Ansible or helm template and check what comes out"},
		"a Jinja list":    {head + "- level: None\n  users: {{ users | to_json }}\n", "p:5: a template, not yet a policy: it has {{ users | to_json }}; "},
		"Helm":            {"{{- if .Values.audit }}\nkind: ConfigMap\n{{- end }}\n", "p:1: a template, not yet a policy: it has {{- if .Values.audit }}; render it with helm template "},
		"Helm in rules":   {head + "{{- range .Values.rules }}\n- level: None\n{{- end }}\n", "p:4: a template, "},
		"shell":           {head + "- level: Metadata\n  resources: ${known_apis}\n", "p:5: a template, not yet a policy: it has ${known_apis}; render it with envsubst or terraform and check what comes out"},
		"Mako":            {"<%\n import os\n%>---\na: [\n", "p:1: a template, not yet a policy: it has <%; "},
		"in a ConfigMap":  {"kind: ConfigMap\ndata:\n  p: |\n    apiVersion: audit.k8s.io/v1\n    kind: Policy\n    rules:\n    - level: ${LEVEL}\n", "p:7: a template, not yet a policy: it has ${LEVEL}; "},
		"not in comments": {head + "# {{ not this }}\n- level: Metadata # nor ${this}\n", ""},
	} {
		_, err := Load("p", []byte(c.text))
		switch {
		case c.want == "" && err != nil, c.want != "" && err == nil:
			t.Errorf("%s: %v", name, err)
		case err != nil && !strings.HasPrefix(err.Error(), c.want):
			t.Errorf("%s:\n%v, want\n%s", name, err, c.want)
		}
	}
}

// Policies in here-documents and in pages are found, in their places.
func TestBlocks(t *testing.T) {
	const script = "#!/bin/bash\ncat <<'EOF' > /etc/p.yaml\n# all\napiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n  verb: [get]\nEOF\nif [ -f x ]; then echo: y: z; fi\n"
	const terraform = "resource \"x\" \"y\" {\n  data = {\n    \"p.yaml\" = <<-EOT\n      apiVersion: audit.k8s.io/v1\n      kind: Policy\n      rules:\n      - level: Metadata\n        verb: [get]\n    EOT\n  }\n  zone: \"${var.zone}\"\n}\n"
	const page = "# Audit\n\nText: with colons: two.\n\n```yaml\napiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n  verb: [get]\n```\n\n```sh\ncat <<EOF\n```\n"
	const plain = "Audit\n=====\n\n```\napiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n  verb: [get]\n```\n"
	for text, want := range map[string][2]int{script: {8, 3}, terraform: {8, 9}, page: {10, 3}, plain: {9, 3}} {
		ps, err := Load("p", []byte(text))
		if err != nil || len(ps) != 1 {
			t.Errorf("%d policies, %v in\n%s", len(ps), err, text)
			continue
		}
		p := ps[0]
		if len(p.Dropped) != 1 || len(p.Refused) > 0 {
			t.Errorf("dropped %v, refused %v", p.Dropped, p.Refused)
			continue
		}
		line, column := p.Position(p.Dropped[0].Node)
		if line != want[0] || column != want[1] {
			t.Errorf("at %d:%d, want %v in\n%s", line, column, want, text)
		}
		if off, _ := p.Offset(line, column); string(p.File().Bytes) != text || !strings.HasPrefix(text[off:], "verb:") {
			t.Errorf("offset %d does not show the field in\n%s", off, text)
		}
	}
	for name, c := range map[string]struct{ text, want string }{
		"a block that is not YAML": {strings.Replace(script, "- level: Metadata\n", "- level: Metadata\n  a: b: c\n", 1), "p:8: not YAML: mapping values"},
		"a block that is a template": {strings.Replace(terraform, "level: Metadata", "level: ${var.level}", 1),
			"p:7: a template, not yet a policy: it has ${var.level}; "},
		"a here-document's end": {"apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\nEOF\n", "p:5: not YAML: EOF is the end of a shell's here-document, not of the policy: delete the line"},
		"a broken policy in a ConfigMap": {"kind: ConfigMap\nmetadata:\n  name: x\ndata:\n  p: |\n    apiVersion: audit.k8s.io/v1\n    kind: Policy\n    rules:\n    - level: a: b\n",
			"p:9: the policy in ConfigMap x, data.p: not YAML: mapping values are not allowed"},
		"a broken policy in a string": {"kind: ConfigMap\ndata:\n  p: \"apiVersion: audit.k8s.io/v1\\nkind: Policy\\nrules:\\n- level: a: b\\n\"\n",
			"p:3: the policy in ConfigMap, data.p: line 4 of it: not YAML: mapping values are not allowed"},
		"a template in a ConfigMap": {"kind: ConfigMap\ndata:\n  p: |\n    apiVersion: audit.k8s.io/v1\n    rules:\n    {% for r in rules %}\n    - x\n",
			"p:6: the policy in ConfigMap, data.p: a template, not yet a policy: it has {% for r in rules %}; "},
		"no policy": {"#!/bin/bash\ncat <<EOF\nx: [\nEOF\n", "p:"},
	} {
		_, err := Load("p", []byte(c.text))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s:\n%v, want\n%s", name, err, c.want)
		}
	}
}

// Policies in the objects that carry them: packed, in a URL, as YAML.
func TestCarriers(t *testing.T) {
	const text = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n  verb: [get]\n"
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(text))
	z.Close()
	packed := base64.StdEncoding.EncodeToString(b.Bytes())
	for origin, in := range map[string]string{
		"write_files[0].content":   "#cloud-config\nwrite_files:\n- path: /p.yaml\n  encoding: gz+b64\n  content: " + packed + "\n",
		"files[0].contents.source": `{"files": [{"contents": {"source": "data:,` + url.PathEscape(text) + `"}}]}`,
		"storage[0].contents":      `{"storage": [{"contents": "data:text/plain;charset=utf-8;base64,` + packed + `"}]}`,
		"document 2, KubeAuditPolicyConfig, configuration": "version: v1alpha1\nmachine: {}\n---\napiVersion: v1alpha1\nkind: KubeAuditPolicyConfig\nconfiguration:\n  " +
			strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ") + "\n",
	} {
		ps, err := Load("p", []byte(in))
		if err != nil || len(ps) != 1 || ps[0].Origin != origin || len(ps[0].Dropped) != 1 {
			t.Errorf("%s: %v %+v", origin, err, ps)
		}
	}
	_, err := Load("p", []byte("resource \"x\" \"y\" {\n  content = yamlencode({\n    apiVersion = \"audit.k8s.io/v1\"\n    rules = [{ level = \"Metadata\" }]\n  })\n}\n"))
	if err == nil || !strings.HasPrefix(err.Error(), "p:2: a template, not yet a policy: Terraform's yamlencode() makes it;") {
		t.Error(err)
	}
}

// What is no policy is told by what it is, and where the policy is.
func TestNotPolicy(t *testing.T) {
	for text, want := range map[string]string{
		"- level: None\n  verbs: [get]\n- level: Metadata\n": "p: no audit policy in it: found a list of rules without the policy that holds them under rules; ",
		"- a\n- b\n": "p: no audit policy in it: found a list; ",
		"audit-policy-file: /etc/rancher/p.yaml\n": `p: no audit policy in it: a mapping that starts with "audit-policy-file" names the file /etc/rancher/p.yaml; check that file`,
		"apiVersion: kind.x-k8s.io/v1alpha4\nkind: Cluster\nnodes:\n- kubeadmConfigPatches:\n  - |\n    kind: ClusterConfiguration\n    apiServer:\n      extraArgs:\n        audit-policy-file: \"/etc/p.yaml\"\n        v: 1\n": "p: no audit policy in it: kind.x-k8s.io/v1alpha4 Cluster names the file /etc/p.yaml; ",
		"apiVersion: kind.x-k8s.io/v1alpha4\nkind: Cluster\nnodes:\n- kubeadmConfigPatches:\n  - |\n    apiServer:\n      extraArgs:\n      - name: audit-policy-file\n        value: /etc/p.yaml\n":                              "p: no audit policy in it: kind.x-k8s.io/v1alpha4 Cluster names the file /etc/p.yaml; ",
		"apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - command: [kube-apiserver, --audit-policy-file=/etc/p.yaml]\n":                                                                                                       "p: no audit policy in it: v1 Pod names the file /etc/p.yaml; ",
		"apiVersion: kubeone.k8c.io/v1beta2\nkind: KubeOneCluster\nfeatures:\n  staticAuditLog:\n    config: {policyFilePath: ./p.yaml}\n":                                                                                        "p: no audit policy in it: kubeone.k8c.io/v1beta2 KubeOneCluster names the file ./p.yaml; ",
		"kind: ConfigMap\napiVersion: v1\ndata:\n  x: see audit-policy-file in the docs\n":                                                                                                                                        "p: no audit policy in it: found v1 ConfigMap; ",
	} {
		_, err := Load("p", []byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s\n got %v\nwant %s", text, err, want)
		}
	}
}
