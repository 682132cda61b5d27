use std::net::SocketAddr;

use serde_json::Value;

use super::*;
use crate::analysis::Totals;
use crate::analysis::event::{ConnectionEvent, ConnectionId, Outcome};
use crate::findings::{Findings, Reading, RuleName, rule};
use crate::journal::Builder;
use crate::report::fixture::{connection, ending, finding, handshake, send};
use crate::report::style::Coloring;
use crate::report::{Report, Selection};

fn options(files: Files) -> CheckOptions {
    CheckOptions {
        style: Style::new(Coloring::Off),
        columns: None,
        explanations: Explanations::Brief,
        least: Severity::Note,
        files,
    }
}

/// Connection 3 with three findings, one of them twice and 990 times more; connection 1 with one.
fn checked(choice: CheckChoice, file: &str) -> FileFindings {
    let mut collector = CheckCollector::new(choice);
    let mut builder = Builder::new();
    let mut assembly = builder.feeding(&mut collector);
    for id in [3, 1] {
        send(&mut assembly, 0, &connection(id), ConnectionEvent::Opened);
    }
    let handshake = handshake();
    send(&mut assembly, 1, &connection(3), ConnectionEvent::UpgradeRequested(&handshake));
    for id in ["WS-F15", "WS-F01", "WS-F01", "WS-F16"] {
        assembly.finding(&finding(id, 3));
    }
    send(&mut assembly, 5, &connection(3), ConnectionEvent::Opened);
    assembly.finding(&Finding { side: None, offset: None, ..finding("WS-F13", 1) });
    send(&mut assembly, 5, &connection(1), ConnectionEvent::Opened);
    assembly.folded(rule("WS-F01").unwrap(), ConnectionId(3), 990);
    send(&mut assembly, 9, &connection(3), ending(Outcome::Open));
    let totals = Totals { packets: 10, connections: 2, ..Totals::default() };
    let reading = Reading { packets: 10, ..Reading::default() };
    collector.finish(&builder.summary(totals, &reading)).unwrap();
    collector.into_checked(file.to_owned(), Extent::Whole)
}

fn written(format: CheckFormat, options: CheckOptions, files: &[FileFindings]) -> String {
    let mut out = Vec::new();
    let mut writer = format.writer(&mut out, options);
    for checked in files {
        writer.file(checked).unwrap();
    }
    writer.finish().unwrap();
    drop(writer);
    String::from_utf8(out).unwrap()
}

fn one(format: CheckFormat) -> String {
    written(format, options(Files::One), &[checked(CheckChoice::default(), "feed.pcap")])
}

#[test]
fn formats_are_found_by_name() {
    for &(format, name, _) in CheckFormat::TABLE {
        assert_eq!(CheckFormat::from_name(name), Some(format));
    }
    assert_eq!(CheckFormat::from_name("xml"), None);
}

#[test]
fn text_groups_by_connection_and_fits_its_columns() {
    let text = one(CheckFormat::Text);
    insta::assert_snapshot!(text);
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    let narrow = CheckOptions { columns: Some(50), ..options(Files::One) };
    let text = written(CheckFormat::Text, narrow, &[checked(CheckChoice::default(), "feed.pcap")]);
    let body = text.lines().filter(|line| line.starts_with("  "));
    assert!(body.clone().count() > 20, "{text}");
    assert!(body.clone().all(|line| line.chars().count() <= 50), "{text}");
}

#[test]
fn text_explains_on_request_and_sums_up_several_files() {
    let full = CheckOptions { explanations: Explanations::Full, ..options(Files::Several) };
    let choice =
        CheckChoice { only: vec![RuleName::parse("WS-F13").unwrap()], ..CheckChoice::default() };
    let none =
        CheckChoice { ignore: vec![RuleName::parse("WS").unwrap()], ..CheckChoice::default() };
    let files = [
        checked(choice, "a.pcap"),
        FileFindings::unread("b.pcap".to_owned(), "b.pcap\x1b: no such file".to_owned()),
        checked(none, "c\x1b[2J.pcap"),
    ];
    insta::assert_snapshot!(written(CheckFormat::Text, full, &files));
}

