"""A resolver on port 53 of the loopback address that knows a few names, each in its own way."""

import socket

NO_ERROR, SERVFAIL, NXDOMAIN = 0, 2, 3
A = 1
FOUND = {"chat.example.test": bytes([127, 0, 0, 1])}
CODES = {"broken.example.test": SERVFAIL, "bare.example.test": NO_ERROR}
SILENT = "silent.example.test"


def main():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 53))
        while True:
            question, client = sock.recvfrom(512)
            if reply := answer(question):
                sock.sendto(reply, client)


def answer(question):
    labels, at = [], 12
    while length := question[at]:
        labels.append(question[at + 1:at + 1 + length].decode())
        at += 1 + length
    name, kind = ".".join(labels).lower(), int.from_bytes(question[at + 1:at + 3], "big")
    asked = question[12:at + 5]
    if name.startswith(SILENT):
        return None
    if name in FOUND:
        address = FOUND[name] if kind == A else b""
        return head(question, NO_ERROR, len(address) // 4) + asked + record(address)
    return head(question, CODES.get(name, NXDOMAIN), 0) + asked


def head(question, code, answers):
    return question[:2] + bytes([0x85, 0x80 | code, 0, 1, 0, answers, 0, 0, 0, 0])


def record(address):
    """Its name is a pointer to that of the question; it may be kept for a minute."""
    return b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + address if address else b""


main()
