# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
made_from=echo
file=gzip.pcap.gz
story="The capture echo, compressed with gzip."
software=(gzip)
changes=()
edit() { gzip -9 -n -c "$original" >"$file"; }
