# Why an upgrade fails.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="Raw sockets: an upgrade refused with 400, 401, 403, 404, 429, 503, 504, 301, 200 and 500; a request of a proxy that dropped
    the upgrade; socket.io at the wrong server; no answer at all, a late one, a connection that ends; a WebSocket that is not used."
software=(python tcpdump)
problems=(HS-07 HS-40 HS-41 HS-42 HS-43 HS-45 HS-46 HS-47 HS-48 HS-49 HS-50 HS-51 HS-52 HS-53 HS-54 WS-C12)
filter="tcp portrange 8176-8193"
play() { inside python "$here/scenarios/refusals.py"; }
