package certlint

import (
	"fmt"
	"net"
	"path"
	"slices"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/input"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
)

// serverFile is the name of a file that is about a server: server-csr.json,
// kube-apiserver.json.
var serverFile = lazyregexp.New(`(?i)(^|[-_.])(kube-?)?(api)?server([-_.]|$)`)

// commonName finds a host that is named by the common name alone: there are
// names for clients to compare with, and it is not among them.
func (l *linter) commonName(f *input.File, cn input.Text, ns []name) {
	if len(ns) == 0 || cn.Value == "" || !cn.Fixed() || !hostLike(cn.Value) {
		return
	}
	for _, n := range ns {
		if !n.val.Fixed() || capitals.MatchString(n.val.Value) || covers(n.val.Value, cn.Value) {
			return
		}
	}
	l.add(f, CNNotNamed, cn, fmt.Sprintf("clients do not look at the common name, and %s is not among the names: who connects to it is refused", cn.Value))
}

// noHosts finds a request for a server that has no names, judged by the name of
// its file. Where the commands that use it are known they say more.
func (l *linter) noHosts(f *input.File, r *input.CFSSLRequest) {
	if len(r.Hosts) > 0 || r.Embedded || !serverFile.MatchString(path.Base(r.Name)) ||
		slices.ContainsFunc(l.files, func(o *input.File) bool { return len(o.Commands) > 0 }) {
		return
	}
	l.add(f, NoNames, r.At, "a server's request without hosts: unless cfssl is given -hostname, the certificate is for no host at all").as(finding.Warning)
}

// hostLike says whether a common name is a host's: an address, localhost, or a
// DNS name of two parts or more. A user or a component is called otherwise.
func hostLike(cn string) bool {
	if net.ParseIP(cn) != nil || strings.EqualFold(cn, "localhost") {
		return true
	}
	rest := strings.TrimPrefix(cn, "*.")
	dot := strings.LastIndexByte(rest, '.')
	return dot > 0 && validDNS(rest) == "" && len(rest)-dot > 2 && strings.Trim(strings.ToLower(rest[dot+1:]), "abcdefghijklmnopqrstuvwxyz") == ""
}

// covers says whether a subject alternative name, perhaps a wildcard, is for a
// host.
func covers(san, host string) bool {
	if a, b := net.ParseIP(san), net.ParseIP(host); a != nil || b != nil {
		return a.Equal(b)
	}
	if strings.EqualFold(san, host) {
		return true
	}
	parent, wild := strings.CutPrefix(san, "*.")
	_, above, _ := strings.Cut(host, ".")
	return wild && above != "" && strings.EqualFold(parent, above)
}
