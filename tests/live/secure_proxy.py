"""A proxy that ends TLS and strips the upgrade, the server that it asks, and a client that wants a WebSocket.

secure_proxy.py PORT CERTIFICATE KEY EXIT-CODE; the server is on the port after that of the proxy.
"""
import http.client
import http.server
import os
import socket
import ssl
import sys
import threading

port, certificate, key = int(sys.argv[1]), sys.argv[2], sys.argv[3]


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(Handler):
    def do_GET(self):
        self.answer(400, b"not an upgrade")


class Proxy(Handler):
    def do_GET(self):
        fields = {name: value for name, value in self.headers.items() if name.lower() not in ("upgrade", "connection")}
        inner = http.client.HTTPConnection("127.0.0.1", port + 1)
        inner.request("GET", self.path, headers={**fields, "Connection": "close"})
        response = inner.getresponse()
        self.answer(response.status, response.read())


server = http.server.HTTPServer(("127.0.0.1", port + 1), Server)
proxy = http.server.HTTPServer(("127.0.0.1", port), Proxy)
inside = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
inside.load_cert_chain(certificate, key)
proxy.socket = inside.wrap_socket(proxy.socket, server_side=True)
for each in (server, proxy):
    threading.Thread(target=each.handle_request, daemon=True).start()
outside = ssl.create_default_context(cafile=certificate)
with outside.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="localhost") as peer:
    peer.sendall(f"GET /chat HTTP/1.1\r\nHost: localhost:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
    while peer.recv(4096):
        pass
print("the command's output")
print(os.environ["SSLKEYLOGFILE"], os.getuid(), os.environ.get("NODE_OPTIONS"), file=sys.stderr)
sys.exit(int(sys.argv[4]))
