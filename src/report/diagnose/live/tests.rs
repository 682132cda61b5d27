//! What is written while a capture continues, and what refers to it later.

use std::cell::RefCell;
use std::rc::Rc;

use serde_json::Value;

use super::*;
use crate::analysis::Totals;
use crate::analysis::event::{ConnectionEvent, Nature, Outcome, TcpState};
use crate::findings::{Findings, Reading};
use crate::journal::{Assembly, Builder};
use crate::report::Selection;
use crate::report::check::Files;
use crate::report::diagnose::{DiagnoseChoice, DiagnoseFormat, Scope};
use crate::report::fixture::{connection, ending, finding, handshake, origin, send};
use crate::report::style::{Coloring, Style};

/// What is written, readable meanwhile.
#[derive(Clone, Default)]
struct SharedOutput(Rc<RefCell<Vec<u8>>>);

impl SharedOutput {
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.borrow_mut())).unwrap()
    }
}

impl io::Write for SharedOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn options() -> DiagnoseOptions {
    DiagnoseOptions {
        style: Style::new(Coloring::Off),
        columns: Some(100),
        selection: Selection::default(),
        scope: Scope::Everything,
        files: Files::One,
    }
}

/// The events of a packet, and what is found in it.
type Packet = fn(&mut Assembly<'_, LiveDiagnosis<'_>>);

/// What is written after each packet, and at last at the end of the capture, where `late` is found.
fn written(
    format: DiagnoseFormat,
    options: DiagnoseOptions,
    packets: &[Packet],
    late: Packet,
) -> Vec<String> {
    let out = SharedOutput::default();
    let mut texts = Vec::new();
    let mut sink = out.clone();
    let mut writer = format.writer(&mut sink, options.clone());
    let collector = DiagnoseCollector::new(DiagnoseChoice::default());
    let mut live = LiveDiagnosis::new(collector, &mut *writer, options);
    let mut builder = Builder::new();
    for packet in packets {
        packet(&mut builder.feeding(&mut live));
        live.related(&RelatedConnections::default());
        live.check().unwrap();
        texts.push(out.take());
    }
    builder.end_events();
    late(&mut builder.feeding(&mut live));
    live.finish(&builder.summary(Totals::default(), &Reading::default())).unwrap();
    let diagnosis = live.into_diagnosis("lo".to_owned(), Extent::Whole);
    writer.file(&diagnosis).unwrap();
    writer.finish().unwrap();
    drop(writer);
    texts.push(out.take());
    texts
}

/// A connection that nobody has opened before, and its refusal.
fn refuse(out: &mut Assembly<'_, LiveDiagnosis<'_>>, id: u64) {
    let mut about = connection(id);
    (about.nature, about.state) = (Nature::Unknown, TcpState::Refused);
    about.first = origin(id * 10);
    send(out, id * 10, &about, ConnectionEvent::Opened);
    out.finding(&finding("NET-01", id));
    send(out, id * 10, &about, ending(Outcome::Refused));
}

fn open(out: &mut Assembly<'_, LiveDiagnosis<'_>>, id: u64) {
    send(out, id * 10, &connection(id), ConnectionEvent::Opened);
    let whole = handshake();
    send(out, id * 10, &connection(id), ConnectionEvent::HandshakeEnded(&whole));
}

fn close(out: &mut Assembly<'_, LiveDiagnosis<'_>>, id: u64) {
    send(out, id * 10, &connection(id), ending(Outcome::Closed));
}

const NOTHING: Packet = |_| {};

#[test]
fn a_story_is_written_when_its_connection_has_ended() {
    let packets: &[Packet] = &[|out| open(out, 1), |out| refuse(out, 2), |out| close(out, 1)];
    let texts = written(DiagnoseFormat::Text, options(), packets, |out| open(out, 3));
    assert_eq!(texts[0], "");
    assert!(texts[1].starts_with("connection 2   ") && texts[1].contains("  Do  "), "{texts:?}");
    assert!(
        texts[2].starts_with("\nconnection 1   ") && texts[2].lines().count() == 2,
        "{texts:?}"
    );
    assert_eq!(texts[3], "\n2 connections: 1 fine, 1 failed (connection refused 1)\n");
}

