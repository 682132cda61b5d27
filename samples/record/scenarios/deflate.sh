# Compression as most servers of today have it.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="node ws on both sides with permessage-deflate and context takeover: similar JSON messages get smaller and smaller
    on the wire. One message is sent uncompressed between them, one is empty, one has two compressed frames. Close 1000."
software=(node ws tcpdump)
filter="tcp port 8101"
play() {
    node_server 8101 '{"deflate": true}'
    inside node "$here/scenarios/deflate.js"
}
