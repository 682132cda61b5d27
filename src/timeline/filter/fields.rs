//! The fields that an expression can ask for: one table.

use std::net::SocketAddr;

use crate::analysis::event::Intermediary;
use crate::findings::Finding;
use crate::http::{Handshake, Head};
use crate::stream::{Origin, length_u64};
use crate::timeline::filter::names::{self, ValueNames};
use crate::timeline::filter::subject::{
    FieldValue, FilterConnection, FilterMessage, FilterSubject,
};
use crate::websocket::Opcode;
use crate::websocket::frame::RSV1;

/// Something that an expression can ask a row for.
#[derive(Debug)]
pub struct FilterField {
    /// As it is written.
    pub name: &'static str,
    /// Other names, those of Wireshark among them.
    pub aliases: &'static [&'static str],
    /// What its values are.
    pub kind: FieldType,
    /// What it is, in words: one line without a full stop.
    pub help: &'static str,
    /// What must be kept for it.
    pub(super) need: Option<FilterNeed>,
    /// How it is read from a row.
    pub(super) read: FieldReader,
}

impl PartialEq for FilterField {
    /// Names are unique in the table.
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// What the values of a field are, and with that, which operators it takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FieldType {
    /// `true` or `false`; the field alone asks whether it is true.
    Flag,
    /// A number: decimal, or hexadecimal with `0x`; `_` may separate digits.
    Number,
    /// A number of bytes; `k`, `M`, `G` and `Ki`, `Mi`, `Gi` may follow.
    Size,
    /// A number with up to six decimals, or a percentage.
    Ratio,
    /// Nanoseconds, written with a unit: `2.5s`, `300ms`, `1m`.
    Duration,
    /// Text in quotes, which is compared byte for byte.
    Text,
    /// Bytes, written as hexadecimal digits.
    Bytes,
    /// One of a few names.
    Name(&'static ValueNames),
    /// An IP address or network, with a port where the field has one.
    Address(Ports),
    /// A rule, or the beginning of rules.
    Rule,
    /// A value of JSON: text, number, `true`, `false` or `null`.
    Json,
}

impl FieldType {
    /// What it is in words, with its article.
    pub fn words(self) -> &'static str {
        match self {
            Self::Flag => "true or false",
            Self::Number | Self::Size => "a number",
            Self::Ratio => "a ratio",
            Self::Duration => "a duration",
            Self::Text => "text",
            Self::Bytes => "bytes in hexadecimal",
            Self::Name(_) => "one of a few names",
            Self::Address(Ports::No) => "an address",
            Self::Address(Ports::Yes) => "an address with a port",
            Self::Rule => "a rule",
            Self::Json => "a JSON value",
        }
    }
}

/// Whether an address has a port.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ports {
    /// It may be written after the address.
    Yes,
    /// It is a field of its own.
    No,
}

/// What must be kept or remembered so that a field can be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FilterNeed {
    /// The content of messages.
    Content,
    /// What rules say.
    Findings,
    /// The first frame of each message.
    Frames,
    /// The opening handshake of each connection.
    Handshake,
    /// How each connection ends.
    End,
}

/// How a field is read from a row.
#[derive(Clone, Copy, Debug)]
pub(super) enum FieldReader {
    /// It has one value, or none.
    One(for<'a> fn(&FilterSubject<'a>) -> Option<FieldValue<'a>>),
    /// It has two values, or none.
    Two(for<'a> fn(&FilterSubject<'a>) -> Option<[FieldValue<'a>; 2]>),
    /// It has a value for each finding.
    Each(for<'a> fn(&'a Finding) -> Option<FieldValue<'a>>),
    /// It depends on a path.
    Json,
}

/// The field with this name or alias.
pub fn field(name: &str) -> Option<&'static FilterField> {
    FIELDS.iter().find(|field| field.name == name || field.aliases.contains(&name))
}

const fn one(
    name: &'static str,
    aliases: &'static [&'static str],
    kind: FieldType,
    help: &'static str,
    read: for<'a> fn(&FilterSubject<'a>) -> Option<FieldValue<'a>>,
) -> FilterField {
    FilterField { name, aliases, kind, help, need: None, read: FieldReader::One(read) }
}

