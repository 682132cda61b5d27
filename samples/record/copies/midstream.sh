# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
made_from=echo
story="The capture echo without everything up to the 101 and its acknowledgement (editcap): recording began when the connection was already open. All messages can be shown; CAP-03 explains why there is no handshake."
software=(editcap)
problems=(CAP-03)
changes=(midstream)
edit() {
    local first
    first=$(frames "websocket" | head -n 1)
    editcap -F pcap -r "$original" "$file" "$first-100000"
}
