# A server that accepts late.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="A server with a queue of one connection is busy for a moment and does not accept: the first client waits in the queue, the SYN
    of the second is dropped and sent again after a second."
software=(python tcpdump)
problems=(NET-10)
filter="tcp port 8170"
play() { inside python "$here/scenarios/late-accept.py"; }
