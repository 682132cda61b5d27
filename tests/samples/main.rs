//! Every sample through the binary, compared with what its programs logged, and with the table of `samples/README.md`.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

mod promises;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// A message of this opcode or a higher one is a control frame (RFC 6455 §5.5).
const FIRST_CONTROL_OPCODE: u64 = 8;

const DIRECTIONS: [&str; 2] = ["client_to_server", "server_to_client"];

#[test]
fn samples_are_shown_as_their_programs_logged_them() {
    let mut differences = Vec::new();
    let truths = truths();
    assert!(!truths.is_empty(), "no samples");
    for (name, truth) in &truths {
        let found = compare(truth);
        differences.extend(found.into_iter().map(|difference| format!("{name}: {difference}")));
    }
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
}

#[test]
fn every_capture_in_samples_has_its_truth() {
    let truths = truths();
    let names = names();
    let captures: Vec<&String> = names.iter().filter(|name| name.contains(".pcap")).collect();
    assert!(!captures.is_empty(), "no samples");
    for capture in captures {
        let stem = capture.split('.').next().unwrap();
        let truth =
            truths.get(stem).unwrap_or_else(|| unreachable!("{capture} has no {stem}.json"));
        assert_eq!(truth["name"], stem, "{stem}.json: name");
        assert_eq!(truth["file"], capture.as_str(), "{stem}.json: file");
    }
    for (name, truth) in &truths {
        assert!(
            names.iter().any(|file| truth["file"] == file.as_str()),
            "{name}.json is about {}, which does not exist",
            truth["file"]
        );
    }
}

#[test]
fn what_derailed_senders_meant_is_decoded_again() {
    let mut count = 0;
    for (name, truth) in &truths() {
        let connections = list(&truth["connections"]).filter(|it| it["meant"].is_array());
        let connections: Vec<&Value> = connections.collect();
        if connections.is_empty() {
            continue;
        }
        let (_, text, _) = run(truth, &["check", "--format", "ndjson"]);
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let causes: Vec<Value> = lines.filter(|line| line["type"] == "cause").collect();
        let printed = print(truth, &[]).connections();
        for expected in connections {
            let id = &printed[&ends(expected)].line["connection"];
            let cause = causes.iter().find(|cause| cause["connection"] == *id).unwrap();
            let again: Value = list(&cause["decoded_again"]).map(|it| it["text"].clone()).collect();
            assert_eq!(again, expected["meant"], "{name}");
            count += 1;
        }
    }
    assert!(count > 0, "no sample has what was meant");
}

/// Runs wslens on one sample, and lists the differences from the expected results.
fn compare(truth: &Value) -> Vec<String> {
    let mut differences = Vec::new();
    let problems: Vec<&str> = list(&truth["problems"]).filter_map(Value::as_str).collect();
    let expected_code = if problems.contains(&"CAP-08") { 2 } else { 0 };
    let (run, whole) = (print(truth, &[]), print(truth, &["--all"]));
    for run in [&run, &whole] {
        if run.code != Some(expected_code) {
            differences.push(format!("exit code {:?}, not {expected_code}", run.code));
        }
        let lines_expected = usize::from(expected_code != 0);
        if run.stderr.lines().count() != lines_expected {
            differences.push(format!("standard error: {:?}", run.stderr));
        }
    }
    // The text mentions what is missing from the capture; `print` does not report other problems.
    let text = wslens(truth, &[]).1;
    for problem in problems.iter().filter(|problem| problem.starts_with("CAP-")) {
        if !text.contains(problem) {
            differences.push(format!("{problem} is missing from the text"));
        }
    }

    let mut seen = run.connections();
    let mut all = whole.connections();
    for expected in list(&truth["connections"]) {
        let ends = ends(expected);
        let what = label(expected);
        let among_all = all.remove(&ends);
        if among_all.is_none() {
            differences.push(format!("{what}: missing with --all"));
        }
        match seen.remove(&ends) {
            Some(_) if expected["outcome"] == "not_websocket" => {
                differences.push(format!("{what}: not a WebSocket, but shown without --all"));
            }
            Some(connection) => connection.compare(expected, truth, &mut differences),
            None if is_websocket(expected) => differences.push(format!("{what}: missing")),
            None => {
                if let Some(connection) = among_all {
                    connection.compare(expected, truth, &mut differences);
                }
            }
        }
    }
    for (ends, connection) in seen {
        differences.push(format!("{ends:?}: unknown to the truth: {}", connection.line));
    }
    for (ends, connection) in all {
        differences.push(format!("{ends:?}: unknown to the truth: {} (--all)", connection.line));
    }
    differences
}

/// Whether `print` must show a connection of the truth without `--all`. One that was never used may be shown.
fn is_websocket(expected: &Value) -> bool {
    expected["outcome"].is_string() && expected["outcome"] != "not_websocket"
}

