# Names that do not resolve.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="The C library asks a small resolver for five names: one that does not exist, one for which the resolver fails, one that has no
    address, one that gets no answer, and one that is found with a search domain. A WebSocket follows the last one."
software=(python tcpdump)
problems=(NET-05)
filter="udp port 53 or tcp port 8171"
play() {
    printf '%s\n' 'nameserver 127.0.0.1' 'search first.test example.test' 'options timeout:1 attempts:2' >resolv.conf
    ip netns exec "$namespace" python "$here/scenarios/resolver.py" &
    sleep 0.5
    # The resolver's address is this process's own business: /etc/resolv.conf is another file for it only.
    inside unshare -m sh -c 'mount --bind resolv.conf /etc/resolv.conf && exec python "$1"' sh \
        "$here/scenarios/no-such-name.py"
}
