package certlint

import (
	"fmt"
	"math"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/input"
	"github.com/clusterwright/kubectl-plugins/shared/finding"

	"github.com/clusterwright/kubectl-plugins/shared/lazyregexp"
)

func (l *linter) cfsslRequest(f *input.File, r *input.CFSSLRequest) {
	for _, p := range r.Problems {
		l.add(f, Refused, p.At, "cfssl refuses this: "+p.Msg)
	}
	l.unknown(f, r.Unknown)
	l.twice(f, r.Twice)
	ns := make([]name, len(r.Hosts))
	for i, h := range r.Hosts {
		ns[i] = name{val: h, jsonItem: true}
	}
	l.names(f, r.HostsAt, ns)
	if r.CA == nil && !caFile.MatchString(path.Base(r.Name)) {
		l.commonName(f, r.CN, ns)
		l.noHosts(f, r)
	}
	n := len(l.issues)
	l.subject(f, r.Subject())
	for i := range l.issues[n:] { // cfssl signs these, and clients take them
		if is := &l.issues[n+i]; is.ID == BadSubject.ID {
			is.Severity, is.Message = finding.Warning, strings.ReplaceAll(is.Message, "openssl refuses it", "cfssl signs it, openssl would refuse it")
		}
	}
	if k := r.Key; k != nil {
		l.cfsslKey(f, k)
	}
	if ca := r.CA; ca != nil {
		if len(r.Hosts) > 0 && (caFile.MatchString(path.Base(r.Name)) || caWord.MatchString(r.CN.Value)) {
			l.add(f, Ignored, r.HostsAt, "hosts of a CA have no effect: cfssl leaves them out with -initca").as(finding.Info)
		}
		l.duration(f, ca.Expiry, "ca.expiry")
		l.duration(f, ca.Backdate, "ca.backdate")
		if ca.Zero && ca.PathLen > 0 {
			l.add(f, Ignored, ca.At, fmt.Sprintf("pathlen %d and pathlenzero contradict each other", ca.PathLen))
		}
	}
}

// twice: Go's decoder, and so cfssl, keeps the last of equal members.
func (l *linter) twice(f *input.File, ts []input.Text) {
	for _, t := range ts {
		l.add(f, LostName, t, fmt.Sprintf("member %q stands twice: cfssl keeps the last and drops the first without a word", t.Value)).remedy("make one of both")
	}
}

func (l *linter) unknown(f *input.File, us []input.Unknown) {
	for _, u := range us {
		is := l.add(f, UnknownField, u.Key, fmt.Sprintf("%s has no member %q: cfssl ignores it without a word", u.In, u.Key.Value))
		if near := input.Nearest(u.Key.Value, u.Known); near != "" && closeEnough(u.Key.Value, near) {
			is.note(fmt.Sprintf("did you mean %q?", near)).fix(inner(f, u.Key), near)
			if slices.Contains([]string{"hosts", "usages", "expiry", "ca_constraint", "is_ca"}, near) {
				is.as(finding.Error)
			}
		}
	}
}

// closeEnough says whether a misspelling is near enough to be mended without
// asking.
func closeEnough(a, b string) bool {
	sq := func(s string) string {
		return strings.NewReplacer(" ", "", "_", "", "-", "").Replace(strings.ToLower(s))
	}
	a, b = sq(a), sq(b)
	if a == b || strings.TrimSuffix(a, "s") == strings.TrimSuffix(b, "s") {
		return true
	}
	return input.Nearest(a, []string{b}) != "" && len(b) > 4 && abs(len(a)-len(b)) <= 2 && a[0] == b[0]
}

func abs(n int) int { return max(n, -n) }

