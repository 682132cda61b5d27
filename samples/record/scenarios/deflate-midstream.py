import itertools
import pathlib
import sys
import time

from lax import Deflate, Pair
from raw_socket import CODES, frame

Pair.ports = itertools.count(8380)

NEWS = [f"the news of the hour, number {n}: nothing new; we will be back in an hour with the next number" for n in range(5)]


def open_early(about, **judgement):
    """Handshake and first text: before the recording begins."""
    pair = Pair(about, **judgement)
    pair.note(started_by="midstream")
    both = {"more": ["Sec-WebSocket-Extensions: permessage-deflate"]}
    pair.ask("/news", both)
    pair.answer(both, seen=False)
    deflate = Deflate()
    pair.send("server", frame(CODES["text"], deflate(NEWS[0]), masked=False, rsv=4))
    return pair, deflate


def go_on(pair, deflate, alone, in_vain=()):
    """The other texts; those `alone` do not repeat what came before, those `in_vain` cannot be read without it."""
    pair.say("client", "text", "what else is new?")
    for number, text in enumerate(NEWS[1:], start=1):
        if number in alone:
            deflate.fresh()
        wire = deflate(text)
        if number in in_vain:
            pair.lose("server", "text", len(wire), compressed=True)
            pair.send("server", frame(CODES["text"], wire, masked=False, rsv=4))
        else:
            pair.say("server", "text", text, deflated=wire)
    pair.close()


ready, recording = map(pathlib.Path, sys.argv[1:])
first = open_early("the first two texts repeat what was sent before the recording began, the third does not, the fourth repeats it",
                   breaks="CAP-03, PMD-14")
second = open_early("no text repeats another", breaks="CAP-03", near="PMD-14")
ready.touch()
while not recording.exists():
    time.sleep(0.05)
go_on(*first, alone=(3,), in_vain=(1, 2))
go_on(*second, alone=(1, 2, 3, 4))
