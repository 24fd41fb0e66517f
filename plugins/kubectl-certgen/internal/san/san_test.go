package san

import (
	"net/netip"
	"strings"
	"testing"
)

func TestServiceIP(t *testing.T) {
	for cidr, want := range map[string]string{
		"10.96.0.0/12": "10.96.0.1", "10.96.7.9/12": "10.96.0.1", "192.168.255.0/24": "192.168.255.1", "10.0.0.254/31": "10.0.0.255",
		"10.0.255.255/15": "10.0.0.1", "fd00:10::/108": "fd00:10::1", "2001:db8::/64": "2001:db8::1", "fd00::ffff:0/112": "fd00::ffff:1",
		"0.0.0.0/0": "0.0.0.1",
	} {
		p, err := ServiceCIDRs([]string{cidr})
		if err != nil {
			t.Errorf("%s: %v", cidr, err)
			continue
		}
		if got, err := ServiceIP(p[0]); err != nil || got.String() != want {
			t.Errorf("%s: %v %v, want %s", cidr, got, err, want)
		}
	}
	for _, bad := range []string{"10.0.0.1/32", "fd00::1/128", "10.96.0.0", "x", "", "10.0.0.0/33", "::ffff:10.0.0.0/104"} {
		if got, err := ServiceCIDRs([]string{bad}); err == nil {
			t.Errorf("%q: accepted as %v", bad, got)
		}
	}
	if got, err := ServiceCIDRs([]string{"fd00::/108, 10.96.0.0/12"}); err != nil || len(got) != 2 || got[0] != netip.MustParsePrefix("fd00::/108") {
		t.Errorf("dual stack: %v %v", got, err)
	}
	for _, bad := range []string{"10.0.0.0/8,11.0.0.0/8", "fd00::/64,fd01::/64", "10.0.0.0/8,fd00::/64,11.0.0.0/8", "10.0.0.0/8,"} {
		if _, err := ServiceCIDRs([]string{bad}); err == nil {
			t.Errorf("%q: accepted", bad)
		}
	}
}

func TestParseDNS(t *testing.T) {
	for in, want := range map[string]string{
		"a": "a", "API.Example.org": "api.example.org", " x ": "x", "*.apps.example.org": "*.apps.example.org", "xn--mnchen-3ya.de": "xn--mnchen-3ya.de", "1a.b": "1a.b",
	} {
		if got, err := ParseDNS(in); err != nil || got != want {
			t.Errorf("%q: %q %v", in, got, err)
		}
	}
	for _, bad := range []string{
		"", " ", "10.0.0.1", "10.0.0.0/8", "::1", "[::1]", "a:6443", "https://a", "a/b", "a b", "a..b", ".a", "a.", "-a.b", "a-.b", "a_b.c", "*", "*.org",
		"a.*.b.c", "a*.b.c", "münchen.de", "1.2.3.4.5", "a@b.c", strings.Repeat("a", 64) + ".b", strings.Repeat("a.", 127) + "b",
	} {
		if got, err := ParseDNS(bad); err == nil {
			t.Errorf("%q: accepted as %q", bad, got)
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: an error of several lines", bad)
		}
	}
}

func TestParseIP(t *testing.T) {
	for in, want := range map[string]string{"10.0.0.1": "10.0.0.1", " ::1 ": "::1", "[fd00::1]": "fd00::1", "::ffff:10.0.0.1": "10.0.0.1", "127.0.0.1": "127.0.0.1"} {
		if got, err := ParseIP(in); err != nil || got.String() != want {
			t.Errorf("%q: %v %v", in, got, err)
		}
	}
	for _, bad := range []string{"", "10.0.0", "10.0.0.1:6443", "[::1]:6443", "10.0.0.0/8", "010.0.0.1", "10.0.0.256", "fe80::1%eth0", "0.0.0.0", "::", "224.0.0.1", "255.255.255.255", "host"} {
		if got, err := ParseIP(bad); err == nil {
			t.Errorf("%q: accepted as %v", bad, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"a", "10.0.0.1", "*.b.c", "[::1]:1", "IP:1.2.3.4", "dns:a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		g, err := Parse(s)
		if err != nil {
			return
		}
		// What was accepted is a fixed point: written into a certificate and read
		// again it is the same name.
		again, err := Parse(g.Value)
		if err != nil || again != g {
			t.Errorf("%q gave %v, which gives %v, %v", s, g, again, err)
		}
	})
}
