//! The list of connections: its order, what is left out of it, and its cursor.

use crate::describe::outcome;
use crate::describe::sockets::processes;
use std::cmp::Ordering;

use crate::analysis::event::ConnectionId;
use crate::stream::PerDirection;
use crate::timeline::{ConnectionRow, Timeline};
use crate::tui::world::LoadStage;

/// The list of connections.
#[derive(Debug, Default)]
pub struct ConnectionList {
    /// Places in [`Timeline::connections`], in the order in which they are shown.
    order: Vec<usize>,
    /// How many connections and rows there were when the order was made.
    seen: Option<(usize, u32)>,
    sort: Column,
    backwards: Backwards,
    /// Text that connections must hold to be shown.
    filter: String,
    /// Whether it is known of some connection which process owns its sockets.
    has_processes: bool,
    /// Whether a connection has a subprotocol.
    has_subprotocols: bool,
    /// Columns of the longest cause of a connection.
    cause_columns: usize,
    cursor: usize,
    top: usize,
    height: usize,
}

/// A column of the list.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Column {
    /// Its number, which is the order of first packets.
    #[default]
    Number,
    /// The peer that opened it.
    Client,
    /// The other one.
    Server,
    /// The target of the request.
    Path,
    /// The subprotocol.
    Protocol,
    /// What became of it.
    State,
    /// Messages.
    Messages,
    /// Bytes of TCP payload.
    Bytes,
    /// From its first packet to its last.
    Duration,
    /// The worst finding.
    Worst,
}

impl Column {
    /// All of them, in their order.
    pub const ALL: [Self; 10] = [
        Self::Number,
        Self::Client,
        Self::Server,
        Self::Path,
        Self::Protocol,
        Self::State,
        Self::Messages,
        Self::Bytes,
        Self::Duration,
        Self::Worst,
    ];

    /// Its heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Number => "#",
            Self::Client => "client",
            Self::Server => "server",
            Self::Path => "path",
            Self::Protocol => "protocol",
            Self::State => "state",
            Self::Messages => "msgs",
            Self::Bytes => "bytes",
            Self::Duration => "time",
            Self::Worst => "worst",
        }
    }
}

/// Whether the order is turned around.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Backwards {
    /// It is.
    Yes,
    /// It is not.
    #[default]
    No,
}

impl ConnectionList {
    /// How many connections are shown.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether none is shown.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The column that the list is sorted by, and whether the order is turned around.
    pub fn sorting(&self) -> (Column, Backwards) {
        (self.sort, self.backwards)
    }

    /// Text that connections must hold to be shown.
    pub fn filter(&self) -> &str {
        &self.filter
    }

    /// Columns of the longest cause of a connection, in a few words; 0 without one.
    pub fn cause_columns(&self) -> usize {
        self.cause_columns
    }

    /// Whether a connection has a subprotocol.
    pub fn has_subprotocols(&self) -> bool {
        self.has_subprotocols
    }

    /// Whether it is known of some connection which process owns its sockets.
    pub fn has_processes(&self) -> bool {
        self.has_processes
    }

    /// Where in the list the cursor is.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// The connection under the cursor.
    pub fn current(&self, timeline: &Timeline) -> Option<ConnectionId> {
        let place = *self.order.get(self.cursor)?;
        timeline.connections().get(place).map(|it| it.id)
    }

