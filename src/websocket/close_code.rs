//! What close codes mean: the registry, and the ranges between its entries.

/// What is known of a close code, or of a range of codes that share one meaning.
///
/// Source: RFC 6455 §7.4 and IANA, "WebSocket Close Code Number Registry".
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CloseCode {
    /// The lowest code that this is about.
    pub first: u16,
    /// The highest code that this is about; the same for a registered one.
    pub last: u16,
    /// The registered name, without abbreviations; for a range, what it is for.
    pub name: &'static str,
    /// Its meaning, in full sentences.
    pub meaning: &'static str,
    /// When it is seen in practice.
    pub cause: &'static str,
    /// What to look at or to change.
    pub remedy: &'static str,
    /// Who may send it.
    pub sender: Sender,
    /// Whether it may occur in a Close frame.
    pub wire: Wire,
    /// Where it is defined.
    pub source: &'static str,
}

/// Who may send a close code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sender {
    /// Client and server.
    Either,
    /// A client only.
    Client,
    /// A server only.
    Server,
    /// Nobody.
    Nobody,
}

/// Whether a close code may occur in a Close frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wire {
    /// It may.
    Allowed,
    /// It must not: it is made up by the receiver for its own application (RFC 6455 §7.4.1).
    Forbidden,
    /// Nothing gives it a meaning, or a use (RFC 6455 §7.4.2).
    Undefined,
}

impl CloseCode {
    /// Whether a code says that something failed.
    pub fn is_failure(code: u16) -> bool {
        matches!(code, 1002 | 1003 | 1007..=1009 | 1011..=1014)
    }

    /// What is known of `code`; every code is in the registry or in a range.
    pub fn of(code: u16) -> &'static Self {
        let about = |entry: &&Self| (entry.first..=entry.last).contains(&code);
        REGISTERED.iter().chain(RANGES).find(about).unwrap_or(&BEYOND)
    }

    /// Whether this is about one registered code, not about a range.
    pub fn is_registered(&self) -> bool {
        self.first == self.last
    }
}

/// An HTTP error status that some programs use as a close code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HttpStatus {
    /// Its name in RFC 9110 §15 or RFC 6585; for one that neither names, the name of its class.
    pub name: &'static str,
    /// The close code with the same meaning, if there is one.
    pub close_code: Option<u16>,
}

impl HttpStatus {
    /// The HTTP status that a close code looks like; `None` outside 400-599.
    pub fn resembling(code: u16) -> Option<Self> {
        let known = HTTP_STATUSES.iter().find(|(status, ..)| *status == code);
        match (known, code) {
            (Some((_, name, close_code)), _) => Some(Self { name, close_code: *close_code }),
            (None, 400..500) => Some(Self { name: "Client Error", close_code: None }),
            (None, 500..600) => Some(Self { name: "Server Error", close_code: None }),
            (None, _) => None,
        }
    }
}

