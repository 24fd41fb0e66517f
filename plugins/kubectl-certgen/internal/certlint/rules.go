package certlint

import "github.com/clusterwright/kubectl-plugins/shared/finding"

const (
	srcDocs    = "kubernetes/website, tasks/administer-cluster/certificates; kubernetes/website issue 42761"
	srcCFSSL   = "cloudflare/cfssl v1.6.5"
	srcRFC5280 = "RFC 5280"
	srcOpenSSL = "OpenSSL 3: x509v3_config(5), crypto/x509/x509_vfy.c (check_extensions)"
)

// Rules is the registry, in the order of ids.
func Rules() []finding.Rule {
	return append([]finding.Rule{
		Refused, UnknownField, Placeholder,
		MissingDefault, IPAsDNS, NotAnIP, PortInName, CIDRName, EmptyName, BadDNSName, BadWildcard, APIServerNames, NoServiceIP,
		LostName, DuplicateName, NoNames, UnusedNames, BadNameType, CNNotNamed,
		LongCN, SameName, BadIdentity, BadSubject, Masters,
		WeakKey, WeakDigest, RareKey,
		UnknownUsage, NoUsages, DataEncipherment, NoDigitalSignature, CANoKeyUsage, BCNotCritical, NoCertSign, NSCertType, WrongUsage, DeadUsage,
		NoAuthorityKeyID, CANoKeyID,
		BadDuration, Outlives, LongValidity, BadDates, NoDays,
		DroppedExtensions, MissingSection, Ignored, NoProfile, FixedSerial, Wipes, Prompts, NotIssued, UnusedProfile, BareCAKey,
	}, CertRules()...)
}

// Reading the file.
var (
	Refused = finding.Rule{
		ID: "CG001", Title: "refused by its own tool", Severity: finding.Error,
		Rationale: "The file has the right form, but the tool that it is for will not read it, or not make what it says. Nothing is made, or, where a script does not look at the exit status, the step is missing.",
		Remedy:    "correct the value", Source: srcCFSSL + ", config/config.go and csr/csr.go; " + srcOpenSSL,
		Bad: "# ca-csr.json\n{\"CN\": \"ca\", \"key\": {\"algo\": \"ecdsa\", \"size\": 257}}", Good: "# ca-csr.json\n{\"CN\": \"ca\", \"key\": {\"algo\": \"ecdsa\", \"size\": 256}}",
	}
	UnknownField = finding.Rule{
		ID: "CG002", Title: "unknown field is ignored", Severity: finding.Warning,
		Rationale: "cfssl drops members of its JSON that it does not know: a misspelt one is as good as missing, and nothing says so.",
		Remedy:    "correct the name, or take it out", Source: srcCFSSL + ", encoding/json",
		Bad: "# csr.json\n{\"CN\": \"etcd\", \"host\": [\"etcd-0.example.com\"]}", Good: "# csr.json\n{\"CN\": \"etcd\", \"hosts\": [\"etcd-0.example.com\"]}",
	}
	Placeholder = finding.Rule{
		ID: "CG003", Title: "placeholder not replaced", Severity: finding.Error,
		Rationale: "The value is the page's marker for what the reader has to put there. The tools take many of them as they are, and the certificate then names nobody.",
		Remedy:    "put the real value there", Source: srcDocs,
		Bad: "# csr.json\n{\"CN\": \"kubernetes\", \"hosts\": [\"<MASTER_IP>\"]}", Good: "# csr.json\n{\"CN\": \"kubernetes\", \"hosts\": [\"203.0.113.10\"]}",
	}
)

