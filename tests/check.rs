//! `wslens check` as a user runs it: exit codes, formats, many captures, standard error.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]
#![expect(clippy::disallowed_methods, reason = "tests read files")]

mod support;

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::Value;

use support::program::{command, lines, text};
use support::testkit::file::pcap;

/// A capture with findings: one error each on connections 1 and 4 at least.
const ERRORS: &str = "samples/protocol-errors.pcap";

/// A capture in which no frame breaks a rule.
const FINE: &str = "samples/echo.pcap";

/// A capture that ends in the middle of a packet.
const CUT: &str = "samples/cut.pcap";

/// Runs `wslens check` in the project's folder.
fn check(arguments: &[&str]) -> Output {
    command("check", arguments).output().unwrap()
}

/// A classic capture without packets.
fn empty_capture() -> Vec<u8> {
    pcap(&[])
}

/// Copies a sample into a folder.
fn copy(sample: &str, folder: &Path, name: &str) -> String {
    let path = folder.join(name);
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(sample), &path).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn exit_code_shows_whether_there_are_findings() {
    #[rustfmt::skip]
    let cases: &[(&str, &[&str], i32)] = &[
        ("errors",                     &[ERRORS],                                    1),
        ("no finding of these rules",  &[FINE, "--only", "WS-F"],                    0),
        ("errors, never",              &[ERRORS, "--fail-on", "never"],              0),
        ("errors, from warnings on",   &[ERRORS, "--fail-on", "warning"],            1),
        ("errors, from notes on",      &[ERRORS, "--fail-on", "note"],               1),
        ("only another rule",          &[ERRORS, "--only", "WS-F02,WS-F16"],         0),
        ("only a rule that is broken", &[ERRORS, "--only", "ws-f01"],                1),
        ("all ignored",                &[ERRORS, "--ignore", "WS,WHY"],              0),
        ("a sound connection",         &[ERRORS, "--only", "WS-F", "--connection", "2"], 0),
        ("hidden and counted",         &[ERRORS, "--only", "WS-F01", "--each", "0"], 1),
        ("the second one has errors",  &[FINE, ERRORS],                              1),
        ("cut off",                    &[CUT, "--only", "WS-F"],                     2),
        ("cut off, and errors",        &[ERRORS, CUT],                               2),
        ("missing",                    &["missing.pcap"],                            2),
        ("no capture",                 &["README.md"],                               2),
        ("a rule that is none",        &[ERRORS, "--only", "XX-F01"],                2),
    ];
    for (name, arguments, expected) in cases {
        let run = check(arguments);
        let said = text(&run.stderr);
        assert_eq!(run.status.code(), Some(*expected), "{name}: {said}");
        assert_eq!(said.lines().count(), usize::from(*expected == 2), "{name}: {said}");
    }
}

#[test]
fn findings_are_reported_with_packet_and_remedy() {
    let run = check(&[ERRORS, "--only", "WS-F"]);
    let shown = text(&run.stdout);
    let expected = "\
samples/protocol-errors.pcap: connection 1  127.0.0.1:51618 → 127.0.0.1:8116  /unmasked

  ✖ WS-F01  client frame is not masked                                 packet 10, offset 189, client
            text frame of 10 bytes with MASK = 0
            RFC 6455 §5.1, §5.3
            Do: ";
    assert!(shown.starts_with(expected), "{shown}");
    let last = shown.lines().last().unwrap();
    assert_eq!(
        last,
        "samples/protocol-errors.pcap: 4 connections, 9 messages, 10 control frames: 4 errors"
    );
    assert!(shown.lines().all(|line| line.chars().count() <= 100), "{shown}");
    let explained = text(&check(&[ERRORS, "--only", "WS-F01", "--explain"]).stdout);
    assert!(explained.contains("A client must mask every frame"), "{explained}");
}

#[test]
fn only_what_is_bad_enough_is_shown() {
    let run = check(&["samples", "--only", "WS-F", "--severity", "error", "--format", "ndjson"]);
    let findings: Vec<Value> =
        lines(&run).into_iter().filter(|line| line["type"] == "finding").collect();
    assert!(!findings.is_empty());
    assert!(findings.iter().all(|finding| finding["severity"] == "error"), "{findings:?}");
}

