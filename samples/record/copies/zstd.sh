# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
made_from=deflate
file=zstd.pcapng.zst
story="The capture deflate as pcapng (editcap), compressed with zstd."
software=(editcap zstd)
changes=()
edit() {
    editcap -F pcapng "$original" plain.pcapng
    python3 "$here/forget_machine.py" plain.pcapng small.pcapng
    zstd -q -19 -c small.pcapng >"$file"
}
