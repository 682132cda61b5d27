//! What filters look at, taken from entries as they come and from rows of the timeline.

use crate::analysis::event::Connection;
use crate::findings::Finding;
use crate::http::Handshake;
use crate::journal::{Entry, EntryKind};
use crate::stream::{Origin, Span, Timestamp};
use crate::timeline::connection::ConnectionRow;
use crate::timeline::filter::subject::{
    EntryClass, FilterConnection, FilterFrame, FilterMessage, FilterSubject,
};
use crate::timeline::open::Opened;
use crate::timeline::row::{Row, RowKind};
use crate::websocket::{Frame, FrameHeader, Message, Opcode, close_payload};

impl<'a> FilterSubject<'a> {
    /// An entry, with what it has of itself: neither the first frame of a message nor findings.
    pub fn of_entry(kind: EntryClass, entry: &Entry<'a>, start: Timestamp) -> Self {
        let subject = Self {
            connection: entry.connection.map(FilterConnection::from),
            direction: entry.direction,
            intermediaries: entry
                .connection
                .map(|it| it.carrier.intermediaries.as_slice())
                .unwrap_or_default(),
            ..Self::new(kind, entry.origin, start)
        };
        match entry.kind {
            EntryKind::Message(message) => {
                Self { message: Some(message.into()), span: Some(message.span), ..subject }
            }
            EntryKind::Frame(frame) => {
                Self { frame: Some(frame.into()), span: Some(frame.span), ..subject }
            }
            EntryKind::Request(handshake)
            | EntryKind::Response(handshake)
            | EntryKind::NoResponse(handshake)
            | EntryKind::Tunnel(_, handshake) => Self { handshake: Some(handshake), ..subject },
            EntryKind::Ended { ending, .. } => Self { outcome: Some(ending.outcome), ..subject },
            _ => subject,
        }
    }

    /// A row of a connection. Contents and the first frames of messages are known if it was opened.
    pub fn of_row(
        row: &Row,
        connection: &'a ConnectionRow,
        opened: Option<&'a Opened>,
        handshake: Option<&'a Handshake>,
        findings: &'a [&'a Finding],
        start: Timestamp,
    ) -> Self {
        let at = |packet| Origin { packet, time: row.time };
        let carries_frames = matches!(row.kind, RowKind::Message(_) | RowKind::Frame { .. });
        let span = carries_frames.then(|| Span {
            start: row.offset,
            end: row.offset.saturating_add(row.wire_length),
            first: at(row.first),
            last: at(row.last),
        });
        Self {
            connection: Some(connection.into()),
            direction: row.direction,
            span,
            message: FilterMessage::of_row(row, opened),
            frame: FilterFrame::of_row(row, opened),
            handshake,
            outcome: connection.outcome,
            cause: connection.cause,
            findings,
            intermediaries: &connection.intermediaries,
            ..Self::new(EntryClass::from(row.kind), at(row.last), start)
        }
    }
}

impl From<&Connection> for FilterConnection {
    fn from(it: &Connection) -> Self {
        Self {
            id: it.id,
            client: it.client,
            server: it.server,
            state: Some(it.state),
            transport: Some(it.transport),
        }
    }
}

impl From<&ConnectionRow> for FilterConnection {
    fn from(it: &ConnectionRow) -> Self {
        Self {
            id: it.id,
            client: it.client,
            server: it.server,
            state: Some(it.state),
            transport: Some(it.transport),
        }
    }
}

impl<'a> From<&Message<'a>> for FilterMessage<'a> {
    fn from(it: &Message<'a>) -> Self {
        Self {
            opcode: it.opcode,
            frames: it.frames,
            compressed: it.compressed,
            complete: it.complete,
            wire_length: it.wire_length,
            length: it.length,
            content: it.content,
            close: it.close,
        }
    }
}

impl<'a> FilterMessage<'a> {
    fn of_row(row: &Row, opened: Option<&'a Opened>) -> Option<Self> {
        let opcode = row.opcode()?;
        let content = opened.map(|it| it.content.as_slice()).unwrap_or_default();
        let mut close = (opcode == Opcode::Close).then(|| close_payload(content));
        if let Some(close) = &mut close {
            close.code = row.close_code;
        }
        Some(Self {
            opcode,
            frames: row.frames,
            compressed: row.compressed,
            complete: row.complete,
            wire_length: row.wire_length,
            length: row.length,
            content,
            close,
        })
    }
}

impl From<&Frame> for FilterFrame {
    fn from(it: &Frame) -> Self {
        Self::new(&it.header, it.is_complete())
    }
}

impl FilterFrame {
    fn new(header: &FrameHeader, complete: bool) -> Self {
        let FrameHeader { fin, rsv, opcode, mask, payload_length, .. } = *header;
        Self { fin, rsv, opcode, mask, payload_length, complete }
    }

    fn of_row(row: &Row, opened: Option<&Opened>) -> Option<Self> {
        if let Some(first) = opened.and_then(|it| it.frames.first()) {
            return Some(Self::new(&first.header, row.complete));
        }
        let RowKind::Frame { fin, rsv, opcode } = row.kind else { return None };
        let (payload_length, complete) = (row.length, row.complete);
        Some(Self { fin, rsv, opcode, mask: None, payload_length, complete })
    }
}

impl EntryClass {
    /// What kind of row an entry is; `None` if it is none.
    pub fn of_entry(entry: &Entry<'_>) -> Option<Self> {
        Some(match entry.kind {
            EntryKind::Opened => return None,
            EntryKind::Message(_) => Self::Message,
            EntryKind::Frame(_) => Self::Frame,
            EntryKind::Request(_)
            | EntryKind::Response(_)
            | EntryKind::NoResponse(_)
            | EntryKind::Tunnel(..) => Self::Handshake,
            EntryKind::Gap(_) => Self::Gap,
            EntryKind::Ended { .. } => Self::End,
            EntryKind::Finding => Self::Finding,
            _ => Self::Incident,
        })
    }
}

impl From<RowKind> for EntryClass {
    fn from(kind: RowKind) -> Self {
        match kind {
            RowKind::Message(_) => Self::Message,
            RowKind::Frame { .. } => Self::Frame,
            RowKind::Request | RowKind::Response(_) | RowKind::NoResponse | RowKind::Tunnel(_) => {
                Self::Handshake
            }
            RowKind::Gap => Self::Gap,
            RowKind::Ended(_) => Self::End,
            RowKind::Tls(_)
            | RowKind::ProxyHeader
            | RowKind::Socks(_)
            | RowKind::StrayBytes(_)
            | RowKind::SyncLost
            | RowKind::SyncFound
            | RowKind::NotAFrame
            | RowKind::HeaderUnfinished
            | RowKind::Conflict
            | RowKind::Limit(_)
            | RowKind::Recognized(_)
            | RowKind::Fin
            | RowKind::Reset => Self::Incident,
        }
    }
}
