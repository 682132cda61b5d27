# ws:// where wss:// is spoken, and the reverse.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="A node ws client has the right scheme once, and the wrong one twice: wss:// to node's HTTPS server (8125); wss:// to node's plain
    HTTP server (8123), which takes the ClientHello for a broken request and answers 400 in the clear; and ws:// to the HTTPS server,
    which closes the connection without a word."
software=(node ws openssl tcpdump)
problems=(TLS-01 TLS-02)
filter="tcp port 8123 or tcp port 8125"
play() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout key.pem -out cert.pem 2>openssl.txt
    inside env NODE_EXTRA_CA_CERTS="$work/cert.pem" node "$here/scenarios/wrong-scheme.js" 8123 8125
}
