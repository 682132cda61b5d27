# Compression with the parameters that decoders get wrong.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="Python's websockets on both sides. The answer agrees on server_no_context_takeover, server_max_window_bits=12 and
    client_max_window_bits=10: the server forgets after every message, the client remembers 1024 bytes. The texts
    are longer than the windows and repeat themselves. Close 1000 by the server."
software=(python websockets tcpdump)
filter="tcp port 8102"
play() {
    serve 8102 python "$here/scenarios/deflate-window.py" server
    inside python "$here/scenarios/deflate-window.py" client
}
