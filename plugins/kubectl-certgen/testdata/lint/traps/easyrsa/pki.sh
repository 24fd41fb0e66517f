#!/bin/sh
./easyrsa --batch init-pki
./easyrsa --batch --req-cn="$MASTER_IP@$(date +%s)" --days=365 build-ca nopass
./easyrsa --batch --days=825 --subject-alt-name="IP:10.0.0.1,DNS:10.0.0.2,kubernetes" build-server-full server nopass
./easyrsa build-server-full api nopass --subject-alt-name=DNS:api.example.com
./easyrsa --batch --subject-alt-name=DNS:agent.example.com gen-req agent nopass
./easyrsa --batch sign-req client agent
./easyrsa --batch sign-req both peer
./easyrsa build-key-server old