#[test]
fn what_is_like_an_earlier_story_refers_to_it() {
    let packets: &[Packet] = &[|out| refuse(out, 1), |out| refuse(out, 2), |out| refuse(out, 3)];
    let texts = written(DiagnoseFormat::Text, options(), packets, NOTHING);
    let line = |id: u64| {
        format!("connection {id}   127.0.0.1:50312 → [::1]:8080   failed: like connection 1, above")
    };
    assert!(texts[1].starts_with(&format!("\n{}", line(2))), "{texts:?}");
    assert!(texts[2].starts_with(&line(3)) && texts[2].lines().count() == 1, "{texts:?}");
    let all = DiagnoseOptions {
        selection: Selection { breadth: crate::report::Breadth::All, ..Selection::default() },
        ..options()
    };
    let texts = written(DiagnoseFormat::Text, all, packets, NOTHING);
    assert!(texts[2].contains("  Why  "), "{texts:?}");
}

#[test]
fn what_is_found_later_refers_to_stories_that_were_written() {
    let packets: &[Packet] = &[|out| refuse(out, 1), |out| refuse(out, 2)];
    let late: Packet = |out| {
        for id in 1..=2 {
            out.finding(&finding("NET-04", id));
        }
    };
    let texts = written(DiagnoseFormat::Text, options(), packets, late);
    let update = "\nconnections 1-2, above   failed: refused on one address family only";
    assert!(texts[2].starts_with(update), "{texts:?}");
    assert!(texts[2].contains("NET-04, NET-01") && texts[2].contains("  Do  "), "{texts:?}");
    let last = "2 connections: 2 failed (refused on one address family only 2)\n";
    assert!(texts[2].ends_with(last), "{texts:?}");
    let lines = written(DiagnoseFormat::Ndjson, options(), packets, late);
    let types: Vec<Value> = lines
        .iter()
        .flat_map(|text| text.lines())
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["type"].take())
        .collect();
    assert_eq!(types, ["connection", "connection", "update", "summary"]);
    let update: Value = serde_json::from_str(lines[2].lines().next().unwrap()).unwrap();
    assert_eq!(
        (&update["connections"], &update["cause"]),
        (&serde_json::json!([1, 2]), &serde_json::json!(["NET-04", "NET-01"]))
    );
}

/// A connection that is cut; what it shows together with others was found, if they are already known.
fn cut(out: &mut Assembly<'_, LiveDiagnosis<'_>>, id: u64, found_with: &[u64]) {
    open(out, id);
    out.finding(&finding("WS-C12", id));
    for other in found_with {
        let found = aged(*other);
        if *other == id { out.finding(&found) } else { out.found_later(&found) }
    }
    close(out, id);
}

/// What a connection shows together with the first one.
fn aged(id: u64) -> Finding {
    let peers = finding("WHY-40", id).peers;
    let (group, direction, side) = (Some(ConnectionId(1)), None, None);
    let evidence = "connections ended 30.0 s after the handshake".to_owned();
    Finding { peers, group, direction, side, evidence, ..finding("WHY-40", id) }
}

#[test]
fn a_group_is_explained_once_and_others_refer_to_that() {
    let packets: &[Packet] = &[
        |out| cut(out, 1, &[]),
        |out| cut(out, 2, &[1, 2]),
        |out| cut(out, 3, &[3]),
        // Still open when the capture ends.
        |out| open(out, 4),
    ];
    let late: Packet = |out| {
        close(out, 4);
        out.finding(&aged(4));
    };
    let texts = written(DiagnoseFormat::Text, options(), packets, late);
    let verdict = "dropped: ended at its maximum age";
    assert!(texts[0].contains("dropped: ended without a Close"), "{texts:?}");
    assert!(texts[1].contains(verdict) && texts[1].contains("  Do  "), "{texts:?}");
    let update = format!("connection 1, above   {verdict}, like connection 2");
    assert_eq!(texts[1].matches("  Why  ").count(), 1, "{texts:?}");
    assert!(texts[1].lines().last().unwrap().starts_with(&update), "{texts:?}");
    let line = "connection 3   127.0.0.1:50312 → [::1]:8080   dropped: like connection 2, above";
    assert!(texts[2].starts_with(line) && texts[2].lines().count() == 1, "{texts:?}");
    // The last one shows what all of them have in common; what to do was said.
    assert!(texts[4].contains("dropped: like connection 2, above"), "{texts:?}");
    assert!(texts[4].contains("  Why  ") && !texts[4].contains("  Do  "), "{texts:?}");
    let last = "4 connections: 4 dropped (ended at its maximum age 4)\n";
    assert!(texts[4].ends_with(last), "{texts:?}");
    let lines = written(DiagnoseFormat::Ndjson, options(), packets, late);
    let groups: Vec<Value> = lines
        .iter()
        .flat_map(|text| text.lines())
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["group"].take())
        .collect();
    let expected = serde_json::json!([[], [1, 2], [1, 2], [1, 2, 3], [1, 2, 3, 4], null]);
    assert_eq!(Value::from(groups), expected);
}

