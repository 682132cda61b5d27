//! Connections that were a WebSocket and have ended: how old they were, how long they had been silent, and
//! who ended them. What several of them have in common shows why.

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher};
use std::net::SocketAddr;

use foldhash::HashMap;
use foldhash::fast::FixedState;

use crate::analysis::event::{Connection, ConnectionId, Ending, Nature, TcpState};
use crate::findings::known_timeouts::Traces;
use crate::findings::state::connection::{CloseSent, ConnectionState, PeerState};
use crate::http::Handshake;
use crate::stream::{Direction, Origin, PerDirection, Side, Timestamp};

/// The latest connections that were cut or closed by their server, and what is known of all others by server.
#[derive(Debug, Default)]
pub(crate) struct EndedWebSockets {
    /// The oldest first.
    list: VecDeque<EndedWebSocket>,
    servers: HashMap<SocketAddr, ServerLife>,
}

/// A WebSocket that was not ended by its client with a closing handshake.
#[derive(Clone, Debug)]
pub(crate) struct EndedWebSocket {
    pub(crate) id: ConnectionId,
    pub(crate) client: SocketAddr,
    pub(crate) server: SocketAddr,
    /// The response that accepted it; `None` if the capture lacks it.
    pub(crate) accepted: Option<Origin>,
    /// Its first packet.
    pub(crate) first: Origin,
    pub(crate) end: WebSocketEnd,
    /// When each side was last heard.
    pub(crate) heard: PerDirection<Heard>,
    /// The longest time between frames after which it continued, in nanoseconds.
    pub(crate) survived: u64,
    /// Whether all of its frames were captured.
    pub(crate) is_whole: bool,
    /// Whether something that was found on it explains its end already.
    pub(crate) is_explained: bool,
    /// Whether its response has fields that announce a body.
    pub(crate) announces_body: bool,
    /// Which products left a trace in its handshake.
    pub(crate) traces: Traces,
    /// What the connections on both sides of a proxy have in common.
    pub(crate) likeness: Likeness,
}

/// Who ended a WebSocket, and how.
#[derive(Clone, Debug)]
pub(crate) struct WebSocketEnd {
    pub(crate) by: Side,
    pub(crate) at: Origin,
    pub(crate) how: EndKind,
    /// The reason of the Close, as bytes.
    pub(crate) reason: Box<[u8]>,
}

/// How a WebSocket is ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum EndKind {
    Fin,
    Rst,
    /// With this code.
    Close(Option<u16>),
}

/// When a side was last heard.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Heard {
    /// Its latest data message.
    pub(crate) data: Option<Origin>,
    /// Its latest Ping or Pong.
    pub(crate) beat: Option<Origin>,
    /// Its latest frame but a Close.
    pub(crate) frame: Option<Origin>,
}

/// What is the same on both sides of a proxy: hashes of the key and of the latest messages.
#[derive(Clone, Debug, Default)]
pub(crate) struct Likeness {
    pub(crate) key: Option<u64>,
    /// Those of the latest messages, with their times.
    pub(crate) messages: PerDirection<[Option<(u64, Timestamp)>; MESSAGES]>,
}

/// What is known of all connections of a server.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ServerLife {
    /// The longest time that one of them lasted, in nanoseconds, and which.
    pub(crate) oldest: Option<(u64, ConnectionId)>,
    /// The longest time without frames after which one continued.
    pub(crate) survived: Option<(u64, ConnectionId)>,
    /// The longest time without data messages after which one continued.
    pub(crate) survived_data: Option<(u64, ConnectionId)>,
}

impl EndedWebSockets {
    /// Those that were cut or closed by the server.
    pub(crate) fn all(&self) -> impl Iterator<Item = &EndedWebSocket> {
        self.list.iter()
    }

    /// The last few of them.
    pub(crate) fn latest(&self) -> impl Iterator<Item = &EndedWebSocket> {
        self.list.iter().rev().take(COMPARED).rev()
    }

