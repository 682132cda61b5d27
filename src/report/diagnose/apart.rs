//! Where several causes fit what was seen: which, and what would tell them apart.

use self::Fits::{AfterSilence, Always};
use super::words::LONG;

/// What may be behind what a rule found, each with what would show it.
///
/// `silence` is how long nothing had been sent before the end, in nanoseconds.
pub(super) fn candidates(
    id: &str,
    silence: Option<u64>,
) -> impl Iterator<Item = (&'static str, &'static str)> {
    let list = CANDIDATES.iter().find(|row| row.0 == id).map_or(&[][..], |row| row.1);
    let is_long = silence.is_none_or(|silence| silence >= LONG);
    list.iter().filter(move |(fits, ..)| is_long || *fits == Always).map(|row| (row.1, row.2))
}

/// When a candidate fits what was seen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fits {
    Always,
    /// Only where nothing had been sent for long.
    AfterSilence,
}

/// By rule: when a candidate fits, what it is, and how to tell that it is this one.
#[rustfmt::skip]
const CANDIDATES: &[(&str, &[(Fits, &str, &str)])] = &[
    ("NET-02", &[
        (Always, "a firewall drops the SYN", "other ports of the server answer, if only with RST; a capture on the server shows no SYN, or no answer that leaves"),
        (Always, "the server is off, or the address is not its own", "nothing at that address answers, not even a ping"),
        (Always, "the way back is missing", "a capture on the server shows SYN and SYN-ACK"),
    ]),
    ("NET-07", &[
        (Always, "the process died or was killed", "its log, or the system's (out of memory), has an entry at that second"),
        (Always, "it closed a socket with unread data", "bytes of the other side were still on their way"),
        (AfterSilence, "a firewall or NAT forgot the connection", "a capture on the side that seems to have reset shows no RST that leaves"),
    ]),
    ("NET-13", &[
        (AfterSilence, "a NAT or firewall forgot the connection", "it was silent for long before; a new connection works at once"),
        (Always, "the network was lost", "other connections of the same host died at the same time"),
        (Always, "the other host is down", "it answers nothing else either"),
    ]),
    ("HS-50", &[
        (Always, "the server's event loop is blocked", "other requests to it hang, too, and its processor is busy"),
        (Always, "a proxy waits for the server behind it", "a capture behind the proxy shows the same request without an answer"),
        (Always, "the port speaks another protocol", "no client ever gets an HTTP answer from it"),
    ]),
    ("HS-54", &[
        (Always, "the server's handler failed", "its log has an exception at that second"),
        (Always, "the port expects TLS", "wss:// to the same port works"),
        (Always, "the port speaks another protocol", "the server's documentation says what this port is for"),
    ]),
    ("HS-42", &[
        (Always, "the Origin is not allowed", "a client that sends no Origin, or another one, gets in"),
        (Always, "a login or token is missing", "the same request with the page's Cookie gets in"),
        (Always, "a firewall for web applications refuses", "Server header and body of the answer are not the application's"),
    ]),
    ("TLS-08", &[
        (Always, "the client does not trust the certificate", "its log says so; it goes on when it is told to trust this certificate"),
        (Always, "the client gave up waiting", "it left after a round number of seconds"),
        (Always, "the client was ended", "its process is gone"),
    ]),
    ("WS-C12", &[
        (AfterSilence, "a proxy's idle timeout", "the silence before it is the same each time, and a round number of seconds"),
        (Always, "the process ended without closing its connections", "all of its connections end within the same second"),
        (Always, "the program closes its socket and sends no Close", "it happens whenever it is done"),
    ]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::rule;
    use crate::report::diagnose::cause::{self, Part};

    #[test]
    fn candidates_are_of_rules_that_explain() {
        for (id, list) in CANDIDATES {
            let rule = rule(id).unwrap();
            assert_ne!(cause::part(rule), Part::Aside, "{id}");
            assert!(list.len() > 1, "{id}: one candidate is no choice");
        }
        assert_eq!(candidates("WS-F01", None).count(), 0);
        let after = |silence| candidates("WS-C12", Some(silence)).count();
        assert_eq!((after(LONG), after(LONG - 1)), (3, 2), "an idle timeout needs silence");
    }
}
