package certlint

import (
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/input"
	"github.com/clusterwright/kubectl-plugins/shared/finding"
	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
)

// name is one subject alternative name on its way into a certificate. typ is
// what the file says ("DNS", "IP", ...), "" where the tool decides, as cfssl
// does.
type name struct {
	typ   string
	typAt input.Text
	val   input.Text
	// jsonItem says that the name is an item of a JSON list, which --fix can
	// take out.
	jsonItem bool
	// free is the first number that no entry of the section has, by type.
	free map[string]int
}

// noType is the type of a name that has none where openssl wants one.
const noType = "none"

// capitals is a placeholder such as PUBLIC_IP: no host is called so.
var capitals = lazyregexp.New(`^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$`)

// names judges the names of one certificate, one by one and together. at is
// where to say what is missing.
func (l *linter) names(f *input.File, at input.Text, ns []name) {
	seen := map[string]bool{}
	for _, n := range ns {
		l.oneName(f, n)
		v := strings.ToLower(n.typ + ":" + n.val.Value)
		if seen[v] && n.val.Fixed() && n.val.Value != "" {
			l.add(f, DuplicateName, n.val, fmt.Sprintf("%s stands in the list twice", n.val.Value))
		}
		seen[v] = true
	}
	l.apiServerNames(f, at, ns)
}

func (l *linter) oneName(f *input.File, n name) {
	v := n.val
	if v.Placeholder() || capitals.MatchString(v.Value) {
		l.placeholder(f, v)
		return
	}
	if v.Dynamic() {
		if f.Kind == input.KindCFSSLRequest && !f.Template() && strings.Contains(v.Value, "$") {
			l.add(f, Placeholder, v, fmt.Sprintf("cfssl expands no variables: unless something fills %s in first, it becomes a name in the certificate", v.Value)).as(finding.Info)
		}
		l.missingDefault(f, v)
		return
	}
	switch n.typ {
	case noType:
		kind := "DNS"
		if net.ParseIP(v.Value) != nil {
			kind = "IP"
		}
		is := l.add(f, BadNameType, v, fmt.Sprintf("%q has no type; openssl refuses it", v.Value)).remedy(fmt.Sprintf("write %s:%s", kind, v.Value))
		if kind == "IP" || validDNS(v.Value) == "" {
			is.fixIf(string(f.Data[v.Start:v.End]) == v.Value, input.Text{Start: v.Start, End: v.Start}, kind+":")
		}
		return
	case "IP":
		l.ipName(f, n)
		return
	case "email", "URI", "RID", "dirName", "otherName":
		return
	case "DNS", "":
	default:
		is := l.add(f, BadNameType, n.typAt, fmt.Sprintf("%q is not a type of name that openssl knows; it refuses the file", n.typ))
		if near := input.Nearest(n.typ, input.SANTypes()); near != "" {
			is.note(fmt.Sprintf("did you mean %q?", near))
			digits := strings.TrimLeft(n.typ, "DNSIP")
			switch {
			case n.typAt.End-n.typAt.Start < len(n.typ):
			case strings.EqualFold(n.typ, near):
				is.fix(input.Text{Start: n.typAt.Start, End: n.typAt.Start + len(n.typ)}, near)
			case near+digits == n.typ && digits != "" && strings.Trim(digits, "0123456789") == "":
				is.Note = fmt.Sprintf("did you mean %q?", near+"."+digits)
				is.fix(input.Text{Start: n.typAt.Start + len(near), End: n.typAt.Start + len(near)}, ".")
			case n.typ == "IP Address":
				is.fix(input.Text{Start: n.typAt.Start, End: n.typAt.Start + len(n.typ)}, "IP")
			}
		}
		return
	}
	// cfssl's order: IP, email, URI, else DNS (csr.Generate).
	isIP := net.ParseIP(v.Value) != nil
	if n.typ == "" && isIP {
		l.unspecified(f, v)
	}
	if n.typ == "" && isIP {
		return
	}
	if n.typ == "DNS" && isIP {
		l.add(f, IPAsDNS, v, fmt.Sprintf("the IP address %s is entered as a DNS name: clients that connect to it do not find it", v.Value)).
			remedy(fmt.Sprintf("write it as IP (IP:%s, or IP.N = %s)", v.Value, v.Value)).
			fixType(f, n, "IP")
		return
	}
	if n.typ == "" {
		if e, err := mail.ParseAddress(v.Value); err == nil && e != nil {
			return
		}
		if u, err := url.Parse(v.Value); err == nil && u.Scheme != "" && u.Host != "" {
			if strings.HasPrefix(u.Scheme, "http") {
				l.add(f, BadDNSName, v, fmt.Sprintf("%q is a URL: it becomes a URI name, which no TLS client compares with a host", v.Value)).
					remedy("write the host's name or address alone").fix(v, quoteLike(f, v, u.Hostname()))
			}
			return
		}
	}
	l.dnsName(f, n)
}

