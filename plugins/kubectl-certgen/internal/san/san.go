// Package san works out and checks subject alternative names: what a client
// will compare the address with that it dialled. A wrong one costs an outage
// and is noticed by no certificate tool, so everything that can be told apart
// from a name is refused here, with the flag that was meant.
package san

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/pki"
)

// ParseIP reads one address for a certificate.
func ParseIP(s string) (netip.Addr, error) {
	t := strings.TrimSpace(s)
	if t == "" {
		return netip.Addr{}, errors.New("an IP address is blank; is a variable of the calling script empty?")
	}
	if strings.HasPrefix(t, "[") && strings.HasSuffix(t, "]") {
		t = t[1 : len(t)-1]
	}
	a, err := netip.ParseAddr(t)
	if err != nil {
		if _, perr := netip.ParsePrefix(t); perr == nil {
			return a, fmt.Errorf("IP %q: is a network; a certificate takes single addresses (--service-cidr takes the service network)", s)
		}
		if ap, perr := netip.ParseAddrPort(t); perr == nil {
			return a, fmt.Errorf("IP %q: has a port; a certificate takes the address alone: %s", s, ap.Addr())
		}
		if strings.Contains(t, "://") {
			return a, fmt.Errorf("IP %q: is a URL; a certificate takes the address alone", s)
		}
		if strings.ContainsFunc(t, func(r rune) bool { return r >= 'g' && r <= 'z' || r >= 'G' && r <= 'Z' }) {
			return a, fmt.Errorf("IP %q: not an IP address; give host names with --dns", s)
		}
		return a, fmt.Errorf("IP %q: not an IP address", s)
	}
	switch {
	case a.Zone() != "":
		return a, fmt.Errorf("IP %q: has a zone, which a certificate cannot hold; leave out what follows the address", s)
	case a.IsUnspecified():
		return a, fmt.Errorf("IP %q: means every address and is nobody's; list the addresses that clients dial", s)
	case a.IsMulticast(), a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return a, fmt.Errorf("IP %q: is a multicast or broadcast address, which no server has; give the server's own", s)
	}
	return a.Unmap(), nil
}

// ParseDNS reads one host name for a certificate, in lower case. A wildcard may
// stand only as the whole first label, above at least two others.
func ParseDNS(s string) (string, error) {
	t := strings.ToLower(strings.TrimSpace(s))
	bad := func(format string, args ...any) (string, error) {
		return "", fmt.Errorf("DNS name %q: %s", s, fmt.Sprintf(format, args...))
	}
	if t == "" {
		return "", errors.New("a DNS name is blank; is a variable of the calling script empty?")
	}
	if _, err := netip.ParseAddr(strings.Trim(t, "[]")); err == nil {
		return bad("is an IP address, which clients look for under IP only; give it with --ip")
	}
	if _, err := netip.ParsePrefix(t); err == nil {
		return bad("is a network; a certificate takes single names")
	}
	if strings.Contains(t, "://") {
		return bad("is a URL; a certificate takes the host alone")
	}
	if host, port, ok := strings.Cut(t, ":"); ok {
		if port != "" && strings.Trim(port, "0123456789") == "" {
			return bad("has a port; a certificate takes the name alone: %s", host)
		}
		return bad("has a colon; give the name alone, an IPv6 address with --ip")
	}
	if strings.Contains(t, "/") {
		return bad("has a slash; a certificate takes the host alone")
	}
	if strings.Contains(t, "@") {
		return bad("is an e-mail address; give the host behind the @")
	}
	if strings.HasSuffix(t, ".") {
		return bad("ends with a dot, with which no client will match it; leave it out")
	}
	if len(t) > 253 {
		return bad("%d characters, 253 are allowed", len(t))
	}
	labels := strings.Split(t, ".")
	for i, l := range labels {
		if l == "*" {
			if i > 0 {
				return bad("a wildcard can only be the first label")
			}
			if len(labels) < 3 {
				return bad("a wildcard needs at least two labels behind it; clients refuse it otherwise")
			}
			continue
		}
		if err := checkLabel(l); err != nil {
			return bad("%v", err)
		}
	}
	if last := labels[len(labels)-1]; strings.Trim(last, "0123456789") == "" {
		return bad("its last label is a number, as in an IP address, and clients will not take it for a name; give an address with --ip")
	}
	return t, nil
}

func checkLabel(l string) error {
	switch {
	case l == "":
		return errors.New("has an empty label (two dots in a row, or one in front)")
	case len(l) > 63:
		return fmt.Errorf("label %q...: %d characters, 63 are allowed", l[:20], len(l))
	case strings.Contains(l, "*"):
		return errors.New("a wildcard must be a whole label; clients do not expand parts of one")
	case l[0] == '-' || l[len(l)-1] == '-':
		return fmt.Errorf("label %q starts or ends with a hyphen; take it away", l)
	}
	for _, r := range l {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-':
		case r == '_':
			return errors.New("has an underscore, which is not allowed in a host name (RFC 1123); a hyphen is")
		case r == ' ' || r == '\t':
			return errors.New("has a blank inside; give several names one by one or with commas")
		case r > 0x7e:
			return errors.New("is not ASCII; give it in its xn-- form")
		default:
			return fmt.Errorf("has a %q", r)
		}
	}
	return nil
}

