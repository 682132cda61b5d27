//! The phases of a connection, in the order in which they came: for `diagnose` and the inspector.

mod network;
mod proxies;
mod secure;

use std::cmp::Ordering;
use std::fmt::Write as _;

use self::proxies::StrayTime;
use crate::analysis::CaptureTimes;
use crate::analysis::event::{Connection, Recognition, TcpState};
use crate::journal::history::{ConnectionHistory, Exchange, LONG_SILENCE};
use crate::stream::{Direction, Origin, Side, Span, Timestamp};
use crate::text::amount::{counted, duration, size};
use crate::text::escape::escape;
use crate::websocket::{CloseCode, Opcode};

/// What the phases of a connection are derived from.
#[derive(Clone, Copy, Debug)]
pub struct PhaseSource<'a> {
    /// The connection as it is by now.
    pub connection: &'a Connection,
    /// What happened on it.
    pub history: &'a ConnectionHistory,
    /// The time up to which it was watched.
    pub watched_until: Timestamp,
}

/// One phase of a connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Phase {
    /// When it began.
    pub time: Timestamp,
    /// What it is about.
    pub label: PhaseLabel,
    /// How it went, with bytes from the network escaped.
    pub text: String,
    /// The packets that carried it.
    pub packets: Option<(u64, u64)>,
    /// Nanoseconds that it took, where it is over.
    pub took: Option<u64>,
}

/// What a phase is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PhaseLabel {
    /// The lookup of its name.
    Dns,
    /// Its opening.
    Tcp,
    /// An error of the network.
    Icmp,
    /// The TLS handshake.
    Tls,
    /// A proxy on the way.
    Proxy,
    /// Bytes that belong to no protocol that is read.
    Stray,
    /// The opening handshake of WebSocket.
    Upgrade,
    /// The first message with content.
    First,
    /// Text and binary messages.
    Messages,
    /// Pings of one side.
    Pings,
    /// Packets that were sent again.
    Resent,
    /// A receiver that took nothing for a while.
    Stalled,
    /// Bytes that the capture lacks.
    Gap,
    /// The closing handshake of WebSocket.
    Close,
    /// The end of TCP.
    End,
}

impl Phase {
    /// Nanoseconds from the [`start`] of all phases to its beginning, if they were measured.
    pub fn since(&self, start: Timestamp) -> Option<u64> {
        self.time.measured_since(start)
    }
}

impl PhaseLabel {
    /// What people read.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Dns => "DNS",
            Self::Tcp => "TCP",
            Self::Icmp => "ICMP",
            Self::Tls => "TLS",
            Self::Proxy => "Proxy",
            Self::Stray => "Stray",
            Self::Upgrade => "Upgrade",
            Self::First => "First",
            Self::Messages => "Messages",
            Self::Pings => "Pings",
            Self::Resent => "Resent",
            Self::Stalled => "Stalled",
            Self::Gap => "Missing",
            Self::Close => "Close",
            Self::End => "End",
        }
    }

    /// The name used in output for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Tcp => "tcp",
            Self::Icmp => "icmp",
            Self::Tls => "tls",
            Self::Proxy => "proxy",
            Self::Stray => "stray_bytes",
            Self::Upgrade => "upgrade",
            Self::First => "first_message",
            Self::Messages => "messages",
            Self::Pings => "pings",
            Self::Resent => "resent",
            Self::Stalled => "stalled",
            Self::Gap => "gap",
            Self::Close => "close",
            Self::End => "end",
        }
    }
}

/// The phases of a connection, in the order in which they began.
pub fn phases(source: PhaseSource<'_>) -> Vec<Phase> {
    let PhaseSource { connection, history, .. } = source;
    let mut phases = Vec::new();
    phases.extend(connection.lookup.as_deref().map(|lookup| network::dns(lookup, connection)));
    phases.push(network::tcp(connection));
    phases.extend(network::icmp(connection));
    phases.extend(proxies::intermediaries(connection));
    phases.extend(proxies::stray_bytes(connection, StrayTime::BeforeRequest));
    phases
        .extend(history.tunnel.as_ref().map(|tunnel| exchange(PhaseLabel::Proxy, tunnel, source)));
    let tls = secure::phase(connection);
    // A server that was asked in the clear answers with TLS.
    let is_answer = tls.as_ref().is_some_and(|tls| {
        let asked = history.upgrade.as_ref().and_then(|upgrade| upgrade.request);
        asked.is_some_and(|span| span.first.time < tls.time)
    });
    phases.extend(tls.clone().filter(|_| !is_answer));
    if let Some(upgrade) = &history.upgrade {
        let mut phase = exchange(PhaseLabel::Upgrade, upgrade, source);
        if history.refused_before > 0 {
            phase.text.push_str(", after ");
            counted(&mut phase.text, history.refused_before, "refused request");
        }
        phases.push(phase);
    } else if let Some(recognition) = history.recognized {
        phases.push(recognized(recognition, connection));
    }
    phases.extend(tls.filter(|_| is_answer));
    phases.extend(proxies::stray_bytes(connection, StrayTime::AfterRequest));
    phases.extend(first_message(history));
    phases.extend(messages(history, connection));
    phases.extend(Direction::BOTH.into_iter().filter_map(|side| pings(history, side)));
    phases.extend(network::resent(connection));
    phases
        .extend(Direction::BOTH.into_iter().filter_map(|side| network::stalled(side, connection)));
    phases.extend(missing(history));
    phases.extend(close(history));
    phases.extend(end(history, connection));
    phases.sort_by_key(|phase| phase.packets.map(|(first, _)| first));
    phases
}

