//! The names that fields of a few values take, each with its number.

use crate::analysis::event::{Outcome, TcpState, Transport};
use crate::findings::Severity;
use crate::stream::{Direction, Side};
use crate::timeline::filter::subject::EntryClass;
use crate::websocket::Opcode;

/// The values of a field that has few.
#[derive(Debug, Eq, PartialEq)]
pub struct ValueNames {
    /// All of them.
    pub list: &'static [NamedValue],
    /// Whether one can be less than another.
    pub order: NameOrder,
    /// Whether other values can be written as numbers.
    pub numbers: Numbers,
}

/// A value that has a name.
#[derive(Debug, Eq, PartialEq)]
pub struct NamedValue {
    /// As it is written.
    pub name: &'static str,
    /// Its number.
    pub(super) number: u64,
    /// What it means.
    pub help: &'static str,
}

/// Whether one value can be less than another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NameOrder {
    /// It can.
    Ordered,
    /// They can only be equal or not.
    Unordered,
}

/// Whether values can be written as numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Numbers {
    /// As names or numbers.
    Accepted,
    /// As names only.
    Refused,
}

impl ValueNames {
    /// The number of a name.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.list.iter().find(|named| named.name == name).map(|named| named.number)
    }

    /// The name of a number.
    pub(super) fn name(&self, number: u64) -> Option<&'static str> {
        self.list.iter().find(|named| named.number == number).map(|named| named.name)
    }
}

const fn named(name: &'static str, number: u64, help: &'static str) -> NamedValue {
    NamedValue { name, number, help }
}

const fn unordered(list: &'static [NamedValue]) -> ValueNames {
    ValueNames { list, order: NameOrder::Unordered, numbers: Numbers::Refused }
}

/// Yes or no.
pub(super) static FLAG: ValueNames = unordered(&[named("true", 1, "yes"), named("false", 0, "no")]);

/// Opcodes by their wire values (RFC 6455 §5.2).
pub(super) static OPCODE: ValueNames = ValueNames {
    list: &[
        named(Opcode::Continuation.name(), 0x0, "continues a fragmented message"),
        named(Opcode::Text.name(), 0x1, "UTF-8 text"),
        named(Opcode::Binary.name(), 0x2, "arbitrary bytes"),
        named(Opcode::Close.name(), 0x8, "the sender will not send any more"),
        named(Opcode::Ping.name(), 0x9, "are you there?"),
        named(Opcode::Pong.name(), 0xa, "the response to a Ping, or a heartbeat"),
    ],
    order: NameOrder::Ordered,
    numbers: Numbers::Accepted,
};

/// Peers.
pub(super) static SIDE: ValueNames = unordered(&[
    named(Side::Client.name(), 0, "the peer that opened the connection"),
    named(Side::Server.name(), 1, "the peer that accepted it"),
]);

/// Directions, as in ndjson output.
pub(super) static DIRECTION: ValueNames = unordered(&[
    named(Direction::ClientToServer.name(), 0, "from the peer that opened the connection"),
    named(Direction::ServerToClient.name(), 1, "from the peer that accepted it"),
]);

/// How bad a finding is; note < warning < error.
pub(super) static SEVERITY: ValueNames = ValueNames {
    list: &[
        named(Severity::Note.name(), 0, "worth knowing; nothing is wrong"),
        named(Severity::Warning.name(), 1, "a SHOULD is violated, or trouble is likely"),
        named(Severity::Error.name(), 2, "a MUST is violated, or the connection failed"),
    ],
    order: NameOrder::Ordered,
    numbers: Numbers::Refused,
};

/// Kinds of rows.
pub(super) static KIND: ValueNames = unordered(&[
    named(EntryClass::Message.name(), 0, "a message or control frame"),
    named(EntryClass::Frame.name(), 1, "a frame, if frames are shown"),
    named(EntryClass::Handshake.name(), 2, "the request or response of an opening handshake"),
    named(EntryClass::Gap.name(), 3, "missing bytes"),
    named(EntryClass::Incident.name(), 4, "anything else that happened on a connection"),
    named(EntryClass::End.name(), 5, "the end of a connection"),
    named(EntryClass::Finding.name(), 6, "a finding that belongs to no row"),
]);

/// Outcomes of connections, as in ndjson output.
pub(super) static OUTCOME: ValueNames = unordered(&[
    named(Outcome::Open.name(), 0, "still open when the capture ended"),
    named(Outcome::Closed.name(), 1, "closed cleanly"),
    named(Outcome::Aborted.name(), 2, "ended without a Close from each side"),
    named(Outcome::Refused.name(), 3, "RST answered the SYN"),
    named(Outcome::Timeout.name(), 4, "no answer to the SYN or to the upgrade request"),
    named(Outcome::Rejected.name(), 5, "the response to the upgrade was not 101"),
    named(Outcome::NotWebSocket.name(), 6, "not a WebSocket"),
    named(Outcome::Undecodable.name(), 7, "encrypted, or a protocol that is not decoded"),
]);

