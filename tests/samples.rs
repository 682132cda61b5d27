//! Every sample through the real binary, compared with what the programs in it sent and received.
//!
//! `samples/README.md` tells what the fields of the truth mean.

#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests read files and may panic"
)]

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::Digest;
use sha2::Sha256;

#[test]
fn every_sample_is_decoded_as_its_programs_tell() {
    let mut differences = Vec::new();
    for path in truths() {
        let truth = json(&fs::read_to_string(&path).unwrap());
        let capture = samples().join(truth["file"].as_str().unwrap());
        let shown = Shown::of(&capture);
        let mut found = Vec::new();
        if truth.get("keys").is_some() {
            compare_undecodable(&truth, &shown, &mut found);
        } else {
            compare(&truth, &shown, &mut found);
        }
        let name = truth["name"].as_str().unwrap();
        differences.extend(found.into_iter().map(|what| format!("{name}: {what}")));
    }
    assert!(
        differences.is_empty(),
        "{} differences between what was said (truth) and what wslens shows:\n{}",
        differences.len(),
        differences.join("\n")
    );
}

#[test]
fn every_capture_has_its_truth_and_every_truth_its_capture() {
    let told: Vec<PathBuf> = truths().collect();
    let files = told.iter().map(|path| {
        let truth = json(&fs::read_to_string(path).unwrap());
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        assert_eq!(truth["name"], stem.as_str(), "{}: the name is the file's", path.display());
        assert!(!truth["story"].as_str().unwrap().is_empty(), "{stem}: no story");
        truth["file"].as_str().unwrap().to_owned()
    });
    let mut files: Vec<String> = files.collect();
    files.sort();
    let mut captures: Vec<String> = listed().filter(|name| name.contains(".pcap")).collect();
    captures.sort();
    assert_eq!(files, captures, "the truths' captures (left) and those that are there differ");
}

#[test]
fn every_row_of_the_readme_is_a_capture() {
    let readme = fs::read_to_string(samples().join("README.md")).unwrap();
    let rows: Vec<&str> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .filter(|name| name.contains(".pcap"))
        .collect();
    let there: Vec<String> = listed().filter(|name| name.contains(".pcap")).collect();
    for name in &there {
        assert!(rows.contains(&name.as_str()), "samples/README.md has no row for {name}");
    }
    assert_eq!(
        rows.len(),
        there.len(),
        "samples/README.md has rows for captures that are not there"
    );
}

/// What wslens shows of one capture.
struct Shown {
    lines: Vec<Value>,
    failed: bool,
}

impl Shown {
    fn of(capture: &Path) -> Self {
        let output = Command::new(env!("CARGO_BIN_EXE_wslens"))
            .arg("print")
            .arg(capture)
            .args(["--format", "ndjson", "--frames", "--max-payload", "1000000"])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        Self { lines: text.lines().map(json).collect(), failed: !output.status.success() }
    }

    fn of_type<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.lines.iter().filter(move |line| line["type"] == kind)
    }

    /// The connection between these two peers.
    fn connection(&self, truth: &Value) -> Option<&Value> {
        self.of_type("connection")
            .find(|line| line["client"] == truth["client"] && line["server"] == truth["server"])
    }

    /// The messages of one direction, in order.
    fn messages<'a>(&'a self, connection: &'a Value, direction: &'a str) -> Vec<&'a Value> {
        self.of_type("message")
            .filter(|line| line["connection"] == connection["connection"])
            .filter(|line| line["direction"] == direction)
            .collect()
    }
}