/// When the first phase began that has not the time of a clock that was wrong by years.
pub fn start(phases: &[Phase]) -> Timestamp {
    let mut times = CaptureTimes::default();
    for phase in phases {
        times.observe(phase.time);
    }
    times.range().0
}

/// `120 bytes are not in the capture`, noticed first at a packet.
fn missing(history: &ConnectionHistory) -> Option<Phase> {
    let at = history.missing_from?;
    let mut text = String::new();
    counted(&mut text, history.missing, "byte");
    text.push_str(if history.missing == 1 { " is" } else { " are" });
    text.push_str(" not in the capture");
    Some(plain(PhaseLabel::Gap, at, text))
}

/// A phase that consists of one packet.
fn plain(label: PhaseLabel, at: Origin, text: String) -> Phase {
    let packet = at.packet.0;
    Phase { time: at.time, label, text, packets: Some((packet, packet)), took: None }
}

/// `GET /feed → 101 mqtt after 0.3 ms`
fn exchange(label: PhaseLabel, exchange: &Exchange, source: PhaseSource<'_>) -> Phase {
    let mut text = String::new();
    match exchange.request {
        Some(_) => {
            escape(&exchange.line, LONGEST_TARGET, &mut text);
        }
        None => text.push_str("request not captured"),
    }
    let connection = source.connection;
    let is_address = exchange.host == connection.server.to_string().into_bytes();
    if !exchange.host.is_empty() && !is_address && label == PhaseLabel::Upgrade {
        text.push_str(" of ");
        escape(&exchange.host, LONGEST_TARGET, &mut text);
    }
    if let Some(oddity) = exchange.oddity {
        text.push_str(" (");
        text.push_str(oddity);
        text.push(')');
    }
    let spans = [exchange.request, exchange.response].into_iter().flatten();
    let first = spans.clone().next().map_or(connection.first, |span: Span| span.first);
    let last = spans.last().map_or(connection.last, |span| span.last);
    let mut took = None;
    if let Some(response) = exchange.response {
        text.push_str(" → ");
        match exchange.status {
            Some(status) => write!(text, "{status}").ok(),
            None => write!(text, "?").ok(),
        };
        if !exchange.answer.is_empty() {
            text.push(' ');
            escape(&exchange.answer, LONGEST_ANSWER, &mut text);
        }
        if let Some(request) = exchange.request {
            took = response.last.time.measured_since(request.last.time);
            push_waited(&mut text, " after ", took);
        }
    } else {
        text.push_str(" → no answer in ");
        let since = exchange.request.map_or(first.time, |request| request.last.time);
        duration(&mut text, source.watched_until.waited_since(since));
    }
    Phase { time: first.time, label, text, packets: Some((first.packet.0, last.packet.0)), took }
}

fn recognized(recognition: Recognition, connection: &Connection) -> Phase {
    let how = match recognition {
        Recognition::Forced => "read as WebSocket (--decode-as)",
        Recognition::Frames => "recognized by its frames",
    };
    plain(PhaseLabel::Upgrade, connection.first, format!("not captured; {how}"))
}

/// `server: text of 12 bytes, 0.4 ms after the handshake`
fn first_message(history: &ConnectionHistory) -> Option<Phase> {
    let first = history.first?;
    let mut text = format!("{}: {} of ", peer(first.direction), kind(first.opcode));
    counted(&mut text, first.length, "byte");
    let mut took = None;
    if let Some(response) = history.upgrade.as_ref().and_then(|upgrade| upgrade.response) {
        match first.span.last.packet.cmp(&response.last.packet) {
            Ordering::Less => text.push_str(", before the response"),
            Ordering::Equal => text.push_str(", together with the response"),
            Ordering::Greater => {
                took = first.span.last.time.measured_since(response.last.time);
                push_waited(&mut text, ", ", took);
                text.push_str(if took.is_some() { " after the handshake" } else { "" });
            }
        }
    }
    let packets = (first.span.first.packet.0, first.span.last.packet.0);
    let time = first.span.first.time;
    Some(Phase { time, label: PhaseLabel::First, text, packets: Some(packets), took })
}

fn kind(opcode: Opcode) -> &'static str {
    match opcode {
        Opcode::Continuation => "message",
        Opcode::Text | Opcode::Binary | Opcode::Close | Opcode::Ping | Opcode::Pong => {
            opcode.name()
        }
    }
}

