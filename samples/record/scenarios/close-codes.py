import itertools

from lax import Pair

Pair.ports = itertools.count(8340)


def closes(target, about, *, breaks="", may="", near="", **closing):
    pair = Pair(about, breaks=breaks, may=may, near=near)
    pair.ask(target)
    pair.answer()
    pair.chat()
    pair.close(**closing)


closes("/1000-1001", "the client's 1000 is answered with 1001", code=1000, answer=1001, breaks="WS-C10 server")
closes("/1011-1000", "the server's 1011 is answered with 1000", first="server", code=1011, answer=1000,
       breaks="WS-C10 client")
closes("/1000", "1000 is answered with 1000", near="WS-C10")
closes("/empty", "an empty Close is answered with an empty one", code=0, near="WS-C10")
closes("/reason", "the code is answered, the reason is not", reason="done for today", near="WS-C10")
closes("/application", "a code of the application's, and each side's own reason", first="server", code=4000,
       reason="session over", answer_reason="yes, over", near="WS-C10")
closes("/server-1010", "the server closes with 1010", first="server", code=1010, reason="no extension", breaks="WS-C11 server")
closes("/client-1010", "the client closes with 1010, and the server echoes its code", code=1010, reason="permessage-deflate",
       near="WS-C10 WS-C11")
closes("/server-1011", "the server closes with 1011, the code next to 1010", first="server", code=1011, reason="no luck",
       near="WS-C11")