const fn two(
    name: &'static str,
    aliases: &'static [&'static str],
    kind: FieldType,
    help: &'static str,
    read: for<'a> fn(&FilterSubject<'a>) -> Option<[FieldValue<'a>; 2]>,
) -> FilterField {
    FilterField { name, aliases, kind, help, need: None, read: FieldReader::Two(read) }
}

const fn each(
    name: &'static str,
    kind: FieldType,
    help: &'static str,
    read: for<'a> fn(&'a Finding) -> Option<FieldValue<'a>>,
) -> FilterField {
    let read = FieldReader::Each(read);
    FilterField { name, aliases: &[], kind, help, need: Some(FilterNeed::Findings), read }
}

const fn needing(need: FilterNeed, field: &FilterField) -> FilterField {
    let FilterField { name, aliases, kind, help, read, .. } = *field;
    FilterField { name, aliases, kind, help, need: Some(need), read }
}

/// All fields, in the order in which help lists them.
#[rustfmt::skip]
pub static FIELDS: &[FilterField] = &[
    one("kind", &[], FieldType::Name(&names::KIND), "kind of row",
        |row| Some(FieldValue::number(names::kind(row.kind)))),
    one("opcode", &["websocket.opcode"], FieldType::Name(&names::OPCODE), "opcode of a message or frame",
        |row| Some(FieldValue::number(opcode(row)?))),
    one("from", &[], FieldType::Name(&names::SIDE), "who sent it",
        |row| Some(FieldValue::number(names::direction(row.direction?)))),
    one("direction", &[], FieldType::Name(&names::DIRECTION), "who sent it, as in ndjson output",
        |row| Some(FieldValue::number(names::direction(row.direction?)))),
    one("length", &[], FieldType::Size, "bytes of content after inflation; for a frame, of its payload",
        |row| row.message.map(|it| it.length).or_else(|| row.frame.map(|it| it.payload_length)).map(FieldValue::number)),
    one("wire_length", &["websocket.payload_length"], FieldType::Size, "payload bytes on the wire",
        |row| row.message.map(|it| it.wire_length).or_else(|| row.frame.map(|it| it.payload_length)).map(FieldValue::number)),
    one("ratio", &[], FieldType::Ratio, "wire_length divided by length, of compressed messages",
        |row| ratio(&row.message?)),
    one("frames", &[], FieldType::Number, "how many frames a message was sent in",
        |row| Some(FieldValue::number(row.message?.frames))),
    one("compressed", &[], FieldType::Flag, "whether a message was marked as compressed (RSV1)",
        |row| Some(FieldValue::number(row.message?.compressed))),
    one("complete", &[], FieldType::Flag, "whether the message or frame was captured completely",
        |row| row.message.map(|it| it.complete).or_else(|| row.frame.map(|it| it.complete)).map(FieldValue::number)),
    needing(FilterNeed::Frames, &one("fin", &["websocket.fin"], FieldType::Flag, "FIN of a frame; for a message, of its first frame",
        |row| Some(FieldValue::number(row.frame?.fin)))),
    needing(FilterNeed::Frames, &one("rsv", &["websocket.rsv"], FieldType::Number, "RSV1 to RSV3 as a number from 0 to 7",
        |row| Some(FieldValue::number(row.frame?.rsv)))),
    needing(FilterNeed::Frames, &one("rsv1", &[], FieldType::Flag, "RSV1 of a frame; for a message, of its first frame",
        |row| Some(FieldValue::number(row.frame?.rsv & RSV1 != 0)))),
    needing(FilterNeed::Frames, &one("rsv2", &[], FieldType::Flag, "RSV2",
        |row| Some(FieldValue::number(row.frame?.rsv & (RSV1 >> 1) != 0)))),
    needing(FilterNeed::Frames, &one("rsv3", &[], FieldType::Flag, "RSV3",
        |row| Some(FieldValue::number(row.frame?.rsv & (RSV1 >> 2) != 0)))),
    needing(FilterNeed::Frames, &one("masked", &["websocket.mask"], FieldType::Flag, "whether the payload is masked",
        |row| Some(FieldValue::number(row.frame?.mask.is_some())))),
    needing(FilterNeed::Frames, &one("masking_key", &["websocket.masking_key"], FieldType::Bytes, "the masking key",
        |row| Some(FieldValue::Text(row.frame?.mask?.to_vec().into())))),
    needing(FilterNeed::Content, &one("text", &["websocket.payload.text"], FieldType::Text, "content of a message; for a Close, its reason",
        |row| text(&row.message?))),
    needing(FilterNeed::Content, &one("hex", &["websocket.payload"], FieldType::Bytes, "content of a message as bytes",
        |row| Some(content(&row.message?)))),
    FilterField { name: "json", aliases: &[], kind: FieldType::Json, help: "a value inside JSON content: json(\".path.to[0].value\")",
        need: Some(FilterNeed::Content), read: FieldReader::Json },
    one("close_code", &["websocket.payload.close.status_code"], FieldType::Number, "code of a Close",
        |row| row.message?.close?.code.map(FieldValue::number)),
    needing(FilterNeed::Content, &one("close_reason", &["websocket.payload.close.reason"], FieldType::Text, "reason of a Close",
        |row| row.message?.close.map(|close| FieldValue::text(close.reason)))),
    one("connection", &[], FieldType::Number, "number of the connection, from 1",
        |row| Some(FieldValue::number(row.connection?.id.0))),
    one("tcp.stream", &[], FieldType::Number, "number of the connection, from 0, as in Wireshark",
        |row| row.connection?.id.0.checked_sub(1).map(FieldValue::number)),
    one("client", &[], FieldType::Address(Ports::Yes), "address of the peer that opened the connection",
        |row| Some(endpoint(row.connection?.client))),
    one("server", &[], FieldType::Address(Ports::Yes), "address of the peer that accepted it",
        |row| Some(endpoint(row.connection?.server))),
    one("real_client", &["proxy.src"], FieldType::Address(Ports::Yes), "the client that a PROXY header names",
        |row| row.intermediaries.iter().rev().find_map(Intermediary::real_client).map(endpoint)),
    one("proxy_target", &["socks.remote_name"], FieldType::Text, "what a SOCKS or HTTP proxy was to connect to, as name or address with port",
        |row| row.intermediaries.iter().rev().find_map(Intermediary::target).map(|it| FieldValue::Text(it.into_bytes().into()))),
    two("host", &["ip.addr"], FieldType::Address(Ports::No), "address of either peer",
        |row| row.connection.map(|it| peers(&it).map(host))),
    two("port", &["tcp.port"], FieldType::Number, "TCP port of either peer",
        |row| row.connection.map(|it| peers(&it).map(|peer| FieldValue::number(peer.port())))),
    needing(FilterNeed::End, &one("state", &[], FieldType::Name(&names::STATE), "last state of the TCP connection",
        |row| Some(FieldValue::number(names::state(row.connection?.state?))))),
    one("transport", &[], FieldType::Name(&names::TRANSPORT), "what carries the WebSocket",
        |row| Some(FieldValue::number(names::transport(row.connection?.transport?)))),
    needing(FilterNeed::End, &one("outcome", &[], FieldType::Name(&names::OUTCOME), "what became of the connection",
        |row| Some(FieldValue::number(names::outcome(row.outcome?))))),
    needing(FilterNeed::Handshake, &one("path", &[], FieldType::Text, "path of the upgrade request, without its query",
        |row| Some(FieldValue::text(path(row.handshake?.target()?))))),
    needing(FilterNeed::Handshake, &one("target", &["http.request.uri"], FieldType::Text, "target of the upgrade request, as sent",
        |row| row.handshake?.target().map(FieldValue::text))),
    needing(FilterNeed::Handshake, &one("method", &["http.request.method"], FieldType::Text, "method of the upgrade request",
        |row| row.handshake?.method().map(FieldValue::text))),
    needing(FilterNeed::Handshake, &one("host_header", &["http.host"], FieldType::Text, "Host of the upgrade request",
        |row| row.handshake?.host().map(FieldValue::text))),
    needing(FilterNeed::Handshake, &one("origin", &[], FieldType::Text, "Origin of the upgrade request",
        |row| request(row.handshake?)?.header("Origin").map(FieldValue::text))),
    needing(FilterNeed::Handshake, &one("user_agent", &["http.user_agent"], FieldType::Text, "User-Agent of the upgrade request",
        |row| request(row.handshake?)?.header("User-Agent").map(FieldValue::text))),
    needing(FilterNeed::Handshake, &one("status", &["http.response.code"], FieldType::Number, "status of the response to it",
        |row| row.handshake?.status().map(FieldValue::number))),
    needing(FilterNeed::Handshake, &one("subprotocol", &[], FieldType::Text, "subprotocol that the server chose",
        |row| row.handshake?.subprotocol().map(FieldValue::text))),
    needing(FilterNeed::Handshake, &one("extensions", &[], FieldType::Text, "extensions that the server accepted",
        |row| row.handshake?.extensions_accepted().map(|it| FieldValue::Text(it.into())))),
    one("time", &["frame.time_relative"], FieldType::Duration, "time since the capture's first packet",
        |row| row.origin.time.0.checked_sub(row.start.0).map(FieldValue::number)),
    one("packet", &["frame.number"], FieldType::Number, "number of any of its packets, from 1",
        packets),
    one("offset", &[], FieldType::Number, "its position in the stream, in bytes",
        |row| offset(row).map(FieldValue::number)),
    each("rule", FieldType::Rule, "a broken rule; WS-F matches all rules that start with it",
        |finding| Some(FieldValue::Rule(finding.rule.id))),
    needing(FilterNeed::Findings, &one("cause", &[], FieldType::Rule, "the cause that explains the connection, on all of its rows",
        |row| Some(FieldValue::Rule(row.cause?.id)))),
    each("severity", FieldType::Name(&names::SEVERITY), "severity of the finding: note < warning < error",
        |finding| Some(FieldValue::number(names::severity(finding.severity)))),
    each("side", FieldType::Name(&names::SIDE), "who is at fault",
        |finding| Some(FieldValue::number(names::side(finding.side?)))),
    each("title", FieldType::Text, "title of the broken rule",
        |finding| Some(FieldValue::text(finding.rule.title.as_bytes()))),
    each("evidence", FieldType::Text, "what was observed, and what was expected",
        |finding| Some(FieldValue::text(finding.evidence.as_bytes()))),
];

