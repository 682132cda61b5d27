//! Statistics, as text and as JSON.

use std::io::{self, Write};

use serde::Serialize;

use super::ndjson::{SummaryLine, write};
use super::output::Output;
use super::{LineFormat, Report};
use crate::analysis::event::{Connection, Nature};
use crate::journal::{Entry, EntryKind, Journal, Summary};
use crate::journal::{Statistics, Traffic};
use crate::stream::{Direction, Timestamp};
use crate::text::amount::{counted, duration, elapsed, grouped, size};
use crate::text::escape::escape;
use crate::timeline::filter::Filter;
use crate::websocket::{Frame, Opcode};

/// Writes statistics when everything was seen.
#[derive(Debug)]
pub struct Stats<W> {
    out: Output<W>,
    format: LineFormat,
    statistics: Statistics,
    start: Timestamp,
    /// What messages are counted of; `None` where all are.
    filter: Option<String>,
}

impl<W: Write> Stats<W> {
    /// Makes a report that has seen nothing.
    pub fn new(writer: W, format: LineFormat, filter: Option<&Filter>) -> Self {
        Self {
            out: Output::new(writer),
            format,
            statistics: Statistics::default(),
            start: Timestamp::default(),
            filter: filter.map(ToString::to_string),
        }
    }

    /// Counts what a filter chooses: messages with their frames, and connections that have some.
    fn chosen(&mut self, entry: &Entry<'_>) {
        match entry.kind {
            EntryKind::Opened => {}
            EntryKind::Message(message) => {
                if let Some(direction) = entry.direction {
                    self.statistics.frames_of(direction, message);
                }
                self.statistics.entry(entry);
            }
            EntryKind::Ended { .. } => {
                // Whether anything of it matches was not known before.
                self.statistics.entry(&Entry { kind: EntryKind::Opened, ..*entry });
                self.statistics.entry(entry);
            }
            _ => self.statistics.entry(entry),
        }
    }

    fn ndjson(&mut self, summary: &Summary) {
        let totals = &summary.totals;
        let mut buffer = Vec::new();
        let statistics = &self.statistics;
        let line = StatisticsLine {
            kind: "statistics",
            filter: self.filter.as_deref(),
            duration_s: as_seconds(totals.duration()),
            tcp_packets: totals.segments,
            other_packets: totals.packets.saturating_sub(totals.segments),
            outcomes: statistics
                .outcomes()
                .map(|(outcome, count)| (outcome.name(), count))
                .collect(),
            natures: statistics
                .natures()
                .map(|(nature, count)| (nature_name(nature), count))
                .collect(),
            client_to_server: DirectionFields::of(&statistics.directions.client),
            server_to_client: DirectionFields::of(&statistics.directions.server),
            messages_per_second: rate(statistics.messages().all(), totals.duration()),
            bytes_per_second: rate(statistics.sum(|traffic| traffic.wire_bytes), totals.duration()),
            largest_message: statistics.largest.map(|largest| LargestFields {
                connection: largest.connection.0,
                direction: largest.direction.name(),
                opcode: largest.opcode.name(),
                length: largest.length,
            }),
        };
        write(&mut self.out, &mut buffer, &line);
        write(&mut self.out, &mut buffer, &SummaryLine::new(summary));
    }

