# What happens to a quiet connection behind a reverse proxy. Takes a minute.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="The same as nginx-proxy, but after one message and its echo no data and no Pings follow. nginx has
    its default of 60 s for proxy_read_timeout: then it ends both connections (8174 and 8175) without a Close."
software=(nginx node ws tcpdump)
problems=(OPS-01 WS-C12)
filter="tcp port 8174 or tcp port 8175"
play() {
    node_server 8175
    nginx_before 8174 8175 'proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade"; proxy_set_header Host $host;'
    ip netns exec "$namespace" timeout 90 node "$here/scenarios/nginx-idle.js" 8174
}
