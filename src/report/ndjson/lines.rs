//! The lines themselves, field by field in the order they are written.

use std::borrow::Cow;
use std::net::SocketAddr;

use serde::{Serialize, Serializer};

use super::milliseconds;
use super::proxies::{IntermediaryFields, StrayFields};
use super::sockets::{ListeningFields, ProcessesFields};
use crate::analysis::event::{Connection, ConnectionId, Ending, StartedBy, TcpState};
use crate::capture::FilePackets;
use crate::findings::{Rule, Severity};
use crate::journal::{Note, Severities, Summary};
use crate::stream::PerDirection;
use crate::text::clock::Rfc3339;
use crate::text::words::hex_digits;
use crate::tls::{Facts, KeySource};
use crate::websocket::MessageCounts;

/// A line with the file that it is about, where there are several.
#[derive(Serialize)]
pub(in super::super) struct OfFile<'a, L> {
    #[serde(flatten)]
    pub(in super::super) line: L,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) file: Option<&'a str>,
}

#[derive(Serialize)]
pub(in super::super) struct ConnectionLine<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    connection: u64,
    time: &'a str,
    packets: [u64; 2],
    #[serde(serialize_with = "address")]
    client: SocketAddr,
    #[serde(serialize_with = "address")]
    server: SocketAddr,
    state: &'static str,
    started_by: &'static str,
    transport: &'static str,
    opened: &'a str,
    /// Null where it did not end within the capture.
    closed: Option<&'a str>,
    outcome: &'static str,
    frames: Sides,
    /// Control frames included.
    messages: Sides,
    control_frames: Sides,
    bytes: Sides,
    /// Absent unless captured live on the machine of one of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<ProcessesFields<'a>>,
    /// Who waits for connections on the port of a server of this machine that accepted none; absent
    /// otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    listening: Option<Vec<ListeningFields<'a>>>,
    /// Absent if there is no TLS, or its beginning was not captured.
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<TlsFields<'a>>,
    /// The client that the last PROXY header names; absent if none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    real_client: Option<String>,
    /// What the last SOCKS or HTTP proxy was to connect to; absent without such.
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy_target: Option<String>,
    /// Proxies on the way; absent if the bytes show none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    intermediaries: Vec<IntermediaryFields<'a>>,
    /// Bytes that belong to no protocol that is read; absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stray_bytes: Vec<StrayFields<'a>>,
}

/// The times of a connection, in words.
pub(in super::super) struct Times {
    last: String,
    opened: String,
    closed: Option<String>,
}

impl Times {
    pub(in super::super) fn of(connection: &Connection, clock: &mut Rfc3339) -> Self {
        let last = clock.text(connection.last.time).to_owned();
        let closed = is_over(connection.state).then(|| last.clone());
        Self { opened: clock.text(connection.first.time).to_owned(), last, closed }
    }
}

impl<'a> ConnectionLine<'a> {
    /// A connection that has ended, or that the capture ended.
    pub(in super::super) fn new(
        connection: &'a Connection,
        ending: Ending,
        times: &'a Times,
    ) -> Self {
        let messages = connection.messages;
        let sockets = connection.sockets.as_deref();
        let is_accepted = !matches!(connection.state, TcpState::Refused | TcpState::SynSent);
        Self {
            kind: "connection",
            connection: connection.id.0,
            time: &times.last,
            packets: [connection.first.packet.0, connection.last.packet.0],
            client: connection.client,
            server: connection.server,
            state: connection.state.name(),
            started_by: match connection.started_by {
                StartedBy::Syn => "syn",
                StartedBy::Midstream => "midstream",
            },
            transport: connection.transport.name(),
            opened: &times.opened,
            closed: times.closed.as_deref(),
            outcome: ending.outcome.name(),
            frames: sides(connection.frames),
            messages: sides(messages.map(MessageCounts::all)),
            control_frames: sides(messages.map(|it| it.control)),
            bytes: sides(connection.bytes),
            process: sockets.and_then(ProcessesFields::of),
            listening: sockets.filter(|_| !is_accepted).and_then(ListeningFields::all),
            tls: connection.tls.as_deref().map(TlsFields::of),
            real_client: connection.real_client().map(|it| it.to_string()),
            proxy_target: connection.target(),
            intermediaries: connection.intermediaries.iter().map(IntermediaryFields::of).collect(),
            stray_bytes: connection.stray.iter().map(StrayFields::of).collect(),
        }
    }
}

