"""Connects as strictly as Python can, as 3.13 does by default: client.py CA PORT PROTOCOL."""
import socket, ssl, sys

ca, port, protocol = sys.argv[1:]
c = ssl.create_default_context(cafile=ca)
c.verify_flags |= ssl.VERIFY_X509_STRICT | getattr(ssl, "VERIFY_X509_PARTIAL_CHAIN", 0)
c.minimum_version = c.maximum_version = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}[protocol]
with c.wrap_socket(socket.create_connection(("localhost", int(port)), 10), server_hostname="localhost") as s:
    s.sendall(b"GET / HTTP/1.0\r\n\r\n")
    assert s.recv(1), "closed"
    print("ok", s.version())
