//! Frames without a connection around them: what rules they break on their own.

use std::net::{Ipv4Addr, SocketAddr};

use crate::analysis::event::{
    Connection, ConnectionEvent, ConnectionId, Event, EventKind, Nature, StartedBy, TcpState,
};
use crate::findings::engine::checker::Checker;
use crate::findings::engine::rule::Rule;
use crate::findings::engine::severity::Severity;
use crate::findings::finding::Finding;
use crate::findings::finding::Findings;
use crate::findings::settings::Settings;
use crate::findings::state::connection::OpenMessage;
use crate::stream::{Chunk, Direction, Origin};
use crate::websocket::extension::{DeflateParams, SideParams};
use crate::websocket::frame::frame_header;
use crate::websocket::{Compression, Decoder, Shared, Start};

/// What frames show on their own.
#[derive(Debug)]
pub struct JudgedFrames {
    /// Who sent them.
    pub direction: Direction,
    /// The rules that they break.
    pub findings: Vec<Finding>,
    /// What explains these.
    pub cause: Option<Finding>,
}

/// Judges frames that follow one another in one direction; the last may be cut short.
///
/// If `direction` is not given, the masks show who sent them. What was sent before is not known, so
/// nothing that depends on it is reported; nor is it a violation that bytes are missing at the end.
pub fn judge_frames(
    bytes: &[u8],
    direction: Option<Direction>,
    compression: Compression,
) -> Vec<Finding> {
    judge(bytes, direction.unwrap_or_else(|| sender_by_mask(bytes)), compression).findings
}

/// Judges frames, and finds what explains the rules that they break.
///
/// If `direction` is not given, they are tried as those of both peers, since a mask may be what was misread;
/// what explains more is taken.
pub fn explain_frames(
    bytes: &[u8],
    direction: Option<Direction>,
    compression: Compression,
) -> JudgedFrames {
    let by_mask = sender_by_mask(bytes);
    let judged = judge(bytes, direction.unwrap_or(by_mask), compression);
    let is_wrong = judged.findings.iter().any(|finding| finding.severity == Severity::Error);
    if direction.is_some() || !is_wrong {
        return judged;
    }
    let reverse = judge(bytes, by_mask.reverse(), compression);
    let rank = |judged: &JudgedFrames| judged.cause.as_ref().map_or(u16::MAX, Finding::rank);
    if rank(&reverse) < rank(&judged) { reverse } else { judged }
}

fn judge(bytes: &[u8], direction: Direction, compression: Compression) -> JudgedFrames {
    let mut connection = connection();
    *connection.compression.get_mut(direction) = compression;
    let mut checker = Checker::new(Settings { each: u64::MAX, ..Settings::default() });
    let mut found = SnippetFindings::default();
    checker.remember(connection.slot);
    if let Some(own) = checker.of_connection(connection.slot) {
        let state = &mut own.state;
        state.sides.get_mut(direction).open = OpenMessage::Unknown;
        let is_deflate = compression != Compression::None;
        state.handshake.reserved_bits = Some(if is_deflate { 0b100 } else { 0 });
        state.handshake.deflate = is_deflate.then(|| DeflateParams {
            client: SideParams::default(),
            server: SideParams::default(),
        });
    }
    // The sender is not to blame for history that is not here.
    let compression = match compression {
        Compression::None => Compression::None,
        Compression::Deflate(_) | Compression::Unknown => Compression::Unknown,
    };
    let mut decoder = Decoder::new(compression, Start::Boundary);
    let settings =
        crate::websocket::Settings { keep: KEPT, digest: false, inflated_bytes: MOST_INFLATED };
    let mut shared = Shared::new(settings);
    let chunk = Chunk { offset: 0, bytes, origin: Origin::default() };
    checker.stream_bytes(&connection, direction, chunk);
    let mut emit = |event: ConnectionEvent<'_>| {
        let kind = EventKind::Connection(&connection, event);
        checker.event(&Event { origin: Origin::default(), kind }, &mut found);
    };
    decoder.push(chunk, &mut shared, &mut |seen| {
        emit(ConnectionEvent::of_frames(direction, seen));
    });
    if let Some((bytes, span)) = decoder.partial_header() {
        emit(ConnectionEvent::HeaderUnfinished(direction, bytes, span));
    }
    let count = found.list.len();
    checker.find_cause_of_stream(&connection, &mut found);
    // Frames are what was asked about, whether they have to do with WebSocket or not.
    let cause = found.list.split_off(count).into_iter().next();
    let cause = cause.map(|cause| Finding { severity: cause.full, ..cause });
    JudgedFrames { direction, findings: found.list, cause }
}

/// Who sends a frame that is masked, or is not (RFC 6455 §5.1).
pub fn sender_by_mask(bytes: &[u8]) -> Direction {
    let is_masked = match frame_header(bytes) {
        Ok((_, header)) => header.mask.is_some(),
        Err(_) => bytes.get(1).is_some_and(|second| second & 0x80 != 0),
    };
    if is_masked { Direction::ClientToServer } else { Direction::ServerToClient }
}

/// A connection of which nothing is known.
fn connection() -> Connection {
    let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let peers = [nowhere, nowhere];
    let mut connection =
        Connection::new(ConnectionId(1), peers, StartedBy::Midstream, Origin::default());
    connection.nature = Nature::WebSocket;
    connection.state = TcpState::Established;
    connection
}

#[derive(Debug, Default)]
struct SnippetFindings {
    list: Vec<Finding>,
}

impl Findings for SnippetFindings {
    fn finding(&mut self, finding: &Finding) {
        self.list.push(finding.clone());
    }

