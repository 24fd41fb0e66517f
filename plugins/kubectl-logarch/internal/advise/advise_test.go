package advise

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/agentconf"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/check"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/nodeagent"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/source"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-logarch/internal/splice"
)

func judgeText(t *testing.T, yaml string, o Options) []Advice {
	t.Helper()
	s, err := Load([]source.Text{{Name: "x.yaml", Body: yaml}})
	if err != nil {
		t.Fatal(err)
	}
	items, _ := Judge(s, o)
	return items
}

func ids(a Advice) []string {
	var out []string
	for _, f := range a.Findings {
		if !slices.Contains(out, f.ID) {
			out = append(out, f.ID)
		}
	}
	slices.Sort(out)
	return out
}

const app = `
    - name: app
      image: example/app:1
      command: [sh, -c, "run >> /var/log/app/app.log"]
      resources: {limits: {ephemeral-storage: 1Gi}}
`

func pod(kind, body string) string {
	switch kind {
	case "Pod":
		return "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n" + body
	case "Job":
		return "apiVersion: batch/v1\nkind: Job\nmetadata: {name: p}\nspec:\n template:\n  spec:\n" + indent(body)
	default:
		return "apiVersion: apps/v1\nkind: " + kind + "\nmetadata: {name: p}\nspec:\n template:\n  spec:\n" + indent(body)
	}
}

func indent(s string) string {
	return "  " + strings.ReplaceAll(s, "\n", "\n  ")
}

const (
	emptyDir = "  volumes: [{name: logs, emptyDir: {sizeLimit: 100Mi}}]\n"
	mount    = "      volumeMounts: [{name: logs, mountPath: /var/log/app}]\n"
	requests = "      resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {ephemeral-storage: 1Gi}}\n"
)

func tail(flag string) string {
	return "    - name: tail\n      image: busybox\n      args: [/bin/sh, -c, 'tail -n+1 " + flag + " /var/log/app/app.log']\n" + mount + requests
}

func nodeAgentYAML(image, config, mounts, tolerations string) string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  conf: |\n    " + strings.ReplaceAll(config, "\n", "\n    ") + "\n---\n" +
		"apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: agent}\nspec:\n template:\n  spec:\n   tolerations: " + tolerations + "\n   containers:\n   - name: agent\n     image: " + image + "\n     volumeMounts: [{name: log, mountPath: /var/log}, {name: c, mountPath: /etc/agent}]\n   volumes: [{name: c, configMap: {name: c}}, {name: log, hostPath: {path: " + mounts + "}}]\n"
}

const all = "[{operator: Exists}]"