    /// The last few of these servers, the oldest first.
    pub(crate) fn of_servers(&self, servers: [SocketAddr; 2]) -> Vec<&EndedWebSocket> {
        let mut counts = [0_usize; 2];
        let mut out: Vec<&EndedWebSocket> = Vec::new();
        for ended in self.list.iter().rev().take(SEARCHED) {
            let of = servers.iter().zip(&mut counts).find(|(server, _)| **server == ended.server);
            let Some((_, count)) = of.filter(|(_, count)| **count < COMPARED) else { continue };
            *count = count.saturating_add(1);
            out.push(ended);
        }
        out.reverse();
        out
    }

    /// The one with this number.
    pub(crate) fn of(&self, id: ConnectionId) -> Option<&EndedWebSocket> {
        self.list.iter().rev().find(|ended| ended.id == id)
    }

    /// What is known of all connections of a server.
    pub(crate) fn life(&self, server: SocketAddr) -> ServerLife {
        self.servers.get(&server).copied().unwrap_or_default()
    }

    /// Remembers a connection that has ended, or that the capture ended.
    pub(crate) fn add(
        &mut self,
        connection: &Connection,
        ending: Ending,
        state: &ConnectionState,
        is_explained: bool,
    ) {
        if connection.nature != Nature::WebSocket {
            return;
        }
        self.live(connection, ending, state);
        let Some(end) = end_of(connection, state).filter(|end| !end.is_wanted()) else { return };
        if ending.unseen.is_some() {
            return;
        }
        let handshake = state.handshake.accepted_heads.as_deref();
        let sides = &state.sides;
        if self.list.len() >= REMEMBERED {
            self.list.pop_front();
        }
        self.list.push_back(EndedWebSocket {
            id: connection.id,
            client: connection.client,
            server: connection.server,
            accepted: state.handshake.accepted.map(|response| response.last),
            first: connection.first,
            end,
            heard: PerDirection {
                client: Heard::of(&sides.client),
                server: Heard::of(&sides.server),
            },
            survived: state.health.survived,
            is_whole: is_whole(state),
            is_explained,
            announces_body: handshake.is_some_and(announces_body),
            traces: Traces::of(handshake),
            likeness: Likeness::of(handshake, state),
        });
    }

    /// Remembers how long a connection lasted.
    fn live(&mut self, connection: &Connection, ending: Ending, state: &ConnectionState) {
        if self.servers.len() >= SERVERS && !self.servers.contains_key(&connection.server) {
            return;
        }
        let life = self.servers.entry(connection.server).or_default();
        let until = end_of(connection, state).map_or(ending.watched_until, |end| end.at.time);
        *life = life.joined(ServerLife::of_one(connection.id, connection.first, state, until));
    }
}

impl ServerLife {
    /// What is known of a WebSocket that was open until `now`.
    pub(crate) fn of_one(
        id: ConnectionId,
        first: Origin,
        state: &ConnectionState,
        now: Timestamp,
    ) -> Self {
        let began = state.handshake.accepted.map_or(first, |response| response.last);
        let is_whole = is_whole(state);
        let survived = |length: u64| is_whole.then_some((length, id));
        Self {
            oldest: Some((now.since(began.time), id)),
            survived: survived(state.health.survived),
            survived_data: survived(state.health.survived_data),
        }
    }

    /// What is known of the connections of both.
    pub(crate) fn joined(self, other: Self) -> Self {
        Self {
            oldest: longer(self.oldest, other.oldest),
            survived: longer(self.survived, other.survived),
            survived_data: longer(self.survived_data, other.survived_data),
        }
    }
}

/// The longer time; the first one if they are equal.
fn longer(
    one: Option<(u64, ConnectionId)>,
    other: Option<(u64, ConnectionId)>,
) -> Option<(u64, ConnectionId)> {
    let time = |it: Option<(u64, ConnectionId)>| it.map(|(time, _)| time);
    if time(other) > time(one) { other } else { one }
}

