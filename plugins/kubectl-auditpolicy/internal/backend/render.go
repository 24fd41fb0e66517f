package backend

import (
	"encoding/base64"
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"
)

// Platforms are the ways to set up a cluster that Render knows, with what the
// output is.
var Platforms = []struct{ Name, What string }{
	{"flags", "the flags, one a line"},
	{"static-pod", "what to add to /etc/kubernetes/manifests/kube-apiserver.yaml"},
	{"kubeadm", "a ClusterConfiguration, kubeadm.k8s.io/v1beta4"},
	{"kubeadm-patch", "a JSON patch for kubeadm's --patches folder"},
	{"k3s", "/etc/rancher/k3s/config.yaml"},
	{"rke2", "/etc/rancher/rke2/config.yaml"},
	{"kind", "a kind Cluster"},
	{"talos", "a machine configuration patch"},
	{"kops", "fields of a kops Cluster"},
}

// PlatformNames are the values of --for.
func PlatformNames() []string {
	var out []string
	for _, p := range Platforms {
		out = append(out, p.Name)
	}
	return out
}

// Render writes a plan for a platform. policy is the text of the audit policy,
// for the platforms whose configuration holds it; it may be empty, and is then
// left for the user to fill in.
func Render(p *Plan, platform, policy string) (string, error) {
	w := &writer{}
	switch platform {
	case "flags":
		for _, f := range p.Flags {
			w.line(0, "%s", f)
		}
	case "static-pod":
		w.staticPod(p, "# Add to /etc/kubernetes/manifests/kube-apiserver.yaml; keep what is there.")
	case "kubeadm-patch":
		w.kubeadmPatch(p)
	case "kubeadm":
		w.line(0, "# For kubeadm init --config, or for the ConfigMap kubeadm-config of a running")
		w.line(0, "# cluster, followed on each control plane node by")
		w.line(0, "# 'kubeadm init phase control-plane apiserver --config FILE'.")
		w.line(0, "# v1beta4 has a list here where v1beta3 had a map.")
		w.files(p)
		w.line(0, "apiVersion: kubeadm.k8s.io/v1beta4")
		w.line(0, "kind: ClusterConfiguration")
		w.line(0, "apiServer:")
		w.line(2, "extraArgs:")
		for _, f := range p.Flags {
			w.line(2, "- name: %s", f.Name)
			w.line(4, "%s", comment(fmt.Sprintf("value: %q", f.Value), f.Why, 4))
		}
		w.extraVolumes(p, 2)
	case "k3s":
		w.k3s(p)
	case "rke2":
		w.rke2(p)
	case "kind":
		w.kind(p)
	case "talos":
		w.talos(p, policy)
	case "kops":
		w.kops(p, policy)
	default:
		return "", fmt.Errorf("platform %q: not one of %s", platform, strings.Join(PlatformNames(), ", "))
	}
	return w.b.String(), nil
}

type writer struct{ b strings.Builder }

func (w *writer) line(indent int, format string, args ...any) {
	w.b.WriteString(strings.Repeat(" ", indent))
	fmt.Fprintf(&w.b, format, args...)
	w.b.WriteByte('\n')
}

// comment says what a value is for, at the end of a line that is long enough
// already only where it fits.
func comment(text, why string, indent int) string {
	if why == "" || indent+len(text)+len(why)+4 > 110 {
		return text
	}
	return text + "  # " + why
}

func (w *writer) files(p *Plan) {
	w.line(0, "# Put on every control plane node first:")
	for _, f := range p.Files {
		w.line(0, "#   %s (mode %s): %s", f.Path, f.Mode, whatItIs(f))
	}
}

// whatItIs says what a file is and, of one whose contents are not in the output,
// how to get it.
func whatItIs(f File) string {
	if f.Text == "" {
		return f.What
	}
	return f.What + "; --kubeconfig-only in place of --for prints it"
}

