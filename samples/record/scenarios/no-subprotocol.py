import socket

from raw_socket import Peer

listening = socket.create_server(("127.0.0.1", 8171))
for _ in range(2):
    peer = Peer.accept(listening)
    # A client that did not like the response leaves without a frame.
    spoken = peer.sock.recv(1, socket.MSG_PEEK)
    if spoken:
        _, _, text = peer.hear()
        peer.say("text", text)
        peer.hear()
        peer.say("close", b"\x03\xe8")
    peer.end("closed" if spoken else "aborted")