    fn text(&mut self, summary: &Summary) {
        let totals = &summary.totals;
        let mut page = StatisticsPage { text: String::new() };
        let statistics = &self.statistics;
        if let Some(filter) = &self.filter {
            page.row("filter", |out| {
                escape(filter.as_bytes(), usize::MAX, out);
            });
            page.row("matched", |out| {
                let (some, all) = (statistics.messages(), summary.messages);
                grouped(out, some.data);
                out.push_str(" of ");
                counted(out, all.data, "message");
                if all.control > 0 {
                    out.push_str(", ");
                    grouped(out, some.control);
                    out.push_str(" of ");
                    counted(out, all.control, "control frame");
                }
            });
        }
        page.row("duration", |out| elapsed(out, totals.duration()));
        page.row("packets", |out| {
            grouped(out, totals.packets);
            out.push_str(" (");
            size(out, totals.bytes);
            out.push_str("): ");
            grouped(out, totals.segments);
            out.push_str(" TCP, ");
            grouped(out, totals.packets.saturating_sub(totals.segments));
            out.push_str(" other");
        });
        page.row("connections", |out| grouped(out, statistics.connections));
        for (nature, connections) in statistics.natures().filter(|row| row.1 > 0) {
            page.row("", |out| pair(out, connections, nature_words(nature)));
        }
        page.row("outcomes", |out| {
            let mut separator = "";
            for (outcome, connections) in statistics.outcomes().filter(|row| row.1 > 0) {
                out.push_str(separator);
                pair(out, connections, &outcome.name().replace('_', " "));
                separator = ", ";
            }
            if separator.is_empty() {
                out.push('-');
            }
        });
        page.text.push('\n');
        table(&mut page, statistics);
        page.text.push('\n');
        page.row("compression", |out| compression(out, statistics));
        page.row("rate", |out| {
            grouped(out, per_second(statistics.messages().data, totals.duration()));
            out.push_str(" messages/s, ");
            size(out, per_second(statistics.sum(|traffic| traffic.wire_bytes), totals.duration()));
            out.push_str("/s of payload, on average");
        });
        page.row("largest", |out| match statistics.largest {
            None => out.push('-'),
            Some(largest) => {
                counted(out, largest.length, "byte");
                out.push_str(", ");
                out.push_str(largest.opcode.name());
                out.push_str(match largest.direction {
                    Direction::ClientToServer => " from the client",
                    Direction::ServerToClient => " from the server",
                });
                out.push_str(", connection ");
                out.push_str(&largest.connection.0.to_string());
                out.push_str(", after ");
                duration(out, largest.time.since(self.start));
            }
        });
        for file in summary.files_in_words() {
            escape(file.as_bytes(), usize::MAX, &mut page.text);
            page.text.push('\n');
        }
        for note in &summary.notes {
            page.text.push_str("▲ ");
            page.text.push_str(note.rule);
            page.text.push_str("  ");
            escape(note.text.as_bytes(), usize::MAX, &mut page.text);
            page.text.push('\n');
        }
        self.out.line(page.text.as_bytes());
    }
}

impl<W: Write> Journal for Stats<W> {
    fn entry(&mut self, entry: &Entry<'_>) {
        match self.filter {
            None => self.statistics.entry(entry),
            Some(_) => self.chosen(entry),
        }
    }

    fn frame_started(&mut self, connection: &Connection, direction: Direction, frame: &Frame) {
        if self.filter.is_none() {
            self.statistics.frame_started(connection, direction, frame);
        }
    }
}

impl<W: Write> Report for Stats<W> {
    fn start(&mut self, first: Timestamp) {
        self.start = first;
    }

    fn check(&mut self) -> io::Result<()> {
        self.out.check()
    }

    fn is_pending(&self) -> bool {
        self.out.is_pending()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self, summary: &Summary) -> io::Result<()> {
        // What breaks rules is not counted here, even if a filter asks for it.
        let summary = &Summary { found: None, ..summary.clone() };
        match self.format {
            LineFormat::Text => self.text(summary),
            LineFormat::Ndjson => self.ndjson(summary),
        }
        self.out.flush()
    }
}

/// Text with a column of names.
struct StatisticsPage {
    text: String,
}

impl StatisticsPage {
    fn row(&mut self, name: &str, write: impl FnOnce(&mut String)) {
        self.text.push_str(name);
        self.text.extend(std::iter::repeat_n(' ', NAME_COLUMNS.saturating_sub(name.len())));
        write(&mut self.text);
        self.text.push('\n');
    }

    fn numbers(&mut self, name: &str, statistics: &Statistics, of: impl Fn(&Traffic) -> u64) {
        let numbers = [
            of(&statistics.directions.client),
            of(&statistics.directions.server),
            statistics.sum(of),
        ];
        self.row(name, |out| {
            for number in numbers {
                let columns = crate::text::amount::grouped_width(number);
                out.extend(std::iter::repeat_n(' ', NUMBER_COLUMNS.saturating_sub(columns)));
                grouped(out, number);
            }
        });
    }

    /// A line for each of several opcodes.
    fn kinds(&mut self, statistics: &Statistics, opcodes: &[Opcode]) {
        for opcode in opcodes {
            self.numbers(&format!("  {}", opcode.name()), statistics, |traffic| {
                traffic.messages_of(*opcode)
            });
        }
    }
}

