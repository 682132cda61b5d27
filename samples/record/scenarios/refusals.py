import itertools
import time

from lax import Pair, meet, refusal

Pair.ports = itertools.count(8176)


def refused(target, about, status, *lines, ask=(), **judgement):
    meet(target, about, ask=ask, answer=refusal(status, "Content-Length: 0", *lines), **judgement)


refused("/400", "400, and nothing is wrong with the request", "400 Bad Request", breaks="HS-40")
refused("/400-key", "400 because the key is missing", "400 Bad Request", ask={"Key": []}, breaks="HS-07 client,HS-40")
refused("/401", "401", "401 Unauthorized", 'WWW-Authenticate: Bearer realm="samples"', breaks="HS-41")
refused("/403", "403 for an origin", "403 Forbidden", ask={"Origin": "Origin: http://localhost:3000"}, breaks="HS-42")
refused("/404", "404", "404 Not Found", breaks="HS-43")
refused("/429", "429 with Retry-After", "429 Too Many Requests", "Retry-After: 5", breaks="HS-45")
refused("/503", "503 with Retry-After", "503 Service Unavailable", "Retry-After: 30", breaks="HS-45")
refused("/504", "504 of a proxy", "504 Gateway Timeout", "Server: nginx", breaks="HS-46")
refused("/301", "a redirect to https", "301 Moved Permanently", "Location: https://localhost/301", breaks="HS-47")
refused("/200", "an ordinary page", "200 OK", "Content-Type: text/html", breaks="HS-48")
refused("/500", "500", "500 Internal Server Error", breaks="HS-48")
refused("/stripped", "a request of a proxy that dropped the upgrade; only this leg was captured", "400 Bad Request",
        ask={"start": "GET {target} HTTP/1.0", "Upgrade": [], "Connection": "Connection: close",
             "more": "X-Forwarded-For: 192.0.2.7"},
        breaks="HS-49 client", near="HS-02 HS-05 HS-06", may="HS-40")
meet("/proxied", "a proxy that passes the upgrade on", ask={"more": "X-Forwarded-For: 192.0.2.7"}, near="HS-49")
refused("/socket.io/?EIO=4&transport=websocket", "a socket.io client at another server", "404 Not Found", breaks="HS-43,HS-53")


def alone(target, about, first, outcome, wait=0.0, **judgement):
    """A request without an answer, until one side gives up."""
    pair = Pair(about, **judgement)
    pair.ask(target)
    pair.note(handshake={"target": target, "status": None})
    time.sleep(wait)
    pair.end(outcome, first=first)


alone("/silent", "the client gives up after a second and a half", "client", "timeout", 1.5, breaks="HS-50")
alone("/hang-up", "the server closes without an answer", "server", "timeout", breaks="HS-54")

late = Pair("the server takes a second and a half", breaks="HS-51 server", near="HS-50")
late.ask("/late")
time.sleep(1.5)
late.answer()
late.chat()
late.close()

unused = Pair("no data follows the 101", breaks="HS-52,WS-C12")
unused.ask("/unused")
unused.answer()
unused.end("aborted", first="client")
