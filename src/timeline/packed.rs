//! A row in 44 bytes.

use crate::analysis::event::{ConnectionId, Limit, Outcome, Recognition};
use crate::findings::Severity;
use crate::stream::{Direction, PacketId, Timestamp};
use crate::timeline::row::{Row, RowId, RowKind, Scope};
use crate::websocket::Opcode;

/// What most rows need no more than; see [`Extent`] for the others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packed {
    /// Nanoseconds since 1970, low half first: two halves, so that no padding is needed.
    time: [u32; 2],
    first: u32,
    last: u32,
    connection: u32,
    offset: u32,
    length: u32,
    wire_length: u32,
    /// [`NO_PARTNER`] where there is none.
    partner: u32,
    /// Bits 32 to 47 of the offset.
    offset_high: u16,
    frames: u16,
    /// Depends on `code`: a close code, a status, the first byte of a frame, a variant.
    detail: u16,
    code: Code,
    flags: u8,
}

/// The numbers of a row that did not fit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    pub(super) id: RowId,
    pub(super) length: u64,
    pub(super) wire_length: u64,
    pub(super) frames: u64,
}

/// [`RowKind`] without what varies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Code {
    Text,
    Binary,
    Continuation,
    /// A Close whose payload has a code.
    CodedClose,
    Close,
    Ping,
    Pong,
    Frame,
    Request,
    Response,
    NoResponse,
    Tunnel,
    TunnelUnanswered,
    Gap,
    SyncLost,
    SyncFound,
    NotAFrame,
    HeaderUnfinished,
    Conflict,
    Limit,
    Recognized,
    Fin,
    Reset,
    Ended,
}

impl Packed {
    /// Packs a row; with its extent where some of its numbers are too large.
    ///
    /// Packets and connections beyond 2^32 are taken for the last one that has a number.
    pub(super) fn new(row: &Row) -> (Self, Option<Extent>) {
        let [time_low, time_high] = halves(row.time.0);
        let [offset, offset_high] = halves(row.offset);
        let (length, wire_length) = (low(row.length), low(row.wire_length));
        let frames = u16::try_from(row.frames).unwrap_or(u16::MAX);
        let (code, detail) = code(row);
        let packed = Self {
            time: [time_low, time_high],
            first: low(row.first.0),
            last: low(row.last.0),
            connection: low(row.connection.0),
            offset,
            length,
            wire_length,
            partner: row.partner.map_or(NO_PARTNER, |id| id.0),
            offset_high: u16::try_from(offset_high).unwrap_or(u16::MAX),
            frames,
            detail,
            code,
            flags: flags(row),
        };
        let is_large = length == u32::MAX || wire_length == u32::MAX || frames == u16::MAX;
        let extent = Extent {
            id: row.id,
            length: row.length,
            wire_length: row.wire_length,
            frames: row.frames,
        };
        (packed, is_large.then_some(extent))
    }

    /// Whether some of its numbers stand elsewhere.
    pub(super) fn is_large(&self) -> bool {
        self.length == u32::MAX || self.wire_length == u32::MAX || self.frames == u16::MAX
    }

    /// The row; `extent` has the numbers that did not fit.
    pub(super) fn unpack(&self, id: RowId, extent: Option<&Extent>) -> Row {
        let bit = |flag: u8| self.flags & flag != 0;
        let has_code = self.code == Code::CodedClose;
        Row {
            id,
            kind: self.kind(),
            connection: self.connection(),
            direction: self.direction(),
            time: self.time(),
            first: PacketId(u64::from(self.first)),
            last: PacketId(u64::from(self.last)),
            offset: u64::from(self.offset) | u64::from(self.offset_high) << 32,
            length: extent.map_or_else(|| u64::from(self.length), |it| it.length),
            wire_length: extent.map_or_else(|| u64::from(self.wire_length), |it| it.wire_length),
            frames: extent.map_or_else(|| u64::from(self.frames), |it| it.frames),
            close_code: has_code.then_some(self.detail),
            compressed: bit(COMPRESSED),
            complete: bit(COMPLETE),
            worst: self.worst(),
            partner: (self.partner != NO_PARTNER).then_some(RowId(self.partner)),
            scope: match self.flags & (MESSAGES | FRAMES) {
                MESSAGES => Scope::Messages,
                FRAMES => Scope::Frames,
                _ => Scope::Both,
            },
        }
    }

