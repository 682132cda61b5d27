# permessage-deflate when the recording begins too late.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="Two connections over raw sockets with permessage-deflate and context takeover, of which the recording has neither the
    handshake nor the first text. In one the next two texts cannot be inflated without it (PMD-14), then one does not refer to it and all can be inflated again; in the other no text refers to another."
software=(python tcpdump)
problems=(CAP-03 PMD-14)
filter="tcp portrange 8380-8381"
prepare() {
    inside python "$here/scenarios/deflate-midstream.py" ready recording &
    player=$!
    until [ -e ready ]; do
        kill -0 "$player"
        sleep 0.1
    done
}
play() {
    touch recording
    wait "$player"
}