#[test]
fn every_format_can_be_read() {
    let findings = |value: &Value| value.as_array().unwrap().len();
    let run = check(&[ERRORS, "--only", "WS-F", "--format", "ndjson"]);
    let all = lines(&run);
    assert_eq!(all.iter().filter(|line| line["type"] == "finding").count(), 4);
    assert_eq!(all.last().unwrap()["type"], "summary");
    assert_eq!(all.last().unwrap()["findings"]["error"], 4);
    assert!(all.iter().all(|line| line.get("file").is_none()));
    let json: Value = serde_json::from_slice(
        &check(&[ERRORS, FINE, "--only", "WS-F", "--format", "json"]).stdout,
    )
    .unwrap();
    assert_eq!((findings(&json["files"]), findings(&json["files"][0]["findings"])), (2, 4));
    assert_eq!(json["summary"]["findings"]["error"], 4);
    let sarif: Value =
        serde_json::from_slice(&check(&[ERRORS, "--only", "WS-F", "--format", "sarif"]).stdout)
            .unwrap();
    assert_eq!(findings(&sarif["runs"][0]["results"]), 4);
    let github = text(&check(&[ERRORS, "--only", "WS-F", "--format", "github"]).stdout);
    assert_eq!(github.lines().count(), 4);
    assert!(github.starts_with("::error file=samples/protocol-errors.pcap,title=WS-F01 "));
}

#[test]
fn captures_are_reported_in_order_whichever_is_faster() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..12 {
        let sample = if number % 3 == 0 { "samples/large.pcap" } else { ERRORS };
        copy(sample, folder.path(), &format!("{number:02}"));
    }
    fs::write(folder.path().join("notes.txt"), "no capture").unwrap();
    fs::write(folder.path().join("empty"), "").unwrap();
    fs::create_dir(folder.path().join("below")).unwrap();
    copy(ERRORS, &folder.path().join("below"), "unread.pcap");
    let named = folder.path().to_str().unwrap();
    for format in ["text", "ndjson", "json", "sarif", "github"] {
        let of = |jobs| check(&[ERRORS, named, FINE, "--format", format, "--jobs", jobs]);
        let (one, many) = (of("1"), of("5"));
        assert_eq!(text(&one.stdout), text(&many.stdout), "{format}");
        assert_eq!((one.status.code(), text(&many.stderr).as_str()), (Some(1), ""), "{format}");
    }
    let run = check(&[ERRORS, named, FINE, "--format", "ndjson", "--jobs", "5"]);
    let summaries = lines(&run).into_iter().filter(|line| line["type"] == "summary");
    let names: Vec<String> = summaries
        .map(|line| Path::new(line["file"].as_str().unwrap()).file_name().unwrap().to_owned())
        .map(|name| name.into_string().unwrap())
        .collect();
    let between = (0..12).map(|number| format!("{number:02}"));
    let expected: Vec<String> = ["protocol-errors.pcap".to_owned()]
        .into_iter()
        .chain(between)
        .chain(["echo.pcap".to_owned()])
        .collect();
    assert_eq!(names, expected);
}

#[test]
fn captures_that_cannot_be_read_are_one_line_and_the_others_are_reported() {
    let run = check(&["missing.pcap", ERRORS, "README.md", CUT, "--only", "WS-F"]);
    let (shown, said) = (text(&run.stdout), text(&run.stderr));
    assert_eq!(run.status.code(), Some(2));
    assert_eq!(
        said,
        "wslens: missing.pcap: no such file; check the path; and 2 more captures could not be read completely\n"
    );
    assert!(shown.starts_with("✖ missing.pcap: no such file"), "{shown}");
    assert!(shown.contains("✖ README.md is not a capture"), "{shown}");
    assert!(shown.contains("4 connections, 9 messages, 10 control frames: 4 errors"), "{shown}");
    assert!(
        shown.contains(
            "samples/cut.pcap: 1 connection, 13 messages, 2 control frames: nothing found; not read to its end"
        ),
        "{shown}"
    );
    assert!(
        shown.ends_with("2 files: 5 connections, 22 messages, 12 control frames: 4 errors\n"),
        "{shown}"
    );
}

#[test]
fn a_capture_without_packets_is_fine() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.pcap");
    fs::write(&path, empty_capture()).unwrap();
    let path = path.to_str().unwrap();
    let run = check(&[path, "--format", "ndjson"]);
    assert_eq!(run.status.code(), Some(0));
    assert!(text(&run.stderr).contains("has no packets"));
    assert_eq!(lines(&run).len(), 1);
    let run = check(&[path, ERRORS]);
    assert_eq!((run.status.code(), text(&run.stderr).lines().count()), (Some(1), 1));
}