    pub(super) fn time(&self) -> Timestamp {
        let [low, high] = self.time;
        Timestamp(u64::from(low) | u64::from(high) << 32)
    }

    pub(super) fn connection(&self) -> ConnectionId {
        ConnectionId(u64::from(self.connection))
    }

    pub(super) fn direction(&self) -> Option<Direction> {
        match self.flags & (CLIENT | SERVER) {
            CLIENT => Some(Direction::ClientToServer),
            SERVER => Some(Direction::ServerToClient),
            _ => None,
        }
    }

    pub(super) fn is_message(&self) -> bool {
        match self.code {
            Code::Text
            | Code::Binary
            | Code::Continuation
            | Code::CodedClose
            | Code::Close
            | Code::Ping
            | Code::Pong => true,
            Code::Frame
            | Code::Request
            | Code::Response
            | Code::NoResponse
            | Code::Tunnel
            | Code::TunnelUnanswered
            | Code::Gap
            | Code::SyncLost
            | Code::SyncFound
            | Code::NotAFrame
            | Code::HeaderUnfinished
            | Code::Conflict
            | Code::Limit
            | Code::Recognized
            | Code::Fin
            | Code::Reset
            | Code::Ended => false,
        }
    }

    pub(super) fn worst(&self) -> Option<Severity> {
        match self.flags >> SEVERITY_SHIFT {
            0 => None,
            1 => Some(Severity::Note),
            2 => Some(Severity::Warning),
            _ => Some(Severity::Error),
        }
    }

    pub(super) fn set_worst(&mut self, worst: Option<Severity>) {
        self.flags = self.flags & !(0b11 << SEVERITY_SHIFT) | severity(worst) << SEVERITY_SHIFT;
    }

    pub(super) fn set_partner(&mut self, partner: RowId) {
        self.partner = partner.0;
    }

    /// Exchanges client and server.
    pub(super) fn swap_direction(&mut self) {
        if self.direction().is_some() {
            self.flags ^= CLIENT | SERVER;
        }
    }

    fn kind(&self) -> RowKind {
        let [first, _] = self.detail.to_le_bytes();
        let variant = usize::from(self.detail);
        match self.code {
            Code::Text => RowKind::Message(Opcode::Text),
            Code::Binary => RowKind::Message(Opcode::Binary),
            Code::Continuation => RowKind::Message(Opcode::Continuation),
            Code::CodedClose | Code::Close => RowKind::Message(Opcode::Close),
            Code::Ping => RowKind::Message(Opcode::Ping),
            Code::Pong => RowKind::Message(Opcode::Pong),
            Code::Frame => {
                let (fin, rsv) = (first & 0x80 != 0, first >> 4 & 7);
                RowKind::Frame { fin, rsv, opcode: first & 0xf }
            }
            Code::Request => RowKind::Request,
            Code::Response => RowKind::Response(self.detail),
            Code::NoResponse => RowKind::NoResponse,
            Code::Tunnel => RowKind::Tunnel(Some(self.detail)),
            Code::TunnelUnanswered => RowKind::Tunnel(None),
            Code::Gap => RowKind::Gap,
            Code::SyncLost => RowKind::SyncLost,
            Code::SyncFound => RowKind::SyncFound,
            Code::NotAFrame => RowKind::NotAFrame,
            Code::HeaderUnfinished => RowKind::HeaderUnfinished,
            Code::Conflict => RowKind::Conflict,
            Code::Limit => RowKind::Limit(LIMITS.get(variant).copied().unwrap_or(Limit::HeadBytes)),
            Code::Recognized => {
                let known = RECOGNITIONS.get(variant).copied();
                RowKind::Recognized(known.unwrap_or(Recognition::Possible))
            }
            Code::Fin => RowKind::Fin,
            Code::Reset => RowKind::Reset,
            Code::Ended => RowKind::Ended(OUTCOMES.get(variant).copied().unwrap_or(Outcome::Open)),
        }
    }
}

