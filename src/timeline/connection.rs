//! What is shown of a connection.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::analysis::event::{
    Connection, ConnectionId, Intermediary, Nature, Outcome, StartedBy, TcpState, Transport,
};
use crate::capture::LocalSockets;
use crate::findings::{Rule, Severity};
use crate::http::Handshake;
use crate::stream::{Origin, PerDirection};
use crate::timeline::course::Course;
use crate::timeline::row::{Row, RowId};
use crate::tls::Facts;
use crate::websocket::{Compression, MessageCounts};

/// One connection of the timeline, as far as it was read.
#[derive(Clone, Debug)]
pub struct ConnectionRow {
    /// Its number.
    pub id: ConnectionId,
    /// The peer that opened it.
    pub client: SocketAddr,
    /// The peer that accepted it.
    pub server: SocketAddr,
    /// Proxies on its way, as far as its bytes show them.
    pub intermediaries: Vec<Intermediary>,
    /// Who owns its sockets, if it was captured live on this machine.
    pub sockets: Option<Arc<LocalSockets>>,
    /// How its first packet looked.
    pub started_by: StartedBy,
    /// What carries it.
    pub transport: Transport,
    /// What it turned out to be so far.
    pub nature: Nature,
    /// State of TCP.
    pub state: TcpState,
    /// What became of it; `None` while it continues.
    pub outcome: Option<Outcome>,
    /// First packet.
    pub first: Origin,
    /// Last packet so far.
    pub last: Origin,
    /// The target of the last upgrade request, or the beginning of it. Bytes from the network, those
    /// that are not UTF-8 replaced.
    pub path: Option<String>,
    /// The subprotocol that the server chose, or the beginning of its name. Bytes from the network,
    /// those that are not UTF-8 replaced.
    pub subprotocol: Option<String>,
    /// What TLS shows of itself and where its secrets come from, as in `TLS 1.3, SNI example.org`, or its beginning.
    /// Bytes from the network, those that are not UTF-8 replaced.
    pub tls: Option<String>,
    /// If its TLS was decrypted, the randoms by which key logs have its secrets; else empty.
    pub decrypted: Vec<[u8; 32]>,
    /// Whether its records are decrypted.
    pub is_decrypted: bool,
    /// Status of the last response.
    pub status: Option<u16>,
    /// How messages are compressed.
    pub compression: PerDirection<Compression>,
    /// TCP payload bytes, without repetitions.
    pub bytes: PerDirection<u64>,
    /// WebSocket frames.
    pub frames: PerDirection<u64>,
    /// WebSocket messages and control frames.
    pub messages: PerDirection<MessageCounts>,
    /// Round trips of Ping and Pong, by who sent the Ping.
    pub round_trips: PerDirection<RoundTrips>,
    /// How long each of them took, from the first to the last that was answered.
    pub courses: PerDirection<Course>,
    /// What compression made of whole messages, by sender.
    pub saved: PerDirection<Saved>,
    /// The cause that explains what was found.
    pub cause: Option<&'static Rule>,
    /// The cause; without one, the worst finding.
    pub worst: Option<(&'static Rule, Severity)>,
    /// The first row that the worst finding, or another as bad, is about.
    pub worst_row: Option<RowId>,
    /// Findings, those only counted included.
    pub findings: u64,
    /// Its first row.
    pub first_row: Option<RowId>,
    /// Its last row so far.
    pub last_row: Option<RowId>,
}

/// How long Pongs took.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RoundTrips {
    /// How many Pings were answered.
    pub count: u64,
    /// The shortest time, in nanoseconds; 0 without any.
    pub least: u64,
    /// The longest time, in nanoseconds.
    pub most: u64,
    /// The sum of all times, in nanoseconds.
    pub sum: u64,
}

/// What compression made of messages.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Saved {
    /// Complete messages that were compressed.
    pub messages: u64,
    /// Their content, in bytes.
    pub content: u64,
    /// Their payload on the wire, in bytes.
    pub wire: u64,
}

impl Saved {
    pub(super) fn add(&mut self, row: &Row) {
        if row.compressed && row.complete {
            self.messages = self.messages.saturating_add(1);
            self.content = self.content.saturating_add(row.length);
            self.wire = self.wire.saturating_add(row.wire_length);
        }
    }
}

