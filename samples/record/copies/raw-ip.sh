# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
made_from=ipv6
story="The capture ipv6 without its Ethernet headers, with link type 101 (raw IP): decoded like the original. It comes close to
    unknown-link-type."
software=(editcap)
changes=("near:CAP-10:an unusual link type, but one that is supported")
edit() { editcap -F pcap -C 14 -L -T rawip "$original" "$file"; }
