# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
made_from=echo
story="The capture echo, cut 70 bytes into the packet that carries the echo of 'bye', as by a full disk. Everything before it
    can be read (CAP-08)."
software=()
problems=(CAP-08)
changes=(until:client_to_server:bye before:server_to_client:bye)
edit() {
    # A packet takes 16 bytes for its header in the file and then what was captured of it.
    local packet size
    packet=$(frames "websocket and tcp.srcport == 8100" | tail -n 2 | head -n 1)
    size=$(tshark -r "$original" -Y "frame.number < $packet" -T fields -e frame.cap_len 2>/dev/null |
        awk '{ size += 16 + $1 } END { print 24 + size }')
    head -c "$((size + 70))" "$original" >"$file"
}
