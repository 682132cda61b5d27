import socket
import time

import ws_log


def attempt(port, **judgement):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        who = ws_log.ends(sock.getsockname(), ("127.0.0.1", port), "client")
        assert sock.connect_ex(("127.0.0.1", port)) != 0
    ws_log.log(event="note", **who, fields=judgement)
    ws_log.log(event="ended", **who, outcome="refused")


for number in range(6):
    loops = [["NET-11", None]] if number == 0 else []
    attempt(8172, about=f"attempt {number + 1}, at once", rules=[["NET-01", None], *loops])
    time.sleep(0.15)
for number in range(6):
    attempt(8173, about=f"attempt {number + 1}, with back-off", rules=[["NET-01", None]], near=["NET-11"])
    time.sleep(0.1 * 2 ** number)
