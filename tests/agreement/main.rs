//! The rows of the screen and the lines of printed output agree: they name the same packets, kinds,
//! findings and outcomes, and filters choose the same of both.
//!
//! Runs over all samples, and over the captures in `../shared/captures` if that folder exists.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

mod causes;
#[expect(dead_code, reason = "a part of it is used")]
#[path = "../support/program.rs"]
mod program;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value;
use wslens::analysis::AnalyzerOptions;
use wslens::analysis::PayloadPacket;
use wslens::analysis::event::{Connection, ConnectionId, TcpState};
use wslens::capture;
use wslens::capture::Spool;
use wslens::findings::{Reading, Settings};
use wslens::journal::{Entry, EntryKind, Found, Hindsight, Journal, Summary};
use wslens::pipeline::Pipeline;
use wslens::report::check::{CheckChoice, CheckCollector, Extent};
use wslens::report::filtered::{Filtered, Intake};
use wslens::report::ndjson::{Ndjson, NdjsonOptions};
use wslens::report::style::{Coloring, Style};
use wslens::report::text::{Text, TextOptions};
use wslens::report::{Breadth, Detail, Listing, Report, Selection};
use wslens::stream::{Direction, GapCause};
use wslens::timeline::filter::{FIELDS, FieldType, Filter, Matcher, NameOrder, Ports};
use wslens::timeline::{
    FindingRow, OpenLimits, Opener, ResumePoints, Row, RowId, RowKind, RowScope, Timeline,
};
use wslens::tls::Observation;
use wslens::tui::chooser::{Chooser, LIMITS};
use wslens::tui::export;
use wslens::tui::export::SAVE_LIMITS;
use wslens::tui::world::World;
use wslens::websocket::{Digest, Frame};

/// What reports write.
#[derive(Clone, Debug, Default)]
struct Written(Rc<RefCell<Vec<u8>>>);

impl Written {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.borrow_mut())
    }

    fn take_lines(&self) -> Vec<String> {
        String::from_utf8(self.take()).unwrap().lines().map(str::to_owned).collect()
    }
}

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What was made of one entry by the printed outputs and by the timeline.
#[derive(Debug)]
struct Made {
    what: String,
    connection: Option<ConnectionId>,
    /// Whether both have to show it, as far as its kind tells.
    shown: Shown,
    rules: BTreeSet<&'static str>,
    /// Those that the lines of its frames do not have.
    new_rules: BTreeSet<&'static str>,
    text: Vec<String>,
    ndjson: Vec<Value>,
    row: Option<RowId>,
}

/// Where an entry of a kind is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Shown {
    /// As a row and as a line.
    Everywhere,
    /// As a row; printed output has it only if nothing else said it.
    AsRow,
    /// As a line at most: the row is that of the message that the frame is.
    AsLine,
    /// It has neither row nor line of its own.
    Nowhere,
    /// It precedes what makes its connection one that the screen shows: as a row if as a line.
    AsPrinted,
}

/// Prints and records the same entries.
struct Everything {
    text: Text<Written>,
    text_lines: Written,
    ndjson: Ndjson<Written>,
    ndjson_lines: Written,
    timeline: Timeline,
    made: Vec<Made>,
    /// JSON lines that were written before their entry.
    early: Vec<Value>,
}

impl Everything {
    fn new() -> Self {
        let (text_lines, ndjson_lines) = (Written::default(), Written::default());
        let selection = Selection { breadth: Breadth::All, ..Selection::default() };
        let detail = Detail::Frames;
        let text = Text::new(
            text_lines.clone(),
            TextOptions {
                selection: selection.clone(),
                detail,
                findings: Listing::No,
                style: Style::new(Coloring::Off),
                columns: Some(2_000),
            },
        );
        let findings = Listing::Yes;
        let options = NdjsonOptions { selection, detail, findings, max_payload: 64 };
        let ndjson = Ndjson::new(ndjson_lines.clone(), options);
        let (timeline, made, early) = (Timeline::new(), Vec::new(), Vec::new());
        Self { text, text_lines, ndjson, ndjson_lines, timeline, made, early }
    }

