# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
made_from=ipv6
story="The capture ipv6 with its link type set to 147 (USER0, which means something else to everybody): nothing of it can be
    decoded, and that is reported (CAP-10)."
software=(editcap)
problems=(CAP-10)
changes=(undecodable)
edit() { editcap -F pcap -T user0 "$original" "$file"; }
