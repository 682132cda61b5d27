# Heads near the limit on what is read of them, and a message that is large and fine.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="Over raw sockets: two requests with so many cookies that their heads are just under and just over 64 KiB, beyond which a head is dropped, and both accepted; and a text of a million bytes, compressed."
software=(python tcpdump)
problems=(CAP-09)
filter="tcp portrange 8384-8386"
play() { inside python "$here/scenarios/limits.py"; }