/// What each direction carried.
fn table(page: &mut StatisticsPage, statistics: &Statistics) {
    page.row("", |out| {
        for title in ["client → server", "server → client", "both"] {
            let columns = title.chars().count();
            out.extend(std::iter::repeat_n(' ', NUMBER_COLUMNS.saturating_sub(columns)));
            out.push_str(title);
        }
    });
    page.numbers("messages", statistics, |traffic| traffic.messages().data);
    page.kinds(statistics, &DATA);
    page.numbers("  incomplete", statistics, |traffic| traffic.incomplete().data);
    page.numbers("control frames", statistics, |traffic| traffic.messages().control);
    page.kinds(statistics, &CONTROL);
    page.numbers("  incomplete", statistics, |traffic| traffic.incomplete().control);
    page.numbers("frames", statistics, Traffic::frames);
    page.numbers("  continuation", statistics, |traffic| traffic.frames_with(0));
    page.numbers("  reserved", statistics, Traffic::reserved_frames);
    page.numbers("payload bytes", statistics, |traffic| traffic.wire_bytes);
    page.numbers("  inflated", statistics, |traffic| traffic.content_bytes);
    page.numbers("missing bytes", statistics, |traffic| traffic.missing_bytes);
    page.numbers("  in gaps", statistics, |traffic| traffic.gaps);
}

fn compression(out: &mut String, statistics: &Statistics) {
    let compressed = statistics.sum(|traffic| traffic.compressed);
    if compressed == 0 {
        return out.push_str("no message was compressed");
    }
    let wire = statistics.sum(|traffic| traffic.compressed_wire_bytes);
    let content = statistics.sum(|traffic| traffic.compressed_content_bytes);
    counted(out, compressed, "message");
    out.push_str(" compressed from ");
    size(out, content);
    out.push_str(" to ");
    size(out, wire);
    if let Some(percent) = wire.saturating_mul(100).checked_div(content) {
        out.push_str(" (");
        grouped(out, percent);
        out.push_str(" %)");
    }
}

fn pair(out: &mut String, number: u64, name: &str) {
    grouped(out, number);
    out.push(' ');
    out.push_str(name);
}

/// How many in a second, rounded down; 0 for a capture without a duration.
fn per_second(number: u64, nanoseconds: u64) -> u64 {
    let each = u128::from(number) * u128::from(SECOND);
    each.checked_div(u128::from(nanoseconds))
        .map_or(0, |rate| u64::try_from(rate).unwrap_or(u64::MAX))
}

/// How many in a second; `None` for a capture without a duration.
fn rate(number: u64, nanoseconds: u64) -> Option<f64> {
    let thousandths = per_second(number.saturating_mul(1000), nanoseconds);
    let text = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
    text.parse().ok().filter(|_| nanoseconds > 0)
}

fn as_seconds(nanoseconds: u64) -> Option<f64> {
    format!("{}.{:09}", nanoseconds / SECOND, nanoseconds % SECOND).parse().ok()
}

fn nature_name(nature: Nature) -> &'static str {
    match nature {
        Nature::Unknown => "unknown",
        Nature::Http => "http",
        Nature::UpgradeRequested => "asked",
        Nature::WebSocket => "websocket",
        Nature::Unreadable => "opaque",
        Nature::Http2 => "http2",
        Nature::Other => "other",
    }
}

fn nature_words(nature: Nature) -> &'static str {
    match nature {
        Nature::Unknown => "with too little payload to identify",
        Nature::Http => "plain HTTP",
        Nature::UpgradeRequested => "asked for a WebSocket and did not get one",
        Nature::WebSocket => "WebSocket",
        Nature::Unreadable => "encrypted or not decodable",
        Nature::Http2 => "HTTP/2, not decoded",
        Nature::Other => "other protocols",
    }
}

