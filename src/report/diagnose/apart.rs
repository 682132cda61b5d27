//! Where several causes fit what was seen: which, and what would tell them apart.

/// What may be behind the findings of a rule, each with what would show it.
pub(super) fn candidates(id: &str) -> &'static [(&'static str, &'static str)] {
    CANDIDATES.iter().find(|row| row.0 == id).map_or(&[], |row| row.1)
}

/// By rule: a candidate, and how to tell that it is this one.
#[rustfmt::skip]
const CANDIDATES: &[(&str, &[(&str, &str)])] = &[
    ("NET-02", &[
        ("a firewall drops the SYN", "other ports of the server answer, also with RST; a capture on the server shows no SYN, or no answer leaving"),
        ("the server is off, or its address is wrong", "nothing at that address answers, ping included"),
        ("the way back is missing", "a capture on the server shows SYN and SYN-ACK"),
    ]),
    ("NET-07", &[
        ("the process died or was killed", "its log, or the system's (out of memory), at that second"),
        ("it closed a socket with unread data", "the bytes of the other side that were still on their way"),
        ("a firewall or NAT forgot the connection", "RST after a long silence, from an address that did not send it by its own capture"),
    ]),
    ("NET-13", &[
        ("a NAT or firewall forgot the connection", "it was silent for long before; a new connection works at once"),
        ("the network was lost", "other connections of the same host died at the same time"),
        ("the other host is down", "it answers nothing else either"),
    ]),
    ("HS-50", &[
        ("the server's event loop is blocked", "other requests to it hang, too; its processor is busy"),
        ("the port speaks another protocol", "it answers neither HTTP nor anything, to any client"),
        ("a proxy waits for the server behind it", "a capture behind the proxy shows the same request without an answer"),
    ]),
    ("HS-54", &[
        ("the server's handler failed", "its log has an exception at that second"),
        ("the port expects TLS", "wss:// to the same port works"),
        ("the port speaks another protocol", "what the server's documentation says of the port"),
    ]),
    ("HS-42", &[
        ("the Origin is not allowed", "a client that sends no Origin, or another one, gets in"),
        ("a login or token is missing", "the same request with the page's Cookie gets in"),
        ("a firewall for web applications refuses", "the answer's Server header and body are not the application's"),
    ]),
    ("TLS-08", &[
        ("the client does not trust the certificate", "it says so in its log; it goes on when verification is off (for a test only)"),
        ("the client timed out", "it left after a round number of seconds"),
        ("the client was ended", "its process is gone"),
    ]),
    ("WS-C12", &[
        ("a proxy's idle timeout", "the silence before it is the same each time, and a round number of seconds"),
        ("the process ended without closing its connections", "all of its connections end within the same second"),
        ("the program closes the socket and sends no Close", "it happens whenever it is done"),
    ]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::diagnose::cause;

    #[test]
    fn candidates_are_of_rules_that_explain() {
        for (id, list) in CANDIDATES {
            assert!(cause::causes().any(|(known, _)| known == *id), "{id}");
            assert!(list.len() > 1, "{id}: one candidate is no choice");
        }
        assert!(candidates("WS-F01").is_empty());
    }
}
