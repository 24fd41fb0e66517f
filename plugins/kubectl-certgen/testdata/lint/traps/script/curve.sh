#!/bin/sh
openssl ecparam -name secp256k1 -genkey -noout -out ca.key
openssl req -x509 -new -key ca.key -days 3650 -out ca.crt -subj "/CN=dev ca" -addext "keyUsage = critical, keyCertSign"
cat > server.cnf <<'EOF'
[req]
prompt = no
distinguished_name = dn
[dn]
CN = ${HOST}
[v3]
subjectAltName = DNS:${HOST}
EOF
openssl req -new -key server.key -config server.cnf -out server.csr
openssl x509 -req -in server.csr -signkey server.key -out server.crt -days 365
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 365 -subj "/CN=dashboard"
