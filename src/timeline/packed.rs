//! A row in 44 bytes.

use crate::analysis::event::{ConnectionId, Limit, Outcome, Recognition, SocksOutcome, StrayPlace};
use crate::findings::Severity;
use crate::stream::{Direction, PacketId, Timestamp};
use crate::timeline::row::{Row, RowId, RowKind, RowScope};
use crate::timeline::tls::TlsStep;
use crate::tls::Alert;
use crate::websocket::Opcode;

/// What most rows need no more than; see [`RowExtent`] for the others.
#[derive(Clone, Copy, Debug)]
pub(super) struct PackedRow {
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
    code: RowCode,
    flags: u8,
}

/// The numbers of a row that did not fit.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowExtent {
    pub(super) id: RowId,
    pub(super) length: u64,
    pub(super) wire_length: u64,
    pub(super) frames: u64,
}

/// [`RowKind`] without what varies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum RowCode {
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
    ProxyHeader,
    Socks,
    StrayBytes,
    TlsClientHello,
    TlsServerHello,
    TlsHelloRetryRequest,
    TlsCertificate,
    /// The level in the high byte of `detail`, the description in the low one.
    TlsAlert,
    TlsEstablished,
    TlsForeign,
    TlsRefused,
    TlsRenegotiation,
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

impl PackedRow {
    /// Packs a row; with its extent where some of its numbers are too large.
    ///
    /// Packets and connections beyond 2^32 are taken for the last one that has a number.
    pub(super) fn new(row: &Row) -> (Self, Option<RowExtent>) {
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
        let extent = RowExtent {
            id: row.id,
            length: row.length,
            wire_length: row.wire_length,
            frames: row.frames,
        };
        (packed, is_large.then_some(extent))
    }

    /// Whether some of its numbers are stored elsewhere.
    pub(super) fn is_large(&self) -> bool {
        self.length == u32::MAX || self.wire_length == u32::MAX || self.frames == u16::MAX
    }

    /// The row; `extent` has the numbers that did not fit.
    pub(super) fn unpack(&self, id: RowId, extent: Option<&RowExtent>) -> Row {
        let bit = |flag: u8| self.flags & flag != 0;
        let has_code = self.code == RowCode::CodedClose;
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
                MESSAGES => RowScope::Messages,
                FRAMES => RowScope::Frames,
                _ => RowScope::Both,
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
            RowCode::Text
            | RowCode::Binary
            | RowCode::Continuation
            | RowCode::CodedClose
            | RowCode::Close
            | RowCode::Ping
            | RowCode::Pong => true,
            RowCode::Frame
            | RowCode::Request
            | RowCode::Response
            | RowCode::NoResponse
            | RowCode::Tunnel
            | RowCode::TunnelUnanswered
            | RowCode::ProxyHeader
            | RowCode::Socks
            | RowCode::StrayBytes
            | RowCode::TlsClientHello
            | RowCode::TlsServerHello
            | RowCode::TlsHelloRetryRequest
            | RowCode::TlsCertificate
            | RowCode::TlsAlert
            | RowCode::TlsEstablished
            | RowCode::TlsForeign
            | RowCode::TlsRefused
            | RowCode::TlsRenegotiation
            | RowCode::Gap
            | RowCode::SyncLost
            | RowCode::SyncFound
            | RowCode::NotAFrame
            | RowCode::HeaderUnfinished
            | RowCode::Conflict
            | RowCode::Limit
            | RowCode::Recognized
            | RowCode::Fin
            | RowCode::Reset
            | RowCode::Ended => false,
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
        let [first, second] = self.detail.to_le_bytes();
        let variant = usize::from(self.detail);
        match self.code {
            RowCode::Text => RowKind::Message(Opcode::Text),
            RowCode::Binary => RowKind::Message(Opcode::Binary),
            RowCode::Continuation => RowKind::Message(Opcode::Continuation),
            RowCode::CodedClose | RowCode::Close => RowKind::Message(Opcode::Close),
            RowCode::Ping => RowKind::Message(Opcode::Ping),
            RowCode::Pong => RowKind::Message(Opcode::Pong),
            RowCode::Frame => {
                let (fin, rsv) = (first & 0x80 != 0, first >> 4 & 7);
                RowKind::Frame { fin, rsv, opcode: first & 0xf }
            }
            RowCode::Request => RowKind::Request,
            RowCode::Response => RowKind::Response(self.detail),
            RowCode::NoResponse => RowKind::NoResponse,
            RowCode::Tunnel => RowKind::Tunnel(Some(self.detail)),
            RowCode::TunnelUnanswered => RowKind::Tunnel(None),
            RowCode::ProxyHeader => RowKind::ProxyHeader,
            RowCode::Socks => {
                let known = SOCKS_OUTCOMES.get(variant).copied();
                RowKind::Socks(known.unwrap_or(SocksOutcome::Unfinished))
            }
            RowCode::StrayBytes => {
                let known = STRAY_PLACES.get(variant).copied();
                RowKind::StrayBytes(known.unwrap_or(StrayPlace::BeforeFrames))
            }
            RowCode::TlsClientHello => RowKind::Tls(TlsStep::ClientHello),
            RowCode::TlsServerHello => RowKind::Tls(TlsStep::ServerHello),
            RowCode::TlsHelloRetryRequest => RowKind::Tls(TlsStep::HelloRetryRequest),
            RowCode::TlsCertificate => RowKind::Tls(TlsStep::Certificate),
            RowCode::TlsAlert => {
                RowKind::Tls(TlsStep::Alert(Alert { level: second, description: first }))
            }
            RowCode::TlsEstablished => RowKind::Tls(TlsStep::Established),
            RowCode::TlsForeign => RowKind::Tls(TlsStep::Foreign),
            RowCode::TlsRefused => RowKind::Tls(TlsStep::Refused),
            RowCode::TlsRenegotiation => RowKind::Tls(TlsStep::Renegotiation),
            RowCode::Gap => RowKind::Gap,
            RowCode::SyncLost => RowKind::SyncLost,
            RowCode::SyncFound => RowKind::SyncFound,
            RowCode::NotAFrame => RowKind::NotAFrame,
            RowCode::HeaderUnfinished => RowKind::HeaderUnfinished,
            RowCode::Conflict => RowKind::Conflict,
            RowCode::Limit => {
                RowKind::Limit(LIMITS.get(variant).copied().unwrap_or(Limit::HeadBytes))
            }
            RowCode::Recognized => {
                let known = RECOGNITIONS.get(variant).copied();
                RowKind::Recognized(known.unwrap_or(Recognition::Frames))
            }
            RowCode::Fin => RowKind::Fin,
            RowCode::Reset => RowKind::Reset,
            RowCode::Ended => {
                RowKind::Ended(OUTCOMES.get(variant).copied().unwrap_or(Outcome::Open))
            }
        }
    }
}

