//! Whether rows match a filter expression: what it needs of a row is read again.

use crate::analysis::event::ConnectionId;
use crate::findings::Finding;
use crate::http::Handshake;
use crate::timeline::filter::{Filter, FilterNeed, FilterSubject};
use crate::timeline::{ConnectionRow, OpenLimits, Opener, ResumePoints, Row, RowKind};
use crate::tui::world::World;
use crate::websocket::Digest;

/// A filter, and what it remembers of connections.
#[derive(Debug)]
pub struct Chooser {
    filter: Filter,
    /// The handshake of the connection that was asked about last.
    handshake: Option<(ConnectionId, Option<Handshake>)>,
    /// Where rows were read last.
    pub(super) resume_points: ResumePoints,
}

impl Chooser {
    /// Makes one.
    pub fn new(filter: Filter) -> Self {
        Self { filter, handshake: None, resume_points: ResumePoints::new(STREAMS) }
    }

    /// The filter.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Whether rows must be read again for it, which takes its time.
    pub fn reads(&self) -> bool {
        let needs = self.filter.needs();
        needs.has(FilterNeed::Content) || needs.has(FilterNeed::Frames)
    }

    /// Whether a row matches; `None` if reading it continues later.
    pub fn matches(
        &mut self,
        row: &Row,
        world: World<'_>,
        opener: &mut Opener<'_>,
    ) -> Option<bool> {
        let Some(about) = world.timeline.connection(row.connection) else { return Some(false) };
        let needs = self.filter.needs();
        let opened = if carries_frames(row) && self.reads() {
            match opener.try_open(world.timeline, row.id) {
                Ok(Some(opened)) => Some(opened),
                Ok(None) => return None,
                Err(_) => None,
            }
        } else {
            None
        };
        if needs.has(FilterNeed::Handshake) {
            self.learn_handshake(about, world);
        }
        let findings: Vec<&Finding> = match row.worst.filter(|_| needs.has(FilterNeed::Findings)) {
            Some(_) => world.timeline.findings_of(row.id).map(|it| &it.finding).collect(),
            None => Vec::new(),
        };
        let handshake = self.handshake.as_ref().filter(|(id, _)| *id == row.connection);
        let handshake = handshake.and_then(|(_, it)| it.as_ref());
        let start = world.timeline.start();
        let subject =
            FilterSubject::of_row(row, about, opened.as_ref(), handshake, &findings, start);
        Some(self.filter.matches(&subject))
    }

    fn learn_handshake(&mut self, about: &ConnectionRow, world: World<'_>) {
        if self.handshake.as_ref().is_some_and(|(id, _)| *id == about.id) {
            return;
        }
        let rows = world.timeline.rows_of(about.id).iter().take(FIRST_ROWS);
        let mut heads = rows.filter_map(|id| world.timeline.row(*id)).filter(|row| {
            matches!(row.kind, RowKind::Request | RowKind::Response(_) | RowKind::NoResponse)
        });
        // The response knows both heads.
        let handshake = heads.next_back().and_then(|row| {
            let limits = OpenLimits::default();
            let opened = Opener::new(world.store, limits).open(world.timeline, row.id);
            opened.ok()?.handshake
        });
        self.handshake = Some((about.id, handshake));
    }
}

fn carries_frames(row: &Row) -> bool {
    matches!(row.kind, RowKind::Message(_) | RowKind::Frame { .. })
}

/// What is read of a message to be matched: longer ones are matched by their beginning.
pub const LIMITS: OpenLimits = OpenLimits {
    content: 1 << 20,
    wire: 2 << 20,
    carried: 0,
    inflated_bytes: 64 << 20,
    digest: Digest::Unwanted,
};

/// Bytes that are decoded to find rows before keys are looked at: some milliseconds.
pub const WORK: u64 = 1 << 20;

/// Streams in which it is remembered how far they were read while all rows of a capture are: 64 MiB
/// where all of them are compressed.
pub const STREAMS: usize = 1 << 11;

/// Rows of a connection among which its handshake is looked for.
const FIRST_ROWS: usize = 16;