impl RoundTrips {
    /// The mean, in nanoseconds; `None` without any.
    pub fn mean(&self) -> Option<u64> {
        self.sum.checked_div(self.count)
    }

    pub(super) fn add(&mut self, time: u64) {
        self.least = if self.count == 0 { time } else { self.least.min(time) };
        self.most = self.most.max(time);
        self.sum = self.sum.saturating_add(time);
        self.count = self.count.saturating_add(1);
    }
}

impl ConnectionRow {
    pub(super) fn new(connection: &Connection) -> Self {
        Self {
            id: connection.id,
            client: connection.client,
            server: connection.server,
            intermediaries: connection.intermediaries.clone(),
            sockets: connection.sockets.clone(),
            started_by: connection.started_by,
            transport: connection.transport,
            nature: connection.nature,
            state: connection.state,
            outcome: None,
            first: connection.first,
            last: connection.last,
            path: None,
            subprotocol: None,
            tls: None,
            decrypted: Vec::new(),
            is_decrypted: false,
            status: None,
            compression: connection.compression,
            bytes: connection.bytes,
            frames: connection.frames,
            messages: connection.messages,
            round_trips: PerDirection::default(),
            courses: PerDirection::default(),
            saved: PerDirection::default(),
            cause: None,
            worst: None,
            worst_row: None,
            findings: 0,
            first_row: None,
            last_row: None,
        }
    }

    /// How bad the worst finding is.
    pub fn worst_severity(&self) -> Option<Severity> {
        self.worst.map(|(_, severity)| severity)
    }

    /// Takes over what changes as a connection continues.
    pub(super) fn update(&mut self, connection: &Connection) {
        self.client = connection.client;
        self.server = connection.server;
        if self.intermediaries.len() != connection.intermediaries.len() {
            self.intermediaries.clone_from(&connection.intermediaries);
        }
        if self.sockets.is_none() {
            self.sockets.clone_from(&connection.sockets);
        }
        if let Some(facts) = connection.tls.as_deref() {
            if !self.is_decrypted && facts.key_source.is_some() {
                self.learn_tls(facts);
            }
            if facts.is_decrypted && self.decrypted.len() != facts.randoms.len() {
                self.decrypted.clone_from(&facts.randoms);
            }
        }
        self.transport = connection.transport;
        self.nature = connection.nature;
        self.state = connection.state;
        self.last = connection.last;
        self.compression = connection.compression;
        self.bytes = connection.bytes;
        self.frames = connection.frames;
        self.messages = connection.messages;
    }

    /// Exchanges client and server in all that was counted here.
    pub(super) fn swap_directions(&mut self) {
        // Those of the connection were exchanged.
        self.sockets = None;
        std::mem::swap(&mut self.round_trips.client, &mut self.round_trips.server);
        std::mem::swap(&mut self.courses.client, &mut self.courses.server);
        std::mem::swap(&mut self.saved.client, &mut self.saved.server);
    }

    /// Memory taken beside the value itself for what grows, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.courses.client.memory().saturating_add(self.courses.server.memory())
    }

    pub(super) fn learn_tls(&mut self, facts: &Facts) {
        self.tls = Some(beginning(facts.in_words().as_bytes()));
        self.is_decrypted = facts.key_source.is_some();
    }

    pub(super) fn learn(&mut self, handshake: &Handshake) {
        if let Some(target) = handshake.target() {
            self.path = Some(beginning(target));
        }
        if let Some(status) = handshake.status() {
            self.status = Some(status);
        }
        if let Some(name) = handshake.subprotocol() {
            self.subprotocol = Some(beginning(name));
        }
    }
}

/// The first bytes of a text from the network.
fn beginning(text: &[u8]) -> String {
    String::from_utf8_lossy(text.get(..LONGEST_TEXT).unwrap_or(text)).into_owned()
}

/// Bytes kept of a text that is shown of each connection.
const LONGEST_TEXT: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_are_summed_up() {
        let mut trips = RoundTrips::default();
        assert_eq!(trips.mean(), None);
        for time in [30, 10, 50] {
            trips.add(time);
        }
        assert_eq!((trips.count, trips.least, trips.most, trips.mean()), (3, 10, 50, Some(30)));
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(beginning(b"/chat"), "/chat");
        assert_eq!(beginning(&[b'a'; 1_000]).len(), LONGEST_TEXT);
        assert_eq!(beginning(b"\xff"), "\u{fffd}");
    }
}