// TestRules shows each rule a workload that has it and one that has not.
func TestRules(t *testing.T) {
	appMounted := app + mount
	for _, c := range []struct {
		name, yaml string
		want       []string
		patterns   []Pattern
	}{
		{"stdout", pod("Pod", "  containers:\n    - {name: a, image: nginx}\n"), nil, []Pattern{Stdout}},
		{"container layer", pod("Deployment", "  containers:"+app), []string{"LA101"}, []Pattern{ContainerLayer}},
		{"to stdout by a link of the image", pod("Pod", "  containers:\n    - {name: a, image: nginx, args: [--error-log=/var/log/nginx/error.log]}\n"), nil, []Pattern{Stdout}},
		{"/dev/stdout", pod("Pod", "  containers:\n    - {name: a, image: x, args: [--log-file=/dev/stdout]}\n"), nil, []Pattern{Stdout}},
		{"a configuration is no log", pod("Pod", "  containers:\n    - {name: a, image: x, args: [--log-config=/etc/log/x.log]}\n"), nil, []Pattern{Stdout}},
		{"log flag", pod("Pod", "  containers:\n    - {name: a, image: x, args: [--log-file=/data/x.log]}\n"), []string{"LA101"}, nil},
		{"log variable", pod("Pod", "  containers:\n    - {name: a, image: x, env: [{name: LOG_FILE, value: /data/x.log}]}\n"), []string{"LA101"}, nil},
		{"nobody reads", pod("Pod", "  containers:"+appMounted+emptyDir), []string{"LA102"}, []Pattern{UnreadFile}},
		{"tail -f", pod("Pod", "  containers:"+appMounted+tail("-f")+emptyDir), []string{"LA103"}, []Pattern{Streaming}},
		{"tail -F", pod("Pod", "  containers:"+appMounted+tail("-F")+emptyDir), []string{"LA104"}, []Pattern{Streaming}},
		{"Job that never ends", pod("Job", "  containers:"+appMounted+tail("-F")+emptyDir), []string{"LA104", "LA110"}, nil},
		{"Job with a native sidecar", pod("Job", "  initContainers:\n"+tail("-F")+"      restartPolicy: Always\n  containers:"+appMounted+emptyDir), []string{"LA104"}, nil},
		{"no requests, no limits", pod("Pod", "  containers:"+strings.Replace(appMounted, "      resources: {limits: {ephemeral-storage: 1Gi}}\n", "", 1)+strings.Replace(tail("-F"), requests, "", 1)+"  volumes: [{name: logs, emptyDir: {}}]\n"), []string{"LA104", "LA112", "LA115"}, nil},
		{"the pod has resources of its own", pod("Pod", "  resources: {requests: {cpu: 1}, limits: {memory: 1Gi}}\n  containers:"+appMounted+strings.Replace(tail("-F"), requests, "", 1)+"  volumes: [{name: logs, emptyDir: {}}]\n"), []string{"LA104"}, nil},
		{"promtail", pod("Pod", "  containers:"+appMounted+"    - name: s\n      image: grafana/promtail:2.9.0\n"+mount+requests+emptyDir), []string{"LA105"}, []Pattern{AgentSidecar}},
		{"shipped twice", pod("Pod", "  containers:"+appMounted+tail("-F")+"    - name: s\n      image: fluent/fluent-bit:4.0\n"+mount+requests+emptyDir), []string{"LA104", "LA109"}, []Pattern{Streaming, AgentSidecar}},
		{"pushes", pod("Pod", "  containers:\n    - {name: a, image: x, env: [{name: OTEL_LOGS_EXPORTER, value: otlp}]}\n"), nil, []Pattern{Direct}},
		{"logs evict", pod("Pod", "  containers:\n    - {name: a, image: x, resources: {limits: {ephemeral-storage: 20Mi}}}\n"), []string{"LA117"}, nil},
		// The pod's limit is the sum of those that are set, and each container has its own.
		{"logs evict, one limit of two", pod("Pod", "  containers:\n    - {name: a, image: x, resources: {limits: {ephemeral-storage: 90Mi}}}\n    - {name: b, image: x}\n"), []string{"LA117"}, nil},
		{"logs evict by one container", pod("Pod", "  containers:\n    - {name: a, image: x, resources: {limits: {ephemeral-storage: 1Gi}}}\n    - {name: b, image: x, resources: {limits: {ephemeral-storage: 20Mi}}}\n"), []string{"LA117"}, nil},
		{"one limit of two is enough", pod("Pod", "  containers:\n    - {name: a, image: x, resources: {limits: {ephemeral-storage: 200Mi}}}\n    - {name: b, image: x}\n"), nil, nil},
		{"a key twice", pod("Pod", "  hostPID: true\n  containers:\n    - {name: a, image: nginx}\n  hostPID: false\n"), []string{"LA016"}, nil},
		{"good fluent-bit node agent", nodeAgentYAML("fluent/fluent-bit:4.0", "[INPUT]\n  Name tail\n  Path /var/log/pods/*/*/*.log*\n  multiline.parser cri\n  DB /var/log/x.db\n  Read_from_Head On\n  Skip_Long_Lines On", "/var/log", all), nil, []Pattern{NodeAgent}},
		{"good fluent-bit node agent in YAML", nodeAgentYAML("fluent/fluent-bit:4.0", "pipeline:\n  inputs:\n  - name: tail\n    path: /var/log/pods/*/*/*.log*\n    multiline.parser: docker, cri\n    db: /var/log/x.db\n    read_from_head: true\n    skip_long_lines: on", "/var/log", all), nil, []Pattern{NodeAgent}},
		{"the same, as a list", nodeAgentYAML("fluent/fluent-bit:4.0", "pipeline:\n  inputs:\n  - name: tail\n    path: /var/log/pods/*/*/*.log*\n    multiline.parser:\n    - docker\n    - cri\n    db: /var/log/x.db\n    read_from_head: true\n    skip_long_lines: on", "/var/log", all), nil, []Pattern{NodeAgent}},
		{"docker's format in YAML", nodeAgentYAML("fluent/fluent-bit:4.0", "pipeline:\n  inputs:\n  - name: tail\n    path: /var/log/pods/*/*/*.log*\n    parser: docker\n    db: /var/log/x.db\n    read_from_head: true\n    skip_long_lines: on", "/var/log", all), []string{"LA108"}, []Pattern{NodeAgent}},
		{"poor fluent-bit node agent", nodeAgentYAML("fluent/fluent-bit:1.3", "[INPUT]\n  Name tail\n  Path /var/log/containers/*.log\n  Parser docker", "/var/log/containers", "[]"), []string{"LA105", "LA107", "LA108", "LA113", "LA114", "LA119", "LA120", "LA121"}, nil},
		{"fluentd 0.12", nodeAgentYAML("fluent/fluentd:v1.16", "<source>\n  type tail\n  format none\n  path /var/log/pods/x.log\n  pos_file /var/log/p\n  read_from_head true\n</source>\n<filter>\n @type cri\n</filter>", "/var/log", all), []string{"LA106"}, nil},
		{"copytruncate", strings.Replace(nodeAgentYAML("example/logrotate:1", "/var/log/x.log {\n copytruncate\n}", "/srv", all), "DaemonSet", "Deployment", 1), []string{"LA111"}, nil},
		{"the tailer of inject", pod("Pod", "  containers:"+appMounted+"    - name: t\n      image: busybox\n      command: [sh, -c, \": logarch tailer\", tailer, /var/log/app/app.log]\n"+mount+requests+emptyDir), nil, []Pattern{Streaming}},
	} {
		got := judgeText(t, c.yaml, Options{})
		if len(got) != 1 {
			t.Errorf("%s: %d workloads", c.name, len(got))
			continue
		}
		if !slices.Equal(ids(got[0]), c.want) {
			t.Errorf("%s: %v, want %v", c.name, ids(got[0]), c.want)
			for _, f := range got[0].Findings {
				t.Logf("  %s %s %v", f.ID, f.Message, f.Evidence)
			}
		}
		if c.patterns != nil && !slices.Equal(got[0].Patterns, c.patterns) {
			t.Errorf("%s: patterns %v, want %v", c.name, got[0].Patterns, c.patterns)
		}
	}
}

