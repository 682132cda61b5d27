# Broken rules of the opening handshake, each with what comes close to it and is right.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="Handshakes over raw sockets between a client and a server that mind nothing. Most break one rule or come close to
    one, as each tells in 'about'; then follow a text each way and a Close. One pair of connections is a proxy's two legs."
software=(python tcpdump)
problems=(HS-02 HS-03 HS-04 HS-05 HS-06 HS-09 HS-10 HS-11 HS-12 HS-13 HS-14 HS-16 HS-17 HS-18 HS-19 HS-20 HS-21 HS-23 HS-24
    HS-26 HS-27 HS-28 HS-29 HS-30 HS-31)
filter="tcp portrange 8200-8299"
play() { inside python "$here/scenarios/handshake-faults.py"; }
