#!/usr/bin/env python3
"""Makes the truth of a capture from what the programs logged.

truth.py META LOG CAPTURE OUT: META is a JSON file (name, story, software, problems, ...), LOG what ws-log.js and
ws_log.py wrote. Where both ends of a connection logged, what one sent must be what the other received.
"""

import json
import subprocess
import sys

COMPARED = ("opcode", "length", "text", "base64", "sha256", "close_code", "close_reason")


def connections(events, capture):
    found = {}
    for event in events:
        if event.get("client") is None:
            event["client"] = client_of_syn(capture, event["server"], found)
            event["derived"] = True
        connection = found.setdefault((event["client"], event["server"]), [])
        connection.append(event)
    truths = [one_connection(client, server, logged) for (client, server), logged in found.items()]
    for client, server, data in syns(capture):
        if (client, server) not in found and not data:
            # Browsers open connections in advance and may never use them.
            truths.append({"client": client, "server": server, "note": "no data", "derived": True})
    return truths


def one_connection(client, server, logged):
    truth = {"client": client, "server": server, "outcome": outcome(logged)}
    if any(event.get("derived") for event in logged):
        truth["derived"] = True
    for event in logged:
        if event["event"] in ("handshake", "rejected"):
            fields = ("target", "status", "subprotocol", "extensions")
            truth["handshake"] = {field: event[field] for field in fields if field in event}
        if event["event"] == "note":
            truth.update(event["fields"])
    if any("message" in event for event in logged):
        truth["messages"] = {
            "client_to_server": messages(logged, sender="client", receiver="server"),
            "server_to_client": messages(logged, sender="server", receiver="client"),
        }
    return truth


def outcome(logged):
    ended = [event["outcome"] for event in logged if event["event"] == "ended"]
    if ended:
        return "aborted" if "aborted" in ended else ended[0]
    for event in logged:
        if event["event"] == "rejected":
            return "rejected"
        if event["event"] == "failed":
            return {"ECONNREFUSED": "refused"}[event["error"]]
    return "open"


def messages(logged, sender, receiver):
    sent = [event["message"] for event in logged if event["event"] == "sent" and event["side"] == sender]
    received = [event["message"] for event in logged if event["event"] == "received" and event["side"] == receiver]
    differ = [compared(m) for m in sent] != [compared(m) for m in received]
    if sent and received and differ and not lossy(logged):
        sys.exit(f"the {sender} sent {sent}\nbut the {receiver} received {received}")
    return sent or received


def lossy(logged):
    """A peer that was killed, or that stopped reading at a broken rule, did not log all that was sent to it."""
    return any(event["event"] == "note" and event["fields"].get("receiver_stopped") for event in logged)


def compared(message):
    return {key: message[key] for key in COMPARED if key in message}


def client_of_syn(capture, server, found):
    """The client's address of a connection that failed before the program knew it: from the packets."""
    for client, other, _ in syns(capture):
        if other == server and (client, server) not in found:
            return client
    sys.exit(f"no SYN to {server} in the capture")


def syns(capture):
    """Client and server of each connection attempt, and how many bytes the client sent."""
    fields = ("ip.src", "ipv6.src", "tcp.srcport", "ip.dst", "ipv6.dst", "tcp.dstport", "tcp.len", "tcp.flags")
    command = ["tshark", "-r", capture, "-Y", "tcp", "-T", "fields", "-E", "separator=;"]
    for field in fields:
        command += ["-e", field]
    opened = {}
    for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines():
        row = dict(zip(fields, line.split(";")))
        ends = tuple(address(row["ip." + e] or row["ipv6." + e], row[f"tcp.{e}port"]) for e in ("src", "dst"))
        if int(row["tcp.flags"], 16) & 0x12 == 0x02:
            opened[ends] = 0
        if ends in opened:
            opened[ends] += int(row["tcp.len"])
    return [(client, server, data) for (client, server), data in opened.items()]


def address(host, port):
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def write(truth, path):
    with open(path, "w", encoding="utf-8") as file:
        file.write(layout(truth) + "\n")


def layout(value, depth=0):
    """JSON with one line for each message: easy to read, and small differences when recorded again."""
    inner, outer = "  " * (depth + 1), "  " * depth
    flat = json.dumps(value, ensure_ascii=False)
    nested = isinstance(value, (dict, list)) and any(isinstance(v, (dict, list)) for v in iterate(value))
    if nested and isinstance(value, list) and not any(isinstance(v, dict) for v in value):
        nested = False  # pairs of words
    if not nested and (depth > 1 or len(flat) < 100):
        return flat
    if isinstance(value, dict):
        items = [f"{inner}{json.dumps(k)}: {layout(v, depth + 1)}" for k, v in value.items()]
        return "{\n" + ",\n".join(items) + f"\n{outer}}}"
    if isinstance(value, list):
        return "[\n" + ",\n".join(inner + layout(v, depth + 1) for v in value) + f"\n{outer}]"
    return flat


def iterate(value):
    return value.values() if isinstance(value, dict) else value


def main():
    meta_path, log_path, capture, out = sys.argv[1:]
    with open(meta_path, encoding="utf-8") as file:
        truth = json.load(file)
    with open(log_path, encoding="utf-8") as file:
        events = [json.loads(line) for line in file]
    truth["connections"] = connections(events, capture)
    write(truth, out)


if __name__ == "__main__":
    main()
