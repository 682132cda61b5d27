import itertools
import socket
import struct
import time

import ws_log
from lax import Pair, close, refusal
from raw_socket import CODES, frame

Pair.ports = itertools.count(8150)
AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: close() sends RST


def reset(pair, side, outcome="aborted"):
    ws_log.log(event="ended", **pair.who["client"], outcome=outcome)
    for end in (pair.ends[side], *pair.ends.values()):
        if end.fileno() >= 0:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
            end.close()


pair = Pair("the server resets a connection before any request", breaks="NET-06 server")
time.sleep(0.1)
reset(pair, "server")

pair = Pair("the server resets instead of an answer", breaks="NET-06 server")
pair.ask("/crash")
ws_log.log(event="handshake", **pair.who["client"], target="/crash", status=None)
time.sleep(0.1)
reset(pair, "server")

pair = Pair("somebody looks whether the port is open", near="NET-06 NET-01")
reset(pair, "client")

pair = Pair("the server refuses, and then resets", near="NET-06", may="HS-45")
pair.ask("/full")
wire = pair.head(refusal("503 Service Unavailable", "Content-Length: 0"), ())
ws_log.log(event="rejected", **pair.who["client"], target="/full", status=503, subprotocol=None, extensions=None)
pair.send("server", wire)
reset(pair, "server", "rejected")

pair = Pair("the server is killed in the middle of a text", breaks="NET-07 server", may="WS-F15")
pair.ask("/long")
pair.answer()
pair.lose("server", "text", 5000)
pair.send("server", frame(CODES["text"], b"x" * 700, masked=False, declared=5000))
reset(pair, "server")

pair = Pair("the client resets after both Closes", near="NET-06 NET-07 WS-C12")
pair.ask("/bye")
pair.answer()
pair.chat()
pair.say("client", "close", close(1000))
pair.say("server", "close", close(1000))
reset(pair, "client", "closed")
