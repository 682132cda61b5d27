# A pcapng as Wireshark's own recorder makes it.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="Recorded by dumpcap on two interfaces at once: one connection over lo, one over another interface (veth) from a second
    network namespace. The section and two packets (the first and the tenth) have comments, set with editcap."
software=(node ws dumpcap editcap)
file=two-interfaces.pcapng
filter="tcp port 8120 or tcp port 8121"
prepare() {
    other=$namespace-b
    ip netns add "$other"
    ip -n "$namespace" link add left type veth peer name right netns "$other"
    ip -n "$namespace" addr add 10.81.0.1/24 dev left
    ip -n "$other" addr add 10.81.0.2/24 dev right
    ip -n "$namespace" link set left up
    ip -n "$other" link set right up
    # Checksums and segment sizes as on a real wire.
    ip -n "$namespace" link set left gso_max_segs 1
    ip -n "$other" link set right gso_max_segs 1
}
start_recorder() {
    ip netns exec "$namespace" dumpcap -q -n -i lo -f "$filter" -i left -f "$filter" \
        --capture-comment "wslens sample: two interfaces" -w recorded.pcapng 2>recorder.txt &
    recorder=$!
    wait_for_recorder
}
play() {
    node_server 8120
    node_server 8121 '{"host": "10.81.0.1"}'
    inside node "$here/scenarios/three-texts.js" ws://127.0.0.1:8120/lo
    ip netns exec "$other" node "$here/scenarios/three-texts.js" ws://10.81.0.1:8121/veth
}
finish() {
    ip netns del "$other"
    editcap -a '1:client calls' -a '10:the tenth packet' recorded.pcapng commented.pcapng
    python3 "$here/forget_machine.py" commented.pcapng "$file"
}
