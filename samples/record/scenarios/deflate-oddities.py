import itertools
import zlib

from lax import Deflate, Pair

Pair.ports = itertools.count(8370)

TEXT = "good morning, good morning, and a very good morning to you"


def deflated(target, about, messages, **judgement):
    """The server sends (data, what travels instead); contexts are not taken over, so each stands for itself."""
    pair = Pair(about, **judgement)
    both = {"more": ["Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover"]}
    pair.ask(target, both)
    pair.answer(both)
    for data, wire in messages:
        pair.say("server", "text", data, deflated=wire)
    pair.close()


def stored(data, last=False):
    """A stored block (RFC 1951 §3.2.4), which begins at a whole byte and ends at one."""
    length = len(data).to_bytes(2, "little")
    return bytes([last]) + length + bytes(byte ^ 0xFF for byte in length) + data.encode()


def final(text):
    """A stream whose last block says that it is the last (BFINAL), filled up to a whole byte."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    return stream.compress(text.encode()) + stream.flush(zlib.Z_FINISH)


def flushed(*texts):
    """One stream, flushed behind each text; the tail of the last flush is removed (RFC 7692 §7.2.1)."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    return b"".join(stream.compress(text.encode()) + stream.flush(zlib.Z_SYNC_FLUSH) for text in texts)[:-4]


deflated("/larger", "what travels is six times as large as the text: a stored block for each character",
         [(TEXT, b"".join(map(stored, TEXT)) + b"\0")], breaks="PMD-15 server")
deflated("/tail", "the tail 00 00 ff ff is not removed", [(TEXT, Deflate()(TEXT) + b"\0\0\xff\xff")], breaks="PMD-15 server")
deflated("/behind-final", "another block, an empty one, follows the final block",
         [(TEXT, final(TEXT) + b"\x02\0")], breaks="PMD-15 server")
deflated("/plain-larger", "a short text that compression would make larger travels plain, after one that gets smaller",
         [(TEXT, Deflate()(TEXT)), ("hi", None)], near="PMD-15")
deflated("/example-final", "RFC 7692 §7.2.3.4: a final block and the byte 00; so short a text gets larger",
         [("Hello", bytes.fromhex("f348cdc9c9070000"))], near="PMD-15")
deflated("/final", "final blocks followed by the byte 00, in two messages", [(TEXT, final(TEXT) + b"\0")] * 2, near="PMD-15")
deflated("/stored", "a stored block between compressed ones",
         [(TEXT + "Hello" + TEXT, Deflate()(TEXT) + b"\0\0\xff\xff" + stored("Hello") + Deflate()(TEXT))], near="PMD-15")
deflated("/blocks", "a text flushed in the middle, so that it contains 00 00 ff ff", [(2 * TEXT, flushed(TEXT, TEXT))],
         near="PMD-15")
deflated("/empty", "an empty text travels as the byte 00 (RFC 7692 §7.2.3.6)", [("", b"\0"), (TEXT, Deflate()(TEXT))],
         near="PMD-15")
