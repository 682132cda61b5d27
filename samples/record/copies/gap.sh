# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
made_from=echo
story="The capture echo without one of the client's packets, from the middle of the 9000-byte text (editcap). The server
    acknowledged it, so it is the recording that lacks it (CAP-01): the text is shown as incomplete, all others whole."
software=(editcap)
problems=(CAP-01)
changes=(incomplete:client_to_server:9000)
edit() {
    # The third full segment of the client: no frame begins or ends in it.
    local packet
    packet=$(frames "tcp.dstport == 8100 and tcp.len == 1448" | sed -n 3p)
    editcap -F pcap "$original" "$file" "$packet"
}
