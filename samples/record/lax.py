"""A lax client and a lax server in one program: each sends exactly what a scenario hands it, and neither objects.

Every connection has a server port of its own, so it is known again in the next recording. Its truth says which rules it
breaks (`breaks`: "HS-03 client, HS-26 client"), which others that may bring with it (`may`) and which rules it comes
close to without breaking them (`near`).
"""

import base64
import hashlib
import itertools
import os
import socket
import zlib

import ws_log
from raw_socket import CODES, GUID, frame

SIDES = ("client", "server")

# The lines of a head by a short name. A scenario replaces some, leaves some out (an empty list) or adds its own.
REQUEST = {
    "start": "GET {target} HTTP/1.1",
    "Host": "Host: 127.0.0.1:{port}",
    "Upgrade": "Upgrade: websocket",
    "Connection": "Connection: Upgrade",
    "Key": "Sec-WebSocket-Key: {key}",
    "Version": "Sec-WebSocket-Version: 13",
}
RESPONSE = {
    "start": "HTTP/1.1 101 Switching Protocols",
    "Upgrade": "Upgrade: websocket",
    "Connection": "Connection: Upgrade",
    "Accept": "Sec-WebSocket-Accept: {accept}",
}


def refusal(status, *lines):
    """What to answer instead of the 101. Whoever sends Upgrade names it in Connection, too (RFC 9110 §7.8)."""
    connection = "close, Upgrade" if any(line.startswith("Upgrade:") for line in lines) else "close"
    return {"start": f"HTTP/1.1 {status}", "Upgrade": [], "Connection": f"Connection: {connection}", "Accept": [],
            "more": lines}


