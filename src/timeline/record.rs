//! The timeline itself: what it holds, and the questions it answers.

use std::ops::Range;

use foldhash::{HashMap, HashMapExt};

use crate::analysis::CaptureTimes;
use crate::analysis::event::{Connection, ConnectionId};
use crate::capture::{Packet, PacketPlace};
use crate::findings::{Finding, Rule, Severity};
use crate::stream::{Direction, Timestamp, length_u64};
use crate::timeline::connection::ConnectionRow;
use crate::timeline::density::{Bucket, Density, place};
use crate::timeline::index::ConnectionIndex;
use crate::timeline::packets::PacketList;
use crate::timeline::row::{Row, RowId};
use crate::timeline::rows::RowStore;
use crate::timeline::story::ConnectionStory;
use crate::timeline::tls::{TlsRows, TlsSeen};
use crate::websocket::{MessageCounts, Opcode};

/// What happened in a capture, a row at a time, in the order in which it became known.
///
/// Takes packets by [`Timeline::packet`], and entries as a [`Journal`](crate::journal::Journal): one
/// row each. Keeps some 50 bytes of a row and 6 of a packet, no payload: see [`open`](super::open()).
#[derive(Debug)]
pub struct Timeline {
    pub(super) rows: RowStore,
    pub(super) connections: Vec<ConnectionRow>,
    /// Beside each of `connections`.
    pub(super) indexes: Vec<ConnectionIndex>,
    /// Where in `connections` one is.
    pub(super) positions: HashMap<ConnectionId, usize>,
    /// Connections that may never be shown: plain HTTP, most of them.
    pub(super) drafts: HashMap<ConnectionId, ConnectionIndex>,
    pub(super) latest: Option<(ConnectionId, usize)>,
    /// Packets that hold a fragment of an IP datagram which later packets complete.
    pub(super) fragments: PacketList,
    /// What steps of TLS say.
    pub(super) tls: TlsRows,
    /// The packet being read.
    pub(super) now: Option<PacketPlace>,
    pub(super) findings: Vec<FindingRow>,
    /// The places of the findings about each connection, in their order.
    pub(super) found_on: HashMap<ConnectionId, Vec<usize>>,
    /// The place of the cause of each connection that has one.
    pub(super) causes: HashMap<ConnectionId, usize>,
    pub(super) folded: Vec<Folded>,
    pub(super) density: Density,
    pub(super) counts: Counts,
    times: CaptureTimes,
}

/// A finding, and the rows that it is about.
#[derive(Clone, Debug)]
pub struct FindingRow {
    /// The finding.
    pub finding: Finding,
    /// The row that it is about, where messages are shown; the connection's end where it is about
    /// the connection. `None` as long as that row is yet to come, and for the capture as a whole.
    pub row: Option<RowId>,
    /// The row of the frame, where it is about one of several frames of a message.
    pub frame: Option<RowId>,
}

/// Findings that were counted only.
#[derive(Clone, Copy, Debug)]
pub struct Folded {
    /// The rule.
    pub rule: &'static Rule,
    /// On which connection.
    pub connection: ConnectionId,
    /// How many more there are than those given one by one.
    pub count: u64,
}

/// What was counted so far.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Packets.
    pub packets: u64,
    /// Their captured bytes.
    pub bytes: u64,
    /// Messages and control frames.
    pub messages: MessageCounts,
    /// Findings and causes that are errors, those only counted included. What follows from a cause is not.
    pub errors: u64,
    /// Findings and causes that are warnings.
    pub warnings: u64,
    /// Findings and causes that are notes.
    pub notes: u64,
    /// Findings that follow from causes.
    pub consequences: u64,
    /// How often a finding turned out to be more or less bad than it seemed.
    pub revisions: u64,
    /// Rows that were dropped because there are as many as can be numbered.
    pub rows_dropped: u64,
    /// Findings that were counted, but not kept, because there were too many.
    pub findings_dropped: u64,
}

impl Counts {
    /// All findings and causes.
    pub fn findings(&self) -> u64 {
        [self.warnings, self.notes, self.consequences]
            .into_iter()
            .fold(self.errors, u64::saturating_add)
    }
}

impl Default for Timeline {
    fn default() -> Self {
        Self::new()
    }
}

impl Timeline {
    /// Makes a timeline of nothing.
    pub fn new() -> Self {
        Self {
            rows: RowStore::default(),
            connections: Vec::new(),
            indexes: Vec::new(),
            positions: HashMap::new(),
            drafts: HashMap::new(),
            latest: None,
            fragments: PacketList::default(),
            tls: TlsRows::default(),
            now: None,
            findings: Vec::new(),
            found_on: HashMap::new(),
            causes: HashMap::new(),
            folded: Vec::new(),
            density: Density::new(BUCKETS),
            counts: Counts::default(),
            times: CaptureTimes::default(),
        }
    }

