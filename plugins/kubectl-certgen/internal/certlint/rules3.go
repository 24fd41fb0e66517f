package certlint

import "github.com/clusterwright/kubectl-plugins/shared/finding"

// What scripts do around their certificates.
var (
	NotIssued = finding.Rule{
		ID: "CG087", Title: "certificate request that the cluster does not fulfil", Severity: finding.Error,
		Rationale: "certificates.k8s.io/v1beta1 is gone since Kubernetes 1.22, v1 wants a signerName, and each built-in signer issues for its own subjects and usages only: a request outside of them is approved and then fails, or nothing ever happens. Scripts made after istio's webhook-create-signed-cert.sh have this.",
		Remedy:    "kubectl certgen request says before it asks whether the signer will issue", Source: "kubernetes/kubernetes, pkg/apis/certificates/validation and pkg/controller/certificates/signer; KEP-1513",
		Bad:  "# webhook.sh\nopenssl req -new -key s.key -subj /CN=hook.default.svc -out s.csr\ncat <<EOF | kubectl create -f -\napiVersion: certificates.k8s.io/v1beta1\nkind: CertificateSigningRequest\nmetadata:\n  name: hook\nspec:\n  request: $(base64 -w0 s.csr)\n  usages: [server auth]\nEOF",
		Good: "# webhook.sh\nopenssl req -new -key s.key -subj /CN=hook.default.svc -out s.csr\ncat <<EOF | kubectl create -f -\napiVersion: certificates.k8s.io/v1\nkind: CertificateSigningRequest\nmetadata:\n  name: hook\nspec:\n  signerName: example.com/serving\n  request: $(base64 -w0 s.csr)\n  usages: [digital signature, server auth]\nEOF",
	}
	UnusedProfile = finding.Rule{
		ID: "CG088", Title: "profile that nothing uses", Severity: finding.Info,
		Rationale: "The scripts and pages at hand name all profiles that they sign with, and this one is not among them: it is dead, or a call names another one by mistake.",
		Remedy:    "take it out, or sign with it", Source: srcCFSSL + ", signer/signer.go (Profile)", Heuristic: true,
		Bad:  "# make.sh\ncat > ca-config.json <<EOF\n{\"signing\": {\"profiles\": {\"server\": {\"expiry\": \"8760h\", \"usages\": [\"signing\", \"server auth\"]}, \"client\": {\"expiry\": \"8760h\", \"usages\": [\"signing\", \"client auth\"]}}}}\nEOF\ncfssl gencert -ca=ca.pem -ca-key=ca-key.pem -config=ca-config.json -profile=server admin.json | cfssljson -bare admin",
		Good: "# make.sh\ncat > ca-config.json <<EOF\n{\"signing\": {\"profiles\": {\"client\": {\"expiry\": \"8760h\", \"usages\": [\"signing\", \"client auth\"]}}}}\nEOF\ncfssl gencert -ca=ca.pem -ca-key=ca-key.pem -config=ca-config.json -profile=client admin.json | cfssljson -bare admin",
	}
	BareCAKey = finding.Rule{
		ID: "CG089", Title: "CA key without a passphrase", Severity: finding.Info,
		Rationale: "Who can read the CA's key can make a certificate for every name, and only a new CA takes that away. kubeadm leaves the key so too, because the controller manager signs with it; a CA that only people use need not.",
		Remedy:    "leave -nodes out, or keep the key off the cluster's machines", Source: "openssl-req(1), -noenc; easyrsa 3, help build-ca",
		Bad:  "# make.sh\nopenssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -subj /CN=my-ca -days 3650 -addext 'keyUsage = critical, keyCertSign, cRLSign'",
		Good: "# make.sh\nopenssl req -x509 -newkey rsa:2048 -keyout ca.key -out ca.crt -subj /CN=my-ca -days 3650 -addext 'keyUsage = critical, keyCertSign, cRLSign'",
	}
	NoDays = finding.Rule{
		ID: "CG074", Title: "validity that nobody chose", Severity: finding.Warning,
		Rationale: "Without -days openssl makes certificates for 30 days: a month later everything that was made with the script stops at once.",
		Remedy:    "add -days", Source: "openssl-req(1) and openssl-x509(1), -days",
		Bad:  "# make.sh\nopenssl x509 -req -in s.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out s.crt -copy_extensions copy",
		Good: "# make.sh\nopenssl x509 -req -in s.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out s.crt -copy_extensions copy -days 365",
	}
)