fn code(row: &Row) -> (Code, u16) {
    match row.kind {
        RowKind::Message(opcode) => match (opcode, row.close_code) {
            (Opcode::Text, _) => (Code::Text, 0),
            (Opcode::Binary, _) => (Code::Binary, 0),
            (Opcode::Continuation, _) => (Code::Continuation, 0),
            (Opcode::Close, Some(code)) => (Code::CodedClose, code),
            (Opcode::Close, None) => (Code::Close, 0),
            (Opcode::Ping, _) => (Code::Ping, 0),
            (Opcode::Pong, _) => (Code::Pong, 0),
        },
        RowKind::Frame { fin, rsv, opcode } => {
            let first = if fin { 0x80 } else { 0 } | (rsv & 7) << 4 | opcode & 0xf;
            (Code::Frame, u16::from(first))
        }
        RowKind::Request => (Code::Request, 0),
        RowKind::Response(status) => (Code::Response, status),
        RowKind::NoResponse => (Code::NoResponse, 0),
        RowKind::Tunnel(Some(status)) => (Code::Tunnel, status),
        RowKind::Tunnel(None) => (Code::TunnelUnanswered, 0),
        RowKind::Gap => (Code::Gap, 0),
        RowKind::SyncLost => (Code::SyncLost, 0),
        RowKind::SyncFound => (Code::SyncFound, 0),
        RowKind::NotAFrame => (Code::NotAFrame, 0),
        RowKind::HeaderUnfinished => (Code::HeaderUnfinished, 0),
        RowKind::Conflict => (Code::Conflict, 0),
        RowKind::Limit(limit) => (Code::Limit, place(&LIMITS, &limit)),
        RowKind::Recognized(how) => (Code::Recognized, place(&RECOGNITIONS, &how)),
        RowKind::Fin => (Code::Fin, 0),
        RowKind::Reset => (Code::Reset, 0),
        RowKind::Ended(outcome) => (Code::Ended, place(&OUTCOMES, &outcome)),
    }
}

fn flags(row: &Row) -> u8 {
    let direction = match row.direction {
        None => 0,
        Some(Direction::ClientToServer) => CLIENT,
        Some(Direction::ServerToClient) => SERVER,
    };
    let scope = match row.scope {
        Scope::Messages => MESSAGES,
        Scope::Frames => FRAMES,
        Scope::Both => MESSAGES | FRAMES,
    };
    let compressed = if row.compressed { COMPRESSED } else { 0 };
    let complete = if row.complete { COMPLETE } else { 0 };
    direction | scope | compressed | complete | severity(row.worst) << SEVERITY_SHIFT
}

fn severity(worst: Option<Severity>) -> u8 {
    match worst {
        None => 0,
        Some(Severity::Note) => 1,
        Some(Severity::Warning) => 2,
        Some(Severity::Error) => 3,
    }
}

fn place<T: PartialEq>(all: &[T], one: &T) -> u16 {
    let place = all.iter().position(|known| known == one);
    place.and_then(|place| u16::try_from(place).ok()).unwrap_or(u16::MAX)
}

