#!/bin/bash
set -euo pipefail
service=my-webhook
namespace=default
tmp=$(mktemp -d)

openssl genrsa -out ${tmp}/ca.key 1024 2>/dev/null
openssl req -x509 -new -nodes -key ${tmp}/ca.key -days 365 -out ${tmp}/ca.crt -subj "/CN=admission_ca"

cat <<EOF >> ${tmp}/server.conf
[req]
req_extensions = v3_req
distinguished_name = req_distinguished_name
[req_distinguished_name]
[ v3_req ]
basicConstraints = CA:FALSE
keyUsage = nonRepudiation, digitalSignature, keyEncipherment
extendedKeyUsage = clientAuth
subjectAltName = @alt_names
[alt_names]
DNS.1 = ${service}
DNS.2 = ${service}.${namespace}
DNS.3 = ${service}.${namespace}.svc
EOF

openssl req -new -newkey rsa:2048 -nodse -keyout ${tmp}/server.key -out ${tmp}/server.csr -subj "CN=${service}" -config ${tmp}/server.conf
openssl x509 -req -in ${tmp}/server.csr -CA ${tmp}/ca.crt -CAkey ${tmp}/ca.key -CAcreateserial -out ${tmp}/server.crt -days 3650