/// The registry, in its order.
const REGISTERED: &[CloseCode] = &[
    CloseCode {
        name: "normal closure",
        meaning: "The purpose of the connection is fulfilled, and it ends normally.",
        cause: "An application closed the connection on purpose. Many libraries send it \
                by default; browsers send no code by default (1005).",
        remedy: "Nothing. A client that wanted to stay connected may connect again.",
        ..one(1000)
    },
    CloseCode {
        name: "going away",
        meaning: "The sender goes away: a server shuts down, or a browser leaves the page.",
        cause: "A tab was closed, reloaded or navigated elsewhere; a server process stops. Some servers and \
                proxies also send it after an idle timeout.",
        remedy: "Nothing if a user left. If servers restart: reconnect after a random delay, so that not all \
                 clients come back at once. If it always comes after the same time of silence: send Pings.",
        ..one(1001)
    },
    CloseCode {
        name: "protocol error",
        meaning: "The sender of this code found that its peer broke the WebSocket protocol.",
        cause: "An unmasked client frame, a reserved bit or opcode, a fragmented control frame, a message \
                started before the last one ended: usually a hand-written implementation, or a proxy that \
                changes bytes.",
        remedy: "Look at the last frames that the other side sent before it: one of them is the violation.",
        ..one(1002)
    },
    CloseCode {
        name: "unsupported data",
        meaning: "The sender of this code received a kind of data that it cannot accept, for example binary \
                  where it understands only text.",
        cause: "Client and server disagree on text or binary messages, or on the subprotocol.",
        remedy: "Compare the opcodes that the client sends with what the server expects (ws.send of a string \
                 gives text; of an ArrayBuffer or Blob gives binary).",
        ..one(1003)
    },
    CloseCode {
        name: "reserved",
        meaning: "Reserved. A later standard might define it; none has.",
        cause: "A program with a code of its own, or an old draft in which it meant that a frame was \
                too large.",
        remedy: "Use 1009 for a message that is too big, and 4000 to 4999 for meanings of your own.",
        sender: Sender::Nobody,
        wire: Wire::Undefined,
        ..one(1004)
    },
    CloseCode {
        name: "no status received",
        meaning: "A Close frame without a code was received. This number is never sent: the receiving program \
                  reports it to its application.",
        cause: "The peer called close() without a code, which many libraries send as an empty Close frame. It \
                is a normal close.",
        remedy: "Nothing, unless the code was expected: then let the peer send one (1000, or 3000 to 4999). To \
                 say \"no code\" on the wire, send a Close frame with an empty payload.",
        sender: Sender::Nobody,
        wire: Wire::Forbidden,
        ..one(1005)
    },
    CloseCode {
        name: "abnormal closure",
        meaning: "The connection ended without any Close frame. This number is never sent: the receiving program \
                  reports it to its application.",
        cause: "The peer crashed or was killed; a proxy or load balancer cut an idle connection; the network \
                went away; TCP was closed or reset without a closing handshake. Browsers also report it if \
                the opening handshake failed, without saying why.",
        remedy: "Look at who ended TCP (FIN or RST) and how long it had been silent: equal times such as 60 s \
                 point to a proxy's timeout (send Pings more often than that); otherwise look at the logs of \
                 the peer that ended it. If the connection never opened, look at the response to the upgrade.",
        sender: Sender::Nobody,
        wire: Wire::Forbidden,
        ..one(1006)
    },
    CloseCode {
        name: "invalid payload data",
        meaning: "The sender of this code received a message whose content does not match its type, usually a \
                  text that is not UTF-8.",
        cause: "Bytes in another encoding, or binary data, were sent as a text message; a text was cut in the \
                middle of a character.",
        remedy: "Send bytes as binary messages, and encode text as UTF-8 before it is sent.",
        ..one(1007)
    },
    CloseCode {
        name: "policy violation",
        meaning: "The sender of this code received a message that its policy does not allow. It is the code for \
                  everything that has no code of its own, and for peers that give no details.",
        cause: "A missing or expired login, a rate limit, a forbidden origin, a message before the one that \
                must come first.",
        remedy: "Read the reason in the Close frame and the server's log; the code alone is not enough.",
        ..one(1008)
    },
    CloseCode {
        name: "message too big",
        meaning: "The sender of this code received a message that is larger than it accepts.",
        cause: "A limit of the library: often 1 MiB, 64 KiB or less (maxPayload, max_size, \
                maxTextMessageBufferSize and the like). Compressed messages are measured after inflation.",
        remedy: "Compare the size of the last message with the receiver's limit; raise the limit, or send \
                 less at a time. Sending it in more frames does not help: the limit is on the message.",
        ..one(1009)
    },
    CloseCode {
        name: "mandatory extension",
        meaning: "The client needed an extension, and the server did not accept it in its handshake. The \
                  reason should list the needed extensions.",
        cause: "Rare. A client that insists on an extension such as permessage-deflate.",
        remedy: "Enable the extension on the server, or let the client work without it. A server does not \
                 send this code: it can refuse the handshake instead.",
        sender: Sender::Client,
        ..one(1010)
    },
    CloseCode {
        name: "internal error",
        meaning: "The sender encountered an unexpected condition and cannot continue.",
        cause: "An exception in the code that handles messages, or a Ping without a Pong in time (`keepalive \
                ping timeout`). The standard mentions servers only; by erratum 3227 clients may send it as well.",
        remedy: "Look at the sender's log at the time of the last message before it. For a Ping without a \
                 Pong, find out what kept the other side from reading: a blocked event loop, a sleeping \
                 machine, a dead path; or raise the sender's time limit (ping_timeout).",
        source: "RFC 6455 §7.4.1, erratum 3227",
        ..one(1011)
    },
    CloseCode {
        name: "service restart",
        meaning: "The server restarts. A client may connect again.",
        cause: "A new version is being rolled out, or an operator restarted the process.",
        remedy: "Connect again after a random delay of 5 to 30 seconds, so that not all clients come back at \
                 once.",
        sender: Sender::Server,
        source: HYBI,
        ..one(1012)
    },
    CloseCode {
        name: "try again later",
        meaning: "The server cannot serve the client at the moment, for example because it is overloaded.",
        cause: "A limit on connections or load. It corresponds to HTTP's 503 and 429.",
        remedy: "Connect again later, waiting longer after each attempt, or to another server. Look at the \
                 server's load and limits.",
        sender: Sender::Server,
        source: HYBI,
        ..one(1013)
    },
    CloseCode {
        name: "bad gateway",
        meaning: "The server is a gateway or proxy, and the server behind it gave no valid response. It is \
                  HTTP's 502 for a connection that is already open.",
        cause: "The server behind the proxy is down, restarts, or broke the connection.",
        remedy: "Look at the server behind the proxy, and at the proxy's log for the address that it tried.",
        sender: Sender::Server,
        source: HYBI,
        ..one(1014)
    },
    CloseCode {
        name: "TLS handshake",
        meaning: "The connection failed because TLS could not be established. This number is never sent: the \
                  program reports it to its application.",
        cause: "A certificate that is expired, self-signed or for another name; no common version of TLS; \
                wss:// used for a port without TLS. Browsers report 1006 instead.",
        remedy: "Look at the TLS alert and the certificate; openssl s_client -connect HOST:PORT shows both.",
        sender: Sender::Nobody,
        wire: Wire::Forbidden,
        ..one(1015)
    },
    CloseCode {
        name: "unauthorized",
        meaning: "The client must authenticate, and has not, or not successfully. It is HTTP's 401.",
        cause: "A token is missing, expired or wrong. Servers that close after the upgrade use it because a \
                browser cannot see the HTTP status of a refused handshake.",
        remedy: "Log in again and connect with a fresh token. Do not retry with the same one.",
        sender: Sender::Server,
        source: IANA,
        ..one(3000)
    },
    CloseCode {
        name: "forbidden",
        meaning: "The server knows who the client is, and does not allow what it requested. It is HTTP's 403.",
        cause: "A missing permission, or a channel that is not for this user.",
        remedy: "Look at the permissions of the account. Trying again does not help.",
        sender: Sender::Server,
        source: IANA,
        ..one(3003)
    },
    CloseCode {
        name: "timeout",
        meaning: "The peer took longer than it was allowed to. It is HTTP's 408.",
        cause: "A response, a login or a heartbeat of the application did not arrive in time.",
        remedy: "Find out what was being waited for from the messages before the silence. Connect again.",
        source: IANA,
        ..one(3008)
    },
];

