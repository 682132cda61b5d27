//! All connections of a capture: which packet belongs to which, and when they end.

use std::collections::VecDeque;

use crate::analysis::connection::{Flow, Work};
use crate::analysis::event::{ConnectionId, Limit};
use crate::analysis::{Options, Sink};
use crate::decode::{Flags, Segment};
use crate::stream::{Origin, PerDirection};
use crate::tcp::table::SlotId;
use crate::tcp::{FlowKey, FlowTable, TcpState};
use crate::websocket::{self, Settings};

/// The connections of a capture.
#[derive(Debug)]
pub(super) struct Flows {
    options: Options,
    table: FlowTable<Entry>,
    shared: websocket::Shared,
    /// The packet being read.
    pub(super) now: Origin,
    /// Connections seen so far.
    pub(super) count: u64,
    /// Connections that are followed.
    live: usize,
    /// Memory taken by bytes that wait for holes to be filled.
    weight: usize,
    /// Where the search for an unused connection goes on.
    hand: usize,
    /// Connections that were reset, with the packet number at which they end.
    leaving: VecDeque<(u64, SlotId, ConnectionId)>,
    /// Connections that have ended, oldest first.
    gone: VecDeque<(SlotId, ConnectionId)>,
}

/// What the table knows of two endpoints.
#[derive(Debug)]
enum Entry {
    Live(Box<Flow>),
    /// Ended: late packets still come, and belong to nothing any more.
    Gone(ConnectionId, PerDirection<Option<u32>>),
}

impl Flows {
    pub(super) fn new(options: Options) -> Self {
        let settings = Settings {
            keep: options.keep,
            digest: options.digest,
            inflated_bytes: options.limits.inflated_bytes,
        };
        Self {
            options,
            table: FlowTable::default(),
            shared: websocket::Shared::new(settings),
            now: Origin::default(),
            count: 0,
            live: 0,
            weight: 0,
            hand: 0,
            leaving: VecDeque::new(),
            gone: VecDeque::new(),
        }
    }

    /// Takes one segment.
    pub(super) fn segment<S: Sink>(&mut self, segment: &Segment<'_>, sink: &mut S) {
        let key = FlowKey::new(segment.source, segment.destination);
        let slot = match self.table.find(&key) {
            None => self.open(key, segment, sink),
            Some(slot) => match self.table.get_mut(slot) {
                Some(Entry::Live(flow)) if !flow.is_another(segment) => slot,
                Some(Entry::Live(_)) => {
                    self.end(slot, sink);
                    self.table.remove(slot);
                    self.open(key, segment, sink)
                }
                Some(Entry::Gone(_, next)) if is_late(next, segment) => return,
                Some(Entry::Gone(..)) | None => {
                    self.table.remove(slot);
                    self.open(key, segment, sink)
                }
            },
        };
        let Some(Entry::Live(flow)) = self.table.get_mut(slot) else { return };
        let before = flow.tcp.weight();
        let limits = &self.options.limits;
        let mut work =
            Work { options: &self.options, shared: &mut self.shared, now: self.now, sink };
        let state = flow.tcp.state();
        flow.push(segment, &mut work);
        let after = flow.tcp.weight();
        self.weight = self.weight.saturating_sub(before).saturating_add(after);
        let reached = if after > limits.buffered_per_connection {
            Some(Limit::BufferedPerConnection)
        } else if after > before && self.weight > limits.buffered_total {
            Some(Limit::BufferedTotal)
        } else {
            None
        };
        if let Some(limit) = reached {
            flow.limit(limit, &mut work);
            flow.relieve(&mut work);
            self.weight = self.weight.saturating_sub(after).saturating_add(flow.tcp.weight());
        }
        let id = flow.about.id;
        match flow.tcp.state() {
            TcpState::Reset(_) | TcpState::Refused
                if !matches!(state, TcpState::Reset(_) | TcpState::Refused) =>
            {
                let until = self.now.packet.0.saturating_add(LINGER_PACKETS);
                self.leaving.push_back((until, slot, id));
            }
            TcpState::Closed(_) if flow.tcp.is_finished() => self.end(slot, sink),
            TcpState::SynSent
            | TcpState::Refused
            | TcpState::Established
            | TcpState::HalfClosed(_)
            | TcpState::Closed(_)
            | TcpState::Reset(_) => {}
        }
    }

