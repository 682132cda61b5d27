# The classic mistake: a reverse proxy that was never told about WebSocket.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="The same as nginx-proxy, but nginx has its defaults: it uses HTTP/1.0 to the server behind it and drops Upgrade and
    Connection. node sees a plain GET and answers 426, which nginx passes on to the client (8107; behind it 8108)."
software=(nginx node ws tcpdump)
problems=(HS-49)
filter="tcp port 8107 or tcp port 8108"
play() {
    node_server 8108
    nginx_before 8107 8108 ''
    inside node "$here/scenarios/nginx-proxy.js" 8107
}