/// The ranges between the registered codes.
const RANGES: &[CloseCode] = &[
    CloseCode {
        name: "unused range",
        meaning: "Codes below 1000 are not used: the standard leaves them without any meaning.",
        cause: "A status of another protocol, mostly HTTP, was used as a close code.",
        remedy: "Send a registered code that may be sent (1000 to 1003, 1007 to 1014), or one of your own from \
                 4000 to 4999.",
        sender: Sender::Nobody,
        wire: Wire::Undefined,
        source: RANGE_SOURCE,
        ..range(0, 999)
    },
    CloseCode {
        name: "unregistered",
        meaning: "Codes up to 2999 belong to the protocol, its future versions and its extensions. This one \
                  has not been given a meaning.",
        cause: "A program with a code of its own in the wrong range.",
        remedy: "Use 4000 to 4999 for meanings of your own.",
        sender: Sender::Nobody,
        wire: Wire::Undefined,
        source: RANGE_SOURCE,
        ..range(1000, 2999)
    },
    CloseCode {
        name: "library or framework",
        meaning: "Codes from 3000 to 3999 are for libraries, frameworks and applications that register them \
                  with IANA. This one is not registered; only its sender knows what it means.",
        cause: "A library or a service with codes of its own, which it documents.",
        remedy: "Look it up in the documentation of the library or service, and read the reason next to it.",
        source: RANGE_SOURCE,
        ..range(3000, 3999)
    },
    CloseCode {
        name: "private use",
        meaning: "Codes from 4000 to 4999 are for agreements between a client and its server. They cannot be \
                  registered, so only the two know what they mean.",
        cause: "The application closed the connection for a reason of its own. Many add 4000 to an HTTP \
                status (4401, 4403, 4429).",
        remedy: "Look it up in the documentation of the service, and read the reason next to it.",
        source: RANGE_SOURCE,
        ..range(4000, 4999)
    },
];

/// Codes beyond all ranges.
const BEYOND: CloseCode = CloseCode {
    name: "out of range",
    meaning: "The standard defines codes up to 4999. Codes above that are in no range.",
    cause: "A program with a code of its own, or the two bytes of the code were sent in the wrong \
            order.",
    remedy: "Use 4000 to 4999 for meanings of your own. Many libraries answer such a code with 1002.",
    sender: Sender::Nobody,
    wire: Wire::Undefined,
    source: RANGE_SOURCE,
    ..range(5000, u16::MAX)
};

/// A registered code of the RFC that either peer may send.
const fn one(code: u16) -> CloseCode {
    CloseCode { source: "RFC 6455 §7.4.1", ..range(code, code) }
}

