package capture

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

const talosRows = `  MemoryPressure       False   Tue, 17 Dec 2024 15:16:36 -0800   Tue, 17 Dec 2024 15:08:06 -0800   KubeletHasSufficientMemory   kubelet has sufficient memory available
  Ready                False   Tue, 17 Dec 2024 15:16:36 -0800   Tue, 17 Dec 2024 15:08:57 -0800   KubeletNotReady              container runtime is down
`

const talosTable = `Conditions:
  Type                 Status  LastHeartbeatTime                 LastTransitionTime                Reason                       Message
  ----                 ------  -----------------                 ------------------                ------                       -------
` + talosRows

// What people paste of a node, as seen in tickets of Kubernetes and of its
// distributions: a part of a description or of a document.
func TestFragments(t *testing.T) {
	for name, c := range map[string]struct {
		text, node string
		ready      corev1.ConditionStatus
		message    string
	}{
		"table":                {talosTable, unnamed, corev1.ConditionFalse, "container runtime is down"},
		"rows":                 {talosRows, unnamed, corev1.ConditionFalse, "container runtime is down"},
		"rows without columns": {strings.Join(strings.Fields(strings.Split(talosRows, "\n")[1]), " "), unnamed, corev1.ConditionFalse, "container runtime is down"},
		"quoted":               {"> " + strings.ReplaceAll(talosTable, "\n", "\n> "), unnamed, corev1.ConditionFalse, "container runtime is down"},
		"command above":        {"$ kubectl describe node m0\n...\n" + talosTable, "m0", corev1.ConditionFalse, "container runtime is down"},
		"command with dots":    {"$ kubectl describe node ...\n...\n" + talosTable, unnamed, corev1.ConditionFalse, "container runtime is down"},
		"words below":          {talosTable + "```\n\n### Environment\n\n- Talos version: v1.9.0\n", unnamed, corev1.ConditionFalse, "container runtime is down"},
		"fenced in Markdown":   {"**What happened**:\n\n```\n" + talosTable + "```\n\nand then?\n", unnamed, corev1.ConditionFalse, "container runtime is down"},
		"message of two lines": {strings.TrimSuffix(talosTable, " is down\n") + "\nis down\n", unnamed, corev1.ConditionFalse, "container runtime is down"},
		"status in YAML":       {"status:\n  conditions:\n  - lastHeartbeatTime: 2017-05-09T17:38:33Z\n    status: \"True\"\n    type: Ready\n", unnamed, corev1.ConditionTrue, ""},
		"conditions in YAML":   {"  conditions:\n  - lastHeartbeatTime: 2017-05-09T17:38:33Z\n    status: \"True\"\n    type: Ready\n", unnamed, corev1.ConditionTrue, ""},
		"entries in YAML":      {"- lastHeartbeatTime: 2017-05-09T17:38:33Z\n  status: \"True\"\n  type: Ready\n", unnamed, corev1.ConditionTrue, ""},
		"jsonpath":             {`[{"lastHeartbeatTime":"2017-05-09T17:38:33Z","status":"True","type":"Ready"}]`, unnamed, corev1.ConditionTrue, ""},
		"one entry":            {`  {"lastHeartbeatTime":"2017-05-09T17:38:33Z","status":"Unknown","type":"Ready"}`, unnamed, corev1.ConditionUnknown, ""},
		"without times":        {"  Type     Status    Reason             Message\n  Ready    Unknown   NodeStatusUnknown  Kubelet stopped posting node status.\n\nCount  From\n", unnamed, corev1.ConditionUnknown, "Kubelet stopped posting node status."},
		"named by its lease":   {"Lease:\n  HolderIdentity:  gke-1\n  RenewTime:       Tue, 17 Dec 2024 15:16:40 -0800\n" + talosTable, "gke-1", corev1.ConditionFalse, "container runtime is down"},
		"events":               {"Events:\n  Type     Reason               Age    From     Message\n  ----     ------               ----   ----     -------\n  Normal   NodeHasDiskPressure  12m    kubelet  Node node1 status is now: NodeHasDiskPressure\n", "node1", "", ""},
		"rows below the name":  {"[...]\nName:               etkhub\nRoles:              master\n" + strings.TrimPrefix(talosTable, "Conditions:\n"), "etkhub", corev1.ConditionFalse, "container runtime is down"},
		"bullets":              {marked("    * ", "Name:               m0\nRoles:              worker\n"+talosTable), "m0", corev1.ConditionFalse, "container runtime is down"},
		"a CI job's log":       {marked("2024-12-17T23:20:01.1234567Z ", "Name:               m0\n"+talosTable), "m0", corev1.ConditionFalse, "container runtime is down"},
		"root asks for more":   {"[root@m0 /]# oc get nodes\nNAME   STATUS     ROLES    AGE   VERSION\nm0     NotReady   <none>   14m   v1.21.0\n[root@m0 /]#\n[root@m0 /]# oc describe node\nName:               m0\n" + talosTable, "m0", corev1.ConditionFalse, "container runtime is down"},
		"cut after its taints": {"Name:               n1\nTaints:             node.kubernetes.io/unreachable:NoExecute\nUnschedulable:      false\nLease:\n", "n1", corev1.ConditionUnknown, "so says the taint node.kubernetes.io/unreachable; the conditions were cut off"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Open("-", Options{Stdin: strings.NewReader(c.text)})
			if err != nil {
				t.Fatal(err)
			}
			if len(s.Nodes) != 1 || s.Nodes[0].Name != c.node {
				t.Fatalf("%d nodes, %+v", len(s.Nodes), s.Nodes[0])
			}
			v := s.View(s.Nodes[0])
			if v.Ready() != c.ready {
				t.Errorf("Ready %q, want %q", v.Ready(), c.ready)
			}
			if r := v.Condition(corev1.NodeReady); r != nil && r.Message != c.message {
				t.Errorf("message %q, want %q", r.Message, c.message)
			}
			if taints := strings.Contains(c.text, "Taints:"); s.Nodes[0].NoTaints == taints {
				t.Errorf("NoTaints %v", s.Nodes[0].NoTaints)
			}
			if s.Cluster.Whole && c.node != unnamed {
				t.Error("a description is not the cluster")
			}
		})
	}
}