fn opcode(row: &FilterSubject<'_>) -> Option<u64> {
    let of_message = row.message.and_then(|message| names::OPCODE.number(message.opcode.name()));
    of_message.or_else(|| row.frame.map(|frame| u64::from(frame.opcode)))
}

/// In millionths, rounded down.
fn ratio<'a>(message: &FilterMessage<'_>) -> Option<FieldValue<'a>> {
    if !message.compressed {
        return None;
    }
    let millionths = u128::from(message.wire_length).checked_mul(u128::from(MILLION))?;
    let ratio = millionths.checked_div(u128::from(message.length))?;
    Some(FieldValue::number(u64::try_from(ratio).unwrap_or(u64::MAX)))
}

/// What was kept of a content.
fn content<'a>(message: &FilterMessage<'a>) -> FieldValue<'a> {
    if length_u64(message.content.len()) == message.length && message.complete {
        FieldValue::text(message.content)
    } else {
        FieldValue::Beginning(message.content)
    }
}

fn text<'a>(message: &FilterMessage<'a>) -> Option<FieldValue<'a>> {
    match message.opcode {
        Opcode::Close => message.close.map(|close| FieldValue::text(close.reason)),
        Opcode::Continuation | Opcode::Text | Opcode::Binary | Opcode::Ping | Opcode::Pong => {
            Some(content(message))
        }
    }
}