func (w *writer) staticPod(p *Plan, head string) {
	w.line(0, "%s", head)
	w.files(p)
	w.line(0, "spec:")
	w.line(2, "containers:")
	w.line(2, "- name: kube-apiserver")
	w.line(4, "command:")
	w.line(4, "- kube-apiserver")
	for _, f := range p.Flags {
		w.line(4, "%s", comment("- "+f.String(), f.Why, 4))
	}
	w.podMounts(p)
}

func (w *writer) podMounts(p *Plan) {
	w.line(4, "volumeMounts:")
	for _, m := range p.Mounts {
		w.line(4, "- name: %s", m.Name)
		w.line(6, "mountPath: %s", m.Path)
		if m.ReadOnly {
			w.line(6, "readOnly: true")
		}
	}
	w.line(2, "volumes:")
	for _, m := range p.Mounts {
		w.line(2, "- name: %s", m.Name)
		w.line(4, "hostPath:")
		w.line(6, "path: %s", m.Path)
		w.line(6, "type: %s", m.Type)
	}
}

// kubeadmPatch is a JSON patch, for in a strategic merge a list of plain values
// such as command is replaced as a whole: the other flags would be gone.
func (w *writer) kubeadmPatch(p *Plan) {
	w.line(0, "# Save as kube-apiserver0+json.yaml in the folder given to kubeadm's --patches.")
	w.line(0, "# It is a JSON patch, for in a strategic merge the list of flags would replace")
	w.line(0, "# all others.")
	w.files(p)
	for _, f := range p.Flags {
		w.line(0, "- op: add")
		w.line(2, "path: /spec/containers/0/command/-")
		w.line(2, "value: %s", f)
	}
	for _, m := range p.Mounts {
		w.line(0, "- op: add")
		w.line(2, "path: /spec/containers/0/volumeMounts/-")
		w.line(2, "value: {name: %s, mountPath: %s, readOnly: %v}", m.Name, m.Path, m.ReadOnly)
		w.line(0, "- op: add")
		w.line(2, "path: /spec/volumes/-")
		w.line(2, "value: {name: %s, hostPath: {path: %s, type: %s}}", m.Name, m.Path, m.Type)
	}
}

func (w *writer) extraVolumes(p *Plan, indent int) {
	w.line(indent, "extraVolumes:")
	for _, m := range p.Mounts {
		w.line(indent, "- name: %s", m.Name)
		w.line(indent+2, "hostPath: %s", m.Path)
		w.line(indent+2, "mountPath: %s", m.Path)
		if m.ReadOnly {
			w.line(indent+2, "readOnly: true")
		}
		w.line(indent+2, "pathType: %s", m.Type)
	}
}

// k3s runs the API server in its own process on the host, so nothing is mounted.
// Source: docs.k3s.io, hardening guide, "API Server audit configuration".
func (w *writer) k3s(p *Plan) {
	w.line(0, "# Add to /etc/rancher/k3s/config.yaml on every server node, then")
	w.line(0, "# 'systemctl restart k3s'. The API server runs in the k3s process itself: no")
	w.line(0, "# mounts are needed.")
	w.files(p)
	var dirs []string
	for _, m := range p.Mounts {
		dirs = append(dirs, m.Path)
	}
	w.line(0, "#   mkdir -p -m 0700 %s", strings.Join(dirs, " "))
	w.rancherFlags(p.Flags)
}

