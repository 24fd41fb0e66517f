#!/bin/bash
# Functions, loops and texts in variables, each with a fault that shows only
# when they are followed.
DOMAIN=lab.example
OUT=${OUT:-pki}
REQ=$(cat <<EOF
{
  "CN": "gateway",
  "hosts": ["gateway.$DOMAIN", "10.9.0.4:8443"],
  "key": {"algo": "rsa", "size": 2048}
}
EOF
)
CONF="[ v3 ]
basicConstraints = CA:FALSE
authorityKeyIdentifier = keyid
extendedKeyUsage = serverAuth
subjectAltName = DNS:10.9.0.5
"

make_conf() {
  local file=$1
  cat > "$file" <<EOF
[ req ]
prompt = no
distinguished_name = dn
[ dn ]
CN = Lab Root
[ server ]
basicConstraints = CA:FALSE
authorityKeyIdentifier = keyid
keyUsage = digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:$DOMAIN
EOF
}

function issue {
  openssl req -new -newkey rsa:2048 -nodes -keyout $OUT/$1.key -subj "/CN=$1.$DOMAIN" -out $OUT/$1.csr
  openssl x509 -req -in $OUT/$1.csr -CA $OUT/ca.crt -CAkey $OUT/ca.key -CAcreateserial -days $((365 * 2)) \
    -extfile lab.cnf -extensions $2 -out $OUT/$1.crt
}

root() { openssl req -x509 -newkey rsa:2048 -nodes -keyout $OUT/ca.key -config lab.cnf -out $OUT/ca.crt; }

make_conf lab.cnf
root
issue web server
issue web2 server
issue admin client

echo "$REQ" > gateway.json
cfssl gencert -ca=$OUT/ca.pem -ca-key=$OUT/ca-key.pem -config=ca-config.json gateway.json | cfssljson -bare gateway

nodes=(alpha beta)
for n in "${nodes[@]}"; do
  openssl x509 -req -in $n.csr -CA $OUT/ca.crt -CAkey $OUT/ca.key -CAcreateserial -days 90 -extfile <(echo "$CONF") -extensions v3 -out $n.crt
done
for i in $(seq 1 3); do openssl req -new -key n$i.key -out n$i.csr -subj "CN=node-$i"; done

mid() {
  openssl x509 -req -in mid.csr -CA $OUT/ca.crt -CAkey $OUT/ca.key -CAcreateserial -days 900 -out mid.crt
  openssl x509 -req -in leaf.csr -CA mid.crt -CAkey mid.key -CAcreateserial -days 90 -signkey leaf.key -out leaf.crt
}
openssl req -new -key d.key -subj "/CN=DOMAIN" -out d.csr
{{ cfssl_bin }} gencert -initca -profile=none ca.json | {{ cfssljson_bin }} -bare ca
chmod 644 $OUT/web.key
chmod 644 shut.key
chmod 600 shut.key
front() {
  local -r names="DNS:front.$DOMAIN,IP:10.9.0.6:8443"
  openssl req -x509 -newkey rsa:2048 -nodes -keyout front.key -out front.crt -subj "/CN=front" -days 90 -addext "subjectAltName=${names}" -addext "basicConstraints=CA:FALSE"
}
front
