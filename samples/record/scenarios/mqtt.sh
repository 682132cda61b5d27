# A broker and a subprotocol.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="mqtt.js (on node ws) talks MQTT 3.1.1 over WebSocket to mosquitto: CONNECT, SUBSCRIBE, PUBLISH with QoS 1, the broker's
    answers, DISCONNECT. Subprotocol mqtt, binary messages; one MQTT packet may be spread over several of them. MQTT's
    goodbye is all: the TCP connection ends without Close frames, as is usual with these two."
software=(mosquitto node mqtt ws tcpdump)
problems=(WS-C12)
filter="tcp port 8109"
play() {
    # This version does not start with a WebSocket listener alone.
    printf '%s\n' 'listener 8124 127.0.0.1' 'listener 8109 127.0.0.1' 'protocol websockets' 'allow_anonymous true' \
        'persistence false' "user $(id -un)" >mosquitto.conf
    serve 8109 mosquitto -c mosquitto.conf >mosquitto.txt 2>&1
    inside node "$here/scenarios/mqtt.js"
}
