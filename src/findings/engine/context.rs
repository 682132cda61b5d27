//! What a rule is shown: the event, and what is remembered.

use std::cell::OnceCell;
use std::net::SocketAddr;

use crate::analysis::event::{Connection, ConnectionId, Ending};
use crate::findings::across::Across;
use crate::findings::across::ended_websockets::ServerLife;
use crate::findings::across::ending_groups::EndingGroup;
use crate::findings::engine::severity::Severity;
use crate::findings::settings::{Reading, Settings};
use crate::findings::state::capture::CaptureMemory;
use crate::findings::state::connection::{ConnectionState, PeerState};
use crate::findings::state::past_findings::PastFinding;
use crate::findings::state::stream_window::StreamWindow;
use crate::stream::{Direction, PerDirection, Side};
use crate::websocket::{Frame, Message};

/// An event on a connection, before it is remembered, and what was remembered of this connection before it.
///
/// Nothing of other connections is in it: rules that see only this can run on any thread.
#[derive(Debug)]
pub(crate) struct RuleContext<'a, T> {
    pub(crate) connection: &'a Connection,
    /// What is remembered of this connection.
    pub(crate) state: &'a ConnectionState,
    pub(crate) settings: &'a Settings,
    pub(crate) subject: T,
}

/// An event on a connection, and what is remembered of all connections up to it, in packet order.
///
/// The state of the connection itself is not in it, since that may be further by then; only at its end it is
/// known (see [`EndSeen`]).
#[derive(Debug)]
pub(crate) struct ComparisonContext<'a, T> {
    pub(crate) connection: &'a Connection,
    pub(crate) across: &'a Across,
    pub(crate) settings: &'a Settings,
    pub(crate) subject: T,
}

/// The end of a connection, and what was remembered of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EndSeen<'a> {
    pub(crate) ending: Ending,
    pub(crate) state: &'a ConnectionState,
}

/// A connection that has ended, with everything that was found on it: what a cause is tested on.
pub(crate) type CauseContext<'a> = ComparisonContext<'a, CauseSeen<'a>>;

/// The end of a connection, and everything that was found on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CauseSeen<'a> {
    pub(crate) ending: Ending,
    pub(crate) state: &'a ConnectionState,
    /// What the rules found on it, in the order in which they did.
    pub(crate) past: &'a [PastFinding],
    /// The bytes of each direction around the first frame in which something is wrong.
    pub(crate) windows: &'a PerDirection<StreamWindow>,
}

/// The whole capture, at its end.
#[derive(Debug)]
pub(crate) struct CaptureContext<'a> {
    pub(crate) state: &'a CaptureMemory,
    /// What is remembered of all connections.
    pub(crate) across: &'a Across,
    /// What only the reader of the capture knows.
    pub(crate) reading: &'a Reading<'a>,
}

/// What is remembered of all connections, and which of them are compared.
#[derive(Debug)]
pub(crate) struct GroupContext<'a> {
    pub(crate) across: &'a Across,
    pub(crate) scope: GroupScope,
    /// The connections that ended for one reason; found when the first check asks for them.
    pub(crate) endings: OnceCell<Vec<EndingGroup<'a>>>,
}

/// Which connections are compared.
#[derive(Clone, Copy, Debug)]
pub(crate) enum GroupScope {
    /// All that are remembered: the capture has ended.
    All,
    /// The latest ones that may have ended for the same reason as this one.
    Ended {
        id: ConnectionId,
        server: SocketAddr,
        /// What is known of connections of this server that are still open.
        open: ServerLife,
    },
    /// Those whose requests the same server refused; this one it accepted just now.
    Accepted { id: ConnectionId, server: SocketAddr },
    /// One that its client left without having used it, and why it may have done so ([`Across::unused`]).
    Unused,
}

impl<'a> GroupContext<'a> {
    pub(crate) fn new(across: &'a Across, scope: GroupScope) -> Self {
        Self { across, scope, endings: OnceCell::new() }
    }
}

/// A frame, and who sent it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameSeen<'a> {
    pub(crate) direction: Direction,
    pub(crate) frame: &'a Frame,
}

/// A message, and who sent it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MessageSeen<'a> {
    pub(crate) direction: Direction,
    pub(crate) message: &'a Message<'a>,
}

/// A text that stopped being UTF-8.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InvalidUtf8 {
    pub(crate) direction: Direction,
    /// Offset of the first impossible byte in the (inflated) message.
    pub(crate) byte: u64,
}

/// Text where a frame should start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NotAFrame<'a> {
    pub(crate) bytes: &'a [u8],
}

impl<T> RuleContext<'_, T> {
    /// What is remembered of the sender of a direction.
    pub(crate) fn sender(&self, direction: Direction) -> &PeerState {
        self.state.sides.get(direction)
    }

    /// What is remembered of the receiver of a direction.
    pub(crate) fn receiver(&self, direction: Direction) -> &PeerState {
        self.state.sides.get(direction.reverse())
    }
}

impl<'a> ComparisonContext<'a, EndSeen<'a>> {
    /// What is known of this connection alone.
    pub(crate) fn own(&self) -> RuleContext<'a, Ending> {
        RuleContext {
            connection: self.connection,
            state: self.subject.state,
            settings: self.settings,
            subject: self.subject.ending,
        }
    }
}

impl<'a> CauseContext<'a> {
    /// The first finding of a rule on this connection.
    pub(crate) fn found(&self, id: &str) -> Option<&'a PastFinding> {
        self.subject.past.iter().find(|past| past.rule.id == id)
    }

    /// The first violation in what a side sent, for which its receiver must refuse it.
    pub(crate) fn first_violation(&self, direction: Direction) -> Option<&'a PastFinding> {
        self.subject.past.iter().find(|past| {
            past.direction == Some(direction)
                && past.side == Some(Side::sender(direction))
                && past.severity > Severity::Note
                && (past.rule.is_fatal
                    || ["HS-", "PMD-"].iter().any(|it| past.rule.id.starts_with(it)))
        })
    }
}
