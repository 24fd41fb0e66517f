package cli

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// namesTime is how long Tab may take to ask a cluster. Whoever presses Tab
// types on when nothing comes.
const namesTime = time.Second

// Names are the names of the objects in a collection of the cluster that a
// command's flags choose, for Tab: at most 500, and none where they cannot be
// had at once. The path is such as /api/v1/nodes; %NS in it stands for the
// namespace. Nothing is ever said about why there are none.
func Names(c *cobra.Command, path string) []string {
	cluster := clusterOf(c.Flags())
	got := make(chan []string, 1)
	// Name resolution and credential plugins do not heed a client's deadline.
	go func() { got <- fetchNames(cluster, path) }()
	select {
	case n := <-got:
		return n
	case <-time.After(namesTime):
		return nil
	}
}

func fetchNames(cluster *Cluster, path string) []string {
	config, err := cluster.RESTConfig()
	if err != nil {
		return nil
	}
	config.Timeout = namesTime
	base, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil
	}
	if strings.Contains(path, "%NS") {
		ns, err := cluster.Namespace()
		if err != nil {
			return nil
		}
		path = strings.ReplaceAll(path, "%NS", ns)
	}
	u := base.JoinPath(path)
	u.RawQuery = "limit=500"
	req, err := http.NewRequest(http.MethodGet, u.String(), nil)
	if err != nil {
		return nil
	}
	req.Header.Set("Accept", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1, application/json")
	res, err := client.Do(req)
	if err != nil {
		return nil
	}
	defer res.Body.Close()
	var list struct {
		Items []struct{ Metadata struct{ Name string } }
	}
	if json.NewDecoder(res.Body).Decode(&list) != nil {
		return nil
	}
	var out []string
	for _, i := range list.Items {
		out = append(out, i.Metadata.Name)
	}
	return out
}

// clusterOf is the cluster that a command's parsed flags choose.
func clusterOf(fs *pflag.FlagSet) *Cluster {
	own := pflag.NewFlagSet("cluster", pflag.ContinueOnError)
	cluster := ClusterFlags(own)
	fs.Visit(func(f *pflag.Flag) {
		to := own.Lookup(f.Name)
		if to == nil || !inGroup(f, clusterGroup) {
			return
		}
		if from, ok := f.Value.(pflag.SliceValue); ok {
			if list, ok := to.Value.(pflag.SliceValue); ok {
				_ = list.Replace(from.GetSlice())
			}
			return
		}
		_ = own.Set(f.Name, f.Value.String())
	})
	return cluster
}

// offered are the words that go on from a prefix and are not given yet.
func offered(words, given []string, prefix string) []string {
	return slices.DeleteFunc(words, func(w string) bool {
		return !strings.HasPrefix(w, prefix) || slices.Contains(given, w)
	})
}

// CompleteNodes completes up to max arguments of a command with names of nodes.
func CompleteNodes(max int) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= max {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return offered(Names(c, "/api/v1/nodes"), args, prefix), cobra.ShellCompDirectiveNoFileComp
	}
}

// CompleteNamespaces completes a flag's value.
func CompleteNamespaces(c *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
	return offered(Names(c, "/api/v1/namespaces"), nil, prefix), cobra.ShellCompDirectiveNoFileComp
}

// workloads are the kinds of CompleteWorkloads, by the names that kubectl's
// users type, the one to offer first.
var workloads = []struct {
	names []string
	path  string
}{
	{[]string{"deployment", "deploy", "deployments"}, "/apis/apps/v1/namespaces/%NS/deployments"},
	{[]string{"statefulset", "sts", "statefulsets"}, "/apis/apps/v1/namespaces/%NS/statefulsets"},
	{[]string{"daemonset", "ds", "daemonsets"}, "/apis/apps/v1/namespaces/%NS/daemonsets"},
	{[]string{"replicaset", "rs", "replicasets"}, "/apis/apps/v1/namespaces/%NS/replicasets"},
	{[]string{"cronjob", "cj", "cronjobs"}, "/apis/batch/v1/namespaces/%NS/cronjobs"},
	{[]string{"job", "jobs"}, "/apis/batch/v1/namespaces/%NS/jobs"},
	{[]string{"pod", "po", "pods"}, "/api/v1/namespaces/%NS/pods"},
}

// CompleteWorkloads completes arguments of the form KIND/NAME: the kinds first,
// then the names of one.
func CompleteWorkloads(c *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	kind, _, named := strings.Cut(prefix, "/")
	if !named {
		var kinds []string
		for _, w := range workloads {
			for i, name := range w.names {
				if i == 0 || name == kind {
					kinds = append(kinds, name+"/")
				}
			}
		}
		return offered(kinds, nil, prefix), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
	for _, w := range workloads {
		if slices.Contains(w.names, kind) {
			found := Names(c, w.path)
			for i, name := range found {
				found[i] = kind + "/" + name
			}
			return offered(found, args, prefix), cobra.ShellCompDirectiveNoFileComp
		}
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// completeClusterFlags gives kubectl's own flags the completion that they have
// there.
func completeClusterFlags(c *cobra.Command) {
	register := func(name string, f cobra.CompletionFunc) {
		if flag := c.Flags().Lookup(name); flag != nil && inGroup(flag, clusterGroup) {
			_ = c.RegisterFlagCompletionFunc(name, f)
		}
	}
	register("namespace", CompleteNamespaces)
	for _, name := range []string{"context", "cluster", "user"} {
		register(name, func(c *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
			rules := clientcmd.NewDefaultClientConfigLoadingRules()
			rules.ExplicitPath = c.Flag("kubeconfig").Value.String()
			k, err := rules.Load()
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var words []string
			switch name {
			case "context":
				words = slices.Sorted(maps.Keys(k.Contexts))
			case "cluster":
				words = slices.Sorted(maps.Keys(k.Clusters))
			default:
				words = slices.Sorted(maps.Keys(k.AuthInfos))
			}
			return offered(words, nil, prefix), cobra.ShellCompDirectiveNoFileComp
		})
	}
}

// fileOperands are how a synopsis names an argument that is a file or a folder.
var fileOperands = []string{"FILE", "DIR", "FOLDER", "POLICY", "LOG", "TESTS", "REQUEST", "OLD", "CA.crt"}

// completeNoFiles keeps Tab from offering files where none can be meant: to a
// command without arguments, or with names only.
func completeNoFiles(c *cobra.Command) {
	if c.ValidArgsFunction != nil || len(c.ValidArgs) > 0 {
		return
	}
	_, operands, _ := strings.Cut(c.Use, " ")
	none := c.Args == nil || c.Args(c, []string{"x"}) != nil && c.Args(c, nil) == nil
	if none || !slices.ContainsFunc(fileOperands, func(w string) bool { return strings.Contains(operands, w) }) {
		c.ValidArgsFunction = cobra.NoFileCompletions
	}
}