fn code(row: &Row) -> (RowCode, u16) {
    match row.kind {
        RowKind::Message(opcode) => match (opcode, row.close_code) {
            (Opcode::Text, _) => (RowCode::Text, 0),
            (Opcode::Binary, _) => (RowCode::Binary, 0),
            (Opcode::Continuation, _) => (RowCode::Continuation, 0),
            (Opcode::Close, Some(code)) => (RowCode::CodedClose, code),
            (Opcode::Close, None) => (RowCode::Close, 0),
            (Opcode::Ping, _) => (RowCode::Ping, 0),
            (Opcode::Pong, _) => (RowCode::Pong, 0),
        },
        RowKind::Frame { fin, rsv, opcode } => {
            let first = if fin { 0x80 } else { 0 } | (rsv & 7) << 4 | opcode & 0xf;
            (RowCode::Frame, u16::from(first))
        }
        RowKind::Request => (RowCode::Request, 0),
        RowKind::Response(status) => (RowCode::Response, status),
        RowKind::NoResponse => (RowCode::NoResponse, 0),
        RowKind::Tunnel(Some(status)) => (RowCode::Tunnel, status),
        RowKind::Tunnel(None) => (RowCode::TunnelUnanswered, 0),
        RowKind::ProxyHeader => (RowCode::ProxyHeader, 0),
        RowKind::Socks(outcome) => (RowCode::Socks, place(&SOCKS_OUTCOMES, &outcome)),
        RowKind::StrayBytes(at) => (RowCode::StrayBytes, place(&STRAY_PLACES, &at)),
        RowKind::Tls(step) => match step {
            TlsStep::ClientHello => (RowCode::TlsClientHello, 0),
            TlsStep::ServerHello => (RowCode::TlsServerHello, 0),
            TlsStep::HelloRetryRequest => (RowCode::TlsHelloRetryRequest, 0),
            TlsStep::Certificate => (RowCode::TlsCertificate, 0),
            TlsStep::Alert(Alert { level, description }) => {
                (RowCode::TlsAlert, u16::from_le_bytes([description, level]))
            }
            TlsStep::Established => (RowCode::TlsEstablished, 0),
            TlsStep::Foreign => (RowCode::TlsForeign, 0),
            TlsStep::Refused => (RowCode::TlsRefused, 0),
            TlsStep::Renegotiation => (RowCode::TlsRenegotiation, 0),
        },
        RowKind::Gap => (RowCode::Gap, 0),
        RowKind::SyncLost => (RowCode::SyncLost, 0),
        RowKind::SyncFound => (RowCode::SyncFound, 0),
        RowKind::NotAFrame => (RowCode::NotAFrame, 0),
        RowKind::HeaderUnfinished => (RowCode::HeaderUnfinished, 0),
        RowKind::Conflict => (RowCode::Conflict, 0),
        RowKind::Limit(limit) => (RowCode::Limit, place(&LIMITS, &limit)),
        RowKind::Recognized(how) => (RowCode::Recognized, place(&RECOGNITIONS, &how)),
        RowKind::Fin => (RowCode::Fin, 0),
        RowKind::Reset => (RowCode::Reset, 0),
        RowKind::Ended(outcome) => (RowCode::Ended, place(&OUTCOMES, &outcome)),
    }
}

