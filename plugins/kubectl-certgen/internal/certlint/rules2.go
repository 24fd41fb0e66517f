package certlint

import "github.com/clusterwright/kubectl-plugins/shared/finding"

// Usages.
var (
	UnknownUsage = finding.Rule{
		ID: "CG050", Title: "unknown usage", Severity: finding.Error,
		Rationale: "cfssl drops a usage that it does not know without a word as long as it knows another one of the list; openssl refuses the file. With \"agent auth\" for \"client auth\" a certificate ends up without any extended usage.",
		Remedy:    "use one of the tool's names", Source: srcCFSSL + ", config/config.go (Usages); kubernetes-sigs/apiserver-network-proxy Makefile",
		Bad: "# ca-config.json\n{\"signing\": {\"default\": {\"expiry\": \"8760h\", \"usages\": [\"signing\", \"key encipherment\", \"agent auth\"]}}}", Good: "# ca-config.json\n{\"signing\": {\"default\": {\"expiry\": \"8760h\", \"usages\": [\"signing\", \"key encipherment\", \"client auth\"]}}}",
	}
	NoUsages = finding.Rule{
		ID: "CG051", Title: "profile without usages", Severity: finding.Error,
		Rationale: "cfssl refuses a config in which a profile has no usage that it knows, and a request under a default profile without any (\"no key usage available\").",
		Remedy:    "name the usages", Source: srcCFSSL + ", config/config.go (validProfile); KTHW issue 457",
		Bad: "# ca-config.json\n{\"signing\": {\"profiles\": {\"server\": {\"expiry\": \"8760h\"}}}}", Good: "# ca-config.json\n{\"signing\": {\"profiles\": {\"server\": {\"expiry\": \"8760h\", \"usages\": [\"signing\", \"server auth\"]}}}}",
	}
	DataEncipherment = finding.Rule{
		ID: "CG052", Title: "usage that TLS never needs", Severity: finding.Warning,
		Rationale: "dataEncipherment lets the key encrypt user data directly, which no TLS version does. Recipes carry it along, often in the place where digitalSignature belongs.",
		Remedy:    "digitalSignature, and keyEncipherment for RSA", Source: srcRFC5280 + ", 4.2.1.3; " + srcDocs,
		Bad: "# v3.ext\nbasicConstraints = CA:FALSE\nauthorityKeyIdentifier = keyid\nkeyUsage = digitalSignature, dataEncipherment\nextendedKeyUsage = clientAuth", Good: "# v3.ext\nbasicConstraints = CA:FALSE\nauthorityKeyIdentifier = keyid\nkeyUsage = digitalSignature\nextendedKeyUsage = clientAuth",
	}
	NoDigitalSignature = finding.Rule{
		ID: "CG053", Title: "certificate may not sign the handshake", Severity: finding.Error,
		Rationale: "TLS 1.3 and every ECDHE suite of TLS 1.2 sign the handshake. GnuTLS (\"Key usage violation\") and Java (\"KeyUsage does not allow digital signatures\") refuse a certificate whose key usage lacks digitalSignature; OpenSSL and Go do not look. The handbook's csr.conf has this.",
		Remedy:    "add digitalSignature", Source: srcDocs + "; RFC 8446, 4.4.2.2",
		Bad: "# v3.ext\nbasicConstraints = CA:FALSE\nauthorityKeyIdentifier = keyid\nkeyUsage = keyEncipherment\nextendedKeyUsage = clientAuth", Good: "# v3.ext\nbasicConstraints = CA:FALSE\nauthorityKeyIdentifier = keyid\nkeyUsage = digitalSignature, keyEncipherment\nextendedKeyUsage = clientAuth",
	}
	CANoKeyUsage = finding.Rule{
		ID: "CG054", Title: "CA without key usage", Severity: finding.Error,
		Rationale: "OpenSSL's strict mode (which Python 3.13 switched on) and pyca want a CA to say that it signs certificates. openssl req -x509 with its default configuration says nothing.",
		Remedy:    "keyUsage = critical, keyCertSign, cRLSign", Source: "canonical/microk8s issue 4864; OpenSSL X509_V_ERR_CA_CERT_MISSING_KEY_USAGE (92)",
		Bad: "# ca.cnf\n[ v3_ca ]\nbasicConstraints = critical, CA:TRUE\nsubjectKeyIdentifier = hash", Good: "# ca.cnf\n[ v3_ca ]\nbasicConstraints = critical, CA:TRUE\nsubjectKeyIdentifier = hash\nkeyUsage = critical, keyCertSign, cRLSign",
	}
	BCNotCritical = finding.Rule{
		ID: "CG055", Title: "CA whose basic constraints are not critical", Severity: finding.Error,
		Rationale: "RFC 5280 (4.2.1.9) wants them critical in a CA. OpenSSL's strict mode (Python 3.13) and pyca reject every chain to such a CA. easyrsa before 3.2 and Kubernetes the Hard Way make them so.",
		Remedy:    "basicConstraints = critical, CA:TRUE", Source: "OpenSSL X509_V_ERR_CA_BCONS_NOT_CRITICAL (89)",
		Bad: "# ca.cnf\n[ v3_ca ]\nbasicConstraints = CA:TRUE\nsubjectKeyIdentifier = hash\nkeyUsage = critical, keyCertSign", Good: "# ca.cnf\n[ v3_ca ]\nbasicConstraints = critical, CA:TRUE\nsubjectKeyIdentifier = hash\nkeyUsage = critical, keyCertSign",
	}
	NoCertSign = finding.Rule{
		ID: "CG056", Title: "right to sign certificates and CA do not go together", Severity: finding.Error,
		Rationale: "A CA needs keyCertSign, and nothing else may have it (RFC 5280, 4.2.1.9).",
		Remedy:    "make both agree", Source: "OpenSSL X509_V_ERR_KU_KEY_CERT_SIGN_INVALID_FOR_NON_CA (79)",
		Bad: "# ca.cnf\n[ v3_ca ]\nbasicConstraints = critical, CA:TRUE\nsubjectKeyIdentifier = hash\nkeyUsage = critical, digitalSignature", Good: "# ca.cnf\n[ v3_ca ]\nbasicConstraints = critical, CA:TRUE\nsubjectKeyIdentifier = hash\nkeyUsage = critical, keyCertSign",
	}
	NSCertType = finding.Rule{
		ID: "CG057", Title: "nsCertType contradicts the usages", Severity: finding.Error,
		Rationale: "The Netscape extension is obsolete, but OpenSSL still obeys it: a server certificate with nsCertType = client is \"unsuitable certificate purpose\" to curl and Python.",
		Remedy:    "take nsCertType out", Source: "OpenSSL 3, crypto/x509/v3_purp.c (ns_reject); kelseyhightower/kubernetes-the-hard-way ca.conf",
		Bad: "# csr.conf\n[ req ]\ndistinguished_name = dn\nprompt = no\nreq_extensions = ext\n[ dn ]\nCN = api\n[ ext ]\nextendedKeyUsage = serverAuth\nnsCertType = client\nsubjectAltName = DNS:api.example.com", Good: "# csr.conf\n[ req ]\ndistinguished_name = dn\nprompt = no\nreq_extensions = ext\n[ dn ]\nCN = api\n[ ext ]\nextendedKeyUsage = serverAuth\nsubjectAltName = DNS:api.example.com",
	}
	WrongUsage = finding.Rule{
		ID: "CG058", Title: "usage does not fit the purpose", Severity: finding.Error,
		Rationale: "A server's certificate needs serverAuth, a client's clientAuth; every verifier looks.",
		Remedy:    "add the usage", Source: srcRFC5280 + ", 4.2.1.12",
		Bad: "# v3.ext\nbasicConstraints = CA:FALSE\nauthorityKeyIdentifier = keyid\nextendedKeyUsage = clientAuth\nsubjectAltName = IP:10.96.0.1,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local", Good: "# v3.ext\nbasicConstraints = CA:FALSE\nauthorityKeyIdentifier = keyid\nextendedKeyUsage = serverAuth\nsubjectAltName = IP:10.96.0.1,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local",
	}
	DeadUsage = finding.Rule{
		ID: "CG059", Title: "usage without effect", Severity: finding.Info,
		Rationale: "A usage that is named twice has no more effect than once; often another one was meant.",
		Remedy:    "take it out", Source: srcRFC5280 + ", 4.2.1.3",
		Bad: "# ca-config.json\n{\"signing\": {\"default\": {\"expiry\": \"8760h\", \"usages\": [\"signing\", \"server auth\", \"server auth\"]}}}", Good: "# ca-config.json\n{\"signing\": {\"default\": {\"expiry\": \"8760h\", \"usages\": [\"signing\", \"server auth\", \"client auth\"]}}}",
	}
	NoAuthorityKeyID = finding.Rule{
		ID: "CG060", Title: "certificate without authority key identifier", Severity: finding.Error,
		Rationale: "RFC 5280 (4.2.1.1) wants it in all certificates but self-signed ones. OpenSSL's strict mode (Python 3.13: \"Missing Authority Key Identifier\") and pyca reject a leaf without it. OpenSSL adds it by itself since 3.0; 1.1.1 and LibreSSL (macOS) do not.",
		Remedy:    "authorityKeyIdentifier = keyid", Source: "OpenSSL X509_V_ERR_MISSING_AUTHORITY_KEY_IDENTIFIER (85); tomplus/kubernetes_asyncio issue 349",
		Bad: "# v3.ext\nbasicConstraints = CA:FALSE\nextendedKeyUsage = clientAuth", Good: "# v3.ext\nbasicConstraints = CA:FALSE\nauthorityKeyIdentifier = keyid\nextendedKeyUsage = clientAuth",
	}
	CANoKeyID = finding.Rule{
		ID: "CG061", Title: "CA without subject key identifier", Severity: finding.Warning,
		Rationale: "RFC 5280 (4.2.1.2) wants it in every CA, and OpenSSL's strict mode rejects one without. OpenSSL adds it by itself since 3.0; 1.1.1 and LibreSSL (macOS) do not.",
		Remedy:    "subjectKeyIdentifier = hash", Source: "OpenSSL X509_V_ERR_MISSING_SUBJECT_KEY_IDENTIFIER (86)",
		Bad: "# ca.cnf\n[ v3_ca ]\nbasicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign", Good: "# ca.cnf\n[ v3_ca ]\nbasicConstraints = critical, CA:TRUE\nsubjectKeyIdentifier = hash\nkeyUsage = critical, keyCertSign",
	}
)