func (l *linter) cfsslKey(f *input.File, k *input.CFSSLKey) {
	if k.Algo.Dynamic() || k.Size.Dynamic() {
		return
	}
	sizeAt := k.Size
	if sizeAt.End == 0 {
		sizeAt = k.At
	}
	// What is not said is ecdsa, and 256 bits (csr.NewKeyRequest).
	algo, bits := k.Algo.Value, k.Bits
	if algo == "" {
		algo = "ecdsa"
	}
	if k.Size.End == 0 {
		bits = 256
	}
	switch algo {
	case "rsa":
		switch {
		case k.Size.End == 0:
			l.add(f, Refused, k.At, "an RSA key without a size gets cfssl's default of 256 bits, and cfssl refuses it (RSA key is too weak)").remedy(`add "size": 2048`)
		case bits < 2048:
			l.add(f, WeakKey, sizeAt, fmt.Sprintf("an RSA key of %d bits: cfssl refuses it, and so does every client today", bits)).
				remedy("use 2048 or more").fixIf(bits > 0, sizeAt, "2048")
		case bits > 8192:
			l.add(f, Refused, sizeAt, fmt.Sprintf("cfssl makes no RSA key of %d bits (8192 at most)", bits))
		}
	case "ecdsa":
		switch {
		case !slices.Contains([]int{256, 384, 521}, bits):
			is := l.add(f, Refused, sizeAt, fmt.Sprintf("cfssl knows no curve of %d bits (256, 384 or 521)", bits))
			if bits >= 1024 && k.Algo.Value != "" {
				is.remedy(`that is a size of RSA keys: "size": 256, or "algo": "rsa"`)
			} else if bits >= 1024 {
				is.remedy(`without an algo the key is ecdsa: add "algo": "rsa"`)
			}
		case bits == 521:
			l.add(f, RareKey, sizeAt, "P-521 is not offered by Chrome and BoringSSL, and rare elsewhere").remedy("use 256 or 384")
		}
	case "ed25519":
		l.add(f, RareKey, k.Algo, "kube-apiserver and Go take Ed25519, but browsers, kubeadm (CA keys) and older Java do not")
	default:
		is := l.add(f, Refused, k.Algo, fmt.Sprintf("cfssl knows no key algorithm %q (rsa, ecdsa, ed25519)", k.Algo.Value))
		if low := strings.ToLower(k.Algo.Value); slices.Contains([]string{"rsa", "ecdsa", "ed25519"}, low) {
			is.fix(inner(f, k.Algo), low)
		} else if low == "ec" || low == "ecc" {
			is.fix(inner(f, k.Algo), "ecdsa")
		}
	}
}

func (i *Issue) fixIf(ok bool, at input.Text, text string) *Issue {
	if ok {
		i.fix(at, text)
	}
	return i
}

// maxHours is the longest that a Go duration can be: 292 years.
const maxHours = int(math.MaxInt64 / time.Hour)

var dayDuration = lazyregexp.New(`^(\d+)\s*(d|days?|w|weeks?|y|years?)$`)

// duration judges a duration of cfssl and returns it, 0 where it is none.
func (l *linter) duration(f *input.File, t input.Text, what string) time.Duration {
	if t.Value == "" || !t.Fixed() {
		return 0
	}
	d, err := input.Duration(t)
	if err == nil {
		if d < 0 {
			l.add(f, BadDuration, t, fmt.Sprintf("%s is negative", what))
		}
		return d
	}
	if m := dayDuration.FindStringSubmatch(t.Value); m != nil {
		n, _ := strconv.Atoi(m[1])
		hours := n * map[byte]int{'d': 24, 'w': 7 * 24, 'y': 365 * 24}[m[2][0]]
		is := l.add(f, BadDuration, t, fmt.Sprintf("%s %q: cfssl knows hours, minutes and seconds, no days or years, and refuses the file", what, t.Value))
		if n > maxHours || hours > maxHours {
			is.remedy(fmt.Sprintf("write hours, at most %dh", maxHours))
			return 0
		}
		right := fmt.Sprintf("%dh", hours)
		is.note(fmt.Sprintf("write %q", right)).fix(inner(f, t), right)
		return time.Duration(hours) * time.Hour
	}
	is := l.add(f, BadDuration, t, fmt.Sprintf("%s %q is not a duration; cfssl refuses the file", what, t.Value))
	if _, err := strconv.Atoi(t.Value); err == nil {
		is.remedy(fmt.Sprintf("say the unit: \"%sh\"", t.Value))
	}
	return 0
}

func (l *linter) cfsslConfig(f *input.File, c *input.CFSSLConfig) {
	for _, p := range c.Problems {
		l.add(f, Refused, p.At, "cfssl refuses this: "+p.Msg)
	}
	l.unknown(f, c.Unknown)
	l.twice(f, c.Twice)
	if c.Default != nil {
		l.profile(f, c, c.Default, true)
	}
	for _, p := range c.Profiles {
		l.profile(f, c, p, false)
	}
}

