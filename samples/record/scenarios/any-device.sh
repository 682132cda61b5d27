# The link type of tcpdump -i any.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="Recorded on the device any, so the link type is LINUX_SLL2. node ws, three texts echoed, close 1000."
software=(node ws tcpdump)
filter="tcp port 8119"
device=any
play() {
    node_server 8119
    inside node "$here/scenarios/three-texts.js" ws://127.0.0.1:8119/any
}
