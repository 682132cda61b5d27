//! Which entry an event becomes.

use super::entry::{Entry, EntryKind, TunnelAnswer};
use crate::analysis::event::{Connection, ConnectionEvent, TcpState};
use crate::http::Head;
use crate::stream::{Direction, Origin, Span};

/// The entry that an event of a connection becomes, without its number, findings and partner; `None`
/// for an event that is part of another entry.
pub(super) fn entry_of<'a>(
    origin: Origin,
    connection: &'a Connection,
    event: &ConnectionEvent<'a>,
) -> Option<Entry<'a>> {
    let entry = |kind| Entry::new(connection, origin, kind);
    Some(match *event {
        // The message and the frame's end have the entry.
        ConnectionEvent::FrameStarted(..) | ConnectionEvent::InvalidUtf8 { .. } => return None,
        ConnectionEvent::FrameEnded(direction, frame) => {
            entry(EntryKind::Frame(frame)).within(direction, frame.span)
        }
        ConnectionEvent::Message(direction, message) => {
            entry(EntryKind::Message(message)).within(direction, message.span)
        }
        ConnectionEvent::Opened => entry(EntryKind::Opened),
        ConnectionEvent::UpgradeRequested(handshake) => {
            at_head(entry(EntryKind::Request(handshake)), CLIENT, handshake.request.as_ref())
        }
        ConnectionEvent::HandshakeEnded(handshake) => match &handshake.response {
            Some(head) => at_head(entry(EntryKind::Response(handshake)), SERVER, Some(head)),
            None => at_head(entry(EntryKind::NoResponse(handshake)), SERVER, None),
        },
        ConnectionEvent::ProxyHeader(header, span) => {
            entry(EntryKind::ProxyHeader(header)).within(CLIENT, span)
        }
        ConnectionEvent::Socks(socks, span) => entry(EntryKind::Socks(socks)).within(CLIENT, span),
        ConnectionEvent::StrayBytes(stray) => {
            entry(EntryKind::StrayBytes(stray)).within(stray.direction, stray.span)
        }
        ConnectionEvent::TunnelOpened(handshake) => {
            let kind = EntryKind::Tunnel(TunnelAnswer::Opened, handshake);
            at_head(entry(kind), CLIENT, handshake.request.as_ref())
        }
        ConnectionEvent::TunnelRefused(handshake) => {
            let kind = EntryKind::Tunnel(TunnelAnswer::Refused, handshake);
            at_head(entry(kind), CLIENT, handshake.request.as_ref())
        }
        ConnectionEvent::Tls(direction, seen) => {
            let span = seen.span();
            Entry { direction: Some(direction), span, ..entry(EntryKind::Tls(seen)) }
        }
        ConnectionEvent::Recognized(recognition) => entry(EntryKind::Recognized(recognition)),
        ConnectionEvent::NotAFrame(direction, bytes, span) => {
            entry(EntryKind::NotAFrame(bytes)).within(direction, span)
        }
        ConnectionEvent::HeaderUnfinished(direction, bytes, span) => {
            entry(EntryKind::HeaderUnfinished(bytes)).within(direction, span)
        }
        ConnectionEvent::Gap(direction, gap) => {
            let span = Span { end: gap.end(), ..Span::at(gap.offset, gap.origin) };
            entry(EntryKind::Gap(gap)).within(direction, span)
        }
        ConnectionEvent::SyncLost(direction, span) => {
            entry(EntryKind::SyncLost).within(direction, span)
        }
        ConnectionEvent::SyncFound(direction, span) => {
            entry(EntryKind::SyncFound).within(direction, span)
        }
        ConnectionEvent::Conflict(direction, span) => {
            entry(EntryKind::Conflict).within(direction, span)
        }
        ConnectionEvent::Limit(limit) => entry(EntryKind::Limit(limit)),
        ConnectionEvent::StateChanged => {
            let (kind, by) = match connection.state {
                TcpState::SynSent | TcpState::Established => return None,
                TcpState::HalfClosed(by) => (EntryKind::Fin, by),
                TcpState::Closed(first) => (EntryKind::Fin, first.reverse()),
                TcpState::Reset(by) => (EntryKind::Reset, by),
                TcpState::Refused => (EntryKind::Reset, SERVER),
            };
            Entry { direction: Some(by), ..entry(kind) }
        }
        ConnectionEvent::Ended(ending) => entry(EntryKind::Ended { ending, folded: &[] }),
    })
}

/// An entry that is where a head is, if there is one.
fn at_head<'a>(entry: Entry<'a>, direction: Direction, head: Option<&Head>) -> Entry<'a> {
    Entry { direction: Some(direction), span: head.map(|head| head.span), ..entry }
}

const CLIENT: Direction = Direction::ClientToServer;
const SERVER: Direction = Direction::ServerToClient;