// fixType changes the type of a name: DNS:x into IP:x, and in a section DNS.2
// into the first IP.N that is free.
func (i *Issue) fixType(f *input.File, n name, to string) *Issue {
	raw := string(f.Data[n.typAt.Start:n.typAt.End])
	switch {
	case raw == n.typ:
		i.fix(n.typAt, to)
	case n.free != nil && strings.HasPrefix(raw, n.typ+"."):
		i.fix(n.typAt, fmt.Sprintf("%s.%d", to, n.free[to]))
		n.free[to]++
	}
	return i
}

// quoteLike keeps the quotes of a JSON string around a replacement.
func quoteLike(f *input.File, at input.Text, s string) string {
	if at.End-at.Start >= 2 && f.Data[at.Start] == '"' && f.Data[at.End-1] == '"' {
		return `"` + s + `"`
	}
	return s
}

func (l *linter) ipName(f *input.File, n name) {
	v := n.val
	if net.ParseIP(v.Value) != nil {
		l.unspecified(f, v)
		return
	}
	switch {
	case v.Value == "":
		l.add(f, EmptyName, n.typAt, "an IP address is empty; openssl refuses the file")
	case l.cidr(f, v) || l.port(f, v):
	case strings.HasPrefix(v.Value, "[") && net.ParseIP(strings.Trim(v.Value, "[]")) != nil:
		l.add(f, NotAnIP, v, fmt.Sprintf("%s: brackets belong to URLs, not to an address", v.Value)).fix(v, strings.Trim(v.Value, "[]"))
	default:
		is := l.add(f, NotAnIP, v, fmt.Sprintf("%q stands under IP and is no IP address; openssl refuses the file (bad ip address)", v.Value))
		if validDNS(v.Value) == "" && !looksNumeric(v.Value) {
			is.remedy(fmt.Sprintf("write it as DNS (DNS:%s, or DNS.N = %s)", v.Value, v.Value)).fixType(f, n, "DNS")
		}
	}
}

// unspecified: 0.0.0.0 is where servers listen, not where clients connect to.
func (l *linter) unspecified(f *input.File, v input.Text) {
	if net.ParseIP(v.Value).IsUnspecified() {
		l.add(f, CIDRName, v, fmt.Sprintf("%q stands for all addresses where a server listens: no client compares with it", v.Value)).as(finding.Warning).remedy("name the addresses that clients connect to")
	}
}

func looksNumeric(s string) bool { return s != "" && strings.Trim(s, "0123456789.") == "" }

func (l *linter) cidr(f *input.File, v input.Text) bool {
	p, err := netip.ParsePrefix(v.Value)
	if err != nil {
		return false
	}
	l.add(f, CIDRName, v, fmt.Sprintf("%s is a range: a certificate names single addresses, and no client compares with a range", v.Value)).
		remedy(fmt.Sprintf("write the addresses one by one; for a service range that is its first, %s", p.Masked().Addr().Next()))
	return true
}

func (l *linter) port(f *input.File, v input.Text) bool {
	h, p, err := net.SplitHostPort(v.Value)
	if err != nil || h == "" || strings.Trim(p, "0123456789") != "" || p == "" {
		return false
	}
	l.add(f, PortInName, v, fmt.Sprintf("%q has a port: a certificate is for a host, and no client compares with a port", v.Value)).
		remedy("write "+h).fix(v, quoteLike(f, v, h))
	return true
}

