import itertools

from lax import Pair, meet

Pair.ports = itertools.count(8240)

FIREFOX = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
FETCH = ["Sec-Fetch-Dest: empty", "Sec-Fetch-Mode: websocket", "Sec-Fetch-Site: same-origin"]
EXTENSIONS = "Sec-WebSocket-Extensions: "
PROTOCOL = "Sec-WebSocket-Protocol: "


def once():
    meet("/key-twice", "the request has the same Sec-WebSocket-Key twice", ask={"Key": ["Sec-WebSocket-Key: {key}"] * 2},
         breaks="HS-09 client", may="HS-25")
    meet("/version-twice", "the request has the same Sec-WebSocket-Version twice",
         ask={"Version": ["Sec-WebSocket-Version: 13"] * 2}, breaks="HS-09 client", may="HS-25")
    meet("/accept-twice", "the response has the same Sec-WebSocket-Accept twice",
         answer={"Accept": ["Sec-WebSocket-Accept: {accept}"] * 2}, breaks="HS-09 server", may="HS-26")
    meet("/protocol-twice", "the response has the same Sec-WebSocket-Protocol twice", ask={"more": [PROTOCOL + "chat"]},
         answer={"more": [PROTOCOL + "chat"] * 2}, breaks="HS-09 server", may="HS-21 HS-26")
    meet("/protocol-lines", "Sec-WebSocket-Protocol occurs twice in the request, with different subprotocols",
         ask={"more": [PROTOCOL + "chat", PROTOCOL + "superchat"]}, answer={"more": [PROTOCOL + "superchat"]},
         near="HS-09 HS-13 HS-21")


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
    meet("/extension-no-value", "a parameter ends after its =", ask={"more": [EXTENSIONS + "x-note; level="]},
         breaks="HS-14 client", may="HS-25")
    meet("/extension-no-name", "a parameter has no name", ask={"more": [EXTENSIONS + "x-note; =1"]},
         breaks="HS-14 client", may="HS-25")
    meet("/extension-open-quote", "a quoted value is never closed", ask={"more": [EXTENSIONS + 'x-note; level="low']},
         breaks="HS-14 client", may="HS-25")
    meet("/extension-quoted-space", "the quoted value is not a token (RFC 6455 §9.1)",
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


def origin():
    meet("/browser", "a browser by its headers, without Origin", ask={"more": [FIREFOX, *FETCH]}, breaks="HS-28 client")
    meet("/browser-origin", "the same with Origin", ask={"more": [FIREFOX, "Origin: http://127.0.0.1:8080", *FETCH]},
         near="HS-28")
    meet("/browser-null", "the same with Origin: null, as from a file", ask={"more": [FIREFOX, "origin: null", *FETCH]},
         near="HS-28")
    meet("/library", "no browser, and no Origin", ask={"more": ["User-Agent: Python/3.11 websockets/13.1"]}, near="HS-28")


for group in (once, subprotocols, extensions, origin):
    group()
