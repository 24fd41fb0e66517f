#!/bin/bash
# Requests to the cluster's signers that are not fulfilled.
openssl req -new -newkey rsa:2048 -nodes -keyout hook.key -out hook.csr -subj "/CN=hook.default.svc"
cat <<EOF | kubectl apply -f -
apiVersion: certificates.k8s.io/v1beta1
kind: CertificateSigningRequest
metadata:
  name: hook
spec:
  request: $(cat hook.csr | base64)
  usages:
  - digital signature
  - server auth
EOF
kubectl apply -f - <<EOF
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata:
  name: hook2
spec:
  request: $(base64 -w0 hook.csr)
  signerName: kubernetes.io/kubelet-serving
  usages: [digital signature, key encipherment, client auth]
EOF
cat > old.yaml <<EOF
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
spec:
  signerName: kubernetes.io/legacy-unknown
  request: $(base64 -w0 hook.csr)
  usages: ["server-auth"]
EOF