/// What is known of the TLS of a connection.
#[derive(Serialize)]
pub(super) struct TlsFields<'a> {
    /// As chosen by the server; null where it did not choose.
    version: Option<String>,
    cipher: Option<Cow<'static, str>>,
    sni: Option<Cow<'a, str>>,
    /// As chosen by the server; in TLS 1.3 it is encrypted.
    alpn: Option<Cow<'a, str>>,
    alpn_offered: Vec<Cow<'a, str>>,
    /// Hexadecimal; key logs find secrets by it.
    client_random: Option<String>,
    /// Whether the handshake was done.
    established: bool,
    /// How long it took; null if it was not done, or its beginning was not captured.
    duration_ms: Option<f64>,
    /// How often another handshake began inside the session (TLS 1.2 and older).
    renegotiations: u64,
    /// The first alert other than `close_notify` that is not encrypted or was decrypted.
    alert: Option<&'static str>,
    /// Whether records were decrypted.
    decrypted: bool,
    /// The key log that has the secrets; null if they are embedded in the capture, or nothing was decrypted.
    key_log: Option<&'a str>,
}

impl<'a> TlsFields<'a> {
    pub(super) fn of(tls: &'a Facts) -> Self {
        let client = tls.client_hello.as_ref().map(|hello| &hello.what);
        let server = tls.server_hello.as_ref().map(|hello| &hello.what);
        let alerts = [&tls.alerts.client, &tls.alerts.server];
        let first = alerts.into_iter().flatten().min_by_key(|alert| alert.span.last);
        Self {
            version: server.map(|hello| hello.version.to_string()),
            cipher: tls.suite(),
            sni: tls.server_name().map(String::from_utf8_lossy),
            alpn: server.and_then(|hello| hello.protocol.as_deref()).map(String::from_utf8_lossy),
            alpn_offered: client
                .iter()
                .flat_map(|hello| &hello.protocols)
                .map(|protocol| String::from_utf8_lossy(protocol))
                .collect(),
            client_random: client.map(|hello| hex_digits(&hello.random)),
            established: tls.established.is_some(),
            duration_ms: tls.duration().and_then(milliseconds),
            renegotiations: tls.renegotiations,
            alert: first.map(|alert| alert.what.name().unwrap_or("unknown")),
            decrypted: tls.key_source.is_some(),
            key_log: match &tls.key_source {
                Some(KeySource::File(name)) => Some(name),
                Some(source @ KeySource::Growing) => Some(source.name()),
                Some(KeySource::Capture) | None => None,
            },
        }
    }
}

/// A number for each direction.
#[derive(Serialize)]
pub(in super::super) struct Sides {
    pub(in super::super) client_to_server: u64,
    pub(in super::super) server_to_client: u64,
}

#[derive(Serialize)]
pub(super) struct HandshakeLine<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    /// These three are null of what was pasted.
    pub(super) connection: Option<u64>,
    pub(super) time: Option<&'a str>,
    pub(super) packets: Option<[u64; 2]>,
    pub(super) method: Option<Cow<'a, str>>,
    pub(super) target: Option<Cow<'a, str>>,
    pub(super) host: Option<Cow<'a, str>>,
    pub(super) status: Option<u16>,
    pub(super) subprotocol: Option<Cow<'a, str>>,
    pub(super) extensions: Option<Cow<'a, str>>,
    pub(super) subprotocols_offered: Option<Cow<'a, str>>,
    pub(super) extensions_offered: Option<Cow<'a, str>>,
    pub(super) duration_ms: Option<f64>,
}

#[derive(Serialize)]
pub(super) struct FrameLine<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    /// These three are null of what was pasted.
    pub(super) connection: Option<u64>,
    pub(super) time: Option<&'a str>,
    pub(super) packets: Option<[u64; 2]>,
    pub(super) direction: Option<&'static str>,
    pub(super) fin: bool,
    pub(super) rsv: u8,
    pub(super) opcode: u8,
    pub(super) masked: bool,
    pub(super) mask: Option<&'a str>,
    pub(super) length: u64,
    pub(super) header_length: u8,
    pub(super) offset: u64,
    pub(super) complete: bool,
}