// TestEveryRuleIsShown: each rule of advise is in a test above, or here.
func TestEveryRuleIsShown(t *testing.T) {
	shown := map[string]bool{
		check.ShortMemory.ID: true, // TestBudget
		check.NobodyShips.ID: true, // TestNobodyShips
	}
	for _, id := range []string{"LA101", "LA102", "LA103", "LA104", "LA105", "LA106", "LA107", "LA108", "LA109", "LA110", "LA111", "LA112", "LA113", "LA114", "LA115", "LA117", "LA119", "LA120", "LA121"} {
		shown[id] = true
	}
	for _, r := range check.Advise {
		if !shown[r.ID] {
			t.Errorf("%s %s has no test", r.ID, r.Title)
		}
		if r.Rationale == "" || r.Remedy == "" || r.Source == "" || r.Docs == "" {
			t.Errorf("%s is not documented in full", r.ID)
		}
	}
}

func TestBudget(t *testing.T) {
	yaml := pod("Pod", "  containers:\n    - {name: a, image: x, resources: {limits: {ephemeral-storage: 1Gi}}}\n")
	got := judgeText(t, yaml, Options{Rate: 2 << 20})[0]
	b := got.Budget
	if b.Containers[0].KubectlLogsMinutes != 5 || b.Containers[0].OnNodeMinutes != 25 {
		t.Errorf("%+v", b.Containers[0])
	}
	if !slices.Equal(ids(got), []string{"LA116"}) {
		t.Errorf("%v", ids(got))
	}
	if b.LogBytes != 50<<20 || b.HeadroomBytes != 1<<30-50<<20 {
		t.Errorf("%+v", b)
	}
	got = judgeText(t, yaml, Options{Rate: 2 << 20, Kubelet: Kubelet{MaxSize: 100 << 20, MaxFiles: 3}})[0]
	if len(got.Findings) != 0 || got.Budget.Containers[0].OnNodeMinutes != 150 {
		t.Errorf("%v %+v", ids(got), got.Budget.Containers[0])
	}
}

func TestNobodyShips(t *testing.T) {
	s, err := Load([]source.Text{{Name: "x.yaml", Body: pod("Pod", "  containers:\n    - {name: a, image: x}\n")}})
	if err != nil {
		t.Fatal(err)
	}
	s.AllNamespaces = true
	if _, general := Judge(s, Options{}); len(general) != 1 || general[0].ID != "LA118" {
		t.Errorf("%v", general)
	}
}

func TestPlaces(t *testing.T) {
	got := judgeText(t, "# a comment\n---\n"+pod("Pod", "  containers:"+app), Options{})[0]
	if f := got.Findings[0]; f.Subject.Line != 8 || f.Subject.File != "x.yaml" {
		t.Errorf("%+v", f.Subject)
	}
}

