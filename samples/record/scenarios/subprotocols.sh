# Contents that are not what the subprotocol promised.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="Subprotocols over raw sockets (graphql-transport-ws, MQTT 3.1.1, STOMP 1.2, an unknown one): in some connections
    one message cannot be parsed as the subprotocol, in the others all can, even if packets and messages do not coincide."
software=(python tcpdump)
problems=(WS-M03)
filter="tcp portrange 8360-8369"
play() { inside python "$here/scenarios/subprotocols.py"; }
