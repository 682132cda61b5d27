# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="A node ws client and server over IPv6 (::1): two texts, echoed, and a close without a code."
software=(node ws tcpdump)
filter="ip6 and tcp port 8112"
play() {
    node_server 8112 '{"host": "::1"}'
    inside node "$here/scenarios/ipv6.js"
}