// Dates.
var (
	BadDuration = finding.Rule{
		ID: "CG070", Title: "duration that the tool does not know", Severity: finding.Error,
		Rationale: "cfssl reads Go durations: 8760h, 30m. \"365d\" and \"1y\" make it refuse the whole file.",
		Remedy:    "write hours", Source: "Go, time.ParseDuration; " + srcCFSSL,
		Bad: "# ca-config.json\n{\"signing\": {\"default\": {\"expiry\": \"365d\", \"usages\": [\"signing\", \"client auth\"]}}}", Good: "# ca-config.json\n{\"signing\": {\"default\": {\"expiry\": \"8760h\", \"usages\": [\"signing\", \"client auth\"]}}}",
	}
	Outlives = finding.Rule{
		ID: "CG071", Title: "certificate outlives its CA", Severity: finding.Warning,
		Rationale: "A chain ends with its CA: the certificate stops working on the CA's last day, whatever it says itself, and all of them on the same day. None of the tools says anything.",
		Remedy:    "make the CA live longer, or the certificate shorter", Source: "kubernetes/kubernetes PR 126538; " + srcCFSSL + ", initca",
		Bad: "# vars\nset_var EASYRSA_CA_EXPIRE 365\nset_var EASYRSA_CERT_EXPIRE 825", Good: "# vars\nset_var EASYRSA_CA_EXPIRE 3650\nset_var EASYRSA_CERT_EXPIRE 825",
	}
	LongValidity = finding.Rule{
		ID: "CG072", Title: "server certificate for more than 825 days", Severity: finding.Info,
		Rationale: "macOS and iOS reject server certificates that were issued for longer, from private CAs too.",
		Remedy:    "825 days (19800h) or less", Source: "Apple, support article HT103769 (requirements for trusted certificates)",
		Bad: "# vars\nset_var EASYRSA_CERT_EXPIRE 3000", Good: "# vars\nset_var EASYRSA_CERT_EXPIRE 825",
	}
	BadDates = finding.Rule{
		ID: "CG073", Title: "validity that never is", Severity: finding.Error,
		Rationale: "A certificate that ends before or when it starts is never accepted.",
		Remedy:    "correct the dates", Source: srcRFC5280 + ", 4.1.2.5",
		Bad: "# ca-config.json\n{\"signing\": {\"default\": {\"expiry\": \"1h\", \"not_before\": \"2030-01-02T00:00:00Z\", \"not_after\": \"2030-01-01T00:00:00Z\", \"usages\": [\"signing\", \"client auth\"]}}}", Good: "# ca-config.json\n{\"signing\": {\"default\": {\"expiry\": \"1h\", \"usages\": [\"signing\", \"client auth\"]}}}",
	}
)