/// A number, or the largest that has room.
fn low(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Both halves of a number, the low one first.
fn halves(number: u64) -> [u32; 2] {
    [low(number & u64::from(u32::MAX)), low(number >> 32)]
}

const NO_PARTNER: u32 = u32::MAX;

/// Bits of [`Packed::flags`]; both bits of severity stand above them.
const CLIENT: u8 = 1;
const SERVER: u8 = 1 << 1;
const MESSAGES: u8 = 1 << 2;
const FRAMES: u8 = 1 << 3;
const COMPRESSED: u8 = 1 << 4;
const COMPLETE: u8 = 1 << 5;
const SEVERITY_SHIFT: u8 = 6;

const LIMITS: [Limit; 4] =
    [Limit::BufferedPerConnection, Limit::BufferedTotal, Limit::Connections, Limit::HeadBytes];

const RECOGNITIONS: [Recognition; 3] =
    [Recognition::Forced, Recognition::Likely, Recognition::Possible];

const OUTCOMES: [Outcome; 8] = [
    Outcome::Open,
    Outcome::Closed,
    Outcome::Aborted,
    Outcome::Refused,
    Outcome::Timeout,
    Outcome::Rejected,
    Outcome::NotWebSocket,
    Outcome::Undecodable,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn row(kind: RowKind) -> Row {
        Row {
            id: RowId(7),
            kind,
            connection: ConnectionId(3),
            direction: Some(Direction::ServerToClient),
            time: Timestamp(1_700_000_000_123_456_789),
            first: PacketId(23),
            last: PacketId(24),
            offset: 412,
            length: 124,
            wire_length: 78,
            frames: 1,
            close_code: None,
            compressed: true,
            complete: true,
            worst: Some(Severity::Warning),
            partner: Some(RowId(5)),
            scope: Scope::Both,
        }
    }

    #[rustfmt::skip]
    fn cases() -> Vec<(&'static str, Row)> {
        let text = row(RowKind::Message(Opcode::Text));
        let kinds = [
            ("binary", RowKind::Message(Opcode::Binary)),
            ("empty close", RowKind::Message(Opcode::Close)),
            ("ping", RowKind::Message(Opcode::Ping)),
            ("pong", RowKind::Message(Opcode::Pong)),
            ("frame", RowKind::Frame { fin: true, rsv: 0b101, opcode: 0xb }),
            ("first frame", RowKind::Frame { fin: false, rsv: 0b100, opcode: 1 }),
            ("request", RowKind::Request),
            ("response", RowKind::Response(101)),
            ("no response", RowKind::NoResponse),
            ("tunnel", RowKind::Tunnel(Some(200))),
            ("tunnel without answer", RowKind::Tunnel(None)),
            ("gap", RowKind::Gap),
            ("sync lost", RowKind::SyncLost),
            ("sync found", RowKind::SyncFound),
            ("nonsense", RowKind::NotAFrame),
            ("cut header", RowKind::HeaderUnfinished),
            ("conflict", RowKind::Conflict),
            ("fin", RowKind::Fin),
            ("reset", RowKind::Reset),
        ];
        let mut cases: Vec<_> = kinds.into_iter().map(|(name, kind)| (name, row(kind))).collect();
        cases.extend(LIMITS.map(|limit| ("limit", row(RowKind::Limit(limit)))));
        cases.extend(RECOGNITIONS.map(|how| ("recognized", row(RowKind::Recognized(how)))));
        cases.extend(OUTCOMES.map(|outcome| ("ended", row(RowKind::Ended(outcome)))));
        cases.extend([
            ("text", text),
            ("close", Row { close_code: Some(1001), ..row(RowKind::Message(Opcode::Close)) }),
            ("close with code 0", Row { close_code: Some(0), ..row(RowKind::Message(Opcode::Close)) }),
            ("plain", Row { compressed: false, ..text }),
            ("incomplete", Row { complete: false, ..text }),
            ("without direction", Row { direction: None, ..text }),
            ("client's", Row { direction: Some(Direction::ClientToServer), ..text }),
            ("fine", Row { worst: None, ..text }),
            ("note", Row { worst: Some(Severity::Note), ..text }),
            ("error", Row { worst: Some(Severity::Error), ..text }),
            ("alone", Row { partner: None, ..text }),
            ("for messages", Row { scope: Scope::Messages, ..text }),
            ("for frames", Row { scope: Scope::Frames, ..text }),
            ("far in the stream", Row { offset: (5 << 32) + 1, ..text }),
            ("long", Row { length: 1 << 32, ..text }),
            ("long on the wire", Row { wire_length: u64::MAX, ..text }),
            ("as long as has room", Row { length: u64::from(u32::MAX), ..text }),
            ("of many frames", Row { frames: 70_000, ..text }),
        ]);
        cases
    }

    #[test]
    fn what_is_packed_comes_out_as_it_was() {
        for (name, row) in cases() {
            let (packed, extent) = Packed::new(&row);
            assert_eq!(packed.unpack(row.id, extent.as_ref()), row, "{name}");
            assert_eq!(packed.is_large(), extent.is_some(), "{name}");
            assert_eq!(packed.is_message(), row.is_message(), "{name}");
        }
    }

    #[test]
    fn a_row_takes_44_bytes() {
        assert_eq!(size_of::<Packed>(), 44);
    }

    #[test]
    fn a_severity_can_be_replaced_and_a_direction_turned() {
        let (mut packed, _) = Packed::new(&row(RowKind::Gap));
        packed.set_worst(Some(Severity::Error));
        packed.swap_direction();
        packed.set_partner(RowId(9));
        let turned = Row {
            worst: Some(Severity::Error),
            direction: Some(Direction::ClientToServer),
            partner: Some(RowId(9)),
            ..row(RowKind::Gap)
        };
        assert_eq!(packed.unpack(RowId(7), None), turned);
    }
}
