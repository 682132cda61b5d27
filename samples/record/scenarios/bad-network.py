import itertools
import socket
import struct
import threading
import time

import packet_filter
import ws_log
from lax import Pair
from raw_socket import CODES, frame

Pair.ports = itertools.count(8160)


def connect(target, about, **judgement):
    pair = Pair(about, **judgement)
    pair.ask(target)
    pair.answer()
    pair.chat()
    return pair


def texts(pair, number, length):
    for count in range(number):
        pair.say("server", "text", f"{count:04}".ljust(length, "."))


pair = connect("/lossy", "every fifth packet to the client is lost", breaks="NET-09")
packet_filter.drop_some(pair.ends["client"], 1 / 5)
texts(pair, 50, 100)
packet_filter.drop_nothing(pair.ends["client"])
pair.close()

pair = connect("/lost", "one packet to the client is lost", near="NET-09 NET-13")
texts(pair, 15, 100)
packet_filter.drop_all(pair.ends["client"])
timer = threading.Timer(0.1, packet_filter.drop_nothing, [pair.ends["client"]])
timer.start()
texts(pair, 1, 100)
timer.join()
texts(pair, 15, 100)
pair.close()

pair = connect("/dead", "no packet arrives any more, and the client gives up after three seconds", breaks="NET-13", near="NET-07 NET-09")
for end in pair.ends.values():
    packet_filter.drop_all(end)
pair.note(receiver_stopped=True)
wire = frame(CODES["text"], b"still there?", masked=True)
ws_log.log(event="sent", **pair.who["client"], message=ws_log.message("text", b"still there?", frames=1, compressed=False))
pair.ends["client"].sendall(wire)
time.sleep(3)
ws_log.log(event="ended", **pair.who["client"], outcome="aborted")
for end in pair.ends.values():
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.close()


def doze(target, about, seconds, **judgement):
    """The client reads nothing for a while, though its small buffer is full."""
    pair = connect(target, about, buffer=4096, **judgement)
    sleeper = threading.Timer(seconds, lambda: None)
    sleeper.start()
    content = b"," * 400
    wire = b"".join(frame(CODES["text"], content, masked=False) for _ in range(20))
    for _ in range(20):
        ws_log.log(event="sent", **pair.who["server"], message=ws_log.message("text", content, frames=1, compressed=False))
    writer = threading.Thread(target=pair.ends["server"].sendall, args=[wire])
    writer.start()
    sleeper.join()
    left = len(wire)
    while left:
        left -= len(pair.ends["client"].recv(left))
    writer.join()
    pair.close()


doze("/dozing", "the client reads nothing for a second and a half", 1.5, breaks="NET-08 client", near="NET-13")
doze("/blinking", "the client reads nothing for half a second", 0.5, near="NET-08 NET-13")
