//! Judges heads that were pasted, and what follows them, as if they had been captured; nobody is blamed for what
//! was not pasted.

use super::pasted::{HeadEnd, PastedHttp};
use crate::analysis::AnalyzerOptions;
use crate::capture::{LinkType, Packet};
use crate::findings::{Finding, Reading, Settings, first_cause};
use crate::http::{Handshake, Head};
use crate::journal::{Entry, EntryKind, Journal};
use crate::pipeline::Pipeline;
use crate::stream::{Direction, Origin, PacketId, PerDirection, Span, Timestamp};
use crate::websocket::{Compression, Frame};

/// What heads and what follows them show.
#[derive(Debug)]
pub(super) struct JudgedHttp {
    pub(super) handshake: Handshake,
    /// The cause that explains the most.
    pub(super) cause: Option<Finding>,
    /// The rules that are broken.
    pub(super) findings: Vec<Finding>,
    /// Those that are broken if nothing of the heads is missing.
    pub(super) if_whole: Vec<Finding>,
    /// Where the first frame of the server begins in what it sends.
    pub(super) frames_at: Option<u64>,
    /// What was agreed for the frames of the server.
    pub(super) compression: Compression,
}

impl JudgedHttp {
    /// Whether the server accepted the upgrade, so that frames follow.
    pub(super) fn is_accepted(&self) -> bool {
        self.handshake.response.as_ref().is_some_and(|head| head.status() == Some(101))
    }
}

/// Reads what was pasted as if it had been captured.
pub(super) fn read(http: &PastedHttp, journal: &mut impl Journal) {
    let PerDirection { client, server } = &http.sides;
    let request = if client.bytes.is_empty() { ANY_REQUEST } else { &client.bytes };
    let analysis = AnalyzerOptions { keep: KEPT, ..AnalyzerOptions::default() };
    let mut pipeline = Pipeline::new(analysis, Settings::default());
    for (number, bytes) in (1..).zip(packets(request, &server.bytes)) {
        let packet = Packet {
            id: PacketId(number),
            time: Timestamp(number.saturating_mul(1_000)),
            link_type: LinkType(RAW_IP),
            interface: 0,
            original_length: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            bytes: &bytes,
            file_offset: 0,
        };
        pipeline.push(&packet, journal);
    }
    pipeline.finish(&Reading::default(), journal);
}

/// Judges heads, and what follows them.
pub(super) fn judge(http: &PastedHttp) -> JudgedHttp {
    let PerDirection { client, server } = &http.sides;
    let (found, frames_at, compression) = (Vec::new(), None, Compression::None);
    let mut journal = HttpJournal { found, frames_at, compression };
    read(http, &mut journal);
    let head = |bytes: &[u8]| {
        let (start, end) = super::pasted::head_of(bytes)?;
        Some(Head::parse(bytes.get(start..end)?, Span::default()))
    };
    let (request, response) = (head(&client.bytes), head(&server.bytes));
    let handshake = Handshake { request, response, ..Handshake::default() };
    let shown = journal.found.into_iter().filter(|it| is_shown(it, http));
    // What was pasted is what was asked about, whether it has to do with WebSocket or not.
    let shown = shown.map(|it| Finding {
        severity: it.full,
        first: Origin::default(),
        last: Origin::default(),
        evidence: without_packets(&it.evidence),
        ..it
    });
    let (causes, findings): (Vec<Finding>, Vec<Finding>) =
        shown.partition(|finding| finding.rule.is_cause());
    let (if_whole, findings) =
        findings.into_iter().partition(|it| depends_on_rest(it, http, &handshake));
    JudgedHttp {
        cause: first_cause(&causes).cloned(),
        handshake,
        findings,
        if_whole,
        frames_at: journal.frames_at,
        compression: journal.compression,
    }
}

/// Keeps what was found when it was.
#[derive(Debug)]
struct HttpJournal {
    found: Vec<Finding>,
    frames_at: Option<u64>,
    compression: Compression,
}