    /// The connections that are visible, with their places in the list.
    pub fn visible<'a>(
        &'a self,
        timeline: &'a Timeline,
    ) -> impl Iterator<Item = (usize, &'a ConnectionRow)> {
        let range = self.order.iter().enumerate().skip(self.top).take(self.height);
        range.filter_map(|(at, place)| Some((at, timeline.connections().get(*place)?)))
    }

    /// The first place that is visible.
    pub fn top(&self) -> usize {
        self.top
    }

    /// Lines of the list.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Sorts by another column; by the same one the other way round.
    pub fn sort_by(&mut self, column: Column) {
        if self.sort == column {
            self.reverse();
        } else {
            self.sort = column;
            // Of numbers, the largest are looked for.
            let most_first = matches!(
                column,
                Column::Messages | Column::Bytes | Column::Duration | Column::Worst
            );
            self.backwards = if most_first { Backwards::Yes } else { Backwards::No };
            self.seen = None;
        }
    }

    /// Sorts by the next column.
    pub fn next_sort(&mut self) {
        let at = Column::ALL.iter().position(|it| *it == self.sort).unwrap_or(0);
        let next = at.saturating_add(1).checked_rem(Column::ALL.len()).unwrap_or(0);
        self.sort_by(Column::ALL.get(next).copied().unwrap_or_default());
    }

    /// Turns the order around.
    pub fn reverse(&mut self) {
        self.backwards = match self.backwards {
            Backwards::Yes => Backwards::No,
            Backwards::No => Backwards::Yes,
        };
        self.seen = None;
    }

    /// Shows only connections that hold a text.
    pub fn set_filter(&mut self, text: &str) {
        text.clone_into(&mut self.filter);
        self.seen = None;
    }

    /// Moves the cursor by some lines.
    pub fn move_by(&mut self, by: isize) {
        self.go(self.cursor.saturating_add_signed(by));
    }

    /// Moves the cursor to a place of the list.
    pub fn go(&mut self, place: usize) {
        self.cursor = place.min(self.order.len().saturating_sub(1));
        self.keep_visible();
    }

    /// Moves the cursor to a connection, where it is shown.
    pub fn seek(&mut self, timeline: &Timeline, connection: ConnectionId) {
        let all = timeline.connections();
        let is_it = |place: &usize| all.get(*place).is_some_and(|it| it.id == connection);
        if let Some(place) = self.order.iter().position(is_it) {
            self.go(place);
        }
    }

    /// Takes the height of the list.
    pub fn show(&mut self, height: u16) {
        self.height = usize::from(height);
        self.keep_visible();
    }

    /// Whether the list was not put in the order yet that is wanted now.
    pub fn is_stale(&self) -> bool {
        self.seen.is_none()
    }

    /// Puts the list in order, where something has changed that is worth it.
    pub fn arrange(&mut self, timeline: &Timeline, stage: &LoadStage) {
        let all = timeline.connections();
        let now = (all.len(), timeline.rows());
        let is_due = match self.seen {
            None => true,
            Some(seen) if seen == now => false,
            // Sorting many again and again while they come would take all the time there is.
            Some((connections, rows)) => {
                let work = all.len().saturating_mul(ROWS_PER_CONNECTION);
                let more = usize::try_from(now.1.saturating_sub(rows)).unwrap_or(usize::MAX);
                !stage.goes_on() || all.len() != connections && all.len() < MANY || more > work
            }
        };
        if !is_due {
            return;
        }
        let current = self.current(timeline);
        self.seen = Some(now);
        self.has_subprotocols = all.iter().any(|it| it.subprotocol.is_some());
        self.has_processes = all.iter().any(|it| it.sockets.is_some());
        let causes = all.iter().filter_map(cause).map(|words| words.chars().count());
        self.cause_columns = causes.max().unwrap_or_default();
        self.order.clear();
        let needle = self.filter.to_lowercase();
        let kept = all.iter().enumerate().filter(|(_, it)| needle.is_empty() || holds(it, &needle));
        self.order.extend(kept.map(|(place, _)| place));
        let (sort, backwards) = (self.sort, self.backwards);
        self.order.sort_by(|left, right| {
            let (Some(left), Some(right)) = (all.get(*left), all.get(*right)) else {
                return Ordering::Equal;
            };
            let order = compare(sort, left, right);
            let order = if backwards == Backwards::Yes { order.reverse() } else { order };
            order.then(left.id.cmp(&right.id))
        });
        match current {
            Some(current) => self.seek(timeline, current),
            None => self.go(self.cursor),
        }
        self.go(self.cursor);
    }

    fn keep_visible(&mut self) {
        let lowest = self.cursor.saturating_add(1).saturating_sub(self.height);
        let last = self.order.len().saturating_sub(self.height);
        self.top = self.top.clamp(lowest.min(self.cursor), self.cursor).min(last);
    }
}

fn holds(connection: &ConnectionRow, needle: &str) -> bool {
    let texts = [
        format!("#{}", connection.id.0),
        connection.client.to_string(),
        connection.server.to_string(),
        connection.path.clone().unwrap_or_default(),
        connection.tls.clone().unwrap_or_default(),
        connection.subprotocol.clone().unwrap_or_default(),
        connection.sockets.as_deref().and_then(processes).unwrap_or_default(),
        state(connection).to_owned(),
        cause(connection).unwrap_or_default().to_owned(),
        connection.worst.map(|(rule, _)| rule.id.to_owned()).unwrap_or_default(),
    ];
    texts.iter().any(|text| text.to_lowercase().contains(needle))
}

fn compare(column: Column, left: &ConnectionRow, right: &ConnectionRow) -> Ordering {
    let sum = |of: &PerDirection<u64>| of.client.saturating_add(of.server);
    match column {
        Column::Number => left.id.cmp(&right.id),
        Column::Client => left.client.cmp(&right.client),
        Column::Server => left.server.cmp(&right.server),
        Column::Path => left.path.cmp(&right.path),
        Column::Protocol => left.subprotocol.cmp(&right.subprotocol),
        Column::State => state(left).cmp(state(right)),
        Column::Messages => {
            sum(&left.messages.map(|it| it.data)).cmp(&sum(&right.messages.map(|it| it.data)))
        }
        Column::Bytes => sum(&left.bytes).cmp(&sum(&right.bytes)),
        Column::Duration => duration(left).cmp(&duration(right)),
        Column::Worst => left.worst_severity().cmp(&right.worst_severity()),
    }
}

/// Nanoseconds from the first packet to the last, if they were measured.
pub fn duration(connection: &ConnectionRow) -> Option<u64> {
    let (first, last) = (connection.first, connection.last);
    last.time.measured_since(first.time).filter(|_| first.packet != last.packet)
}

/// The cause of what became of a connection, in a few words.
pub fn cause(connection: &ConnectionRow) -> Option<&'static str> {
    Some(connection.cause?.explains?.words)
}

/// What became of a connection, in one word or two.
pub fn state(connection: &ConnectionRow) -> &'static str {
    outcome::status(connection.outcome, connection.state, connection.nature)
}

/// Connections up to which each new one is put in its place at once.
const MANY: usize = 200;

/// New rows for each connection after which the list is put in order again, while they come.
const ROWS_PER_CONNECTION: usize = 2;