fn compare(truth: &Value, shown: &Shown, found: &mut Vec<String>) {
    let cut = truth["problems"].as_array().is_some_and(|ids| ids.iter().any(|id| id == "CAP-08"));
    if shown.failed != cut {
        found.push(format!("exit: failed is {}, should be {cut}", shown.failed));
    }
    let connections = truth["connections"].as_array().unwrap();
    for told in connections {
        let name = format!("{} -> {}", text(&told["client"]), text(&told["server"]));
        let mut differ = |what: String| found.push(format!("{name}: {what}"));
        let outcome = told["outcome"].as_str();
        let Some(line) = shown.connection(told) else {
            // Bytes that rule WebSocket out are left out of the lines; a connection that never bore
            // any may be.
            if !matches!(outcome, None | Some("not_websocket")) {
                differ("no such connection is shown".to_owned());
            }
            continue;
        };
        if let Some(outcome) = outcome {
            compare_outcome(outcome, text(&line["outcome"]), &mut differ);
        }
        let started_by = told["started_by"].as_str().unwrap_or("syn");
        equal("started_by", &Value::from(started_by), &line["started_by"], &mut differ);
        equal("transport", &Value::from("tcp"), &line["transport"], &mut differ);
        compare_handshake(told, line, shown, &mut differ);
        for direction in ["client_to_server", "server_to_client"] {
            let sent = told["messages"][direction].as_array().cloned().unwrap_or_default();
            let seen = shown.messages(line, direction);
            let more = told["more_messages"] == true;
            let mut differ = |what: String| differ(format!("{direction}: {what}"));
            compare_messages(&sent, &seen, more, &mut differ);
            compare_frames(line, direction, &seen, shown, &mut differ);
            if !more {
                compare_sum(line, direction, &seen, &mut differ);
            }
        }
    }
    for line in shown.of_type("connection") {
        let told = connections
            .iter()
            .any(|told| told["client"] == line["client"] && told["server"] == line["server"]);
        if !told {
            found.push(format!("{} is shown, and was not told", text(&line["client"])));
        }
    }
}

/// The truth says whether a Close went each way, wslens how TCP ended.
fn compare_outcome(told: &str, seen: &str, differ: &mut impl FnMut(String)) {
    let fits = match told {
        "closed" | "aborted" => ["closed", "aborted"].contains(&seen),
        _ => told == seen,
    };
    if !fits {
        differ(format!("outcome: truth {told}, shown {seen}"));
    }
}

fn compare_handshake(told: &Value, line: &Value, shown: &Shown, differ: &mut impl FnMut(String)) {
    let seen: Vec<&Value> = shown
        .of_type("handshake")
        .filter(|handshake| handshake["connection"] == line["connection"])
        .collect();
    let Some(facts) = told.get("handshake").and_then(Value::as_object) else {
        // A program that is none of ours logs none; where the capture has none, none is shown.
        if told["started_by"] == "midstream" && !seen.is_empty() {
            differ("a handshake is shown that is not in the capture".to_owned());
        }
        return;
    };
    let [handshake] = seen.as_slice() else {
        differ(format!("{} handshakes are shown, should be 1", seen.len()));
        return;
    };
    for (field, value) in facts {
        equal(&format!("handshake {field}"), value, &handshake[field], differ);
    }
}

fn compare_messages(sent: &[Value], seen: &[&Value], more: bool, differ: &mut impl FnMut(String)) {
    if !more && sent.len() != seen.len() {
        let opcodes = |list: &mut dyn Iterator<Item = &Value>| {
            list.map(|message| text(&message["opcode"])).collect::<Vec<_>>().join(" ")
        };
        let (told, shown) = (opcodes(&mut sent.iter()), opcodes(&mut seen.iter().copied()));
        differ(format!("{} messages, should be {}: [{shown}] / [{told}]", seen.len(), sent.len()));
        return;
    }
    let mut rest = seen.iter();
    for (index, message) in sent.iter().enumerate() {
        let mut differences = Vec::new();
        let found = rest.by_ref().any(|seen| {
            differences.clear();
            compare_message(message, seen, &mut |what| differences.push(what));
            // Where other messages may stand between, the next one that fits is meant.
            !more || differences.is_empty()
        });
        let number = index + 1;
        if found {
            differences.into_iter().for_each(|what| differ(format!("message {number}: {what}")));
        } else {
            differ(format!("message {number} is not shown: {message}"));
        }
    }
}

