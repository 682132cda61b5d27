#!/usr/bin/env python3
"""Compares the truth of captures with tshark: check.py [TRUTH.json...] (all samples without a name).

For every connection and direction: opcodes in order, number of frames, compression bit, length (of what was not
compressed) and close codes. The contents were compared before, when both ends of a connection logged them (truth.py).
"""

import json
import pathlib
import subprocess
import sys

SAMPLES = pathlib.Path(__file__).resolve().parent.parent
OPCODES = {"1": "text", "2": "binary", "8": "close", "9": "ping", "10": "pong"}
DIRECTIONS = ("client_to_server", "server_to_client")
PRIVATE = ("/tmp", "/home", "/root", "/work")
MAX_SIZE = 300_000


def main():
    paths = [pathlib.Path(arg) for arg in sys.argv[1:]] or sorted(SAMPLES.glob("*.json"))
    bad = False
    for path in paths:
        truth = json.loads(path.read_text(encoding="utf-8"))
        wrong = check(truth, path.parent)
        size = (path.parent / truth["file"]).stat().st_size
        connections = len(truth["connections"])
        messages = sum(len(m) for c in truth["connections"] for m in c.get("messages", {}).values())
        print(f"{'WRONG' if wrong else 'ok':5} {truth['file']:32} {size:7} bytes "
              f"{connections:2} connections {messages:3} messages")
        for line in wrong:
            print(f"      {line}")
        bad = bad or bool(wrong)
    sys.exit(bad)


def check(truth, folder):
    capture = folder / truth["file"]
    wrong = []
    if capture.stat().st_size > MAX_SIZE:
        wrong.append("the file is too big")
    for text in PRIVATE:
        if text.encode() + b"/" in capture.read_bytes():
            wrong.append(f"{text} stands in the capture")
    if truth["name"] != capture.name.split(".")[0]:
        wrong.append("name and file differ")
    keys = folder / truth["keys"] if "keys" in truth else None
    midstream = [c["server"].rpartition(":")[2] for c in truth["connections"] if c.get("started_by") == "midstream"]
    seen = Seen(capture, keys, midstream)
    for connection in truth["connections"]:
        wrong += check_connection(connection, seen)
    wrong += check_rules(truth)
    listed = {(c["client"], c["server"]) for c in truth["connections"]}
    missing = seen.connections - listed - {(s, c) for c, s in listed}
    wrong += [f"not in the truth: {client} > {server}" for client, server in sorted(missing)]
    return wrong


def check_rules(truth):
    """Where connections tell their rules, `problems` names them all, and no connection is both near a rule and beyond it."""
    judged = [c for c in truth["connections"] if "rules" in c]
    if not judged:
        return
    broken = {rule for connection in judged for rule, _ in connection["rules"]}
    if broken != set(truth["problems"]):
        yield f"in problems or in rules only: {sorted(broken ^ set(truth['problems']))}"
    for connection in judged:
        fields = [{rule for rule, _ in connection["rules"]}, *(set(connection.get(f, ())) for f in ("may", "near"))]
        if len(set().union(*fields)) < sum(map(len, fields)):
            yield f"{connection['client']} > {connection['server']}: a rule is listed twice"
        if not connection["about"]:
            yield f"{connection['client']} > {connection['server']}: nothing is told about it"


def check_connection(connection, seen):
    client, server = connection["client"], connection["server"]
    name = f"{client} > {server}"
    wrong = []
    if not {(client, server), (server, client)} & seen.connections:
        wrong.append(f"{name}: not in the capture")
    status = connection.get("handshake", {}).get("status")
    if status and seen.statuses.get((server, client)) != str(status) and connection.get("started_by") != "midstream":
        wrong.append(f"{name}: status {seen.statuses.get((server, client))}, expected {status}")
    if connection.get("unlike_tshark"):
        return wrong
    for direction, ends in zip(DIRECTIONS, ((client, server), (server, client))):
        expected = connection.get("messages", {}).get(direction, [])
        found = assembled(seen.frames.get(ends, []))
        if connection.get("more_messages"):
            found = found[len(found) - len(expected):]
        wrong += [f"{name} {direction}: {line}" for line in compare(expected, found)]
    return wrong