// Names.
var (
	MissingDefault = finding.Rule{
		ID: "CG010", Title: "namespace missing in the API server's name", Severity: finding.Error,
		Rationale: "The API server's service is kubernetes in the namespace default. kubernetes.svc.cluster.local is a service kubernetes in a namespace svc: clients that use kubernetes.default.svc.cluster.local refuse the certificate.",
		Remedy:    "write kubernetes.default.svc...", Source: "k0sproject/k0s issue 7803; kelseyhightower/kubernetes-the-hard-way ca.conf since April 2024",
		Bad:  "# csr.json\n{\"CN\": \"kubernetes\", \"hosts\": [\"10.96.0.1\", \"kubernetes\", \"kubernetes.default\", \"kubernetes.default.svc\", \"kubernetes.svc.cluster.local\"]}",
		Good: "# csr.json\n{\"CN\": \"kubernetes\", \"hosts\": [\"10.96.0.1\", \"kubernetes\", \"kubernetes.default\", \"kubernetes.default.svc\", \"kubernetes.default.svc.cluster.local\"]}",
	}
	IPAsDNS = finding.Rule{
		ID: "CG011", Title: "IP address entered as DNS name", Severity: finding.Error,
		Rationale: "A client that connects to an address compares it with the certificate's IP names only (RFC 9525, 6.5). An address that stands among the DNS names is never found.",
		Remedy:    "enter it as IP", Source: "RFC 9525; kubernetes/kubernetes issue 62939 (doesn't contain any IP SANs)",
		Bad: "# v3.ext\nbasicConstraints = CA:FALSE\nauthorityKeyIdentifier = keyid\nsubjectAltName = DNS:10.0.0.1", Good: "# v3.ext\nbasicConstraints = CA:FALSE\nauthorityKeyIdentifier = keyid\nsubjectAltName = IP:10.0.0.1",
	}
	NotAnIP = finding.Rule{
		ID: "CG012", Title: "no IP address under IP", Severity: finding.Error,
		Rationale: "openssl refuses a value under IP that is not an address, and makes nothing.",
		Remedy:    "correct the address", Source: "OpenSSL 3, crypto/x509/v3_san.c (bad ip address)",
		Bad: "# v3.ext\nbasicConstraints = CA:FALSE\nauthorityKeyIdentifier = keyid\nsubjectAltName = IP:localhost", Good: "# v3.ext\nbasicConstraints = CA:FALSE\nauthorityKeyIdentifier = keyid\nsubjectAltName = DNS:localhost",
	}
	PortInName = finding.Rule{
		ID: "CG013", Title: "port in a name", Severity: finding.Error,
		Rationale: "cfssl takes what is neither address, mail address nor URI for a DNS name, without a look at it: 10.0.0.1:6443 becomes a DNS name that no client ever compares with anything.",
		Remedy:    "leave the port out", Source: srcCFSSL + ", csr/csr.go (Generate)",
		Bad: "# csr.json\n{\"CN\": \"api\", \"hosts\": [\"10.0.0.1:6443\"]}", Good: "# csr.json\n{\"CN\": \"api\", \"hosts\": [\"10.0.0.1\"]}",
	}
	CIDRName = finding.Rule{
		ID: "CG014", Title: "range instead of an address", Severity: finding.Error,
		Rationale: "A certificate names single addresses. A range becomes a DNS name (cfssl) or is refused (openssl).",
		Remedy:    "name the addresses", Source: srcCFSSL + ", csr/csr.go (Generate)",
		Bad: "# csr.json\n{\"CN\": \"api\", \"hosts\": [\"10.96.0.0/12\"]}", Good: "# csr.json\n{\"CN\": \"api\", \"hosts\": [\"10.96.0.1\"]}",
	}
	EmptyName = finding.Rule{
		ID: "CG015", Title: "empty name", Severity: finding.Error,
		Rationale: "An empty string in hosts becomes a DNS name of no characters, which RFC 5280 (4.2.1.6) does not allow and strict parsers reject.",
		Remedy:    "take it out", Source: srcCFSSL + "; kubernetes-sigs/apiserver-network-proxy Makefile",
		Bad: "# csr.json\n{\"CN\": \"proxy\", \"hosts\": [\"\"]}", Good: "# csr.json\n{\"CN\": \"proxy\", \"hosts\": []}",
	}
	BadDNSName = finding.Rule{
		ID: "CG016", Title: "not a DNS name", Severity: finding.Error,
		Rationale: "Neither cfssl nor openssl looks at what a DNS name consists of. What no host can be called, no client can ask for.",
		Remedy:    "write the host's name as clients write it", Source: "RFC 5280, 4.2.1.6; RFC 1034, 3.5",
		Bad: "# csr.json\n{\"CN\": \"api\", \"hosts\": [\"https://api.example.com:6443/\"]}", Good: "# csr.json\n{\"CN\": \"api\", \"hosts\": [\"api.example.com\"]}",
	}
	BadWildcard = finding.Rule{
		ID: "CG017", Title: "wildcard that matches nothing", Severity: finding.Error,
		Rationale: "Clients take a * only as the whole first part of a name, for exactly one part, and never for addresses (RFC 9525, 6.3).",
		Remedy:    "name the hosts, or write *.DOMAIN", Source: "RFC 9525, 6.3",
		Bad: "# csr.json\n{\"CN\": \"api\", \"hosts\": [\"api-*.example.com\", \"10.0.0.*\"]}", Good: "# csr.json\n{\"CN\": \"api\", \"hosts\": [\"*.example.com\"]}",
	}
	APIServerNames = finding.Rule{
		ID: "CG018", Title: "API server's names are incomplete", Severity: finding.Warning,
		Rationale: "Pods reach the API server by any of kubernetes, kubernetes.default, kubernetes.default.svc and kubernetes.default.svc.DOMAIN; a list that has some of them is meant for it and needs all.",
		Remedy:    "add the missing names", Source: "kubeadm, cmd/kubeadm/app/util/pkiutil (GetAPIServerAltNames)",
		Bad:  "# csr.json\n{\"CN\": \"kubernetes\", \"hosts\": [\"10.96.0.1\", \"kubernetes.default\"]}",
		Good: "# csr.json\n{\"CN\": \"kubernetes\", \"hosts\": [\"10.96.0.1\", \"kubernetes\", \"kubernetes.default\", \"kubernetes.default.svc\", \"kubernetes.default.svc.cluster.local\"]}",
	}
	NoServiceIP = finding.Rule{
		ID: "CG019", Title: "API server without its service address", Severity: finding.Warning, Heuristic: true,
		Rationale: "In a pod, KUBERNETES_SERVICE_HOST is the first address of the service range (10.96.0.1 of 10.96.0.0/12): every client library connects to it, and refuses a certificate without it.",
		Remedy:    "add the first address of --service-cluster-ip-range", Source: "kubeadm, cmd/kubeadm/app/util/pkiutil (GetAPIServerAltNames)",
		Bad:  "# csr.json\n{\"CN\": \"kubernetes\", \"hosts\": [\"127.0.0.1\", \"kubernetes\", \"kubernetes.default\", \"kubernetes.default.svc\", \"kubernetes.default.svc.cluster.local\"]}",
		Good: "# csr.json\n{\"CN\": \"kubernetes\", \"hosts\": [\"10.96.0.1\", \"kubernetes\", \"kubernetes.default\", \"kubernetes.default.svc\", \"kubernetes.default.svc.cluster.local\"]}",
	}
	LostName = finding.Rule{
		ID: "CG020", Title: "name is lost to a repeated key", Severity: finding.Error,
		Rationale: "In a section of openssl.cnf a key that comes again replaces the earlier one: of two lines DNS.1 only the second is in the certificate.",
		Remedy:    "number the names", Source: "OpenSSL 3, crypto/conf/conf_api.c (_CONF_add_string)",
		Bad:  "# csr.conf\n[ req ]\ndistinguished_name = dn\nprompt = no\nreq_extensions = ext\n[ dn ]\nCN = api\n[ ext ]\nsubjectAltName = @names\n[ names ]\nDNS.1 = a.example.com\nDNS.1 = b.example.com",
		Good: "# csr.conf\n[ req ]\ndistinguished_name = dn\nprompt = no\nreq_extensions = ext\n[ dn ]\nCN = api\n[ ext ]\nsubjectAltName = @names\n[ names ]\nDNS.1 = a.example.com\nDNS.2 = b.example.com",
	}
	DuplicateName = finding.Rule{
		ID: "CG021", Title: "name stands there twice", Severity: finding.Info,
		Rationale: "It does no harm, and often another name was meant.",
		Remedy:    "take one out", Source: srcRFC5280 + ", 4.2.1.6",
		Bad: "# csr.json\n{\"CN\": \"api\", \"hosts\": [\"a.example.com\", \"a.example.com\"]}", Good: "# csr.json\n{\"CN\": \"api\", \"hosts\": [\"a.example.com\", \"b.example.com\"]}",
	}
	NoNames = finding.Rule{
		ID: "CG022", Title: "server certificate without names", Severity: finding.Error,
		Rationale: "Since 2017 (Go: 1.15) clients ignore the common name. A server certificate without subjectAltName matches no host at all.",
		Remedy:    "add subjectAltName (openssl), hosts or -hostname (cfssl)", Source: "RFC 9525; Go 1.15 release notes; cloudflare/cfssl issue 717",
		Bad: "# server.cnf\n[ server_cert ]\nbasicConstraints = CA:FALSE\nauthorityKeyIdentifier = keyid\nextendedKeyUsage = serverAuth", Good: "# server.cnf\n[ server_cert ]\nbasicConstraints = CA:FALSE\nauthorityKeyIdentifier = keyid\nextendedKeyUsage = serverAuth\nsubjectAltName = DNS:api.example.com",
	}
	UnusedNames = finding.Rule{
		ID: "CG023", Title: "section of names that nothing uses", Severity: finding.Error,
		Rationale: "A section of DNS.N and IP.N lines has an effect only where an extension refers to it by @NAME.",
		Remedy:    "refer to it", Source: "OpenSSL 3, x509v3_config(5)",
		Bad: "# csr.conf\n[ req ]\ndistinguished_name = dn\nprompt = no\n[ dn ]\nCN = api\n[ alt_names ]\nDNS.1 = a.example.com", Good: "# csr.conf\n[ req ]\ndistinguished_name = dn\nprompt = no\nreq_extensions = ext\n[ dn ]\nCN = api\n[ ext ]\nsubjectAltName = @alt_names\n[ alt_names ]\nDNS.1 = a.example.com",
	}
	BadNameType = finding.Rule{
		ID: "CG024", Title: "unknown type of name", Severity: finding.Error,
		Rationale: "openssl knows DNS, IP, email, URI, RID, dirName and otherName, letter by letter, and refuses everything else.",
		Remedy:    "write DNS or IP", Source: "OpenSSL 3, crypto/x509/v3_san.c (v2i_GENERAL_NAME_ex)",
		Bad: "# v3.ext\nbasicConstraints = CA:FALSE\nauthorityKeyIdentifier = keyid\nsubjectAltName = dns:a.example.com", Good: "# v3.ext\nbasicConstraints = CA:FALSE\nauthorityKeyIdentifier = keyid\nsubjectAltName = DNS:a.example.com",
	}
	CNNotNamed = finding.Rule{
		ID: "CG025", Title: "host in the common name alone", Severity: finding.Warning, Heuristic: true,
		Rationale: "Where a certificate has subject alternative names, no client has looked at the common name for twenty years; today none does at all. A host that is named there alone is not in the certificate.",
		Remedy:    "add it to the names", Source: "RFC 9525; RFC 6125, 6.4.4",
		Bad: "# csr.json\n{\"CN\": \"db.example.com\", \"hosts\": [\"127.0.0.1\", \"localhost\"]}", Good: "# csr.json\n{\"CN\": \"db.example.com\", \"hosts\": [\"db.example.com\", \"127.0.0.1\", \"localhost\"]}",
	}
)

