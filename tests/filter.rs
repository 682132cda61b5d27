//! Filter expressions through the binary: what is shown, what is counted, and what is wrong with them.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn wslens(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wslens"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("NO_COLOR", "1")
        .env_remove("CLICOLOR_FORCE")
        .env_remove("COLUMNS")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn lines(arguments: &[&str]) -> Vec<String> {
    let output = wslens(arguments);
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{arguments:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn is_control(line: &Value) -> bool {
    matches!(line["opcode"].as_str(), Some("close" | "ping" | "pong"))
}

fn json(arguments: &[&str]) -> Vec<Value> {
    let arguments = [arguments, &["--format", "ndjson"]].concat();
    lines(&arguments).iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The lines of a type.
fn of_type(lines: &[Value], name: &str) -> Vec<Value> {
    lines.iter().filter(|line| line["type"] == name).cloned().collect()
}

/// Whether a line is one that an expression ought to choose.
type Choose = fn(&Value) -> bool;

const DEFLATE: &str = "samples/deflate.pcap";
const ERRORS: &str = "samples/protocol-errors.pcap";

#[test]
fn print_shows_what_a_reader_of_all_lines_would_choose() {
    #[rustfmt::skip]
    let cases: &[(&str, Choose)] = &[
        ("opcode == text", |line| line["opcode"] == "text"),
        ("opcode in {close, ping, pong}", is_control),
        ("from == server", |line| line["direction"] == "server_to_client"),
        ("length > 20", |line| line["length"].as_u64().unwrap() > 20),
        ("compressed", |line| line["compressed"] == true),
        ("wire_length < 10 and not compressed", |line| line["wire_length"].as_u64().unwrap() < 10 && line["compressed"] == false),
        ("frames > 1", |line| line["frames"].as_u64().unwrap() > 1),
        ("text contains \"a\"", |line| {
            line["text"].as_str().or_else(|| line["close_reason"].as_str()).is_some_and(|text| text.contains('a'))
        }),
        ("close_code == 1000", |line| line["close_code"] == 1000),
        ("connection == 2 or tcp.stream == 2", |line| line["connection"] == 2 || line["connection"] == 3),
        ("packet in 10..25", |line| {
            let [first, last] = [0, 1].map(|place| line["packets"][place].as_u64().unwrap());
            first <= 25 && last >= 10
        }),
        ("packet == 0 or port == 1", |_| false),
        ("port >= 0", |_| true),
    ];
    for sample in [DEFLATE, ERRORS, "samples/close-codes.pcap", "samples/midstream.pcap"] {
        let all = of_type(&json(&["print", sample]), "message");
        for (expression, choose) in cases {
            let shown = json(&["print", "-Y", expression, sample]);
            let expected: Vec<Value> = all.iter().filter(|line| choose(line)).cloned().collect();
            // Base64 and texts that are not UTF-8 cannot be looked into here.
            let messages: Vec<Value> = of_type(&shown, "message");
            if *expression == "text contains \"a\"" {
                let texts = messages.iter().filter(|line| line["base64"].is_null());
                assert_eq!(texts.cloned().collect::<Vec<_>>(), expected, "{sample}: {expression}");
            } else {
                assert_eq!(messages, expected, "{sample}: {expression}");
            }
            let summary = shown.last().unwrap();
            assert_eq!(summary["matched"]["messages"], messages.len(), "{sample}: {expression}");
            assert_eq!(summary["messages"], all.len(), "{sample}: {expression}");
            let control = |lines: &[Value]| lines.iter().filter(|line| is_control(line)).count();
            assert_eq!(summary["matched"]["control_frames"], control(&messages), "{expression}");
            assert_eq!(summary["control_frames"], control(&all), "{sample}");
        }
    }
}

#[test]
fn summary_is_that_of_the_whole_capture() {
    let all = json(&["print", ERRORS]);
    let some = json(&["print", "-Y", "opcode == ping", ERRORS]);
    let (mut whole, mut filtered) = (all.last().unwrap().clone(), some.last().unwrap().clone());
    assert_eq!(whole.as_object_mut().unwrap().remove("matched"), None);
    let matched = filtered.as_object_mut().unwrap().remove("matched").unwrap();
    assert_eq!(whole, filtered);
    assert_eq!(
        matched,
        serde_json::json!({"messages": 1, "frames": 0, "handshakes": 0, "control_frames": 1})
    );
}

#[test]
fn connections_with_a_match_have_their_line() {
    let lines = json(&["print", "-Y", "text contains \"Latin-1\"", ERRORS]);
    let connections = of_type(&lines, "connection");
    assert_eq!(connections.len(), 1);
    assert_eq!(connections[0]["connection"], 3);
    let none = json(&["print", "-Y", "text contains \"nowhere\"", ERRORS]);
    assert_eq!(none.len(), 1, "only the summary: {none:?}");
}

#[test]
fn handshakes_match_by_path_and_so_do_their_messages() {
    let lines = json(&["print", "-Y", "path == \"/utf8\"", ERRORS]);
    let of = |line: &Value| line["connection"].as_u64();
    let all = json(&["print", ERRORS]);
    let expected: Vec<&Value> = all.iter().filter(|line| of(line) == Some(3)).collect();
    let shown: Vec<&Value> = lines.iter().filter(|line| line["type"] != "summary").collect();
    assert_eq!(shown, expected);
    let summary = lines.last().unwrap();
    assert_eq!(summary["matched"]["handshakes"], 1);
}

#[test]
fn lines_of_text_keep_their_numbers_and_their_marks() {
    let all = lines(&["print", ERRORS]);
    for expression in
        ["opcode == text", "rule == WS-F", "from == client", "kind == handshake", "fin"]
    {
        let some = lines(&["print", "-Y", expression, ERRORS]);
        let (summary, rows) = some.split_last().unwrap();
        assert!(rows.iter().all(|row| all.contains(row)), "{expression}: {rows:?}");
        assert!(rows.len() < all.len(), "{expression}");
        assert!(summary.starts_with(all.last().unwrap().as_str()), "{summary}");
        assert!(summary.ends_with(" matched"), "{summary}");
    }
    let masked = lines(&["print", "-Y", "rule == WS-F01", ERRORS]);
    assert_eq!(masked.len(), 3, "addresses, the message, the summary: {masked:?}");
    assert!(masked[1].starts_with('✖') && masked[1].contains("WS-F01"), "{masked:?}");
}

#[test]
fn findings_match_one_by_one() {
    let lines = json(&["print", "--findings", "-Y", "kind == finding and side == client", ERRORS]);
    let all = of_type(&json(&["print", "--findings", ERRORS]), "finding");
    let expected: Vec<&Value> = all.iter().filter(|line| line["side"] == "client").collect();
    assert_eq!(of_type(&lines, "finding").iter().collect::<Vec<_>>(), expected);
    assert!(!expected.is_empty() && expected.len() < all.len());
}

#[test]
fn frames_are_asked_where_they_are_shown() {
    let frames = |expression: &str| {
        of_type(&json(&["print", "--frames", "-Y", expression, ERRORS]), "frame")
    };
    let all = of_type(&json(&["print", "--frames", ERRORS]), "frame");
    let unmasked: Vec<Value> = all.iter().filter(|line| line["masked"] == false).cloned().collect();
    assert_eq!(frames("not masked and kind == frame"), unmasked);
    let rsv: Vec<Value> = all.iter().filter(|line| line["rsv"] == 2).cloned().collect();
    assert_eq!(frames("rsv2"), rsv);
    assert_eq!(rsv.len(), 1);
}

#[test]
fn content_is_searched_beyond_what_is_printed() {
    let sample = "samples/large.pcap";
    let plain = json(&["print", "--max-payload", "16", sample]);
    let long = |lines: &[Value]| -> Vec<Value> {
        of_type(lines, "message").into_iter().filter(|line| line["truncated"] == true).collect()
    };
    let expected = long(&plain);
    assert!(!expected.is_empty());
    // The filter needs all of the content; what is written stays the same, digests included.
    let filtered =
        json(&["print", "--max-payload", "16", "-Y", "hex or text contains \"\"", sample]);
    assert_eq!(long(&filtered), expected);
}

#[test]
fn check_judges_by_what_matches_only() {
    let check = |arguments: &[&str]| {
        let arguments = [&["check", "--format", "ndjson"], arguments, &[ERRORS]].concat();
        let output = wslens(&arguments);
        let text = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let mut found = of_type(&lines, "finding");
        // A cause that the filter does not choose explains nothing.
        for line in &mut found {
            line.as_object_mut().unwrap().remove("consequence_of");
        }
        (output.status.code(), found, lines.last().unwrap().clone())
    };
    let (code, all, _) = check(&[]);
    assert_eq!(code, Some(1));
    #[rustfmt::skip]
    let cases: &[(&str, i32, Choose)] = &[
        ("rule == WS-F",            1, |line| line["rule"].as_str().unwrap().starts_with("WS-F")),
        ("severity < error",        0, |line| line["severity"] != "error"),
        ("severity == error and side == client", 1, |line| line["severity"] == "error" && line["side"] == "client"),
        ("connection == 2",         1, |line| line["connection"] == 2),
        ("port == 8116 and host == 127.0.0.0/8", 1, |_| true),
        ("port == 1",               0, |_| false),
        ("evidence contains \"1002\"", 0, |line| line["evidence"].as_str().unwrap().contains("1002")),
        ("path == \"/utf8\"",       1, |line| line["connection"] == 3),
        ("not rule == WS-M01 and from == server", 1, |line| line["rule"] != "WS-M01" && line["direction"] == "server_to_client"),
    ];
    for (expression, expected_code, choose) in cases {
        let (code, found, summary) = check(&["-Y", expression]);
        let expected: Vec<Value> = all.iter().filter(|line| choose(line)).cloned().collect();
        assert_eq!(found, expected, "{expression}");
        assert_eq!(code, Some(*expected_code), "{expression}");
        let counted: u64 = ["error", "warning", "note"]
            .iter()
            .map(|severity| summary["findings"][severity].as_u64().unwrap())
            .sum();
        assert_eq!(counted, u64::try_from(found.len()).unwrap(), "{expression}");
    }
}

#[test]
fn check_counts_of_folded_findings_only_what_matches() {
    let folded = |expression: &str| {
        let lines = json(&["check", "--each", "0", "--fail-on", "never", "-Y", expression, ERRORS]);
        of_type(&lines, "folded").len()
    };
    assert_eq!(folded("rule == WS-F01"), 1);
    assert_eq!(folded("rule == WS-F02"), 0);
    assert!(folded("severity == error") > 1);
}

#[test]
fn stats_counts_what_matches() {
    let stats = |expression: Option<&str>, sample| {
        let option: Vec<&str> = expression.iter().flat_map(|it| ["-Y", it]).collect();
        json(&[&["stats"], option.as_slice(), &[sample]].concat())
    };
    let all = stats(None, DEFLATE);
    let every = stats(Some("port >= 0"), DEFLATE);
    let (mut whole, mut filtered) = (all[0].clone(), every[0].clone());
    assert_eq!(whole.as_object_mut().unwrap().remove("filter"), None);
    assert_eq!(filtered.as_object_mut().unwrap().remove("filter").unwrap(), "port >= 0");
    assert_eq!(filtered, whole, "a filter that matches everything changes nothing");

    let texts = stats(Some("opcode==text&&from==client"), DEFLATE);
    assert_eq!(texts[0]["filter"], "opcode == text and from == client");
    assert_eq!(
        texts[0]["client_to_server"]["messages"]["text"],
        whole["client_to_server"]["messages"]["text"]
    );
    assert_eq!(texts[0]["client_to_server"]["messages"]["close"], 0);
    assert_eq!(texts[0]["server_to_client"]["frames"], 0);
    let count = texts[0]["client_to_server"]["messages"]["text"].as_u64().unwrap();
    assert_eq!(texts[1]["matched"]["messages"].as_u64(), Some(count));
    assert_eq!(texts[1]["messages"], all[1]["messages"]);

    let judged = stats(Some("rule == WS-F01"), ERRORS);
    assert_eq!(judged[1]["matched"]["messages"], 1);
    assert_eq!(judged[0]["natures"]["websocket"], 1, "connections with a match");
    let page = lines(&["stats", "-Y", "from == client", DEFLATE]);
    assert_eq!(page[0], "filter          from == client");
    assert_eq!(page[1], "matched         10 of 20 messages, 1 of 2 control frames");
    let page = lines(&["stats", "-Y", "opcode == ping", ERRORS]);
    assert_eq!(page[1], "matched         0 of 9 messages, 1 of 10 control frames");
}

#[test]
fn wrong_expressions_are_one_line_with_their_column() {
    #[rustfmt::skip]
    let cases = [
        ("lenght > 5", "wslens: -Y column 1: there is no field `lenght`; did you mean `length`?"),
        ("opcode == text and length > \"x\"", "wslens: -Y column 29: `length` is a number; `\"x\"` is text"),
        ("(masked", "wslens: -Y column 1: `(` at column 1 is never closed"),
        ("", "wslens: -Y column 1: expected a field"),
        ("text matches \"(\"", "wslens: -Y column 14: invalid regular expression: unclosed group"),
        ("text == \x1b[2J", "wslens: -Y column 9: unexpected `\\x1b`"),
    ];
    for (expression, expected) in cases {
        for command in [&["print"][..], &["check"], &["stats"], &[]] {
            let arguments = [command, &["-Y", expression, DEFLATE]].concat();
            let output = wslens(&arguments);
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(said.starts_with(expected), "{arguments:?}: {said}");
            assert_eq!(said.matches('\n').count(), 1, "{arguments:?}: {said}");
            assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{arguments:?}");
        }
    }
}

#[test]
fn the_long_name_and_the_bare_command_take_expressions_too() {
    let expected = lines(&["print", "-Y", "opcode == text", DEFLATE]);
    assert_eq!(lines(&["print", "--where", "opcode == text", DEFLATE]), expected);
    assert_eq!(lines(&["-Y", "opcode == text", DEFLATE]), expected);
    assert_eq!(lines(&[DEFLATE, "--where=opcode == text"]), expected);
}

#[expect(clippy::disallowed_methods, reason = "a sample is given on standard input")]
#[test]
fn what_is_found_late_belongs_to_its_row_in_files_and_is_unknown_in_streams() {
    // By expression: messages of protocol-errors, resets and strict-server, read from a file and from
    // standard input.
    #[rustfmt::skip]
    let cases: &[(&str, [usize; 3], [usize; 3])] = &[
        ("rule",                [11, 1, 6],  [8, 0, 6]),
        ("severity >= warning", [9, 1, 3],   [6, 0, 3]),
        ("side == server",      [6, 1, 0],   [4, 0, 0]),
        ("state == reset",      [4, 5, 0],   [0, 1, 0]),
        ("outcome == aborted",  [0, 1, 12],  [0, 0, 0]),
    ];
    let samples = ["protocol-errors", "resets", "strict-server"];
    for (expression, in_files, in_streams) in cases {
        let expression = format!("kind == message and {expression}");
        let paths = samples.map(|name| format!("samples/{name}.pcap"));
        let counted = |output: &str| output.matches("\"type\":\"message\"").count();
        let print = ["print", "--format", "ndjson", "-Y", &expression];
        let files = paths.each_ref().map(|path| {
            let found = counted(&lines(&[&print[..], &[path]].concat()).join("\n"));
            let stats = json(&["stats", "-Y", &expression, path]);
            let matched = &of_type(&stats, "summary")[0]["matched"]["messages"];
            assert_eq!(matched.as_u64(), u64::try_from(found).ok(), "{expression}: stats {path}");
            found
        });
        let streams = paths.each_ref().map(|path| {
            let input = std::fs::File::open(format!("{}/{path}", env!("CARGO_MANIFEST_DIR")));
            let output = Command::new(env!("CARGO_BIN_EXE_wslens"))
                .args([&print[..], &["-"]].concat())
                .stdin(input.unwrap())
                .output()
                .unwrap();
            counted(&String::from_utf8(output.stdout).unwrap())
        });
        assert_eq!((files, streams), (*in_files, *in_streams), "{expression}");
    }
}

#[test]
fn a_finding_that_is_made_late_marks_its_row_and_is_not_shown_twice() {
    let rows = lines(&["print", "-Y", "rule == WS-C16", ERRORS]);
    let marked: Vec<&String> = rows.iter().filter(|row| row.contains("WS-C16")).collect();
    assert_eq!(marked.len(), 4, "{rows:?}");
    assert!(marked.iter().all(|row| row.contains(" B  ") || row.contains("close")), "{rows:?}");
    // Without a filter, a capture is read once.
    let mut all = lines(&["print", ERRORS]);
    all.retain(|row| !row.contains("consequences: "));
    assert_eq!(all.iter().filter(|row| row.contains("WS-C16")).count(), 4, "{all:?}");
    assert!(
        all.iter().all(|row| !row.contains("WS-C16")
            || row.contains("(server, packet")
            || row.contains("(client, packet")),
        "{all:?}"
    );
}
