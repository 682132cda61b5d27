# What keeps a quiet connection alive.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="node ws sends a Ping every 200 ms and Python's websockets answers each with a Pong by itself; the client sends one Ping
    of its own and one unsolicited Pong, which is allowed. After five beats the server closes with 1001."
software=(node ws python websockets tcpdump)
filter="tcp port 8111"
play() {
    node_server 8111 '{"heartbeat": [200, 5]}'
    inside python "$here/scenarios/heartbeat.py"
}
