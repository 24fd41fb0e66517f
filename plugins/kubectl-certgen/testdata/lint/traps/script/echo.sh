#!/bin/sh
# A configuration line by line, then two that are joined on the spot.
echo "[server]" > ext.cnf
echo "basicConstraints = CA:FALSE" >> ext.cnf
echo "keyUsage = keyEncipherment" >> ext.cnf
echo "subjectAltName = IP:proxy.example.com" >> ext.cnf
openssl x509 -req -in s.csr -CA ca.crt -CAkey ca.key -set_serial 01 -extfile ext.cnf -extensions sever -out s.crt

openssl x509 -req -in t.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out t.crt \
  -extfile <(printf "subjectAltName=DNS:t.example.com,IP:t\nextendedKeyUsage=serverauth")

openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -keyout self.key -out self.crt \
  -subj "/CN=dev.example.com" -addext "subjectAltName=DNS:dev.example.com,DNS:127.0.0.1"

{
  echo "[v3]"
  echo "subjectAltName=DNS:u.example.com"
} > u.ext
openssl req -new -key u.key -subj /CN=u -addext subjectAltName=DNS:u.example.com -out u.csr
openssl x509 -req -in u.csr -CA ca.crt -CAkey ca.key -extfile u.ext -out u.crt
