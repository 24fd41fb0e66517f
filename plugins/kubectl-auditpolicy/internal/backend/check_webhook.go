package backend

import (
	"fmt"
	"path"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	clientcmdv1 "k8s.io/client-go/tools/clientcmd/api/v1"
	"sigs.k8s.io/yaml"

	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// webhookConfig judges a webhook's kubeconfig by the libraries with which
// kube-apiserver loads it and makes its client. Files that it names are on the
// control plane nodes and are not looked for.
// Source: k8s.io/apiserver pkg/util/webhook (LoadKubeconfig, NewGenericWebhook).
func (c *checker) webhookConfig() {
	cfg, err := clientcmd.Load(c.s.Text)
	if err != nil {
		c.add("AP079", FlagUse{}, "kube-apiserver cannot read it: %s", firstLine(err))
		return
	}
	if err := yaml.UnmarshalStrict(c.s.Text, &clientcmdv1.Config{}); err != nil {
		for _, l := range strings.Split(err.Error(), "\n") {
			if _, field, ok := strings.Cut(l, "unknown field "); ok {
				field = strings.Trim(field, `"`)
				c.add("AP079", c.line(field[strings.LastIndexByte(field, '.')+1:]), "unknown field %q: kube-apiserver passes over it", field).Severity = finding.Warning
			}
		}
	}
	cluster, user := c.current(cfg)
	if cluster == nil {
		return
	}
	files := [][2]string{{"certificate-authority", cluster.CertificateAuthority}, {"client-certificate", user.ClientCertificate}, {"client-key", user.ClientKey}, {"tokenFile", user.TokenFile}}
	for _, f := range files {
		if f[1] != "" && !path.IsAbs(f[1]) {
			c.add("AP079", c.line(f[1]), "%s %s is relative: it is taken from the kubeconfig's own directory", f[0], f[1]).Severity = finding.Info
		}
	}
	if why := contradiction(cluster, user); why != "" {
		c.add("AP079", c.line(strings.Fields(why)[0]), "kube-apiserver does not start with it: %s", why)
		return
	}
	ca := cluster.CertificateAuthority
	cluster.CertificateAuthority, user.TokenFile = "", ""
	if user.ClientCertificate+user.ClientKey != "" {
		user.ClientCertificate, user.ClientKey, user.ClientCertificateData, user.ClientKeyData = "", "", nil, nil
	}
	rc, err := clientcmd.NewDefaultClientConfig(*cfg, &clientcmd.ConfigOverrides{}).ClientConfig()
	if err == nil {
		_, err = rest.TransportFor(rc)
	}
	if err != nil {
		c.add("AP079", c.line("current-context"), "kube-apiserver does not start with it: %s", firstLine(err))
		return
	}
	rc.CAFile = ca // with an authority a server without a scheme is https
	c.receiver(rc, cluster.Server)
}

// current is the cluster of the current context and its user, an empty one where
// the context names none; nil where kube-apiserver does not start.
func (c *checker) current(cfg *clientcmdapi.Config) (*clientcmdapi.Cluster, *clientcmdapi.AuthInfo) {
	stop := func(at, format string, args ...any) (*clientcmdapi.Cluster, *clientcmdapi.AuthInfo) {
		c.add("AP079", c.line(at), format+": kube-apiserver does not start with it", args...)
		return nil, nil
	}
	if cfg.CurrentContext == "" {
		_, _ = stop("", "there is no current-context, which says which cluster is meant")
		c.out[len(c.out)-1].Remedy = "Add current-context with the name of the context."
		return nil, nil
	}
	context := cfg.Contexts[cfg.CurrentContext]
	if context == nil {
		return stop("current-context", "the current-context %q is not among the contexts", cfg.CurrentContext)
	}
	cluster := cfg.Clusters[context.Cluster]
	switch {
	case cluster == nil:
		return stop("contexts", "the cluster %q of the context %q is not among the clusters", context.Cluster, cfg.CurrentContext)
	case cluster.Server == "":
		return stop("clusters", "the cluster %q has no server", context.Cluster)
	}
	user := cfg.AuthInfos[context.AuthInfo]
	if user == nil {
		if context.AuthInfo != "" {
			c.add("AP079", c.line("contexts"), "the user %q of the context %q is not among the users: events are sent without credentials", context.AuthInfo, cfg.CurrentContext).Severity = finding.Warning
		}
		user = clientcmdapi.NewAuthInfo()
	}
	return cluster, user
}

// contradiction says what cannot stand together, the field first. The libraries
// would say it too, but of files that are not here.
func contradiction(cluster *clientcmdapi.Cluster, user *clientcmdapi.AuthInfo) string {
	ca, cert, key := cluster.CertificateAuthority != "", user.ClientCertificate != "", user.ClientKey != ""
	caData, certData, keyData := len(cluster.CertificateAuthorityData) > 0, len(user.ClientCertificateData) > 0, len(user.ClientKeyData) > 0
	switch {
	case ca && caData:
		return "certificate-authority and certificate-authority-data are both there"
	case cluster.InsecureSkipTLSVerify && (ca || caData):
		return "insecure-skip-tls-verify and a certificate authority are both there"
	case cert && certData:
		return "client-certificate and client-certificate-data are both there"
	case key && keyData:
		return "client-key and client-key-data are both there"
	case (cert || certData) && !key && !keyData:
		return "client-certificate has no client-key"
	case user.TokenFile != "" && user.Username != "":
		return "tokenFile and username are both there"
	}
	return ""
}

// receiver judges where events go: the server as it is written, and what the
// client makes of it.
func (c *checker) receiver(rc *rest.Config, server string) {
	u, _, err := rest.DefaultServerUrlFor(rc)
	at := c.line(server)
	if err != nil || u.Hostname() == "" {
		c.add("AP079", at, "the server %q is no URL", server)
		return
	}
	switch {
	case u.Scheme == "http":
		c.add("AP079", at, "the server is plain http: every event goes readable over the network")
	case u.Scheme != "https":
		c.add("AP079", at, "the server's scheme is %q: nothing can be sent", u.Scheme)
	case rc.Insecure:
		c.add("AP079", c.line("insecure-skip-tls-verify"), "the receiver's certificate is not verified: anybody in between can read events and make them disappear").Severity = finding.Warning
	}
	if _, query, ok := strings.Cut(server, "?"); ok {
		c.add("AP079", at, "what follows the ? in the server is not sent (%d bytes): a token in it does not reach the receiver", len(query)).Remedy = "Put it into the path, or a token into the user's token or tokenFile."
	}
	if u.User != nil {
		f := c.add("AP079", at, "the URL holds a user and a password: they are sent, but belong into the user's username and password")
		f.Severity, f.Remedy = finding.Info, "Write them as username and password of the user."
	}
	if clusterDNS(u.Hostname()) {
		f := c.add("AP079", at, "%s is a name of the cluster's own DNS, which a kube-apiserver on the node's network does not ask: no event arrives", u.Hostname())
		f.Severity, f.Remedy = finding.Warning, "Give the Service's cluster IP, a node port on an address that the nodes know, or a receiver outside."
	}
}

// clusterDNS says whether a host is the name of a Service: SERVICE.NAMESPACE.svc.
func clusterDNS(host string) bool {
	labels := strings.Split(host, ".")
	return len(labels) > 2 && labels[2] == "svc"
}

// line finds where a text stands in the file.
func (c *checker) line(text string) FlagUse {
	for i, l := range strings.Split(string(c.s.Text), "\n") {
		if k := strings.Index(l, text); k >= 0 && text != "" {
			return FlagUse{Line: i + 1, Column: k + 1}
		}
	}
	return FlagUse{}
}

func firstLine(err error) string {
	s, _, _ := strings.Cut(fmt.Sprint(err), "\n")
	return s
}
