//! Where several causes fit what was seen: which, and what would tell them apart.

use self::Fits::{AfterSilence, Always};
use super::words::LONG;

/// What may be behind what a rule found, each with what would show it.
///
/// `silence` is how long nothing had been sent before the end, in nanoseconds.
pub(super) fn candidates(
    id: &'static str,
    silence: Option<u64>,
) -> impl Iterator<Item = (&'static str, &'static str)> {
    let is_long = silence.is_none_or(|silence| silence >= LONG);
    let of = CANDIDATES.iter().filter(move |Ambiguous(rule, _)| *rule == id);
    of.flat_map(|Ambiguous(_, list)| *list)
        .filter(move |Candidate(fits, ..)| is_long || *fits == Always)
        .map(|Candidate(_, candidate, sign)| (*candidate, *sign))
}

/// When a candidate fits what was seen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fits {
    Always,
    /// Only where nothing had been sent for long.
    AfterSilence,
}

/// When a candidate fits, what it is, and how to tell that it is this one.
struct Candidate(Fits, &'static str, &'static str);

/// What may be behind the findings of a rule.
struct Ambiguous(&'static str, &'static [Candidate]);

#[rustfmt::skip]
const CANDIDATES: &[Ambiguous] = &[
    Ambiguous("NET-02", &[
        Candidate(Always, "a firewall drops the SYN", "other ports of the server answer, if only with RST; a capture on the server shows no SYN, or no answer that leaves"),
        Candidate(Always, "the server is off, or the address is not its own", "nothing at that address answers, not even a ping"),
        Candidate(Always, "the way back is missing", "a capture on the server shows SYN and SYN-ACK"),
    ]),
    Ambiguous("NET-07", &[
        Candidate(Always, "the process died or was killed", "its log, or the system's (out of memory), has an entry at that second"),
        Candidate(Always, "it closed a socket with unread data", "bytes of the other side were still on their way"),
        Candidate(AfterSilence, "a firewall or NAT forgot the connection", "a capture on the side that seems to have reset shows no RST that leaves"),
    ]),
    Ambiguous("NET-13", &[
        Candidate(AfterSilence, "a NAT or firewall forgot the connection", "it was silent for long before; a new connection works at once"),
        Candidate(Always, "the network was lost", "other connections of the same host died at the same time"),
        Candidate(Always, "the other host is down", "it answers nothing else either"),
    ]),
    Ambiguous("HS-50", &[
        Candidate(Always, "the server's event loop is blocked", "other requests to it hang, too, and its processor is busy"),
        Candidate(Always, "a proxy waits for the server behind it", "a capture behind the proxy shows the same request without an answer"),
        Candidate(Always, "the port speaks another protocol", "no client ever gets an HTTP answer from it"),
    ]),
    Ambiguous("HS-54", &[
        Candidate(Always, "the port expects TLS", "wss:// to the same port works"),
        Candidate(Always, "the server's handler failed", "its log has an exception at that second"),
        Candidate(Always, "the port speaks another protocol", "the server's documentation says what this port is for"),
    ]),
    Ambiguous("HS-43", &[
        Candidate(Always, "the path is wrong", "the same server accepts at another path"),
        Candidate(Always, "the port is that of another HTTP server", "Server header and body of the answer are not those of the WebSocket server"),
    ]),
    Ambiguous("HS-44", &[
        Candidate(Always, "a proxy on the way dropped the upgrade", "a capture behind it shows the request without Upgrade; a client that connects past it gets in"),
        Candidate(Always, "the server speaks another version", "its answer has a Sec-WebSocket-Version without 13"),
    ]),
    Ambiguous("HS-42", &[
        Candidate(Always, "the Origin is not allowed", "a client that sends no Origin, or another one, gets in"),
        Candidate(Always, "a login or token is missing", "the same request with the page's Cookie gets in"),
        Candidate(Always, "a firewall for web applications refuses", "Server header and body of the answer are not the application's"),
    ]),
    Ambiguous("TLS-08", &[
        Candidate(Always, "the client does not trust the certificate", "its log says so; it goes on when it is told to trust this certificate"),
        Candidate(Always, "the client gave up waiting", "it left after a round number of seconds"),
        Candidate(Always, "the client was ended", "its process is gone"),
    ]),
    Ambiguous("WS-C12", &[
        Candidate(AfterSilence, "a proxy's idle timeout", "the silence before it is the same each time, and a round number of seconds"),
        Candidate(Always, "the process ended without closing its connections", "all of its connections end within the same second"),
        Candidate(Always, "the program closes its socket and sends no Close", "it happens whenever it is done"),
    ]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::{Explains, rule};

    #[test]
    fn candidates_are_of_rules_that_explain() {
        for Ambiguous(id, list) in CANDIDATES {
            let rule = rule(id).unwrap();
            assert_ne!(rule.explains(), Explains::Nothing, "{id}");
            assert!(list.len() > 1, "{id}: one candidate is no choice");
        }
        assert_eq!(candidates("WS-F01", None).count(), 0);
        let after = |silence| candidates("WS-C12", Some(silence)).count();
        assert_eq!((after(LONG), after(LONG - 1)), (3, 2), "an idle timeout needs silence");
    }
}
