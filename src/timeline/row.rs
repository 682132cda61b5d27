//! One row of the timeline, unpacked: what a screen shows on a line.

use crate::analysis::event::{ConnectionId, Limit, Outcome, Recognition, SocksOutcome, StrayPlace};
use crate::findings::Severity;
use crate::stream::{Direction, PacketId, Timestamp};
use crate::timeline::tls::TlsStep;
use crate::websocket::Opcode;

/// Number of a row, from 0 in the order in which things became known.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RowId(pub u32);

/// One row of the timeline.
///
/// Made from its packed form whenever it is asked for; payloads are not in it, see
/// [`open`](super::open()).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Row {
    /// Its number.
    pub id: RowId,
    /// What it is.
    pub kind: RowKind,
    /// On which connection.
    pub connection: ConnectionId,
    /// Who sent it, or in which direction something is missing; `None` for what is about both.
    pub direction: Option<Direction>,
    /// When it became known: the time of the packet that brought its last byte.
    pub time: Timestamp,
    /// The packet with the lowest number that carried a byte of it.
    pub first: PacketId,
    /// The packet with the highest number that carried a byte of it.
    pub last: PacketId,
    /// Stream offset of its first byte; 0 for rows that belong to no stream.
    pub offset: u64,
    /// Content bytes of a message, after inflation; declared payload bytes of a frame; bytes of a head;
    /// missing or skipped bytes of a gap.
    pub length: u64,
    /// Payload bytes on the wire, as far as seen, of messages and frames.
    pub wire_length: u64,
    /// Frames of a message; 1 for a frame.
    pub frames: u64,
    /// Code of a Close that has one.
    pub close_code: Option<u16>,
    /// Whether a message is marked as compressed.
    pub compressed: bool,
    /// Whether every byte of it was seen, and inflated where it is compressed.
    pub complete: bool,
    /// The worst finding about it.
    pub worst: Option<Severity>,
    /// What it answers or what answers it: Ping and Pong, request and response.
    pub partner: Option<RowId>,
    /// In which views it is shown.
    pub scope: RowScope,
}

/// What a row is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RowKind {
    /// A message or control frame: text, binary, close, ping or pong.
    Message(Opcode),
    /// A frame that is not a message by itself: one of several of a message, one of a reserved opcode, or
    /// a continuation of nothing.
    Frame {
        /// FIN.
        fin: bool,
        /// RSV1 to RSV3 as three bits, RSV1 highest.
        rsv: u8,
        /// Opcode nibble, defined or not.
        opcode: u8,
    },
    /// The head of an upgrade request.
    Request,
    /// The head of the response to one, with its status; 0 where that is not three digits.
    Response(u16),
    /// No response came.
    NoResponse,
    /// An HTTP proxy was asked for a tunnel, with the status that it answered, if it did.
    Tunnel(Option<u16>),
    /// A proxy named the real client.
    ProxyHeader,
    /// A SOCKS proxy was asked for a connection.
    Socks(SocksOutcome),
    /// Bytes that belong to no protocol that is read.
    StrayBytes(StrayPlace),
    /// A step of TLS that can be read without its secrets.
    Tls(TlsStep),
    /// Bytes are missing.
    Gap,
    /// Frame boundaries are lost from here on.
    SyncLost,
    /// Frame boundaries were found again.
    SyncFound,
    /// Text was sent instead of a frame.
    NotAFrame,
    /// The stream ended within a frame header.
    HeaderUnfinished,
    /// The same bytes came twice with different content.
    Conflict,
    /// A limit was reached and data was let go.
    Limit(Limit),
    /// WebSocket was recognized without its handshake.
    Recognized(Recognition),
    /// A peer ended its direction of TCP.
    Fin,
    /// A peer reset the connection, or refused it.
    Reset,
    /// The connection, or the capture, ended.
    Ended(Outcome),
}

/// In which views a row is shown.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum RowScope {
    /// Where messages are shown: a message of several frames.
    Messages,
    /// Where frames are shown: one of these frames.
    Frames,
    /// In both: a message in one frame, and all that is neither.
    Both,
}

impl Row {
    /// The opcode of a message or control frame.
    pub fn opcode(&self) -> Option<Opcode> {
        if let RowKind::Message(opcode) = self.kind { Some(opcode) } else { None }
    }

    /// Whether its line in printed output has a number.
    pub fn is_numbered(&self) -> bool {
        matches!(
            self.kind,
            RowKind::Message(_) | RowKind::Request | RowKind::Response(_) | RowKind::NoResponse
        )
    }

    /// Whether it counts as a message.
    pub fn is_message(&self) -> bool {
        matches!(self.kind, RowKind::Message(_))
    }
}
