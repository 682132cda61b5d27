# Fields that may stand once only, that are lists, or that belong to browsers.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="Handshakes over raw sockets between a client and a server that accept everything. Each breaks one rule or comes close to one, see 'about': fields that are repeated, lists of subprotocols and extensions, a browser's fields. A text each way and a Close follow."
software=(python tcpdump)
problems=(HS-09 HS-13 HS-14 HS-27 HS-28)
filter="tcp portrange 8240-8269"
play() { inside python "$here/scenarios/handshake-fields.py"; }