#[test]
fn ndjson_is_in_the_order_of_packets() {
    insta::assert_snapshot!(one(CheckFormat::Ndjson));
    let files = [
        checked(CheckChoice::default(), "a.pcap"),
        FileFindings::unread("b.pcap".to_owned(), "b.pcap: no such file".to_owned()),
    ];
    let lines = written(CheckFormat::Ndjson, options(Files::Several), &files);
    assert!(lines.lines().next().unwrap().ends_with(r#","file":"a.pcap"}"#), "{lines}");
    let last = r#""failure":"b.pcap: no such file","file":"b.pcap"}"#;
    assert!(lines.lines().last().unwrap().ends_with(last), "{lines}");
}

#[test]
fn json_is_one_document() {
    let text = one(CheckFormat::Json);
    insta::assert_snapshot!(text);
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["files"][0]["findings"].as_array().unwrap().len(), 5);
    let nothing: Value =
        serde_json::from_str(&written(CheckFormat::Json, options(Files::Several), &[])).unwrap();
    assert_eq!(nothing["summary"]["files"], 0);
}

#[test]
fn sarif_has_rules_results_and_failures() {
    let files = [
        checked(CheckChoice::default(), "a b.pcap"),
        FileFindings::unread("c.pcap".to_owned(), "c.pcap: no such file".to_owned()),
    ];
    let text = written(CheckFormat::Sarif, options(Files::Several), &files);
    let document: Value = serde_json::from_str(&text).unwrap();
    let run = &document["runs"][0];
    let results = run["results"].as_array().unwrap();
    assert_eq!((document["version"].as_str(), results.len()), (Some("2.1.0"), 6));
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        let rule = &run["tool"]["driver"]["rules"][index];
        assert_eq!(rule["id"], result["ruleId"]);
        assert_eq!(rule["defaultConfiguration"]["level"], result["level"]);
        let place = &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
        assert_eq!(place, "a%20b.pcap");
        assert!(!result["message"]["text"].as_str().unwrap().contains('\x1b'));
    }
    assert_eq!(results[5]["occurrenceCount"], 990);
    assert_eq!(run["invocations"][0]["executionSuccessful"], false);
    let nothing: Value =
        serde_json::from_str(&written(CheckFormat::Sarif, options(Files::One), &[])).unwrap();
    assert_eq!(nothing["runs"][0]["results"], Value::Array(Vec::new()));
}

#[test]
fn github_has_a_command_for_each_finding() {
    let text = one(CheckFormat::Github);
    insta::assert_snapshot!(text);
    assert!(text.lines().all(|line| line.starts_with("::")), "{text}");
}

#[test]
fn least_severity_hides_and_the_verdict_stays() {
    let all = checked(CheckChoice::default(), "feed.pcap");
    assert_eq!(all.worst(), Some(Severity::Error));
    let errors = CheckOptions { least: Severity::Error, ..options(Files::One) };
    let text = written(CheckFormat::Text, errors, &[all]);
    assert!(text.contains("WS-F01") && !text.contains("WS-F13"), "{text}");
    assert!(text.ends_with("992 errors, 2 warnings, 1 note\n"), "{text}");
}

#[test]
fn only_chosen_findings_count() {
    let names = |texts: &[&str]| {
        texts.iter().map(|text| RuleName::parse(text).unwrap()).collect::<Vec<_>>()
    };
    let ids = |ids: &[u64]| Selection {
        connections: ids.iter().copied().map(ConnectionId).collect(),
        ..Selection::default()
    };
    #[rustfmt::skip]
    let cases = [
        ("all",                CheckChoice::default(),                                                     [992, 2, 1]),
        ("one rule",           CheckChoice { only: names(&["WS-F15"]), ..CheckChoice::default() },              [0, 1, 0]),
        ("but one rule",       CheckChoice { ignore: names(&["WS-F01"]), ..CheckChoice::default() },            [0, 2, 1]),
        ("ignored wins",       CheckChoice { only: names(&["WS"]), ignore: names(&["ws-f"]), ..CheckChoice::default() }, [0, 0, 0]),
        ("one connection",     CheckChoice { selection: ids(&[1]), ..CheckChoice::default() },                  [0, 1, 0]),
    ];
    for (name, choice, expected) in cases {
        let checked = checked(choice, "x");
        let counts = Severity::ALL.map(|severity| checked.found().of(severity));
        assert_eq!(counts, expected, "{name}");
    }
}

