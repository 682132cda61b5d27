//! What carries conversations: one TCP connection, and what is known of it.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::analysis::dns::Lookup;
use crate::analysis::intermediary::{Intermediary, IntermediaryKind, StrayBytes};
use crate::analysis::offsets::OffsetMap;
use crate::analysis::tcp_health::{Network, Unanswered};
use crate::capture::LocalSockets;
use crate::http::Browser;
use crate::stream::{Direction, Origin, PerDirection, Span};
use crate::tcp::TcpState;
use crate::tls;

/// A TCP connection, and what is between it and what it carries.
///
/// One carrier may have many conversations (streams of HTTP/2): each reaches it through
/// [`Connection::carrier`](crate::analysis::event::Connection).
#[derive(Clone, Debug)]
pub struct Carrier {
    /// The peer that opened it.
    pub client: SocketAddr,
    /// The peer that accepted it.
    pub server: SocketAddr,
    /// How its first packet looked.
    pub started_by: StartedBy,
    /// First packet.
    pub first: Origin,
    /// Last packet so far.
    pub last: Origin,
    /// State of TCP.
    pub state: TcpState,
    /// TCP payload bytes seen, without repetitions.
    pub bytes: PerDirection<u64>,
    /// TCP packets seen.
    pub packets: PerDirection<u64>,
    /// The sequence number of stream offset 0 of each direction, if it is known: that after the
    /// SYN, or, in a capture that began later, of the first byte seen or acknowledged.
    pub first_sequences: PerDirection<Option<u32>>,
    /// Packets with an earlier time than the one before them on this connection.
    pub clock_steps: ClockSteps,
    /// Packets that were captured twice.
    pub duplicates: u64,
    /// Packets whose payload was seen before, in part or whole: retransmissions, keep-alives.
    pub repeated: u64,
    /// What was seen of TCP itself.
    pub network: Network,
    /// How the server's address was looked up, where the capture shows it.
    pub lookup: Option<Arc<Lookup>>,
    /// What is known of its TLS, where it has some, or where a server that was asked in the clear answered
    /// with it.
    pub tls: Option<Box<tls::Facts>>,
    /// Who owns its sockets, if it was captured live on this machine.
    pub sockets: Option<Arc<LocalSockets>>,
    /// Proxies on its way, as far as its bytes show them, from TCP upwards.
    pub intermediaries: Vec<Intermediary>,
    /// The browser that sent the latest request that names one.
    pub browser: Option<Browser>,
    /// Bytes that belong to no protocol that is read, in the order in which they were found.
    pub stray: Vec<StrayBytes>,
    /// How far the receiver of each direction has acknowledged it, as a TCP stream offset.
    pub(super) acknowledged: PerDirection<u64>,
    /// The positions of its layers' streams in the streams that carry them, from TCP upwards; empty
    /// if all layers pass on the bytes that they are given.
    pub(super) offsets: Vec<OffsetMap>,
}

impl Carrier {
    /// A TCP connection between client and server (in this order) before its first packet.
    pub fn new([client, server]: [SocketAddr; 2], started_by: StartedBy, first: Origin) -> Self {
        Self {
            client,
            server,
            started_by,
            first,
            last: first,
            state: TcpState::SynSent,
            bytes: PerDirection::default(),
            packets: PerDirection::default(),
            first_sequences: PerDirection::default(),
            clock_steps: ClockSteps::default(),
            duplicates: 0,
            repeated: 0,
            network: Network::default(),
            lookup: None,
            tls: None,
            sockets: None,
            intermediaries: Vec::new(),
            browser: None,
            stray: Vec::new(),
            acknowledged: PerDirection::default(),
            offsets: Vec::new(),
        }
    }

    /// The real client, as the last proxy names it that does.
    pub fn real_client(&self) -> Option<SocketAddr> {
        self.intermediaries.iter().rev().find_map(Intermediary::real_client)
    }

