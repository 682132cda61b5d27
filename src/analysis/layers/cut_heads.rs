//! Heads of which a short snap length recorded only the beginning.

use crate::stream::Direction;

/// What is known of an opening handshake whose heads were cut.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum CutHeads {
    /// No head was cut so far.
    #[default]
    None,
    /// The request was: it may have asked for an upgrade.
    Request,
}

/// What the recorded beginning of a response says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum CutResponse {
    /// That the protocol is switched: frames follow its head.
    Switches,
    /// Too little to know its status.
    Undecided,
    /// Another status, or nothing of HTTP.
    Other,
}

impl CutResponse {
    /// Reads the beginning of a response.
    pub(super) fn of(beginning: &[u8]) -> Self {
        let agrees = beginning.iter().zip(SWITCHING).all(|(seen, wanted)| seen == wanted);
        match (agrees, beginning.len() >= STATUS_CLASS) {
            (true, true) => Self::Switches,
            (true, false) if !beginning.is_empty() => Self::Undecided,
            (true | false, _) => Self::Other,
        }
    }
}

/// Whether the recorded beginning of a stream may be that of an upgrade request.
pub(super) fn may_ask_for_upgrade(direction: Direction, beginning: &[u8]) -> bool {
    direction == Direction::ClientToServer
        && !beginning.is_empty()
        && beginning.iter().zip(GET).all(|(seen, wanted)| seen == wanted)
}

/// Whether bytes of a client continue its head: lines of text.
pub(super) fn continues_head(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\r' | b'\n' | b'\t'))
}

/// Whether a head ends in the bytes that begin with it.
pub(super) fn is_whole_head(bytes: &[u8]) -> bool {
    bytes.windows(END_OF_HEAD.len()).any(|window| window == END_OF_HEAD)
}

/// The only method that asks for a WebSocket (RFC 6455 §4.1).
const GET: &[u8] = b"GET ";

/// Bytes up to the first digit of the status: other responses to a GET that begin with 1 are followed by
/// another one, and hardly any server sends them.
const STATUS_CLASS: usize = b"HTTP/1.1 1".len();

/// The status that switches the protocol (RFC 9110 §15.2.2).
const SWITCHING: &[u8] = b"HTTP/1.1 101";

/// The empty line after the last field (RFC 9112 §2.1).
const END_OF_HEAD: &[u8] = b"\r\n\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_say_what_they_can() {
        for (beginning, expected) in [
            (&b"HTTP/1.1 101 Switching Proto"[..], CutResponse::Switches),
            (b"HTTP/1.1 101", CutResponse::Switches),
            (b"HTTP/1.1 1", CutResponse::Switches),
            (b"HTTP/1.1 ", CutResponse::Undecided),
            (b"HT", CutResponse::Undecided),
            (b"HTTP/1.1 200", CutResponse::Other),
            (b"\x81\x05", CutResponse::Other),
            (b"", CutResponse::Other),
        ] {
            assert_eq!(CutResponse::of(beginning), expected, "{beginning:?}");
        }
        for (beginning, expected) in [
            (&b"GET /chat HTT"[..], true),
            (b"GE", true),
            (b"POST /", false),
            (b"\x16\x03", false),
            (b"", false),
        ] {
            let client = Direction::ClientToServer;
            assert_eq!(may_ask_for_upgrade(client, beginning), expected, "{beginning:?}");
            assert!(!may_ask_for_upgrade(client.reverse(), beginning));
        }
    }
}
