//! The cause of each connection, and what follows from it, as `print`, `check`, `diagnose` and the screen name it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use wslens::analysis::AnalyzerOptions;
use wslens::analysis::event::{Connection, ConnectionId};
use wslens::describe::decoded_again::lines;
use wslens::findings::{Revision, Settings, Severity};
use wslens::journal::{Entry, Found, Journal};
use wslens::pipeline::Pipeline;
use wslens::report::check::{
    CheckChoice, CheckCollector, CheckFormat, CheckOptions, Explanations, Extent, Files,
};
use wslens::report::diagnose::{
    DiagnoseChoice, DiagnoseCollector, DiagnoseFormat, DiagnoseOptions, Scope,
};
use wslens::report::ndjson::{Ndjson, NdjsonOptions};
use wslens::report::style::{Coloring, Style};
use wslens::report::{Detail, Listing, Report, Selection};
use wslens::stream::Direction;
use wslens::timeline::{FindingRow, Timeline};
use wslens::websocket::Frame;

use crate::{Written, captures, program, read};

/// What `print`, `check`, `diagnose` and the screen take in.
struct Explained {
    print: Ndjson<Written>,
    timeline: Timeline,
    check: CheckCollector,
    diagnose: DiagnoseCollector,
}

impl Journal for Explained {
    fn entry(&mut self, entry: &Entry<'_>) {
        self.print.entry(entry);
        self.timeline.entry(entry);
        self.check.entry(entry);
        self.diagnose.entry(entry);
    }

    fn frame_started(&mut self, connection: &Connection, direction: Direction, frame: &Frame) {
        self.timeline.frame_started(connection, direction, frame);
        self.check.frame_started(connection, direction, frame);
        self.diagnose.frame_started(connection, direction, frame);
    }

    fn finding(&mut self, found: &Found) {
        self.print.finding(found);
        self.timeline.finding(found);
        self.check.finding(found);
        self.diagnose.finding(found);
    }

    fn revised(&mut self, revision: Revision) {
        self.timeline.revised(revision);
        self.check.revised(revision);
        self.diagnose.revised(revision);
    }
}

/// The cause of each connection, and the rules that were broken because of it.
type Causes = BTreeMap<u64, (String, BTreeSet<String>)>;

/// What one JSON line names.
fn cause_in(line: &Value, cause: &Value) -> (u64, (String, BTreeSet<String>)) {
    let consequences = line["consequences"].as_array().into_iter().flatten();
    let consequences = consequences.map(|id| id.as_str().unwrap().to_owned()).collect();
    (line["connection"].as_u64().unwrap(), (cause.as_str().unwrap().to_owned(), consequences))
}

