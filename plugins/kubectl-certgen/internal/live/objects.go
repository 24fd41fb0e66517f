package live

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/inspect"
)

// notCerts are the types of Secrets that hold no certificates, and are large or
// many.
var notCerts = []string{"helm.sh/release.v1", "kubernetes.io/service-account-token", "kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg",
	"kubernetes.io/basic-auth", "kubernetes.io/ssh-auth", "bootstrap.kubernetes.io/token"}

// inPod says whether we run in a pod of a cluster.
func inPod() bool { return os.Getenv("KUBERNETES_SERVICE_HOST") != "" }

func (c *Cluster) allObjects(ctx context.Context, s *Snapshot) {
	if c.wants("secrets") {
		path, what := "/api/v1/secrets", "secrets"
		if c.Namespace != "" {
			path, what = "/api/v1/namespaces/"+c.Namespace+"/secrets", "secrets of "+c.Namespace
		}
		if failed := c.objects(ctx, s, path, what, url.Values{"fieldSelector": {"type!=" + strings.Join(notCerts, ",type!=")}}); failed && c.Namespace == "" {
			s.hint("to read the Secrets of one namespace: --namespace NAME; to leave them out: --skip secrets")
		}
	}
	if c.wants("configmaps") {
		spaces := []string{"kube-system", "kube-public"}
		if c.Namespace != "" {
			spaces = []string{c.Namespace}
		}
		for _, ns := range spaces {
			c.objects(ctx, s, "/api/v1/namespaces/"+ns+"/configmaps", "configmaps of "+ns, nil)
		}
	}
	if c.wants("bundles") {
		c.objects(ctx, s, pathBundles, "clustertrustbundles", nil)
	}
}

// objects reads what certificates a list of objects holds.
func (c *Cluster) objects(ctx context.Context, s *Snapshot, path, what string, q url.Values) (failed bool) {
	list, err := c.list(ctx, path, q)
	if err != nil {
		s.blind(what, err)
		return true
	}
	for _, o := range list {
		items, _, err := inspect.Object(inspect.Cluster, o, inspect.Options{})
		if err != nil {
			s.Blind = append(s.Blind, fmt.Sprintf("%s %s/%s: %v", strings.ToLower(o.String("kind")), o.Namespace(), o.Name(), err))
		}
		s.Items = append(s.Items, items...)
	}
	return false
}
