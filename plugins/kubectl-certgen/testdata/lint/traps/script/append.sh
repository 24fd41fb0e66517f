#!/bin/bash
# Files that grow between two uses, groups, and calls whose subject is given.
echo "subjectAltName = DNS:web.example.com" > ext.cnf
echo "extendedKeyUsage = serverAuth" >> ext.cnf
openssl x509 -req -days 90 -in web.csr -CA ca.crt -CAkey ca.key -CAcreateserial -extfile ext.cnf -out web-server.crt
echo "extendedKeyUsage = clientAuth" >> ext.cnf
openssl x509 -req -days 90 -in admin.csr -CA ca.crt -CAkey ca.key -CAcreateserial -extfile ext.cnf -out admin.crt

(
  echo "[ req ]"
  echo "distinguished_name = dn"
  echo "[ dn ]"
  echo "CN = asked"
) > asked.cnf
openssl req -new -days 90 -config asked.cnf -key a.key -subj /CN=given -out a.csr

cat > whole.cnf <<EOF
[ ca ]
default_ca = mine
[ mine ]
database = index.txt
[ req ]
prompt = no
distinguished_name = dn
req_extensions = names
x509_extensions = all
[ dn ]
CN = app.example.com
[ names ]
subjectAltName = DNS:app.example.com
[ all ]
subjectAltName = DNS:app.example.com
basicConstraints = critical, CA:TRUE
subjectKeyIdentifier = hash
keyUsage = critical, keyCertSign, digitalSignature
EOF
openssl req -new -config whole.cnf -key app.key -out app.csr
openssl ca -config whole.cnf -in app.csr -out app.crt
openssl req -x509 -config whole.cnf -key app.key -days 300 -out app-self.crt
openssl x509 -req -in mid.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 90 -extfile whole.cnf -extensions all -out intermediate.crt

export EASYRSA_BATCH=1 EASYRSA_KEY_SIZE=1024
./easyrsa init-pki
chmod 777 pki
