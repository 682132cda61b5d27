# How a server refuses or accepts in the wrong way, and what the client makes of it.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="Handshakes over raw sockets between a client and a server that mind nothing: versions and how they are refused, a 101 with
    fields about a body, and a wrong 101 after which the client goes on, closes, or leaves."
software=(python tcpdump)
problems=(HS-11 HS-12 HS-16 HS-17 HS-18 HS-19 HS-20 HS-21 HS-23 HS-24 HS-26 HS-31)
filter="tcp portrange 8270-8299"
play() { inside python "$here/scenarios/handshake-answers.py"; }