// rke2 has an option of its own for the policy. RKE2 mounts the files that flags
// name and the directory of the log itself; a second mount at one of these paths
// would make the pod invalid (k8s.io/kubernetes, ValidateVolumeMounts). What is
// left are the directories of the files that the webhook's kubeconfig names.
// Source: rancher/rke2 pkg/podexecutor/staticpod.go (APIServer) and
// pkg/staticpod/staticpod.go (ReadFiles, addExtraMounts).
func (w *writer) rke2(p *Plan) {
	w.line(0, "# Add to /etc/rancher/rke2/config.yaml on every server node, then")
	w.line(0, "# 'systemctl restart rke2-server'. RKE2 mounts the files that flags name and the")
	w.line(0, "# log's directory itself.")
	w.files(p)
	var rest []Flag
	for _, f := range p.Flags {
		if f.Name == "audit-policy-file" {
			w.line(0, "audit-policy-file: %s", f.Value)
		} else {
			rest = append(rest, f)
		}
	}
	w.rancherFlags(rest)
	var dirs []string
	for _, f := range p.Files {
		dir := path.Dir(f.Path)
		named := slices.ContainsFunc(p.Flags, func(flag Flag) bool { return flag.Value == f.Path })
		if !named && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	if len(dirs) > 0 {
		w.line(0, "kube-apiserver-extra-mount:")
	}
	for _, d := range dirs {
		w.line(0, "- %q", d+":"+d+":ro")
	}
}

func (w *writer) rancherFlags(flags []Flag) {
	w.line(0, "kube-apiserver-arg:")
	for _, f := range flags {
		w.line(0, "%s", comment(fmt.Sprintf("- %q", f.Name+"="+f.Value), f.Why, 0))
	}
}

// kind writes a Cluster. kind applies a patch only where its apiVersion is that
// of the kubeadm configuration that it makes itself, which depends on kind's
// version: v1beta3 for long, v1beta4 since. Without an apiVersion the patch is
// applied to either, and extraArgs are then a map.
// Sources: kubernetes-sigs/kind pkg/internal/patch/resource.go and
// kubeadm_merge.go, pkg/cluster/internal/kubeadm/config.go, and its page on auditing.
func (w *writer) kind(p *Plan) {
	w.line(0, "# kind create cluster --config FILE. Each folder ./audit-... beside you is mounted")
	w.line(0, "# into the node, and from there into the API server's pod.")
	for _, f := range p.Files {
		for _, m := range p.Mounts {
			if strings.HasPrefix(f.Path, m.Path+"/") {
				w.line(0, "#   ./%s/%s: %s", m.Name, strings.TrimPrefix(f.Path, m.Path+"/"), whatItIs(f))
			}
		}
	}
	w.line(0, "kind: Cluster")
	w.line(0, "apiVersion: kind.x-k8s.io/v1alpha4")
	w.line(0, "nodes:")
	w.line(0, "- role: control-plane")
	w.line(2, "extraMounts:")
	for _, m := range p.Mounts {
		w.line(2, "- hostPath: ./%s", m.Name)
		w.line(4, "containerPath: %s", m.Path)
		if m.ReadOnly {
			w.line(4, "readOnly: true")
		}
	}
	w.line(2, "kubeadmConfigPatches:")
	w.line(2, "- |")
	w.line(4, "kind: ClusterConfiguration")
	w.line(4, "apiServer:")
	w.line(6, "extraArgs:")
	for _, f := range p.Flags {
		w.line(8, "%s", comment(fmt.Sprintf("%s: %q", f.Name, f.Value), f.Why, 8))
	}
	w.extraVolumes(p, 6)
}

// talos writes a machine configuration patch. Talos always audits, to
// /var/log/audit/kube, and mounts what it needs for that; extraArgs may replace
// its audit flags, and a patch replaces the whole auditPolicy.
// Sources: siderolabs/talos control_plane_static_pod.go, its page on patches, and
// V1Alpha1ConflictValidate in config/types/k8s/audit_policy.go and apiserver.go.
func (w *writer) talos(p *Plan, policy string) {
	w.line(0, "# talosctl patch machineconfig --patch @FILE on the control plane nodes. Talos sets")
	w.line(0, "# --audit-policy-file and --audit-log-path itself (/var/log/audit/kube); the policy")
	w.line(0, "# stands in the configuration. Since 1.14 there are documents for this too:")
	w.line(0, "# KubeAuditPolicyConfig (configuration) and KubeAPIServerConfig (extraArgs); a")
	w.line(0, "# configuration that has them takes these fields there and refuses them here.")
	if p.Backend == "webhook" {
		w.line(0, "machine:")
		w.line(2, "files:")
		for _, f := range p.Files {
			if f.Text == "" {
				continue
			}
			w.line(2, "- path: /var%s", f.Path)
			// Talos runs kube-apiserver as a user of its own, which could not read
			// a file of root's with mode 0600; the file holds no credential.
			// Source: siderolabs/talos control_plane_static_pod.go, RunAsUser.
			w.line(4, "permissions: 0o644  # kube-apiserver is not root here")
			w.line(4, "op: create")
			w.line(4, "content: |")
			w.text(6, f.Text)
		}
	}
	w.line(0, "cluster:")
	w.line(2, "apiServer:")
	w.line(4, "auditPolicy:")
	if policy == "" {
		w.line(6, "# your policy; --policy FILE puts it here")
		policy = "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules:\n- level: Metadata\n"
	}
	w.text(6, inline(policy))
	w.line(4, "extraArgs:")
	for _, f := range p.Flags {
		if f.Name == "audit-policy-file" || f.Name == "audit-log-path" && f.Value != "-" {
			continue
		}
		w.line(6, "%s", comment(fmt.Sprintf("%s: %q", f.Name, f.Value), f.Why, 6))
	}
	if p.Backend == "webhook" {
		w.line(4, "extraVolumes:")
		seen := map[string]bool{}
		for _, f := range p.Files {
			dir := f.Path[:strings.LastIndexByte(f.Path, '/')]
			if f.What == "your audit policy" || seen[dir] {
				continue
			}
			seen[dir] = true
			w.line(4, "- hostPath: /var%s", dir)
			w.line(6, "mountPath: %s", dir)
			w.line(6, "readonly: true")
		}
	}
}

// kopsFields are the names that kops has for the flags. kops mounts the folder of
// the policy, which is that of the webhook's kubeconfig here, and the log's.
// Sources: KubeAPIServerConfig in kubernetes/kops pkg/apis/kops/componentconfig.go,
// and nodeup/pkg/model/kube_apiserver.go.
var kopsFields = map[string]string{
	"audit-policy-file": "auditPolicyFile", "audit-log-path": "auditLogPath", "audit-log-maxage": "auditLogMaxAge",
	"audit-log-maxbackup": "auditLogMaxBackups", "audit-log-maxsize": "auditLogMaxSize",
	"audit-webhook-config-file": "auditWebhookConfigFile", "audit-webhook-mode": "auditWebhookMode",
	"audit-webhook-batch-buffer-size": "auditWebhookBatchBufferSize", "audit-webhook-batch-max-size": "auditWebhookBatchMaxSize",
	"audit-webhook-batch-max-wait": "auditWebhookBatchMaxWait", "audit-webhook-batch-throttle-burst": "auditWebhookBatchThrottleBurst",
	"audit-webhook-batch-throttle-enable": "auditWebhookBatchThrottleEnable", "audit-webhook-batch-throttle-qps": "auditWebhookBatchThrottleQps",
	"audit-webhook-initial-backoff": "auditWebhookInitialBackoff",
}

func (w *writer) kops(p *Plan, policy string) {
	const dir = "/srv/kubernetes/kube-apiserver"
	move := func(v string) string {
		if i := strings.LastIndexByte(v, '/'); i >= 0 {
			return dir + v[i:]
		}
		return v
	}
	w.line(0, "# Into the Cluster (kops edit cluster), then kops update cluster --yes and a")
	w.line(0, "# rolling update of the control plane. kops mounts the folders of the policy,")
	w.line(0, "# the webhook's configuration and the log itself.")
	w.line(0, "apiVersion: kops.k8s.io/v1alpha2")
	w.line(0, "kind: Cluster")
	w.line(0, "spec:")
	w.line(2, "kubeAPIServer:")
	var rest []Flag
	for _, f := range p.Flags {
		name, ok := kopsFields[f.Name]
		if !ok {
			rest = append(rest, f)
			continue
		}
		v := f.Value
		if f.Name == "audit-policy-file" || f.Name == "audit-webhook-config-file" {
			v = move(v)
		}
		if f.Name == "audit-webhook-batch-throttle-qps" {
			v = fmt.Sprintf("%q", v) // a quantity
		}
		if v == "-" {
			v = `"-"` // stdout, and no item of a list
		}
		w.line(4, "%s", comment(name+": "+v, f.Why, 4))
	}
	for _, f := range rest {
		w.line(4, "# kops has no field for --%s=%s", f.Name, f.Value)
	}
	w.line(2, "fileAssets:")
	for _, f := range p.Files {
		if f.Text == "" && f.What != "your audit policy" {
			w.line(2, "# bring %s yourself: %s", move(f.Path), f.What)
			continue
		}
		name := strings.TrimPrefix(move(f.Path), dir+"/")
		w.line(2, "- name: audit-%s", strings.ReplaceAll(strings.TrimSuffix(name, ".yaml"), ".", "-"))
		w.line(4, "path: %s", move(f.Path))
		w.line(4, "roles: [ControlPlane]")
		text := f.Text
		for _, other := range p.Files {
			text = strings.ReplaceAll(text, other.Path, move(other.Path))
		}
		if f.What == "your audit policy" {
			text = strings.TrimPrefix(policy, bom)
		}
		if text == "" {
			text = "# " + f.What + ": put it here\n"
		}
		// Text whose first line is indented needs to say how far the block is.
		block := "|"
		if strings.TrimLeft(text, " \t\n") != strings.TrimLeft(text, "\n") {
			block = "|2"
		}
		w.line(4, "content: %s", block)
		w.text(6, text)
	}
}

const bom = "\ufeff"

// inline is the text of a policy as a value within another document: the first
// document alone, which is all that kube-apiserver reads, without its markers;
// JSON indented by blanks, for tabs indent nothing in YAML.
func inline(policy string) string {
	var out []string
	content := false
	for _, l := range strings.Split(strings.TrimPrefix(policy, bom), "\n") {
		l = strings.TrimRight(l, " \t\r")
		switch marker, rest, _ := strings.Cut(l, " "); {
		case marker == "---" || marker == "..." || strings.HasPrefix(l, "%") && !content:
			if content {
				return strings.Join(out, "\n")
			}
			if l = rest; l == "" || marker != "---" {
				continue
			}
		}
		if t := strings.TrimLeft(l, "\t"); t != l {
			l = strings.Repeat("  ", len(l)-len(t)) + t
		}
		content = content || l != "" && !strings.HasPrefix(strings.TrimSpace(l), "#")
		out = append(out, l)
	}
	return strings.Join(out, "\n")
}

func (w *writer) text(indent int, text string) {
	for _, l := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		if l == "" {
			w.line(0, "")
			continue
		}
		w.line(indent, "%s", l)
	}
}

