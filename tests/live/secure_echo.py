"""Says one text to a WebSocket server inside TLS, hears it echoed, and says goodbye; the server is in this process.

secure_echo.py PORT CERTIFICATE KEY EXIT-CODE
"""
import base64
import hashlib
import os
import socket
import ssl
import sys
import threading

port, certificate, key, code = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
listener = socket.create_server(("127.0.0.1", port))


def read(peer, count):
    data = b""
    while len(data) < count:
        data += peer.recv(count - len(data))
    return data


def head(peer):
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        data += peer.recv(1)
    return data.decode()


def frame(peer):
    first, second = read(peer, 2)
    mask = read(peer, 4) if second & 0x80 else bytes(4)
    return first, bytes(byte ^ mask[at % 4] for at, byte in enumerate(read(peer, second & 0x7F)))


def serve():
    # A context that writes no key log: only the client does.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with context.wrap_socket(listener.accept()[0], server_side=True) as peer:
        name = [line.split(": ")[1] for line in head(peer).split("\r\n") if line.startswith("Sec-WebSocket-Key")][0]
        digest = hashlib.sha1((name + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        accept = base64.b64encode(digest).decode()
        peer.sendall(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      f"Sec-WebSocket-Accept: {accept}\r\n\r\n").encode())
        for _ in range(2):
            first, payload = frame(peer)
            peer.sendall(bytes([first, len(payload)]) + payload)


server = threading.Thread(target=serve)
server.start()
context = ssl.create_default_context(cafile=certificate)
with context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="localhost") as peer:
    nonce = base64.b64encode(os.urandom(16)).decode()
    peer.sendall((f"GET /secret HTTP/1.1\r\nHost: localhost:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  f"Sec-WebSocket-Key: {nonce}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
    head(peer)
    for first, payload in ((0x81, b"under TLS"), (0x88, b"\x03\xe8")):
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
        peer.sendall(bytes([first, 0x80 | len(payload)]) + mask + masked)
        frame(peer)
server.join()
print("the command's output")
print(os.environ["SSLKEYLOGFILE"], os.getuid(), os.environ.get("NODE_OPTIONS"), file=sys.stderr)
sys.exit(code)
