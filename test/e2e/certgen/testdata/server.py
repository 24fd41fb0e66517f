"""Serves to clients with a certificate, as strictly as Python can: server.py CA CERT KEY PORT."""
import socket, ssl, sys

ca, cert, key, port = sys.argv[1:]
c = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=ca)
c.verify_mode = ssl.CERT_REQUIRED
c.verify_flags |= ssl.VERIFY_X509_STRICT
c.load_cert_chain(cert, key)
with socket.create_server(("127.0.0.1", int(port))) as l:
    while True:
        raw, _ = l.accept()
        try:
            with c.wrap_socket(raw, server_side=True) as s:
                s.recv(4096)
                s.sendall(b"HTTP/1.0 200 OK\r\n\r\nok\n")
        except OSError as e:
            print("refused:", e, flush=True)
