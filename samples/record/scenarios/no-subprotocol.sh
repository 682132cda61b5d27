# A server that chooses none of the subprotocols.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="A client that offers a subprotocol to a server that knows none: the server accepts and chooses none, and node's ws gives up without
    a word. Then a client that offers none."
software=(python node ws tcpdump)
problems=(WHY-14)
filter="tcp port 8171"
play() {
    serve 8171 python "$here/scenarios/no-subprotocol.py"
    inside node "$here/scenarios/no-subprotocol.js"
}
