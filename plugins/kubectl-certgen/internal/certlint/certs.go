package certlint

import "github.com/clusterwright/kubectl-plugins/shared/finding"

// Checks of finished certificates. Those that an input file can fail too stand
// above and have one id for both.
var (
	Expired = finding.Rule{
		ID: "CG100", Title: "certificate has expired", Severity: finding.Error,
		Rationale: "Every client looks at notAfter of every certificate of the chain.", Remedy: "kubectl certgen renew", Source: "RFC 5280, 6.1.3",
		Bad: "notAfter: two days ago", Good: "notAfter: in a year",
	}
	NotYetValid = finding.Rule{
		ID: "CG101", Title: "certificate is not valid yet", Severity: finding.Error,
		Rationale: "notBefore lies in the future: the certificate was made for later, or a clock is wrong. kubeadm and certgen set it five minutes back for clients whose clock is behind.",
		Remedy:    "compare the clocks of both machines", Source: "RFC 5280, 6.1.3; kubernetes/kubernetes issue 76714",
		Bad: "notBefore: tomorrow", Good: "notBefore: five minutes ago",
	}
	NoIssuer = finding.Rule{
		ID: "CG102", Title: "issuer is not among the CAs", Severity: finding.Error,
		Rationale: "No given CA or intermediate has the issuer's name and a key that made the signature: every client says unknown authority.",
		Remedy:    "give the right CA, and send the intermediates with the certificate", Source: "RFC 5280, 6.1",
		Bad: "issuer: CN=kubernetes-ca; --ca holds CN=corp-ca", Good: "issuer: CN=kubernetes-ca; --ca holds CN=kubernetes-ca with its key",
	}
	BadSignature = finding.Rule{
		ID: "CG103", Title: "a CA of this name did not sign it", Severity: finding.Error,
		Rationale: "There is a CA with the issuer's name, but its key did not make the signature: the CA was made anew under the old name.",
		Remedy:    "find the CA that signed it, or sign the certificate again", Source: "RFC 5280, 6.1.3",
		Bad: "issuer: CN=kubernetes-ca, signed by the key of last year's CA of this name", Good: "signed by the key of the CA that clients trust",
	}
	WrongName = finding.Rule{
		ID: "CG104", Title: "certificate is for other names", Severity: finding.Error,
		Rationale: "Clients compare what they connect to with the subject alternative names: addresses with IP entries, names with DNS entries.",
		Remedy:    "issue it again with the name", Source: "RFC 9525",
		Bad: "names: kubernetes, 10.96.0.1; clients connect to 203.0.113.10", Good: "names: kubernetes, 10.96.0.1, 203.0.113.10",
	}
	KeyMismatch = finding.Rule{
		ID: "CG105", Title: "key does not belong to the certificate", Severity: finding.Error,
		Rationale: "The public key in the certificate is not that of the private key beside it: the server does not start (\"private key does not match public key\").",
		Remedy:    "find the key that the request was made with, or issue again", Source: "crypto/tls, X509KeyPair",
		Bad: "server.crt renewed with a new key, server.key from before", Good: "server.crt and server.key written together",
	}
	BadSerial = finding.Rule{
		ID: "CG106", Title: "serial number out of bounds", Severity: finding.Error,
		Rationale: "It must be positive and at most 20 bytes long. Go refuses negative ones (1.23), pyca everything out of bounds.",
		Remedy:    "issue it again", Source: "RFC 5280, 4.1.2.2",
		Bad: "serial number: -1, or 21 bytes", Good: "serial number: 16 random bytes",
	}
	UnknownCritical = finding.Rule{
		ID: "CG107", Title: "critical extension that no client knows", Severity: finding.Error,
		Rationale: "A client must reject a certificate with a critical extension that it does not understand.",
		Remedy:    "issue it without, or not critical", Source: "RFC 5280, 4.2",
		Bad: "1.3.6.1.4.1.99999.1: critical", Good: "1.3.6.1.4.1.99999.1: not critical",
	}
	PathLen = finding.Rule{
		ID: "CG108", Title: "more CAs below a CA than it allows", Severity: finding.Error,
		Rationale: "pathlen of a CA's basic constraints bounds the number of intermediate CAs below it.",
		Remedy:    "sign with the upper CA, or make it anew without pathlen", Source: "RFC 5280, 4.2.1.9",
		Bad: "root with pathlen:0, an intermediate CA, a leaf", Good: "root with pathlen:1, an intermediate CA, a leaf",
	}
	NameEncoding = finding.Rule{
		ID: "CG109", Title: "issuer's name is encoded differently", Severity: finding.Error,
		Rationale: "The CA was made anew with the same name in other string types (PrintableString for UTF8String). Go compares names byte by byte and says unknown authority; OpenSSL and Java compare what they mean.",
		Remedy:    "renew a CA with its raw subject, as kubectl certgen renew does", Source: "RFC 5280, 7.1; crypto/x509 (findPotentialParents)",
		Bad: "issuer UTF8String:kubernetes, the CA's subject PrintableString:kubernetes", Good: "both PrintableString:kubernetes",
	}
	ExpiresSoon = finding.Rule{
		ID: "CG110", Title: "certificate expires soon", Severity: finding.Warning,
		Rationale: "Renewing takes a restart or a rollout; a month is time to plan it.", Remedy: "kubectl certgen renew", Source: "kubeadm, certs check-expiration",
		Bad: "notAfter: in 20 days", Good: "notAfter: in 200 days",
	}
	LeafIsCA = finding.Rule{
		ID: "CG111", Title: "a CA serves as a server's or client's certificate", Severity: finding.Warning,
		Rationale: "Its key can sign certificates, and lies where a server's key lies. pyca rejects it.", Remedy: "issue a leaf certificate", Source: "CA/Browser Forum BR 7.1.2.7; pyca/cryptography x509 verification policy",
		Bad: "server.crt with CA:TRUE", Good: "server.crt with CA:FALSE",
	}
	EmptySubject = finding.Rule{
		ID: "CG112", Title: "empty subject and names that are not critical", Severity: finding.Error,
		Rationale: "Without a subject the names are the identity, and the extension must be critical (RFC 5280, 4.2.1.6); with one it must not be.", Remedy: "issue it again", Source: "OpenSSL X509_V_ERR_EMPTY_SUBJECT_SAN_NOT_CRITICAL (81)",
		Bad: "subject empty, subjectAltName not critical", Good: "subject CN=api, subjectAltName not critical",
	}
	LooseMode = finding.Rule{
		ID: "CG113", Title: "private key can be read by others", Severity: finding.Error,
		Rationale: "The key's file can be read by its group or by everybody.", Remedy: "chmod 600", Source: "kubeadm, app/util/pkiutil (files are written 0600)",
		Bad: "server.key 0644", Good: "server.key 0600",
	}
	NotServed = finding.Rule{
		ID: "CG114", Title: "server does not serve what lies on disk", Severity: finding.Error,
		Rationale: "A component reads its certificate at start, or when the file changes: it still serves the old one, and the new one has no effect.", Remedy: "restart the component", Source: "kubernetes/website issue 17864",
		Bad: "server.crt renewed an hour ago, the port serves the old one", Good: "the port serves server.crt",
	}
	BundleMismatch = finding.Rule{
		ID: "CG115", Title: "caBundle does not verify what is served", Severity: finding.Error,
		Rationale: "kube-apiserver trusts a webhook's or an aggregated API's server by this caBundle alone: every call fails, and with failurePolicy Fail every request that it guards.", Remedy: "put the CA that signed the serving certificate into caBundle", Source: "k8s.io/api admissionregistration/v1, WebhookClientConfig",
		Bad: "caBundle of CN=old-ca, served certificate by CN=new-ca", Good: "caBundle of CN=new-ca, or of both",
	}
	NoKeyEncipherment = finding.Rule{
		ID: "CG117", Title: "key usage that NSS does not take", Severity: finding.Warning,
		Rationale: "NSS's own verifier wants keyEncipherment in a server certificate with an RSA key, also where the handshake is signed. All other clients are content with digitalSignature.", Remedy: "digitalSignature and keyEncipherment for RSA keys", Source: "NSS, lib/certdb/certdb.c (CERT_CheckKeyUsage)",
		Bad: "RSA key, keyUsage digitalSignature", Good: "RSA key, keyUsage digitalSignature, keyEncipherment",
	}
	NotFirst = finding.Rule{
		ID: "CG118", Title: "certificate stands behind its CA", Severity: finding.Error,
		Rationale: "A server takes the first certificate of its file for its own and sends the others along: with the CA in front it finds that the key does not match and does not start. TLS has the sender's certificate first.", Remedy: "put the certificate first, then the intermediates; the root can be left out", Source: "RFC 8446, 4.4.2; crypto/tls, X509KeyPair",
		Bad: "server.crt: the CA, then the server's certificate", Good: "server.crt: the server's certificate, then the CA",
	}
	NameConstraint = finding.Rule{
		ID: "CG119", Title: "name that its CA may not sign", Severity: finding.Error,
		Rationale: "A CA can be bound to certain names (nameConstraints). Clients refuse a certificate below it with any other name, whichever one they connect to; Java does not look at the constraints of a root.",
		Remedy:    "issue it by another CA, or for the names that this one may sign", Source: "RFC 5280, 4.2.1.10",
		Bad: "CA with permitted;DNS:example.com, certificate for localhost", Good: "CA with permitted;DNS:example.com, certificate for api.example.com",
	}
	SANDrift = finding.Rule{
		ID: "CG116", Title: "a name that clients use is not in the certificate", Severity: finding.Error,
		Rationale: "Services, nodes and endpoints of the cluster lead clients to a name or an address that the served certificate does not have.", Remedy: "issue it again with the name", Source: "kubernetes/kubeadm issue 1447",
		Bad: "control-plane node at 192.0.2.77, which is not among the names", Good: "192.0.2.77 is among the names",
	}
)

// CertRules are the checks that only a finished certificate can fail; package verify decides them.
func CertRules() []finding.Rule {
	return []finding.Rule{Expired, NotYetValid, NoIssuer, BadSignature, WrongName, KeyMismatch, BadSerial, UnknownCritical, PathLen,
		NameEncoding, ExpiresSoon, LeafIsCA, EmptySubject, LooseMode, NotServed, BundleMismatch, SANDrift, NoKeyEncipherment, NotFirst, NameConstraint}
}