func (l *linter) dnsName(f *input.File, n name) {
	v := n.val
	switch {
	case v.Value == "":
		is := l.add(f, EmptyName, v, "an empty name becomes an empty DNS name in the certificate, which strict clients reject")
		is.remedy("take it out")
		if n.jsonItem {
			s, e := jsonItemRange(f.Data, v.Start, v.End)
			is.fix(input.Text{Start: s, End: e}, "")
		}
		return
	case l.cidr(f, v), l.port(f, v):
		return
	case strings.Contains(v.Value, "*"):
		l.wildcard(f, v)
		return
	case strings.Contains(v.Value, "://"):
		is := l.add(f, BadDNSName, v, fmt.Sprintf("%q is a URL, not a host's name", v.Value)).remedy("write the host's name alone")
		if u, err := url.Parse(v.Value); err == nil && u.Hostname() != "" {
			is.fix(v, quoteLike(f, v, u.Hostname()))
		}
		return
	case strings.HasPrefix(v.Value, "[") && net.ParseIP(strings.Trim(v.Value, "[]")) != nil:
		l.add(f, BadDNSName, v, fmt.Sprintf("%s: with brackets it is no address, and becomes a DNS name", v.Value)).
			fix(v, quoteLike(f, v, strings.Trim(v.Value, "[]")))
		return
	}
	if l.missingDefault(f, v) {
		return
	}
	if t := strings.TrimSpace(v.Value); t != v.Value && validDNS(t) == "" {
		l.add(f, BadDNSName, v, fmt.Sprintf("%q has a blank at its edge, which becomes part of the name", v.Value)).fix(inner(f, v), t)
		return
	}
	if looksNumeric(v.Value) && strings.Count(v.Value, ".") == 3 {
		l.add(f, BadDNSName, v, fmt.Sprintf("%q is neither an IP address nor a name", v.Value))
		return
	}
	if rest, ok := strings.CutPrefix(v.Value, "."); ok && validDNS(rest) == "" {
		l.add(f, BadDNSName, v, fmt.Sprintf("%q begins with a dot: no client takes it for all names below", v.Value)).remedy("write *" + v.Value)
		return
	}
	if why := validDNS(v.Value); why != "" {
		l.add(f, BadDNSName, v, fmt.Sprintf("%q is not a DNS name: %s", v.Value, why))
	} else if strings.Contains(v.Value, "_") && !strings.HasPrefix(v.Value, "_") {
		l.add(f, BadDNSName, v, fmt.Sprintf("%q has an underscore, which no host name has (RFC 1123): most clients match it, Java and pyca refuse it, and public CAs do not sign it", v.Value)).as(finding.Info)
	}
}

// validDNS says what is wrong with a name without wildcards, "" for nothing.
// Underscores pass: Go, OpenSSL and GnuTLS all match them.
func validDNS(s string) string {
	if len(s) > 253 {
		return fmt.Sprintf("%d characters, 253 are allowed", len(s))
	}
	if strings.HasSuffix(s, ".") {
		return "it ends in a dot, and clients compare without one"
	}
	for _, label := range strings.Split(s, ".") {
		switch {
		case label == "":
			return "it has an empty part"
		case len(label) > 63:
			return fmt.Sprintf("a part has %d characters, 63 are allowed", len(label))
		case label[0] == '-' || label[len(label)-1] == '-':
			return "a part begins or ends with a hyphen"
		}
		for _, r := range label {
			switch {
			case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '-', r == '_':
			case r > 0x7e:
				return "write it in its ASCII form (xn--...)"
			case r == ' ':
				return "it has a blank in it"
			default:
				return fmt.Sprintf("it has a %q in it", r)
			}
		}
	}
	return ""
}

func (l *linter) wildcard(f *input.File, v input.Text) {
	rest, whole := strings.CutPrefix(v.Value, "*.")
	switch {
	case v.Value == "*":
		l.add(f, BadWildcard, v, "a lone * matches no host in any client")
	case !whole || strings.Contains(rest, "*"):
		why := "a * must be the whole first part of the name"
		if looksNumeric(strings.ReplaceAll(v.Value, "*", "")) {
			why = "there are no wildcards for IP addresses"
		}
		l.add(f, BadWildcard, v, fmt.Sprintf("%q matches no host: %s", v.Value, why))
	case !strings.Contains(rest, "."):
		l.add(f, BadWildcard, v, fmt.Sprintf("%q: OpenSSL, GnuTLS, NSS and browsers refuse a wildcard right below a top-level name", v.Value)).as(finding.Warning)
	case validDNS(rest) != "":
		l.add(f, BadDNSName, v, fmt.Sprintf("%q is not a DNS name: %s", v.Value, validDNS(rest)))
	}
}

