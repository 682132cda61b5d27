# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="The server serves /ws only. The client tries /websocket and /ws/ (404 both times), then /ws, which works."
software=(node ws tcpdump)
problems=(HS-43)
filter="tcp port 8115"
play() {
    node_server 8115 '{"path": "/ws"}'
    inside node "$here/scenarios/attempt.js" ws://127.0.0.1:8115/websocket ws://127.0.0.1:8115/ws/ ws://127.0.0.1:8115/ws
}
