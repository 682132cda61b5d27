# A reverse proxy that is set up right; both of its legs are in the capture.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="A node ws client talks to node ws through nginx that passes Upgrade and Connection on. Both legs are recorded: client
    to nginx (8105) and nginx to node (8106). The same frames, with the same masks, appear on both. Close 1000."
software=(nginx node ws tcpdump)
filter="tcp port 8105 or tcp port 8106"
play() {
    node_server 8106
    nginx_before 8105 8106 'proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade"; proxy_set_header Host $host;'
    inside node "$here/scenarios/nginx-proxy.js" 8105
}
