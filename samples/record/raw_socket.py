"""WebSocket over bare sockets, as right or as wrong as a scenario wants it."""

import base64
import hashlib
import os
import socket

import ws_log

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CODES = {name: number for number, name in ws_log.OPCODES.items()}


def frame(opcode, data, *, masked, fin=True, rsv=0, declared=None):
    """The bytes of one frame, its length in the shortest form; `declared` claims another length than the data has."""
    length = len(data) if declared is None else declared
    wire = bytes([fin << 7 | rsv << 4 | opcode])
    if length < 126:
        wire += bytes([masked << 7 | length])
    elif length < 1 << 16:
        wire += bytes([masked << 7 | 126]) + length.to_bytes(2, "big")
    else:
        wire += bytes([masked << 7 | 127]) + length.to_bytes(8, "big")
    if not masked:
        return wire + data
    mask = os.urandom(4)
    return wire + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))


class Peer:
    """One end of a connection. What it sends is logged as it was meant, message by message."""

    def __init__(self, sock, side):
        self.sock, self.side, self.unread = sock, side, b""
        self.who = ws_log.ends(sock.getsockname(), sock.getpeername(), side)

    @classmethod
    def connect(cls, port, target):
        peer = cls(socket.create_connection(("127.0.0.1", port)), "client")
        key = base64.b64encode(os.urandom(16)).decode()
        peer.sock.sendall((f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
                           f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
        status = int(peer.head().split()[1])
        ws_log.log(event="handshake", **peer.who, target=target, status=status, subprotocol=None, extensions=None)
        return peer

    @classmethod
    def accept(cls, listening):
        peer = cls(listening.accept()[0], "server")
        key = next(line.split(": ")[1] for line in peer.head().split("\r\n") if line.startswith("Sec-WebSocket-Key"))
        accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
        peer.sock.sendall(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           f"Sec-WebSocket-Accept: {accept}\r\n\r\n").encode())
        return peer

    def head(self):
        while b"\r\n\r\n" not in self.unread:
            self.unread += self.sock.recv(4096)
        head, self.unread = self.unread.split(b"\r\n\r\n", 1)
        return head.decode()

    def frame(self, opcode, data, **how):
        """Sends one frame and says nothing to the log."""
        self.sock.sendall(frame(opcode, data, **{"masked": self.side == "client", **how}))

    def say(self, opcode, data, **how):
        """Sends a message of one frame and logs it."""
        more = {}
        if opcode in ("text", "binary"):
            more = {"frames": 1} if how.get("rsv") else {"frames": 1, "compressed": False}
        ws_log.log(event="sent", **self.who, message=ws_log.message(opcode, data, **more))
        self.frame(CODES[opcode], data, **how)

    def hear(self):
        """The next frame: (opcode, fin, data); None at the end. Takes frames of either kind, masked or not."""
        header = self.take(2)
        if not header:
            return None
        mask = self.take(4) if header[1] & 0x80 else bytes(4)
        data = self.take(header[1] & 0x7F)
        return header[0] & 0xF, bool(header[0] & 0x80), bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))

    def take(self, length):
        while len(self.unread) < length:
            more = self.sock.recv(4096)
            if not more:
                return b""
            self.unread += more
        taken, self.unread = self.unread[:length], self.unread[length:]
        return taken

    def note(self, **fields):
        ws_log.log(event="note", **self.who, fields=fields)

    def end(self, outcome="closed"):
        ws_log.log(event="ended", **self.who, outcome=outcome)
        self.sock.close()