/// A range that either peer may send.
const fn range(first: u16, last: u16) -> CloseCode {
    CloseCode {
        first,
        last,
        name: "",
        meaning: "",
        cause: "",
        remedy: "",
        sender: Sender::Either,
        wire: Wire::Allowed,
        source: "",
    }
}

/// Codes that were proposed on the mailing list of the working group after the RFC, and registered.
const HYBI: &str = "hybi mailing list; IANA registry";

const IANA: &str = "IANA registry";
const RANGE_SOURCE: &str = "RFC 6455 §7.4.2";

/// HTTP statuses that are seen as close codes, their names, and the close codes with the same meaning.
#[rustfmt::skip]
const HTTP_STATUSES: &[(u16, &str, Option<u16>)] = &[
    (400, "Bad Request",           Some(1008)),
    (401, "Unauthorized",          Some(3000)),
    (403, "Forbidden",             Some(3003)),
    (404, "Not Found",             None),
    (408, "Request Timeout",       Some(3008)),
    (409, "Conflict",              None),
    (413, "Content Too Large",     Some(1009)),
    (426, "Upgrade Required",      None),
    (429, "Too Many Requests",     Some(1013)),
    (500, "Internal Server Error", Some(1011)),
    (502, "Bad Gateway",           Some(1014)),
    (503, "Service Unavailable",   Some(1013)),
    (504, "Gateway Timeout",       Some(1014)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_name_a_sender_and_a_place() {
        use Sender::{Client, Either, Nobody, Server};
        use Wire::{Allowed, Forbidden, Undefined};
        #[rustfmt::skip]
        let cases = [
            // IANA, "WebSocket Close Code Number Registry"; RFC 6455 §7.4.1
            (1000, "normal closure",       Either, Allowed),
            (1001, "going away",           Either, Allowed),
            (1004, "reserved",             Nobody, Undefined),
            (1005, "no status received",   Nobody, Forbidden),
            (1006, "abnormal closure",     Nobody, Forbidden),
            (1010, "mandatory extension",  Client, Allowed),
            (1011, "internal error",       Either, Allowed),
            (1012, "service restart",      Server, Allowed),
            (1013, "try again later",      Server, Allowed),
            (1014, "bad gateway",          Server, Allowed),
            (1015, "TLS handshake",        Nobody, Forbidden),
            (3000, "unauthorized",         Server, Allowed),
            (3003, "forbidden",            Server, Allowed),
            (3008, "timeout",              Either, Allowed),
            // RFC 6455 §7.4.2
            (0,      "unused range",         Nobody, Undefined),
            (999,    "unused range",         Nobody, Undefined),
            (1016,   "unregistered",         Nobody, Undefined),
            (2999,   "unregistered",         Nobody, Undefined),
            (3001,   "library or framework", Either, Allowed),
            (3999,   "library or framework", Either, Allowed),
            (4000,   "private use",          Either, Allowed),
            (4999,   "private use",          Either, Allowed),
            (5000,   "out of range",         Nobody, Undefined),
            (65_535, "out of range",         Nobody, Undefined),
        ];
        for (code, name, sender, wire) in cases {
            let entry = CloseCode::of(code);
            assert_eq!((entry.name, entry.sender, entry.wire), (name, sender, wire), "{code}");
        }
    }

    #[test]
    fn every_entry_is_complete_and_every_code_is_listed_once() {
        let registered: Vec<u16> =
            (0..=u16::MAX).filter(|code| CloseCode::of(*code).is_registered()).collect();
        let expected: Vec<u16> = (1000..=1015).chain([3000, 3003, 3008]).collect();
        assert_eq!(registered, expected);
        for code in 0..=u16::MAX {
            let entry = CloseCode::of(code);
            assert!((entry.first..=entry.last).contains(&code), "{code}");
            for text in [entry.name, entry.meaning, entry.cause, entry.remedy, entry.source] {
                assert!(!text.is_empty() && !text.contains("  "), "{code}: {text:?}");
            }
        }
    }

    #[test]
    fn http_statuses_are_recognized() {
        let named = |code| HttpStatus::resembling(code).map(|status| status.name);
        let cases = [
            (429, Some("Too Many Requests")),
            (418, Some("Client Error")),
            (599, Some("Server Error")),
            (399, None),
            (600, None),
            (1000, None),
        ];
        for (code, expected) in cases {
            assert_eq!(named(code), expected, "{code}");
        }
        for (status, _, close_code) in HTTP_STATUSES {
            let answer = close_code.map(CloseCode::of);
            assert!(answer.is_none_or(|entry| entry.wire == Wire::Allowed), "{status}");
        }
    }
}