fn flags(row: &Row) -> u8 {
    let direction = match row.direction {
        None => 0,
        Some(Direction::ClientToServer) => CLIENT,
        Some(Direction::ServerToClient) => SERVER,
    };
    let scope = match row.scope {
        RowScope::Messages => MESSAGES,
        RowScope::Frames => FRAMES,
        RowScope::Both => MESSAGES | FRAMES,
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

/// Bits of [`PackedRow::flags`]; both bits of severity are above them.
const CLIENT: u8 = 1;
const SERVER: u8 = 1 << 1;
const MESSAGES: u8 = 1 << 2;
const FRAMES: u8 = 1 << 3;
const COMPRESSED: u8 = 1 << 4;
const COMPLETE: u8 = 1 << 5;
const SEVERITY_SHIFT: u8 = 6;

const LIMITS: [Limit; 5] = [
    Limit::BufferedPerConnection,
    Limit::BufferedTotal,
    Limit::Connections,
    Limit::HeadBytes,
    Limit::Memory,
];

const RECOGNITIONS: [Recognition; 2] = [Recognition::Forced, Recognition::Frames];

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

const SOCKS_OUTCOMES: [SocksOutcome; 6] = [
    SocksOutcome::Opened,
    SocksOutcome::Refused,
    SocksOutcome::NoMethod,
    SocksOutcome::LoginFailed,
    SocksOutcome::Unfinished,
    SocksOutcome::Unreadable,
];

const STRAY_PLACES: [StrayPlace; 8] = [
    StrayPlace::Greeting,
    StrayPlace::BeforeRequest,
    StrayPlace::InsteadOfRequest,
    StrayPlace::BeforeResponse,
    StrayPlace::InsteadOfResponse,
    StrayPlace::BeforeFrames,
    StrayPlace::UnfinishedProxyHeader,
    StrayPlace::UnfinishedResponse,
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
            scope: RowScope::Both,
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
            ("PROXY header", RowKind::ProxyHeader),
            ("SOCKS", RowKind::Socks(SocksOutcome::LoginFailed)),
            ("stray bytes", RowKind::StrayBytes(StrayPlace::BeforeFrames)),
            ("ClientHello", RowKind::Tls(TlsStep::ClientHello)),
            ("ServerHello", RowKind::Tls(TlsStep::ServerHello)),
            ("HelloRetryRequest", RowKind::Tls(TlsStep::HelloRetryRequest)),
            ("certificate", RowKind::Tls(TlsStep::Certificate)),
            ("alert", RowKind::Tls(TlsStep::Alert(Alert { level: 2, description: 45 }))),
            ("established", RowKind::Tls(TlsStep::Established)),
            ("no TLS", RowKind::Tls(TlsStep::Foreign)),
            ("a record that does not open", RowKind::Tls(TlsStep::Refused)),
            ("renegotiation", RowKind::Tls(TlsStep::Renegotiation)),
            ("gap", RowKind::Gap),
            ("sync lost", RowKind::SyncLost),
            ("sync found", RowKind::SyncFound),
            ("no frame", RowKind::NotAFrame),
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
            ("for messages", Row { scope: RowScope::Messages, ..text }),
            ("for frames", Row { scope: RowScope::Frames, ..text }),
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
            let (packed, extent) = PackedRow::new(&row);
            assert_eq!(packed.unpack(row.id, extent.as_ref()), row, "{name}");
            assert_eq!(packed.is_large(), extent.is_some(), "{name}");
            assert_eq!(packed.is_message(), row.is_message(), "{name}");
        }
    }

    #[test]
    fn a_row_takes_44_bytes() {
        assert_eq!(size_of::<PackedRow>(), 44);
    }

    #[test]
    fn a_severity_can_be_replaced_and_a_direction_turned() {
        let (mut packed, _) = PackedRow::new(&row(RowKind::Gap));
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
