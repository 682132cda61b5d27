//! All connections of a capture: which packet belongs to which, and when they end.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::analysis::connection::{Before, Flow};
use crate::analysis::context::Context;
use crate::analysis::dns::DnsNames;
use crate::analysis::event::{Connection, ConnectionId, Limit};
use crate::analysis::layers::SecretsNews;
use crate::analysis::options::AnalyzerOptions;
use crate::analysis::sink::Sink;
use crate::capture::LocalSockets;
use crate::decode::{DnsMessage, Flags, IcmpError, Segment};
use crate::stream::{Budget, Direction, Origin, PacketId, PerDirection};
use crate::tcp::{FlowKey, FlowTable, RecentSlots, TcpState};
use crate::tls::Resumptions;
use crate::websocket::{self, Settings};

/// The connections of a capture.
#[derive(Debug)]
pub(super) struct ConnectionTable {
    pub(super) options: AnalyzerOptions,
    table: FlowTable<TableEntry>,
    /// Where to look first: nearly every packet belongs to a connection that had one lately.
    recent: RecentSlots,
    /// The connections that are followed, by their slots.
    flows: Vec<Option<Box<Flow>>>,
    shared: websocket::Shared,
    /// Sessions of TLS that others may continue.
    resumptions: Resumptions,
    names: DnsNames,
    /// The packet being read.
    pub(super) now: Origin,
    /// Connections seen so far.
    pub(super) count: u64,
    /// Connections that are followed.
    live: usize,
    /// Slots that were given up, for those to come.
    free_slots: Vec<usize>,
    /// All connections that were opened and may still be followed, in the order in which room is
    /// made.
    opened: VecDeque<(FlowKey, ConnectionId)>,
    /// Connections that were reset, with the packet number at which they end.
    leaving: VecDeque<(u64, FlowKey, ConnectionId)>,
    /// Connections that have ended, oldest first.
    gone: VecDeque<(FlowKey, ConnectionId)>,
}

/// What the table knows of two endpoints.
#[derive(Clone, Copy, Debug)]
enum TableEntry {
    /// Followed, with its slot.
    Live(ConnectionId, usize),
    /// Ended: late packets still come, and belong to nothing any more.
    Gone(ConnectionId, PerDirection<Option<u32>>),
}

impl ConnectionTable {
    pub(super) fn new(options: AnalyzerOptions) -> Self {
        let settings = Settings {
            keep: options.keep,
            digest: options.digest,
            inflated_bytes: options.limits.inflated_bytes,
        };
        let mut shared = websocket::Shared::new(settings);
        shared.budget = Budget::new(options.limits.memory);
        Self {
            options,
            table: FlowTable::default(),
            recent: RecentSlots::default(),
            flows: Vec::new(),
            shared,
            resumptions: Resumptions::default(),
            names: DnsNames::default(),
            now: Origin::default(),
            count: 0,
            live: 0,
            free_slots: Vec::new(),
            opened: VecDeque::new(),
            leaving: VecDeque::new(),
            gone: VecDeque::new(),
        }
    }

    /// Memory taken by all bytes that are kept, in bytes.
    pub(super) fn kept(&self) -> usize {
        self.shared.budget.total()
    }

    /// The accountant of all that is kept.
    pub(super) fn budget(&mut self) -> &mut Budget {
        &mut self.shared.budget
    }

    /// Has connections drop what they keep if the limit is exceeded. Returns how many bytes others have to
    /// drop, if that was not enough.
    pub(super) fn keep_within_budget<S: Sink>(&mut self, sink: &mut S) -> Option<usize> {
        if !self.shared.budget.is_exceeded() {
            return None;
        }
        self.save_memory(sink);
        self.shared.budget.excess()
    }

    /// Takes one segment.
    pub(super) fn segment<S: Sink>(&mut self, segment: &Segment<'_>, sink: &mut S) {
        let recent = self.recent.get(segment.source, segment.destination);
        let Some((slot, direction)) = self.belongs(recent, segment).or_else(|| self.find(segment))
        else {
            return self.begin(segment, sink);
        };
        let Some(Some(flow)) = self.flows.get_mut(slot) else { return };
        let mut context = Context {
            options: &self.options,
            shared: &mut self.shared,
            resumptions: &mut self.resumptions,
            now: self.now,
            sink,
        };
        if let Some(before) = flow.push(direction, segment, &mut context) {
            self.follow_up(FlowKey::of(segment), slot, before, sink);
        }
        if self.shared.budget.is_exceeded() {
            self.save_memory(sink);
        }
    }