// missingDefault finds kubernetes.svc[.DOMAIN], which lacks its namespace. It
// reports whether it said something.
func (l *linter) missingDefault(f *input.File, v input.Text) bool {
	low := strings.ToLower(v.Value)
	if low != "kubernetes.svc" && !strings.HasPrefix(low, "kubernetes.svc.") {
		return false
	}
	right := v.Value[:len("kubernetes")] + ".default" + v.Value[len("kubernetes"):]
	// In a script the name may come from a variable that is set elsewhere.
	if raw := string(f.Data[v.Start:v.End]); !strings.Contains(raw, v.Value) {
		i := strings.Index(string(f.Data), v.Value)
		for i > 0 && !boundary(f.Data[i-1]) {
			j := strings.Index(string(f.Data[i+1:]), v.Value)
			if j < 0 {
				i = -1
				break
			}
			i += j + 1
		}
		if i >= 0 {
			v.Start, v.End = i, i+len(v.Value)
		}
	} else {
		i := v.Start + strings.Index(raw, v.Value)
		v.Start, v.End = i, i+len(v.Value)
	}
	is := l.add(f, MissingDefault, v, fmt.Sprintf("%s lacks the namespace: the service is %s, and clients that use that name are refused", v.Value, right)).
		note(fmt.Sprintf("did you mean %q?", right))
	if string(f.Data[v.Start:v.End]) == v.Value {
		is.fix(v, right)
	}
	return true
}

func boundary(b byte) bool {
	return !(b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '-' || b == '.' || b == '_')
}

// apiServerNames judges a list that is meant for kube-apiserver: it has
// kubernetes.default or a longer form.
func (l *linter) apiServerNames(f *input.File, at input.Text, ns []name) {
	have := map[string]bool{}
	apiServer, open, typo := false, false, false
	var ips []netip.Addr
	for _, n := range ns {
		v := strings.ToLower(n.val.Value)
		have[v] = true
		if !n.val.Fixed() {
			open = true
		}
		if v == "kubernetes.default" || strings.HasPrefix(v, "kubernetes.default.") {
			apiServer = true
		}
		if strings.HasPrefix(v, "kubernetes.svc") {
			apiServer, typo = true, true
		}
		if a, err := netip.ParseAddr(n.val.Value); err == nil {
			ips = append(ips, a)
		}
	}
	if !apiServer {
		return
	}
	var missing []string
	for _, want := range []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc"} {
		if !have[want] {
			missing = append(missing, want)
		}
	}
	full := false
	for v := range have {
		if rest, ok := strings.CutPrefix(v, "kubernetes.default.svc."); ok && strings.Contains(rest+".", ".") && rest != "cluster" {
			full = true
		}
	}
	if !full && !typo {
		missing = append(missing, "kubernetes.default.svc.cluster.local")
	}
	if len(missing) > 0 && !openList(ns) {
		l.add(f, APIServerNames, at, fmt.Sprintf("these names are for kube-apiserver, but %s %s missing", strings.Join(missing, ", "), plural(len(missing), "is", "are")))
	}
	if open {
		return
	}
	for _, a := range ips {
		if isServiceIP(a) {
			return
		}
	}
	what := "none is"
	if len(ips) > 0 {
		what = "none of its addresses looks like one"
	}
	l.add(f, NoServiceIP, at, "these names are for kube-apiserver, but the first address of the service range is missing: "+what).guess()
}

// openList says whether one of the items is a variable that may hold several
// names.
func openList(ns []name) bool {
	for _, n := range ns {
		if n.val.Dynamic() && !strings.Contains(n.val.Value, ".") && n.typ != "IP" && !strings.Contains(strings.ToUpper(n.val.Value), "IP") && !strings.Contains(strings.ToUpper(n.val.Value), "ADDR") {
			return true
		}
	}
	return false
}

// isServiceIP says whether an address can be the first of a service range: its
// last bit is 1, the three before are 0 (ranges have 16 addresses or more, as
// good as always), and it is not loopback.
func isServiceIP(a netip.Addr) bool {
	b := a.Unmap().AsSlice()
	return !a.IsLoopback() && b[len(b)-1]&0x0f == 1
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

func (l *linter) placeholder(f *input.File, v input.Text) {
	is := l.add(f, Placeholder, v, fmt.Sprintf("%s still waits to be replaced", v.Value))
	if f.Kind == input.KindPage || f.Kind == input.KindScript || f.Template() {
		is.as(finding.Info)
	}
}

// jsonItemRange is the range of a list item with one comma beside it.
func jsonItemRange(data []byte, start, end int) (int, int) {
	i := end
	for i < len(data) && (data[i] == ' ' || data[i] == '\t' || data[i] == '\n' || data[i] == '\r') {
		i++
	}
	if i < len(data) && data[i] == ',' {
		i++
		for i < len(data) && (data[i] == ' ' || data[i] == '\t' || data[i] == '\n' || data[i] == '\r') {
			i++
		}
		return start, i
	}
	j := start
	for j > 0 && (data[j-1] == ' ' || data[j-1] == '\t' || data[j-1] == '\n' || data[j-1] == '\r') {
		j--
	}
	if j > 0 && data[j-1] == ',' {
		return j - 1, end
	}
	return start, end
}