    fn folded(&mut self, _: &'static Rule, _: ConnectionId, _: u64) {}
}

/// Bytes of each message that are kept for causes.
const KEPT: usize = 1 << 10;

/// Bytes to which a message is inflated at most.
const MOST_INFLATED: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::{Example, rules};

    fn ids(
        bytes: &[u8],
        direction: Option<Direction>,
        compression: Compression,
    ) -> Vec<&'static str> {
        let found = judge_frames(bytes, direction, compression);
        found.iter().map(|finding| finding.rule.id).collect()
    }

    type SnippetRow =
        (&'static str, &'static [u8], Option<Direction>, Compression, &'static [&'static str]);

    #[test]
    fn frames_are_checked_by_themselves() {
        use Direction::{ClientToServer, ServerToClient};
        let deflate = Compression::Deflate(SideParams::default());
        #[rustfmt::skip]
        let rows: &[SnippetRow] = &[
            // RFC 6455 §5.7
            ("masked Hello", b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", None, Compression::None, &[]),
            ("unmasked Hello", b"\x81\x05Hello", None, Compression::None, &[]),
            ("unmasked Hello of a client", b"\x81\x05Hello", Some(ClientToServer), Compression::None, &["WS-F01"]),
            ("masked Hello of a server", b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", Some(ServerToClient), Compression::None, &["WS-F02"]),
            ("the second fragment alone", b"\x80\x02lo", None, Compression::None, &[]),
            ("two fragments", b"\x01\x03Hel\x80\x02lo", None, Compression::None, &[]),
            ("one too many", b"\x81\x03Hel\x80\x02lo", None, Compression::None, &["WS-F11"]),
            ("cut short", b"\x81\x05Hel", None, Compression::None, &[]),
            ("cut short within the header", b"\x83", None, Compression::None, &["WS-F05"]),
            // RFC 7692 §7.2.3.1
            ("compressed Hello", b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00", None, deflate, &[]),
            ("compressed Hello without negotiation", b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00", None, Compression::None, &["WS-F03"]),
            // RFC 7692 §7.2.3.2: the second message refers to the first.
            ("compressed Hello, the second time", b"\xc1\x05\xf2\x00\x11\x00\x00", None, deflate, &[]),
        ];
        for (name, bytes, direction, compression, expected) in rows {
            assert_eq!(ids(bytes, *direction, *compression), *expected, "{name}");
        }
    }

    /// Bytes, who sent them, and their cause.
    type CauseRow<'a> = (&'a str, &'a [u8], Option<Direction>, Option<&'a str>);

    #[test]
    fn a_cause_is_found_in_the_bytes_alone() {
        use Direction::{ClientToServer, ServerToClient};
        let text =
            b"{\"items\":[1,2,3],\"note\":\"a text of more than 125 bytes, so that its length \
            does not fit into the seven bits of a short one, and not by far\"}";
        let second = u8::try_from(text.len()).unwrap();
        let overflow = [&[0x81, second][..], text, b"\x81\x02hi\x81\x02ho"].concat();
        let characters = [b"\x81\x05", "Grüße".as_bytes(), b"\x81\x02hi\x81\x02ho"].concat();
        #[rustfmt::skip]
        let rows: &[CauseRow<'_>] = &[
            ("healthy", b"\x81\x05Hello\x81\x02hi", None, None),
            ("characters counted", &characters, None, Some("WHY-02")),
            ("128 and more in 7 bits", &overflow, Some(ServerToClient), Some("WHY-03")),
            ("the same, with MASK as if a client had sent it", &overflow, None, Some("WHY-03")),
            ("MASK is set, nothing is masked", b"\x81\x95\x37\xfa\x21\x3dHello, how do you do?!", None, Some("WHY-10")),
            ("Latin-1", b"\x81\x16Sch\xf6ne Gr\xfc\xdfe aus K\xf6ln.", None, Some("WHY-12")),
            ("a second response", b"HTTP/1.1 400 Bad Request\r\n\r\n", Some(ServerToClient), Some("WHY-08")),
            ("only a rule is broken", b"\x81\x05Hello", Some(ClientToServer), None),
            ("cut short", b"\x81\x05Hel", None, None),
        ];
        for (name, bytes, direction, expected) in rows {
            let judged = explain_frames(bytes, *direction, Compression::None);
            let cause = judged.cause.as_ref().map(|cause| cause.rule.id);
            assert_eq!(cause, *expected, "{name}: {:?}", judged.findings);
        }
    }

    #[test]
    fn the_example_of_each_rule_breaks_it() {
        let deflate = Compression::Deflate(SideParams::default());
        let mut frames = 0;
        for rule in rules() {
            let (bytes, direction, compression) = match rule.example {
                Example::Client(bytes) => (bytes, Direction::ClientToServer, Compression::None),
                Example::Server(bytes) => (bytes, Direction::ServerToClient, Compression::None),
                Example::Deflated(bytes) => (bytes, Direction::ClientToServer, deflate),
                Example::Text(_) => continue,
            };
            frames += 1;
            let found = ids(bytes, Some(direction), compression);
            // These are judged where a connection ends, or where history is known.
            let needs_more = [
                "WS-F11", "WS-F14", "WS-F15", "WS-F16", "WS-C14", "WS-C15", "PMD-11", "PMD-12",
                "PMD-13",
            ];
            assert!(
                found.contains(&rule.id) || needs_more.contains(&rule.id),
                "{}: {found:?}",
                rule.id
            );
        }
        assert!(frames > 20, "only {frames} examples are frames");
    }
}