fn compare_message(told: &Value, seen: &Value, differ: &mut impl FnMut(String)) {
    let complete = told["complete"].as_bool().unwrap_or(true);
    equal("complete", &Value::from(complete), &seen["complete"], differ);
    for field in ["opcode", "frames", "compressed", "close_code"] {
        if let Some(value) = told.get(field) {
            equal(field, value, &seen[field], differ);
        }
    }
    if !complete {
        return;
    }
    equal("length", &told["length"], &seen["length"], differ);
    if told["opcode"] == "close" {
        let reason = told["close_reason"].as_str().unwrap_or_default();
        let shown = seen["close_reason"].as_str().unwrap_or_default();
        equal("close_reason", &Value::from(reason), &Value::from(shown), differ);
        return;
    }
    let content = content(seen);
    let wanted = match (&told["text"], &told["base64"], &told["sha256"]) {
        (Value::String(text), ..) => content == text.as_bytes(),
        (_, Value::String(base64), _) => content == STANDARD.decode(base64).unwrap(),
        (.., Value::String(hash)) => hex(&Sha256::digest(&content)) == *hash,
        _ => panic!("{told}: a message without content"),
    };
    if !wanted {
        differ(format!("content: truth {}, shown {}", brief(told), brief(seen)));
    }
    // UTF-8 is shown as text, all else as base64.
    let differs = |field: &str| told[field].is_string() && !seen[field].is_string();
    if differs("text") || differs("base64") {
        differ(format!("text or base64: truth {}, shown {}", brief(told), brief(seen)));
    }
}

/// Frames and messages tell the same.
fn compare_frames(
    line: &Value,
    direction: &str,
    messages: &[&Value],
    shown: &Shown,
    differ: &mut impl FnMut(String),
) {
    let frames: Vec<&Value> = shown
        .of_type("frame")
        .filter(|frame| frame["connection"] == line["connection"])
        .filter(|frame| frame["direction"] == direction)
        .collect();
    let count = |value: &Value| value.as_u64().unwrap();
    equal("frames", &line["frames"][direction], &Value::from(frames.len()), differ);
    equal("messages", &line["messages"][direction], &Value::from(messages.len()), differ);
    let mut offsets = frames.iter().map(|frame| count(&frame["offset"]));
    let mut before = offsets.next();
    for offset in offsets {
        if Some(offset) <= before {
            differ(format!("a frame at {offset} behind one at {before:?}"));
        }
        before = Some(offset);
    }
}

/// Every frame belongs to a message, where no rule is broken.
fn compare_sum(
    line: &Value,
    direction: &str,
    messages: &[&Value],
    differ: &mut impl FnMut(String),
) {
    let sum: u64 = messages.iter().filter_map(|message| message["frames"].as_u64()).sum();
    equal("sum of frames", &line["frames"][direction], &Value::from(sum), differ);
}

/// TLS cannot be opened yet: the connection is shown, and nothing within it.
fn compare_undecodable(truth: &Value, shown: &Shown, found: &mut Vec<String>) {
    for told in truth["connections"].as_array().unwrap() {
        match shown.connection(told) {
            Some(line) => {
                let mut differ = |what| found.push(what);
                equal("outcome", &Value::from("undecodable"), &line["outcome"], &mut differ);
                equal("transport", &Value::from("tls"), &line["transport"], &mut differ);
            }
            None => found.push(format!("{}: no such connection is shown", told["client"])),
        }
    }
    for kind in ["handshake", "frame", "message"] {
        let count = shown.of_type(kind).count();
        if count > 0 {
            found.push(format!("{count} lines of type {kind} from encrypted bytes"));
        }
    }
}

fn equal(what: &str, told: &Value, seen: &Value, differ: &mut impl FnMut(String)) {
    if told != seen {
        differ(format!("{what}: truth {}, shown {}", brief(told), brief(seen)));
    }
}

/// The bytes of a message as shown.
fn content(message: &Value) -> Vec<u8> {
    match (&message["text"], &message["base64"]) {
        (Value::String(text), _) => text.clone().into_bytes(),
        (_, Value::String(base64)) => STANDARD.decode(base64).unwrap(),
        _ => Vec::new(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A value on a line that can be read.
fn brief(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(BRIEF) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples")
}

/// Names of the files in `samples`.
fn listed() -> impl Iterator<Item = String> {
    fs::read_dir(samples()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap())
}

/// Paths of the truths, in order.
fn truths() -> impl Iterator<Item = PathBuf> {
    let mut found: Vec<PathBuf> =
        listed().filter(|name| name.ends_with(".json")).map(|name| samples().join(name)).collect();
    assert!(!found.is_empty(), "there are no samples");
    found.sort();
    found.into_iter()
}

/// Characters of a value that a difference shows.
const BRIEF: usize = 300;
