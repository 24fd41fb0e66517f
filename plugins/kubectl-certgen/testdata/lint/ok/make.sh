#!/bin/bash
# Makes a CA and a server certificate: openssl req, then openssl x509.
set -euo pipefail
NAME=api.example.com
DAYS=${DAYS:-365}
openssl genrsa -out ca.key 4096
openssl req -x509 -new -key ca.key -sha256 -days 3650 -subj "/CN=Example CA" \
  -addext "keyUsage = critical, keyCertSign, cRLSign" -out ca.crt
openssl req -new -newkey rsa:2048 -nodes -keyout server.key -subj "/CN=$NAME" -out server.csr
cat > server.ext <<EXT
basicConstraints=CA:FALSE
authorityKeyIdentifier=keyid
keyUsage=digitalSignature,keyEncipherment
extendedKeyUsage=serverAuth
subjectAltName=DNS:$NAME,IP:${SERVER_IP}
EXT
openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days "$DAYS" -extfile server.ext -out server.crt
echo "don't worry: $NAME is done"
cfssl gencert -initca ca-csr.json | cfssljson -bare ca
cfssl gencert -ca=ca.pem -ca-key=ca-key.pem -config=ca-config.json -profile=peer -hostname="$NODE,10.0.0.4,127.0.0.1" etcd.json | cfssljson -bare etcd
cfssl gencert -ca=ca.pem -ca-key=ca-key.pem -config=ca-config.json -profile=intermediate sub-ca.json | cfssljson -bare sub
sign() {
  local name=$1 hosts=$2
  cfssl gencert -ca=ca.pem -ca-key=ca-key.pem -config=ca-config.json -profile=server -hostname="$hosts" "$name.json" | cfssljson -bare "$name"
}
sign web web.example.com,10.0.0.5
sign db db.example.com
for who in alice bob; do
  openssl req -new -newkey rsa:2048 -nodes -keyout $who.key -subj "/CN=$who/O=developers" -out $who.csr
  openssl x509 -req -in $who.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 90 -out $who.crt -extfile <(printf "basicConstraints = CA:FALSE\nauthorityKeyIdentifier = keyid\nkeyUsage = digitalSignature\nextendedKeyUsage = clientAuth")
done
chmod 600 server.key
[ -d pki ] || ./easyrsa init-pki
./easyrsa --batch --req-cn=kubernetes-ca build-ca nopass
./easyrsa --batch --subject-alt-name="DNS:api.example.com,IP:10.0.0.4" --days=365 build-server-full api nopass
openssl x509 -noout -text -in server.crt
