# What happens to packets: loss, a path that dies, a receiver that does not read.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="Over raw sockets, whose filters drop packets after the recorder: every fifth packet to a client by chance; one packet; all
    packets both ways, until the client gives up. A client that reads nothing for a second and a half, and one that does not for
    half a second."
software=(python tcpdump)
problems=(NET-08 NET-09 NET-13)
filter="tcp portrange 8160-8169"
play() { inside python "$here/scenarios/bad-network.py"; }
