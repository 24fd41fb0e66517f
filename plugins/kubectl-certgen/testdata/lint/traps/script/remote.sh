#!/bin/bash
ssh "$HOST" 'sudo bash -s' <<'REMOTE'
cat > /tmp/ca-csr.json <<JSON
{
  "CN": "kubernetes",
  "key": { "algo": "rsa", "size": 2048 },
}
JSON
cfssl gencert -initca -config=ca-config.json /tmp/ca-csr.json | cfssljson -bare ca
REMOTE
CERT=$(openssl x509 -req -in a.csr -CA ca.pem -CAkey ca-key.pem -sha1 -CAcreateserial)
