"""What a Python program really sent and received, one JSON object a line appended to $WSLOG (as ws-log.js does)."""

import base64
import hashlib
import json
import os

OPCODES = {1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong"}
SHORT = 200  # longer contents are given by their hash


def log(**event):
    with open(os.environ["WSLOG"], "a", encoding="utf-8") as file:
        file.write(json.dumps(event, ensure_ascii=False) + "\n")


def message(opcode, data, **more):
    entry = {"opcode": opcode, "length": len(data)}
    if opcode == "close":
        entry["close_code"] = int.from_bytes(data[:2], "big") if len(data) >= 2 else None
        entry["close_reason"] = data[2:].decode(errors="replace")
    elif len(data) > SHORT:
        entry["sha256"] = hashlib.sha256(data).hexdigest()
    elif opcode == "text" and is_utf8(data):
        entry["text"] = data.decode()
    else:
        entry["base64"] = base64.b64encode(data).decode()
    return {**entry, **more}


def is_utf8(data):
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def address(pair):
    host, port = pair[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def ends(local, remote, side):
    pair = [address(local), address(remote)]
    client, server = pair if side == "client" else reversed(pair)
    return {"side": side, "client": client, "server": server}


def watch(connection, side):
    """Writes down every frame that this connection of the `websockets` library sends and receives from now on."""
    who = ends(connection.local_address, connection.remote_address, side)
    protocol = connection.protocol
    response = connection.response if side == "client" else None
    if response:
        log(event="handshake", **who, target=connection.request.path, status=response.status_code,
            subprotocol=response.headers.get("Sec-WebSocket-Protocol"),
            extensions=response.headers.get("Sec-WebSocket-Extensions"))
    for event, name in (("sent", "send_frame"), ("received", "recv_frame")):
        follow(protocol, name, event, who)
    return who


def follow(protocol, name, event, who):
    original = getattr(protocol, name)
    parts = []

    def logged(frame):
        opcode = OPCODES.get(int(frame.opcode))
        data = bytes(frame.data)
        if opcode in ("close", "ping", "pong"):
            log(event=event, **who, message=message(opcode, data))
        else:
            parts.append((opcode, data))
            if frame.fin:
                more = {}
                if event == "sent":
                    # The library compresses every data message once the extension is agreed on.
                    more = {"compressed": bool(protocol.extensions), "frames": len(parts)}
                whole = b"".join(data for _, data in parts)
                log(event=event, **who, message=message(parts[0][0], whole, **more))
                parts.clear()
        return original(frame)

    setattr(protocol, name, logged)


def ended(connection, who):
    """Both Close frames were seen, says the library, or not."""
    protocol = connection.protocol
    both = protocol.close_rcvd is not None and protocol.close_sent is not None
    log(event="ended", **who, code=protocol.close_code, outcome="closed" if both else "aborted")