impl Journal for HttpJournal {
    fn entry(&mut self, entry: &Entry<'_>) {
        let Some(connection) = entry.connection else { return };
        match entry.kind {
            EntryKind::Frame(frame) if entry.direction == Some(Direction::ServerToClient) => {
                self.frames_at.get_or_insert(frame.span.start);
                self.compression = connection.compression.server;
            }
            _ => {}
        }
        // A connection that ends without more was not pasted further; why it was refused is known then.
        let is_end = matches!(entry.kind, EntryKind::Ended { .. });
        let findings = entry.findings.iter().map(|found| &found.finding);
        let wanted = findings.filter(|it| !is_end || it.rule.is_cause() || it.rule.group() == "HS");
        self.found.extend(wanted.cloned());
    }

    fn takes_frame(&self, _: &Frame) -> bool {
        true
    }
}

/// Whether what was pasted suffices for a finding.
fn is_shown(finding: &Finding, http: &PastedHttp) -> bool {
    let (id, group) = (finding.rule.id, finding.rule.group());
    if finding.rule.is_cause() {
        let by_both = CAUSES_OF_BOTH.contains(&id) && http.only().is_none() && is_whole(http);
        return by_both || (CAUSES_OF_SERVER.contains(&id) && has_response(http));
    }
    if TIMES.contains(&id) || !matches!(group, "HS" | "PMD" | "WS-F" | "WS-M" | "WS-C") {
        return false;
    }
    match http.only() {
        None => true,
        Some(Direction::ClientToServer) => finding.direction == Some(Direction::ClientToServer),
        Some(Direction::ServerToClient) => {
            let is_own = finding.direction == Some(Direction::ServerToClient);
            is_own && !COMPARED.contains(&id) && !("HS-40".."HS-55").contains(&id)
        }
    }
}

/// Evidence without the packets that it names: there were none.
fn without_packets(evidence: &str) -> String {
    let mut parts = evidence.split(" (packet ");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_number = |number: &str| number.bytes().all(|byte| byte.is_ascii_digit());
        let named = part.split_once(')').filter(|(number, _)| is_number(number));
        if let Some((_, rest)) = named {
            out.push_str(rest);
        } else {
            out.push_str(" (packet ");
            out.push_str(part);
        }
    }
    out
}

fn has_response(http: &PastedHttp) -> bool {
    !http.sides.server.bytes.is_empty()
}

/// Whether nothing of the request is missing.
fn is_whole(http: &PastedHttp) -> bool {
    http.sides.client.end == HeadEnd::Pasted
}

/// Whether a finding is about a field that is not there, in a head of which more may have been sent.
fn depends_on_rest(finding: &Finding, http: &PastedHttp, handshake: &Handshake) -> bool {
    let direction = finding.direction.unwrap_or(Direction::ClientToServer);
    let head = match direction {
        Direction::ClientToServer => &handshake.request,
        Direction::ServerToClient => &handshake.response,
    };
    let lacks = |name: &str| head.as_ref().is_some_and(|head| head.header(name).is_none());
    let is_absent = ABSENT.iter().any(|(id, name)| *id == finding.rule.id && lacks(name));
    let is_refusal = ("HS-40".."HS-55").contains(&finding.rule.id) && !is_whole(http);
    is_refusal || (is_absent && http.sides.get(direction).end == HeadEnd::Missing)
}

