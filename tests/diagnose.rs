//! `wslens diagnose` as a user runs it: the first screen, exit codes, formats, choices, many captures.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]
#![expect(clippy::disallowed_methods, reason = "tests read files")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::thread;

use serde_json::Value;

use support::program::{command, lines, text};

/// Two attempts at a port where nothing listens.
const REFUSED: &str = "samples/refused.pcap";

/// A proxy that does not pass the upgrade on: both of its sides.
const PROXY: &str = "samples/nginx-no-upgrade.pcap";

/// `ws://` to a port of TLS, and `wss://` to one without.
const SCHEME: &str = "samples/wrong-scheme.pcap";

/// One connection, and nothing wrong with it.
const FINE: &str = "samples/echo.pcap";

/// Connections that work, one of them with trouble.
const TROUBLE: &str = "samples/late-accept.pcap";

/// A page load beside a WebSocket.
const BROWSER: &str = "samples/browser.pcap";

/// Runs `wslens diagnose` in the project's folder.
fn diagnose(arguments: &[&str]) -> Output {
    command("diagnose", arguments).output().unwrap()
}

fn connections(arguments: &[&str]) -> Vec<Value> {
    let arguments = [arguments, &["--format", "ndjson"]].concat();
    let lines = lines(&diagnose(&arguments));
    lines.into_iter().filter(|line| line["type"] == "connection").collect()
}

#[test]
fn exit_code_shows_whether_something_failed() {
    #[rustfmt::skip]
    let cases: &[(&str, &[&str], i32)] = &[
        ("refused",                  &[REFUSED],                         1),
        ("refused, never",           &[REFUSED, "--fail-on", "never"],   0),
        ("fine",                     &[FINE],                            0),
        ("fine, from notes on",      &[FINE, "--fail-on", "note"],       0),
        ("one of several",           &[FINE, REFUSED],                   1),
        ("cut without a Close",      &["samples/killed-server.pcap"],    1),
        ("cut for being idle",       &["samples/nginx-idle.pcap"],       1),
        ("trouble only",             &[TROUBLE],                         0),
        ("trouble, from warnings on", &[TROUBLE, "--fail-on", "warning"], 1),
        ("no such file",             &["samples/nonesuch.pcap"],         2),
        ("one of several is absent", &[FINE, "samples/nonesuch.pcap"],   2),
    ];
    for (name, arguments, code) in cases {
        let output = diagnose(arguments);
        assert_eq!(output.status.code(), Some(*code), "{name}");
        let said = text(&output.stderr).lines().count();
        assert_eq!(said, usize::from(*code == 2), "{name}: {}", text(&output.stderr));
    }
}

#[test]
fn first_screen_holds_the_answer() {
    let cases: &[(&str, &[&str])] = &[
        (REFUSED, &["failed: connection refused", "NET-01"]),
        (SCHEME, &["wrong scheme: wss:// to a ws:// port", "TLS-01", "Use ws:// for this port"]),
        (SCHEME, &["wrong scheme: ws:// to a wss:// port", "TLS-02", "Use wss:// for this port"]),
        (PROXY, &["proxy dropped the upgrade", "HS-49", "proxy_set_header Upgrade $http_upgrade;"]),
    ];
    for (capture, wanted) in cases {
        let output = text(&diagnose(&[capture]).stdout);
        let screen: Vec<&str> = output.lines().take(24).collect();
        let screen = screen.join("\n");
        for words in *wanted {
            assert!(screen.contains(words), "{capture}: {words} is not on\n{screen}");
        }
    }
}

/// The samples.
fn captures() -> Vec<PathBuf> {
    let mut captures: Vec<PathBuf> =
        fs::read_dir("samples").unwrap().map(|entry| entry.unwrap().path()).collect();
    captures.retain(|path| {
        path.extension().is_some_and(|it| ["pcap", "pcapng"].iter().any(|known| it == *known))
    });
    assert!(captures.len() > 30);
    captures
}