func (l *linter) profile(f *input.File, c *input.CFSSLConfig, p *input.Profile, isDefault bool) {
	if p.Remote.Value != "" {
		if !slices.ContainsFunc(c.Remotes, func(t input.Text) bool { return t.Value == p.Remote.Value }) {
			l.add(f, Refused, p.Remote, fmt.Sprintf("remotes has no %q; cfssl refuses the file", p.Remote.Value))
		}
		return
	}
	d := l.duration(f, p.Expiry, fmt.Sprintf("expiry of profile %q", p.Name))
	l.duration(f, p.Backdate, fmt.Sprintf("backdate of profile %q", p.Name))
	if p.Expiry.End == 0 {
		l.add(f, Refused, p.KeyAt, fmt.Sprintf("profile %q has no expiry; cfssl refuses the whole file", p.Name))
	}
	if p.AuthKey.Value != "" && !slices.ContainsFunc(c.AuthKeys, func(t input.Text) bool { return t.Value == p.AuthKey.Value }) {
		l.add(f, Refused, p.AuthKey, fmt.Sprintf("auth_keys has no %q; cfssl refuses the file", p.AuthKey.Value))
	}
	if p.NameWhitelist.Value != "" {
		if _, err := regexp.Compile(p.NameWhitelist.Value); err != nil {
			l.add(f, Refused, p.NameWhitelist, "name_whitelist is not a regular expression; cfssl refuses the file")
		}
	}
	l.profileDates(f, p, d)
	server, client, leafKU := false, false, false
	sign, certSign := false, false
	unknown := 0
	seen := map[string]bool{}
	for _, u := range p.Usages {
		if u.Dynamic() {
			return
		}
		l.usage(f, p, u)
		_, ku := input.CFSSLKeyUsages[u.Value]
		_, eku := input.CFSSLExtKeyUsages[u.Value]
		if !ku && !eku {
			unknown++
			continue
		}
		if seen[u.Value] {
			l.add(f, DeadUsage, u, fmt.Sprintf("usage %q stands there twice", u.Value))
		}
		seen[u.Value] = true
		switch u.Value {
		case "server auth":
			server = true
		case "client auth":
			client = true
		case "signing", "digital signature":
			sign = true
		case "cert sign":
			certSign = true
		case "data encipherment":
			l.add(f, DataEncipherment, u, "data encipherment is for encrypting data with the key itself, which TLS never does").fixItem(f, u)
		}
		leafKU = leafKU || ku
	}
	at := p.UsageAt
	if at.End == 0 {
		at = p.KeyAt
	}
	if unknown == 0 && !p.IsCA {
		l.purposeOfProfile(f, p, at, server, client)
	}
	switch {
	case p.Broken:
		return
	case !isDefault && len(p.Usages) == 0:
		l.add(f, NoUsages, at, fmt.Sprintf("profile %q has no usages; cfssl refuses the whole file", p.Name)).
			remedy(`name them: "signing", "key encipherment", "server auth", "client auth"`)
		return
	case !isDefault && unknown == len(p.Usages):
		l.add(f, NoUsages, at, fmt.Sprintf("profile %q has no usage that cfssl knows; it refuses the whole file", p.Name))
		return
	case isDefault && len(p.Usages) == 0 && len(c.Profiles) == 0:
		l.add(f, NoUsages, at, "the default profile is the only one and has no usages: cfssl signs nothing with it (no key usage available)")
		return
	}
	if p.IsCA {
		if !certSign && len(p.Usages) > 0 {
			l.add(f, NoCertSign, at, fmt.Sprintf("profile %q makes a CA that may not sign certificates: \"cert sign\" is missing", p.Name))
		}
		return
	}
	if certSign && (server || client) {
		l.add(f, NoCertSign, at, fmt.Sprintf("profile %q may sign certificates (\"cert sign\") and is no CA: strict clients reject its certificates", p.Name)).
			remedy(`take "cert sign" out, or add "ca_constraint": {"is_ca": true}`)
	}
	if (server || client) && leafKU && !sign && !certSign {
		is := l.add(f, NoDigitalSignature, at, fmt.Sprintf("profile %q lacks \"signing\": the key may not sign the TLS handshake, and GnuTLS and Java refuse it", p.Name))
		is.remedy(`add "signing"`)
		if len(p.Usages) > 0 {
			is.fix(input.Text{Start: p.Usages[0].Start, End: p.Usages[0].Start}, `"signing", `)
		}
	}
}

