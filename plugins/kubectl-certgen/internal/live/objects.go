package live

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/inspect"
	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/rawapi"
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
		if failed := c.objects(ctx, s, path, what, url.Values{"limit": {secretsPage}, "fieldSelector": {"type!=" + strings.Join(notCerts, ",type!=")}}); failed && c.Namespace == "" {
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

// secretsPage is how many Secrets are asked for at once: one may have a megabyte.
const secretsPage = "100"

// objects reads what certificates a list of objects holds. A cluster has thousands
// of Secrets, most of them with the same CA: the objects are forgotten page by
// page, and equal certificates kept once.
func (c *Cluster) objects(ctx context.Context, s *Snapshot, path, what string, q url.Values) (failed bool) {
	once := map[[sha256.Size]byte]*x509.Certificate{}
	err := c.Client.Each(ctx, path, q, func(o rawapi.Object) {
		items, _, err := inspect.Object(inspect.Cluster, o, inspect.Options{})
		if err != nil {
			s.Blind = append(s.Blind, fmt.Sprintf("%s %s/%s: %v", strings.ToLower(o.String("kind")), o.Namespace(), o.Name(), err))
		}
		for i := range items {
			if items[i].Cert == nil {
				continue
			}
			sum := sha256.Sum256(items[i].Cert.Raw)
			if once[sum] == nil {
				once[sum] = items[i].Cert
			}
			items[i].Cert = once[sum]
		}
		s.Items = append(s.Items, items...)
	})
	if err != nil {
		s.blind(what, err)
	}
	return err != nil
}
