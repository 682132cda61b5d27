import itertools

from lax import Pair, meet, refusal

Pair.ports = itertools.count(8270)

EXTENSIONS = "Sec-WebSocket-Extensions: "
PROTOCOL = "Sec-WebSocket-Protocol: "


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


for group in (protocol_version, bodies, going_on):
    group()
