package backend

import (
	"fmt"
	"net/url"
	"path"
	"strings"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/clusterwright/kubectl-plugins/shared/finding"
)

// webhookConfig judges a webhook's kubeconfig by the library with which
// kube-apiserver loads it. Files that it names are on the control plane nodes
// and are not looked for.
func (c *checker) webhookConfig() {
	cfg, err := clientcmd.Load(c.s.Text)
	if err != nil {
		c.add("AP079", FlagUse{}, "kube-apiserver cannot read it: %s", firstLine(err))
		return
	}
	for what, file := range webhookFiles(cfg) {
		if !path.IsAbs(file) {
			c.add("AP079", c.line(file), "%s %s is relative: it is taken from the kubeconfig's own directory", what, file).Severity = finding.Info
		}
	}
	for _, cl := range cfg.Clusters {
		cl.CertificateAuthority = ""
	}
	for _, u := range cfg.AuthInfos {
		if u.ClientCertificate != "" && u.ClientKey != "" {
			u.ClientCertificate, u.ClientKey = "", ""
		}
		u.TokenFile = ""
	}
	if cfg.CurrentContext == "" {
		c.add("AP079", FlagUse{}, "there is no current-context: kube-apiserver does not know which cluster is meant and does not start").Remedy = "Add current-context with the name of the context."
		return
	}
	rc, err := clientcmd.NewDefaultClientConfig(*cfg, &clientcmd.ConfigOverrides{}).ClientConfig()
	if err != nil {
		c.add("AP079", c.line("current-context"), "kube-apiserver does not start with it: %s", firstLine(err))
		return
	}
	u, err := url.Parse(rc.Host)
	at := c.line(rc.Host)
	switch {
	case err != nil || u.Host == "":
		c.add("AP079", at, "the server %q is no URL", rc.Host)
	case u.Scheme == "http":
		c.add("AP079", at, "the server is plain http: every event goes readable over the network")
	case rc.Insecure:
		c.add("AP079", c.line("insecure-skip-tls-verify"), "the receiver's certificate is not verified: anybody in between can read events and make them disappear").Severity = finding.Warning
	}
	if err == nil && u.User != nil {
		c.add("AP079", at, "the URL holds a user and a password, which are not sent")
	}
}

func webhookFiles(cfg *clientcmdapi.Config) map[string]string {
	out := map[string]string{}
	add := func(what, file string) {
		if file != "" {
			out[what] = file
		}
	}
	for _, cl := range cfg.Clusters {
		add("certificate-authority", cl.CertificateAuthority)
	}
	for _, u := range cfg.AuthInfos {
		add("client-certificate", u.ClientCertificate)
		add("client-key", u.ClientKey)
		add("tokenFile", u.TokenFile)
	}
	return out
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
