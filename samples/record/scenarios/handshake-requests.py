import itertools

from lax import Pair, meet

Pair.ports = itertools.count(8200)


def version():
    meet("/http-1.0", "the request is HTTP/1.0", ask={"start": "GET {target} HTTP/1.0"},
         breaks="HS-02 client", may="HS-25")
    meet("/http-1.2", "the request is HTTP/1.2: at least 1.1 is required", ask={"start": "GET {target} HTTP/1.2"},
         near="HS-02")


def target():
    meet("/fragment#part", "the target has a fragment", breaks="HS-03 client", may="HS-25")
    meet("no-slash", "the target is neither a path nor an absolute URI", breaks="HS-03 client", may="HS-25")
    meet("http://127.0.0.1:{port}/absolute", "the target is an absolute URI", near="HS-03")
    meet("/percent%23escape", "the target has an escaped #, which begins no fragment", near="HS-03")
    meet("/?next=/a?b//c:d@e", "the target has a query with the delimiters that a query may have", near="HS-03 HS-29")


def host():
    meet("/no-host", "the request has no Host", ask={"Host": []}, breaks="HS-04 client", may="HS-25")
    meet("/host-twice", "the request has the same Host twice", ask={"Host": ["Host: 127.0.0.1:{port}"] * 2},
         breaks="HS-04 client", may="HS-25")
    meet("/lower-case-host", "the field is called host, and its value has a port", ask={"Host": "host: localhost:{port}"},
         near="HS-04")
    meet("/like-host", "Host is there once, beside fields that are called almost so",
         ask={"more": ["X-Host: example.com", "X-Forwarded-Host: example.com"]}, near="HS-04 HS-49")


def upgrade():
    meet("/no-upgrade", "the request has no Upgrade", ask={"Upgrade": []}, breaks="HS-05 client", may="HS-25")
    meet("/other-upgrade", "Upgrade names another protocol", ask={"Upgrade": "Upgrade: websockets"},
         breaks="HS-05 client", may="HS-25")
    meet("/upgrade-case", "Upgrade says WebSocket: the letter case does not matter", ask={"Upgrade": "Upgrade: WebSocket"},
         near="HS-05")
    meet("/upgrade-list", "Upgrade offers h2c before websocket", ask={"Upgrade": "Upgrade: h2c, websocket"}, near="HS-05")
    meet("/connection", "Connection does not name Upgrade", ask={"Connection": "Connection: keep-alive"},
         breaks="HS-06 client", may="HS-25")
    meet("/connection-list", "Connection names upgrade as the second of two, in lower case",
         ask={"Connection": "Connection: keep-alive, upgrade"}, near="HS-06")


def key():
    meet("/key-of-one-byte", "the key is sixteen zero bytes", key="AAAAAAAAAAAAAAAAAAAAAA==", breaks="HS-10 client")
    fixed = "Zm91bmQgaW4gYSBib29rIQ=="
    meet("/key-first", "a key that the next connection uses again", key=fixed, near="HS-10")
    meet("/key-again", "the key of the connection before this one", key=fixed, breaks="HS-10 client")
    two_legs()


def two_legs():
    """A proxy between client and server: it hands the key on, and both connections are open at the same time."""
    first = Pair("the client's leg to a proxy, which hands the key on", near="HS-10")
    first.ask("/leg")
    second = Pair("the proxy's leg to the server, with the key of the client's", near="HS-10")
    second.ask("/leg", {"more": ["Via: 1.1 proxy"]}, key=first.key)
    second.answer()
    first.answer({"more": ["Via: 1.1 proxy"]})
    for side, legs in (("client", (first, second)), ("server", (second, first))):
        for leg in legs:
            leg.say(side, "text", "good morning")
    second.close()
    first.close()


def secrets():
    meet("/feed?access_token=3q2-7wAB", "a token in the query, on loopback", near="HS-29")
    meet("/feed?user=ann&password=hunter2", "a password in the query, on loopback", near="HS-29")
    meet("/tokens/passwords?topic=token&tokenizer=words", "words for secrets, but none is the name of a parameter",
         near="HS-29")


def line_ends():
    meet("/bare-lf", "the lines of the request end with LF", ask={"end": "\n"}, breaks="HS-30 client", may="HS-25")
    meet("/101-bare-lf", "the lines of the response end with LF", answer={"end": "\n"}, breaks="HS-30 server", may="HS-26")
    meet("/empty-line-first", "an empty line before the request (RFC 9112 §2.2)", ask={"before": "\r\n"}, near="HS-30")


for group in (version, target, host, upgrade, key, secrets, line_ends):
    group()