    fn json(&mut self) -> Vec<Value> {
        self.ndjson.flush().unwrap();
        let lines = self.ndjson_lines.take_lines();
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Journal for Everything {
    fn entry(&mut self, entry: &Entry<'_>) {
        let rows = self.timeline.rows();
        self.text.entry(entry);
        self.ndjson.entry(entry);
        self.timeline.entry(entry);
        self.text.flush().unwrap();
        let row = (self.timeline.rows() > rows).then_some(RowId(rows));
        assert!(self.timeline.rows() <= rows + 1, "an entry has one row: {entry:?}");
        let is_known = entry.connection.is_some_and(|it| self.timeline.connection(it.id).is_some());
        let made = Made {
            what: format!("{entry:?}").chars().take(300).collect(),
            connection: entry.connection.map(|it| it.id),
            shown: match shown(&self.timeline, entry) {
                Shown::Everywhere if !is_known && !is_plain(entry) => Shown::AsPrinted,
                shown if is_known => shown,
                _ => Shown::Nowhere,
            },
            rules: rules(entry.findings),
            new_rules: rules(&entry.findings[entry.repeated..]),
            text: self.text_lines.take_lines(),
            ndjson: self.json(),
            row,
        };
        self.made.push(made);
    }

    fn takes_frame(&self, _: &Frame) -> bool {
        true
    }

    fn frame_started(&mut self, connection: &Connection, direction: Direction, frame: &Frame) {
        self.text.frame_started(connection, direction, frame);
        self.timeline.frame_started(connection, direction, frame);
    }

    fn finding(&mut self, found: &Found) {
        self.text.finding(found);
        self.ndjson.finding(found);
        self.timeline.finding(found);
        let lines = self.json();
        self.early.extend(lines);
    }

    fn payload_packet(&mut self, packet: PayloadPacket<'_>) {
        self.timeline.payload_packet(packet);
    }
}

fn rules(findings: &[Found]) -> BTreeSet<&'static str> {
    findings.iter().map(|found| found.finding.rule.id).collect()
}

fn shown(timeline: &Timeline, entry: &Entry<'_>) -> Shown {
    match entry.kind {
        EntryKind::Frame(frame) if !timeline.takes_frame(frame) => Shown::AsLine,
        EntryKind::Opened
        | EntryKind::Finding
        | EntryKind::Dns(_)
        | EntryKind::Icmp(_)
        | EntryKind::Capture(_)
        | EntryKind::Tls(Observation::Record(_) | Observation::Lost) => Shown::Nowhere,
        // The end of the connection says that it was refused.
        EntryKind::Reset if entry.connection.unwrap().state == TcpState::Refused => Shown::AsRow,
        // FIN or RST has said it.
        EntryKind::Ended { .. } => Shown::AsRow,
        // With a short snap length there is one in every large packet.
        EntryKind::Gap(gap) if gap.cause == GapCause::SnapLength => Shown::AsRow,
        _ => Shown::Everywhere,
    }
}

/// Whether an entry is one that any connection may have, whatever it carries: of a connection that
/// the screen does not show so far it keeps none, and its findings are at the end.
fn is_plain(entry: &Entry<'_>) -> bool {
    matches!(
        entry.kind,
        EntryKind::Fin
            | EntryKind::Reset
            | EntryKind::Request(_)
            | EntryKind::Response(_)
            | EntryKind::Limit(_)
    )
}

/// The samples, and the captures next to the project if there are any.
fn captures() -> (Vec<PathBuf>, Vec<PathBuf>) {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let of = |folder: &Path| {
        let entries = fs::read_dir(folder).ok().into_iter().flatten();
        let paths = entries.map(|entry| entry.unwrap().path());
        let mut paths: Vec<_> = paths
            .filter(|path| path.is_file() && path.to_string_lossy().contains(".pcap"))
            .collect();
        paths.sort();
        paths
    };
    let samples = of(&project.join("samples"));
    assert!(!samples.is_empty());
    let shared = project.join("../shared/captures");
    let mut others = Vec::new();
    for folder in fs::read_dir(&shared).ok().into_iter().flatten() {
        others.extend(of(&folder.unwrap().path()));
    }
    others.sort();
    if others.is_empty() {
        eprintln!("skipped: no captures in {}", shared.display());
    }
    (samples, others)
}

/// Reads a capture into a journal; a damaged one up to the damage.
fn read<J: Journal>(
    path: &Path,
    pipeline: &mut Pipeline,
    journal: &mut J,
    mut each: impl FnMut(&mut J, &capture::Packet<'_>) -> u64,
) -> Option<Summary> {
    let mut source = capture::open(path).ok()?;
    while let Ok(Some(packet)) = source.next_packet() {
        let file_offset = each(journal, &packet);
        pipeline.push(&capture::Packet { file_offset, ..packet }, journal);
    }
    let packets = pipeline.totals().packets;
    Some(pipeline.finish(&Reading { packets, ..Reading::default() }, journal))
}

fn pipeline() -> Pipeline {
    // As `print` reads for a filter on contents, and every row is marked.
    let options = AnalyzerOptions { keep: LIMITS.content, ..AnalyzerOptions::default() };
    Pipeline::new(options, Settings { each: u64::MAX, ..Settings::default() })
}

#[test]
fn rows_and_lines_are_about_the_same() {
    let (samples, others) = captures();
    for path in samples.iter().chain(&others) {
        let name = path.display().to_string();
        let mut everything = Everything::new();
        let read = read(path, &mut pipeline(), &mut everything, |all, packet| {
            all.timeline.packet(packet);
            packet.file_offset
        });
        if read.is_some() {
            assert_agreement(&name, &everything);
        }
    }
}

fn assert_agreement(name: &str, all: &Everything) {
    for made in &all.made {
        let what = format!("{name}: {}: {made:#?}", made.what);
        match made.shown {
            Shown::Everywhere => assert!(made.row.is_some() && !made.text.is_empty(), "{what}"),
            Shown::AsRow => assert!(made.row.is_some(), "{what}"),
            Shown::AsPrinted => {
                let id = made.connection.filter(|_| !made.text.is_empty());
                let is_shown = id.is_some_and(|id| all.timeline.connection(id).is_some());
                assert!(!is_shown || made.row.is_some(), "{what}");
            }
            Shown::AsLine | Shown::Nowhere => {}
        }
        let Some(row) = made.row.and_then(|id| all.timeline.row(id)) else { continue };
        assert_same(&row, made, &what);
        // A row may have more: what was found late, or of entries without a row.
        let found: BTreeSet<_> =
            all.timeline.findings_of(row.id).map(|it| it.finding.rule.id).collect();
        assert!(made.rules.is_subset(&found), "{what}: {found:?}");
        let is_line = made.shown == Shown::Everywhere && row.scope == RowScope::Both;
        if let Some(line) = made.text.last().filter(|_| is_line) {
            for rule in made.new_rules.iter().filter(|rule| !rule.starts_with("CAP")) {
                assert!(made.text.iter().any(|line| line.contains(rule)), "{what}: {line}");
            }
        }
    }
    // Late ones included, every finding is printed and kept, with the same packets.
    let is_found = |line: &&Value| line["type"] == "finding" || line["type"] == "cause";
    let printed: Vec<_> = all.early.iter().filter(is_found).collect();
    assert_eq!(printed.len(), all.timeline.findings().len(), "{name}");
    for (line, found) in printed.iter().zip(all.timeline.findings()) {
        let finding = &found.finding;
        assert_eq!(line["rule"], finding.rule.id, "{name}");
        assert_eq!(line["connection"].as_u64(), finding.connection.map(|id| id.0), "{name}");
        let shown = finding.connection.and_then(|id| all.timeline.connection(id));
        let is_placed = shown.is_none() || found.row.is_some();
        let is_same = |it: &&FindingRow| {
            it.finding.rule.id == finding.rule.id && it.finding.connection == finding.connection
        };
        // A message is not given more than some of each rule.
        let is_one_of_many = || all.timeline.findings().iter().filter(is_same).count() > MANY;
        assert!(is_placed || is_one_of_many(), "{name}: {found:?} has no row");
    }
    // Of the connections that both show, the outcomes.
    let lines = all.made.iter().flat_map(|made| &made.ndjson);
    for line in lines.filter(|line| line["type"] == "connection") {
        let id = line["connection"].as_u64().unwrap();
        let of_row = all.timeline.connections().iter().find(|it| it.id.0 == id);
        if let Some(row) = of_row {
            assert_eq!(line["outcome"], row.outcome.unwrap().name(), "{name}: connection {id}");
            assert_eq!(line["client"], row.client.to_string(), "{name}: connection {id}");
        }
    }
}

/// A row and the JSON line of the same entry.
fn assert_same(row: &Row, made: &Made, what: &str) {
    let line = made.ndjson.iter().find(|line| {
        ["message", "frame", "handshake", "connection"].iter().any(|it| line["type"] == *it)
    });
    let packets = serde_json::json!([row.first.0, row.last.0]);
    match (row.kind, line) {
        (RowKind::Message(opcode), Some(line)) => {
            assert_eq!(line["type"], "message", "{what}");
            assert_eq!(line["opcode"], opcode.name(), "{what}");
            assert_eq!(line["packets"], packets, "{what}");
            assert_eq!(line["direction"], row.direction.unwrap().name(), "{what}");
            assert_eq!(line["length"], row.length, "{what}");
            assert_eq!(line["wire_length"], row.wire_length, "{what}");
            assert_eq!(line["complete"], row.complete, "{what}");
            assert_eq!(line["close_code"].as_u64(), row.close_code.map(u64::from), "{what}");
        }
        (RowKind::Frame { fin, rsv, opcode }, Some(line)) => {
            assert_eq!(line["type"], "frame", "{what}");
            assert_eq!((&line["fin"], &line["rsv"]), (&fin.into(), &rsv.into()), "{what}");
            assert_eq!((&line["opcode"], &line["packets"]), (&opcode.into(), &packets), "{what}");
            assert_eq!(line["offset"], row.offset, "{what}");
        }
        (RowKind::Response(status), Some(line)) => {
            assert_eq!(line["type"], "handshake", "{what}");
            assert_eq!(line["status"].as_u64().unwrap_or(0), u64::from(status), "{what}");
            assert_eq!(line["packets"][1], row.last.0, "{what}");
        }
        (RowKind::NoResponse, Some(line)) => {
            assert_eq!(line["status"], Value::Null, "{what}");
        }
        (RowKind::Ended(outcome), Some(line)) => {
            assert_eq!(
                (&line["type"], &line["outcome"]),
                (&"connection".into(), &outcome.name().into()),
                "{what}"
            );
        }
        (RowKind::Message(_) | RowKind::Frame { .. } | RowKind::Response(_), None) => {
            unreachable!("{what} has no JSON line")
        }
        _ => {}
    }
}

/// A timeline, and the JSON lines of messages.
struct Saved {
    timeline: Timeline,
    printed: Ndjson<Written>,
}

impl Journal for Saved {
    fn entry(&mut self, entry: &Entry<'_>) {
        self.timeline.entry(entry);
        if let EntryKind::Message(_) = entry.kind {
            self.printed.entry(entry);
        }
    }

    fn frame_started(&mut self, connection: &Connection, direction: Direction, frame: &Frame) {
        self.timeline.frame_started(connection, direction, frame);
    }

    fn payload_packet(&mut self, packet: PayloadPacket<'_>) {
        self.timeline.payload_packet(packet);
    }
}

#[test]
fn messages_are_saved_as_they_are_printed() {
    for (path, content) in captures().0.iter().zip([SAVE_LIMITS.content, 4].iter().cycle()) {
        let (selection, detail, findings) = (Selection::default(), Detail::Messages, Listing::No);
        let lines = Written::default();
        let options = NdjsonOptions { selection, detail, findings, max_payload: *content };
        let printed = Ndjson::new(lines.clone(), options);
        let mut saved = Saved { timeline: Timeline::new(), printed };
        let spool = Spool::new(Spool::LIMIT).unwrap();
        let options =
            AnalyzerOptions { keep: *content, digest: true, ..AnalyzerOptions::default() };
        let mut pipeline = Pipeline::new(options, Settings::default());
        let is_read = read(path, &mut pipeline, &mut saved, |saved, packet| {
            let file_offset = spool.push(packet).unwrap();
            saved.timeline.packet(&capture::Packet { file_offset, ..*packet });
            file_offset
        });
        assert!(is_read.is_some());
        saved.printed.flush().unwrap();
        let timeline = &saved.timeline;
        let limits = OpenLimits { content: *content, ..SAVE_LIMITS };
        let mut opener = Opener::new(&spool, limits);
        let rows = (0..timeline.rows()).map(RowId).filter_map(|id| timeline.row(id));
        let messages = rows.filter(Row::is_message);
        for (row, printed) in messages.zip(lines.take_lines()) {
            let mut line = Vec::new();
            let opened = opener.open(timeline, row.id).unwrap();
            export::write_json(&row, &opened, *content, &mut line);
            assert_eq!(String::from_utf8(line).unwrap().trim_end(), printed, "{}", path.display());
        }
    }
}

/// Messages by connection, direction and place in the stream.
type Messages = BTreeSet<(u64, Direction, u64)>;

/// What a filter leaves of a report.
#[derive(Debug, Default)]
struct Chosen {
    messages: Messages,
    findings: usize,
    matched: u64,
}

impl Journal for Chosen {
    fn entry(&mut self, entry: &Entry<'_>) {
        if let EntryKind::Message(message) = entry.kind {
            let id = entry.connection.unwrap().id.0;
            self.messages.insert((id, entry.direction.unwrap(), message.span.start));
        }
    }

    fn finding(&mut self, _: &Found) {
        self.findings += 1;
    }
}

impl Report for Chosen {
    fn finish(&mut self, summary: &Summary) -> io::Result<()> {
        self.matched = summary.matched.unwrap().messages.all();
        Ok(())
    }
}

/// A timeline, and what is found late.
#[derive(Default)]
struct FirstPass {
    timeline: Timeline,
    hindsight: Hindsight,
}

impl Journal for FirstPass {
    fn entry(&mut self, entry: &Entry<'_>) {
        self.timeline.entry(entry);
        self.hindsight.entry(entry);
    }

    fn takes_frame(&self, frame: &Frame) -> bool {
        self.timeline.takes_frame(frame)
    }

    fn frame_started(&mut self, connection: &Connection, direction: Direction, frame: &Frame) {
        self.timeline.frame_started(connection, direction, frame);
    }

    fn finding(&mut self, found: &Found) {
        self.timeline.finding(found);
        self.hindsight.finding(found);
    }

    fn payload_packet(&mut self, packet: PayloadPacket<'_>) {
        self.timeline.payload_packet(packet);
    }
}

/// Gives entries to several journals.
struct Several<J>(Vec<J>);

impl<J: Journal> Journal for Several<J> {
    fn entry(&mut self, entry: &Entry<'_>) {
        self.0.iter_mut().for_each(|it| it.entry(entry));
    }

    fn frame_started(&mut self, connection: &Connection, direction: Direction, frame: &Frame) {
        self.0.iter_mut().for_each(|it| it.frame_started(connection, direction, frame));
    }

    fn finding(&mut self, found: &Found) {
        self.0.iter_mut().for_each(|it| it.finding(found));
    }
}

/// What `print -Y` and `check -Y` make of the same entries.
struct Asked<'r> {
    print: Filtered<'r, Chosen>,
    check: CheckCollector,
}

impl Journal for Asked<'_> {
    fn entry(&mut self, entry: &Entry<'_>) {
        self.print.entry(entry);
        self.check.entry(entry);
    }

