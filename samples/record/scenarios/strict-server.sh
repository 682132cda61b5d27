# What a real server does with broken frames: it closes.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="A raw-socket client breaks a rule and node ws fails the connection, with a good message before each: (1) an unmasked
    frame, answered with close 1002, (2) a text that is not UTF-8, close 1007, (3) RSV1 without an extension, close 1002.
    The log of node ws says what was wrong."
software=(python node ws tcpdump)
problems=(WS-F01 WS-M01 WS-F03)
filter="tcp port 8117"
play() {
    node_server 8117
    inside python "$here/scenarios/strict-server.py"
}
