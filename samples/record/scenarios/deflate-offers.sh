# What is agreed on for permessage-deflate, and how not to.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="Negotiations of permessage-deflate over raw sockets between a client and a server that mind nothing: unknown, repeated
    and impossible parameters, answers that do not fit the offers, old drafts; and next to each what is allowed. Where the
    negotiation is right, two compressed texts each way may follow, else one plain text."
software=(python tcpdump)
problems=(PMD-01 PMD-02 PMD-03 PMD-04 PMD-05 PMD-06 PMD-07 PMD-16)
filter="tcp portrange 8300-8339"
play() { inside python "$here/scenarios/deflate-offers.py"; }
