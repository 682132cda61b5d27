# Broken rules of the frame format, between two programs that do not mind.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="Hand-made frames over raw sockets, since no library sends them; the server is lax and takes them all. Four connections:
    (1) an unmasked client frame, (2) a server that sends close code 1005, (3) a client text that is not UTF-8,
    (4) a Ping in two frames and a frame with RSV2 set. The good frames around them are echoed."
software=(python tcpdump)
problems=(WS-F01 WS-C03 WS-M01 WS-F10 WS-F11 WS-F04)
filter="tcp port 8116"
play() {
    serve 8116 python "$here/scenarios/protocol-errors.py" server
    inside python "$here/scenarios/protocol-errors.py" client
}
