# The simplest conversation: every kind of message, each answered before the next is said.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="A node ws client talks to a node ws echo server without compression: texts (short, Unicode, empty, 126 and 9000
    bytes), a binary message, a Ping, and a clean close 1000. The subprotocol echo.v1 is agreed on. MTU 1500, so the
    long text takes several segments."
software=(node ws tcpdump)
filter="tcp port 8100"
mtu=1500
play() {
    node_server 8100 '{"protocol": "echo.v1"}'
    inside node "$here/scenarios/echo.js"
}