/// What `wslens print` wrote.
struct Run {
    code: Option<i32>,
    stderr: String,
    lines: Vec<Value>,
}

/// Runs `wslens print` on a sample, for programs.
fn print(truth: &Value, more: &[&str]) -> Run {
    let mut arguments = vec!["--format", "ndjson", "--frames", "--max-payload", "1000000"];
    arguments.extend(more);
    let (code, text, stderr) = wslens(truth, &arguments);
    let mut lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let summary = lines.pop().unwrap_or_default();
    assert_eq!(summary["type"], "summary", "{}: the last line", truth["name"]);
    Run { code, stderr, lines }
}

/// Runs `wslens print` on a sample: exit code, standard output, standard error.
fn wslens(truth: &Value, arguments: &[&str]) -> (Option<i32>, String, String) {
    run(truth, &[&["print"], arguments].concat())
}

/// Runs a subcommand on a sample: exit code, standard output, standard error.
fn run(truth: &Value, arguments: &[&str]) -> (Option<i32>, String, String) {
    let path = format!("samples/{}", truth["file"].as_str().unwrap());
    let output = Command::new(env!("CARGO_BIN_EXE_wslens"))
        .args(arguments)
        .arg(&path)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let [text, stderr] =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    (output.status.code(), text, stderr)
}

impl Run {
    /// The connections by their ends.
    fn connections(&self) -> BTreeMap<[String; 2], Seen> {
        let mut by_number: BTreeMap<u64, Seen> = BTreeMap::new();
        for line in &self.lines {
            let seen = by_number.entry(line["connection"].as_u64().unwrap()).or_default();
            match line["type"].as_str().unwrap() {
                "handshake" => seen.handshakes.push(line.clone()),
                "connection" => {
                    assert!(seen.line.is_null(), "a second line of one connection: {line}");
                    seen.line = line.clone();
                }
                "frame" => seen.frames.push(line.clone()),
                "message" => {
                    let frames = seen.take_frames(line);
                    seen.messages.push(ShownMessage { line: line.clone(), frames });
                }
                other => unreachable!("a line of type {other}"),
            }
        }
        by_number.into_values().map(|seen| (ends(&seen.line), seen)).collect()
    }
}

/// What wslens shown of one connection.
#[derive(Default)]
struct Seen {
    line: Value,
    handshakes: Vec<Value>,
    messages: Vec<ShownMessage>,
    /// Frames whose message is not yet shown.
    frames: Vec<Value>,
}

/// A message, and the frames that were shown since the one before.
struct ShownMessage {
    line: Value,
    frames: Vec<Value>,
}

impl Seen {
    /// Takes the frames that a message consists of: the control frame, or the others.
    fn take_frames(&mut self, message: &Value) -> Vec<Value> {
        let is_control = matches!(message["opcode"].as_str(), Some("close" | "ping" | "pong"));
        let (mut its, others): (Vec<Value>, Vec<Value>) =
            self.frames.drain(..).partition(|frame| {
                frame["direction"] == message["direction"]
                    && (frame["opcode"].as_u64().unwrap() >= FIRST_CONTROL_OPCODE) == is_control
            });
        self.frames = others;
        // A continuation without a message belongs to none.
        if let Some(first) = its.iter().rposition(|frame| frame["opcode"] != 0) {
            its.drain(..first);
        }
        its
    }

    fn compare(&self, expected: &Value, truth: &Value, differences: &mut Vec<String>) {
        let what = label(expected);
        let mut differ = |field: &str, shown: &Value, expected: &Value| {
            if shown != expected {
                differences.push(format!("{what}: {field}: {shown}, truth {expected}"));
            }
        };
        if truth["keys"].is_string() {
            // Without its keys nothing can be shown of it.
            differ("outcome", &self.line["outcome"], &"undecodable".into());
            differ("transport", &self.line["transport"], &"tls".into());
            differ("handshakes", &self.handshakes.len().into(), &0.into());
            differ("messages", &self.messages.len().into(), &0.into());
            return;
        }
        if !expected["outcome"].is_null() {
            differ("outcome", &self.line["outcome"], &expected["outcome"]);
        }
        let started_by = expected.get("started_by").cloned().unwrap_or_else(|| "syn".into());
        differ("started_by", &self.line["started_by"], &started_by);
        let handshakes = u64::from(expected["handshake"].is_object());
        // The second side of a proxy has no handshake in the expected results: its programs do not log it.
        let unknown = expected["messages"].is_object() && started_by == "syn" && handshakes == 0;
        if !unknown {
            differ("handshakes", &self.handshakes.len().into(), &handshakes.into());
        }
        for handshake in &self.handshakes {
            for (field, value) in expected["handshake"].as_object().into_iter().flatten() {
                differ(field, &handshake[field], value);
            }
        }
        for direction in DIRECTIONS {
            let shown: Vec<&ShownMessage> = self
                .messages
                .iter()
                .filter(|message| message.line["direction"] == direction)
                .collect();
            let expected_messages: Vec<&Value> = list(&expected["messages"][direction]).collect();
            let what = format!("{what}: {direction}");
            if expected["more_messages"] == true {
                compare_among_others(&shown, &expected_messages, &what, differences);
            } else {
                compare_all(&shown, &expected_messages, &what, differences);
            }
        }
    }
}

