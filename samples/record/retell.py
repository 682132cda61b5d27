#!/usr/bin/env python3
"""The truth of an edited copy: retell.py META TRUTH OUT [CHANGE...]

Changes, all of the first connection: midstream (no handshake in the file), incomplete:DIRECTION:LENGTH (part of the first
message of that length is missing), until:DIRECTION:TEXT and before:DIRECTION:TEXT (what comes after that text, or that
text and what comes after it, is not in the file), near:RULE:ABOUT (it breaks no rule, and comes close to that one). Or
undecodable, alone: nothing can be told of any connection.
"""

import json
import sys

from truth import write


def main():
    meta_path, original_path, out, *changes = sys.argv[1:]
    with open(meta_path, encoding="utf-8") as file:
        meta = json.load(file)
    with open(original_path, encoding="utf-8") as file:
        original = json.load(file)
    truth = {**original, **meta, "software": {**original["software"], **meta["software"]}}
    if changes == ["undecodable"]:
        truth["connections"], changes = [], []
    for change in changes:
        apply(truth["connections"][0], *change.split(":"))
    write(truth, out)


def apply(connection, change, direction=None, which=None):
    if change == "midstream":
        del connection["handshake"]
        connection["started_by"] = "midstream"
        return
    if change == "near":
        connection.update(about=which, rules=[], near=[direction])
        return
    messages = connection["messages"][direction]
    if change == "incomplete":
        message = next(m for m in messages if m["length"] == int(which))
        message["complete"] = False
        for content in ("text", "base64", "sha256"):
            message.pop(content, None)
        return
    index = next(i for i, m in enumerate(messages) if m.get("text") == which)
    del messages[index + (change == "until"):]
    connection["outcome"] = "open"


if __name__ == "__main__":
    main()
