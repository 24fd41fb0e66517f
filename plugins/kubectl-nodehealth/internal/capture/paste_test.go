package capture

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-nodehealth/internal/snapshot"
)

// TestPasted reads documents as people paste them: fenced, between prompts, and
// with remarks between them.
func TestPasted(t *testing.T) {
	node, lease, pod, _ := objects(t)
	for name, text := range map[string]string{
		"fenced YAML":              "Our node is down, help!\n\n```yaml\n" + node + "```\nthanks\n",
		"fenced JSON":              "> ```\n" + toJSON(t, node) + "\n> ```\n",
		"two fences":               "```\n" + node + "```\nand its lease\n```json\n" + lease + "\n```\n",
		"prompts around YAML":      "ops@bastion:~$ kubectl get node kube-worker-1 -o yaml\n" + node + "ops@bastion:~$ kubectl get lease -o json\n",
		"a prompt between YAML":    "$ kubectl get node kube-worker-1 -o yaml\n" + node + "$ kubectl get node kube-worker-1 -o yaml\n" + node,
		"the command alone":        "kubectl get node kube-worker-1 -o yaml\n" + node,
		"root's prompt after JSON": "# kubectl get node -o json\n" + toJSON(t, node) + "\n[root@cp ~]# exit\n",
		"events of a watch":        `{"type":"MODIFIED","object":` + toJSON(t, node) + "}\n" + `{"type":"MODIFIED","object":` + toJSON(t, node) + "}\n",
		"root's prompt and YAML":   "[root@cp ~]# kubectl get node kube-worker-1 -o yaml\n" + node + "[root@cp ~]# kubectl get lease -n kube-node-lease\n",
		"root's prompt and JSON":   "[root@cp ~]# kubectl get node -o json\n" + toJSON(t, node) + "\n[root@cp ~]#\n",
		"a Python environment":     "(base) ops@cp:~$ kubectl get node kube-worker-1 -o yaml\n" + node,
		"PowerShell":               "PS C:\\Users\\ops> kubectl get node kube-worker-1 -o yaml\n" + node,
		"quoted YAML":              marked("> ", node),
		"a CI job's YAML":          marked("2024-05-01T10:00:00.1234567Z ", node),
		"JSON, prompt, JSON":       "$ kubectl get node -o json\n" + toJSON(t, node) + "\nops$ kubectl get pod -o json\n" + pod + "\nops$ \n",
	} {
		file := filepath.Join(t.TempDir(), "paste.txt")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(file, Options{})
		if err != nil || len(s.Nodes) != 1 || s.Nodes[0].Object == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func marked(mark, text string) string {
	return mark + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n"+mark) + "\n"
}

// TestPrompts: a document's own lines are no prompts.
func TestPrompts(t *testing.T) {
	for _, l := range []string{"ops@bastion:~$ kubectl get node -o yaml", "$ kubectl get node", "$", "[root@cp ~]# exit", "[root@cp ~]#", "[ops@cp k8s]$ kubectl get no", `C:\Users\ops>kubectl get node`, "PS1> oc get node", "kubectl get nodes -o yaml"} {
		if !isPrompt(l) {
			t.Errorf("%q is a prompt", l)
		}
	}
	for _, l := range []string{"apiVersion: v1", "kind: Node", "- apiVersion: v1", "# a comment", "items:", "  message: $ kubectl", "{", "}", "---", "metadata: {}", `"a": "$ kubectl"`} {
		if isPrompt(l) {
			t.Errorf("%q is no prompt", l)
		}
	}
}

// TestDamagedStaysDamaged: a document that breaks off is not taken for one
// followed by remarks.
func TestDamagedStaysDamaged(t *testing.T) {
	node, _, _, _ := objects(t)
	whole := toJSON(t, node)
	for _, text := range []string{whole[:len(whole)/2], whole[:len(whole)/2] + "\nops$ exit\n", whole + "\n" + whole[:40]} {
		file := filepath.Join(t.TempDir(), "cut.json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := Open(file, Options{}); err == nil {
			t.Errorf("%d bytes of it gave %d nodes and no error", len(text), len(s.Nodes))
		}
	}
}

// TestOneClockAhead: where leases are there, one clock a few minutes ahead does
// not make the others look silent.
func TestOneClockAhead(t *testing.T) {
	var items []string
	for name, at := range map[string]string{"a": "09:05:00", "b": "09:00:00", "c": "09:00:01"} {
		items = append(items, `{"apiVersion":"v1","kind":"Node","metadata":{"name":"`+name+`"},"status":{"conditions":[{"type":"Ready","status":"True","lastHeartbeatTime":"2025-11-26T`+at+`Z","lastTransitionTime":"2025-11-25T00:00:00Z"}]}}`,
			`{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"`+name+`","namespace":"kube-node-lease"},"spec":{"holderIdentity":"`+name+`","leaseDurationSeconds":40,"renewTime":"2025-11-26T`+at+`.000000Z"}}`)
	}
	s, err := Open("-", Options{Stdin: strings.NewReader(`{"apiVersion":"v1","kind":"List","items":[` + strings.Join(items, ",") + `]}`)})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.ObservedAt.Format("15:04:05"); got != "09:00:01" || len(s.Notes) != 1 || !strings.Contains(s.Notes[0], "clock of a runs 4m59s ahead") {
		t.Errorf("%s %q", got, s.Notes)
	}
}

// TestResourceSlices: slices of v1 and of the betas are folded by driver; those
// of no single node are nobody's.
func TestResourceSlices(t *testing.T) {
	node, _, _, _ := objects(t)
	slice := func(version, name, nodeName, device string) string {
		return `{"apiVersion":"resource.k8s.io/` + version + `","kind":"ResourceSlice","metadata":{"name":"` + name + `"},"spec":{"driver":"gpu.example.com",` + nodeName + `"devices":[` + device + `,{"name":"gpu-9"}]}}`
	}
	here := `"nodeName":"kube-worker-1",`
	text := `{"apiVersion":"v1","kind":"List","items":[` + strings.Join([]string{toJSON(t, node),
		slice("v1", "a", here, `{"name":"gpu-0","taints":[{"key":"example.com/unhealthy","effect":"NoExecute"}]}`),
		slice("v1beta1", "b", here, `{"name":"gpu-1","basic":{"taints":[{"key":"example.com/old","effect":"NoSchedule"}]}}`),
		slice("v1", "c", "", `{"name":"net-0"}`),
		slice("v1", "d", here, `{"name":"gpu-2","taints":[{"key":"example.com/note","effect":"None"}]}`)}, ",") + `]}`
	s, err := Open("-", Options{Stdin: strings.NewReader(text)})
	if err != nil {
		t.Fatal(err)
	}
	d := s.Nodes[0].Devices
	if len(d) != 1 || d[0].Total != 6 || len(d[0].Tainted) != 2 || d[0].Tainted[0] != "gpu-0 (example.com/unhealthy:NoExecute)" {
		t.Errorf("%+v", d)
	}
}

// TestDescriptionsMinutesApart: each description is judged by its own time.
func TestDescriptionsMinutesApart(t *testing.T) {
	describe := func(name, at string) string {
		return "Name:               " + name + "\nUnschedulable:      false\nLease:\n  HolderIdentity:  " + name + "\n  RenewTime:       Wed, 26 Nov 2025 " + at + " +0000\nConditions:\n" +
			"  Type   Status  LastHeartbeatTime                 LastTransitionTime                Reason        Message\n  ----   ------  -----------------                 ------------------                ------        -------\n" +
			"  Ready  True    Wed, 26 Nov 2025 09:00:00 +0000   Tue, 25 Nov 2025 09:00:00 +0000   KubeletReady  kubelet is posting ready status\nSystem Info:\n  Kubelet Version:  v1.37.1\nEvents:              <none>\n"
	}
	s, err := Open("-", Options{Stdin: strings.NewReader(describe("a", "09:00:05") + "\n" + describe("b", "09:07:00"))})
	if err != nil || len(s.Nodes) != 2 {
		t.Fatal(err)
	}
	for i, want := range []string{"09:00:05", "09:07:00"} {
		if got := s.View(s.Nodes[i]).Now.Format("15:04:05"); got != want {
			t.Errorf("%s is judged by %s, want %s", s.Nodes[i].Name, got, want)
		}
	}
}

// What one description holds is not held of the node in the next.
func TestDescriptionsAreEachTheirOwn(t *testing.T) {
	ready := "Conditions:\n  Type   Status  LastHeartbeatTime                 LastTransitionTime                Reason       Message\n  ----   ------  -----------------                 ------------------                ------       -------\n  Ready  True    Fri, 01 Mar 2024 12:09:58 +0000   Fri, 01 Mar 2024 07:00:40 +0000   KubeletReady  kubelet is posting ready status\n"
	whole := "Name:   a\n" + ready + "Non-terminated Pods:  (1 in total)\n  Namespace  Name  CPU Requests  CPU Limits  Memory Requests  Memory Limits  Age\n  ---------  ----  ------------  ----------  ---------------  -------------  ---\n  d  p  1 (1%)  0 (0%)  1Mi (1%)  0 (0%)  2m\nEvents:  <none>\n"
	s, err := fromStdin(whole + "\n\nName:   b\n" + ready)
	if err != nil {
		t.Fatal(err)
	}
	a, b := s.Nodes[0], s.Nodes[1]
	if a.Pods == nil || a.Pods.Total != 1 || !s.Read(a, snapshot.SourceEvents) {
		t.Errorf("a: pods %+v, %+v", a.Pods, a.Probes)
	}
	if b.Pods != nil || s.Read(b, snapshot.SourcePods) || s.Read(b, snapshot.SourceEvents) {
		t.Errorf("b: pods %+v, %+v", b.Pods, b.Probes)
	}
}
