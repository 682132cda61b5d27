//! Recognizing a protocol by its bytes when the beginning of a connection was not captured.

use super::http::Http;
use super::next::{Next, NextLayer, Roles, StackStart, Successor, ignore};
use super::opening::http2;
use super::tls;
use super::websocket::WebSocket;
use crate::analysis::context::Context;
use crate::analysis::event::{Connection, ConnectionEvent, Nature, Recognition, TcpState};
use crate::analysis::sink::Sink;
use crate::http::{Match, http2_frames, looks_like_request, looks_like_response};
use crate::stream::{Buffer, Chunk, Direction, Gap, PerDirection};
use crate::tls::begins_record;
use crate::websocket::sync::{ChainSearch, Expectation, FoundChain, Masked, Rsv1};

/// Keeps the bytes of both directions until they show what the connection carries.
///
/// It is a WebSocket once the chains of frames in both directions are too good to be chance, and too good to be
/// records of another protocol (`websocket::sync`). Until then nothing is reported, so nothing has to be taken
/// back if bytes that follow do not fit.
#[derive(Debug)]
pub(super) struct Probe {
    searches: PerDirection<ChainSearch>,
    /// Frames of HTTP/2 with which segments began.
    http2_frames: u32,
    /// Memory taken by the searches, as the budget knows it.
    accounted: usize,
}

/// Chains that show who the client is.
#[derive(Clone, Copy, Debug)]
struct Frames {
    /// The direction in which frames are masked.
    client: Direction,
    masked: Option<FoundChain>,
    unmasked: Option<FoundChain>,
    /// What both say together, in bits.
    weight: i32,
}

impl Default for Probe {
    fn default() -> Self {
        let search = || ChainSearch::new(Expectation { masked: None, rsv1: Rsv1::Allowed });
        let searches = PerDirection { client: search(), server: search() };
        Self { searches, http2_frames: 0, accounted: 0 }
    }
}

