import socket
import threading

from raw_socket import Peer


def fails(name):
    try:
        socket.getaddrinfo(name, 8171)
    except socket.gaierror:
        return
    raise SystemExit(f"{name} was found")


def serve(listening):
    peer = Peer.accept(listening)
    peer.hear()
    peer.say("close", b"\x03\xe8")
    peer.end()


fails("wss-typo.example.test")
fails("broken.example.test")
fails("bare.example.test")
fails("silent.example.test")

(*_, (host, port)), *_ = socket.getaddrinfo("chat", 8171, socket.AF_INET, socket.SOCK_STREAM)
assert host == "127.0.0.1"
server = threading.Thread(target=serve, args=[socket.create_server((host, port))])
server.start()
client = Peer.connect(port, "/chat")
client.say("close", b"\x03\xe8")
client.hear()
assert client.take(1) == b""
client.sock.close()
server.join()