    /// The direction of a segment, if it belongs to the connection in a slot.
    #[inline]
    fn belongs(&self, slot: usize, segment: &Segment<'_>) -> Option<(usize, Direction)> {
        Some((slot, self.flows.get(slot)?.as_ref()?.direction_of(segment)?))
    }

    /// The slot of the connection that a segment belongs to.
    #[inline(never)]
    fn find(&mut self, segment: &Segment<'_>) -> Option<(usize, Direction)> {
        let Some(&TableEntry::Live(_, slot)) = self.table.get(&FlowKey::of(segment)) else {
            return None;
        };
        self.recent.set(segment.source, segment.destination, slot);
        self.belongs(slot, segment)
    }

    /// Opens a connection with a segment, unless it is a late one of a connection that has ended.
    #[inline(never)]
    fn begin<S: Sink>(&mut self, segment: &Segment<'_>, sink: &mut S) {
        let key = FlowKey::of(segment);
        if let Some(TableEntry::Gone(_, next)) = self.table.get(&key)
            && is_late(next, segment)
        {
            return;
        }
        // The same endpoints may have had another connection before: it is over.
        self.end(key, sink);
        self.open(key, segment, sink);
    }

    /// Takes an ICMP error: the connection that it quotes learns of it.
    pub(super) fn error(&mut self, error: &IcmpError) {
        let key = FlowKey::new(error.source, error.destination);
        if let Some(&TableEntry::Live(_, slot)) = self.table.get(&key)
            && let Some(Some(flow)) = self.flows.get_mut(slot)
        {
            flow.observe_error(error, self.now);
        }
    }

    /// Takes a DNS message: connections to come learn by which name they were looked up.
    pub(super) fn lookup(&mut self, message: &DnsMessage) {
        self.names.observe(message, self.now);
    }

    /// The connection that was opened last, if it has not ended.
    pub(super) fn newest(&self) -> Option<&Connection> {
        let (key, id) = self.opened.back()?;
        let slot = slot_of(&self.table, key, *id)?;
        Some(&self.flows.get(slot)?.as_deref()?.about)
    }

    /// Takes who owns the sockets of a connection that was opened lately; `client` was its client when that
    /// was asked.
    pub(super) fn learn_sockets(
        &mut self,
        id: ConnectionId,
        client: SocketAddr,
        mut sockets: LocalSockets,
    ) {
        let lately = self.opened.iter().rev().take(OPENED_LATELY);
        let key = lately.clone().find(|(_, opened)| *opened == id).map(|(key, _)| *key);
        let slot = key.and_then(|key| slot_of(&self.table, &key, id));
        let flow = slot.and_then(|slot| self.flows.get_mut(slot)?.as_deref_mut());
        let Some(flow) = flow.filter(|_| !sockets.is_empty()) else { return };
        if flow.about.client != client {
            sockets.swap_roles();
        }
        flow.about.carrier.sockets = Some(Arc::new(sockets));
    }

    /// Takes that a key log has grown: connections whose secrets have come are read on.
    pub(super) fn learn_secrets<S: Sink>(&mut self, sink: &mut S) {
        let Self { flows, options, shared, resumptions, now, .. } = self;
        let mut context = Context { options, shared, resumptions, now: *now, sink };
        for flow in flows.iter_mut().flatten().filter(|flow| flow.about.tls.is_some()) {
            flow.learn_secrets(SecretsNews::Grown, &mut context);
        }
    }