/// Compares the messages of one direction, one by one.
fn compare_all(
    shown: &[&ShownMessage],
    expected: &[&Value],
    what: &str,
    differences: &mut Vec<String>,
) {
    if shown.len() != expected.len() {
        differences.push(format!("{what}: {} messages, truth {}", shown.len(), expected.len()));
    }
    for (number, (shown, expected)) in (1..).zip(shown.iter().zip(expected)) {
        let found = shown.differences(expected);
        differences.extend(found.iter().map(|found| format!("{what}: message {number}: {found}")));
    }
}

/// Compares messages between which there may be others.
fn compare_among_others(
    shown: &[&ShownMessage],
    expected: &[&Value],
    what: &str,
    differences: &mut Vec<String>,
) {
    let mut shown = shown.iter();
    for (number, expected) in (1..).zip(expected) {
        if !shown.any(|shown| shown.differences(expected).is_empty()) {
            differences.push(format!("{what}: message {number} is missing: {expected}"));
        }
    }
}

impl ShownMessage {
    /// Where the message is not as in the truth.
    fn differences(&self, expected: &Value) -> Vec<String> {
        let mut found = Vec::new();
        let mut differ = |field: &str, shown: &Value, expected: &Value| {
            if shown != expected {
                found.push(format!("{field}: {shown}, truth {expected}"));
            }
        };
        let message = &self.line;
        let is_complete = expected["complete"] != false;
        differ("complete", &message["complete"], &is_complete.into());
        for field in ["opcode", "frames", "compressed"] {
            if let Some(expected) = expected.get(field) {
                differ(field, &message[field], expected);
            }
        }
        let declared: u64 = self.frames.iter().filter_map(|frame| frame["length"].as_u64()).sum();
        differ("frame lines", &self.frames.len().into(), &message["frames"]);
        if !is_complete {
            // Only the frame's header has the length of what is missing.
            differ("declared length", &declared.into(), &expected["length"]);
            let is_shorter = message["length"].as_u64() < Some(declared);
            differ("length is less than declared", &is_shorter.into(), &true.into());
            return found;
        }
        differ("length", &message["length"], &expected["length"]);
        differ("wire_length", &message["wire_length"], &declared.into());
        if expected["opcode"] == "close" {
            for field in ["close_code", "close_reason"] {
                // An empty Close has no reason; the expected results have an empty one.
                let expected =
                    if expected["close_code"].is_null() { &Value::Null } else { &expected[field] };
                differ(field, &message[field], expected);
            }
            return found;
        }
        differ("truncated", &message["truncated"], &Value::Null);
        if expected["sha256"].is_string() {
            differ("sha256", &sha256(message), &expected["sha256"]);
        } else {
            for field in ["text", "base64"] {
                differ(field, &message[field], &expected[field]);
            }
        }
        found
    }
}

/// The SHA-256 of a message's content in hexadecimal digits.
fn sha256(message: &Value) -> Value {
    let content = match (message["text"].as_str(), message["base64"].as_str()) {
        (Some(text), None) => text.as_bytes().to_vec(),
        (None, Some(base64)) => STANDARD.decode(base64).unwrap(),
        _ => return Value::Null,
    };
    let mut digits = String::new();
    for byte in Sha256::digest(&content) {
        write!(digits, "{byte:02x}").unwrap();
    }
    digits.into()
}

/// The label of a connection in a difference: its target if known, because ports change
/// when a sample is recorded again.
fn label(expected: &Value) -> String {
    let target = expected["handshake"]["target"].as_str();
    target.map_or_else(|| ends(expected).join(" to "), str::to_owned)
}

/// Client and server.
fn ends(connection: &Value) -> [String; 2] {
    ["client", "server"].map(|end| connection[end].as_str().unwrap_or("?").to_owned())
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The truths by the names of their files.
fn truths() -> BTreeMap<String, Value> {
    let names = names();
    let truths = names.iter().filter_map(|name| name.strip_suffix(".json"));
    truths
        .map(|name| {
            let text = fs::read_to_string(folder().join(format!("{name}.json"))).unwrap();
            (name.to_owned(), serde_json::from_str(&text).unwrap())
        })
        .collect()
}

/// The files in `samples`.
fn names() -> Vec<String> {
    let entries = fs::read_dir(folder()).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples")
}