    /// Takes the place of a packet, before the packet is pushed to the analyzer.
    ///
    /// Its [`file_offset`](Packet::file_offset) must be the position in what it will be read from again.
    pub fn packet(&mut self, packet: &Packet<'_>) {
        let counts = &mut self.counts;
        counts.packets = counts.packets.saturating_add(1);
        counts.bytes = counts.bytes.saturating_add(length_u64(packet.bytes.len()));
        self.times.observe(packet.time);
        self.now = Some(PacketPlace::of(packet));
    }

    /// How many rows there are.
    pub fn rows(&self) -> u32 {
        self.rows.count()
    }

    /// One row; `None` for a number that no row has.
    pub fn row(&self, id: RowId) -> Option<Row> {
        self.rows.get(id)
    }

    /// What a step of TLS says; `None` for other rows.
    pub fn tls_of(&self, row: &Row) -> Option<TlsSeen<'_>> {
        self.tls.get(row)
    }

    /// The rows of a connection, in their order.
    pub fn rows_of(&self, connection: ConnectionId) -> &[RowId] {
        self.index(connection).map(|index| index.rows.as_slice()).unwrap_or_default()
    }

    /// What the phases of a connection are derived from; `None` for one that is not shown, and where it was
    /// let go because there are very many.
    pub fn story_of(&self, connection: ConnectionId) -> Option<&ConnectionStory> {
        self.index(connection)?.story.as_deref()
    }

    /// Whether [`Timeline::density`] of a connection is exact for any range, but for messages that became
    /// known out of the order of time.
    pub fn counts_each(&self, connection: ConnectionId) -> bool {
        self.index(connection).is_none_or(|index| index.rows.len() <= OWN_WALK)
    }

    /// The connections that carry WebSocket, requested it, show traces of it or ended too early to know,
    /// in the order in which that became known.
    pub fn connections(&self) -> &[ConnectionRow] {
        &self.connections
    }

    /// One of these connections.
    pub fn connection(&self, id: ConnectionId) -> Option<&ConnectionRow> {
        self.connections.get(*self.positions.get(&id)?)
    }

    /// All findings, in the order in which they were made.
    pub fn findings(&self) -> &[FindingRow] {
        &self.findings
    }

    /// The findings about a row.
    pub fn findings_of(&self, row: RowId) -> impl Iterator<Item = &FindingRow> {
        self.findings.iter().filter(move |it| it.row == Some(row) || it.frame == Some(row))
    }

    /// The findings about the capture as a whole.
    pub fn notes(&self) -> impl Iterator<Item = &FindingRow> {
        self.findings.iter().filter(|it| it.finding.connection.is_none())
    }

    /// Findings that were counted only.
    pub fn folded_findings(&self) -> &[Folded] {
        &self.folded
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// What times are shown relative to.
    pub fn start(&self) -> Timestamp {
        self.times.start()
    }

    /// When the capture took place.
    pub fn times(&self) -> &CaptureTimes {
        &self.times
    }

    /// How many messages there were when, in `count` equal parts of a range of time; of some
    /// connections, or of all.
    ///
    /// Exact if there are few rows (some 100,000), or few in the range and those are in order of
    /// time. Otherwise as exact as buckets of a four-thousandth of the whole time can be, so that this
    /// never takes long.
    pub fn density(
        &self,
        range: Range<Timestamp>,
        count: usize,
        of: Option<&[ConnectionId]>,
    ) -> Vec<Bucket> {
        let mut buckets = vec![Bucket::default(); count];
        match of {
            None => {
                let rows = self.rows_in(&range);
                if rows.end.saturating_sub(rows.start) <= WALK {
                    self.walk(rows.map(RowId), &range, &mut buckets);
                } else {
                    self.density.add_to(&range, &mut buckets);
                }
            }
            Some(connections) => {
                for index in connections.iter().filter_map(|id| self.index(*id)) {
                    self.add_density(index, &range, &mut buckets);
                }
            }
        }
        buckets
    }

    /// Memory taken by what is kept, in bytes, without findings.
    pub fn memory(&self) -> usize {
        let shown: usize = self.indexes.iter().map(ConnectionIndex::memory).sum();
        let rows = self.connections.capacity().saturating_mul(size_of::<ConnectionRow>());
        let courses: usize = self.connections.iter().map(ConnectionRow::memory).sum();
        self.rows
            .memory()
            .saturating_add(shown)
            .saturating_add(rows)
            .saturating_add(courses)
            .saturating_add(self.fragments.memory())
            .saturating_add(self.tls.memory())
            .saturating_add(self.density.memory())
    }

    pub(super) fn index(&self, id: ConnectionId) -> Option<&ConnectionIndex> {
        self.indexes.get(*self.positions.get(&id)?)
    }

    /// Where a connection is among those shown.
    pub(super) fn position(&mut self, id: ConnectionId) -> Option<usize> {
        if let Some((latest, at)) = self.latest
            && latest == id
        {
            return Some(at);
        }
        let at = self.positions.get(&id).copied()?;
        self.latest = Some((id, at));
        Some(at)
    }

    /// Shows a connection from now on.
    pub(super) fn show(&mut self, connection: &Connection) -> usize {
        let at = self.connections.len();
        self.connections.push(ConnectionRow::new(connection));
        self.indexes.push(self.drafts.remove(&connection.id).unwrap_or_default());
        self.positions.insert(connection.id, at);
        self.latest = Some((connection.id, at));
        self.show_cause(connection.id);
        self.count_uncounted(at);
        at
    }

    /// Numbers of rows, among which those in a range of time are.
    fn rows_in(&self, range: &Range<Timestamp>) -> Range<u32> {
        let (first, last) = self.times.range();
        let is_whole = range.start <= first && last < range.end;
        if is_whole || self.rows.count() <= WALK {
            // No search, which a single row of a clock that was wrong would mislead.
            0..self.rows.count()
        } else {
            self.reached(range.start)..self.reached(range.end)
        }
    }

    /// The first row that is not earlier than a time. Rows are in this order, but for some that had to
    /// wait for a hole to be filled and those of clocks that stepped back.
    fn reached(&self, time: Timestamp) -> u32 {
        let (mut low, mut high) = (0, self.rows.count());
        while low < high {
            let middle = low.midpoint(high);
            let is_before = self.rows.packed(RowId(middle)).is_some_and(|row| row.time() < time);
            if is_before {
                low = middle.saturating_add(1);
            } else {
                high = middle;
            }
        }
        low
    }

    fn add_density(
        &self,
        index: &ConnectionIndex,
        range: &Range<Timestamp>,
        buckets: &mut [Bucket],
    ) {
        match &index.density {
            Some(density) => density.add_to(range, buckets),
            None => self.walk(index.rows.iter().copied(), range, buckets),
        }
    }

    fn walk(
        &self,
        rows: impl Iterator<Item = RowId>,
        range: &Range<Timestamp>,
        buckets: &mut [Bucket],
    ) {
        let count = buckets.len();
        for row in rows.filter_map(|id| self.rows.packed(id)) {
            let Some(bucket) =
                place(row.time(), range, count).and_then(|place| buckets.get_mut(place))
            else {
                continue;
            };
            if row.is_message()
                && let Some(direction) = row.direction()
            {
                bucket.count(direction);
            }
            bucket.mark(row.worst());
        }
    }

    /// Counts a message or control frame in all but its connection.
    pub(super) fn count_message(
        &mut self,
        at: usize,
        (direction, opcode): (Direction, Opcode),
        time: Timestamp,
    ) {
        self.density.count(time, direction);
        self.counts.messages.add(opcode);
        let Some(index) = self.indexes.get_mut(at) else { return };
        match &mut index.density {
            Some(density) => density.count(time, direction),
            None if index.rows.len() > OWN_WALK => {
                // All so far, the message just recorded included.
                let mut density = Box::new(Density::new(OWN_BUCKETS));
                for row in index.rows.iter().filter_map(|id| self.rows.packed(*id)) {
                    if row.is_message()
                        && let Some(direction) = row.direction()
                    {
                        density.count(row.time(), direction);
                    }
                    if let Some(worst) = row.worst() {
                        density.mark(row.time(), worst);
                    }
                }
                index.density = Some(density);
            }
            None => {}
        }
    }

    pub(super) fn count_finding(&mut self, severity: Severity, count: u64) {
        let counter = self.finding_counter(severity);
        *counter = counter.saturating_add(count);
    }

    pub(super) fn finding_counter(&mut self, severity: Severity) -> &mut u64 {
        match severity {
            Severity::Error => &mut self.counts.errors,
            Severity::Warning => &mut self.counts.warnings,
            Severity::Note => &mut self.counts.notes,
        }
    }
}

/// Buckets for the overview of a whole capture: 48 KiB.
const BUCKETS: usize = 1 << 12;

/// Buckets for that of a connection, where it has more rows than [`OWN_WALK`]: 6 KiB.
const OWN_BUCKETS: usize = 1 << 9;

/// Rows that are walked over for an overview: about a millisecond.
const WALK: u32 = 1 << 17;

/// The same for one of several connections.
const OWN_WALK: usize = 1 << 11;
