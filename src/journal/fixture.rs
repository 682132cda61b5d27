//! What layers and rules report, made by hand for tests of those who show it.

use crate::analysis::event::{ConnectionEvent, ConnectionId, Ending, Outcome};
use crate::findings::{Finding, rule};
use crate::http::{Handshake, Head};
use crate::stream::{Direction, Origin, PacketId, Span, Timestamp};
use crate::websocket::{DeflateEnding, Frame, FrameHeader, Inflation, Message, Opcode, Utf8};

/// 2026-08-22T09:30:00Z, when the captures of the tests begin; nanoseconds since 1970.
pub(crate) const START: u64 = 1_787_391_000_000_000_000;

/// Packet `packet`, as many milliseconds after the start.
pub(crate) fn origin(packet: u64) -> Origin {
    Origin { packet: PacketId(packet), time: Timestamp(START + packet * 1_000_000) }
}

/// A whole message of packets 4 and 5, at offset 412.
pub(crate) fn message(opcode: Opcode, content: &[u8]) -> Message<'_> {
    let length = u64::try_from(content.len()).unwrap();
    let mut span = Span::at(412, origin(4));
    span.extend(418 + length, origin(5));
    Message {
        opcode,
        frames: 1,
        compressed: false,
        wire_length: length,
        length,
        complete: true,
        content,
        sha256: None,
        inflation: Inflation::None,
        reach: 0,
        window_bits: None,
        ending: DeflateEnding::default(),
        utf8: if opcode == Opcode::Text { Utf8::Valid } else { Utf8::NotText },
        close: None,
        history: None,
        span,
    }
}

/// The masked text frame of RFC 6455 §5.7, with RSV1, of whose 5 bytes `received` were seen.
pub(crate) fn frame(received: u64) -> Frame {
    let header = FrameHeader {
        fin: true,
        rsv: 4,
        opcode: 1,
        mask: Some([0x37, 0xfa, 0x21, 0x3d]),
        payload_length: 5,
        header_length: 6,
    };
    let mut span = Span::at(412, origin(4));
    span.extend(418 + received, origin(4));
    Frame { header, span, received, missing: 5 - received, index: 0 }
}

/// A handshake of these heads, in these packets.
pub(crate) fn handshake_of(heads: [&[u8]; 2], packets: [u64; 2]) -> Handshake {
    let [request, response] =
        [0, 1].map(|at| Some(Head::parse(heads[at], Span::at(0, origin(packets[at])))));
    Handshake { request, response, ..Handshake::default() }
}

/// The end of a connection that matters, after packet 9.
pub(crate) fn ending(outcome: Outcome) -> ConnectionEvent<'static> {
    let watched_until = origin(9).time;
    ConnectionEvent::Ended(Ending { outcome, relevant: true, unseen: None, watched_until })
}

/// A finding of a rule in packet 4, sent by the client, at the offset of [`frame`].
pub(crate) fn finding_in(id: &str, connection: u64) -> Finding {
    let rule = rule(id).unwrap();
    Finding {
        rule,
        severity: rule.severity,
        full: rule.severity,
        connection: Some(ConnectionId(connection)),
        peers: None,
        group: None,
        direction: Some(Direction::ClientToServer),
        side: None,
        first: origin(4),
        last: origin(4),
        offset: Some(412),
        bits: None,
        evidence: String::new(),
        remedy: rule.remedy,
        decoded_again: Vec::new(),
    }
}