/// The lines of a document in ndjson.
fn json_lines(bytes: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(bytes).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn causes_and_what_follows_from_them_are_the_same_everywhere() {
    let (samples, others) = captures();
    let mut causes = 0;
    for path in samples.iter().chain(&others) {
        let name = path.display().to_string();
        let written = Written::default();
        let mut all = Explained {
            print: Ndjson::new(written.clone(), all_lines()),
            timeline: Timeline::new(),
            check: CheckCollector::new(CheckChoice::default()),
            diagnose: DiagnoseCollector::new(DiagnoseChoice::default()),
        };
        let mut pipeline = Pipeline::new(AnalyzerOptions::for_rules(), Settings::default());
        let Some(summary) = read(path, &mut pipeline, &mut all, |_, packet| packet.file_offset)
        else {
            continue;
        };
        let Explained { mut print, timeline, mut check, mut diagnose } = all;
        print.finish(&summary).unwrap();
        let printed: Vec<Value> = json_lines(&written.take());
        check.finish(&summary).unwrap();
        diagnose.finish(&summary).unwrap();
        let (checked, sum) = checked_causes(check, &name);
        for field in ["findings", "causes", "consequences"] {
            let printed = &printed.last().unwrap()[field];
            assert_eq!(printed, &sum[field], "{name}: {field} of print and check");
        }
        assert_eq!(named_causes(&printed), checked, "{name}: print and check");
        causes += checked.len();
        assert_eq!(screen_causes(&timeline, &checked), checked, "{name}: screen and check");
        let (diagnosed, stories) = diagnosed_causes(diagnose);
        let with_story: Causes =
            checked.into_iter().filter(|(id, _)| stories.contains(id)).collect();
        assert_eq!(diagnosed, with_story, "{name}: diagnose and check");
    }
    assert!(causes > 0, "no capture has a cause");
}

/// All that `print` writes of findings.
fn all_lines() -> NdjsonOptions {
    NdjsonOptions {
        selection: Selection::default(),
        detail: Detail::Messages,
        findings: Listing::Yes,
        max_payload: 64,
    }
}

/// The causes in JSON lines that explain a connection.
fn named_causes(lines: &[Value]) -> Causes {
    let causes = lines.iter().filter(|line| line["type"] == "cause");
    let explaining = causes.filter(|line| line["consequences"].is_array());
    explaining.map(|line| cause_in(line, &line["rule"])).collect()
}

/// The causes that `check` writes, and its summary; their consequences are marked, too.
fn checked_causes(check: CheckCollector, name: &str) -> (Causes, Value) {
    let options = CheckOptions {
        style: Style::new(Coloring::Off),
        columns: None,
        explanations: Explanations::Brief,
        least: Severity::Note,
        files: Files::One,
    };
    let mut out = Vec::new();
    let mut writer = CheckFormat::Ndjson.writer(&mut out, options);
    writer.file(&check.into_checked(name.to_owned(), Extent::Whole)).unwrap();
    drop(writer);
    let lines = json_lines(&out);
    let causes = named_causes(&lines);
    for line in lines.iter().filter(|line| line["type"] == "finding") {
        let cause = line["connection"].as_u64().and_then(|id| causes.get(&id));
        if let Some(of) = line["consequence_of"].as_str() {
            let (id, consequences) = cause.expect(name);
            assert_eq!((of, consequences.contains(line["rule"].as_str().unwrap())), (&**id, true));
        }
    }
    (causes, lines.last().unwrap().clone())
}

/// Those of the screen. Connections that it does not list have causes as well.
fn screen_causes(timeline: &Timeline, checked: &Causes) -> Causes {
    let mut causes = Causes::new();
    let listed = timeline.connections().iter().map(|it| it.id);
    let ids: BTreeSet<ConnectionId> =
        listed.chain(checked.keys().copied().map(ConnectionId)).collect();
    for id in ids {
        let Some(cause) = timeline.cause_of(id) else { continue };
        let explained = timeline.found_on(id).filter(|it| timeline.is_explained(&it.finding));
        let rules = explained.map(|it| it.finding.rule.id.to_owned()).collect();
        if let Some(row) = timeline.connection(id) {
            assert_eq!(row.cause.map(|rule| rule.id), Some(cause.finding.rule.id));
            assert_eq!(row.worst_row, cause.row);
        }
        causes.insert(id.0, (cause.finding.rule.id.to_owned(), rules));
    }
    let counts = timeline.counts();
    let explained = timeline.findings().iter().filter(|it| timeline.is_explained(&it.finding));
    assert_eq!(u64::try_from(explained.count()).unwrap(), counts.consequences);
    causes
}

/// Those of `diagnose`, and the connections that it has a story of.
fn diagnosed_causes(diagnose: DiagnoseCollector) -> (Causes, BTreeSet<u64>) {
    let options = DiagnoseOptions {
        style: Style::new(Coloring::Off),
        columns: None,
        selection: Selection::default(),
        scope: Scope::Everything,
        files: Files::One,
    };
    let mut out = Vec::new();
    let mut writer = DiagnoseFormat::Ndjson.writer(&mut out, options);
    writer.file(&diagnose.into_diagnosis(String::new(), Extent::Whole)).unwrap();
    drop(writer);
    let lines = json_lines(&out);
    let stories = lines.iter().filter(|line| line["type"] == "connection");
    let ids = stories.clone().map(|line| line["connection"].as_u64().unwrap()).collect();
    let causes = stories
        .filter(|line| line["cause"][0].as_str().is_some_and(|first| first.starts_with("WHY-")));
    (causes.map(|line| cause_in(line, &line["cause"][0])).collect(), ids)
}

/// What each cause decoded again, as `check` writes it in ndjson.
fn decoded_again(line: &Value) -> Vec<&Value> {
    line["decoded_again"].as_array().into_iter().flatten().collect()
}

#[test]
fn messages_that_were_decoded_again_are_the_same_everywhere() {
    let (samples, others) = captures();
    let mut count = 0;
    for path in samples.iter().chain(&others) {
        let file = path.to_str().unwrap();
        let mut timeline = Timeline::new();
        let mut pipeline = Pipeline::new(AnalyzerOptions::for_rules(), Settings::default());
        if read(path, &mut pipeline, &mut timeline, |_, packet| packet.file_offset).is_none() {
            continue;
        }
        let again = |it: &&FindingRow| !it.finding.decoded_again.is_empty();
        let causes: Vec<&FindingRow> = timeline.findings().iter().filter(again).collect();
        if causes.is_empty() {
            continue;
        }
        count += causes.len();
        let ndjson = ["--format", "ndjson", file];
        let checked = json_lines(output("check", &ndjson).as_bytes());
        let print = output("print", &[&["--all", "--findings"], &ndjson[..]].concat());
        let printed = json_lines(print.as_bytes());
        let diagnose = output("diagnose", &[&["--all"], &ndjson[..]].concat());
        let diagnosed = json_lines(diagnose.as_bytes());
        let evidence = diagnosed.iter().filter_map(|line| line["evidence"].as_array());
        let evidence: Vec<&Value> = evidence.flatten().collect();
        let texts = [("check", "--explain"), ("print", "--all"), ("diagnose", "--all")]
            .map(|(command, option)| joined(&output(command, &[option, file])));
        for FindingRow { finding, .. } in causes {
            let id = finding.connection.unwrap().0;
            let is_it = |line: &&Value| line["rule"] == finding.rule.id && line["connection"] == id;
            let of_check = decoded_again(checked.iter().find(is_it).expect(file));
            assert_eq!(of_check.len(), finding.decoded_again.len(), "{file}: screen and check");
            for (message, written) in finding.decoded_again.iter().zip(&of_check) {
                let direction = written["direction"].as_str();
                assert_eq!(direction, Some(message.direction.name()), "{file}");
                if let Some(text) = written["text"].as_str() {
                    assert_eq!(text.as_bytes(), message.content, "{file}");
                }
            }
            let of_print = decoded_again(printed.iter().find(is_it).expect(file));
            assert_eq!(of_print, of_check, "{file}: print and check");
            let is_told = evidence.iter().any(|it| decoded_again(it) == of_check);
            assert!(is_told, "{file}: diagnose and check");
            for line in lines(&finding.decoded_again) {
                let line = joined(&line);
                assert!(texts.iter().all(|text| text.contains(&line)), "{file}: {line}");
            }
        }
    }
    assert!(count > 0, "nothing was decoded again");
}

/// A text without blanks: lines are broken in different places.
fn joined(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_whitespace()).collect()
}

/// What a command writes.
fn output(subcommand: &str, arguments: &[&str]) -> String {
    program::text(&program::command(subcommand, arguments).output().unwrap().stdout)
}
