# Resets before a WebSocket was open, and after.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="Over raw sockets: a server resets the connection before the request, instead of the answer, and in the middle of a frame; and similar harmless cases: a port scan, a reset after a refusal, a reset after both Closes."
software=(python tcpdump)
problems=(NET-06 NET-07)
filter="tcp portrange 8150-8159"
play() { inside python "$here/scenarios/resets.py"; }