    /// Looks after a connection whose state, or whose hold on memory, changed.
    fn follow_up<S: Sink>(&mut self, key: FlowKey, slot: usize, before: Before, sink: &mut S) {
        let Some(Some(flow)) = self.flows.get_mut(slot) else { return };
        let buffered_bytes = flow.tcp.buffered_bytes();
        let budget = &mut self.shared.budget;
        budget.change_out_of_order(before.buffered_bytes, buffered_bytes);
        let limits = &self.options.limits;
        let reached = if buffered_bytes > limits.buffered_per_connection {
            Some(Limit::BufferedPerConnection)
        } else if buffered_bytes > before.buffered_bytes
            && budget.out_of_order() > limits.buffered_total
        {
            Some(Limit::BufferedTotal)
        } else {
            None
        };
        if let Some(limit) = reached {
            let mut context = Context {
                options: &self.options,
                shared: &mut self.shared,
                resumptions: &mut self.resumptions,
                now: self.now,
                sink,
            };
            flow.limit(limit, &mut context);
            flow.give_up_holes(&mut context);
            context.budget().change_out_of_order(buffered_bytes, flow.tcp.buffered_bytes());
        }
        match flow.tcp.state() {
            TcpState::Closed(_) if flow.tcp.is_finished() => self.end(key, sink),
            // Nobody has more to say, and who captures live wants to know at once.
            TcpState::Refused => self.end(key, sink),
            state @ TcpState::Reset(_) if state != before.state => {
                let until = self.now.packet.0.saturating_add(LINGER_PACKETS);
                self.leaving.push_back((until, key, flow.about.id));
            }
            TcpState::SynSent
            | TcpState::Established
            | TcpState::HalfClosed(_)
            | TcpState::Closed(_)
            | TcpState::Reset(_) => {}
        }
    }

    fn open<S: Sink>(&mut self, key: FlowKey, segment: &Segment<'_>, sink: &mut S) {
        if self.live >= self.options.limits.connections {
            self.make_room(sink);
        }
        let slot = self.free_slots.pop().unwrap_or(self.live);
        self.live = self.live.saturating_add(1);
        self.count = self.count.saturating_add(1);
        let id = ConnectionId(self.count);
        let mut context = Context {
            options: &self.options,
            shared: &mut self.shared,
            resumptions: &mut self.resumptions,
            now: self.now,
            sink,
        };
        let mut flow = Box::new(Flow::new((id, slot), &self.names, segment, &mut context));
        flow.push(flow.direction(segment), segment, &mut context);
        let before = Before { state: TcpState::SynSent, buffered_bytes: 0 };
        self.table.insert(key, TableEntry::Live(id, slot));
        self.recent.set(segment.source, segment.destination, slot);
        match self.flows.get_mut(slot) {
            Some(place) => *place = Some(flow),
            None => self.flows.push(Some(flow)),
        }
        if self.opened.len() >= self.live.saturating_mul(2).saturating_add(REMEMBERED_ENDS) {
            let table = &self.table;
            self.opened.retain(|(key, id)| slot_of(table, key, *id).is_some());
        }
        self.opened.push_back((key, id));
        self.follow_up(key, slot, before, sink);
        if self.shared.budget.is_exceeded() {
            self.save_memory(sink);
        }
    }

    /// Ends a connection, and remembers for a while that it was there.
    fn end<S: Sink>(&mut self, key: FlowKey, sink: &mut S) {
        let Some(entry) = self.table.get_mut(&key) else { return };
        let TableEntry::Live(id, slot) = *entry else { return };
        let Some(mut flow) = self.flows.get_mut(slot).and_then(Option::take) else { return };
        self.shared.budget.change_out_of_order(flow.tcp.buffered_bytes(), 0);
        let mut context = Context {
            options: &self.options,
            shared: &mut self.shared,
            resumptions: &mut self.resumptions,
            now: self.now,
            sink,
        };
        flow.end(&mut context);
        self.free_slots.push(slot);
        *entry = TableEntry::Gone(id, flow.tcp.next_sequences());
        self.live = self.live.saturating_sub(1);
        self.gone.push_back((key, id));
        if self.gone.len() > REMEMBERED_ENDS
            && let Some((key, id)) = self.gone.pop_front()
            && matches!(self.table.get(&key), Some(TableEntry::Gone(there, _)) if *there == id)
        {
            self.table.remove(&key);
        }
    }

    /// Ends connections that were reset a while ago: nothing comes late any more.
    #[inline]
    pub(super) fn end_leaving<S: Sink>(&mut self, sink: &mut S) {
        if self.leaving.front().is_some_and(|(until, ..)| *until <= self.now.packet.0) {
            self.end_left(sink);
        }
    }

    /// Ends all connections whose time to leave has come.
    #[cold]
    fn end_left<S: Sink>(&mut self, sink: &mut S) {
        while let Some((until, key, id)) = self.leaving.front().copied() {
            if until > self.now.packet.0 {
                return;
            }
            self.leaving.pop_front();
            // A reset that answered a void SYN-ACK did not end it.
            let slot = slot_of(&self.table, &key, id);
            let flow = slot.and_then(|slot| self.flows.get(slot)?.as_deref());
            if flow.is_some_and(|flow| matches!(flow.tcp.state(), TcpState::Reset(_))) {
                self.end(key, sink);
            }
        }
    }

