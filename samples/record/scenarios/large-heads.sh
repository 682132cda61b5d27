# Heads near the limit on what is read of them.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="Two requests over raw sockets with so many cookies that their heads are just under and just over 64 KiB, beyond which a
    head is let go. The server takes both."
software=(python tcpdump)
problems=(CAP-09)
filter="tcp portrange 8384-8385"
play() { inside python "$here/scenarios/large-heads.py"; }
