package backend

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/clusterwright/kubectl-plugins/shared/yamldoc"
)

// fromYAML recognises the documents that describe an API server.
func fromYAML(root *yaml.Node) *Server {
	root = yamldoc.Resolve(root)
	if root == nil || root.Kind != yaml.MappingNode {
		return nil
	}
	kind, version := yamldoc.String(root, "kind"), yamldoc.String(root, "apiVersion")
	group, _, _ := strings.Cut(version, "/")
	switch {
	case kind == "Pod":
		return fromPod(child(root, "spec"), "static pod manifest")
	case kind == "Deployment" || kind == "StatefulSet":
		// A hosted control plane, such as Gardener's, Kamaji's or HyperShift's.
		return fromPod(child(root, "spec", "template", "spec"), kind)
	case strings.HasSuffix(kind, "List") && version == "v1":
		// kubectl get pods -n kube-system -l component=kube-apiserver -o yaml
		for _, n := range items(root, "items") {
			if s := fromYAML(n); s != nil {
				return s
			}
		}
		return nil
	case strings.HasSuffix(group, ".cluster.x-k8s.io"):
		return fromClusterAPI(root, kind)
	case kind == "KubeAPIServerConfig" && version == "v1alpha1":
		return fromTalos(root)
	case kind == "ClusterConfiguration" && group == "kubeadm.k8s.io":
		return fromKubeadm(root, "kubeadm ClusterConfiguration ("+strings.TrimPrefix(version, group+"/")+")")
	case kind == "Cluster" && group == "kind.x-k8s.io":
		return fromKind(root)
	case kind == "Cluster" && group == "kops.k8s.io":
		return fromKops(root)
	case kind == "Cluster" && group == "provisioning.cattle.io":
		if c := child(root, "spec", "rkeConfig", "machineGlobalConfig"); c != nil {
			return fromRancher(c)
		}
		return nil
	case kind == "Config" && version == "v1":
		if clusters, _ := yamldoc.Get(root, "clusters"); clusters != nil {
			return &Server{Kind: webhookKind, Webhook: true}
		}
		return nil
	case kind == "ConfigMap":
		// kubeadm keeps its ClusterConfiguration in kube-system/kubeadm-config.
		data, _ := yamldoc.Get(root, "data")
		if cc, _ := yamldoc.Get(yamldoc.Resolve(data), "ClusterConfiguration"); cc != nil {
			return embedded(cc)
		}
		return nil
	case kind != "":
		return nil
	}
	if clusters, _ := yamldoc.Get(root, "clusters"); clusters != nil && child(root, "contexts") != nil {
		return &Server{Kind: webhookKind, Webhook: true} // the library reads it without a kind too
	}
	if cluster, _ := yamldoc.Get(root, "cluster"); cluster != nil {
		if api, _ := yamldoc.Get(yamldoc.Resolve(cluster), "apiServer"); api != nil {
			return fromTalos(yamldoc.Resolve(api))
		}
	}
	return fromRancher(root)
}

// fromRancher reads the configuration of k3s or RKE2. RKE2 has an option of its
// own for the policy, which its CIS profile sets too; either also sets the log.
// A key that ends in + adds to what other files of the configuration hold.
// Source: rancher/rke2 pkg/podexecutor/staticpod.go (APIServer).
func fromRancher(root *yaml.Node) *Server {
	s := &Server{Kind: "k3s or RKE2 configuration"}
	found := false
	for _, name := range []string{"kube-apiserver-arg", "kube-apiserver-arg+"} {
		if args, _ := yamldoc.Get(root, name); args != nil {
			found = true
			s.add(pairs(args))
		}
	}
	profile := yamldoc.String(root, "profile")
	if profile == "cis" || strings.HasPrefix(profile, "cis-") {
		s.OwnPolicy = true
	}
	if policy, key := yamldoc.Get(root, "audit-policy-file"); policy != nil {
		s.OwnPolicy = true
		s.Flags = append(s.Flags, FlagUse{Name: "audit-policy-file", Value: yamldoc.Resolve(policy).Value, Line: key.Line, Column: key.Column})
	}
	if !found && !s.OwnPolicy {
		return nil
	}
	for _, m := range items(root, "kube-apiserver-extra-mount") {
		if parts := strings.Split(m.Value, ":"); len(parts) > 1 {
			s.Extra = append(s.Extra, MountUse{HostPath: parts[0], MountPath: parts[1], Volume: "hostPath", Line: m.Line, Column: m.Column})
		}
	}
	return s
}