/// States of TCP, as in ndjson output.
pub(super) static STATE: ValueNames = unordered(&[
    named(TcpState::SynSent.name(), 0, "no answer so far"),
    named(TcpState::Refused.name(), 1, "RST answered the SYN"),
    named(TcpState::Established.name(), 2, "data may flow"),
    named(TcpState::HalfClosed(Direction::ClientToServer).name(), 3, "one side has sent FIN"),
    named(TcpState::Closed(Direction::ClientToServer).name(), 4, "both sides have sent FIN"),
    named(TcpState::Reset(Direction::ClientToServer).name(), 5, "one side has sent RST"),
]);

/// What carries the WebSocket, as in ndjson output.
pub(super) static TRANSPORT: ValueNames = unordered(&[
    named(Transport::Tcp.name(), 0, "plain TCP"),
    named(Transport::Tls.name(), 1, "TLS over TCP"),
    named(Transport::H2.name(), 2, "a stream of HTTP/2"),
]);

/// The number of a peer in [`SIDE`].
pub(super) fn side(side: Side) -> u64 {
    direction(side.direction())
}

/// The number of a direction in [`DIRECTION`], and of its sender in [`SIDE`].
pub(super) fn direction(direction: Direction) -> u64 {
    match direction {
        Direction::ClientToServer => 0,
        Direction::ServerToClient => 1,
    }
}

/// The number of a severity in [`SEVERITY`].
pub(super) fn severity(severity: Severity) -> u64 {
    match severity {
        Severity::Note => 0,
        Severity::Warning => 1,
        Severity::Error => 2,
    }
}

/// The number of a kind in [`KIND`].
pub(super) fn kind(kind: EntryClass) -> u64 {
    match kind {
        EntryClass::Message => 0,
        EntryClass::Frame => 1,
        EntryClass::Handshake => 2,
        EntryClass::Gap => 3,
        EntryClass::Incident => 4,
        EntryClass::End => 5,
        EntryClass::Finding => 6,
    }
}

/// The number of an outcome in [`OUTCOME`].
pub(super) fn outcome(outcome: Outcome) -> u64 {
    match outcome {
        Outcome::Open => 0,
        Outcome::Closed => 1,
        Outcome::Aborted => 2,
        Outcome::Refused => 3,
        Outcome::Timeout => 4,
        Outcome::Rejected => 5,
        Outcome::NotWebSocket => 6,
        Outcome::Undecodable => 7,
    }
}

/// The number of a state in [`STATE`].
pub(super) fn state(state: TcpState) -> u64 {
    match state {
        TcpState::SynSent => 0,
        TcpState::Refused => 1,
        TcpState::Established => 2,
        TcpState::HalfClosed(_) => 3,
        TcpState::Closed(_) => 4,
        TcpState::Reset(_) => 5,
    }
}

/// The number of a transport in [`TRANSPORT`].
pub(super) fn transport(transport: Transport) -> u64 {
    match transport {
        Transport::Tcp => 0,
        Transport::Tls => 1,
        Transport::H2 => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::OUTCOMES;

    #[test]
    fn names_are_those_of_the_output() {
        for direction_of in Direction::BOTH {
            assert_eq!(DIRECTION.name(direction(direction_of)), Some(direction_of.name()));
            let sender = Side::sender(direction_of);
            assert_eq!(SIDE.name(side(sender)), Some(sender.name()));
        }
        for of in Severity::ALL {
            assert_eq!(SEVERITY.name(severity(of)), Some(of.name()));
        }
        for of in EntryClass::ALL {
            assert_eq!(KIND.name(kind(of)), Some(of.name()));
        }
        for of in OUTCOMES {
            assert_eq!(OUTCOME.name(outcome(of)), Some(of.name()));
        }
        for nibble in 0..16 {
            let name = Opcode::from_wire(nibble).map(Opcode::name);
            assert_eq!(OPCODE.name(u64::from(nibble)), name, "{nibble:x}");
        }
    }

    #[test]
    fn severities_are_ordered_as_findings_are() {
        assert!(severity(Severity::Note) < severity(Severity::Warning));
        assert!(severity(Severity::Warning) < severity(Severity::Error));
    }

    #[test]
    fn names_and_numbers_are_unique() {
        let lists =
            [&FLAG, &OPCODE, &SIDE, &DIRECTION, &SEVERITY, &KIND, &OUTCOME, &STATE, &TRANSPORT];
        for names in lists {
            for (index, named) in names.list.iter().enumerate() {
                let earlier = names.list.get(..index).unwrap_or_default();
                assert!(
                    earlier.iter().all(|it| it.name != named.name && it.number != named.number),
                    "{}",
                    named.name
                );
            }
        }
    }
}
