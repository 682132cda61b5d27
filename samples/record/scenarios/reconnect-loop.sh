# A client without patience.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="A client tries a port on which nothing listens, six times, every 150 ms; another one tries as often and waits longer each time."
software=(python tcpdump)
problems=(NET-01 NET-11)
filter="tcp port 8172 or tcp port 8173"
play() { inside python "$here/scenarios/reconnect-loop.py"; }
