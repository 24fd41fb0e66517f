#!/bin/sh
openssl genrsa -out ca.key 2048
openssl req -x509 -new -nodes -key ca.key -subj "/CN=10.0.0.10" -days 10000 -out ca.crt
