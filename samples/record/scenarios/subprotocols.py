import itertools
import json

from lax import Pair

Pair.ports = itertools.count(8360)

# MQTT 3.1.1: CONNECT of the client "lamp" and its CONNACK; SUBSCRIBE to "home/#" and its SUBACK; PUBLISH; DISCONNECT.
CONNECT = bytes.fromhex("10 10 0004 4d515454 04 02 003c 0004") + b"lamp"
CONNACK = bytes.fromhex("20 02 00 00")
SUBSCRIBE = bytes.fromhex("82 0b 0001 0006") + b"home/#" + b"\0"
SUBACK = bytes.fromhex("90 03 0001 00")
PUBLISH = bytes.fromhex("30 0d 0009") + b"home/lamp" + b"on"
DISCONNECT = bytes.fromhex("e0 00")

STOMP = "v12.stomp"
STOMP_OPENING = (("client", "CONNECT\naccept-version:1.2\nhost:127.0.0.1\nheart-beat:0,1000\n\n\0"),
                 ("server", "CONNECTED\nversion:1.2\nheart-beat:1000,0\n\n\0"))

GRAPHQL = "graphql-transport-ws"
GRAPHQL_OPENING = (("client", json.dumps({"type": "connection_init"})), ("server", json.dumps({"type": "connection_ack"})))


def converse(target, about, subprotocol, messages, opcode="text", **judgement):
    pair = Pair(about, **judgement)
    pair.ask(target, {"more": [f"Sec-WebSocket-Protocol: {subprotocol}"]})
    pair.answer({"more": [f"Sec-WebSocket-Protocol: {subprotocol}"]})
    for side, data in messages:
        pair.say(side, opcode, data)
    pair.close()


converse("/graphql-word", "a GraphQL client sends a word that is not JSON", GRAPHQL, (*GRAPHQL_OPENING, ("client", "ping")),
         breaks="WS-M03 client")
converse("/graphql-cut", "a GraphQL server sends JSON that ends too early", GRAPHQL,
         (*GRAPHQL_OPENING, ("server", '{"id":"1","type":"next","payload":{"data":{"hello":"wor')), breaks="WS-M03 server")
converse("/graphql", "valid GraphQL, with a line end after the JSON", GRAPHQL,
         (*GRAPHQL_OPENING,
          ("client", json.dumps({"id": "1", "type": "subscribe", "payload": {"query": "subscription { hello }"}})),
          ("server", json.dumps({"id": "1", "type": "next", "payload": {"data": {"hello": "wörld"}}}, ensure_ascii=False)),
          ("server", json.dumps({"type": "ping"})), ("client", json.dumps({"type": "pong"}) + "\n"),
          ("server", json.dumps({"id": "1", "type": "complete"}))), near="WS-M03")

converse("/mqtt-zero", "an MQTT server sends a packet of type 0", "mqtt",
         (("client", CONNECT), ("server", CONNACK), ("server", b"\0\0")), "binary", breaks="WS-M03 server")
converse("/mqtt-spread", "MQTT packets over the bounds of messages: one in two messages, two and a half in one", "mqtt",
         (("client", CONNECT[:7]), ("client", CONNECT[7:]), ("server", CONNACK), ("client", SUBSCRIBE + PUBLISH + PUBLISH[:4]),
          ("client", PUBLISH[4:]), ("server", SUBACK + PUBLISH), ("client", DISCONNECT)), "binary", near="WS-M03")

converse("/stomp-no-end", "a STOMP client sends a frame without the NUL at its end", STOMP,
         (*STOMP_OPENING, ("client", "SEND\ndestination:/queue/a\n\nhello")), breaks="WS-M03 client")
converse("/stomp", "valid STOMP: heart-beats, and line ends after a frame", STOMP,
         (*STOMP_OPENING, ("server", "\n"), ("client", "SEND\ndestination:/queue/a\n\nhello\0\n\n"), ("server", "\n"),
          ("client", "DISCONNECT\r\nreceipt:7\r\n\r\n\0"), ("server", "RECEIPT\nreceipt-id:7\n\n\0")), near="WS-M03")

converse("/own", "a subprotocol of somebody's own, of which nothing is known", "chat.example.com",
         (("client", "{ no JSON"), ("server", "\0\0")), near="WS-M03")