def compare(expected, found):
    """tshark stops at a gap, so from the first incomplete message on there may be less than expected."""
    incomplete = next((i for i, m in enumerate(expected) if m.get("complete") is False), None)
    if incomplete is not None:
        expected, found = expected[:incomplete], found[:incomplete]
    if len(expected) != len(found):
        yield f"{len(found)} messages, expected {len(expected)}: {[m['opcode'] for m in found]}"
    for number, (one, other) in enumerate(zip(expected, found), start=1):
        fields = ["opcode", "frames", "compressed", "close_code"]
        if not other["compressed"]:
            fields.append("length")
        for field in fields:
            if field in one and one[field] != other[field]:
                yield f"message {number}: {field} {other[field]}, expected {one[field]}"


def assembled(frames):
    """Frames to messages, in the order in which they were complete."""
    messages, open_message = [], None
    for frame in frames:
        if frame["opcode"] in ("close", "ping", "pong"):
            messages.append({**frame, "frames": 1})
        elif frame["opcode"] is not None:
            open_message = {**frame, "frames": 1}
        elif open_message:
            open_message["frames"] += 1
            open_message["length"] += frame["length"]
        if open_message and frame["opcode"] not in ("close", "ping", "pong") and frame["fin"]:
            messages.append(open_message)
            open_message = None
    return messages


class Seen:
    """What tshark sees in a capture: connections, HTTP statuses, WebSocket frames of each direction."""

    FIELDS = ("ip.src", "ipv6.src", "tcp.srcport", "ip.dst", "ipv6.dst", "tcp.dstport", "http.response.code",
              "websocket.fin", "websocket.rsv", "websocket.opcode", "websocket.payload_length",
              "websocket.payload_length_ext_16", "websocket.payload_length_ext_64",
              "websocket.payload.close.status_code")

    def __init__(self, capture, keys, midstream):
        self.connections, self.statuses, self.frames = set(), {}, {}
        for row in tshark(capture, keys, midstream, self.FIELDS):
            self.read(dict(zip(self.FIELDS, row)))

    def read(self, row):
        ends = tuple(address(row["ip." + end] or row["ipv6." + end], row[f"tcp.{end}port"]) for end in ("src", "dst"))
        if not row["tcp.srcport"]:
            return
        if ends[::-1] not in self.connections:
            self.connections.add(ends)
        if row["http.response.code"]:
            self.statuses[ends] = row["http.response.code"]
        extended = {"126": values(row["websocket.payload_length_ext_16"]),
                    "127": values(row["websocket.payload_length_ext_64"])}
        codes = values(row["websocket.payload.close.status_code"])
        for fin, rsv, opcode, length in zip(*(values(row["websocket." + f])
                                              for f in ("fin", "rsv", "opcode", "payload_length"))):
            length = int(extended[length].pop(0) if length in extended else length)
            frame = {"fin": fin == "1", "compressed": bool(int(rsv, 0) & 4), "length": length,
                     "opcode": None if opcode == "0" else OPCODES.get(opcode, opcode)}
            frame["close_code"] = int(codes.pop(0)) if opcode == "8" and length >= 2 and codes else None
            self.frames.setdefault(ends, []).append(frame)


def tshark(capture, keys, midstream, fields):
    command = ["tshark", "-r", str(capture), "-d", "tcp.port==8100-8399,http", "-o", "tcp.relative_sequence_numbers:TRUE",
               "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=,", "-E", "separator=;"]
    if keys:
        command += ["-o", f"tls.keylog_file:{keys}", "-d", "tcp.port==8122,tls"]
    for port in midstream:
        command += ["-d", f"tcp.port=={port},websocket"]
    for field in fields:
        command += ["-e", field]
    # A file that was cut off is read as far as it goes: the exit code is 2 then.
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return [line.split(";") for line in run.stdout.splitlines()]


def values(text):
    return text.split(",") if text else []


def address(host, port):
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


if __name__ == "__main__":
    main()