    fn frame_started(&mut self, connection: &Connection, direction: Direction, frame: &Frame) {
        self.print.frame_started(connection, direction, frame);
        self.check.frame_started(connection, direction, frame);
    }

    fn finding(&mut self, found: &Found) {
        self.print.finding(found);
        self.check.finding(found);
    }
}

#[test]
fn filters_choose_the_same_everywhere() {
    let expressions = expressions();
    let (samples, others) = captures();
    for path in &samples {
        assert_filters(path, &expressions);
    }
    // Of the others, each is asked some of them.
    for (number, path) in others.iter().enumerate() {
        let some = expressions.iter().skip(number % SHARE).step_by(SHARE).cloned();
        assert_filters(path, &some.collect::<Vec<_>>());
    }
}

fn assert_filters(path: &Path, expressions: &[String]) {
    let spool = Spool::new(Spool::LIMIT).unwrap();
    let mut first = FirstPass::default();
    let mut start = None;
    let is_read = read(path, &mut pipeline(), &mut first, |first, packet| {
        let file_offset = spool.push(packet).unwrap();
        start.get_or_insert(packet.time);
        first.timeline.packet(&capture::Packet { file_offset, ..*packet });
        file_offset
    });
    let (Some(_), Some(start)) = (is_read, start) else { return };
    let FirstPass { timeline, hindsight } = first;
    let hindsight = Arc::new(hindsight);
    let filters: Vec<Filter> =
        expressions.iter().map(|text| Filter::parse(text).expect(text)).collect();
    let mut chosen: Vec<Chosen> = filters.iter().map(|_| Chosen::default()).collect();
    let asked = filters.iter().zip(&mut chosen).map(|(filter, chosen)| {
        let matcher = Matcher::new(filter.clone()).with_hindsight(Some(Arc::clone(&hindsight)));
        let (selection, detail) = (Selection::default(), Detail::Messages);
        let intake = Intake { selection, detail, keep: 16, digest: Digest::Unwanted };
        let choice = CheckChoice { filter: Some(filter.clone()), ..CheckChoice::default() };
        let check = CheckCollector::new(choice).with_hindsight(Some(Arc::clone(&hindsight)));
        let mut asked = Asked { print: Filtered::new(chosen, matcher, intake), check };
        asked.print.start(start);
        asked.check.start(start);
        asked
    });
    let mut asked = Several(asked.collect());
    let mut second = pipeline().with_hindsight(Some(Arc::clone(&hindsight)));
    let summary = read(path, &mut second, &mut asked, |_, packet| packet.file_offset).unwrap();
    let checked: Vec<usize> = asked
        .0
        .into_iter()
        .map(|mut asked| {
            asked.print.finish(&summary).unwrap();
            asked.check.into_checked(String::new(), Extent::Whole).count()
        })
        .collect();
    let world = World { timeline: &timeline, store: &spool };
    for (place, filter) in filters.iter().enumerate() {
        let what = format!("{}: -Y '{}'", path.display(), expressions[place]);
        let printed = &chosen[place];
        assert_eq!(of_screen(world, filter), printed.messages, "{what}");
        // `stats` counts what the same filter lets pass.
        assert_eq!(printed.matched, u64::try_from(printed.messages.len()).unwrap(), "{what}");
        assert_eq!(checked[place], printed.findings, "{what}: findings");
    }
}

