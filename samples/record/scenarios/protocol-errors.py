import socket
import sys

from raw_socket import Peer

TEXT, PING = 1, 9


def server():
    """Echoes whole texts whatever they are, and closes: once with a code that must not be sent."""
    listening = socket.create_server(("127.0.0.1", 8116))
    while True:
        peer = Peer.accept(listening)
        while frame := peer.hear():
            opcode, fin, data = frame
            if opcode == TEXT and data == b"close me badly":
                peer.say("close", (1005).to_bytes(2, "big") + b"no status")
            elif opcode == TEXT and fin:
                peer.say("text", data)
            elif opcode == 8:
                if data != (1005).to_bytes(2, "big"):
                    peer.say("close", data)
                break
        peer.end()


def unmasked_client_frame():
    peer = Peer.connect(8116, "/unmasked")
    peer.say("text", b"masked as it should be")
    peer.hear()
    peer.say("text", b"not masked", masked=False)
    peer.hear()
    leave(peer)


def illegal_close_code():
    peer = Peer.connect(8116, "/close-1005")
    peer.say("text", b"close me badly")
    peer.hear()
    peer.say("close", (1002).to_bytes(2, "big"))
    peer.end()


def text_that_is_not_utf8():
    peer = Peer.connect(8116, "/utf8")
    peer.say("text", b"caf\xe9 in Latin-1")
    peer.hear()
    leave(peer)


def fragmented_ping_and_reserved_bit():
    peer = Peer.connect(8116, "/frames")
    # Whether these two frames make a message is a matter of taste.
    peer.note(more_messages=True)
    peer.frame(PING, b"pi", fin=False)
    peer.frame(0, b"ng")
    peer.say("text", b"RSV2 is set", rsv=2)
    peer.hear()
    leave(peer)


def leave(peer):
    peer.say("close", (1000).to_bytes(2, "big"))
    peer.hear()
    peer.hear()  # the server ends the connection first
    peer.end()


if sys.argv[1] == "server":
    server()
else:
    unmasked_client_frame()
    illegal_close_code()
    text_that_is_not_utf8()
    fragmented_ping_and_reserved_bit()