impl Probe {
    /// Takes the next bytes of a direction; goes over to another layer once it is clear which.
    pub(super) fn read<S: Sink>(
        &mut self,
        direction: Direction,
        chunk: Chunk<'_>,
        start: StackStart,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Next {
        if let Some(next) = self.other_protocol(direction, chunk, start, connection) {
            return next;
        }
        let is_news = self.searches.get_mut(direction).push(chunk);
        self.account(context);
        let least = if start.is_forced { FORCED } else { CERTAIN };
        let found = if is_news { self.find(start.roles) } else { None };
        let found = found.filter(|frames| frames.weight >= least);
        if found.is_some() || (start.is_forced && self.is_exhausted()) {
            let frames = self.become_frames(found, start, connection, context);
            // The chunk is among those that were kept.
            return Successor { consumed: chunk.bytes.len(), ..frames }.into();
        }
        if self.is_exhausted() {
            return ignore(connection, Nature::Other);
        }
        Next::Stay
    }

    /// What reads on if a chunk begins with a head or a record, unless that is within a frame.
    fn other_protocol(
        &mut self,
        direction: Direction,
        chunk: Chunk<'_>,
        start: StackStart,
        connection: &mut Connection,
    ) -> Option<Next> {
        let is_allowed = |sender| direction == sender || start.roles == Roles::Guessed;
        let sender = sender_of_http(chunk.bytes).filter(|sender| is_allowed(*sender));
        let is_tls = sender.is_none() && holds_records(chunk.bytes);
        self.http2_frames = self.http2_frames.saturating_add(http2_frames(chunk.bytes));
        let is_http2 = self.http2_frames >= LEAST_HTTP2_FRAMES && !start.is_forced;
        if sender.is_none() && !is_tls && !is_http2 {
            return None;
        }
        if self.searches.get(direction).weight() >= WITHIN_FRAMES {
            return None;
        }
        if is_http2 {
            return Some(http2(connection));
        }
        Some(match sender {
            Some(sender) => {
                // HTTP was found by its content: its sender's role is known now.
                let swaps_roles = direction != sender;
                Successor { swaps_roles, ..Successor::new(Http::start(connection)) }.into()
            }
            None => tls::start(direction, chunk.bytes, start, connection),
        })
    }

    /// Bytes are missing.
    pub(super) fn gap<S>(&mut self, direction: Direction, gap: Gap, context: &mut Context<'_, S>) {
        self.searches.get_mut(direction).gap(gap);
        self.account(context);
    }

    /// Drops the bytes, to save memory: the search begins anew.
    pub(super) fn evict<S>(&mut self, context: &mut Context<'_, S>) {
        let accounted = self.accounted;
        *self = Self { accounted, ..Self::default() };
        self.account(context);
    }

    /// Memory taken by the bytes, as the budget knows it.
    pub(super) fn kept(&self) -> usize {
        self.accounted
    }

    /// Tells the budget what is kept now.
    fn account<S>(&mut self, context: &mut Context<'_, S>) {
        let kept = self.searches.client.memory().saturating_add(self.searches.server.memory());
        context.budget().account(&mut self.accounted, kept);
    }

    /// Ends the stream: nothing more will come, so less evidence has to do.
    pub(super) fn finish<S: Sink>(
        &mut self,
        start: StackStart,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Option<Successor> {
        let is_over = match connection.state {
            TcpState::HalfClosed(_) | TcpState::Closed(_) | TcpState::Reset(_) => true,
            TcpState::SynSent | TcpState::Refused | TcpState::Established => false,
        };
        let found = self.find(start.roles).filter(|frames| {
            let closed = [frames.masked, frames.unmasked].into_iter().flatten();
            let ends = is_over && closed.into_iter().any(|chain| chain.is_closed);
            let weight = frames.weight.saturating_add(if ends { CLOSED } else { 0 });
            weight >= if frames.masked.is_some() { CERTAIN_AT_END } else { CERTAIN_UNMASKED_AT_END }
        });
        (found.is_some() || start.is_forced)
            .then(|| self.become_frames(found, start, connection, context))
    }

    fn become_frames<S: Sink>(
        &mut self,
        found: Option<Frames>,
        start: StackStart,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Successor {
        let mut boundaries = PerDirection::default();
        let mut searches = std::mem::take(self).searches;
        context.budget().change(self.accounted, 0);
        if let Some(frames) = found {
            if frames.client == Direction::ServerToClient {
                connection.swap_roles();
                searches.swap();
            }
            let boundary = |chain: Option<FoundChain>, search: &ChainSearch| {
                let chain = chain.filter(|chain| chain.evidence_of_boundary() >= BOUNDARY)?;
                Some(search.believed_start(&chain))
            };
            boundaries.client = boundary(frames.masked, &searches.client);
            boundaries.server = boundary(frames.unmasked, &searches.server);
        }
        let layer = NextLayer::WebSocket(WebSocket::open_midstream(boundaries, connection));
        let recognition = if start.is_forced { Recognition::Forced } else { Recognition::Frames };
        context.emit(connection, ConnectionEvent::Recognized(recognition));
        let held = in_order(&searches.client.take(), &searches.server.take());
        Successor { held, ..Successor::new(layer) }
    }

    /// The better of the two assignments of roles, if there are any frames.
    fn find(&self, roles: Roles) -> Option<Frames> {
        let clients = match roles {
            Roles::Known => &Direction::BOTH[..1],
            Roles::Guessed => &Direction::BOTH[..],
        };
        clients
            .iter()
            .filter_map(|client| self.frames_of(*client))
            .filter(|frames| frames.weight < CERTAIN_AT_END || !self.are_text())
            .reduce(|best, other| if other.weight > best.weight { other } else { best })
    }

    /// Whether a direction is text, and the other is too or is empty.
    fn are_text(&self) -> bool {
        self.searches.client.is_text() && self.searches.server.is_text()
    }

    /// What there is of frames, if those of `client` are masked and those of the other direction are not.
    fn frames_of(&self, client: Direction) -> Option<Frames> {
        let (sent, received) = (self.searches.get(client), self.searches.get(client.reverse()));
        let weight_of = |chain: &FoundChain, search: &ChainSearch| {
            let late = if search.begins_late(chain) { LATE } else { 0 };
            chain.evidence.least().saturating_sub(late)
        };
        let masked = sent.best(Masked::Yes).filter(|it| weight_of(it, sent) >= LEAST);
        let unmasked = received.best(Masked::No).filter(|it| weight_of(it, received) >= LEAST);
        let mut weight = 0_i32;
        for (chain, search, opposite) in
            [(masked, sent, Masked::No), (unmasked, received, Masked::Yes)]
        {
            // One direction may be explained in one way, the other in another.
            if let Some(chain) = chain {
                weight = weight.saturating_add(weight_of(&chain, search));
            } else if search.length() > 0 {
                weight = weight.saturating_sub(WITHOUT_FRAMES);
            }
            let contrary = search.best(opposite).map_or(0, |chain| chain.evidence.least());
            weight = weight.saturating_sub(contrary.saturating_sub(CONTRARY).max(0));
        }
        (masked.is_some() || unmasked.is_some()).then_some(Frames {
            client,
            masked,
            unmasked,
            weight,
        })
    }

    /// Whether enough was looked at.
    fn is_exhausted(&self) -> bool {
        let length = self.searches.client.length().max(self.searches.server.length());
        length >= MOST_EXAMINED
    }
}

/// Frames of HTTP/2 that are enough: of one, a length and a few zeros would have to fit.
const LEAST_HTTP2_FRAMES: u32 = 3;

/// Who sends such bytes, if they are the beginning of an HTTP head.
fn sender_of_http(bytes: &[u8]) -> Option<Direction> {
    if looks_like_request(bytes) == Match::Yes {
        Some(Direction::ClientToServer)
    } else if looks_like_response(bytes) == Match::Yes {
        Some(Direction::ServerToClient)
    } else {
        None
    }
}

/// Whether bytes are records of TLS, the last of which may be cut (RFC 8446 §5.1).
fn holds_records(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    loop {
        if !begins_record(rest) {
            return rest.len() < bytes.len() && rest.len() < RECORD_HEADER;
        }
        let [_, _, _, high, low, body @ ..] = rest else { return true };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        if !(1..=LONGEST_RECORD).contains(&length) {
            return false;
        }
        let Some((_, next)) = body.split_at_checked(length) else { return true };
        rest = next;
    }
}

/// The chunks of both directions in the order of their packets.
fn in_order(client: &Buffer, server: &Buffer) -> Vec<(Direction, Buffer)> {
    let mut held: Vec<(Direction, Buffer)> = Vec::new();
    let (mut client, mut server) = (client.chunks().peekable(), server.chunks().peekable());
    loop {
        let is_client = match (client.peek(), server.peek()) {
            (None, None) => return held,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some(client), Some(server)) => client.origin.packet <= server.origin.packet,
        };
        let (direction, chunk) = if is_client {
            (Direction::ClientToServer, client.next())
        } else {
            (Direction::ServerToClient, server.next())
        };
        let Some(chunk) = chunk else { return held };
        match held.last_mut() {
            Some((last, buffer)) if *last == direction => buffer.push(chunk),
            Some(_) | None => {
                let mut buffer = Buffer::default();
                buffer.push(chunk);
                held.push((direction, buffer));
            }
        }
    }
}

/// Bytes of the header of a record of TLS, and the most of its content (RFC 5246 §6.2.3).
const RECORD_HEADER: usize = 5;
const LONGEST_RECORD: usize = (1 << 14) + 2048;

/// Evidence at which a connection is a WebSocket, in bits: fewer than one in ten million others looks alike.
const CERTAIN: i32 = 24;

/// The same once nothing more will come.
const CERTAIN_AT_END: i32 = 17;

/// The same if there are no masked frames.
const CERTAIN_UNMASKED_AT_END: i32 = 21;

/// Evidence of a Close as the last of a direction whose connection has ended, in bits.
const CLOSED: i32 = 2;

/// Evidence of frames that suffices if the user says that there are some, in bits.
const FORCED: i32 = 9;

/// Evidence at which a chain is believed once the connection is a WebSocket, in bits.
const BOUNDARY: i32 = 9;

/// Evidence for frames of a direction at which heads and records are not looked for in it, in bits.
const WITHIN_FRAMES: i32 = 12;

/// Evidence against WebSocket from a direction with bytes but without frames, in bits: all of them would have
/// to be within one frame.
const WITHOUT_FRAMES: i32 = 8;

/// Evidence against frames that begin in the second half of a direction, in bits.
const LATE: i32 = 10;

/// Evidence for a direction's frames from which on it counts, in bits.
const LEAST: i32 = 8;

/// Evidence for frames of the other kind that is usual in frames, in bits.
const CONTRARY: i32 = 8;

/// Bytes of a direction after which it is another protocol.
const MOST_EXAMINED: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Origin;
    use crate::testkit::frame::{masked, plain};
    use Direction::{ClientToServer as C, ServerToClient as S};

    type Sent = (Direction, Vec<u8>);

    /// What is found in segments, in bits, and who the client is.
    fn found(segments: &[Sent]) -> Option<(Direction, i32)> {
        let mut probe = Probe::default();
        let mut offsets = PerDirection { client: 0, server: 0 };
        for (direction, bytes) in segments {
            let offset = offsets.get_mut(*direction);
            let chunk = Chunk { offset: *offset, bytes, origin: Origin::default() };
            *offset = chunk.end();
            probe.searches.get_mut(*direction).push(chunk);
        }
        probe.find(Roles::Guessed).map(|frames| (frames.client, frames.weight))
    }

    #[test]
    fn frames_show_who_the_client_is() {
        let text = |n: u8| masked(0x81, format!("message number {n}").as_bytes());
        let answer = |n: u8| plain(0x81, format!("answer to number {n}").as_bytes());
        let cases: [(&str, Vec<Sent>, Direction); 6] = [
            ("a text", vec![(C, text(1))], C),
            ("from what was taken for the server", vec![(S, text(1))], S),
            (
                "header and payload apart",
                vec![(C, text(1)[..6].to_vec()), (C, text(1)[6..].to_vec())],
                C,
            ),
            (
                "from within a frame",
                vec![(C, text(1)[9..].to_vec()), (C, text(2)), (S, answer(2))],
                C,
            ),
            ("a Ping and its Pong", vec![(S, plain(0x89, b"")), (C, masked(0x8a, b""))], C),
            ("Closes", vec![(C, masked(0x88, b"\x03\xe8")), (S, plain(0x88, b"\x03\xe8"))], C),
        ];
        for (name, segments, client) in cases {
            let found = found(&segments);
            assert!(
                found.is_some_and(|(it, weight)| it == client && weight >= CERTAIN_AT_END),
                "{name}: {found:?}"
            );
        }
    }

    #[test]
    fn what_could_be_another_protocol_is_not_enough() {
        let cases: [(&str, Vec<Sent>); 7] = [
            (
                "a type, a length and text",
                vec![(C, plain(0x81, b"Hello")), (S, plain(0x81, b"World"))],
            ),
            ("zeros", vec![(C, vec![0; 40]), (S, vec![0; 40])]),
            ("the same header again and again", vec![(C, b"\x82\xfe\x01\x00".repeat(4000))]),
            ("one byte", vec![(C, vec![0x81; 100]), (S, vec![0x82; 100])]),
            (
                "data after a Close",
                vec![(C, [masked(0x88, b"\x03\xe8"), masked(0x81, b"a")].concat())],
            ),
            ("both masked", vec![(C, masked(0x82, &[7; 9])), (S, masked(0x82, &[9; 7]))]),
            (
                "a reserved opcode in the end",
                vec![(C, masked(0x81, b"Hello you")), (C, masked(0x83, b"x"))],
            ),
        ];
        for (name, segments) in cases {
            let found = found(&segments);
            assert!(found.is_none_or(|(_, weight)| weight < CERTAIN_AT_END), "{name}: {found:?}");
        }
    }

    #[test]
    fn records_of_tls_fill_a_segment() {
        let cases: [(&str, &[u8], bool); 5] = [
            ("one that is cut", b"\x17\x03\x03\x00\x20 and so on", true),
            ("two", b"\x17\x03\x03\x00\x01a\x17\x03\x03\x00\x02b", true),
            ("a little-endian length", b"\x17\x03\x00\x00\x04abcdefghi", false),
            ("one, then something else", b"\x17\x03\x03\x00\x01abcdef", false),
            ("text", b"220 mail.example.org ESMTP\r\n", false),
        ];
        for (name, bytes, expected) in cases {
            assert_eq!(holds_records(bytes), expected, "{name}");
        }
    }
}
