# What breaks no rule, and still means trouble. Takes half a minute.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="Raw sockets: half a minute of silence without and with a Ping; slow Pongs; responses that wait in a queue when there are many requests at once; a server that closes three connections with 1012; seventy kilobytes of JSON that are not compressed."
software=(python tcpdump)
problems=(OPS-02 OPS-03 OPS-04 OPS-05 OPS-06 WS-C17)
filter="tcp portrange 8138-8148"
play() { inside python "$here/scenarios/health.py"; }
