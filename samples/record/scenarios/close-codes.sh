# Who may close with what.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="Closing handshakes over raw sockets: answered with another code, with the same code, without any; 1010 from the server,
    and from the client, whose it is."
software=(python tcpdump)
problems=(WS-C10 WS-C11)
filter="tcp portrange 8340-8349"
play() { inside python "$here/scenarios/close-codes.py"; }