class Pair:
    """Both ends of one connection."""

    ports = itertools.count()  # a scenario sets where to begin

    def __init__(self, about, *, breaks="", may="", near="", buffer=0):
        self.port = next(Pair.ports)
        with socket.create_server(("127.0.0.1", self.port)) as listening:
            client = socket.socket()
            if buffer:  # of what the client has received and not read, in bytes
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            client.connect(("127.0.0.1", self.port))
            self.ends = {"client": client, "server": listening.accept()[0]}
        self.who = {side: ws_log.ends(end.getsockname(), end.getpeername(), side) for side, end in self.ends.items()}
        self.target = None
        self.note(about=about, rules=[judged(rule) for rule in breaks.split(",") if rule])
        if may:
            self.note(may=may.split())
        if near:
            self.note(near=near.split())

    def note(self, **fields):
        """What else is true of it: becomes fields of its truth."""
        ws_log.log(event="note", **self.who["client"], fields=fields)

    # --- the opening handshake ---

    def ask(self, target, changes=(), *, key=None):
        self.target = target.format(port=self.port)
        self.key = key or base64.b64encode(os.urandom(16)).decode()
        self.send("client", self.head(REQUEST, changes))

    def answer(self, changes=(), *, seen=True):
        """Answers, and logs the handshake where it will be seen in the capture."""
        wire = self.head(RESPONSE, changes)
        lines = wire.decode().splitlines()
        status = int(lines[0].split()[1])
        fields = [line.split(":", 1) for line in lines[1:] if ":" in line]
        subprotocols = [value.strip() for name, value in fields if name == "Sec-WebSocket-Protocol"]
        extensions = [value.strip() for name, value in fields if name == "Sec-WebSocket-Extensions"]
        known = {} if self.target is None else {"target": self.target}
        if seen:
            ws_log.log(event="handshake" if status == 101 else "rejected", **self.who["client"], **known, status=status,
                       subprotocol=subprotocols[0] if subprotocols else None,
                       extensions=", ".join(extensions) if extensions else None)
        self.send("server", wire)
        if status != 101:
            self.hang_up("server", "client")
        return status

    def head(self, lines, changes):
        lines = {**lines, **dict(changes)}
        before, end = lines.pop("before", ""), lines.pop("end", "\r\n")
        accept = base64.b64encode(hashlib.sha1((self.key + GUID).encode()).digest()).decode()
        flat = []
        for line in lines.values():
            flat += [line] if isinstance(line, str) else line
        known = {"target": self.target, "port": self.port, "key": self.key, "accept": accept}
        return (before + end.join([line.format(**known) for line in flat] + ["", ""])).encode()

    # --- messages ---

    def say(self, side, opcode, data, *, pieces=None, deflated=None, between=()):
        """Sends a message and logs it: in one frame, or cut into `pieces`, control frames `between` them.

        `deflated` is what travels instead of the data, marked as compressed.
        """
        data = data.encode() if isinstance(data, str) else data
        pieces = pieces or [data if deflated is None else deflated]
        rsv = 0 if deflated is None else 4
        more = {}
        if opcode in ("text", "binary"):
            more = {"frames": len(pieces), "compressed": deflated is not None}
        for number, piece in enumerate(pieces):
            first, last = number == 0, number == len(pieces) - 1
            if last:
                ws_log.log(event="sent", **self.who[side], message=ws_log.message(opcode, data, **more))
            self.send(side, frame(CODES[opcode] if first else 0, piece, fin=last, rsv=rsv if first else 0,
                                  masked=side == "client"))
            for control in between if first else ():
                self.say(side, *control)

    def lose(self, side, opcode, length, **more):
        """Logs a message that the capture does not tell whole; `length` is what its frame announces."""
        message = {"opcode": opcode, "length": length, "complete": False, "frames": 1, **more}
        ws_log.log(event="sent", **self.who[side], message=message)

    def send(self, side, wire):
        """Sends bytes; the other end takes them all before anything else happens."""
        self.ends[side].sendall(wire)
        left = len(wire)
        while left:
            left -= len(self.ends[other(side)].recv(left))

    def chat(self):
        """A text, and its echo."""
        for side in SIDES:
            self.say(side, "text", "good morning")

    # --- the end ---

    def close(self, first="client", code=1000, answer=None, reason="", answer_reason=""):
        """The closing handshake; the answer has the same code unless another is given. Code 0: an empty Close."""
        self.say(first, "close", close(code, reason))
        self.say(other(first), "close", close(code if answer is None else answer, answer_reason))
        self.end("closed")

    def end(self, outcome, first="server"):
        """Ends TCP, in the order of RFC 6455 §7.1.1."""
        ws_log.log(event="ended", **self.who["client"], outcome=outcome)
        self.hang_up(first, other(first))

    def hang_up(self, *sides):
        for side in sides:
            self.ends[side].close()
            if side == sides[0]:
                assert self.ends[sides[1]].recv(1) == b""


def judged(rule):
    """Rule and side at fault; no side where it is a matter of the capture."""
    name, *side = rule.split()
    return [name, *(side or [None])]


def other(side):
    return SIDES[1 - SIDES.index(side)]


def close(code, reason=""):
    return code.to_bytes(2, "big") + reason.encode() if code else b""


def meet(target, about, *, ask=(), answer=(), key=None, talk=Pair.chat, notes=(), **judgement):
    """A whole connection: handshake, a text each way, Close. Refusals end it earlier."""
    pair = Pair(about, **judgement)
    if notes:
        pair.note(**dict(notes))
    pair.ask(target, ask, key=key)
    if pair.answer(answer) == 101:
        talk(pair)
        pair.close()


class Deflate:
    """Compresses the messages of one side (RFC 7692 §7.2.1)."""

    def __init__(self, bits=15, takeover=True):
        self.bits, self.takeover = bits, takeover
        self.fresh()

    def fresh(self):
        self.stream = zlib.compressobj(9, zlib.DEFLATED, -self.bits)

    def __call__(self, data):
        if not self.takeover:
            self.fresh()
        data = data.encode() if isinstance(data, str) else data
        return (self.stream.compress(data) + self.stream.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\0\0\xff\xff")