#[derive(Serialize)]
pub(super) struct MessageLine<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    /// These three are null of what was pasted.
    pub(super) connection: Option<u64>,
    pub(super) time: Option<&'a str>,
    pub(super) packets: Option<[u64; 2]>,
    pub(super) direction: Option<&'static str>,
    pub(super) opcode: &'static str,
    pub(super) frames: u64,
    pub(super) compressed: bool,
    pub(super) wire_length: u64,
    pub(super) length: u64,
    pub(super) complete: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) base64: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) truncated: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sha256: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) close_code: Option<CloseCodeField>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) close_reason: Option<&'a str>,
}

/// The code of a Close; null if it has none. Absent if there is no Close.
#[derive(Serialize)]
pub(super) struct CloseCodeField(pub(super) Option<u16>);

/// Further findings of a rule on a connection.
#[derive(Serialize)]
pub(in super::super) struct FoldedLine {
    #[serde(rename = "type")]
    kind: &'static str,
    connection: u64,
    rule: &'static str,
    count: u64,
}

impl FoldedLine {
    pub(in super::super) fn new(rule: &Rule, connection: ConnectionId, count: u64) -> Self {
        Self { kind: "folded", connection: connection.0, rule: rule.id, count }
    }
}

#[derive(Serialize)]
pub(in super::super) struct SummaryLine<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    packets: u64,
    bytes: u64,
    connections: u64,
    websockets: u64,
    frames: u64,
    /// Control frames included.
    messages: u64,
    control_frames: u64,
    /// Null where nobody judged.
    findings: Option<SeverityFields>,
    /// Absent if there is no filter.
    #[serde(skip_serializing_if = "Option::is_none")]
    matched: Option<MatchedFields>,
    notes: Vec<NoteLine<'a>>,
    /// Absent if one file was read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<FileLine<'a>>,
}

impl<'a> SummaryLine<'a> {
    pub(in super::super) fn new(summary: &'a Summary) -> Self {
        Self {
            kind: "summary",
            packets: summary.totals.packets,
            bytes: summary.totals.bytes,
            connections: summary.totals.connections,
            websockets: summary.websockets,
            frames: summary.frames,
            messages: summary.messages.all(),
            control_frames: summary.messages.control,
            findings: summary.found.map(SeverityFields::of),
            matched: summary.matched.map(|it| MatchedFields {
                messages: it.messages.all(),
                frames: it.frames,
                handshakes: it.handshakes,
                control_frames: it.messages.control,
            }),
            notes: summary
                .notes
                .iter()
                .map(|Note { rule, count, text }| NoteLine { rule, count: *count, text })
                .collect(),
            files: summary.files.iter().map(FileLine::of).collect(),
        }
    }
}

/// Findings by severity.
#[derive(Serialize)]
pub(in super::super) struct SeverityFields {
    error: u64,
    warning: u64,
    note: u64,
}

impl SeverityFields {
    pub(in super::super) fn of(found: Severities) -> Self {
        Self {
            error: found.of(Severity::Error),
            warning: found.of(Severity::Warning),
            note: found.of(Severity::Note),
        }
    }
}

/// How much a filter matched.
#[derive(Serialize)]
struct MatchedFields {
    /// Control frames included.
    messages: u64,
    frames: u64,
    handshakes: u64,
    control_frames: u64,
}

/// One of several files that were read as one.
#[derive(Serialize)]
struct FileLine<'a> {
    file: &'a str,
    /// Numbers of its first and last packet; null if it has none.
    packets: Option<[u64; 2]>,
    packet_count: u64,
}

impl<'a> FileLine<'a> {
    fn of(FilePackets { name, packets, range: (first, last) }: &'a FilePackets) -> Self {
        let range = (*packets > 0).then_some([first.0, last.0]);
        Self { file: name, packets: range, packet_count: *packets }
    }
}

/// Something that could not be seen.
#[derive(Serialize)]
struct NoteLine<'a> {
    rule: &'static str,
    count: u64,
    text: &'a str,
}

/// `ip:port`, IPv6 as `[::1]:80`, without the scope that is known to this machine only.
fn address<S: Serializer>(address: &SocketAddr, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(address)
}

fn sides(of: PerDirection<u64>) -> Sides {
    Sides { client_to_server: of.client, server_to_client: of.server }
}

/// Whether nothing more can follow on a connection.
fn is_over(state: TcpState) -> bool {
    match state {
        TcpState::SynSent | TcpState::Established | TcpState::HalfClosed(_) => false,
        TcpState::Refused | TcpState::Closed(_) | TcpState::Reset(_) => true,
    }
}
