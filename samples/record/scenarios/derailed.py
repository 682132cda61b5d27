import json

from raw_socket import CODES, Peer

# The same bytes in every recording: how they are misread depends on the key.
KEY = bytes.fromhex("5a0bc49e")


def derail(target, meant, *wire):
    peer = Peer.connect(8131, target)
    peer.say("text", b"good morning")
    peer.hear()
    # What comes now is not what it is meant to be.
    peer.note(receiver_stopped=True, more_messages=True, unlike_tshark=True, meant=meant)
    peer.sock.sendall(b"".join(wire))
    while peer.hear():  # up to its Close, and its end
        pass
    peer.end("aborted")


def text(words, declared=None):
    """A frame of a text; `declared` is what its second byte says of the length."""
    data = words.encode()
    declared = len(data) if declared is None else declared
    masked = bytes(byte ^ KEY[i % 4] for i, byte in enumerate(data))
    return bytes([0x80 | CODES["text"], 0x80 | declared]) + KEY + masked


def in_characters(words):
    return text(words, declared=len(words))


order, heartbeat = json.dumps({"order": 17, "items": ["tea", "coffee", "sugar"], "paid": False}), json.dumps({"heartbeat": 3})
whole = text(order)
half = len(whole) // 2
derail("/two-writers", [order, heartbeat], whole[:half], text(heartbeat), whole[half:], text("good night"))

words = ["Grüße aus Köln", "schöne Straßen", "übermorgen für später"]
derail("/characters", words, in_characters(words[0]), text("nothing special"), in_characters(words[1]),
       in_characters(words[2]), text("good night"), text("sleep well"))

long = json.dumps({"text": "a message that is longer than it may be in the short form", "from": "ann", "to": "bob", "id": 4711})
long = long.ljust(132)
derail("/seven-bits", [long], text(long, declared=132), text("good night"))
