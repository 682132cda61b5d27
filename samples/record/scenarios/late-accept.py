import socket
import threading
import time

import ws_log
from raw_socket import Peer

listening = socket.create_server(("127.0.0.1", 8170), backlog=0)


def serve():
    """Busy at first; then takes whoever waits."""
    time.sleep(0.6)
    for _ in range(2):
        peer = Peer.accept(listening)
        opcode, _, text = peer.hear()
        assert opcode == 1
        peer.say("text", text)
        peer.hear()
        peer.say("close", b"\x03\xe8")
        peer.end()


def talk(text, **judgement):
    peer = Peer.connect(8170, "/busy")
    peer.note(**judgement)
    peer.say("text", text)
    peer.hear()
    peer.say("close", b"\x03\xe8")
    peer.hear()
    assert peer.take(1) == b""
    peer.sock.close()


server = threading.Thread(target=serve)
server.start()
first = threading.Thread(target=talk, args=[b"first"], kwargs={
    "about": "waits in the queue until it is accepted", "rules": [], "near": ["NET-10"]})
first.start()
time.sleep(0.2)
talk(b"second", about="the queue is full, so that its first SYN is dropped", rules=[["NET-10", None]], may=["HS-51"])
first.join()
server.join()