// embedded reads a document that stands as text in another one.
func embedded(n *yaml.Node) *Server {
	n = yamldoc.Resolve(n)
	f, err := yamldoc.Parse("", []byte(n.Value))
	if err != nil || len(f.Docs) == 0 || f.Docs[0].Root == nil {
		return nil
	}
	s := fromYAML(f.Docs[0].Root)
	if s == nil {
		return nil
	}
	// In a literal block the lines follow the indicator's; the columns are
	// not known without the block's indentation.
	literal := n.Style&yaml.LiteralStyle != 0
	at := func(line, column *int) {
		if literal {
			*line, *column = *line+n.Line, 0
		} else {
			*line, *column = n.Line, n.Column
		}
	}
	for i := range s.Flags {
		at(&s.Flags[i].Line, &s.Flags[i].Column)
	}
	for i := range s.Mounts {
		at(&s.Mounts[i].Line, &s.Mounts[i].Column)
	}
	return s
}

func items(n *yaml.Node, key string) []*yaml.Node {
	v, _ := yamldoc.Get(yamldoc.Resolve(n), key)
	if v = yamldoc.Resolve(v); v == nil || v.Kind != yaml.SequenceNode {
		return nil
	}
	var out []*yaml.Node
	for _, c := range v.Content {
		out = append(out, yamldoc.Resolve(c))
	}
	return out
}

func child(n *yaml.Node, keys ...string) *yaml.Node {
	for _, k := range keys {
		if n == nil {
			return nil
		}
		n, _ = yamldoc.Get(yamldoc.Resolve(n), k)
	}
	return yamldoc.Resolve(n)
}

// fromPod finds the API server among the containers of a pod's spec.
func fromPod(spec *yaml.Node, kind string) *Server {
	for _, c := range items(spec, "containers") {
		var flags []FlagUse
		is := yamldoc.String(c, "name") == "kube-apiserver" || strings.Contains(yamldoc.String(c, "image"), "kube-apiserver")
		for _, key := range []string{"command", "args"} {
			list, _ := yamldoc.Get(c, key)
			flags = append(flags, words(list)...)
			for _, w := range items(c, key) {
				is = is || w.Value == "kube-apiserver" || strings.HasSuffix(w.Value, "/kube-apiserver") || strings.HasPrefix(w.Value, "--audit-")
			}
		}
		if !is {
			continue
		}
		s := &Server{Kind: kind, Contained: true}
		s.add(flags)
		volumes := map[string]*yaml.Node{}
		for _, v := range items(spec, "volumes") {
			volumes[yamldoc.String(v, "name")] = v
		}
		for _, m := range items(c, "volumeMounts") {
			u := MountUse{Name: yamldoc.String(m, "name"), MountPath: yamldoc.String(m, "mountPath"), ReadOnly: yamldoc.String(m, "readOnly") == "true", Line: m.Line, Column: m.Column}
			v := volumes[u.Name]
			if v == nil {
				u.Volume = "missing"
			} else if hp := child(v, "hostPath"); hp != nil {
				u.Volume, u.HostPath, u.Type = "hostPath", yamldoc.String(hp, "path"), yamldoc.String(hp, "type")
			} else {
				for i := 0; i+1 < len(v.Content); i += 2 {
					if k := v.Content[i].Value; k != "name" {
						u.Volume = k
					}
				}
			}
			if sub := yamldoc.String(m, "subPath"); sub != "" {
				u.HostPath = strings.TrimSuffix(u.HostPath, "/") + "/" + sub
			}
			s.Mounts = append(s.Mounts, u)
		}
		return s
	}
	return nil
}