/// `12 of the client (1.2 kB), 34 of the server (3.4 kB)`
fn messages(history: &ConnectionHistory, connection: &Connection) -> Option<Phase> {
    let first = history.first?;
    let mut text = String::new();
    for direction in Direction::BOTH {
        let amount = history.data.get(direction);
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(&amount.messages.to_string());
        text.push_str(" of the ");
        text.push_str(peer(direction));
        text.push_str(" (");
        size(&mut text, amount.bytes);
        text.push(')');
    }
    let latest = history.latest.unwrap_or(connection.last);
    // A single packet takes no time that could be measured.
    let is_one = latest.packet == first.span.first.packet;
    let took = latest.time.measured_since(first.span.first.time).filter(|_| !is_one);
    push_waited(&mut text, ", over ", took);
    let packets = (first.span.first.packet.0, latest.packet.0);
    let time = first.span.first.time;
    Some(Phase { time, label: PhaseLabel::Messages, text, packets: Some(packets), took })
}

/// `14 of the server, all answered, the slowest after 0.5 ms`
fn pings(history: &ConnectionHistory, side: Direction) -> Option<Phase> {
    let pings = history.pings.get(side);
    let first = pings.first?;
    let mut text = format!("{} of the {}, ", pings.sent, peer(side));
    if pings.answered == 0 {
        text.push_str("none answered");
    } else {
        if pings.answered == pings.sent {
            text.push_str("all answered");
        } else {
            write!(text, "{} answered", pings.answered).ok();
        }
        push_waited(&mut text, ", the slowest after ", pings.slowest);
    }
    Some(plain(PhaseLabel::Pings, first.first, text))
}

/// `server: 1001 going away "bye", after 60.0 s of silence; answered by the client after 0.2 ms`
fn close(history: &ConnectionHistory) -> Option<Phase> {
    let (side, close) = history.first_close()?;
    let mut text = format!("{}: ", peer(side));
    match close.code {
        Some(code) => {
            write!(text, "{code} {}", CloseCode::of(code).name).ok();
        }
        None => text.push_str("no code"),
    }
    if !close.reason.is_empty() {
        text.push_str(" \"");
        escape(&close.reason, LONGEST_ANSWER, &mut text);
        text.push('"');
    }
    if let Some(silence) =
        history.silence(close.span.last).filter(|silence| *silence >= LONG_SILENCE)
    {
        text.push_str(", after ");
        duration(&mut text, silence);
        text.push_str(" of silence");
    }
    let answer = history.closes.get(side.reverse()).as_ref();
    let mut took = None;
    let mut last = close.span.last;
    match answer {
        Some(answer) => {
            took = answer.span.last.time.measured_since(close.span.last.time);
            last = answer.span.last;
            write!(text, "; answered by the {}", peer(side.reverse())).ok();
            if answer.code != close.code {
                let code = answer.code.map_or_else(|| "no code".to_owned(), |it| it.to_string());
                write!(text, " with {code}").ok();
            }
            push_waited(&mut text, " after ", took);
        }
        None => text.push_str("; not answered"),
    }
    let packets = (close.span.first.packet.0, last.packet.0);
    let time = close.span.first.time;
    Some(Phase { time, label: PhaseLabel::Close, text, packets: Some(packets), took })
}

/// Who ended TCP, how, and after how much silence.
fn end(history: &ConnectionHistory, connection: &Connection) -> Option<Phase> {
    let Some(end) = history.ended else {
        let text = "still open at the end of the capture".to_owned();
        return match connection.state {
            // Told by its opening.
            TcpState::Refused | TcpState::SynSent => None,
            TcpState::Established
            | TcpState::HalfClosed(_)
            | TcpState::Closed(_)
            | TcpState::Reset(_) => Some(plain(PhaseLabel::End, connection.last, text)),
        };
    };
    let mut text = format!("{} by the {}", end.how.name(), peer(end.by));
    let is_closed = history.closes.client.is_some() || history.closes.server.is_some();
    if history.is_accepted() && !is_closed {
        text.push_str(", and no Close before it");
        if let Some(silence) = history.silence(end.at) {
            text.push_str("; ");
            duration(&mut text, silence);
            text.push_str(" after the last frame");
        }
    }
    match (history.reset, connection.state) {
        (Some(reset), _) => {
            write!(text, ", then RST by the {}", peer(reset.by)).ok();
        }
        (None, TcpState::Closed(by)) => {
            write!(text, ", then FIN by the {}", peer(by.reverse())).ok();
        }
        (None, TcpState::HalfClosed(_)) => text.push_str(", and none by the other side"),
        (
            None,
            TcpState::SynSent | TcpState::Refused | TcpState::Established | TcpState::Reset(_),
        ) => {}
    }
    let mut phase = plain(PhaseLabel::End, end.at, text);
    phase.packets = Some((end.at.packet.0, connection.last.packet.0));
    Some(phase)
}

/// Appends how long something took, if that was measured.
fn push_waited(text: &mut String, words: &str, nanoseconds: Option<u64>) {
    if let Some(nanoseconds) = nanoseconds {
        text.push_str(words);
        duration(text, nanoseconds);
    }
}

/// Who sends in a direction.
fn peer(direction: Direction) -> &'static str {
    Side::sender(direction).name()
}

/// Columns of a request's method and target at most.
const LONGEST_TARGET: usize = 60;

/// Columns of a reason at most.
const LONGEST_ANSWER: usize = 60;
