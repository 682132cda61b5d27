import itertools
import json
import time

from lax import Pair

Pair.ports = itertools.count(8138)


def opened(target, about, **judgement):
    pair = Pair(about, **judgement)
    pair.ask(target)
    pair.answer()
    return pair


def beat(pair, first, payload, wait=0.0):
    """A Ping, and its Pong after so many seconds."""
    pair.say(first, "ping", payload)
    time.sleep(wait)
    pair.say("client" if first == "server" else "server", "pong", payload)


def echoes(pair, count, wait):
    """So many texts at once, and after so many seconds their answers."""
    for number in range(count):
        pair.say("client", "text", f"question {number}")
    time.sleep(wait)
    for number in range(count):
        pair.say("server", "text", f"answer {number}")


def quotes(number):
    return json.dumps([{"symbol": f"S{number}", "price": number * 7 + place, "side": "buy", "venue": "XTST"}
                       for place in range(18)])


# These two wait while the others talk.
began = time.monotonic()
quiet = opened("/quiet", "half a minute of silence without Pings", breaks="OPS-02")
alive = opened("/alive", "half a minute of silence after a Ping", near="OPS-02")
quiet.chat()
beat(alive, "server", "alive?")

slow = opened("/slow-pong", "one of three Pongs takes a second and a half", breaks="OPS-03")
for wait in (0.0, 1.5, 0.0):
    beat(slow, "server", f"after {wait} s", wait)
slow.close()
prompt = opened("/pong", "a Pong takes half a second", near="OPS-03")
beat(prompt, "server", "soon?", 0.5)
prompt.close()

for target, wait, judgement in (("/queue", 0.8, {"breaks": "OPS-04"}), ("/no-queue", 0.0, {"near": "OPS-04"})):
    loaded = opened(target, f"two questions a second are answered at once, forty after {wait} s", **judgement)
    for _ in range(4):
        echoes(loaded, 2, 0)
        time.sleep(1)
    echoes(loaded, 40, wait)
    loaded.close()

ports, Pair.ports = Pair.ports, itertools.repeat(8148)  # one server
together = [opened(f"/restart/{number}", "one of three that the server closes together with 1012",
                   breaks="WS-C17" if number else "WS-C17,OPS-05") for number in range(3)]
Pair.ports = ports
for pair in together:
    pair.chat()
for pair in together:
    pair.close(first="server", code=1012, reason="deployment")

for target, judgement in (("/quotes", {"breaks": "OPS-06"}), ("/few-quotes", {"near": "OPS-06"})):
    feed = opened(target, "JSON that is not compressed", **judgement)
    for number in range(70 if judgement.get("breaks") else 10):
        feed.say("server", "text", quotes(number))
    feed.close()

time.sleep(max(0.0, 32 - (time.monotonic() - began)))
quiet.close()
alive.close()