#[test]
fn a_cause_that_is_taken_back_corrects_the_stories_that_were_written() {
    let packets: &[Packet] = &[
        |out| cut(out, 1, &[]),
        |out| cut(out, 2, &[1, 2]),
        |out| {
            for (number, id) in [(1, 1), (3, 2)] {
                let (before, after) = (Severity::Error, Severity::Note);
                let rule = crate::findings::rule("WHY-40").unwrap();
                let withdrawn = Some(WithdrawnCause { connection: ConnectionId(id), rule });
                out.revised(Revision { number, before, after, is_cause: true, withdrawn });
            }
        },
    ];
    let texts = written(DiagnoseFormat::Text, options(), packets, NOTHING);
    let (first, last) =
        ("connections 1-2, above", "not ended at its maximum age, as what came later");
    assert!(texts[2].contains(first) && texts[2].replace("\n ", "").contains(last), "{texts:?}");
    assert!(texts[2].contains("WS-C12"), "{texts:?}");
    assert_eq!(texts[3], "\n2 connections: 2 dropped (ended without Close 2)\n");
    let lines = written(DiagnoseFormat::Ndjson, options(), packets, NOTHING);
    let update: Value = serde_json::from_str(&lines[2]).unwrap();
    let facts = ["connections", "withdrawn", "cause", "group"].map(|name| update[name].clone());
    assert_eq!(Value::from(facts.to_vec()), serde_json::json!([[1, 2], "WHY-40", ["WS-C12"], []]));
}

#[test]
fn a_story_that_the_options_exclude_is_written_once_they_include_it() {
    let failed = DiagnoseOptions { scope: Scope::Failed, ..options() };
    let packets: &[Packet] = &[|out| open(out, 1), |out| close(out, 1)];
    let texts = written(DiagnoseFormat::Text, failed.clone(), packets, NOTHING);
    assert_eq!(texts.concat(), "1 connection: 1 fine\n");
    let texts =
        written(DiagnoseFormat::Text, failed, packets, |out| out.finding(&finding("OPS-01", 1)));
    assert!(texts[1].is_empty() && texts[2].starts_with("connection 1   127"), "{texts:?}");
    assert!(texts[2].contains("dropped: "), "{texts:?}");
}

#[test]
fn memory_does_not_grow_with_the_connections_that_have_ended() {
    let out = SharedOutput::default();
    let mut sink = out.clone();
    let mut writer = DiagnoseFormat::Text.writer(&mut sink, options());
    let collector = DiagnoseCollector::new(DiagnoseChoice::default());
    let mut live = LiveDiagnosis::new(collector, &mut *writer, options());
    let mut builder = Builder::new();
    let mut kept = Vec::new();
    for round in 0..3 {
        for id in 0..REMEMBERED {
            let id = u64::try_from(round * REMEMBERED + id + 1).unwrap();
            refuse(&mut builder.feeding(&mut live), id);
            live.related(&RelatedConnections::default());
            live.check().unwrap();
            out.take();
        }
        kept.push(live.kept());
    }
    assert_eq!((kept[1], kept[2]), (kept[0], kept[0]));
    builder.end_events();
    // One that is not remembered any more.
    builder.feeding(&mut live).finding(&finding("NET-11", 1));
    live.finish(&builder.summary(Totals::default(), &Reading::default())).unwrap();
    let text = out.take();
    assert!(text.contains("connection 1, above   also: reconnect loop"), "{text}");
}