// A pod's conditions look alike and are not a node's.
func TestPodIsNoFragment(t *testing.T) {
	for _, text := range []string{
		"Conditions:\n  Type              Status\n  Initialized       True \n  Ready             False \n",
		"status:\n  conditions:\n  - lastProbeTime: null\n    lastTransitionTime: \"2024-12-17T15:08:06Z\"\n    status: \"True\"\n    type: Ready\n",
	} {
		if s, err := Open("-", Options{Stdin: strings.NewReader(text)}); err == nil {
			t.Errorf("taken for a node: %+v", s.Nodes[0])
		}
	}
}

// TestEventsOfAFragment: the events are not lost where nothing but they was
// pasted, nor where their heading was, and the host that older kubectl names
// beside the component is no part of the message.
func TestEventsOfAFragment(t *testing.T) {
	head := "  Type     Reason         Age                From           Message\n  ----     ------         ----               ----           -------\n"
	row := "  Warning  SystemOOM      12m (x4 over 25m)  kubelet, n1    System OOM encountered\n  Normal   NodeNotReady   25m (x3 over 46m)  kubelet, n1    Node n1 status is now: NodeNotReady\n"
	for name, text := range map[string]string{
		"alone":           "Events:\n" + head + row,
		"without heading": "Name:    n1\n" + talosTable + head + row,
		"whole":           "Name:    n1\n" + talosTable + "Events:\n" + head + row,
	} {
		s, err := Open("-", Options{Stdin: strings.NewReader(text)})
		if err != nil || len(s.Nodes) != 1 || len(s.Nodes[0].Events) != 2 {
			t.Errorf("%s: %v, %+v", name, err, s)
			continue
		}
		if e := s.Nodes[0].Events[0]; e.Message != "System OOM encountered" || e.Component != "kubelet" || e.Count != 4 {
			t.Errorf("%s: %+v", name, e)
		}
	}
}