#[test]
fn text_fits_a_hundred_columns() {
    for path in captures() {
        let output = text(&diagnose(&[path.to_str().unwrap(), "--all"]).stdout);
        for line in output.lines() {
            assert!(line.chars().count() <= 100, "{}: {line}", path.display());
        }
    }
}

#[test]
fn connections_that_are_fine_take_a_line_each() {
    let output = text(&diagnose(&[FINE]).stdout);
    let lines: Vec<&str> = output.lines().collect();
    assert!(lines[0].starts_with("connection 1   ") && lines[0].contains("fine: "), "{output}");
    assert_eq!(&lines[1..], ["", "1 connection: 1 fine"]);
    assert_eq!(text(&diagnose(&[FINE, "--failed"]).stdout), "1 connection: 1 fine\n");
    let at_length = text(&diagnose(&[FINE, "--connection", "1"]).stdout);
    for phase in ["TCP", "Upgrade", "First", "Messages", "Close", "End"] {
        assert!(at_length.contains(&format!("  {phase} ")), "{phase}: {at_length}");
    }
}

#[test]
fn connections_are_chosen() {
    #[rustfmt::skip]
    let cases: &[(&str, &[&str], usize)] = &[
        ("all of them",            &[PROXY],                               2),
        ("one",                    &[PROXY, "--connection", "2"],          1),
        ("none failed",            &[FINE, "--failed"],                    0),
        ("by an expression",       &[PROXY, "-Y", "port == 8108"],         1),
        ("by what was said",       &[FINE, "-Y", "opcode == ping"],        1),
        ("by what nobody said",    &[FINE, "-Y", "text contains \"nonesuch\""], 0),
    ];
    for (name, arguments, count) in cases {
        assert_eq!(connections(arguments).len(), *count, "{name}");
    }
    assert!(connections(&[BROWSER, "--all"]).len() > connections(&[BROWSER]).len());
}

#[test]
fn ndjson_has_verdict_cause_and_remedy_and_ends_with_a_summary() {
    let output = diagnose(&[REFUSED, "--format", "ndjson"]);
    let lines = lines(&output);
    let (summary, rest) = lines.split_last().unwrap();
    for line in rest.iter().filter(|line| line["type"] == "connection") {
        assert_eq!((&line["verdict"], &line["outcome"]), (&"failed".into(), &"refused".into()));
        assert_eq!(line["cause"][0], "NET-01");
        assert!(line["remedy"].as_str().unwrap().len() > 20);
        assert_eq!(line["evidence"][0]["rule"], "NET-01");
        assert_eq!(line["phases"][0]["phase"], "tcp");
    }
    assert_eq!((&summary["type"], &summary["verdicts"]["failed"]), (&"summary".into(), &2.into()));
    assert_eq!(summary["causes"][0]["count"], 2);
}

