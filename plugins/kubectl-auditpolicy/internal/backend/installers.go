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
	switch {
	case kind == "Pod":
		return fromPod(root)
	case kind == "ClusterConfiguration" && strings.HasPrefix(version, "kubeadm.k8s.io/"):
		return fromKubeadm(root, version)
	case kind == "Cluster" && strings.HasPrefix(version, "kind.x-k8s.io/"):
		return fromKind(root)
	case kind == "Cluster" && strings.HasPrefix(version, "kops.k8s.io/"):
		return fromKops(root)
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
	if cluster, _ := yamldoc.Get(root, "cluster"); cluster != nil {
		if api, _ := yamldoc.Get(yamldoc.Resolve(cluster), "apiServer"); api != nil {
			return fromTalos(yamldoc.Resolve(api))
		}
	}
	args, _ := yamldoc.Get(root, "kube-apiserver-arg")
	policy, key := yamldoc.Get(root, "audit-policy-file")
	if args == nil && policy == nil {
		return nil
	}
	s := &Server{Kind: "k3s or RKE2 configuration"}
	s.add(pairs(args))
	if policy != nil {
		// RKE2's own option; it also sets the log.
		s.OwnPolicy = true
		s.Flags = append(s.Flags, FlagUse{Name: "audit-policy-file", Value: yamldoc.Resolve(policy).Value, Line: key.Line, Column: key.Column})
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

func fromPod(root *yaml.Node) *Server {
	spec := child(root, "spec")
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
		s := &Server{Kind: "static pod manifest", Contained: true}
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

func fromKubeadm(root *yaml.Node, version string) *Server {
	s := &Server{Kind: "kubeadm ClusterConfiguration (" + strings.TrimPrefix(version, "kubeadm.k8s.io/") + ")", Contained: true, Given: kubeadmGiven}
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

func fromKind(root *yaml.Node) *Server {
	lists := [][]*yaml.Node{items(root, "kubeadmConfigPatches")}
	for _, n := range items(root, "nodes") {
		lists = append(lists, items(n, "kubeadmConfigPatches"))
	}
	for _, l := range lists {
		for _, patch := range l {
			f, err := yamldoc.Parse("", []byte(patch.Value))
			if err != nil || len(f.Docs) == 0 || f.Docs[0].Root == nil || yamldoc.String(f.Docs[0].Root, "kind") != "ClusterConfiguration" {
				continue
			}
			// kind takes patches without an apiVersion.
			s := fromKubeadm(yamldoc.Resolve(f.Docs[0].Root), yamldoc.String(f.Docs[0].Root, "apiVersion"))
			s.Kind = "kind Cluster"
			for i := range s.Flags {
				s.Flags[i].Line, s.Flags[i].Column = s.Flags[i].Line+patch.Line, 0
			}
			for i := range s.Mounts {
				s.Mounts[i].Line, s.Mounts[i].Column = s.Mounts[i].Line+patch.Line, 0
			}
			return s
		}
	}
	return &Server{Kind: "kind Cluster", Contained: true, Given: kubeadmGiven}
}

// fromTalos reads cluster.apiServer of a machine configuration. Talos sets
// policy, log and their mounts itself.
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