// Subjects.
var (
	LongCN = finding.Rule{
		ID: "CG030", Title: "common name is too long", Severity: finding.Error,
		Rationale: "X.520 allows 64 characters. openssl refuses more; cfssl and Go sign it without a word, and the certificate fails elsewhere.",
		Remedy:    "shorten the common name; names belong into subjectAltName", Source: srcRFC5280 + ", appendix A; kubebuilder issue 1012",
		Bad: "# csr.json\n{\"CN\": \"a-very-long-name-of-a-webhook-service.a-very-long-namespace.svc.cluster.local\"}", Good: "# csr.json\n{\"CN\": \"webhook\", \"hosts\": [\"a-very-long-name-of-a-webhook-service.a-very-long-namespace.svc.cluster.local\"]}",
	}
	SameName = finding.Rule{
		ID: "CG031", Title: "certificate with its CA's name", Severity: finding.Error,
		Rationale: "A certificate whose issuer equals its subject counts as self-signed. cfssl and Go then leave out the authority key identifier too; OpenSSL says \"self-signed certificate\" (18), Python and NSS reject it, while Go notices nothing. The handbook's cfssl example does this.",
		Remedy:    "give the CA a name of its own", Source: srcDocs + "; cloudflare/cfssl issue 743",
		Bad:  "# page.md\n```\ncat > ca-csr.json <<EOF\n{\"CN\": \"kubernetes\"}\nEOF\ncat > server-csr.json <<EOF\n{\"CN\": \"kubernetes\", \"hosts\": [\"203.0.113.10\"]}\nEOF\ncfssl gencert -initca ca-csr.json | cfssljson -bare ca\n```",
		Good: "# page.md\n```\ncat > ca-csr.json <<EOF\n{\"CN\": \"kubernetes-ca\"}\nEOF\ncat > server-csr.json <<EOF\n{\"CN\": \"kubernetes\", \"hosts\": [\"203.0.113.10\"]}\nEOF\ncfssl gencert -initca ca-csr.json | cfssljson -bare ca\n```",
	}
	BadIdentity = finding.Rule{
		ID: "CG032", Title: "identity that Kubernetes does not know", Severity: finding.Error,
		Rationale: "kube-apiserver takes the common name for the user and the organisations for its groups. A misspelt system: name authenticates and is then allowed nothing.",
		Remedy:    "use the names that the bootstrap policy binds", Source: "kubernetes, plugin/pkg/auth/authorizer/rbac/bootstrappolicy; nodeidentifier",
		Bad: "# csr.json\n{\"CN\": \"system:kube-scheduler\", \"names\": [{\"O\": \"system:system:kube-scheduler\"}]}", Good: "# csr.json\n{\"CN\": \"system:kube-scheduler\", \"names\": [{\"O\": \"system:kube-scheduler\"}]}",
	}
	BadSubject = finding.Rule{
		ID: "CG033", Title: "part of the subject is not allowed", Severity: finding.Error,
		Rationale: "The parts of a subject have upper bounds: two letters for a country, 64 characters for an organisation. openssl refuses more.",
		Remedy:    "shorten it", Source: srcRFC5280 + ", appendix A",
		Bad: "# csr.json\n{\"CN\": \"api\", \"names\": [{\"C\": \"Germany\"}]}", Good: "# csr.json\n{\"CN\": \"api\", \"names\": [{\"C\": \"DE\"}]}",
	}
	Masters = finding.Rule{
		ID: "CG034", Title: "certificate that no one can take away", Severity: finding.Info,
		Rationale: "system:masters is allowed everything before any authorizer is asked, and a client certificate cannot be revoked: who holds this one holds the cluster until the CA is replaced. kubeadm's admin.conf has used kubeadm:cluster-admins since 1.29.",
		Remedy:    "use a group that a ClusterRoleBinding names, such as kubeadm:cluster-admins", Source: "kubernetes, docs/concepts/security/rbac-good-practices",
		Bad: "# csr.json\n{\"CN\": \"admin\", \"names\": [{\"O\": \"system:masters\"}]}", Good: "# csr.json\n{\"CN\": \"admin\", \"names\": [{\"O\": \"kubeadm:cluster-admins\"}]}",
	}
)

