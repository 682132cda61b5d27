# Compressed messages as no library sends them.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="Texts over raw sockets that inflate well though they were compressed oddly: larger than before, with the tail that should
    have been removed, with a block after the final one; and cases that look odd but are valid (final and stored blocks, several
    blocks, an empty text as one byte)."
software=(python tcpdump)
problems=(PMD-15)
filter="tcp portrange 8370-8379"
play() { inside python "$here/scenarios/deflate-oddities.py"; }