#[test]
fn a_directory_without_captures_is_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let named = folder.path().to_str().unwrap();
    assert!(text(&check(&[named]).stderr).contains("has no files in it"));
    fs::write(folder.path().join("notes.txt"), "no capture").unwrap();
    let run = check(&[named]);
    assert_eq!(run.status.code(), Some(2));
    assert!(text(&run.stderr).contains("no capture found in"), "{}", text(&run.stderr));
    assert!(run.stdout.is_empty());
}

#[test]
fn further_findings_of_a_rule_are_counted() {
    let run = check(&["samples", "--only", "WS-F", "--each", "0", "--format", "ndjson"]);
    let all = lines(&run);
    assert!(all.iter().all(|line| line["type"] != "finding"));
    let folded: Vec<&Value> = all.iter().filter(|line| line["type"] == "folded").collect();
    let count: u64 = folded.iter().map(|line| line["count"].as_u64().unwrap()).sum();
    let counted = |line: &&Value| line["type"] == "summary";
    let severities = ["error", "warning", "note"];
    let found: u64 = all
        .iter()
        .filter(counted)
        .flat_map(|line| severities.map(|severity| line["findings"][severity].as_u64().unwrap()))
        .sum();
    assert!(count > 0);
    assert_eq!(count, found);
}

#[test]
fn similar_findings_of_several_connections_are_shown_once() {
    let shown = text(&check(&["samples/reconnect-loop.pcap"]).stdout);
    let unwrapped = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    let count = |shown: &str, part| shown.matches(part).count();
    assert_eq!(count(&shown, "NET-01  connection refused"), 1, "{shown}");
    assert_eq!(count(&shown, "12 findings on 12 connections\n"), 1, "{shown}");
    assert!(unwrapped.contains("2 (packets 3-4), 3 (packets 5-6) and 9 more RFC"), "{shown}");
    assert!(shown.ends_with(": 12 connections, 0 messages: 12 errors, 1 warning\n"), "{shown}");
    // What remains of a connection mentions what it shares.
    assert!(shown.contains("as on other connections: NET-01\n"), "{shown}");
    let one = text(&check(&["samples/reconnect-loop.pcap", "--connection", "7"]).stdout);
    assert!(one.contains(": connection 7  "), "{one}");
    let counted = text(&check(&["samples/reconnect-loop.pcap", "--each", "0"]).stdout);
    assert!(counted.contains("connections 1, 2, 3 and 9 more\n"), "{counted}");
    let run = check(&["samples/reconnect-loop.pcap", "--format", "ndjson"]);
    assert_eq!(lines(&run).iter().filter(|line| line["rule"] == "NET-01").count(), 12);
}

#[test]
fn bytes_from_the_network_and_names_of_files_are_harmless() {
    let folder = tempfile::tempdir().unwrap();
    let mut capture = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(ERRORS)).unwrap();
    let at = capture.windows(9).position(|window| window == b"/unmasked").unwrap();
    capture[at..at + 9].copy_from_slice(b"/\x1b[2J\x9b\x07ab");
    let path = folder.path().join("a\x1b[2Jb.pcap");
    fs::write(&path, capture).unwrap();
    for format in ["text", "ndjson", "json", "sarif", "github"] {
        let run = check(&[path.to_str().unwrap(), "--format", format]);
        assert_eq!(run.status.code(), Some(1), "{format}: {}", text(&run.stderr));
        let shown = text(&run.stdout);
        assert!(!shown.replace('\n', "").contains(char::is_control), "{format}: {shown:?}");
    }
    let shown = text(&check(&[path.to_str().unwrap()]).stdout);
    assert!(shown.contains(r"/\x1b[2J\x9b\x07ab"), "{shown}");
}

#[test]
fn a_closed_pipe_is_not_a_failure() {
    let many = vec![ERRORS; 400];
    for format in ["text", "sarif"] {
        let mut child = command("check", &[&many[..], &["--format", format]].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = [0; 10];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let run = child.wait_with_output().unwrap();
        assert_eq!(run.status.code(), Some(0), "{format}: {}", text(&run.stderr));
        assert!(run.stderr.is_empty(), "{format}: {}", text(&run.stderr));
    }
}
