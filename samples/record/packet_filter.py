"""Loss on purpose: a filter on a socket lets the kernel drop packets after they were captured, before TCP sees them."""

import ctypes
import socket
import struct

SO_ATTACH_FILTER = 26
SO_DETACH_FILTER = 27

# Classic BPF (linux/filter.h): load a random number, compare, return.
LOAD_RANDOM = (0x20, 0, 0, 0xFFFFF000 + 56)
PASS, DROP = (0x06, 0, 0, 0xFFFFFFFF), (0x06, 0, 0, 0)


def drop_all(sock):
    attach(sock, [DROP])


def drop_some(sock, share):
    """Drops this share of the packets that come, by chance."""
    less = (0x35, 0, 1, int((1 - share) * 0xFFFFFFFF))  # jump if greater or equal
    attach(sock, [LOAD_RANDOM, less, DROP, PASS])


def drop_nothing(sock):
    sock.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)


def attach(sock, program):
    code = b"".join(struct.pack("HBBI", *step) for step in program)
    buffer = ctypes.create_string_buffer(code)
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", len(program), ctypes.addressof(buffer)))
