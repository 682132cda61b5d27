import itertools

from lax import Pair
from raw_socket import CODES, frame

Pair.ports = itertools.count(8350)


def connect(target, about, **judgement):
    pair = Pair(about, **judgement)
    pair.ask(target)
    pair.answer()
    pair.chat()
    return pair


def tebibyte(side):
    """A frame that announces 1 TiB, of which a hundred bytes come before its sender ends the connection."""
    pair = connect(f"/tebibyte-{side}", f"the {side} announces a frame of 1 TiB and ends TCP after a hundred bytes of it",
                   breaks=f"WS-F14 {side}", may="WS-F15 WS-C12 WS-M02")
    pair.lose(side, "binary", 1 << 40)
    pair.send(side, frame(CODES["binary"], bytes(range(100)), masked=side == "client", declared=1 << 40))
    pair.end("aborted", first=side)


def fragments(side):
    pair = connect(f"/crumbs-{side}", f"the {side} sends forty characters in forty fragments", breaks=f"WS-F16 {side}")
    text = b"forty characters, one in each fragment.."
    pair.say(side, "text", text, pieces=[bytes([byte]) for byte in text])
    pair.close()


def few_fragments():
    pair = connect("/few", "five fragments, three of them empty, and control frames after the first", near="WS-F16 WS-F12")
    pair.say("client", "text", "two parts", pieces=[b"", b"two ", b"", b"parts", b""],
             between=[("ping", "still there?"), ("pong", "")])
    pair.say("server", "pong", "still there?")
    pair.close()
    pair = connect("/many", "forty fragments of 250 bytes", near="WS-F16")
    pieces = [bytes([65 + n % 26]) * 250 for n in range(40)]
    pair.say("client", "binary", b"".join(pieces), pieces=pieces)
    pair.close()


tebibyte("client")
tebibyte("server")
fragments("client")
fragments("server")
few_fragments()
