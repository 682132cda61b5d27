//! What bytes and close codes mean, as one JSON object a line: the lines of `wslens print` and `wslens check`, of no
//! connection and no packet.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};

use serde::Serialize;

use super::close_code::remark;
use super::conversation::{self, JudgedHttp};
use super::pasted::PastedHttp;
use crate::analysis::Sink;
use crate::analysis::event::{
    Connection, ConnectionEvent, ConnectionId, Event, EventKind, Nature, StartedBy,
};
use crate::describe::frame::FrameContext;
use crate::findings::{Finding, explain_frames};
use crate::journal::{Builder, Entry, EntryKind, Journal};
use crate::report::ndjson::{FindingLine, Ndjson, NdjsonOptions};
use crate::report::{Detail, Listing, Selection};
use crate::stream::{Chunk, Origin};
use crate::text::clock::Rfc3339;
use crate::websocket::close_code::{Sender, Wire};
use crate::websocket::{
    CloseCode, Compression, Decoder, Frame, Observation, Settings, Shared, Start,
};

/// Writes what bytes are: heads of HTTP and what follows them, or frames.
pub(super) fn bytes(bytes: &[u8], context: FrameContext, out: &mut dyn Write) -> io::Result<()> {
    match super::http_in(bytes, context) {
        Some(http) => self::http(&http, out),
        None => frames(bytes, context, out),
    }
}

/// Writes what a close code means.
pub(super) fn close_code(code: u16, out: &mut dyn Write) -> io::Result<()> {
    let entry = CloseCode::of(code);
    let line = CloseCodeLine {
        kind: "close_code",
        code,
        name: entry.name,
        meaning: entry.meaning,
        remark: remark(code),
        when: entry.cause,
        sent_by: match entry.sender {
            Sender::Either => "both",
            Sender::Client => "client",
            Sender::Server => "server",
            Sender::Nobody => "nobody",
        },
        may_be_sent: entry.wire == Wire::Allowed,
        remedy: entry.remedy,
        source: entry.source,
    };
    write(&line, out)
}

fn frames(bytes: &[u8], context: FrameContext, out: &mut dyn Write) -> io::Result<()> {
    let FrameContext { direction, compression } = context;
    let judged = explain_frames(bytes, direction, compression);
    let compression = match compression {
        Compression::None => Compression::None,
        Compression::Deflate(_) | Compression::Unknown => Compression::Unknown,
    };
    let connection = connection();
    let mut ndjson = Ndjson::new(&mut *out, options()).without_origins();
    let mut builder = Builder::new();
    let mut decoder = Decoder::new(compression, Start::Boundary);
    let mut shared =
        Shared::new(Settings { keep: KEPT, digest: true, inflated_bytes: MOST_INFLATED });
    let mut assembly = builder.feeding(&mut ndjson);
    let mut sink = |seen: Observation<'_>| {
        let event = ConnectionEvent::of_frames(judged.direction, seen);
        let kind = EventKind::Connection(&connection, event);
        assembly.event(&Event { origin: Origin::default(), kind });
    };
    let chunk = Chunk { offset: 0, bytes, origin: Origin::default() };
    decoder.push(chunk, &mut shared, &mut sink);
    decoder.finish(&mut shared, &mut sink);
    ndjson.end()?;
    findings(judged.cause.as_ref(), [(&judged.findings, None)], out)
}

fn http(http: &PastedHttp, out: &mut dyn Write) -> io::Result<()> {
    let judged: JudgedHttp = conversation::judge(http);
    let mut ndjson = Ndjson::new(&mut *out, options()).without_origins();
    ndjson.pasted(&judged.handshake);
    conversation::read(http, &mut FramesOnly(&mut ndjson));
    ndjson.end()?;
    let JudgedHttp { cause, findings: broken, if_whole, .. } = &judged;
    findings(cause.as_ref(), [(broken, None), (if_whole, Some("whole_head"))], out)
}

/// Writes a cause, and the rules that are broken; some only under a condition.
fn findings<'f>(
    cause: Option<&Finding>,
    lists: impl IntoIterator<Item = (&'f Vec<Finding>, Option<&'static str>)> + Clone,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut clock = Rfc3339::default();
    let follows = |finding: &Finding| cause.filter(|cause| finding.is_consequence_of(cause));
    if let Some(cause) = cause {
        let all = lists.clone().into_iter().flat_map(|(list, _)| list);
        let mut rules: Vec<&str> =
            all.filter(|it| follows(it).is_some()).map(|it| it.rule.id).collect();
        rules.dedup();
        let bare = without_place(cause);
        let line = FindingLine::new(&bare, &mut clock).with_consequences(Some(rules));
        write(&OfPaste { line, only_if: None }, out)?;
    }
    for (list, only_if) in lists {
        for finding in list {
            let bare = without_place(finding);
            let line = FindingLine::new(&bare, &mut clock);
            let line = line.following_from(follows(finding).map(|cause| cause.rule));
            write(&OfPaste { line, only_if }, out)?;
        }
    }
    Ok(())
}

/// The same of no connection: there is none.
fn without_place(finding: &Finding) -> Finding {
    Finding { connection: None, ..finding.clone() }
}

fn write(line: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

fn options() -> NdjsonOptions {
    NdjsonOptions {
        selection: Selection::default(),
        detail: Detail::Frames,
        findings: Listing::No,
        max_payload: KEPT,
    }
}

/// A connection of which nothing is known.
fn connection() -> Connection {
    let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let mut connection =
        Connection::new(ConnectionId(0), [nowhere; 2], StartedBy::Midstream, Origin::default());
    connection.nature = Nature::WebSocket;
    connection
}

/// Passes frames and messages on.
struct FramesOnly<'n, W: Write>(&'n mut Ndjson<W>);

impl<W: Write> Journal for FramesOnly<'_, W> {
    fn entry(&mut self, entry: &Entry<'_>) {
        if let EntryKind::Frame(_) | EntryKind::Message(_) = entry.kind {
            self.0.entry(entry);
        }
    }

    fn takes_frame(&self, frame: &Frame) -> bool {
        self.0.takes_frame(frame)
    }
}

/// A finding in what was pasted.
#[derive(Serialize)]
struct OfPaste<'a> {
    #[serde(flatten)]
    line: FindingLine<'a>,
    /// What it depends on, beside what was pasted: that the head was pasted whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    only_if: Option<&'static str>,
}

#[derive(Serialize)]
struct CloseCodeLine {
    #[serde(rename = "type")]
    kind: &'static str,
    code: u16,
    name: &'static str,
    meaning: &'static str,
    /// What its number gives away: an HTTP status, for example.
    #[serde(skip_serializing_if = "Option::is_none")]
    remark: Option<String>,
    when: &'static str,
    sent_by: &'static str,
    /// Whether it may occur in a Close frame.
    may_be_sent: bool,
    remedy: &'static str,
    source: &'static str,
}

/// Bytes of a message that are written.
const KEPT: usize = 64 << 10;

/// Bytes to which a message is inflated at most.
const MOST_INFLATED: u64 = 16 << 20;