#[test]
fn findings_of_a_living_capture_are_handed_over_at_once() {
    let mut collector = CheckCollector::new(CheckChoice::default());
    Builder::new().feeding(&mut collector).finding(&finding("WS-F01", 3));
    let suspects: Vec<ConnectionFindings> = collector.take().collect();
    assert_eq!((suspects.len(), collector.take().count()), (1, 0));
    assert_eq!(suspects[0].client, SocketAddr::from(([127, 0, 0, 1], 50312)));
    let mut out = Vec::new();
    let mut writer = CheckFormat::Text.writer(&mut out, options(Files::One));
    for suspect in [&suspects[0], &suspects[0]] {
        writer.suspect("lo", suspect).unwrap();
    }
    drop(writer);
    let text = String::from_utf8(out).unwrap();
    assert_eq!(
        (text.matches("lo: connection 3").count(), text.matches("Do:").count()),
        (1, 1),
        "{text}"
    );
}

/// Connections 1 to `connections` with WS-F01 and this evidence, and twice more; the first also has
/// WS-F15.
fn checked_alike(connections: u64, evidence: impl Fn(u64) -> String) -> FileFindings {
    let mut collector = CheckCollector::new(CheckChoice::default());
    let mut builder = Builder::new();
    let mut assembly = builder.feeding(&mut collector);
    assembly.finding(&finding("WS-F15", 1));
    for id in 1..=connections {
        assembly.finding(&Finding { evidence: evidence(id), ..finding("WS-F01", id) });
        send(&mut assembly, 5, &connection(id), ConnectionEvent::Opened);
        assembly.folded(rule("WS-F01").unwrap(), ConnectionId(id), 2);
        send(&mut assembly, 9, &connection(id), ending(Outcome::Open));
    }
    collector.finish(&builder.summary(Totals::default(), &Reading::default())).unwrap();
    collector.into_checked("feed.pcap".to_owned(), Extent::Whole)
}

#[test]
fn text_shows_similar_findings_of_several_connections_once() {
    let alike = [checked_alike(5, |id| format!("text frame of {id} bytes with MASK = 0"))];
    insta::assert_snapshot!(written(CheckFormat::Text, options(Files::One), &alike));
    for format in [CheckFormat::Ndjson, CheckFormat::Json, CheckFormat::Sarif, CheckFormat::Github]
    {
        let text = written(format, options(Files::One), &alike);
        assert_eq!(text.matches("bytes with MASK = 0").count(), 5, "{format:?}: {text}");
    }
}

#[test]
fn text_keeps_findings_apart_that_differ_or_are_few() {
    let titles = |files: FileFindings| {
        let text = written(CheckFormat::Text, options(Files::One), &[files]);
        assert!(text.contains(" errors, 1 warning\n"), "{text}");
        text.matches("client frame is not masked").count()
    };
    assert_eq!(titles(checked_alike(2, |_| "the same".to_owned())), 2);
    assert_eq!(titles(checked_alike(3, |_| "the same".to_owned())), 1);
    let letter = |id: u64| ["ping", "pong", "text"][usize::try_from(id % 3).unwrap()].to_owned();
    assert_eq!(titles(checked_alike(6, letter)), 6);
}

#[test]
fn text_has_shared_notes_below_problems_of_single_connections() {
    let mut files = checked_alike(4, |id| format!("{id} bytes"));
    for finding in files.connections.iter_mut().flat_map(|of| &mut of.findings) {
        if finding.rule.id == "WS-F01" {
            finding.severity = Severity::Note;
        }
    }
    let text = written(CheckFormat::Text, options(Files::One), &[files]);
    let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part}: {text}"));
    assert!(place("feed.pcap: connection 1") < place("feed.pcap: several connections"), "{text}");
}

/// Connections 1 to `connections`, which WHY-14 explains: with two of its consequences, one of which was also
/// counted, and a finding of another kind; on the first, one more became known after its end.
fn checked_explained(connections: u64) -> FileFindings {
    let mut collector = CheckCollector::new(CheckChoice::default());
    let mut builder = Builder::new();
    let mut assembly = builder.feeding(&mut collector);
    for id in 1..=connections {
        for rule in ["HS-22", "WS-F13", "WS-C12"] {
            assembly.finding(&finding(rule, id));
        }
        send(&mut assembly, 5, &connection(id), ConnectionEvent::Opened);
        assembly.finding(&finding("WHY-14", id));
        assembly.folded(rule("WS-C12").unwrap(), ConnectionId(id), 4);
        send(&mut assembly, 9, &connection(id), ending(Outcome::Aborted));
    }
    builder.end_events();
    builder.feeding(&mut collector).finding(&finding("WS-C19", 1));
    collector.finish(&builder.summary(Totals::default(), &Reading::default())).unwrap();
    collector.into_checked("feed.pcap".to_owned(), Extent::Whole)
}

