# Big messages: many frames, and a frame with a 64-bit length.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="A node ws client sends a binary message of 60,000 bytes in 12 frames (a Ping between the sixth and the seventh) and
    then a text of 70,000 bytes in a single frame, whose length needs 64 bits. The server answers each with its SHA-256.
    MTU 1500. Close 1000."
software=(node ws tcpdump)
filter="tcp port 8110"
mtu=1500
play() {
    node_server 8110 '{"digest": true}'
    inside node "$here/scenarios/large.js"
}
