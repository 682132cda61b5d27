//! Help texts that belong to no single option.

/// The most columns of help.
pub(super) const WIDTH: usize = 100;

/// What the program is, in one line.
pub(super) const ABOUT: &str = "Shows the WebSocket traffic in a network capture, saved or live";

/// What the program is.
pub(super) const LONG_ABOUT: &str = "\
Shows the WebSocket traffic in a network capture, saved or live.

wslens reads packets (pcap and pcapng files, optionally compressed with gzip or zstd, standard input, \
or a network interface), rebuilds the TCP streams, finds the WebSocket connections in them, and shows \
their handshakes and messages, inflating compressed ones. It only listens; it never sends anything. \
TLS is decrypted with its secrets (--keylog). WebSocket over HTTP/2 is not decoded yet.";

/// Examples after the short help.
pub(super) const AFTER: &str = "\
Examples:
  wslens feed.pcap                    handshakes and messages on the screen; ? shows the keys
  wslens diagnose feed.pcap           why a connection failed or dropped, and what to do
  wslens check feed.pcap              broken rules, where, and what to do
  wslens print --frames feed.pcap     every frame with its header bits
  wslens stats feed.pcap              counts, sizes and rates
  wslens -i lo -f 'tcp port 8080'     watch your own machine
  wslens run -- node client.js        watch a command, and see inside its wss://
  wslens explain 1006                 a close code, a rule, or the bytes of a frame

Record a capture: tcpdump -i lo -s 0 -w feed.pcap 'tcp port 8080'
Exit codes: 0 success, 1 check or diagnose found errors, 2 failure (one line on standard error).
More: wslens --help";

/// Examples by task, after the long help.
pub(super) const AFTER_LONG: &str = "\
Examples

  Look at a saved capture
    wslens feed.pcapng                          handshakes and messages on the screen; ? shows the keys
    wslens print feed.pcapng                    the same, one line per message
    wslens -Y 'severity >= error' feed.pcapng   only rows with errors
    wslens print --frames feed.pcapng           every frame with its header bits
    wslens print --connection 3 feed.pcapng     one connection only
    wslens print --findings feed.pcapng         each finding below the message that it concerns
    wslens stats feed.pcapng                    counts, sizes and rates
    wslens ring_*.pcapng --join                 several files as one capture
    ssh host tcpdump -U -s 0 -w - | wslens -    live from another machine

  Watch your own machine
    wslens interfaces                           what can be captured
    wslens -i lo -f 'tcp port 8080'             loopback; lo0 on macOS
    wslens -i any -w feed.pcapng                all interfaces, saved to a file
    wslens check -i lo --duration 1m            broken rules within a minute
    wslens run -- node client.js                a command, also inside its wss://
    wslens run check -- npm test                broken rules in a test, for continuous integration

  Find out why it did not connect, or why it dropped
    wslens diagnose feed.pcapng                 every connection, the failed ones first
    wslens diagnose --failed captures/          all captures in a directory, failures only
    wslens diagnose --connection 3 feed.pcapng  one connection in full
    wslens diagnose -i lo -f 'tcp port 8080'    live: reproduce it, then press Ctrl-C

  Find what is wrong
    wslens check feed.pcapng                    broken rules, where, and what to do
    wslens check --explain captures/            all captures in a directory, explained in full
    wslens check --only HS,WS-F07 feed.pcap     some rules only
    wslens check --format github captures/      for continuous integration; also sarif
    wslens rules                                all rules

  Look inside wss://
    wslens --keylog keys.log feed.pcapng        decrypted with the secrets of a key log
    wslens keys list feed.pcapng                which sessions have secrets
    wslens keys inject feed.pcap keys.log -o whole.pcapng
                                                one file with all that is needed
    wslens keys strip whole.pcapng -o shared.pcapng
                                                without secrets, to be given away

  Look something up
    wslens explain 1006                         a close code
    wslens explain \"81 85 37 fa 21 3d 7f 9f 4d 51 58\"
                                                every bit of a frame, and its payload
    wslens explain --deflate - < frames.bin     frames from a file, inflated

  Feed other programs
    wslens print --format ndjson feed.pcap | jq 'select(.type == \"message\") | .text'

How to record a capture
  tcpdump -i lo -s 0 -w feed.pcap 'tcp port 8080'
  Start it before the connection is opened: the handshake determines how messages are compressed.
  -s 0 captures complete packets. For wss://, let one side write a key log (SSLKEYLOGFILE) and pass
  it with --keylog, or capture between a reverse proxy and the application.

How to read a line
    number  time      connection     size              content
         3  0.001022  #3    →  text  124 B (78 on the wire)  {\"type\":\"subscribe\"…
  Times are in seconds from the first packet. → is from client to server, ← from server to client.
  ✖ marks errors and ▲ warnings, followed by the rules; wslens rules explains them. Rules such as
  CAP-01 report what is missing from the capture.

Exit codes
  0  success, also if the output was not read to its end (a closed pipe)
  1  check found an error, diagnose a failed connection, or another severity given with --fail-on;
     keys list found a TLS session whose secrets are missing
  2  wslens failed, or the capture is damaged; one line on standard error says what, where, and what
     to do. Everything before the damage is still shown.

Environment
  NO_COLOR   if set and not empty, output is not colored, unless --color always is given";

/// What to do next, printed if no arguments are given.
pub(super) const USAGE: &str = "\
wslens shows the WebSocket traffic in a network capture.

  Look at a saved capture     wslens feed.pcap
                              wslens print --frames feed.pcap
                              wslens stats feed.pcap
  Why did it fail, or drop?   wslens diagnose feed.pcap
  Find what is wrong          wslens check feed.pcap
  Watch your own machine      wslens interfaces
                              wslens -i lo -f 'tcp port 8080'
                              wslens run -- node client.js
  Look something up           wslens explain 1006
                              wslens explain \"81 85 37 fa 21 3d 7f 9f 4d 51 58\"
  Feed other programs         wslens print --format ndjson feed.pcap
  From another machine        ssh host tcpdump -U -s 0 -w - | wslens -

  Record a capture            tcpdump -i lo -s 0 -w feed.pcap 'tcp port 8080'
  Everything else             wslens --help
";
