# The same inside TLS, with the secrets that open it.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="node ws over TLS 1.3 (a throw-away certificate, not kept). With the key log wss.keys wslens shows three texts, their
    echoes and close 1000; without it the connection is undecodable (TLS-05)."
software=(node ws openssl tcpdump)
filter="tcp port 8122"
keys=wss.keys
play() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout key.pem -out cert.pem 2>openssl.txt
    node_server 8122 '{"cert": "cert.pem", "key": "key.pem"}'
    inside env NODE_NO_WARNINGS=1 node --tls-keylog="$keys" "$here/scenarios/three-texts.js" wss://127.0.0.1:8122/secret
}
