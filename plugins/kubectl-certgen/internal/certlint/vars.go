package certlint

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/clusterwright/kubectl-plugins/plugins/kubectl-certgen/internal/input"
)

// vars judges a vars file of easyrsa.
func (l *linter) vars(f *input.File, v *input.Vars) {
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
		l.digest(f, e.Value, e.Value.Value)
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
	if e := v.Get("EASYRSA_REQ_COUNTRY"); e != nil && e.Value.Fixed() && len(e.Value.Value) != 2 && e.Value.Value != "" && e.Value.Value != "." {
		l.add(f, BadSubject, e.Value, fmt.Sprintf("a country is two letters, not %q: openssl refuses it", e.Value.Value))
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