    fn open<S: Sink>(&mut self, key: FlowKey, segment: &Segment<'_>, sink: &mut S) -> SlotId {
        if self.live >= self.options.limits.connections {
            self.make_room(sink);
        }
        self.live = self.live.saturating_add(1);
        self.count = self.count.saturating_add(1);
        let id = ConnectionId(self.count);
        let mut work =
            Work { options: &self.options, shared: &mut self.shared, now: self.now, sink };
        let flow = Flow::new(id, segment, &mut work);
        self.table.insert(key, Entry::Live(Box::new(flow)))
    }

    /// Ends a connection, and remembers for a while that it was there.
    fn end<S: Sink>(&mut self, slot: SlotId, sink: &mut S) {
        let Some(entry) = self.table.get_mut(slot) else { return };
        let Entry::Live(flow) = entry else { return };
        self.weight = self.weight.saturating_sub(flow.tcp.weight());
        let mut work =
            Work { options: &self.options, shared: &mut self.shared, now: self.now, sink };
        flow.end(&mut work);
        let id = flow.about.id;
        *entry = Entry::Gone(id, flow.tcp.next_sequences());
        self.live = self.live.saturating_sub(1);
        self.gone.push_back((slot, id));
        if self.gone.len() > REMEMBERED_ENDS
            && let Some((slot, id)) = self.gone.pop_front()
            && let Some(Entry::Gone(there, _)) = self.table.get_mut(slot)
            && *there == id
        {
            self.table.remove(slot);
        }
    }

    /// Ends connections that were reset a while ago: nothing comes late any more.
    pub(super) fn end_leaving<S: Sink>(&mut self, sink: &mut S) {
        while let Some((until, slot, id)) = self.leaving.front().copied() {
            if until > self.now.packet.0 {
                return;
            }
            self.leaving.pop_front();
            if let Some(Entry::Live(flow)) = self.table.get_mut(slot)
                && flow.about.id == id
            {
                self.end(slot, sink);
            }
        }
    }

    /// Ends the connection that was not used for longest, roughly (second chance).
    fn make_room<S: Sink>(&mut self, sink: &mut S) {
        let count = self.table.slot_count();
        for _ in 0..count.saturating_mul(2) {
            let number = self.hand;
            self.hand =
                if number.saturating_add(1) >= count { 0 } else { number.saturating_add(1) };
            let Some(slot) = self.table.slot(number) else { continue };
            let Some(Entry::Live(flow)) = self.table.get_mut(slot) else { continue };
            if std::mem::take(&mut flow.used) {
                continue;
            }
            let mut work =
                Work { options: &self.options, shared: &mut self.shared, now: self.now, sink };
            flow.limit(Limit::Connections, &mut work);
            self.end(slot, sink);
            self.table.remove(slot);
            return;
        }
    }

    /// Ends all connections, in their order.
    pub(super) fn finish<S: Sink>(&mut self, sink: &mut S) {
        let mut open: Vec<(ConnectionId, SlotId)> = self
            .table
            .iter()
            .filter_map(|(slot, entry)| match entry {
                Entry::Live(flow) => Some((flow.about.id, slot)),
                Entry::Gone(..) => None,
            })
            .collect();
        open.sort_unstable_by_key(|(id, _)| *id);
        for (_, slot) in open {
            self.end(slot, sink);
        }
    }
}

/// Whether a segment between the endpoints of a connection that has ended still belongs to it.
fn is_late(next: &PerDirection<Option<u32>>, segment: &Segment<'_>) -> bool {
    if segment.flags.has(Flags::SYN) && !segment.flags.has(Flags::ACK) {
        return false;
    }
    let near = |next: Option<u32>| {
        next.is_none_or(|next| {
            let distance = segment.sequence.wrapping_sub(next).cast_signed();
            distance.unsigned_abs() < LATE_DISTANCE
        })
    };
    segment.payload.is_empty() || near(next.client) || near(next.server)
}

/// A connection that was reset takes late packets for this many packets of the capture.
const LINGER_PACKETS: u64 = 64;

/// Connections that have ended and are remembered, so that late packets open no new one.
const REMEMBERED_ENDS: usize = 1 << 13;

/// A late packet's sequence number is not farther than this from where its connection ended.
const LATE_DISTANCE: u32 = 1 << 24;