/// The packets of a connection that carry these bytes, and nothing after them.
fn packets(client: &[u8], server: &[u8]) -> Vec<Vec<u8>> {
    use Direction::{ClientToServer, ServerToClient};
    let mut next = PerDirection { client: 0_u32, server: 0_u32 };
    let mut out = vec![
        packet(ClientToServer, next, SYN, &[]),
        packet(ServerToClient, PerDirection { client: 1, ..next }, SYN | ACK, &[]),
    ];
    next = PerDirection { client: 1, server: 1 };
    out.push(packet(ClientToServer, next, ACK, &[]));
    for (direction, bytes) in [(ClientToServer, client), (ServerToClient, server)] {
        for payload in bytes.chunks(SEGMENT) {
            out.push(packet(direction, next, ACK, payload));
            let sent = next.get_mut(direction);
            *sent = sent.wrapping_add(u32::try_from(payload.len()).unwrap_or_default());
        }
        out.push(packet(direction.reverse(), next, ACK, &[]));
    }
    out
}

/// A TCP segment in an IPv4 packet (RFC 791 §3.1, RFC 9293 §3.1), without checksums.
fn packet(direction: Direction, next: PerDirection<u32>, flags: u8, payload: &[u8]) -> Vec<u8> {
    let (client, server) = (([192, 0, 2, 1], 50_000_u16), ([192, 0, 2, 2], 8_080_u16));
    let (from, to) = match direction {
        Direction::ClientToServer => (client, server),
        Direction::ServerToClient => (server, client),
    };
    let length = u16::try_from(HEADERS.saturating_add(payload.len())).unwrap_or(u16::MAX);
    let mut out = vec![0x45, 0];
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&[0, 0, 0x40, 0, 64, TCP, 0, 0]);
    out.extend_from_slice(&from.0);
    out.extend_from_slice(&to.0);
    out.extend_from_slice(&from.1.to_be_bytes());
    out.extend_from_slice(&to.1.to_be_bytes());
    let (sequence, acknowledged) = (next.get(direction), next.get(direction.reverse()));
    out.extend_from_slice(&sequence.to_be_bytes());
    let acknowledged = if flags & ACK == 0 { 0 } else { *acknowledged };
    out.extend_from_slice(&acknowledged.to_be_bytes());
    out.extend_from_slice(&[0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    out.extend_from_slice(payload);
    out
}

/// A request that has what is required, for a response without its own.
const ANY_REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

/// Causes that a response shows, and what follows it.
const CAUSES_OF_SERVER: &[&str] = &[
    "WHY-01", "WHY-02", "WHY-03", "WHY-04", "WHY-05", "WHY-06", "WHY-07", "WHY-08", "WHY-09",
    "WHY-10", "WHY-11", "WHY-12", "WHY-13", "WHY-20", "WHY-26", "WHY-28",
];

/// Causes that a request and its response show together.
const CAUSES_OF_BOTH: &[&str] =
    &["WHY-18", "WHY-21", "WHY-22", "WHY-23", "WHY-24", "WHY-27", "WHY-29", "WHY-30"];

/// Rules about times, about ends, and about what one peer sends after the other: none of it was pasted.
const TIMES: &[&str] = &["HS-15", "HS-26", "HS-50", "HS-51", "HS-52", "HS-54", "WS-F15", "WS-M02"];

/// Rules about a response that compare it with its request.
const COMPARED: &[&str] =
    &["HS-19", "HS-20", "HS-21", "HS-22", "HS-25", "HS-57", "PMD-05", "PMD-06", "PMD-07"];

/// Rules about a field, which are broken if it is not there.
const ABSENT: &[(&str, &str)] = &[
    ("HS-04", "Host"),
    ("HS-05", "Upgrade"),
    ("HS-06", "Connection"),
    ("HS-07", "Sec-WebSocket-Key"),
    ("HS-11", "Sec-WebSocket-Version"),
    ("HS-16", "Upgrade"),
    ("HS-17", "Connection"),
    ("HS-18", "Sec-WebSocket-Accept"),
    ("HS-22", "Sec-WebSocket-Protocol"),
    ("HS-24", "Upgrade"),
    ("HS-28", "Origin"),
    ("HS-31", "Sec-WebSocket-Version"),
];

/// Bytes of a message that are kept.
const KEPT: usize = 64 << 10;

/// Bytes of an IPv4 and a TCP header.
const HEADERS: usize = 40;

/// Bytes that a packet carries.
const SEGMENT: usize = 16 << 10;

/// The link type of packets that begin with IP (`LINKTYPE_RAW`).
const RAW_IP: u32 = 101;

/// The number of TCP (RFC 9293 §1).
const TCP: u8 = 6;

/// Flags of TCP.
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: &str = "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Version: 13\r\n\r\n";
    const AGREED: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    const VERSION: &str = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n\
        Content-Length: 51\r\n\r\n{\"code\":5,\"message\":\"Unsupported protocol version\"}";

    /// What was pasted, the cause, the rules that are broken, and those that are if the head is whole.
    type Row<'a> = (&'a str, String, Option<&'a str>, &'a [&'a str], &'a [&'a str]);

    #[test]
    fn what_was_pasted_is_judged_and_nothing_else() {
        let engine_io = ASKED.replace("/chat", "/socket.io/?EIO=3&transport=websocket");
        let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
        let wrong = AGREED.replace(accept, "AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        let no_upgrade = ASKED.replace("Connection: Upgrade\r\n", "");
        let cut = no_upgrade.trim_end().to_owned();
        let text = |http: &str| http.replace("\r\n", "\n");
        #[rustfmt::skip]
        let rows: &[Row<'_>] = &[
            ("the example of the standard", format!("{ASKED}{AGREED}"), None, &[], &[]),
            ("as a text", text(&format!("{ASKED}{AGREED}")), None, &[], &[]),
            ("a request alone, which nobody answered", ASKED.to_owned(), None, &[], &[]),
            ("a response alone, whose key is not known", AGREED.to_owned(), None, &[], &[]),
            ("another key", format!("{ASKED}{wrong}"), None, &["HS-19"], &[]),
            ("another key, without the request", wrong, None, &[], &[]),
            ("no Connection", no_upgrade, None, &["HS-06"], &[]),
            ("no Connection so far", cut, None, &[], &["HS-06"]),
            ("a second response", format!("{AGREED}HTTP/1.1 404 Not Found\r\n\r\n"), Some("WHY-08"), &["WS-F17"], &[]),
            ("versions of Engine.IO", format!("{engine_io}{VERSION}"), Some("WHY-21"), &["HS-40"], &[]),
            ("the same without the request", VERSION.to_owned(), None, &[], &[]),
            ("a gateway", "HTTP/1.1 502 Bad Gateway\nServer: nginx\n\n".to_owned(), Some("WHY-28"), &[], &[]),
        ];
        for (name, pasted, cause, broken, if_whole) in rows {
            let judged = judge(&PastedHttp::of(pasted.as_bytes()).unwrap());
            let ids = |list: &[Finding]| list.iter().map(|it| it.rule.id).collect::<Vec<_>>();
            let found = judged.cause.as_ref().map(|it| it.rule.id);
            assert_eq!(found, *cause, "{name}: {:?}", ids(&judged.findings));
            assert_eq!(ids(&judged.findings), *broken, "{name}");
            assert_eq!(ids(&judged.if_whole), *if_whole, "{name}");
        }
    }

    #[test]
    fn stray_bytes_before_frames_are_the_cause() {
        let pasted = [AGREED.as_bytes(), b"\r\n\x81\x05Hello"].concat();
        let judged = judge(&PastedHttp::of(&pasted).unwrap());
        assert_eq!(judged.cause.unwrap().rule.id, "WHY-07");
        assert_eq!(judged.frames_at, Some(crate::stream::length_u64(AGREED.len() + 2)));
    }

    #[test]
    fn packets_that_were_not_pasted_are_not_named() {
        let rows = [
            ("no packet", "no packet"),
            ("the first message (packet 5) is late", "the first message is late"),
            ("a body (packet of tea) (packet 7)", "a body (packet of tea)"),
        ];
        for (evidence, expected) in rows {
            assert_eq!(without_packets(evidence), expected);
        }
    }
}