#[test]
fn json_is_one_document_with_every_file() {
    let output = diagnose(&[FINE, REFUSED, "--format", "json"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let files = document["files"].as_array().unwrap();
    let names: Vec<&str> = files.iter().map(|file| file["file"].as_str().unwrap()).collect();
    assert_eq!(names, [FINE, REFUSED]);
    assert_eq!(files[0]["connections"][0]["verdict"], "fine");
    assert_eq!(files[1]["summary"]["verdicts"]["failed"], 2);
}

#[test]
fn standard_input_is_read() {
    let file = fs::File::open(REFUSED).unwrap();
    let output = command("diagnose", &["-"]).stdin(file).output().unwrap();
    assert_eq!(text(&output.stdout), text(&diagnose(&[REFUSED]).stdout));
}

/// Runs `wslens diagnose -` with a capture in a pipe.
fn piped(capture: &Path, arguments: &[&str]) -> Output {
    let arguments = [&["-"], arguments].concat();
    let mut child = command("diagnose", &arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let bytes = fs::read(capture).unwrap();
    let writer = thread::spawn(move || input.write_all(&bytes).ok());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

/// The verdict and causes of each connection, as they are in the end.
fn verdicts(lines: &[Value]) -> BTreeMap<u64, (Value, Value)> {
    let mut verdicts = BTreeMap::new();
    for line in lines {
        let of = |line: &Value| (line["verdict"].clone(), line["cause"].clone());
        match line["type"].as_str().unwrap() {
            "connection" => drop(verdicts.insert(line["connection"].as_u64().unwrap(), of(line))),
            "update" => {
                for id in line["connections"].as_array().unwrap() {
                    assert!(verdicts.insert(id.as_u64().unwrap(), of(line)).is_some());
                }
            }
            _ => {}
        }
    }
    verdicts
}

#[test]
fn what_comes_through_a_pipe_has_the_same_verdicts_in_the_end() {
    let mut updates = 0;
    for path in captures() {
        let name = path.display();
        let file = diagnose(&[path.to_str().unwrap(), "--format", "ndjson"]);
        let pipe = piped(&path, &["--format", "ndjson"]);
        assert_eq!(pipe.status.code(), file.status.code(), "{name}");
        let (file, pipe) = (lines(&file), lines(&pipe));
        assert_eq!(verdicts(&pipe), verdicts(&file), "{name}");
        let [of_file, of_pipe] =
            [&file, &pipe].map(|lines| lines.last().map(|line| line["verdicts"].clone()));
        assert_eq!(of_pipe, of_file, "{name}");
        updates += pipe.iter().filter(|line| line["type"] == "update").count();
    }
    assert!(updates > 0, "no sample shows what is known later");
}

/// Reads what is written until it contains a text.
fn read_until(output: &mut impl Read, wanted: &str) -> String {
    let mut seen = Vec::new();
    while !text(&seen).contains(wanted) {
        let mut buffer = [0; 4096];
        let length = output.read(&mut buffer).unwrap();
        assert!(length > 0, "{}", text(&seen));
        seen.extend_from_slice(buffer.get(..length).unwrap());
    }
    text(&seen)
}

/// The first packets of a capture in pcap.
fn first_packets(capture: &[u8], count: usize) -> &[u8] {
    let mut end = 24;
    for _ in 0..count {
        let length = capture.get(end + 8..end + 12).unwrap().try_into().unwrap();
        end += 16 + usize::try_from(u32::from_le_bytes(length)).unwrap();
    }
    capture.get(..end).unwrap()
}

#[test]
fn what_several_connections_show_is_written_while_the_pipe_is_open() {
    // The restart of a server ends connections 7 to 9, the last one in packet 518.
    let capture = fs::read("samples/health.pcap").unwrap();
    let before = first_packets(&capture, 515);
    let restart = &first_packets(&capture, 518)[before.len()..];
    let rest = &capture[before.len() + restart.len()..];
    let mut child =
        command("diagnose", &["-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    input.write_all(before).unwrap();
    let alone = read_until(&mut output, "connection 8   ");
    assert!(!alone.contains("WHY-43"), "{alone}");
    input.write_all(restart).unwrap();
    let together = read_until(&mut output, "connections 7-8, above");
    let explained = together.find("  dropped: all ended together").unwrap();
    let told =
        together.find("connections 7-8, above   dropped: all ended together, like connection 9");
    assert!(told.is_some_and(|told| told > explained), "{together}");
    assert_eq!(together.matches("  Why    ").count(), 1, "{together}");
    input.write_all(rest).unwrap();
    drop(input);
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert!(!rest.contains("WHY-43"), "reported once: {rest}");
    assert!(rest.contains("3 dropped (all ended together 3)"), "{rest}");
    child.wait().unwrap();
}

#[test]
fn a_story_is_written_while_the_pipe_is_open() {
    for (format, story) in [("text", "failed: connection refused"), ("ndjson", "\"failed\"")] {
        let mut child = command("diagnose", &["-", "--format", format])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(&fs::read(REFUSED).unwrap()).unwrap();
        input.flush().unwrap();
        let mut output = child.stdout.take().unwrap();
        read_until(&mut output, story);
        drop(input);
        let mut rest = String::new();
        output.read_to_string(&mut rest).unwrap();
        assert!(rest.contains("2 failed") || rest.contains("\"failed\":2"), "{rest}");
        assert_eq!(child.wait().unwrap().code(), Some(1));
    }
}