// Commands and files together.
var (
	DroppedExtensions = finding.Rule{
		ID: "CG080", Title: "extensions are dropped at signing", Severity: finding.Error,
		Rationale: "openssl x509 -req takes nothing over from the request: names and usages must be given again by -extfile and -extensions, or (OpenSSL 3) by -copy_extensions. The certificate comes out without a name.",
		Remedy:    "-extfile FILE -extensions SECTION, or -copy_extensions copy", Source: "OpenSSL 3, openssl-x509(1); kubernetes/website issue 6156",
		Bad:  "# make.sh\nopenssl req -new -key s.key -subj /CN=api -addext 'subjectAltName = DNS:api.example.com' -out s.csr\nopenssl x509 -req -in s.csr -CA ca.crt -CAkey ca.key -out s.crt -days 30",
		Good: "# make.sh\nopenssl req -new -key s.key -subj /CN=api -addext 'subjectAltName = DNS:api.example.com' -out s.csr\nopenssl x509 -req -in s.csr -CA ca.crt -CAkey ca.key -out s.crt -days 30 -copy_extensions copy",
	}
	MissingSection = finding.Rule{
		ID: "CG081", Title: "section is missing", Severity: finding.Error,
		Rationale: "The configuration refers to a section that it does not have. openssl stops.",
		Remedy:    "add the section, or correct its name", Source: "OpenSSL 3, config(5)",
		Bad: "# csr.conf\n[ req ]\ndistinguished_name = dn\nprompt = no\nreq_extensions = v3_req\n[ dn ]\nCN = api", Good: "# csr.conf\n[ req ]\ndistinguished_name = dn\nprompt = no\nreq_extensions = v3_req\n[ dn ]\nCN = api\n[ v3_req ]\nsubjectAltName = DNS:api.example.com",
	}
	Ignored = finding.Rule{
		ID: "CG082", Title: "option has no effect", Severity: finding.Warning,
		Rationale: "The tool takes the option and does not use it there: cfssl ignores -config and -profile with -initca (issue 1253), easyrsa reads options only in front of its command.",
		Remedy:    "take it out, or move it", Source: "cloudflare/cfssl issue 1253; easyrsa 3, help",
		Bad: "# make.sh\ncfssl gencert -initca -config=ca-config.json -profile=ca ca-csr.json | cfssljson -bare ca", Good: "# make.sh\ncfssl gencert -initca ca-csr.json | cfssljson -bare ca",
	}
	NoProfile = finding.Rule{
		ID: "CG083", Title: "profile does not exist", Severity: finding.Error,
		Rationale: "With -profile NAME that its config does not have, cfssl signs with the default profile, which has other usages or none (\"no key usage available\").",
		Remedy:    "name a profile of the config", Source: srcCFSSL + ", signer/signer.go (Profile); KTHW issue 457",
		Bad:  "# make.sh\ncat > ca-config.json <<EOF\n{\"signing\": {\"profiles\": {\"server\": {\"expiry\": \"8760h\", \"usages\": [\"signing\", \"server auth\", \"client auth\"]}}}}\nEOF\ncfssl gencert -ca=ca.pem -ca-key=ca-key.pem -config=ca-config.json -profile=kubernetes csr.json | cfssljson -bare s",
		Good: "# make.sh\ncat > ca-config.json <<EOF\n{\"signing\": {\"profiles\": {\"server\": {\"expiry\": \"8760h\", \"usages\": [\"signing\", \"server auth\", \"client auth\"]}}}}\nEOF\ncfssl gencert -ca=ca.pem -ca-key=ca-key.pem -config=ca-config.json -profile=server csr.json | cfssljson -bare s",
	}
	FixedSerial = finding.Rule{
		ID: "CG084", Title: "serial numbers repeat", Severity: finding.Warning,
		Rationale: "Issuer and serial number name a certificate. NSS and browsers refuse a second certificate of the same pair (SEC_ERROR_REUSED_ISSUER_AND_SERIAL), and a revocation list cannot tell them apart.",
		Remedy:    "let the tool choose a random one", Source: srcRFC5280 + ", 4.1.2.2; openshift/service-ca-operator issue 110",
		Bad: "# make.sh\nopenssl x509 -req -in s.csr -CA ca.crt -CAkey ca.key -set_serial 01 -out s.crt -days 30 -copy_extensions copy", Good: "# make.sh\nopenssl x509 -req -in s.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out s.crt -days 30 -copy_extensions copy",
	}
	Wipes = finding.Rule{
		ID: "CG085", Title: "command deletes an existing PKI", Severity: finding.Warning,
		Rationale: "easyrsa --batch init-pki removes the pki folder with the CA's key and everything it issued, without a question. A script that runs twice loses the cluster's CA.",
		Remedy:    "test for the folder first", Source: "OpenVPN/easy-rsa issue 826",
		Bad: "# make.sh\n./easyrsa --batch init-pki", Good: "# make.sh\n[ -d pki ] || ./easyrsa init-pki",
	}
	Prompts = finding.Rule{
		ID: "CG086", Title: "subject is only asked for", Severity: finding.Warning,
		Rationale: "Unless the request's section says prompt = no, openssl takes the values of the subject's section for the questions to ask with. At a terminal it asks; in a script it stops (\"No objects specified in config file\"), or makes a certificate without a name.",
		Remedy:    "add prompt = no", Source: "OpenSSL 3, openssl-req(1), CONFIGURATION FILE FORMAT",
		Bad: "# csr.conf\n[ req ]\ndistinguished_name = dn\n[ dn ]\nC = US\nCN = api.example.com", Good: "# csr.conf\n[ req ]\ndistinguished_name = dn\nprompt = no\n[ dn ]\nC = US\nCN = api.example.com",
	}
)
