package cli

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	groupAnnotation = "clusterwright.dev/flag-group"
	clusterGroup    = "cluster"
)

// Cluster is the cluster that kubectl's own flags choose.
type Cluster struct {
	flags *genericclioptions.ConfigFlags
}

// ClusterFlags adds kubectl's own flags for choosing a cluster (--kubeconfig,
// --context, --namespace, ...) to a flag set, as a group of their own in the
// help, and returns what they choose.
func ClusterFlags(fs *pflag.FlagSet) *Cluster {
	// true: the kubeconfig is read once, whoever asks.
	flags := genericclioptions.NewConfigFlags(true)
	own := pflag.NewFlagSet("cluster", pflag.ContinueOnError)
	flags.AddFlags(own)
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
	return &Cluster{flags}
}

// ErrNoneNamed is in the error where no kubeconfig names a cluster.
var ErrNoneNamed = errors.New("no kubeconfig names one (KUBECONFIG, ~/.kube/config, --kubeconfig)")

// RESTConfig says how to reach the chosen cluster. The error says that there is
// none; with ErrNoneNamed in it the result is where kubectl looks all the same.
func (c *Cluster) RESTConfig() (*rest.Config, error) {
	const contexts = "'kubectl config get-contexts' lists what --context can name; --kubeconfig FILE reads another file"
	if t := c.flags.Timeout; t != nil {
		if _, err := clientcmd.ParseTimeout(*t); err != nil {
			return nil, Usagef("--request-timeout %q: not %s", *t, formOf("duration"))
		}
	}
	cfg, err := c.flags.ToRESTConfig()
	// The call that failed says nothing to a user, and has another name on each
	// system.
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		err = fmt.Errorf("%s: %w", pe.Path, pe.Err)
	}
	if err != nil {
		return nil, WithHint(Unknownf("no cluster: %w", err), contexts)
	}
	if c.flags.APIServer != nil && *c.flags.APIServer != "" {
		return cfg, nil
	}
	// Where nothing names a cluster, client-go makes this one up.
	if raw, err := c.flags.ToRawKubeConfigLoader().RawConfig(); err == nil && len(raw.Clusters) == 0 && cfg.Host == "http://localhost:8080" {
		return cfg, WithHint(Unknownf("no cluster: %w", ErrNoneNamed), contexts)
	}
	return cfg, nil
}

// Mapper tells the kinds that the cluster serves, by their short names too.
func (c *Cluster) Mapper() (meta.RESTMapper, error) { return c.flags.ToRESTMapper() }

// Namespace is the one of --namespace, else of the context, else default.
func (c *Cluster) Namespace() (string, error) {
	ns, _, err := c.flags.ToRawKubeConfigLoader().Namespace()
	return ns, err
}

// NamespaceFlag is what --namespace says, "" where it was not given.
func (c *Cluster) NamespaceFlag() string {
	if c.flags.Namespace == nil {
		return ""
	}
	return *c.flags.Namespace
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