/// The messages that the screen shows.
fn of_screen(world: World<'_>, filter: &Filter) -> Messages {
    let mut chooser = Chooser::new(filter.clone());
    let mut opener = Opener::resume(world.store, LIMITS, ResumePoints::new(64), u64::MAX);
    let rows = (0..world.timeline.rows()).map(RowId).filter_map(|id| world.timeline.row(id));
    rows.filter(Row::is_message)
        .filter(|row| chooser.matches(row, world, &mut opener).unwrap())
        .map(|row| (row.connection.0, row.direction.unwrap(), row.offset))
        .collect()
}

/// Every field with its operators and some values, and combinations of them.
fn expressions() -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for field in FIELDS {
        let name = field.name;
        let mut add = |test: &str| all.push(format!("{name} {test}").trim().to_owned());
        match field.kind {
            FieldType::Flag => ["", "== true", "!= true"].into_iter().for_each(add),
            FieldType::Number | FieldType::Size => {
                ["", "== 1", "!= 0", ">= 5", "< 126", "in {2, 101, 1000..1011}"]
                    .into_iter()
                    .for_each(add);
            }
            FieldType::Ratio => ["", "< 0.5", ">= 100%"].into_iter().for_each(add),
            FieldType::Duration => ["> 1ms", "<= 50ms", "in {1ms..1s}"].into_iter().for_each(add),
            FieldType::Text => {
                ["", "contains \"a\"", "matches \"[0-9]+\"", "!= \"chat\"", "== \"/chat\""]
                    .into_iter()
                    .for_each(add);
            }
            FieldType::Bytes => ["", "contains 61", "!= 00:00:00:00"].into_iter().for_each(add),
            FieldType::Address(ports) => {
                ["== 127.0.0.1", "!= 10.0.0.0/8", "in {::1, 127.0.0.0/8}"]
                    .into_iter()
                    .for_each(&mut add);
                if ports == Ports::Yes {
                    add("== 127.0.0.1:8080");
                }
            }
            FieldType::Rule => ["", "== WS", "== WS-F01", "!= WS-C", "in {NET, WS-C16, WS-F15}"]
                .into_iter()
                .for_each(add),
            FieldType::Name(names) => {
                for named in names.list {
                    add(&format!("== {}", named.name));
                }
                add(&format!("!= {}", names.list[0].name));
                if names.order == NameOrder::Ordered {
                    add(&format!(">= {}", names.list[1].name));
                }
            }
            FieldType::Json => all.extend([
                "json(\".type\")".to_owned(),
                "json(\".type\") == \"subscribe\"".to_owned(),
                "json(\".id\") >= 2".to_owned(),
            ]),
        }
    }
    all.extend(
        [
            "kind == message and rule",
            "kind == message and not rule",
            "kind == message and severity >= warning and from == server",
            "side == server or state == reset",
            "outcome == aborted and opcode == text",
            "cause and kind == message",
            "not (outcome == closed) and length > 3",
            "rule == WS-C16 and close_code",
            "text contains \"a\" and fin and not compressed",
            "path contains \"/\" and (opcode == ping or opcode == pong)",
            "status == 101 and time < 1s and packet > 10",
        ]
        .map(str::to_owned),
    );
    all
}

/// Findings of a rule that one message is given.
const MANY: usize = 64;

/// Of other captures, each is asked one expression of so many.
const SHARE: usize = 25;
