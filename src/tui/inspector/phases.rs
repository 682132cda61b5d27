//! The phases of a connection, and how it ended.

use crate::analysis::event::{ConnectionId, Outcome, StartedBy};
use crate::describe::outcome::ConnectionEnd;
use crate::stream::{Direction, PerDirection, Side, Timestamp};
use crate::text::words::sentence;
use crate::timeline::{ConnectionRow, Milestones, Row, RowKind, Timeline};
use crate::websocket::{CloseCode, Opcode};

/// Something that happened once on a connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Phase {
    /// What.
    pub(super) name: String,
    /// When.
    pub(super) time: Timestamp,
}

/// The phases of a connection in their order: from the first packet to the last.
pub(super) fn phases(timeline: &Timeline, connection: &ConnectionRow) -> Vec<Phase> {
    let first = match connection.started_by {
        StartedBy::Syn => "SYN",
        StartedBy::Midstream => "first packet captured",
    };
    let mut phases = vec![Phase { name: first.to_owned(), time: connection.first.time }];
    for row in milestones(timeline, connection.id) {
        phases.extend(name(&row).map(|name| Phase { name, time: row.time }));
    }
    let more = timeline.milestones_of(connection.id).map_or(0, Milestones::let_go);
    if more > 0 {
        let name = format!("{more} more requests, responses and Closes are not listed");
        phases.push(Phase { name, time: connection.last.time });
    }
    let last = connection.last.time;
    if phases.last().is_none_or(|phase| phase.time < last) {
        phases.push(Phase { name: "last packet".to_owned(), time: last });
    }
    phases
}

/// What happened in a row that the story of a connection is made of.
fn name(row: &Row) -> Option<String> {
    match row.kind {
        RowKind::Request => Some("upgrade request".to_owned()),
        RowKind::Response(status) => Some(format!("response {status}")),
        RowKind::Recognized(_) => Some("WebSocket recognized".to_owned()),
        RowKind::Message(Opcode::Text | Opcode::Binary) => {
            Some(format!("first message, from the {}", sender(row)))
        }
        RowKind::Message(Opcode::Close) => {
            let code = row.close_code.map(|code| format!(" {code}")).unwrap_or_default();
            Some(format!("Close{code} from the {}", sender(row)))
        }
        RowKind::Fin => Some(format!("FIN from the {}", sender(row))),
        RowKind::Reset => Some(format!("RST from the {}", sender(row))),
        RowKind::Message(Opcode::Continuation | Opcode::Ping | Opcode::Pong)
        | RowKind::Frame { .. }
        | RowKind::NoResponse
        | RowKind::Tunnel(_)
        | RowKind::Gap
        | RowKind::Tls(_)
        | RowKind::SyncLost
        | RowKind::SyncFound
        | RowKind::NotAFrame
        | RowKind::HeaderUnfinished
        | RowKind::Conflict
        | RowKind::Limit(_)
        | RowKind::Ended(_) => None,
    }
}

/// How a connection ended, in sentences.
pub(super) fn ending(timeline: &Timeline, connection: &ConnectionRow) -> Vec<String> {
    let mut story = Vec::new();
    let closes = closes(timeline, connection.id);
    let order = match (closes.client, closes.server) {
        (Some(client), Some(server)) if server.id < client.id => [Some(server), Some(client)],
        (client, server) => [client.or(server), client.and(server)],
    };
    match order {
        [Some(first), second] => {
            story.push(closed(&first));
            let other = if first.direction == Some(Direction::ClientToServer) {
                "server"
            } else {
                "client"
            };
            story.push(match second {
                Some(second) if second.close_code == first.close_code => {
                    format!("The {other} answered with the same code.")
                }
                Some(second) => match second.close_code {
                    Some(code) => format!("The {other} answered with {code}."),
                    None => format!("The {other} answered with an empty Close."),
                },
                None => format!("The {other} did not answer it."),
            });
        }
        [None, _] => {
            if !matches!(connection.outcome, None | Some(Outcome::Open))
                && (connection.messages.client > 0 || connection.messages.server > 0)
            {
                story.push("No Close was sent: applications see 1006.".to_owned());
            }
        }
    }
    match connection.outcome {
        Some(outcome) => {
            story.push(sentence(ConnectionEnd::of_row(connection, outcome).phrase()));
        }
        None => story.push("Still open.".to_owned()),
    }
    story
}

fn closed(row: &Row) -> String {
    let sender = sender(row);
    match row.close_code {
        Some(code) => {
            let name = CloseCode::of(code).name;
            format!("The {sender} closed first, with {code} ({name}).")
        }
        None => format!("The {sender} closed first, without a code."),
    }
}

/// The first Close of each direction.
fn closes(timeline: &Timeline, connection: ConnectionId) -> PerDirection<Option<Row>> {
    let mut closes: PerDirection<Option<Row>> = PerDirection::default();
    for row in milestones(timeline, connection) {
        if let (RowKind::Message(Opcode::Close), Some(direction)) = (row.kind, row.direction) {
            closes.get_mut(direction).get_or_insert(row);
        }
    }
    closes
}

/// The rows that the story of a connection is made of.
fn milestones(timeline: &Timeline, connection: ConnectionId) -> impl Iterator<Item = Row> {
    let rows = timeline.milestones_of(connection).map(Milestones::rows).unwrap_or_default();
    rows.iter().filter_map(|id| timeline.row(*id))
}

fn sender(row: &Row) -> &'static str {
    row.direction.map_or("peer", |direction| Side::sender(direction).name())
}
