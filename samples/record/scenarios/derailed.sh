# Senders that lose the boundaries of their own frames, and what a real server does about it.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="A raw-socket client writes bytes that are not the frames it means, and node ws fails the connection: (1) a task writes
    a frame while another one is in the middle of its own, (2) the length of a text counts its characters, three times,
    (3) a length of 132 is written into 7 bits. Each sends a good message first."
software=(python node ws tcpdump)
problems=(WHY-01 WHY-02 WHY-03)
filter="tcp port 8131"
play() {
    node_server 8131
    inside python "$here/scenarios/derailed.py"
}
