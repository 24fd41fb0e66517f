package certlint

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/input"
)

// vars judges a vars file of easyrsa.
func (l *linter) vars(f *input.File, v *input.Vars) {
	for _, p := range v.Problems {
		is := l.add(f, Refused, p.At, "easyrsa stops at this line: "+p.Msg)
		if strings.Contains(p.Msg, "missing") {
			is.fix(input.Text{Start: p.At.Start, End: p.At.Start}, "set_var ")
		}
	}
	l.varNames(f, v)
	num := func(name string) (int, *input.Entry) {
		e := v.Get(name)
		if e == nil || !e.Value.Fixed() {
			return 0, nil
		}
		n, err := strconv.Atoi(e.Value.Value)
		if err != nil {
			l.add(f, Refused, e.Value, fmt.Sprintf("%s is %q, not a number", name, e.Value.Value))
			return 0, nil
		}
		return n, e
	}
	algo := "rsa"
	if e := v.Get("EASYRSA_ALGO"); e != nil && e.Value.Fixed() {
		switch algo = e.Value.Value; algo {
		case "rsa", "ec":
		case "ed":
			l.add(f, RareKey, e.Value, "kube-apiserver and Go take Ed25519, but browsers, kubeadm (CA keys) and older Java do not")
		default:
			l.add(f, Refused, e.Value, fmt.Sprintf("easyrsa knows no algorithm %q (rsa, ec, ed)", algo))
		}
	}
	for _, k := range []string{"EASYRSA_KEY_SIZE", "KEY_SIZE"} {
		if n, e := num(k); e != nil && algo == "rsa" && n < 2048 {
			l.add(f, WeakKey, e.Value, fmt.Sprintf("RSA keys of %d bits: clients refuse less than 2048", n)).fix(e.Value, "2048")
		}
	}
	if e := v.Get("EASYRSA_DIGEST"); e != nil {
		l.digest(f, inner(f, e.Value), e.Value.Value)
		l.oneOf(f, e, []string{"sha256", "sha384", "sha512", "sha224", "sha1", "md5", "sha3-256", "sha3-384", "sha3-512"})
	}
	if e := v.Get("EASYRSA_DN"); e != nil {
		l.oneOf(f, e, []string{"cn_only", "org"})
	}
	if e := v.Get("EASYRSA_CURVE"); e != nil && algo == "ec" && e.Value.Value == "secp521r1" {
		l.add(f, RareKey, e.Value, "P-521 is not offered by Chrome and BoringSSL, and rare elsewhere").remedy("use secp384r1 or prime256v1")
	}
	ca, _ := num("EASYRSA_CA_EXPIRE")
	if ca == 0 {
		ca, _ = num("CA_EXPIRE")
	}
	leaf, at := num("EASYRSA_CERT_EXPIRE")
	if at == nil {
		leaf, at = num("KEY_EXPIRE")
	}
	if ca == 0 {
		ca = easyRSADays
	}
	if at != nil && leaf > ca {
		l.add(f, Outlives, at.Value, fmt.Sprintf("certificates for %d days by a CA for %d: they end with their CA, and nothing warns", leaf, ca))
	}
	if at != nil && leaf > 825 {
		l.add(f, LongValidity, at.Value, fmt.Sprintf("server certificates for %d days: Apple's clients refuse more than 825", leaf))
	}
	if e := v.Get("EASYRSA_RAND_SN"); e != nil && strings.EqualFold(e.Value.Value, "no") {
		l.add(f, FixedSerial, e.Value, "serial numbers count from 01: after a second init-pki they come again, and NSS refuses a repeated one").fix(inner(f, e.Value), "yes")
	}
	for _, k := range []string{"EASYRSA_REQ_COUNTRY", "KEY_COUNTRY"} {
		e := v.Get(k)
		if e == nil {
			continue
		}
		dn := v.Get("EASYRSA_DN")
		if k[0] == 'E' && (dn == nil || dn.Value.Value != "org") {
			continue // cn_only, the default: never used
		}
		if e.Value.Fixed() && len(e.Value.Value) != 2 && e.Value.Value != "" && e.Value.Value != "." {
			l.add(f, BadSubject, e.Value, fmt.Sprintf("a country is two letters, not %q: openssl refuses it", e.Value.Value))
		}
	}
	if e := v.Get("EASYRSA_REQ_CN"); e != nil && e.Value.Fixed() && len(e.Value.Value) > 64 {
		l.add(f, LongCN, e.Value, fmt.Sprintf("the common name has %d characters, 64 are allowed: openssl refuses it", len(e.Value.Value)))
	}
	if e := v.Get("EASYRSA_REQ_CN"); e != nil && e.Value.Value == "ChangeMe" {
		l.add(f, Placeholder, e.Value, "every request in batch mode gets the common name ChangeMe")
	}
}

// easyRSADays is how long a CA of easyrsa 3 lives without further words.
const easyRSADays = 3650

// oneOf judges a value of which easyrsa knows few.
func (l *linter) oneOf(f *input.File, e *input.Entry, known []string) {
	v := e.Value.Value
	if !e.Value.Fixed() || v == "" || slices.Contains(known, strings.ToLower(v)) {
		return
	}
	is := l.add(f, Refused, e.Value, fmt.Sprintf("%s is %q, and easyrsa takes %s", e.Key.Value, v, strings.Join(known[:min(3, len(known))], ", ")))
	if near := input.Nearest(v, known); near != "" && closeEnough(v, near) {
		is.note(fmt.Sprintf("did you mean %q?", near)).fix(inner(f, e.Value), near)
	}
}

