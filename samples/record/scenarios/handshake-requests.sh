# Requests that ask for a WebSocket in the wrong way, and others that only look so.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="Requests over raw sockets to a server that accepts everything. Each breaks one rule or comes close to one, see 'about': the
    version, the target, Host, Upgrade, Connection, the key, secrets, line ends. A text each way and a Close follow. One pair of connections is the two sides of a proxy."
software=(python tcpdump)
problems=(HS-02 HS-03 HS-04 HS-05 HS-06 HS-10 HS-30)
filter="tcp portrange 8200-8239"
play() { inside python "$here/scenarios/handshake-requests.py"; }