// TestOwnAgents: the agents that this plugin makes leave nothing to advise.
func TestOwnAgents(t *testing.T) {
	for _, agent := range agentconf.Names {
		for dest, endpoint := range map[string]string{"stdout": "", "file": "/out/a.json", "otlp": "http://c:4317", "loki": "http://l:3100", "elasticsearch": "https://e:9200"} {
			o := nodeagent.Options{Agent: agent, Namespace: "logging", Destination: dest, Endpoint: endpoint}
			if o.Spec().Check() != nil {
				continue // not every agent sends everywhere
			}
			for _, f := range judgeText(t, splice.Document(nodeagent.Objects(o)...), Options{})[0].Findings {
				t.Errorf("%s to %s: %s %s %v", agent, dest, f.ID, f.Message, f.Evidence)
			}
		}
	}
}

// TestRotationBounds: a file that a sidecar rotates is bounded, and the tailer that is
// advised beside it does not take its place.
func TestRotationBounds(t *testing.T) {
	const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - {name: app, image: x, command: [sh, -c, 'serve >> /logs/app.log'], volumeMounts: [{name: l, mountPath: /logs}]}\n"
	const rotation = "  - {name: app-rotate, image: x, command: [sh, -c, ': logarch rotation', rotate, '1', '5', /logs/app.log], volumeMounts: [{name: l, mountPath: /logs}]}\n"
	const volumes = "  volumes: [{name: l, emptyDir: {}}]\n"
	for text, want := range map[string][]string{
		pod + volumes:            {check.Unshipped.ID, check.Unbounded.ID},
		pod + rotation + volumes: {check.Unshipped.ID},
	} {
		a := judgeText(t, text, Options{})[0]
		if got := ids(a); !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
		for _, f := range a.Findings {
			if (f.ID == check.Unbounded.ID || len(want) == 1) && !strings.HasSuffix(f.Remedy, "--log /logs/app.log --rotate") {
				t.Errorf("%s: %s", f.ID, f.Remedy)
			}
		}
	}
}

// TestInjectedAgentStays: no rotation is advised that would take the place of an agent
// that inject added.
func TestInjectedAgentStays(t *testing.T) {
	const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p, annotations: {logarch.clusterwright.dev/status: '{\"mode\":\"agent\"}'}}\nspec:\n  containers:\n  - {name: app, image: x, command: [sh, -c, 'serve >> /logs/app.log'], volumeMounts: [{name: l, mountPath: /logs}]}\n  volumes: [{name: l, emptyDir: {}}]\n"
	for _, f := range judgeText(t, pod, Options{})[0].Findings {
		if f.ID == check.Unbounded.ID && strings.Contains(f.Remedy, "inject") {
			t.Error(f.Remedy)
		}
	}
}

// TestRemedyCanBePasted: what is advised names the file, the workload where the file
// has several, the container where the pod has, and the log.
func TestRemedyCanBePasted(t *testing.T) {
	workload := func(kind, name, file string, containers ...string) *Workload {
		w := &Workload{Kind: kind, Name: name, Namespace: "shop", File: file}
		for i, c := range containers {
			k := corev1.Container{Name: c, Image: "example/app:1"}
			if i == 0 {
				k.Command = []string{"sh", "-c", "serve >> /srv/my/app.log"}
			}
			w.Pod.Containers = append(w.Pod.Containers, k)
		}
		return w
	}
	for want, s := range map[string]*Snapshot{
		"kubectl logarch inject -f a.yaml --log /srv/my/app.log":                       {Workloads: []*Workload{workload("Pod", "web", "a.yaml", "app")}},
		"kubectl logarch inject -f 'my app.yaml' --only pod/web --log /srv/my/app.log": {Workloads: []*Workload{workload("Pod", "web", "my app.yaml", "app"), workload("Pod", "other", "my app.yaml", "app")}},
		"kubectl logarch inject -f - --container app --log /srv/my/app.log":            {Workloads: []*Workload{workload("Pod", "web", "stdin", "app", "proxy")}},
		"kubectl logarch inject deployment/web -n shop --log /srv/my/app.log":          {Workloads: []*Workload{workload("Deployment", "web", "", "app")}, Live: true},
		"kubectl logarch inject -f k.yaml --log /srv/my/app.log":                       {Workloads: []*Workload{workload("Service", "web", "k.yaml", "", "proxy")}},
		"kubectl logarch inject -f FILE --log PATH":                                    {Workloads: []*Workload{workload("Pod", "web-*", "a.yaml", "app")}},
	} {
		items, _ := Judge(s, Options{})
		if got := items[0].Findings[0].Remedy; got != "log to stdout, or: "+want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
