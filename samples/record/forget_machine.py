#!/usr/bin/env python3
"""Copies a pcapng file without the options that describe the machine: forget_machine.py FROM TO.

Section Header Block: hardware (2), operating system (3). Interface Description Block: hardware (15), system (12).
"""

import struct
import sys

FORGET = {0x0A0D0D0A: ((2, 3), 16), 1: ((12, 15), 8)}  # block type: options, length of the fixed part of the body


def main():
    source, target = sys.argv[1:]
    with open(source, "rb") as file:
        data = file.read()
    out, position = b"", 0
    while position < len(data):
        kind, length = struct.unpack_from("<II", data, position)
        body = data[position + 8:position + length - 4]
        if kind in FORGET:
            unwanted, fixed = FORGET[kind]
            body = body[:fixed] + without(body[fixed:], unwanted)
        total = len(body) + 12
        out += struct.pack("<II", kind, total) + body + struct.pack("<I", total)
        position += length
    with open(target, "wb") as file:
        file.write(out)


def without(options, unwanted):
    kept, position = b"", 0
    while position + 4 <= len(options):
        code, length = struct.unpack_from("<HH", options, position)
        end = position + 4 + (length + 3) // 4 * 4
        if code not in unwanted:
            kept += options[position:end]
        position = end
    return kept


if __name__ == "__main__":
    main()