// Parse reads a name of either kind, as a list of hosts has it: an address
// where it is one, otherwise a DNS name.
func Parse(s string) (pki.GeneralName, error) {
	t := strings.TrimSpace(s)
	if kind, rest, ok := strings.Cut(t, ":"); ok {
		switch strings.ToLower(kind) {
		case "ip", "ip address":
			a, err := ParseIP(rest)
			return pki.GeneralName{Kind: pki.IP, Value: a.String()}, err
		case "dns":
			d, err := ParseDNS(rest)
			return pki.GeneralName{Kind: pki.DNS, Value: d}, err
		}
	}
	if a, err := ParseIP(t); err == nil {
		return pki.GeneralName{Kind: pki.IP, Value: a.String()}, nil
	} else if looksLikeIP(t) {
		return pki.GeneralName{}, err
	}
	d, err := ParseDNS(t)
	return pki.GeneralName{Kind: pki.DNS, Value: d}, err
}

func looksLikeIP(s string) bool {
	if _, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return true
	}
	if _, err := netip.ParsePrefix(s); err == nil {
		return true
	}
	if _, err := netip.ParseAddrPort(s); err == nil {
		return true
	}
	return s != "" && strings.Trim(s, "0123456789.") == ""
}

// ServiceCIDRs reads --service-cidr the way kube-apiserver reads
// --service-cluster-ip-range: one network, or two of different families,
// between commas. Host bits are cut off.
func ServiceCIDRs(list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, item := range list {
		for _, s := range strings.Split(item, ",") {
			p, err := netip.ParsePrefix(strings.TrimSpace(s))
			if err != nil {
				if strings.TrimSpace(s) == "" {
					return nil, errors.New("service network: blank; give one such as 10.96.0.0/12")
				}
				if a, aerr := netip.ParseAddr(strings.TrimSpace(s)); aerr == nil {
					return nil, fmt.Errorf("service network %q: has no prefix length; is %s/%d meant?", s, a, map[bool]int{true: 12, false: 108}[a.Is4()])
				}
				return nil, fmt.Errorf("service network %q: not a network such as 10.96.0.0/12 or fd00::/108", s)
			}
			if p.Addr().Is4In6() {
				return nil, fmt.Errorf("service network %q: an IPv4 network in IPv6 form; write it as IPv4", s)
			}
			p = p.Masked()
			if _, err := ServiceIP(p); err != nil {
				return nil, err
			}
			out = append(out, p)
		}
	}
	if len(out) > 2 {
		return nil, fmt.Errorf("service network: %d given, kube-apiserver takes one, or two of different families", len(out))
	}
	if len(out) == 2 && out[0].Addr().Is4() == out[1].Addr().Is4() {
		return nil, fmt.Errorf("service networks %s and %s: both IPv%s; kube-apiserver takes two only of different families", out[0], out[1],
			map[bool]string{true: "4", false: "6"}[out[0].Addr().Is4()])
	}
	return out, nil
}

// ServiceIP is the address of the kubernetes Service: the first one behind the
// network's own.
func ServiceIP(p netip.Prefix) (netip.Addr, error) {
	a := p.Masked().Addr().Next()
	if !a.IsValid() || !p.Contains(a) {
		return netip.Addr{}, fmt.Errorf("service network %q: has no address behind the network's own, and the kubernetes Service needs the first", p)
	}
	return a, nil
}

// ServiceNames are the DNS names of the kubernetes Service, as the handbook
// lists them: the short ones that a resolver's search path completes, and the
// full one.
func ServiceNames(domain string) []string {
	names := []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc"}
	if domain == "cluster.local" {
		names = append(names, "kubernetes.default.svc.cluster")
	}
	return append(names, "kubernetes.default.svc."+domain)
}

// ParseDomain checks a cluster domain.
func ParseDomain(s string) (string, error) {
	t := strings.Trim(strings.TrimSpace(s), ".")
	if t == "" {
		return "", errors.New("cluster domain: blank; give one such as cluster.local")
	}
	if strings.Contains(t, "*") {
		return "", fmt.Errorf("cluster domain %q: has a wildcard", s)
	}
	d, err := ParseDNS(t)
	if err != nil {
		return "", fmt.Errorf("cluster domain: %w", err)
	}
	if _, err := ParseDNS("kubernetes.default.svc." + d); err != nil {
		return "", fmt.Errorf("cluster domain: %w", err)
	}
	return d, nil
}

// Add appends names that are not there yet.
func Add(list []pki.GeneralName, names ...pki.GeneralName) []pki.GeneralName {
	for _, n := range names {
		if !slices.Contains(list, n) {
			list = append(list, n)
		}
	}
	return list
}

// IPs and DNSs make general names.
func IPs(addrs ...netip.Addr) []pki.GeneralName {
	out := make([]pki.GeneralName, len(addrs))
	for i, a := range addrs {
		out[i] = pki.GeneralName{Kind: pki.IP, Value: a.String()}
	}
	return out
}

// DNSs makes general names of DNS names.
func DNSs(names ...string) []pki.GeneralName {
	out := make([]pki.GeneralName, len(names))
	for i, n := range names {
		out[i] = pki.GeneralName{Kind: pki.DNS, Value: n}
	}
	return out
}