// easyRSAVars are the settings that easyrsa 3.0 to 3.2 reads.
var easyRSAVars = strings.Fields(`EASYRSA EASYRSA_ALGO EASYRSA_AUTO_SAN EASYRSA_BATCH EASYRSA_BC_CRIT EASYRSA_CALLER EASYRSA_CA_EXPIRE EASYRSA_CERT_EXPIRE
	EASYRSA_CERT_RENEW EASYRSA_CP_EXT EASYRSA_CRL_DAYS EASYRSA_CURVE EASYRSA_DEBUG EASYRSA_DIGEST EASYRSA_DISABLE_INLINE EASYRSA_DN EASYRSA_EC_DIR
	EASYRSA_EKU_CRIT EASYRSA_END_DATE EASYRSA_EXTRA_EXTS EASYRSA_EXT_DIR EASYRSA_FIX_OFFSET EASYRSA_FORCE_SAFE_SSL EASYRSA_INLINE EASYRSA_KDC_REALM
	EASYRSA_KEY_SIZE EASYRSA_KU_CRIT EASYRSA_LEGACY_SAFE_SSL EASYRSA_NO_INLINE EASYRSA_NO_PASS EASYRSA_NO_TEXT EASYRSA_NO_UMASK EASYRSA_NO_VARS
	EASYRSA_NS_COMMENT EASYRSA_NS_SUPPORT EASYRSA_OPENSSL EASYRSA_P12_FR_NAME EASYRSA_PASSIN EASYRSA_PASSOUT EASYRSA_PKI EASYRSA_PRE_EXPIRY_WINDOW
	EASYRSA_RAND_SN EASYRSA_RAW_CA EASYRSA_REQ_CITY EASYRSA_REQ_CN EASYRSA_REQ_COUNTRY EASYRSA_REQ_EMAIL EASYRSA_REQ_ORG EASYRSA_REQ_OU
	EASYRSA_REQ_PROVINCE EASYRSA_REQ_SERIAL EASYRSA_SAN EASYRSA_SAN_CRIT EASYRSA_SAFE_CONF EASYRSA_SILENT EASYRSA_SSL_CONF EASYRSA_START_DATE
	EASYRSA_SUBCA_LEN EASYRSA_TEMP_DIR EASYRSA_TEMP_EXT EASYRSA_TEMP_FILE EASYRSA_UMASK EASYRSA_VARS_FILE EASYRSA_VERBOSE EASYRSA_X509_TYPES`)

// oldVars are names of easy-rsa 2, and wishful ones, with what easyrsa 3 reads.
var oldVars = map[string]string{
	"KEY_SIZE": "EASYRSA_KEY_SIZE", "CA_EXPIRE": "EASYRSA_CA_EXPIRE", "KEY_EXPIRE": "EASYRSA_CERT_EXPIRE", "KEY_COUNTRY": "EASYRSA_REQ_COUNTRY",
	"KEY_PROVINCE": "EASYRSA_REQ_PROVINCE", "KEY_CITY": "EASYRSA_REQ_CITY", "KEY_ORG": "EASYRSA_REQ_ORG", "KEY_EMAIL": "EASYRSA_REQ_EMAIL",
	"KEY_OU": "EASYRSA_REQ_OU", "KEY_CN": "EASYRSA_REQ_CN", "KEY_DIR": "EASYRSA_PKI", "EASYRSA_DAYS": "EASYRSA_CERT_EXPIRE", "EASYRSA_CERT_DAYS": "EASYRSA_CERT_EXPIRE",
	"EASYRSA_CA_DAYS": "EASYRSA_CA_EXPIRE", "EASYRSA_KEY_EXPIRE": "EASYRSA_CERT_EXPIRE", "EASYRSA_EXPIRE": "EASYRSA_CERT_EXPIRE", "EASYRSA_COUNTRY": "EASYRSA_REQ_COUNTRY",
	"EASYRSA_PROVINCE": "EASYRSA_REQ_PROVINCE", "EASYRSA_CITY": "EASYRSA_REQ_CITY", "EASYRSA_ORG": "EASYRSA_REQ_ORG", "EASYRSA_EMAIL": "EASYRSA_REQ_EMAIL",
	"EASYRSA_OU": "EASYRSA_REQ_OU", "EASYRSA_CN": "EASYRSA_REQ_CN", "EASYRSA_REQ_STATE": "EASYRSA_REQ_PROVINCE", "EASYRSA_SUBJECT_ALT_NAME": "EASYRSA_SAN",
}

// varNames finds settings that easyrsa 3 does not read.
func (l *linter) varNames(f *input.File, v *input.Vars) {
	if !v.SetVar {
		return // easy-rsa 2, or a script's environment
	}
	for _, e := range v.Entries {
		k := e.Key.Value
		if slices.Contains(easyRSAVars, k) {
			continue
		}
		right, old := oldVars[k]
		if !old {
			if right = input.Nearest(k, easyRSAVars); right == "" || !closeEnough(k, right) {
				continue
			}
		}
		l.add(f, UnknownField, e.Key, fmt.Sprintf("easyrsa 3 does not read %s: the setting has no effect, without a word", k)).note(fmt.Sprintf("did you mean %s?", right)).fix(e.Key, right)
	}
}