fn peers(connection: &FilterConnection) -> [SocketAddr; 2] {
    [connection.client, connection.server]
}

fn endpoint<'a>(address: SocketAddr) -> FieldValue<'a> {
    FieldValue::Address { ip: address.ip(), port: Some(address.port()) }
}

fn host<'a>(address: SocketAddr) -> FieldValue<'a> {
    FieldValue::Address { ip: address.ip(), port: None }
}

fn request(handshake: &Handshake) -> Option<&Head> {
    handshake.request.as_ref()
}

/// The path of a target: in absolute form (RFC 9112 §3.2.2) it follows the authority.
fn path(target: &[u8]) -> &[u8] {
    let end = target.iter().position(|byte| matches!(byte, b'?' | b'#'));
    let before = end.and_then(|end| target.get(..end)).unwrap_or(target);
    let Some(scheme) = before.windows(SCHEME_END.len()).position(|it| it == SCHEME_END) else {
        return before;
    };
    if before.first() == Some(&b'/') {
        return before;
    }
    let authority = before.get(scheme.saturating_add(SCHEME_END.len())..).unwrap_or_default();
    let slash = authority.iter().position(|byte| *byte == b'/');
    slash.and_then(|slash| authority.get(slash..)).unwrap_or(b"/")
}

/// All packets that carried a row.
fn packets<'a>(row: &FilterSubject<'a>) -> Option<FieldValue<'a>> {
    let of_finding = row.findings.first().filter(|finding| finding.first != Origin::default());
    let (first, last) = row
        .span
        .map(|span| (span.first, span.last))
        .or_else(|| of_finding.map(|finding| (finding.first, finding.last)))
        .unwrap_or((row.origin, row.origin));
    (last != Origin::default())
        .then_some(FieldValue::Number { low: first.packet.0, high: last.packet.0 })
}

