# What applications see as 1006.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="Two messages are echoed; then the server's process is killed (SIGKILL). The kernel ends the connection without a Close
    frame, and the client's application sees 1006."
software=(node ws tcpdump)
problems=(WS-C12)
filter="tcp port 8118"
play() {
    node_server 8118
    inside node "$here/scenarios/killed-server.js" &
    local client=$!
    until grep -qs 'one more' "$WSLOG"; do sleep 0.1; done
    sleep 0.3
    inside ss -Hltnp 'sport = :8118' | sed -n 's/.*pid=\([0-9]*\).*/\1/p' | xargs kill -s KILL
    wait "$client"
}
