package npd

import (
	"encoding/json"
	"fmt"
	"path"
	"sort"
	"strings"
)

// Image is the detector that the manifests install unless told otherwise. Its
// versions follow those of Kubernetes since v1.34.
const Image = "registry.k8s.io/node-problem-detector/node-problem-detector:v1.36.0"

// Install says what to install.
type Install struct {
	Namespace string
	Image     string
	// Runtime is containerd, cri-o or docker: whose log and health is watched.
	Runtime string
	// Log is where the nodes keep the kernel's and the services' messages: kmsg
	// (kernel only), journald or file (/var/log/kern.log).
	Log string
	// HealthChecks adds the detector's own check of the kubelet, which needs the
	// host's network, and, where Crictl is the path of crictl on the nodes, that
	// of the runtime: the checker asks the runtime by crictl, which the detector's
	// image does not have, and without it calls every runtime unhealthy.
	HealthChecks bool
	Crictl       string
	// Host says that the detector runs on the node itself (systemd), not in a pod.
	Host bool
	// Extra are monitor configurations of the user's own, by file name.
	Extra map[string][]byte
}

// Runtimes and Logs are the values of Install.Runtime and Install.Log.
var (
	Runtimes = []string{"containerd", "cri-o", "docker"}
	Logs     = []string{"kmsg", "journald", "file"}
)

// monitors are the command line's monitor files. Those in /config are in the
// detector's image; those in /config-override come from our ConfigMap, mounted
// beside the image's folder because a mount on top of it would hide the stock
// files.
func (in Install) monitors() (logs, custom []string) {
	switch in.Log {
	case "file":
		logs = append(logs, "/config/kernel-monitor-filelog.json")
	default:
		logs = append(logs, "/config/kernel-monitor.json", "/config/readonly-monitor.json")
	}
	if in.Log == "journald" {
		logs = append(logs, "/config/systemd-monitor.json")
		if in.Runtime == "docker" {
			logs = append(logs, "/config/docker-monitor.json")
		}
	}
	for _, name := range sortedKeys(in.files()) {
		file := "/config-override/" + name
		var c Config
		_ = json.Unmarshal(in.files()[name], &c)
		if c.Custom() {
			custom = append(custom, file)
		} else {
			logs = append(logs, file)
		}
	}
	return logs, custom
}

// files are the ConfigMap's files: the user's own, the monitor of hung runtime
// tasks, which the stock configuration has for docker only, and the health
// checks without repair, which in the stock configuration restarts services on
// the node.
func (in Install) files() map[string][]byte {
	out := map[string][]byte{}
	if in.Log != "file" && in.Runtime != "docker" {
		out["runtime-task-monitor.json"] = []byte(runtimeTaskMonitor)
	}
	if in.HealthChecks {
		out["health-checker-kubelet.json"] = in.healthChecker("KubeletUnhealthy", "KubeletIsHealthy", "kubelet", nil)
	}
	if in.checksRuntime() {
		out["health-checker-runtime.json"] = in.healthChecker("ContainerRuntimeUnhealthy", "ContainerRuntimeIsHealthy", "cri",
			[]string{"--crictl-path=" + in.Crictl, "--cri-socket-path=unix://" + in.socket()})
	}
	for name, data := range in.Extra {
		out[path.Base(name)] = data
	}
	return out
}

func (in Install) checksRuntime() bool {
	return in.HealthChecks && in.Crictl != "" && in.Runtime != "docker"
}

func (in Install) socket() string {
	return map[string]string{
		"containerd": "/run/containerd/containerd.sock",
		"cri-o":      "/run/crio/crio.sock",
		"docker":     "/run/docker.sock",
	}[in.Runtime]
}

const runtimeTaskMonitor = `{
  "plugin": "kmsg",
  "logPath": "/dev/kmsg",
  "lookback": "5m",
  "bufferSize": 10,
  "source": "runtime-task-monitor",
  "metricsReporting": true,
  "conditions": [
    {
      "type": "ContainerRuntimeTaskHung",
      "reason": "NoContainerRuntimeTaskHung",
      "message": "no task of the container runtime or the kubelet is hung"
    }
  ],
  "rules": [
    {
      "type": "permanent",
      "condition": "ContainerRuntimeTaskHung",
      "reason": "TaskBlocked",
      "pattern": "task (containerd[\\S]*|crio|conmon|runc|kubelet):\\d+ blocked for more than \\d+ seconds\\."
    }
  ]
}
`