// webhookConfig is the kubeconfig that tells kube-apiserver where to send.
func webhookConfig(w Webhook) string {
	var b strings.Builder
	b.WriteString("# Where audit events go: --audit-webhook-config-file.\napiVersion: v1\nkind: Config\nclusters:\n- name: audit\n  cluster:\n")
	fmt.Fprintf(&b, "    server: %s\n", w.URL)
	switch {
	case len(w.CAData) > 0:
		fmt.Fprintf(&b, "    certificate-authority-data: %s\n", base64.StdEncoding.EncodeToString(w.CAData))
	case w.CAPath != "":
		fmt.Fprintf(&b, "    certificate-authority: %s\n", w.CAPath)
	}
	b.WriteString("users:\n- name: kube-apiserver\n")
	user := map[string]string{}
	if w.CertPath != "" {
		user["client-certificate"], user["client-key"] = w.CertPath, w.KeyPath
	}
	if w.TokenPath != "" {
		user["tokenFile"] = w.TokenPath
	}
	if len(user) == 0 {
		b.WriteString("  user: {}\n")
	} else {
		b.WriteString("  user:\n")
		var keys []string
		for k := range user {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		for _, k := range keys {
			fmt.Fprintf(&b, "    %s: %s\n", k, user[k])
		}
	}
	b.WriteString("contexts:\n- name: audit\n  context:\n    cluster: audit\n    user: kube-apiserver\ncurrent-context: audit\n")
	return b.String()
}
