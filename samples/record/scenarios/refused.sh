# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="A node ws client tries a port on which nothing listens, twice: each SYN is answered by a reset."
software=(node ws tcpdump)
problems=(NET-01)
filter="tcp port 8113"
play() {
    inside node "$here/scenarios/attempt.js" ws://127.0.0.1:8113/ ws://127.0.0.1:8113/
}
