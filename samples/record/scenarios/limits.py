import itertools

from lax import Deflate, Pair, meet

Pair.ports = itertools.count(8384)


def heads():
    meet("/small", "a request with a head of some 61 KB, within the limit of 64 KiB", ask=cookies(60_000), near="CAP-09")
    pair = Pair("a request with a head of some 67 KB, over the limit of 64 KiB", breaks="CAP-09")
    pair.ask("/large", cookies(66_000))
    pair.target = None  # it is let go with the rest of the head
    pair.answer()
    pair.chat()
    pair.close()


def cookies(length):
    """Cookies that make the request's head, which has other fields of some 200 bytes, a bit longer than `length`."""
    size, cookie = 0, []
    while size < length:
        cookie.append(f"c{len(cookie)}={'x' * 1000}")
        size += len(cookie[-1]) + 2
    return {"more": ["Cookie: " + "; ".join(cookie)]}


def a_million():
    """A tenth of that in the capture, because it is compressed: a large table is nothing rare, and no bomb."""
    pair = Pair("a text of a million bytes in one frame", near="WS-F14 PMD-13")
    deflate = {"more": ["Sec-WebSocket-Extensions: permessage-deflate"]}
    pair.ask("/million", deflate)
    pair.answer(deflate)
    rows = (f"{n:06}  sensor {n % 40:02}  {20 + n * n % 97 / 10:.1f} degrees, battery at {99 - n // 250 % 99} percent\n"
            for n in range(20_000))
    text = "".join(rows)[:1_000_000]
    pair.say("server", "text", text, deflated=Deflate()(text))
    pair.close()


heads()
a_million()