// Keys.
var (
	WeakKey = finding.Rule{
		ID: "CG040", Title: "weak key", Severity: finding.Error,
		Rationale: "RSA below 2048 bits is refused by Go (below 1024), OpenSSL at its default security level, GnuTLS, Java and browsers.",
		Remedy:    "rsa 2048 or more, or ecdsa 256", Source: "NIST SP 800-131A; OpenSSL SSL_CTX_set_security_level(3)",
		Bad: "# csr.json\n{\"CN\": \"api\", \"key\": {\"algo\": \"rsa\", \"size\": 1024}}", Good: "# csr.json\n{\"CN\": \"api\", \"key\": {\"algo\": \"rsa\", \"size\": 2048}}",
	}
	WeakDigest = finding.Rule{
		ID: "CG041", Title: "signature with SHA-1 or MD5", Severity: finding.Error,
		Rationale: "No client accepts such signatures in a chain today.",
		Remedy:    "sha256", Source: "Go 1.18 release notes; RFC 9155",
		Bad: "# csr.conf\n[ req ]\ndefault_md = sha1\ndistinguished_name = dn\nprompt = no\n[ dn ]\nCN = api", Good: "# csr.conf\n[ req ]\ndefault_md = sha256\ndistinguished_name = dn\nprompt = no\n[ dn ]\nCN = api",
	}
	RareKey = finding.Rule{
		ID: "CG042", Title: "key that not every client takes", Severity: finding.Warning,
		Rationale: "Ed25519 and P-521 certificates work with Go and OpenSSL, and fail with browsers, with kubeadm's CA keys and with older Java.",
		Remedy:    "ecdsa 256 is taken by all", Source: "kubernetes/kubeadm issues 2756 and 984",
		Bad: "# csr.json\n{\"CN\": \"api\", \"key\": {\"algo\": \"ed25519\"}}", Good: "# csr.json\n{\"CN\": \"api\", \"key\": {\"algo\": \"ecdsa\", \"size\": 256}}",
	}
)