    /// What the last proxy that was asked was to be connected to: `example.org:443`. May contain anything.
    pub fn target(&self) -> Option<String> {
        self.intermediaries.iter().rev().find_map(Intermediary::target)
    }

    /// Where the PROXY header is with which a proxy began, if one did.
    pub fn proxy_header(&self) -> Option<Span> {
        self.intermediaries.iter().find_map(|it| match &it.kind {
            IntermediaryKind::Header(_) => Some(it.span),
            IntermediaryKind::Socks(_) | IntermediaryKind::Connect { .. } => None,
        })
    }

    /// Notes a proxy on the way, after those that are known.
    pub(super) fn add_intermediary(&mut self, intermediary: Intermediary) {
        if self.intermediaries.len() < MOST_INTERMEDIARIES {
            self.intermediaries.push(intermediary);
        }
    }

    /// Whether the receiver of a direction has acknowledged all that comes before an offset of the stream
    /// that the uppermost layer hands on: it can have acted upon nothing else.
    #[inline]
    pub fn has_received(&self, direction: Direction, offset: u64) -> bool {
        self.received(direction) >= offset
    }

    /// How far the receiver of a direction has acknowledged it, as an offset of the stream that the
    /// uppermost layer hands on.
    #[inline]
    pub fn received(&self, direction: Direction) -> u64 {
        let acknowledged = *self.acknowledged.get(direction);
        self.offsets.iter().fold(acknowledged, |carried, map| map.handed_on(direction, carried))
    }

    /// Notes that a layer, whose map this is, has handed on the bytes up to `plain` with records that end at
    /// `carried`.
    pub(super) fn note_record(
        &mut self,
        map: usize,
        direction: Direction,
        (plain, carried): (u64, u64),
    ) {
        let acknowledged = *self.acknowledged.get(direction);
        if let Some((below, [map, ..])) = self.offsets.split_at_mut_checked(map) {
            let below = below.iter();
            let acknowledged =
                below.fold(acknowledged, |carried, map| map.handed_on(direction, carried));
            map.acknowledge(direction, acknowledged);
            map.record(direction, plain, carried);
        }
    }

    /// Whether the capture holds all that the receiver of a direction has acknowledged.
    pub fn is_captured(&self, direction: Direction) -> bool {
        // A FIN is acknowledged like a byte.
        *self.acknowledged.get(direction) <= self.bytes.get(direction).saturating_add(1)
    }

    /// What a direction has sent again and again since its receiver last acknowledged anything.
    pub fn unanswered(&self, direction: Direction) -> Option<Unanswered> {
        self.network.unanswered(direction, *self.acknowledged.get(direction))
    }

    /// Exchanges client and server: evidence came that the first guess was wrong.
    pub(super) fn swap_roles(&mut self) {
        std::mem::swap(&mut self.client, &mut self.server);
        self.bytes.swap();
        self.packets.swap();
        self.acknowledged.swap();
        self.first_sequences.swap();
        self.network.swap_directions();
        self.offsets.iter_mut().for_each(OffsetMap::swap_directions);
        self.state = self.state.swapped();
        if let Some(sockets) = &mut self.sockets {
            Arc::make_mut(sockets).swap_roles();
        }
    }
}

/// How often time went backwards.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ClockSteps {
    /// How often.
    pub count: u64,
    /// By how much at most, in nanoseconds.
    pub largest: u64,
    /// The first packet that was earlier than the one before it.
    pub first: Origin,
}

impl ClockSteps {
    #[inline]
    pub(super) fn observe(&mut self, before: Origin, now: Origin) {
        if now.time < before.time {
            if self.count == 0 {
                self.first = now;
            }
            self.count = self.count.saturating_add(1);
            self.largest = self.largest.max(before.time.since(now.time));
        }
    }
}

/// How a connection's first packet looked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StartedBy {
    /// A SYN: the capture holds its beginning.
    Syn,
    /// Anything else: the capture began later than the connection.
    Midstream,
}

/// Proxies that are remembered of a connection.
const MOST_INTERMEDIARIES: usize = 32;
