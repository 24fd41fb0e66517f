@echo off
openssl req -new -newkey rsa:512 -nodes -keyout server.key ^
  -subj "/C=Germany/CN=srv" -out server.csr
openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -md5 -out server.crt
