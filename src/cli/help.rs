//! Words of the help that belong to no single option.

/// Columns that help has at most.
pub(super) const WIDTH: usize = 100;

/// What it is, in one line.
pub(super) const ABOUT: &str = "Shows the WebSocket traffic in a network capture, saved or live";

/// What it is.
pub(super) const LONG_ABOUT: &str = "\
Shows the WebSocket traffic in a network capture, saved or live.

wslens reads packets (pcap and pcapng files, also compressed with gzip or zstd, standard input, or a \
network interface), rebuilds the TCP streams, finds the WebSocket connections in them, and shows \
their handshakes and messages, inflated where they were compressed. It only listens: nothing is sent.";

/// Examples behind the short help.
pub(super) const AFTER: &str = "\
Examples:
  wslens feed.pcap                    what was said, in the terminal: ? shows the keys
  wslens diagnose feed.pcap           why a connection failed or dropped, and what to do
  wslens check feed.pcap              what breaks the rules, where, and what to do
  wslens print --frames feed.pcap     every frame with its bits
  wslens stats feed.pcap              how much of what
  wslens -i lo -f 'tcp port 8080'     watch your own machine
  wslens explain 1006                 what a close code, or the bytes of a frame, mean

Record a capture: tcpdump -i lo -s 0 -w feed.pcap 'tcp port 8080'
Exit codes: 0 fine, 1 check or diagnose found errors, 2 failed (one line on standard error says why).
More: wslens --help";

/// Examples by task, behind the long help.
pub(super) const AFTER_LONG: &str = "\
Examples

  Look at a saved capture
    wslens feed.pcapng                          what was said, in the terminal: ? shows the keys
    wslens print feed.pcapng                    the same, one line per message
    wslens -Y 'severity >= error' feed.pcapng   only what breaks a rule
    wslens print --frames feed.pcapng           every frame with its bits
    wslens print --connection 3 feed.pcapng     one connection only
    wslens print --findings feed.pcapng         what breaks the rules, where it happened
    wslens stats feed.pcapng                    how much of what
    ssh host tcpdump -U -s 0 -w - | wslens -    from another machine, as it happens

  Watch your own machine
    wslens interfaces                           what can be captured
    wslens -i lo -f 'tcp port 8080'             loopback; lo0 on macOS
    wslens -i any -w feed.pcapng                all interfaces, kept in a file
    wslens check -i lo --duration 1m            what breaks the rules within a minute

  Find out why it did not connect, or why it dropped
    wslens diagnose feed.pcapng                 each connection's story, the failed ones first
    wslens diagnose --failed captures/          of all captures in a folder, failures only
    wslens diagnose --connection 3 feed.pcapng  one connection at length, also where it is fine
    wslens diagnose -i lo -f 'tcp port 8080'    live: reproduce it, then press Ctrl-C

  Find what is wrong
    wslens check feed.pcapng                    what breaks the rules, where, and what to do
    wslens check --explain captures/            of all captures in a folder, explained at length
    wslens check --only HS,WS-F07 feed.pcap     some rules only
    wslens check --format github captures/      for continuous integration; also sarif
    wslens rules                                what is judged

  Look something up
    wslens explain 1006                         a close code
    wslens explain \"81 85 37 fa 21 3d 7f 9f 4d 51 58\"
                                                every bit of a frame, and its payload
    wslens explain --deflate - < frames.bin     frames from a file, inflated

  Feed other programs
    wslens print --format ndjson feed.pcap | jq 'select(.type == \"message\") | .text'

How to record a capture
  tcpdump -i lo -s 0 -w feed.pcap 'tcp port 8080'
  Start it before the connection is opened: the handshake says how messages are compressed.
  -s 0 captures packets whole. On the machine itself, wss:// can only be seen before TLS is put
  around it, for example between a reverse proxy and the application.

What a line shows
    number  time      connection     size              content
         3  0.001022  #3    →  text  124 B (78 on the wire)  {\"type\":\"subscribe\"…
  Times are in seconds from the first packet. → is from client to server, ← is the answer's way.
  ✖ marks what failed or breaks a rule, ▲ what to be aware of; behind it stand the rules, which
  wslens rules explains. CAP-01 and the like name what the capture lacks.

Exit codes
  0  fine, even where the output was not read to its end (a closed pipe)
  1  wslens check found an error, wslens diagnose a connection that failed, or what --fail-on says
  2  wslens failed, or the capture is damaged; one line on standard error says what, where, and what
     to do. Everything before the damage is shown all the same.

Environment
  NO_COLOR   when set and not empty, output is not colored, unless --color always says so";

/// What there is to do, for those who said nothing.
pub(super) const USAGE: &str = "\
wslens shows the WebSocket traffic in a network capture.

  Look at a saved capture     wslens feed.pcap
                              wslens print --frames feed.pcap
                              wslens stats feed.pcap
  Why did it fail, or drop?   wslens diagnose feed.pcap
  Find what is wrong          wslens check feed.pcap
  Watch your own machine      wslens interfaces
                              wslens -i lo -f 'tcp port 8080'
  Look something up           wslens explain 1006
                              wslens explain \"81 85 37 fa 21 3d 7f 9f 4d 51 58\"
  Feed other programs         wslens print --format ndjson feed.pcap
  From another machine        ssh host tcpdump -U -s 0 -w - | wslens -

  Record a capture            tcpdump -i lo -s 0 -w feed.pcap 'tcp port 8080'
  Everything else             wslens --help
";
