package cli

import (
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	groupAnnotation = "clusterwright.dev/flag-group"
	clusterGroup    = "cluster"
)

// Cluster is the cluster that kubectl's own flags choose. cli-runtime has a
// type for it too, which links kustomize, discovery and every API group there
// is: half of a binary for what is not used here.
type Cluster struct {
	kubeconfig string
	extra      []string
	overrides  clientcmd.ConfigOverrides
}

// ClusterFlags adds kubectl's own flags for choosing a cluster (--kubeconfig,
// --context, --namespace, ...) to a flag set, as a group of their own in the
// help, and returns what they choose.
func ClusterFlags(fs *pflag.FlagSet) *Cluster {
	c := &Cluster{overrides: clientcmd.ConfigOverrides{ClusterDefaults: clientcmd.ClusterDefaults}}
	own := pflag.NewFlagSet("cluster", pflag.ContinueOnError)
	own.StringVar(&c.kubeconfig, "kubeconfig", "", "Path to the kubeconfig file to use for CLI requests.")
	own.StringArrayVar(&c.extra, "as-user-extra", nil, "User extras to impersonate for the operation, KEY=VALUE; may be repeated")
	names := clientcmd.RecommendedConfigOverrideFlags("")
	names.AuthOverrideFlags.Username.LongName = "" // no server takes passwords any more
	names.AuthOverrideFlags.Password.LongName = ""
	names.ClusterOverrideFlags.APIServer.ShortName = "s"
	clientcmd.BindOverrideFlags(&c.overrides, own, names)
	own.VisitAll(func(f *pflag.Flag) {
		if fs.Lookup(f.Name) != nil {
			return
		}
		if f.Shorthand != "" && fs.ShorthandLookup(f.Shorthand) != nil {
			f.Shorthand = ""
		}
		setGroup(f, clusterGroup)
		fs.AddFlag(f)
	})
	if fs.Lookup("v") == nil {
		AddVerbosity(fs)
	}
	return c
}

// loader finds the kubeconfig by kubectl's rules and lays the flags over it.
func (c *Cluster) loader() clientcmd.ClientConfig {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.DefaultClientConfig = &clientcmd.DefaultClientConfig
	rules.ExplicitPath = c.kubeconfig
	o := c.overrides
	for _, e := range c.extra {
		if key, value, ok := strings.Cut(e, "="); ok {
			if o.AuthInfo.ImpersonateUserExtra == nil {
				o.AuthInfo.ImpersonateUserExtra = map[string][]string{}
			}
			o.AuthInfo.ImpersonateUserExtra[key] = append(o.AuthInfo.ImpersonateUserExtra[key], value)
		}
	}
	return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &o)
}

// RESTConfig says how to reach the chosen cluster.
func (c *Cluster) RESTConfig() (*rest.Config, error) { return c.loader().ClientConfig() }

// Namespace is the one of --namespace, else of the context, else default.
func (c *Cluster) Namespace() (string, error) {
	ns, _, err := c.loader().Namespace()
	return ns, err
}

// NamespaceFlag is what --namespace says, "" where it was not given.
func (c *Cluster) NamespaceFlag() string { return c.overrides.Context.Namespace }

// Named says whether any kubeconfig names a cluster.
func (c *Cluster) Named() bool {
	raw, err := c.loader().RawConfig()
	return err != nil || len(raw.Clusters) > 0
}

func setGroup(f *pflag.Flag, group string) {
	if f.Annotations == nil {
		f.Annotations = map[string][]string{}
	}
	f.Annotations[groupAnnotation] = []string{group}
}

func inGroup(f *pflag.Flag, group string) bool {
	g := f.Annotations[groupAnnotation]
	return len(g) == 1 && g[0] == group
}
