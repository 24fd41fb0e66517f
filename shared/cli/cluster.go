package cli

import (
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericclioptions"
)

const (
	groupAnnotation = "clusterwright.dev/flag-group"
	clusterGroup    = "cluster"
)

// ClusterFlags adds kubectl's own flags for choosing a cluster (--kubeconfig,
// --context, --namespace, ...) to a flag set, as a group of their own in the
// help, and returns them.
func ClusterFlags(fs *pflag.FlagSet) *genericclioptions.ConfigFlags {
	// Discovery and mapping are cached on disk by kubectl's own rules; the
	// client-side rate limit is switched off by those who list a lot.
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
	return flags
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
