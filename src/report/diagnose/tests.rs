//! The formats, with connections made by hand.

use std::sync::Arc;

use super::*;
use crate::analysis::Totals;
use crate::analysis::event::{
    Connection, ConnectionEvent, ConnectionId, Nature, Opening, Outcome, Reset, TcpState,
};
use crate::capture::{ListeningSocket, ListeningSockets, LocalSockets, Process};
use crate::findings::{Findings, Reading};
use crate::journal::{Assembly, Builder};
use crate::report::Report;
use crate::report::fixture::{connection, ending, finding, handshake, origin, send};
use crate::report::style::Coloring;
use crate::stream::Direction;

/// A connection that was refused, from the same host to the same port as all of them.
fn refused(id: u64) -> Connection {
    let mut about = connection(id);
    about.client.set_port(50_000 + u16::try_from(id).unwrap());
    (about.nature, about.state) = (Nature::Unknown, TcpState::Refused);
    (about.first, about.last) = (origin(id * 10), origin(id * 10 + 1));
    about.network.opening = Opening { syns: 1, first_syn: Some(about.first), ..Opening::default() };
    about.network.reset = Some(Reset { by: Direction::ServerToClient, origin: about.last });
    about
}

fn collected(feed: impl FnOnce(&mut Assembly<'_, DiagnoseCollector>)) -> Diagnosis {
    let mut collector = DiagnoseCollector::new(DiagnoseChoice::default());
    let mut builder = Builder::new();
    feed(&mut builder.feeding(&mut collector));
    collector.finish(&builder.summary(Totals::default(), &Reading::default())).unwrap();
    collector.into_diagnosis("feed.pcap".to_owned(), Extent::Whole)
}

fn options(columns: usize, breadth: Breadth) -> DiagnoseOptions {
    DiagnoseOptions {
        style: Style::new(Coloring::Off),
        columns: Some(columns),
        selection: Selection { breadth, ..Selection::default() },
        scope: Scope::Everything,
        files: Files::One,
    }
}

fn written(format: DiagnoseFormat, diagnosis: &Diagnosis, options: DiagnoseOptions) -> String {
    let mut out = Vec::new();
    let mut writer = format.writer(&mut out, options);
    writer.file(diagnosis).unwrap();
    writer.finish().unwrap();
    drop(writer);
    String::from_utf8(out).unwrap()
}

/// Three refused attempts, and one connection that was cut.
fn failures(collector: &mut Assembly<'_, DiagnoseCollector>) {
    for id in 1..=3 {
        let about = refused(id);
        collector.finding(&finding("NET-01", id));
        send(collector, id * 10, &about, ending(Outcome::Refused));
    }
    let mut about = connection(4);
    about.state = TcpState::HalfClosed(Direction::ServerToClient);
    let whole = handshake();
    send(collector, 43, &about, ConnectionEvent::HandshakeEnded(&whole));
    send(collector, 48, &about, ConnectionEvent::StateChanged);
    collector.finding(&finding("WS-C12", 4));
    send(collector, 49, &about, ending(Outcome::Aborted));
}

#[test]
fn similar_failures_are_reported_once() {
    let diagnosis = collected(failures);
    let folded = written(DiagnoseFormat::Text, &diagnosis, options(100, Breadth::Relevant));
    assert!(folded.starts_with("connections 1-3   127.0.0.1 → [::1]:8080   failed: "), "{folded}");
    assert!(folded.contains("3 attempts like this, every 10.0 ms; the first:"), "{folded}");
    assert!(folded.contains("\nconnection 4   "), "{folded}");
    let last = "4 connections: 3 failed (connection refused 3), 1 dropped (ended without Close 1)";
    assert!(folded.trim_end().ends_with(last), "{folded}");
    let unfolded = written(DiagnoseFormat::Text, &diagnosis, options(100, Breadth::All));
    for id in 1..=4 {
        assert!(unfolded.contains(&format!("connection {id}   ")), "{unfolded}");
    }
}

#[test]
fn similar_failures_of_several_hosts_are_reported_once() {
    let diagnosis = collected(|collector| {
        for id in 1..=3 {
            let mut about = refused(id);
            about.client.set_ip([10, 0, 0, u8::try_from(id).unwrap()].into());
            collector.finding(&finding("NET-01", id));
            send(collector, id * 10, &about, ending(Outcome::Refused));
        }
    });
    let text = written(DiagnoseFormat::Text, &diagnosis, options(100, Breadth::Relevant));
    assert!(text.starts_with("connections 1-3   3 hosts → [::1]:8080   failed: "), "{text}");
}

#[test]
fn lines_fit_every_terminal_and_nothing_acts_upon_it() {
    let diagnosis = collected(failures);
    for columns in [40, 60, 80, 100, 200] {
        let text = written(DiagnoseFormat::Text, &diagnosis, options(columns, Breadth::Relevant));
        for line in text.lines() {
            assert!(line.chars().count() <= columns.min(100), "{columns}: {line}");
        }
        assert!(!text.contains('\x1b'), "{columns}");
        assert!(text.contains("\\x1b[2J"), "{columns}: escaped, and not left out");
    }
}

#[test]
fn failures_come_before_successes() {
    let diagnosis = collected(|collector| {
        let whole = handshake();
        send(collector, 1, &connection(1), ConnectionEvent::HandshakeEnded(&whole));
        send(collector, 9, &connection(1), ending(Outcome::Open));
        collector.finding(&finding("NET-01", 2));
        send(collector, 21, &refused(2), ending(Outcome::Refused));
    });
    let text = written(DiagnoseFormat::Text, &diagnosis, options(100, Breadth::Relevant));
    let place = |words: &str| text.find(words).unwrap();
    assert!(place("connection 2 ") < place("connection 1 "), "{text}");
    assert_eq!(diagnosis.worst(), Some(Severity::Error));
}

#[test]
fn findings_after_the_end_of_a_connection_belong_to_it() {
    let diagnosis = collected(|collector| {
        collector.finding(&finding("NET-01", 1));
        send(collector, 11, &refused(1), ending(Outcome::Refused));
        collector.finding(&finding("NET-11", 1));
    });
    let lines = written(DiagnoseFormat::Ndjson, &diagnosis, options(100, Breadth::Relevant));
    let line: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(line["cause"], serde_json::json!(["NET-01", "NET-11"]));
    assert_eq!((&line["connection"], &line["verdict"]), (&1.into(), &"failed".into()));
}

#[test]
fn a_failure_that_seemed_not_to_matter_keeps_its_cause_if_it_does() {
    let diagnosis = collected(|collector| {
        collector.finding(&Finding { severity: Severity::Note, ..finding("NET-01", 1) });
        send(collector, 11, &refused(1), ending(Outcome::Refused));
    });
    let text = written(DiagnoseFormat::Text, &diagnosis, options(100, Breadth::Relevant));
    assert!(text.contains("failed: connection refused"), "{text}");
    assert_eq!(diagnosis.worst(), Some(Severity::Error));
}

#[test]
fn a_refusal_on_this_machine_names_who_listens_instead() {
    let node = Arc::new(Process { pid: 4711, command: "/usr/bin/node feed.js".to_owned() });
    let socket = |address: &str, process| ListeningSocket {
        address: address.parse().unwrap(),
        process: Some(Arc::clone(process)),
    };
    #[rustfmt::skip]
    let rows = [
        (
            "on the other family",
            ListeningSockets { port: vec![socket("127.0.0.1:8080", &node)], others: Vec::new() },
            "port 8080 is open only on 127.0.0.1",
            ["Port 8080 is open only on 127.0.0.1, by node feed.js (pid 4711).", "Do     Let the server listen on both"],
        ),
        (
            "on another port",
            ListeningSockets { port: Vec::new(), others: vec![socket("[::1]:3000", &node)] },
            "failed: connection refused",
            ["Nothing listens on port 8080; node feed.js (pid 4711) listens on 3000.", "Do     Start the server on this port"],
        ),
    ];
    for (name, listening, verdict, why) in rows {
        let diagnosis = collected(|collector| {
            let mut about = refused(1);
            let sockets = LocalSockets { listening: Some(listening), ..LocalSockets::default() };
            about.carrier.sockets = Some(Arc::new(sockets));
            collector.finding(&finding("NET-01", 1));
            send(collector, 11, &about, ending(Outcome::Refused));
        });
        let text = written(DiagnoseFormat::Text, &diagnosis, options(100, Breadth::Relevant));
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for words in [&[verdict][..], &why].concat() {
            let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(text.contains(&words), "{name}: {words}: {text}");
        }
        assert!(!text.contains("The machine is reachable"), "{name}: {text}");
    }
}

#[test]
fn connections_without_websocket_have_no_story() {
    let diagnosis = collected(|collector| {
        let mut about = connection(1);
        about.nature = Nature::Http;
        let watched_until = origin(9).time;
        let ended = crate::analysis::event::Ending {
            outcome: Outcome::NotWebSocket,
            relevant: false,
            unseen: None,
            watched_until,
        };
        send(collector, 9, &about, ConnectionEvent::Ended(ended));
    });
    let text = written(DiagnoseFormat::Text, &diagnosis, options(100, Breadth::Relevant));
    assert_eq!(text, "0 connections\n");
}

#[test]
fn failures_before_any_connection_have_a_block_of_their_own() {
    let diagnosis = collected(|collector| {
        let mut lookup = finding("NET-05", 1);
        lookup.connection = None;
        collector.finding(&lookup);
    });
    let text = written(DiagnoseFormat::Text, &diagnosis, options(100, Breadth::Relevant));
    assert!(text.starts_with("no connection   failed: name did not resolve"), "{text}");
    assert_eq!(diagnosis.worst(), Some(Severity::Error));
    let one = DiagnoseOptions {
        selection: Selection { connections: vec![ConnectionId(1)], ..Selection::default() },
        ..options(100, Breadth::Relevant)
    };
    assert!(!written(DiagnoseFormat::Text, &diagnosis, one).contains("no connection"));
}