#[test]
fn text_lists_what_follows_from_a_cause_below_it() {
    let text = written(CheckFormat::Text, options(Files::One), &[checked_explained(1)]);
    insta::assert_snapshot!(text);
    let shared = written(CheckFormat::Text, options(Files::One), &[checked_explained(4)]);
    let one = shared.matches("the client refused the response").count();
    assert_eq!((one, shared.matches("20 times on 4 connections").count()), (1, 1), "{shared}");
    assert!(shared.contains("4 errors, 4 warnings (and 25 consequences of WHY-14)"), "{shared}");
}

#[test]
fn every_format_tells_causes_from_what_follows() {
    let files = [checked_explained(1)];
    let text = written(CheckFormat::Ndjson, options(Files::One), &files);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let seen: Vec<_> = lines
        .iter()
        .map(|line| {
            (line["type"].as_str().unwrap(), line["rule"].as_str(), line["consequence_of"].as_str())
        })
        .collect();
    let cause = Some("WHY-14");
    let expected = [
        ("cause", cause, None),
        ("finding", Some("HS-22"), cause),
        ("finding", Some("WS-C12"), cause),
        ("finding", Some("WS-C19"), cause),
        ("finding", Some("WS-F13"), None),
        ("folded", Some("WS-C12"), None),
        ("summary", None, None),
    ];
    let mut sorted = seen.clone();
    sorted.sort_by_key(|it| expected.iter().position(|other| other == it));
    assert_eq!(sorted, expected, "{text}");
    assert_eq!(seen[0], expected[0], "the cause precedes what it explains: {text}");
    assert_eq!(lines[0]["consequences"], serde_json::json!(["HS-22", "WS-C12", "WS-C19"]));
    assert!(lines[0]["remedy"].as_str().unwrap().len() > 40);
    let summary = lines.last().unwrap();
    assert_eq!(summary["causes"], serde_json::json!([{"rule": "WHY-14", "count": 1}]));
    assert_eq!(summary["consequences"]["warning"], 5);
    let json: Value =
        serde_json::from_str(&written(CheckFormat::Json, options(Files::One), &files)).unwrap();
    assert_eq!(json["files"][0]["findings"][0], lines[0]);
    assert_eq!(json["summary"]["consequences"], summary["consequences"]);
    let sarif: Value =
        serde_json::from_str(&written(CheckFormat::Sarif, options(Files::One), &files)).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let ids: Vec<_> = results.iter().map(|result| result["ruleId"].as_str().unwrap()).collect();
    assert_eq!(ids, ["WHY-14", "WS-F13"]);
    assert_eq!(results[0]["relatedLocations"].as_array().unwrap().len(), 4);
    let github = written(CheckFormat::Github, options(Files::One), &files);
    assert_eq!(github.lines().count(), 2, "{github}");
    assert!(github.contains("; consequences: HS-22, WS-C12, WS-C19"), "{github}");
}

#[test]
fn what_is_not_shown_explains_nothing_and_the_verdict_is_that_of_findings_and_causes() {
    let mut files = checked_explained(1);
    assert_eq!(files.worst(), Some(Severity::Error));
    for finding in files.connections.iter_mut().flat_map(|of| &mut of.findings) {
        let is_cause = finding.rule.is_cause();
        finding.severity = if is_cause { Severity::Warning } else { Severity::Error };
    }
    let errors = CheckOptions { least: Severity::Error, ..options(Files::One) };
    let text = written(CheckFormat::Ndjson, errors, &[files]);
    assert!(!text.contains("consequence_of") && text.contains("HS-22"), "{text}");
}

#[test]
fn a_cause_found_live_refers_to_what_was_written_before() {
    let mut collector = CheckCollector::new(CheckChoice::default());
    let mut out = Vec::new();
    let mut writer = CheckFormat::Text.writer(&mut out, options(Files::One));
    let mut builder = Builder::new();
    for id in ["HS-22", "WHY-14", "WS-C12"] {
        builder.feeding(&mut collector).finding(&finding(id, 3));
        for taken in collector.take() {
            writer.suspect("lo", &taken).unwrap();
        }
    }
    let checked = collector.into_checked("lo".to_owned(), Extent::Whole);
    writer.file(&checked).unwrap();
    drop(writer);
    let text = String::from_utf8(out).unwrap();
    let (before, after) = text.split_once("WHY-14").unwrap();
    assert!(before.contains("HS-22") && after.contains("HS-22 "), "{text}");
    assert!(after.contains("a consequence of WHY-14, above"), "{text}");
    assert!(text.ends_with("1 error (and 2 consequences of WHY-14)\n"), "{text}");
}