#[derive(Serialize)]
struct StatisticsLine<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    /// Absent where everything is counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<&'a str>,
    duration_s: Option<f64>,
    tcp_packets: u64,
    other_packets: u64,
    #[serde(serialize_with = "map")]
    outcomes: Vec<(&'static str, u64)>,
    #[serde(serialize_with = "map")]
    natures: Vec<(&'static str, u64)>,
    client_to_server: DirectionFields,
    server_to_client: DirectionFields,
    messages_per_second: Option<f64>,
    bytes_per_second: Option<f64>,
    largest_message: Option<LargestFields>,
}

#[derive(Serialize)]
struct DirectionFields {
    frames: u64,
    #[serde(serialize_with = "map")]
    messages: Vec<(&'static str, u64)>,
    incomplete: u64,
    wire_bytes: u64,
    content_bytes: u64,
    compressed: u64,
    compressed_wire_bytes: u64,
    compressed_content_bytes: u64,
    gaps: u64,
    missing_bytes: u64,
}

impl DirectionFields {
    fn of(traffic: &Traffic) -> Self {
        Self {
            frames: traffic.frames(),
            messages: DATA
                .iter()
                .chain(&CONTROL)
                .map(|opcode| (opcode.name(), traffic.messages_of(*opcode)))
                .collect(),
            incomplete: traffic.incomplete().all(),
            wire_bytes: traffic.wire_bytes,
            content_bytes: traffic.content_bytes,
            compressed: traffic.compressed,
            compressed_wire_bytes: traffic.compressed_wire_bytes,
            compressed_content_bytes: traffic.compressed_content_bytes,
            gaps: traffic.gaps,
            missing_bytes: traffic.missing_bytes,
        }
    }
}

#[derive(Serialize)]
struct LargestFields {
    connection: u64,
    direction: &'static str,
    opcode: &'static str,
    length: u64,
}

/// Writes pairs as an object, in their order.
fn map<S: serde::Serializer>(
    pairs: &[(&'static str, u64)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().copied())
}

/// What messages are.
const DATA: [Opcode; 2] = [Opcode::Text, Opcode::Binary];

/// What control frames are.
const CONTROL: [Opcode; 3] = [Opcode::Close, Opcode::Ping, Opcode::Pong];

/// Columns of the names.
const NAME_COLUMNS: usize = 16;

/// Columns of each number.
const NUMBER_COLUMNS: usize = 19;

/// Nanoseconds in a second.
const SECOND: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Totals;
    use crate::analysis::event::{ConnectionEvent, Outcome};
    use crate::findings::Reading;
    use crate::journal::Builder;
    use crate::report::fixture::{START, connection, ending, frame, message, send};
    use crate::websocket::{Inflation, Message};

    fn written(format: LineFormat) -> String {
        let mut out = Vec::new();
        let mut stats = Stats::new(&mut out, format, None);
        let mut builder = Builder::new();
        stats.start(Timestamp(START));
        let it = connection(1);
        let (text, frame) = (message(Opcode::Text, b"hello"), frame(5));
        let deflated = Message {
            compressed: true,
            inflation: Inflation::Done,
            wire_length: 25,
            length: 100,
            ..message(Opcode::Binary, b"")
        };
        let client = Direction::ClientToServer;
        send(&mut builder.feeding(&mut stats), 0, &it, ConnectionEvent::Opened);
        send(
            &mut builder.feeding(&mut stats),
            1,
            &it,
            ConnectionEvent::FrameStarted(client, &frame),
        );
        send(&mut builder.feeding(&mut stats), 1, &it, ConnectionEvent::FrameEnded(client, &frame));
        send(&mut builder.feeding(&mut stats), 1, &it, ConnectionEvent::Message(client, &text));
        send(
            &mut builder.feeding(&mut stats),
            2,
            &it,
            ConnectionEvent::Message(client.reverse(), &deflated),
        );
        send(&mut builder.feeding(&mut stats), 3, &it, ending(Outcome::Open));
        let totals = Totals {
            packets: 10,
            bytes: 1234,
            segments: 8,
            first: Timestamp(START),
            last: Timestamp(START + 500_000_000),
            connections: 1,
        };
        stats.finish(&builder.summary(totals, &Reading::default())).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_has_a_column_for_each_direction() {
        insta::assert_snapshot!(written(LineFormat::Text));
    }

    #[test]
    fn json_has_the_same_numbers() {
        insta::assert_snapshot!(written(LineFormat::Ndjson));
    }

    #[test]
    fn rates_need_a_duration() {
        assert_eq!(per_second(10, 0), 0);
        assert_eq!(rate(10, 0), None);
        assert_eq!(rate(1, 3 * SECOND), Some(0.333));
        assert_eq!(per_second(u64::MAX, 1), u64::MAX);
    }
}