fn offset(row: &FilterSubject<'_>) -> Option<u64> {
    let of_finding = || row.findings.first().and_then(|finding| finding.offset);
    row.span.map(|span| span.start).or_else(of_finding)
}

/// What a ratio of 1 is.
pub(super) const MILLION: u64 = 1_000_000;

/// The separator between scheme and authority (RFC 3986 §3).
const SCHEME_END: &[u8] = b"://";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_and_unique() {
        let mut names: Vec<&str> = FIELDS
            .iter()
            .flat_map(|field| std::iter::once(field.name).chain(field.aliases.iter().copied()))
            .collect();
        for name in &names {
            assert!(field(name).is_some(), "{name}");
        }
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
        assert!(field("websocket.lenght").is_none());
    }

    #[test]
    fn help_is_one_line_without_a_full_stop() {
        for field in FIELDS {
            assert!(!field.help.is_empty() && field.help.len() <= 80, "{}", field.name);
            assert!(!field.help.ends_with('.') && !field.help.contains('\n'), "{}", field.name);
        }
    }

    #[test]
    fn path_ends_at_the_query() {
        #[rustfmt::skip]
        let cases: &[(&[u8], &[u8])] = &[
            (b"/chat", b"/chat"),
            (b"/chat?token=1", b"/chat"),
            (b"/chat#top", b"/chat"),
            (b"/", b"/"),
            (b"", b""),
            (b"?", b""),
            // RFC 9112 §3.2.2
            (b"http://www.example.org/pub/WWW/TheProject.html", b"/pub/WWW/TheProject.html"),
            (b"ws://example.org", b"/"),
            (b"/to?http://a/b", b"/to"),
            (b"/to/http://a/b", b"/to/http://a/b"),
        ];
        for (target, expected) in cases {
            assert_eq!(path(target), *expected, "{}", target.escape_ascii());
        }
    }

    #[test]
    fn ratio_is_that_of_compressed_messages() {
        let message = crate::timeline::filter::fixture::message(Opcode::Text, b"");
        let of = |compressed, wire_length, length| {
            ratio(&FilterMessage {
                compressed,
                wire_length,
                length,
                ..FilterMessage::from(&message)
            })
        };
        assert_eq!(of(true, 25, 100), Some(FieldValue::number(250_000_u64)));
        assert_eq!(of(true, u64::MAX, 1), Some(FieldValue::number(u64::MAX)));
        assert_eq!(of(true, 5, 0), None);
        assert_eq!(of(false, 25, 100), None);
    }
}