// purposeOfProfile compares the usages with what the profile is called.
func (l *linter) purposeOfProfile(f *input.File, p *input.Profile, at input.Text, server, client bool) {
	low := strings.ToLower(p.Name)
	switch {
	case peerWord.MatchString(strings.ReplaceAll(low, "_", "-")) && server != client:
		miss := map[bool]string{true: "client auth", false: "server auth"}[server]
		l.add(f, WrongUsage, at, fmt.Sprintf("profile %q by its name is for peers, which are server and client, and %q is missing: they refuse each other", p.Name, miss)).as(finding.Warning).guess().
			remedy(fmt.Sprintf("add %q", miss)).fix(input.Text{Start: p.Usages[0].Start, End: p.Usages[0].Start}, fmt.Sprintf("%q, ", miss))
	case strings.Contains(low, "client") && !strings.Contains(low, "server") && server && !client:
		l.add(f, WrongUsage, at, fmt.Sprintf("profile %q by its name is for clients, and has \"server auth\" only: servers refuse them", p.Name)).as(finding.Warning).guess()
	case strings.Contains(low, "server") && !strings.Contains(low, "client") && client && !server:
		l.add(f, WrongUsage, at, fmt.Sprintf("profile %q by its name is for servers, and has \"client auth\" only: clients refuse them", p.Name)).as(finding.Warning).guess()
	}
}

// fixItem takes an item out of a JSON list.
func (i *Issue) fixItem(f *input.File, at input.Text) *Issue {
	if at.End > at.Start && f.Data[at.Start] == '"' {
		s, e := jsonItemRange(f.Data, at.Start, at.End)
		i.fix(input.Text{Start: s, End: e}, "")
	}
	return i
}

func (l *linter) usage(f *input.File, p *input.Profile, u input.Text) {
	if _, ok := input.CFSSLKeyUsages[u.Value]; ok {
		return
	}
	if _, ok := input.CFSSLExtKeyUsages[u.Value]; ok {
		return
	}
	is := l.add(f, UnknownUsage, u, fmt.Sprintf("cfssl knows no usage %q and drops it without a word", u.Value))
	if near := nearestUsage(u.Value); near != "" {
		is.note(fmt.Sprintf("did you mean %q?", near))
		if closeEnough(u.Value, near) {
			is.fix(inner(f, u), near)
		}
	} else {
		is.remedy("cfssl's usages: " + strings.Join(input.CFSSLUsageNames(), ", "))
	}
}

// nearestUsage also knows what other tools call the usages.
func nearestUsage(s string) string {
	sq := strings.ToLower(strings.NewReplacer(" ", "", "_", "", "-", "").Replace(s))
	for _, o := range [][2]string{
		{"serverauth", "server auth"}, {"tlsserver", "server auth"}, {"server", "server auth"}, {"clientauth", "client auth"}, {"client", "client auth"},
		{"digitalsignature", "digital signature"}, {"keyencipherment", "key encipherment"}, {"dataencipherment", "data encipherment"},
		{"keycertsign", "cert sign"}, {"certsign", "cert sign"}, {"certificatesign", "cert sign"}, {"crlsign", "crl sign"}, {"nonrepudiation", "content commitment"},
		{"contentcommitment", "content commitment"}, {"keyagreement", "key agreement"}, {"codesigning", "code signing"}, {"emailprotection", "email protection"},
		{"ocspsigning", "ocsp signing"}, {"sign", "signing"},
	} {
		if sq == o[0] {
			return o[1]
		}
	}
	return input.Nearest(s, input.CFSSLUsageNames())
}

func (l *linter) profileDates(f *input.File, p *input.Profile, expiry time.Duration) {
	parse := func(t input.Text, what string) (time.Time, bool) {
		if t.Value == "" || !t.Fixed() {
			return time.Time{}, false
		}
		v, err := time.Parse(time.RFC3339, t.Value)
		if err != nil {
			l.add(f, Refused, t, fmt.Sprintf("%s %q is not a time such as 2030-01-31T00:00:00Z; cfssl refuses the file", what, t.Value))
			return v, false
		}
		return v, true
	}
	nb, okB := parse(p.NotBefore, "not_before")
	na, okA := parse(p.NotAfter, "not_after")
	if okB && okA && !na.After(nb) {
		l.add(f, BadDates, p.NotAfter, fmt.Sprintf("profile %q ends (%s) when it starts or before: its certificates are never valid", p.Name, p.NotAfter.Value)).as(finding.Warning)
	}
	if expiry > longValidity && hasServer(p) && !p.IsCA {
		l.add(f, LongValidity, p.Expiry, fmt.Sprintf("profile %q makes server certificates for %d days: Apple's clients refuse more than 825", p.Name, int(expiry.Hours()/24)))
	}
}

const longValidity = 825 * 24 * time.Hour

func hasServer(p *input.Profile) bool {
	return slices.ContainsFunc(p.Usages, func(u input.Text) bool { return u.Value == "server auth" })
}