    /// Ends a connection that was not used for long: the oldest, but for those that were used since
    /// they were last looked at (second chance).
    fn make_room<S: Sink>(&mut self, sink: &mut S) {
        while let Some((key, id)) = self.opened.pop_front() {
            let Some(slot) = slot_of(&self.table, &key, id) else { continue };
            let Some(Some(flow)) = self.flows.get_mut(slot) else { continue };
            if std::mem::take(&mut flow.used) {
                self.opened.push_back((key, id));
                continue;
            }
            let mut context = Context {
                options: &self.options,
                shared: &mut self.shared,
                resumptions: &mut self.resumptions,
                now: self.now,
                sink,
            };
            flow.limit(Limit::Connections, &mut context);
            self.end(key, sink);
            return;
        }
    }

    /// Has connections let go what is kept of them, the least recently used first, until less than the limit
    /// is kept.
    #[cold]
    fn save_memory<S: Sink>(&mut self, sink: &mut S) {
        let mut holders: Vec<(PacketId, usize)> = self
            .flows
            .iter()
            .flatten()
            .filter(|flow| flow.keeps_anything())
            .map(|flow| (flow.about.last.packet, flow.about.slot))
            .collect();
        holders.sort_unstable();
        for (_, slot) in holders {
            if self.shared.budget.has_room() {
                break;
            }
            let Some(Some(flow)) = self.flows.get_mut(slot) else { continue };
            let mut context = Context {
                options: &self.options,
                shared: &mut self.shared,
                resumptions: &mut self.resumptions,
                now: self.now,
                sink,
            };
            if context.budget().reports() {
                flow.limit(Limit::Memory, &mut context);
            }
            let before = flow.tcp.buffered_bytes();
            flow.give_up_holes(&mut context);
            context.budget().change_out_of_order(before, flow.tcp.buffered_bytes());
            flow.evict(&mut context);
        }
        self.shared.budget.settle();
    }

    /// Ends all connections, in their order.
    pub(super) fn finish<S: Sink>(&mut self, sink: &mut S) {
        let mut open = std::mem::take(&mut self.opened);
        open.make_contiguous().sort_unstable_by_key(|(_, id)| *id);
        for (key, id) in open {
            if slot_of(&self.table, &key, id).is_some() {
                self.end(key, sink);
            }
        }
    }
}

/// The slot of a connection, if it is still followed.
fn slot_of(table: &FlowTable<TableEntry>, key: &FlowKey, id: ConnectionId) -> Option<usize> {
    match table.get(key) {
        Some(&TableEntry::Live(there, slot)) if there == id => Some(slot),
        Some(TableEntry::Live(..) | TableEntry::Gone(..)) | None => None,
    }
}

/// Whether a segment between the endpoints of a connection that has ended still belongs to it.
fn is_late(next: &PerDirection<Option<u32>>, segment: &Segment<'_>) -> bool {
    if segment.flags.has(Flags::SYN) && !segment.flags.has(Flags::ACK) {
        // The same SYN once more: captured twice, or tried again after a refusal.
        return next.client == Some(segment.sequence.wrapping_add(1));
    }
    let is_near = |next: u32| {
        let distance = segment.sequence.wrapping_sub(next).cast_signed();
        distance.unsigned_abs() < LATE_DISTANCE
    };
    if segment.flags.has(Flags::SYN) {
        // The same SYN may be answered again with another number, because the first answer was void.
        return next.client.is_some_and(is_near) || next.server.is_some_and(is_near);
    }
    let near = |next: Option<u32>| next.is_none_or(is_near);
    segment.payload.is_empty() || near(next.client) || near(next.server)
}

/// A connection that was reset takes late packets for this many packets of the capture.
const LINGER_PACKETS: u64 = 64;

/// Connections that have ended and are remembered, so that late packets open no new one.
const REMEMBERED_ENDS: usize = 1 << 13;

/// Connections among which one is looked for that was opened lately.
const OPENED_LATELY: usize = 1 << 10;

/// A late packet's sequence number is not farther than this from where its connection ended.
const LATE_DISTANCE: u32 = 1 << 24;