func (in Install) healthChecker(condition, healthy, component string, more []string) []byte {
	type obj = map[string]any
	args := append([]string{
		"--component=" + component, "--enable-repair=false", "--cooldown-time=1m", "--health-check-timeout=10s",
	}, more...)
	program := "/home/kubernetes/bin/health-checker" // in the image
	if in.Host {
		program = "/usr/local/bin/health-checker"
	}
	b, _ := json.MarshalIndent(obj{
		"plugin":           "custom",
		"pluginConfig":     obj{"invoke_interval": "10s", "timeout": "1m", "max_output_length": 80, "concurrency": 1},
		"source":           "health-checker",
		"metricsReporting": true,
		"conditions":       []obj{{"type": condition, "reason": healthy, "message": component + " answers"}},
		"rules": []obj{{
			"type": "permanent", "condition": condition, "reason": condition,
			"path": program, "args": args, "timeout": "1m",
		}},
	}, "", "  ")
	return append(b, '\n')
}

func sortedKeys(m map[string][]byte) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// Manifests are the objects to apply, each a YAML document, by the file name
// that a kustomization would give it.
func (in Install) Manifests() map[string]string {
	out := map[string]string{
		"rbac.yaml":      in.rbac(),
		"daemonset.yaml": in.daemonSet(),
	}
	if len(in.files()) > 0 {
		out["config.yaml"] = in.configMap()
	}
	return out
}

// Kustomization lists the files of Manifests.
func (in Install) Kustomization() string {
	var b strings.Builder
	b.WriteString("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n")
	names := map[string][]byte{}
	for name := range in.Manifests() {
		names[name] = nil
	}
	for _, name := range sortedKeys(names) {
		fmt.Fprintf(&b, "- %s\n", name)
	}
	return b.String()
}

func (in Install) rbac() string {
	return fmt.Sprintf(`apiVersion: v1
kind: ServiceAccount
metadata:
  name: node-problem-detector
  namespace: %[1]s
---
# What it needs and no more: its own node's object and status, and events.
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: node-problem-detector
rules:
- apiGroups: [""]
  resources: [nodes]
  verbs: [get]
- apiGroups: [""]
  resources: [nodes/status]
  verbs: [patch]
- apiGroups: ["", events.k8s.io]
  resources: [events]
  verbs: [create, patch, update]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: node-problem-detector
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: node-problem-detector
subjects:
- kind: ServiceAccount
  name: node-problem-detector
  namespace: %[1]s
`, in.Namespace)
}

func (in Install) configMap() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Monitors beside those in the image. A change needs a restart of the pods.\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: node-problem-detector\n  namespace: %s\ndata:\n", in.Namespace)
	files := in.files()
	for _, name := range sortedKeys(files) {
		fmt.Fprintf(&b, "  %s: |\n%s", name, indent(strings.TrimRight(string(files[name]), "\n"), 4))
	}
	return b.String()
}

func indent(s string, n int) string {
	pad := strings.Repeat(" ", n)
	var b strings.Builder
	for _, l := range strings.Split(s, "\n") {
		if l != "" {
			b.WriteString(pad)
		}
		b.WriteString(l + "\n")
	}
	return b.String()
}

type mount struct {
	name, path, comment string
}

func (in Install) mounts() []mount {
	var out []mount
	if in.Log != "file" {
		out = append(out, mount{"kmsg", "/dev/kmsg", ""})
	}
	switch in.Log {
	case "journald":
		out = append(out,
			mount{"log", "/var/log", "the journal, where it is kept on disk"},
			mount{"run-log", "/run/log", "the journal, where it is kept in memory"},
			mount{"machine-id", "/etc/machine-id", "the journal's folder is named by it"})
	case "file":
		out = append(out, mount{"log", "/var/log", ""})
	}
	if in.checksRuntime() {
		out = append(out,
			mount{"runtime", path.Dir(in.socket()), "the runtime's socket, for the health check"},
			mount{"crictl", in.Crictl, "the node's own crictl, which asks it"})
	}
	return append(out, mount{"localtime", "/etc/localtime", "times in logs are the host's"})
}

