//! Which message answers which: those that bear the same id, as JSON-RPC, GraphQL, OCPP, WAMP, Phoenix
//! and socket.io write it.
//!
//! Nothing in WebSocket marks a response, and the timeline keeps no content, so this is found out
//! for rows that are visible only, among those shortly before them.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;
use foldhash::{HashMap, HashMapExt};

use crate::timeline::{OpenLimits, Opener, ResumePoints, Row, RowId, RowKind};
use crate::tui::inspector::identity;
use crate::tui::world::{PendingWork, World};
use crate::websocket::{Digest, Opcode};

/// What is known of answers.
#[derive(Debug)]
pub struct Answers {
    /// Fingerprints of the ids that rows bear.
    ids: HashMap<RowId, Option<u64>>,
    /// The request of each row that was examined.
    requests: HashMap<RowId, Option<RowId>>,
    /// The first answer to a request.
    firsts: HashMap<RowId, RowId>,
    /// Where rows were read last.
    resume_points: ResumePoints,
    /// Rows read again so far, to be counted by tests.
    pub work: u64,
}

/// What is known of the id that a row bears.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Id {
    /// It bears one.
    Known,
    /// It bears none.
    Nothing,
    /// No more may be read for now.
    Later,
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            ids: HashMap::new(),
            requests: HashMap::new(),
            firsts: HashMap::new(),
            resume_points: ResumePoints::new(STREAMS),
            work: 0,
        }
    }
}

impl Answers {
    /// The message that a row is the first answer to.
    pub fn request(&self, row: RowId) -> Option<RowId> {
        self.requests.get(&row).copied().flatten()
    }

    /// The message that a row answers, or the one that answers it first.
    pub fn partner(&self, row: RowId) -> Option<RowId> {
        self.request(row).or_else(|| self.firsts.get(&row).copied())
    }

    /// Finds out what visible rows answer, reading a few rows at a time.
    pub fn fill(&mut self, rows: impl Iterator<Item = RowId>, world: World<'_>) -> PendingWork {
        if self.ids.len().max(self.requests.len()) > MOST_KEPT {
            *self = Self { work: self.work, ..Self::default() };
        }
        let resume_points = std::mem::take(&mut self.resume_points);
        let mut opener = Opener::resume(world.store, LIMITS, resume_points, WORK);
        let pending = self.read(rows, &mut opener, world);
        self.resume_points = opener.into_resume_points();
        pending
    }

    fn read(
        &mut self,
        rows: impl Iterator<Item = RowId>,
        opener: &mut Opener<'_>,
        world: World<'_>,
    ) -> PendingWork {
        let mut left = MOST_AT_ONCE;
        for id in rows {
            if self.requests.contains_key(&id) {
                continue;
            }
            let Some(row) = world.timeline.row(id).filter(may_bear_id) else {
                self.requests.insert(id, None);
                continue;
            };
            let Some(near) = self.look(&row, opener, &mut left, world) else {
                return PendingWork::More;
            };
            let request = self.find(&row, &near);
            if let Some(request) = request {
                self.firsts.insert(request, id);
            }
            self.requests.insert(id, request);
        }
        PendingWork::Nothing
    }

    /// Learns the ids of a row and, if it bears one, of those before it, which it gives; `None` if more
    /// has to be read than may be at once.
    fn look(
        &mut self,
        row: &Row,
        opener: &mut Opener<'_>,
        left: &mut usize,
        world: World<'_>,
    ) -> Option<Vec<Row>> {
        match self.learn(row, opener, left, world) {
            Id::Later => return None,
            Id::Nothing => return Some(Vec::new()),
            Id::Known => {}
        }
        let all = world.timeline.rows_of(row.connection);
        let end = all.partition_point(|id| *id < row.id);
        let near = all.get(end.saturating_sub(REACH)..end).unwrap_or_default();
        let near: Vec<Row> =
            near.iter().filter_map(|id| world.timeline.row(*id)).filter(may_bear_id).collect();
        // In their order: compressed messages refer to those before them.
        let is_whole = near.iter().all(|row| self.learn(row, opener, left, world) != Id::Later);
        is_whole.then_some(near)
    }

    /// Learns the id that a row bears.
    fn learn(
        &mut self,
        row: &Row,
        opener: &mut Opener<'_>,
        left: &mut usize,
        world: World<'_>,
    ) -> Id {
        if let Some(known) = self.ids.get(&row.id) {
            return if known.is_some() { Id::Known } else { Id::Nothing };
        }
        let Some(rest) = left.checked_sub(1).filter(|_| !opener.is_out_of_budget()) else {
            return Id::Later;
        };
        *left = rest;
        let id = match opener.try_open(world.timeline, row.id) {
            Ok(Some(opened)) => identity(&opened.content).map(hash),
            Ok(None) => return Id::Later,
            Err(_) => None,
        };
        self.work = self.work.saturating_add(1);
        self.ids.insert(row.id, id);
        if id.is_some() { Id::Known } else { Id::Nothing }
    }

    /// The nearest message before a row that bears the same id and came from the other side, unless
    /// another one answered that already.
    fn find(&self, row: &Row, near: &[Row]) -> Option<RowId> {
        let id = self.ids.get(&row.id).copied().flatten()?;
        let same = |it: &&Row| self.ids.get(&it.id) == Some(&Some(id));
        let last = near.iter().rev().find(same)?;
        (last.direction != row.direction).then_some(last.id)
    }
}

/// Whether a row is a message that may be a request or an answer.
fn may_bear_id(row: &Row) -> bool {
    row.kind == RowKind::Message(Opcode::Text) && row.length >= SHORTEST
}

fn hash(id: &[u8]) -> u64 {
    let mut hasher = FixedState::with_seed(0).build_hasher();
    hasher.write(id);
    hasher.finish()
}

/// What is read of a row: ids are near the beginning.
const LIMITS: OpenLimits = OpenLimits {
    content: 512,
    wire: 1 << 16,
    carried: 0,
    inflated_bytes: 1 << 20,
    digest: Digest::Unwanted,
};

/// Bytes of the shortest message with an id: `[2,1]`.
const SHORTEST: u64 = 5;

/// Rows of a connection before an answer among which its request is looked for.
const REACH: usize = 128;

/// Rows that are read again before keys are examined ...
const MOST_AT_ONCE: usize = 64;

/// ... and bytes that are decoded for them, where they refer to what was sent before: some
/// milliseconds.
const WORK: u64 = 1 << 20;

/// Streams in which it is remembered how far they were read: 4 MiB where all are compressed.
const STREAMS: usize = 128;

/// Rows that are kept.
const MOST_KEPT: usize = 1 << 15;
