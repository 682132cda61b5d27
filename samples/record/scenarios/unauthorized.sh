# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="A server that wants a bearer token. The first attempt has none and the second a wrong one: 401 both times. The third has
    the right one (a made-up word) and gets in."
software=(node ws tcpdump)
problems=(HS-41)
filter="tcp port 8114"
play() {
    node_server 8114 '{"token": "sesame"}'
    inside node "$here/scenarios/attempt.js" ws://127.0.0.1:8114/feed 'ws://127.0.0.1:8114/feed simsim' \
        'ws://127.0.0.1:8114/feed sesame'
}