func (in Install) daemonSet() string {
	logs, custom := in.monitors()
	var b strings.Builder
	fmt.Fprintf(&b, `apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: node-problem-detector
  namespace: %s
  labels:
    app.kubernetes.io/name: node-problem-detector
spec:
  selector:
    matchLabels:
      app.kubernetes.io/name: node-problem-detector
  template:
    metadata:
      labels:
        app.kubernetes.io/name: node-problem-detector
    spec:
      serviceAccountName: node-problem-detector
      priorityClassName: system-node-critical
      nodeSelector:
        kubernetes.io/os: linux
      tolerations:
      - operator: Exists
`, in.Namespace)
	if in.HealthChecks {
		b.WriteString("      # The kubelet's healthz listens on the host's loopback only.\n      hostNetwork: true\n      dnsPolicy: ClusterFirstWithHostNet\n")
	}
	fmt.Fprintf(&b, `      containers:
      - name: node-problem-detector
        image: %s
        command:
        - /node-problem-detector
        - --logtostderr
        - --config.system-log-monitor=%s
`, in.Image, strings.Join(logs, ","))
	if len(custom) > 0 {
		fmt.Fprintf(&b, "        - --config.custom-plugin-monitor=%s\n", strings.Join(custom, ","))
	}
	b.WriteString(`        # Problems as metrics (problem_counter, problem_gauge) on this port.
        - --prometheus-address=0.0.0.0
        - --prometheus-port=20257
        env:
        - name: NODE_NAME
          valueFrom:
            fieldRef:
              fieldPath: spec.nodeName
        ports:
        - name: metrics
          containerPort: 20257
        resources:
          requests:
            cpu: 20m
            memory: 80Mi
          limits:
            memory: 200Mi
        securityContext:
          # /dev/kmsg cannot be opened otherwise: the namespace has to admit
          # privileged pods (pod-security.kubernetes.io/enforce: privileged).
          privileged: true
        volumeMounts:
`)
	mounts := in.mounts()
	for _, m := range mounts {
		fmt.Fprintf(&b, "        - name: %s\n          mountPath: %s\n          readOnly: true\n", m.name, m.path)
	}
	if len(in.files()) > 0 {
		b.WriteString("        - name: config\n          mountPath: /config-override\n          readOnly: true\n")
	}
	b.WriteString("      volumes:\n")
	for _, m := range mounts {
		if m.comment != "" {
			fmt.Fprintf(&b, "      # %s\n", m.comment)
		}
		fmt.Fprintf(&b, "      - name: %s\n        hostPath:\n          path: %s\n", m.name, m.path)
		if m.name == "crictl" {
			// Where it is missing an empty folder would be mounted in its place.
			b.WriteString("          type: File\n")
		}
	}
	if len(in.files()) > 0 {
		b.WriteString("      - name: config\n        configMap:\n          name: node-problem-detector\n")
	}
	return b.String()
}

// Unit is a systemd unit that runs the detector's binary on a node without a
// pod: it goes on while the kubelet or the runtime is what is broken.
func (in Install) Unit() string {
	logs, custom := in.monitors()
	host := func(files []string) string {
		out := make([]string, len(files))
		for i, f := range files {
			out[i] = "/etc/node-problem-detector/" + path.Base(f)
		}
		return strings.Join(out, ",")
	}
	args := []string{
		"--logtostderr",
		"--apiserver-override=https://API-SERVER:6443?inClusterConfig=false&auth=/etc/kubernetes/kubelet.conf",
		"--config.system-log-monitor=" + host(logs),
	}
	if len(custom) > 0 {
		args = append(args, "--config.custom-plugin-monitor="+host(custom))
	}
	args = append(args, "--prometheus-address=127.0.0.1", "--prometheus-port=20257")
	own := ""
	for _, name := range sortedKeys(in.files()) {
		own += "# " + name + " is not of the archive: --systemd --out FOLDER writes it.\n"
	}
	return fmt.Sprintf(`# /etc/systemd/system/node-problem-detector.service
# The binary and the stock monitor files are those of the release archive;
# replace API-SERVER by the address in /etc/kubernetes/kubelet.conf.
%s[Unit]
Description=Node Problem Detector
Documentation=https://github.com/kubernetes/node-problem-detector
Wants=network-online.target
After=network-online.target

[Service]
Restart=always
RestartSec=10
ExecStart=/usr/local/bin/node-problem-detector \
  %s

[Install]
WantedBy=multi-user.target
`, own, strings.Join(args, " \\\n  "))
}

// HostFiles are what a node needs beside the release archive: the unit, and the
// monitors that are not in the archive.
func (in Install) HostFiles() map[string]string {
	out := map[string]string{"node-problem-detector.service": in.Unit()}
	for name, data := range in.files() {
		out[name] = string(data)
	}
	return out
}