impl WebSocketEnd {
    /// Whether it ended as its client or its server wanted: the client said that it is done, or the server
    /// did without any sign of trouble.
    fn is_wanted(&self) -> bool {
        match self.how {
            EndKind::Fin | EndKind::Rst => false,
            EndKind::Close(_) => self.by == Side::Client,
        }
    }

    /// Whether it was a Close with 1000 or 1001, or without a code.
    pub(crate) fn code_is_normal(&self) -> bool {
        match self.how {
            EndKind::Fin | EndKind::Rst => false,
            EndKind::Close(code) => code.is_none_or(|code| matches!(code, 1000 | 1001)),
        }
    }

    /// Whether its reason says that the connection was idle.
    pub(crate) fn says_idle(&self) -> bool {
        let reason = String::from_utf8_lossy(&self.reason).to_ascii_lowercase();
        !self.says_heartbeat() && IDLE.iter().any(|word| reason.contains(word))
    }

    /// Whether its reason says that a heartbeat failed.
    pub(crate) fn says_heartbeat(&self) -> bool {
        names_heartbeat(&String::from_utf8_lossy(&self.reason))
    }

    /// Whether TCP was ended without a Close.
    pub(crate) fn is_cut(&self) -> bool {
        match self.how {
            EndKind::Fin | EndKind::Rst => true,
            EndKind::Close(_) => false,
        }
    }
}

impl EndKind {
    /// `FIN`, `Close 1001`
    pub(crate) fn in_words(self) -> String {
        match self {
            Self::Fin => "FIN".to_owned(),
            Self::Rst => "RST".to_owned(),
            Self::Close(Some(code)) => format!("Close {code}"),
            Self::Close(None) => "Close without a code".to_owned(),
        }
    }
}

impl Heard {
    fn of(side: &PeerState) -> Self {
        let data = side.recent.backwards().next().map(|message| message.span.last);
        let latest = side.latest.filter(|_| side.close.is_none());
        Self { data, beat: side.latest_beat, frame: data.max(side.latest_beat).max(latest) }
    }
}

impl EndedWebSocket {
    /// Nanoseconds from the response to the end; `None` if the capture lacks the response.
    pub(crate) fn age(&self) -> Option<u64> {
        Some(self.end.at.time.since(self.accepted?.time))
    }

    /// Nanoseconds without any frame before the end, or since the response; `None` if nothing was seen.
    pub(crate) fn silence(&self) -> Option<u64> {
        let heard = self.heard.client.frame.max(self.heard.server.frame).max(self.accepted);
        Some(self.end.at.time.since(heard?.time))
    }

    /// Nanoseconds without data messages, of one side or of both, before the end.
    pub(crate) fn data_silence(&self, of: Option<Side>) -> Option<u64> {
        let heard = match of {
            Some(side) => self.heard.get(side.direction()).data,
            None => self.heard.client.data.max(self.heard.server.data),
        };
        Some(self.end.at.time.since(heard.max(self.accepted)?.time))
    }

    /// Nanoseconds without a frame of one side before the end; `None` if it never sent one.
    pub(crate) fn silence_of(&self, side: Side) -> Option<u64> {
        Some(self.end.at.time.since(self.heard.get(side.direction()).frame?.time))
    }

    /// Nanoseconds since the latest Ping or Pong, if there was one after the latest data message.
    pub(crate) fn beat_silence(&self) -> Option<u64> {
        let beat = self.heard.client.beat.max(self.heard.server.beat)?;
        let data = self.heard.client.data.max(self.heard.server.data);
        data.is_none_or(|data| data < beat).then(|| self.end.at.time.since(beat.time))
    }

    /// Whether no silence explains its end: it was sending until then, or it had been silent as long before.
    pub(crate) fn is_in_use(&self) -> bool {
        let has_spoken = self.heard.client.frame.or(self.heard.server.frame).is_some();
        let silence = self.silence().unwrap_or(u64::MAX);
        let age = self.end.at.time.since(self.first.time);
        has_spoken && (silence <= SHORT_PAUSE.min(age / 2) || silence / 3 <= self.survived / 2)
    }
}

