import itertools

from lax import Pair, meet

Pair.ports = itertools.count(8384)


def cookies(length):
    """Cookies that make the request's head, which has other fields of some 200 bytes, a bit longer than `length`."""
    size, cookie = 0, []
    while size < length:
        cookie.append(f"c{len(cookie)}={'x' * 1000}")
        size += len(cookie[-1]) + 2
    return {"more": ["Cookie: " + "; ".join(cookie)]}


meet("/small", "a request with a head of some 61 KB, within the limit of 64 KiB", ask=cookies(60_000), near="CAP-09")

large = Pair("a request with a head of some 67 KB, over the limit of 64 KiB", breaks="CAP-09")
large.ask("/large", cookies(66_000))
large.target = None  # it is let go with the rest of the head
large.answer()
large.chat()
large.close()
