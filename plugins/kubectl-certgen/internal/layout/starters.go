package layout

import (
	"crypto/x509"
	"encoding/json"
	"io"
	"math/big"
)

// Starter is a file that a fresh folder of a layout holds beside the CA.
type Starter struct {
	Path string
	Data []byte
}

// Starters are the files with which the tool itself can go on working in a
// folder that certgen made: index.txt apart, which is written with the first
// entry.
func Starters(k Kind, ca *x509.Certificate, rand io.Reader) []Starter {
	switch k {
	case EasyRSA:
		return []Starter{
			{"index.txt.attr", []byte("unique_subject = no\n")},
			{"serial", serialFile(rand)},
			{"openssl-easyrsa.cnf", []byte(easyrsaConf)},
		}
	case OpenSSL:
		return []Starter{
			{"index.txt.attr", []byte("unique_subject = no\n")},
			{"serial", serialFile(rand)},
			{"crlnumber", []byte("01\n")},
			{"openssl.cnf", []byte(opensslConf)},
		}
	case CFSSL:
		usages := []string{"signing", "key encipherment", "server auth", "client auth"}
		conf := map[string]any{"signing": map[string]any{
			"default": map[string]any{"expiry": "8760h"},
			"profiles": map[string]any{
				"kubernetes": map[string]any{"usages": usages, "expiry": "8760h"},
			},
		}}
		data, err := json.MarshalIndent(conf, "", "  ")
		if err != nil {
			return nil
		}
		return []Starter{{"ca-config.json", append(data, '\n')}}
	}
	return nil
}

// serialFile is the next serial number that the tool will give out: random, so
// that it cannot meet one of ours.
func serialFile(rand io.Reader) []byte {
	buf := make([]byte, 16)
	if _, err := io.ReadFull(rand, buf); err != nil {
		return nil
	}
	buf[0] = buf[0]&0x3f | 0x40
	return []byte(SerialHex(new(big.Int).SetBytes(buf)) + "\n")
}

// easyrsaConf is what easyrsa hands to openssl: it looks for it in the PKI
// folder, where init-pki would have put its own. The variables are the ones
// that easyrsa sets.
const easyrsaConf = `# read by easyrsa; "easyrsa init-pki" puts its own here
[ ca ]
default_ca = easyrsa_pki

[ easyrsa_pki ]
dir              = $ENV::EASYRSA_PKI
database         = $dir/index.txt
new_certs_dir    = $dir/certs_by_serial
certificate      = $dir/ca.crt
private_key      = $dir/private/ca.key
serial           = $dir/serial
crl              = $dir/crl.pem
x509_extensions  = basic_exts
crl_extensions   = crl_ext
default_days     = $ENV::EASYRSA_CERT_EXPIRE
default_crl_days = $ENV::EASYRSA_CRL_DAYS
default_md       = $ENV::EASYRSA_DIGEST
preserve         = no
unique_subject   = no
policy           = any_name

[ any_name ]
countryName            = optional
stateOrProvinceName    = optional
localityName           = optional
organizationName       = optional
organizationalUnitName = optional
commonName             = supplied
name                   = optional
emailAddress           = optional
serialNumber           = optional

[ req ]
default_bits       = $ENV::EASYRSA_KEY_SIZE
default_md         = $ENV::EASYRSA_DIGEST
distinguished_name = $ENV::EASYRSA_DN
x509_extensions    = easyrsa_ca

[ cn_only ]
commonName         = Common Name
commonName_max     = 64
commonName_default = $ENV::EASYRSA_REQ_CN

[ org ]
countryName                    = Country
countryName_default            = $ENV::EASYRSA_REQ_COUNTRY
countryName_min                = 2
countryName_max                = 2
stateOrProvinceName            = State or province
stateOrProvinceName_default    = $ENV::EASYRSA_REQ_PROVINCE
localityName                   = City
localityName_default           = $ENV::EASYRSA_REQ_CITY
0.organizationName             = Organisation
0.organizationName_default     = $ENV::EASYRSA_REQ_ORG
organizationalUnitName         = Unit
organizationalUnitName_default = $ENV::EASYRSA_REQ_OU
commonName                     = Common Name
commonName_max                 = 64
commonName_default             = $ENV::EASYRSA_REQ_CN
emailAddress                   = E-mail
emailAddress_default           = $ENV::EASYRSA_REQ_EMAIL
emailAddress_max               = 64

[ basic_exts ]
basicConstraints       = CA:FALSE
subjectKeyIdentifier   = hash
authorityKeyIdentifier = keyid,issuer:always

[ easyrsa_ca ]
basicConstraints       = critical,CA:TRUE
subjectKeyIdentifier   = hash
authorityKeyIdentifier = keyid:always,issuer:always
keyUsage               = critical,cRLSign,keyCertSign

[ crl_ext ]
authorityKeyIdentifier = keyid:always
`

// opensslConf lets `openssl ca -config openssl.cnf -in X.csr -out X.crt` sign,
// revoke and list in the folder. Its certificates have the extensions that all
// clients accept, not the handbook's.
const opensslConf = `# openssl ca -config openssl.cnf -in NAME.csr -out NAME.crt -extensions server
# openssl ca -config openssl.cnf -revoke NAME.crt
# openssl ca -config openssl.cnf -gencrl -out crl.pem
[ ca ]
default_ca = CA_default

[ CA_default ]
dir              = .
certificate      = $dir/ca.crt
private_key      = $dir/ca.key
new_certs_dir    = $dir/newcerts
database         = $dir/index.txt
serial           = $dir/serial
crlnumber        = $dir/crlnumber
rand_serial      = yes
default_md       = default
default_days     = 365
default_crl_days = 30
policy           = policy_any
copy_extensions  = copy
unique_subject   = no
x509_extensions  = server

[ policy_any ]
countryName            = optional
stateOrProvinceName    = optional
localityName           = optional
organizationName       = optional
organizationalUnitName = optional
commonName             = supplied
emailAddress           = optional

[ server ]
basicConstraints       = critical,CA:FALSE
keyUsage               = critical,digitalSignature
extendedKeyUsage       = serverAuth
subjectKeyIdentifier   = hash
authorityKeyIdentifier = keyid

[ client ]
basicConstraints       = critical,CA:FALSE
keyUsage               = critical,digitalSignature
extendedKeyUsage       = clientAuth
subjectKeyIdentifier   = hash
authorityKeyIdentifier = keyid

[ req ]
distinguished_name = req_dn

[ req_dn ]
commonName = Common Name
`