impl Likeness {
    fn of(handshake: Option<&Handshake>, state: &ConnectionState) -> Self {
        let messages = |side: &PeerState| {
            let mut out = [None; MESSAGES];
            let latest = side.recent.backwards();
            let worth = latest.filter(|message| message.content.len() >= LEAST_CONTENT);
            for (place, message) in out.iter_mut().zip(worth) {
                *place = Some((hash(&message.content), message.span.last.time));
            }
            out
        };
        Self {
            key: handshake.and_then(Handshake::key).map(hash),
            messages: PerDirection {
                client: messages(&state.sides.client),
                server: messages(&state.sides.server),
            },
        }
    }
}

/// Who ended a WebSocket first, by a Close or by TCP; `None` if it is still open.
pub(crate) fn end_of(connection: &Connection, state: &ConnectionState) -> Option<WebSocketEnd> {
    let close = |direction: Direction| {
        let close = state.sides.get(direction).close.as_deref()?;
        Some((Side::sender(direction), close))
    };
    let closes = Direction::BOTH.into_iter().filter_map(close);
    let first: Option<(Side, &CloseSent)> = closes.min_by_key(|(_, close)| close.span.first.packet);
    let tcp = state.ended.filter(|_| match connection.state {
        TcpState::HalfClosed(_) | TcpState::Closed(_) | TcpState::Reset(_) => true,
        TcpState::SynSent | TcpState::Refused | TcpState::Established => false,
    });
    match (first, tcp) {
        (Some((by, close)), tcp)
            if tcp.is_none_or(|(_, at)| close.span.first.packet < at.packet) =>
        {
            let (at, how) = (close.span.first, EndKind::Close(close.code));
            Some(WebSocketEnd { by, at, how, reason: close.reason.clone() })
        }
        (_, Some((by, at))) => {
            let fin = connection.network.fins.get(by.direction());
            let how = if fin.is_some() { EndKind::Fin } else { EndKind::Rst };
            Some(WebSocketEnd { by, at, how, reason: Box::default() })
        }
        (_, None) => None,
    }
}

/// Whether words are about a heartbeat.
pub(crate) fn names_heartbeat(words: &str) -> bool {
    let words = words.to_ascii_lowercase();
    BEATS.iter().any(|word| words.contains(word))
}

/// Whether all frames were seen, so that a silence is one.
fn is_whole(state: &ConnectionState) -> bool {
    let PerDirection { client, server } = &state.sides;
    !state.health.has_gap && client.lost.is_none() && server.lost.is_none()
}

/// Whether a response has fields that announce a body (HS-23).
fn announces_body(handshake: &Handshake) -> bool {
    handshake.response.as_ref().is_some_and(|response| {
        ["Content-Length", "Transfer-Encoding"].iter().any(|name| response.header(name).is_some())
    })
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = FixedState::default().build_hasher();
    hasher.write(bytes);
    hasher.finish()
}

/// Words of reasons that say that nothing came for too long.
const IDLE: &[&str] = &["idle", "inactiv", "timeout", "time out", "timed out", "no activity"];

/// Words of reasons that say that a heartbeat failed.
const BEATS: &[&str] = &["ping", "pong", "heartbeat", "keepalive", "keep-alive", "keep alive"];

/// Messages of each side whose hashes are kept.
const MESSAGES: usize = 3;

/// Shorter messages are alike by chance, in bytes.
const LEAST_CONTENT: usize = 6;

/// Connections that are remembered, about 500 bytes each.
const REMEMBERED: usize = 1 << 11;

/// Connections that are compared with one that has just ended ...
const COMPARED: usize = 32;

/// ... among so many that ended last.
const SEARCHED: usize = 1 << 9;

/// Servers that are remembered.
const SERVERS: usize = 1 << 10;

/// Nanoseconds that no idle timeout is as short as.
const SHORT_PAUSE: u64 = 3_000_000_000;
