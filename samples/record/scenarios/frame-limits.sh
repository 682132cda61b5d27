# Frames that are too large, and fragments that are too small.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="Over raw sockets: frames that announce 1 TiB and never bring it, texts in forty fragments of one byte; and what is fine:
    empty fragments with control frames between them, forty larger fragments."
software=(python tcpdump)
problems=(WS-F14 WS-F16)
filter="tcp portrange 8350-8359"
play() { inside python "$here/scenarios/frame-limits.py"; }