// kubeadmGiven are the folders that kubeadm mounts into the API server.
var kubeadmGiven = []string{"/etc/kubernetes/pki", "/etc/ssl/certs", "/etc/ca-certificates", "/etc/pki", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates"}

func fromKubeadm(root *yaml.Node, kind string) *Server {
	s := &Server{Kind: kind, Contained: true, Given: kubeadmGiven}
	api := child(root, "apiServer")
	if api == nil {
		return s
	}
	args, _ := yamldoc.Get(api, "extraArgs")
	s.add(pairs(args))
	for _, v := range items(api, "extraVolumes") {
		s.Mounts = append(s.Mounts, MountUse{
			Name: yamldoc.String(v, "name"), HostPath: yamldoc.String(v, "hostPath"), MountPath: yamldoc.String(v, "mountPath"),
			ReadOnly: yamldoc.String(v, "readOnly") == "true", Type: yamldoc.String(v, "pathType"), Volume: "hostPath", Line: v.Line, Column: v.Column,
		})
	}
	return s
}

// fromClusterAPI reads the kubeadm configuration in an object of Cluster API.
func fromClusterAPI(root *yaml.Node, kind string) *Server {
	spec := child(root, "spec")
	if t := child(spec, "template", "spec"); t != nil {
		spec = t
	}
	if k := child(spec, "kubeadmConfigSpec"); k != nil {
		spec = k
	}
	cc := child(spec, "clusterConfiguration")
	if cc == nil {
		return nil
	}
	return fromKubeadm(cc, "Cluster API "+kind)
}

// fromKind puts together the patches of a kind Cluster, in which one string may
// hold several documents.
func fromKind(root *yaml.Node) *Server {
	s := &Server{Kind: "kind Cluster", Contained: true, Given: kubeadmGiven}
	patches := items(root, "kubeadmConfigPatches")
	for _, n := range items(root, "nodes") {
		patches = append(patches, items(n, "kubeadmConfigPatches")...)
	}
	for _, patch := range patches {
		f, err := yamldoc.Parse("", []byte(patch.Value))
		if err != nil {
			continue
		}
		for _, d := range f.Docs {
			if d.Root == nil || yamldoc.String(d.Root, "kind") != "ClusterConfiguration" {
				continue
			}
			if v := child(d.Root, "apiVersion"); v != nil && v.Value != "" {
				s.Pinned = append(s.Pinned, Pin{Version: v.Value, Line: v.Line + patch.Line})
			}
			one := fromKubeadm(yamldoc.Resolve(d.Root), s.Kind)
			for _, f := range one.Flags {
				f.Line, f.Column = f.Line+patch.Line, 0
				s.Flags = append(s.Flags, f)
			}
			if len(one.Mounts) > 0 {
				s.Mounts = nil // a merge patch replaces a list
			}
			for _, m := range one.Mounts {
				m.Line, m.Column = m.Line+patch.Line, 0
				s.Mounts = append(s.Mounts, m)
			}
		}
	}
	return s
}

// fromTalos reads cluster.apiServer of a machine configuration, or the document
// KubeAPIServerConfig that Talos 1.14 has in its place. Talos sets policy, log
// and their mounts itself.
// Source: siderolabs/talos control_plane_static_pod.go, config/types/k8s/apiserver.go.
func fromTalos(api *yaml.Node) *Server {
	s := &Server{Kind: "Talos machine configuration", OwnPolicy: true}
	args, _ := yamldoc.Get(api, "extraArgs")
	s.add(pairs(args))
	return s
}

func fromKops(root *yaml.Node) *Server {
	s := &Server{Kind: "kops Cluster"}
	api := child(root, "spec", "kubeAPIServer")
	if api == nil || api.Kind != yaml.MappingNode {
		return s
	}
	names := map[string]string{}
	for flag, field := range kopsFields {
		names[field] = flag
	}
	for i := 0; i+1 < len(api.Content); i += 2 {
		k, v := api.Content[i], yamldoc.Resolve(api.Content[i+1])
		if flag, ok := names[k.Value]; ok {
			s.Flags = append(s.Flags, FlagUse{Name: flag, Value: v.Value, Line: k.Line, Column: k.Column})
		}
	}
	return s
}
