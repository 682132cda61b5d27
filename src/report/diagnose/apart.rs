//! The possible causes of what was seen, if there are several, and how to distinguish them.

use self::Fits::{AfterSilence, Always};
use crate::journal::history::LONG_SILENCE;

/// The possible causes of a rule's finding, each with how it would show.
///
/// `silence` is how long nothing had been sent before the end, in nanoseconds.
pub(super) fn candidates(
    id: &'static str,
    silence: Option<u64>,
) -> impl Iterator<Item = (&'static str, &'static str)> {
    let is_long = silence.is_none_or(|silence| silence >= LONG_SILENCE);
    let of = CANDIDATES.iter().filter(move |Ambiguous(rule, _)| *rule == id);
    of.flat_map(|Ambiguous(_, list)| *list)
        .filter(move |Candidate(fits, ..)| is_long || *fits == Always)
        .map(|Candidate(_, candidate, sign)| (*candidate, *sign))
}

/// When a candidate fits what was seen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fits {
    Always,
    /// Only if nothing had been sent for long.
    AfterSilence,
}

/// When a candidate fits, what it is, and how to recognise it.
struct Candidate(Fits, &'static str, &'static str);

/// The possible causes of the findings of a rule.
struct Ambiguous(&'static str, &'static [Candidate]);

#[rustfmt::skip]
const CANDIDATES: &[Ambiguous] = &[
    Ambiguous("NET-02", &[
        Candidate(Always, "a firewall drops the SYN", "other ports of the server answer, if only with RST; a capture on the server shows no SYN, or no answer leaving it"),
        Candidate(Always, "the server is down, or has another address", "nothing at that address answers, not even a ping"),
        Candidate(Always, "packets back to the client are lost or misrouted", "a capture on the server shows SYN and SYN-ACK"),
    ]),
    Ambiguous("NET-07", &[
        Candidate(Always, "the process died or was killed", "its log, or that of the system (out of memory), has an entry at that time"),
        Candidate(Always, "it closed a socket with unread data", "data from the other side was still in flight"),
        Candidate(AfterSilence, "a firewall or NAT forgot the connection", "a capture on the side that seems to have sent the RST shows none leaving it"),
    ]),
    Ambiguous("NET-13", &[
        Candidate(AfterSilence, "a NAT or firewall forgot the connection", "the connection had been idle for long; a new one works at once"),
        Candidate(Always, "the network was lost", "other connections of the same host ended at the same time"),
        Candidate(Always, "the other host is down", "it answers nothing else either"),
    ]),
    Ambiguous("HS-50", &[
        Candidate(Always, "the server's event loop is blocked", "other requests to it hang too, and its CPU is busy"),
        Candidate(Always, "a proxy is waiting for its upstream server", "a capture between proxy and upstream shows the same request unanswered"),
        Candidate(Always, "the port speaks another protocol", "no client ever gets an HTTP answer from it"),
    ]),
    Ambiguous("HS-54", &[
        Candidate(Always, "the port expects TLS", "wss:// to the same port works"),
        Candidate(Always, "the server's handler failed", "its log has an exception at that time"),
        Candidate(Always, "the port speaks another protocol", "see the server's documentation for the purpose of this port"),
    ]),
    Ambiguous("HS-43", &[
        Candidate(Always, "the path is wrong", "the same server accepts the upgrade at another path"),
        Candidate(Always, "the port belongs to another HTTP server", "the Server header and the body of the response are not those of the WebSocket server"),
    ]),
    Ambiguous("HS-44", &[
        Candidate(Always, "a proxy on the way dropped the upgrade", "a capture beyond the proxy shows the request without Upgrade; a client that bypasses the proxy succeeds"),
        Candidate(Always, "the server speaks another version", "its response has a Sec-WebSocket-Version header without 13"),
    ]),
    Ambiguous("HS-42", &[
        Candidate(Always, "the Origin is not allowed", "a client that sends no Origin, or another one, is accepted"),
        Candidate(Always, "a login or token is missing", "the same request with the page's Cookie is accepted"),
        Candidate(Always, "a web application firewall refuses it", "the Server header and the body of the response are not those of the application"),
    ]),
    Ambiguous("TLS-08", &[
        Candidate(Always, "the client does not trust the certificate", "its log says so; it connects once it is configured to trust this certificate"),
        Candidate(Always, "the client gave up waiting", "it closed the connection after a round number of seconds"),
        Candidate(Always, "the client was terminated", "its process is gone"),
    ]),
    Ambiguous("WS-C12", &[
        Candidate(AfterSilence, "a proxy's idle timeout", "the idle time before the end is the same each time, and a round number of seconds"),
        Candidate(Always, "the process ended without closing its connections", "all of its connections end within the same second"),
        Candidate(Always, "the program closes its socket without sending a Close", "it happens every time the program closes a connection"),
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
            assert!(list.len() > 1, "{id}: a single candidate leaves no choice");
        }
        assert_eq!(candidates("WS-F01", None).count(), 0);
        let after = |silence| candidates("WS-C12", Some(silence)).count();
        assert_eq!(
            (after(LONG_SILENCE), after(LONG_SILENCE - 1)),
            (3, 2),
            "an idle timeout needs silence"
        );
    }
}
