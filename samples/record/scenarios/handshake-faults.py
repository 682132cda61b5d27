import itertools

from lax import Pair, meet, refusal

Pair.ports = itertools.count(8200)

FIREFOX = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
FETCH = ["Sec-Fetch-Dest: empty", "Sec-Fetch-Mode: websocket", "Sec-Fetch-Site: same-origin"]
EXTENSIONS = "Sec-WebSocket-Extensions: "
PROTOCOL = "Sec-WebSocket-Protocol: "


def version():
    meet("/http-1.0", "the request is HTTP/1.0", ask={"start": "GET {target} HTTP/1.0"},
         breaks="HS-02 client", may="HS-25")
    meet("/http-1.2", "the request is HTTP/1.2: at least 1.1 is asked for", ask={"start": "GET {target} HTTP/1.2"},
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


def once():
    meet("/key-twice", "the request has the same Sec-WebSocket-Key twice", ask={"Key": ["Sec-WebSocket-Key: {key}"] * 2},
         breaks="HS-09 client", may="HS-25")
    meet("/version-twice", "the request has the same Sec-WebSocket-Version twice",
         ask={"Version": ["Sec-WebSocket-Version: 13"] * 2}, breaks="HS-09 client", may="HS-25")
    meet("/accept-twice", "the response has the same Sec-WebSocket-Accept twice",
         answer={"Accept": ["Sec-WebSocket-Accept: {accept}"] * 2}, breaks="HS-09 server", may="HS-26")
    meet("/protocol-twice", "the response has the same Sec-WebSocket-Protocol twice", ask={"more": [PROTOCOL + "chat"]},
         answer={"more": [PROTOCOL + "chat"] * 2}, breaks="HS-09 server", may="HS-21 HS-26")
    meet("/protocol-lines", "Sec-WebSocket-Protocol stands twice in the request, with different subprotocols",
         ask={"more": [PROTOCOL + "chat", PROTOCOL + "superchat"]}, answer={"more": [PROTOCOL + "superchat"]},
         near="HS-09 HS-13 HS-21")


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


def protocol_version():
    meet("/no-version", "the request has no Sec-WebSocket-Version", ask={"Version": []}, breaks="HS-11 client", may="HS-25")
    meet("/tight-version", "the field is called sec-websocket-version and has no space before its value",
         ask={"Version": "sec-websocket-version:13"}, near="HS-11 HS-12")
    meet("/wide-version", "tabs and spaces around the version", ask={"Version": "Sec-WebSocket-Version: \t 13 \t"},
         near="HS-11 HS-12")
    old = {"Version": "Sec-WebSocket-Version: 8"}
    meet("/hybi-8", "the request asks for version 8, and gets it", ask=old, breaks="HS-12 client", may="HS-25")
    meet("/426-nothing", "version 8 is refused with neither Upgrade nor Sec-WebSocket-Version", ask=old,
         answer=refusal("426 Upgrade Required", "Content-Length: 0"),
         breaks="HS-12 client, HS-24 server, HS-31 server", may="HS-44")
    meet("/426-no-version", "version 8 is refused without Sec-WebSocket-Version", ask=old,
         answer=refusal("426 Upgrade Required", "Upgrade: websocket", "Content-Length: 0"),
         breaks="HS-12 client, HS-31 server", may="HS-44", near="HS-24")
    meet("/426-no-upgrade", "version 8 is refused with 426 without Upgrade", ask=old,
         answer=refusal("426 Upgrade Required", "Sec-WebSocket-Version: 13", "Content-Length: 0"),
         breaks="HS-12 client, HS-24 server", may="HS-44", near="HS-31")
    meet("/426", "version 8 is refused as it should be, with the supported versions in two fields", ask=old,
         answer=refusal("426 Upgrade Required", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                        "Sec-WebSocket-Version: 14, 15", "Content-Length: 0"),
         breaks="HS-12 client", may="HS-44", near="HS-09 HS-24 HS-31")
    meet("/400-version", "version 8 is refused with 400, which needs no Upgrade", ask=old,
         answer=refusal("400 Bad Request", "Sec-WebSocket-Version: 13", "Content-Length: 0"),
         breaks="HS-12 client", may="HS-40 HS-44", near="HS-24 HS-31")
    meet("/400", "a request for version 13 is refused for some other reason",
         answer=refusal("400 Bad Request", "Content-Length: 0"), may="HS-40", near="HS-24 HS-31")


def subprotocols():
    meet("/protocol-empty", "Sec-WebSocket-Protocol is empty", ask={"more": [PROTOCOL]}, breaks="HS-13 client", may="HS-25")
    meet("/protocol-repeated", "the same subprotocol is offered twice", ask={"more": [PROTOCOL + "chat, superchat, chat"]},
         answer={"more": [PROTOCOL + "chat"]}, breaks="HS-13 client", may="HS-25")
    meet("/protocol-over-lines", "the same subprotocol is offered in two fields",
         ask={"more": [PROTOCOL + "chat", PROTOCOL + "chat"]}, answer={"more": [PROTOCOL + "chat"]},
         breaks="HS-13 client", may="HS-25", near="HS-09")
    meet("/protocol-space", "the name of a subprotocol has a space", ask={"more": [PROTOCOL + "chat, super chat"]},
         answer={"more": [PROTOCOL + "chat"]}, breaks="HS-13 client", may="HS-25")
    meet("/protocol-lists", "subprotocols in three fields, all different, one the beginning of another",
         ask={"more": [PROTOCOL + "chat", PROTOCOL + "chat.v2,superchat", PROTOCOL + "v10.stomp"]},
         answer={"more": [PROTOCOL + "chat.v2"]}, near="HS-09 HS-13 HS-21")
    meet("/protocol-marks", "names with every mark that a token may have", ask={"more": [PROTOCOL + "a!#$%&'*+-.^_`|~z, b"]},
         answer={"more": [PROTOCOL + "b"]}, near="HS-13")


def extensions():
    meet("/extension-no-value", "a parameter ends behind its =", ask={"more": [EXTENSIONS + "x-note; level="]},
         breaks="HS-14 client", may="HS-25")
    meet("/extension-no-name", "a parameter has no name", ask={"more": [EXTENSIONS + "x-note; =1"]},
         breaks="HS-14 client", may="HS-25")
    meet("/extension-open-quote", "a quoted value is never closed", ask={"more": [EXTENSIONS + 'x-note; level="low']},
         breaks="HS-14 client", may="HS-25")
    meet("/extension-quoted-space", "what is quoted is no token (RFC 6455 §9.1)",
         ask={"more": [EXTENSIONS + 'x-note; level="very low"']}, breaks="HS-14 client", may="HS-25")
    meet("/extension-semicolon", "the response ends with a semicolon", ask={"more": [EXTENSIONS + "x-note"]},
         answer={"more": [EXTENSIONS + "x-note;"]}, breaks="HS-14 server", may="HS-26")
    meet("/extension-quoted", "a quoted value, with an escape in it", ask={"more": [EXTENSIONS + 'x-note; level="lo\\w"; n="1"']},
         near="HS-14")
    meet("/extension-empty-members", "empty members of the list", ask={"more": [EXTENSIONS + ", x-note,, x-mark ; level = 1 ,"]},
         near="HS-14")
    meet("/extension-lines", "the response repeats Sec-WebSocket-Extensions", ask={"more": [EXTENSIONS + "x-note, x-mark"]},
         answer={"more": [EXTENSIONS + "x-note", EXTENSIONS + "x-mark"]}, breaks="HS-27 server", near="HS-14 HS-20")
    meet("/extension-asked-in-lines", "the request repeats Sec-WebSocket-Extensions; the response lists both in one",
         ask={"more": [EXTENSIONS + "x-note", EXTENSIONS + "x-mark"]}, answer={"more": [EXTENSIONS + "x-note, x-mark"]},
         near="HS-14 HS-20 HS-27")


def bodies():
    meet("/101-length", "the 101 has Content-Length", answer={"more": ["Content-Length: 0"]}, breaks="HS-23 server")
    meet("/101-chunked", "the 101 has Transfer-Encoding", answer={"more": ["Transfer-Encoding: chunked"]},
         breaks="HS-23 server")
    meet("/101-gzip", "the 101 has Content-Encoding", answer={"more": ["Content-Encoding: gzip"]}, breaks="HS-23 server")
    meet("/101-type", "the 101 has fields about content that are not forbidden",
         answer={"more": ["Content-Type: text/plain", "Vary: Accept-Encoding", "X-Content-Length: 5"]}, near="HS-23")
    meet("/refused-with-length", "Content-Length, on a refusal",
         answer=refusal("403 Forbidden", "Content-Type: text/plain", "Content-Length: 0"), may="HS-42", near="HS-23")


def going_on():
    wrong = {"Accept": "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA="}
    for target, about, rule, ask, answer in (
            ("/wrong-accept", "Sec-WebSocket-Accept is wrong", "HS-19", (), wrong),
            ("/no-accept", "Sec-WebSocket-Accept is missing", "HS-18", (), {"Accept": []}),
            ("/101-no-upgrade", "the 101 has no Upgrade", "HS-16", (), {"Upgrade": []}),
            ("/101-keep-alive", "the 101 has Connection: keep-alive", "HS-17", (), {"Connection": "Connection: keep-alive"}),
            ("/subprotocol", "the subprotocol was not offered", "HS-21", {"more": [PROTOCOL + "chat"]},
             {"more": [PROTOCOL + "superchat"]}),
            ("/extension", "the extension was not offered", "HS-20", {"more": [EXTENSIONS + "x-note"]},
             {"more": [EXTENSIONS + "x-mark"]})):
        notes = {"unlike_tshark": True} if rule == "HS-16" else {}  # tshark does not go on
        meet(target, about + ", and the client goes on", ask=ask, answer=answer, notes=notes,
             breaks=f"{rule} server, HS-26 client")
    closes = Pair("Sec-WebSocket-Accept is wrong, and the client closes with 1002", breaks="HS-19 server", near="HS-26")
    closes.ask("/wrong-accept-close")
    closes.answer(wrong)
    closes.close(code=1002)
    leaves = Pair("Sec-WebSocket-Accept is wrong; the server sends a text, the client ends TCP and sends nothing",
                  breaks="HS-19 server", may="WS-C12", near="HS-26")
    leaves.ask("/wrong-accept-leave")
    leaves.answer(wrong)
    leaves.say("server", "text", "welcome")
    leaves.end("aborted", first="client")


def origin():
    meet("/browser", "a browser by its headers, without Origin", ask={"more": [FIREFOX, *FETCH]}, breaks="HS-28 client")
    meet("/browser-origin", "the same with Origin", ask={"more": [FIREFOX, "Origin: http://127.0.0.1:8080", *FETCH]},
         near="HS-28")
    meet("/browser-null", "the same with Origin: null, as from a file", ask={"more": [FIREFOX, "origin: null", *FETCH]},
         near="HS-28")
    meet("/library", "no browser, and no Origin", ask={"more": ["User-Agent: Python/3.11 websockets/13.1"]}, near="HS-28")


def secrets():
    meet("/feed?access_token=3q2-7wAB", "a token in the query", breaks="HS-29 client")
    meet("/feed?user=ann&password=hunter2", "a password in the query", breaks="HS-29 client")
    meet("/tokens/passwords?topic=token&tokenizer=words", "words for secrets, but none is the name of a parameter",
         near="HS-29")


def line_ends():
    meet("/bare-lf", "the lines of the request end with LF", ask={"end": "\n"}, breaks="HS-30 client", may="HS-25")
    meet("/101-bare-lf", "the lines of the response end with LF", answer={"end": "\n"}, breaks="HS-30 server", may="HS-26")
    meet("/empty-line-first", "an empty line before the request (RFC 9112 §2.2)", ask={"before": "\r\n"}, near="HS-30")


for group in (version, target, host, upgrade, once, key, protocol_version, subprotocols, extensions, bodies, going_on,
              origin, secrets, line_ends):
    group()
