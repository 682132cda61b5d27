//! The binary's own behavior: exit codes, standard error, standard input, closed pipes.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use support::program::text;
use support::testkit::file::{pcap, pcap_of};
use support::testkit::frame::masked_with;
use support::testkit::head;
use support::testkit::packet::RAW_IP;
use support::testkit::traffic::{TestLink, TestTraffic};
use wslens::stream::Direction::{ClientToServer, ServerToClient};

mod support;

/// Runs wslens without standard input.
fn wslens(arguments: &[&str]) -> Output {
    command(arguments).stdin(Stdio::null()).output().unwrap()
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wslens"));
    command.args(arguments).env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
    command
}

/// Says why a test has tested nothing.
#[expect(clippy::print_stderr, reason = "what is skipped is skipped aloud")]
fn skipped(why: &str) {
    eprintln!("skipped: {why}");
}

/// Traffic without a link layer, a millisecond from packet to packet, so far.
fn traffic() -> TestTraffic {
    let mut traffic = TestTraffic::new(TestLink::RawIp);
    traffic.step = 1_000_000;
    traffic.dial().answer();
    traffic
}

/// A capture of a handshake and `messages` times the text Hello, each with another key.
fn conversation(messages: u32) -> Vec<u8> {
    let mut traffic = traffic();
    traffic.segment(ClientToServer, &head::request(head::KEY, ""));
    traffic.segment(ServerToClient, &head::response(head::KEY, ""));
    for number in 0..messages {
        let key = (0x37fa_213d ^ number.wrapping_mul(0x9e37_79b9)).to_be_bytes();
        traffic.segment(ClientToServer, &masked_with(key, 0x81, b"Hello"));
    }
    pcap_of(RAW_IP, &traffic.packets)
}

fn file(folder: &Path, name: &str, content: &[u8]) -> String {
    let path = folder.join(name);
    fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn failures_are_one_line_and_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    let empty = file(folder.path(), "empty", b"");
    let request = file(folder.path(), "text", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    let missing = folder.path().join("missing\x1b[2J\n.pcap");
    let directory = folder.path().to_str().unwrap();
    #[rustfmt::skip]
    let cases: &[(&[&str], &str)] = &[
        (&[], "no capture given"),
        (&["print"], "no capture given"),
        (&["print", missing.to_str().unwrap()], "no such file"),
        (&["print", directory], "is a directory; to read its captures as one: wslens print /"),
        (&[&empty], "is empty"),
        (&["stats", &request], "looks like a text file"),
        (&["check"], "no capture given"),
        (&["check", &empty], "is empty"),
        (&["check", &empty, "--only", "WS-F99"], "did you mean 'WS-F"),
        (&["rules", "--format", "xml"], "invalid value 'xml'"),
        (&["diagnose"], "no capture given"),
        (&["diagnose", &empty, "--format", "ndjson"], "is empty"),
        (&["diagnose", "--format", "sarif", &empty], "invalid value 'sarif'"),
        (&["diagnos", &empty], "there is no subcommand and no file 'diagnos'"),
        (&["print", &empty, &request], "2 captures are given; to read them as one: wslens print /"),
        (&[&empty, &request], "2 captures are given; to read them as one: wslens /"),
        (&["print", &empty, &request, "--join"], "is empty"),
        (&["stats", directory, "--join"], "no capture found to join"),
        (&["stats", "-", &empty, "--join"], "standard input cannot be joined"),
        (&["stats", "no-*-such.pcap"], "no file matches no-*-such.pcap"),
        (&["view"], "no capture given"),
        (&["print", "--format", "xml", &empty], "invalid value 'xml'"),
        (&["print", "--max-payload", "-1", &empty], "see wslens --help"),
        (&["--no-such-option"], "unexpected argument '--no-such-option'"),
        (&["-f", "tcp", &empty], "--filter is for live capture and needs --interface"),
        (&["print", "--duration", "3s", &empty], "--duration is for live capture"),
        (&["stats", "-p", &empty], "--no-promiscuous is for live capture"),
        (&["-i", "there-is-no-such-interface"], ""),
        (&["print"], "-i lo"),
        (&["print", "-i", "lo", &empty], "cannot be used with"),
        (&["print", "-i", "lo", "--duration", "soon"], "such as 10s"),
        (&["print", "-i", "lo", "-s", "300000"], "262144"),
        (&["print", "-i", "lo", "-B", "0"], "1..=2047"),
        (&["--spool-limit", "much", &empty], "such as 500M"),
        (&["print", &empty, "-b", "files:2"], "--write <FILE>"),
        (&["print", &empty, "-w", "x", "-b", "size:2"], "filesize:KB"),
        (&["check", &request, &empty, "-w", "x"], "the packets of one capture, but 2 are given"),
        (&["completions", "tcsh"], "invalid value 'tcsh'"),
        (&["explain"], "<WHAT>"),
        (&["explain", "hello\x1b[2J"], "bytes of a frame in hexadecimal"),
        (&["explain", "99999"], "not a close code"),
        (&["run"], "required arguments were not provided: <COMMAND>"),
        (&["run", "check"], "required arguments were not provided: <COMMAND>"),
        (&["run", "check", "samples/echo.pcap", "--", "true"], "run captures live"),
        (&["explain", "WS-X99"], "there is no rule or cause WS-X99"),
        (&["explain", "-"], "standard input is empty"),
        (&["explain", "--side", "left", "81 00"], "invalid value 'left'"),
    ];
    for (arguments, says) in cases {
        let run = wslens(arguments);
        let said = text(&run.stderr);
        assert_eq!(run.status.code(), Some(2), "{arguments:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{arguments:?}: {said}");
        assert!(said.contains(says), "{arguments:?}: {said}");
        assert!(!said.trim_end().contains(char::is_control), "{said:?}");
    }
}

/// A capture in so many files, each with some of its packets, and as a whole.
fn parts(folder: &Path, count: usize) -> (String, Vec<String>) {
    let mut traffic = traffic();
    traffic.segment(ClientToServer, &head::request(head::KEY, ""));
    traffic.segment(ServerToClient, &head::response(head::KEY, ""));
    for number in 0..20 {
        traffic.segment(ClientToServer, &masked_with([number, 2, 3, 4], 0x81, b"Hello"));
    }
    let size = traffic.packets.len().div_ceil(count);
    let whole = file(folder, "whole.pcap", &pcap_of(RAW_IP, &traffic.packets));
    let parts = traffic.packets.chunks(size).zip(1..);
    let parts = parts.map(|(packets, number)| {
        file(folder, &format!("ring_{number}.pcap"), &pcap_of(RAW_IP, packets))
    });
    (whole, parts.collect())
}

/// What a run says, without the lines about files.
fn report(arguments: &[&str]) -> (Option<i32>, Vec<String>) {
    let run = wslens(arguments);
    assert_eq!(text(&run.stderr), "", "{arguments:?}");
    let lines = text(&run.stdout);
    let lines = lines.lines().filter(|line| !line.contains("ring_")).map(str::to_owned);
    (run.status.code(), lines.collect())
}

#[test]
fn joined_files_are_one_capture() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, parts) = parts(folder.path(), 4);
    let pattern = folder.path().join("ring_*").to_str().unwrap().to_owned();
    let [one, two, three, four] = parts.as_slice() else { panic!("{parts:?}") };
    for command in [&["print"][..], &["print", "--frames"], &["stats"], &["view"]] {
        let expected = report(&[command, &[&whole]].concat());
        // In any order; the second one twice.
        let named = [three, one, two, four, two].map(String::as_str);
        assert_eq!(report(&[command, &named, &["--join"]].concat()), expected, "{command:?}");
        assert_eq!(report(&[command, &[&pattern, "--join"]].concat()), expected, "{command:?}");
    }
    for command in ["check", "diagnose"] {
        let (code, mut lines) = report(&[command, "--format", "ndjson", &whole]);
        // The other summary lists the files.
        lines.retain(|line| !line.contains("summary"));
        assert!(!lines.is_empty());
        let found = report(&[command, "--format", "ndjson", &pattern, "--join"]);
        assert_eq!(found, (code, lines));
    }
    // What is written is the capture as a whole.
    let copy = folder.path().join("copy.pcapng").to_str().unwrap().to_owned();
    report(&["print", &pattern, "--join", "-w", &copy]);
    assert_eq!(report(&["print", &copy]), report(&["print", &whole]));
    let run = wslens(&["print", &pattern, "--join", "--format", "ndjson"]);
    let summary = text(&run.stdout).lines().last().unwrap_or_default().to_owned();
    let files = summary.split_once("\"files\":").unwrap().1;
    assert_eq!(files.matches("\"packet_count\":").count(), 4, "{files}");
    assert!(files.contains("\"packets\":[1,6],\"packet_count\":6"), "{files}");
}

#[test]
fn a_connection_that_does_not_exist_is_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "one.pcap", &conversation(2));
    for command in [&["print"][..], &["stats"], &["check"], &["diagnose"], &["view"], &[]] {
        for (number, code) in [("1", 0), ("99", 2), ("0", 2)] {
            let run = wslens(&[command, &[&path, "--connection", number]].concat());
            let said = text(&run.stderr);
            assert_eq!(run.status.code(), Some(code), "{command:?} {number}: {said}");
            let expected =
                format!("wslens: there is no connection {number}: 1 connection in {path}\n");
            assert_eq!(said, if code == 0 { "" } else { &expected }, "{command:?}");
        }
    }
    let two = file(folder.path(), "two.pcap", &conversation(2));
    let run = wslens(&["check", &path, &two, "--connection", "3"]);
    let said = text(&run.stderr);
    assert_eq!(run.status.code(), Some(2), "{said}");
    assert!(said.contains("no connection 3: 1 connection in each of 2 captures"), "{said}");
}

#[test]
fn parts_of_one_capture_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let (_, parts) = parts(folder.path(), 2);
    let [one, two] = parts.as_slice() else { panic!("{parts:?}") };
    for command in ["check", "diagnose"] {
        let run = wslens(&[command, one, two]);
        let expected = format!(
            "wslens: these 2 files look like one capture in several files; to read them as one: \
             wslens {command} {one} {two} --join\n"
        );
        assert_eq!((run.status.code(), text(&run.stderr)), (Some(0), expected));
    }
    let other = file(folder.path(), "other.pcap", &conversation(3));
    let run = wslens(&["check", one, &other]);
    assert_eq!((run.status.code(), text(&run.stderr)), (Some(0), String::new()));
}

#[test]
fn packets_are_written_while_they_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let bytes = pcap_of(RAW_IP, &traffic().packets);
    let input = file(folder.path(), "in.pcap", &bytes);
    let output = path("out.pcapng");
    let write = |arguments: &[&str]| {
        let run = wslens(&[&["print", &input, "-w", &output], arguments].concat());
        (run.status.code(), text(&run.stdout), text(&run.stderr))
    };
    let (code, shown, said) = write(&[]);
    assert_eq!((code, said.as_str()), (Some(0), ""));
    assert_eq!(text(&wslens(&["print", &output]).stdout), shown);
    let (code, _, said) = write(&[]);
    assert_eq!(code, Some(2));
    assert!(said.contains("out.pcapng exists; give another name, or --force"), "{said}");
    assert_eq!(write(&["--force"]).0, Some(0));
    let (code, _, said) = write(&["-b", "files:2"]);
    assert!(code == Some(2) && said.contains("add -b filesize:KB"), "{said}");
    assert_eq!(write(&["-b", "packets:1"]).0, Some(0));
    let numbered = fs::read_dir(folder.path()).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_str().unwrap().starts_with("out_0000")
    });
    assert_eq!(numbered.count(), 2);
    let run = wslens(&["print", &input, "-w", &input, "--force"]);
    assert!(text(&run.stderr).contains("is the file being read"), "{}", text(&run.stderr));
    let run = wslens(&["print", &input, "-w", "-"]);
    assert!(text(&run.stderr).contains("would mix packets with the report"));
    assert_eq!(wslens(&["print", &input]).status.code(), Some(0), "it is as it was");
}

#[test]
fn interfaces_are_listed_for_people_and_programs() {
    let listed = wslens(&["interfaces"]);
    if listed.status.code() == Some(2) {
        let said = text(&listed.stderr);
        assert!(said.contains("live capture is not built in") || said.contains("privileges"));
        skipped(&format!("no interfaces can be listed here: {said}"));
        return;
    }
    let rows = text(&wslens(&["interfaces", "--format", "ndjson"]).stdout);
    assert_eq!(rows.lines().count(), text(&listed.stdout).lines().count());
    for row in rows.lines() {
        let row: serde_json::Value = serde_json::from_str(row).unwrap();
        assert_eq!(row["type"], "interface");
        assert!(row["name"].is_string() && row["kind"].is_string() && row["addresses"].is_array());
    }
}

#[test]
fn without_arguments_the_commands_are_listed() {
    let shown = text(&wslens(&[]).stdout);
    assert!(shown.contains("wslens -i lo") && shown.lines().count() < 24, "{shown}");
}

#[test]
fn help_version_completions_and_manual_are_written() {
    for (arguments, part) in [
        (&["--help"][..], "Exit codes"),
        (&["-h"], "Examples"),
        (&["print", "--help"], "--max-payload"),
        (&["stats", "--help"], "Usage"),
        (&["explain", "--help"], "81 85 37 fa"),
        (&["explain", "1006"], "abnormal closure"),
        (&["explain", "81", "05", "48", "65", "6c", "6c", "6f"], "\"Hello\""),
        (&["explain", r"\x81\x02hi"], "\"hi\""),
        (&["explain", "--side", "client", "81 00"], "must mask every frame"),
        (&["explain", "--ascii", "81 00"], "+-+-+-+-+-------+"),
        (&["explain", "--deflate", "c107f248cdc9c90700"], "\"Hello\""),
        (&["explain", "GET / HTTP/1.1\nHost: a\nUpgrade: websocket\n\n"], "HS-06"),
        (&["explain", "HTTP/1.1 502 Bad Gateway\nServer: nginx\n\n"], "WHY-28"),
        (&["explain", "WHY-43", "--format", "ndjson"], r#""rule":"WHY-43""#),
        (&["explain", "1006", "--format", "ndjson"], r#""code":1006"#),
        (&["--version"], env!("CARGO_PKG_VERSION")),
        (&["completions", "bash"], "wslens"),
        (&["completions", "zsh"], "wslens"),
        (&["completions", "fish"], "wslens"),
        (&["man"], ".TH"),
    ] {
        let run = wslens(arguments);
        assert_eq!(run.status.code(), Some(0), "{arguments:?}");
        assert!(text(&run.stdout).contains(part), "{arguments:?}");
        assert!(run.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn messages_are_printed_as_text_and_as_json() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "hello.pcap", &conversation(2));
    for arguments in [&["print", &path][..], &[&path]] {
        let run = wslens(arguments);
        let lines = text(&run.stdout);
        assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
        assert!(lines.contains("→  GET /chat  Host: server.example.com\n"), "{lines}");
        assert!(lines.contains("→  text        5 B  Hello\n"), "{lines}");
        assert!(
            lines.ends_with("1 connection (1 WebSocket), 2 messages, 2 frames in 0.005000 s\n"),
            "{lines}"
        );
        assert!(!lines.contains('\x1b'), "{lines}");
    }
    let run = wslens(&["print", &path, "--format", "ndjson", "--frames"]);
    let kinds: Vec<String> = text(&run.stdout)
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["type"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(
        kinds,
        ["handshake", "frame", "message", "frame", "message", "connection", "summary"]
    );
    let run = wslens(&["stats", &path]);
    assert!(text(&run.stdout).contains("1 WebSocket"), "{}", text(&run.stdout));
    let run = wslens(&["print", "--color", "always", &path]);
    assert!(text(&run.stdout).contains("\x1b[36m→"));
}

#[test]
fn payloads_are_cut_at_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "hello.pcap", &conversation(1));
    let run = wslens(&["print", &path, "--format", "ndjson", "--max-payload", "2"]);
    let lines = text(&run.stdout);
    // sha256sum of Hello.
    let digest = "185f8db32271fe25f561a6fc938b2e264306ec304eda518007d1764826381969";
    let expected =
        format!(r#""length":5,"complete":true,"text":"He","truncated":true,"sha256":"{digest}""#);
    assert!(lines.contains(&expected), "{lines}");
}

#[test]
fn only_so_many_packets_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "hello.pcap", &conversation(9));
    let lines = text(&wslens(&["print", "-c", "6", &path]).stdout);
    assert!(lines.contains("6 packets") && lines.contains("2 messages"), "{lines}");
}

#[test]
fn standard_input_is_read() {
    let mut child =
        command(&["print", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(&conversation(1)).unwrap();
    input.flush().unwrap();
    // The line comes while the pipe is still open.
    let mut output = child.stdout.take().unwrap();
    let mut seen = Vec::new();
    while !seen.windows(5).any(|window| window == b"Hello") {
        let mut buffer = [0; 4096];
        let length = output.read(&mut buffer).unwrap();
        assert!(length > 0, "{}", text(&seen));
        seen.extend_from_slice(&buffer[..length]);
    }
    drop(input);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn frames_are_explained_from_standard_input() {
    let forms: &[&[u8]] =
        &[b"\x81\x02hi", b"81 02 68 69\n", b"00000000  81 02 68 69   |..hi|\n00000004\n"];
    let pages: Vec<String> = forms
        .iter()
        .map(|form| {
            let mut child = command(&["explain", "-"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            child.stdin.take().unwrap().write_all(form).unwrap();
            let run = child.wait_with_output().unwrap();
            assert_eq!(run.status.code(), Some(0));
            text(&run.stdout)
        })
        .collect();
    assert!(pages[0].contains("as text  \"hi\""), "{}", pages[0]);
    assert!(pages.iter().all(|page| *page == pages[0]), "{pages:?}");
}

/// Runs `wslens explain -` on bytes, and gives what it writes.
fn explained(bytes: &[u8], arguments: &[&str]) -> String {
    let mut child = command(&[&["explain", "-"], arguments].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    let run = child.wait_with_output().unwrap();
    assert_eq!(run.status.code(), Some(0));
    text(&run.stdout)
}

/// What a server writes that ends its head with one empty line too many.
const STRAY: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\
    \r\n\x81\x05Hello\x81\x02hi";

#[test]
fn heads_and_the_frames_after_them_are_explained() {
    let page = explained(STRAY, &[]);
    for part in ["What the server sends", "WHY-07", "0d 0a", "\"Hello\"", "\"hi\""] {
        assert!(page.contains(part), "{part}: {page}");
    }
    // That nobody answered is not known, and not reported.
    let request = b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    let page = explained(request, &[]);
    assert!(page.contains("What the client sends") && page.contains("No rule is broken"), "{page}");
    // The same as curl -v shows it, with the answer.
    let asked = text(request).replace("\r\n", "\n> ");
    let answer = "\n< HTTP/1.1 404 Not Found\n< Content-Length: 2\n< \nno\n";
    let page = explained(format!("* Connected\n> {asked}{answer}").as_bytes(), &[]);
    assert!(page.contains("HS-43") && page.contains("Its body"), "{page}");
}

#[test]
fn explanations_are_lines_for_programs_as_well() {
    let lines = |bytes: &[u8]| -> Vec<serde_json::Value> {
        let written = explained(bytes, &["--format", "ndjson"]);
        written.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let types = |lines: &[serde_json::Value]| -> Vec<String> {
        lines.iter().map(|line| line["type"].as_str().unwrap().to_owned()).collect()
    };
    let hello = lines(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
    assert_eq!(types(&hello), ["frame", "message"]);
    assert_eq!(hello[0]["mask"], "37fa213d");
    assert_eq!(
        (&hello[1]["text"], &hello[1]["connection"]),
        (&"Hello".into(), &serde_json::Value::Null)
    );
    let found = lines(b"\x81\x05Gr\xc3\xbc\xc3\x9fe\x81\x02hi\x81\x02ho");
    let cause = found.iter().find(|line| line["type"] == "cause").unwrap();
    assert_eq!(cause["rule"], "WHY-02");
    assert!(!cause["consequences"].as_array().unwrap().is_empty(), "{cause}");
    let heads = lines(STRAY);
    assert_eq!(types(&heads)[..3], ["handshake", "frame", "message"]);
    assert_eq!((&heads[0]["status"], &heads[0]["target"]), (&101.into(), &serde_json::Value::Null));
    assert!(heads.iter().any(|line| line["rule"] == "WHY-07"), "{heads:?}");
    // Fields may follow.
    let cut = lines(b"GET / HTTP/1.1\nHost: a\nUpgrade: websocket");
    assert!(
        cut.iter().filter(|line| line["type"] == "finding").all(|it| it["only_if"] == "whole_head")
    );
}

#[test]
fn damaged_capture_is_shown_up_to_the_damage() {
    let folder = tempfile::tempdir().unwrap();
    let mut content = conversation(3);
    content.truncate(content.len() - 5);
    let path = file(folder.path(), "cut.pcap", &content);
    for format in ["text", "ndjson"] {
        let run = wslens(&["print", &path, "--format", format]);
        let (lines, said) = (text(&run.stdout), text(&run.stderr));
        assert_eq!(run.status.code(), Some(2));
        assert_eq!(lines.matches("Hello").count(), 2, "{lines}");
        assert!(lines.contains("CAP-08"), "{lines}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains("cut off in packet 7"), "{said}");
    }
}

#[test]
fn capture_without_packets_is_fine() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "none.pcap", &pcap(&[]));
    let run = wslens(&["print", &path, "--format", "ndjson"]);
    assert_eq!(run.status.code(), Some(0));
    assert_eq!(text(&run.stderr).lines().count(), 1);
    assert!(text(&run.stdout).starts_with(r#"{"type":"summary","packets":0"#));
}

#[test]
fn link_types_that_are_not_supported_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut traffic = TestTraffic::new(TestLink::RawIp);
    traffic.raw(&[0; 64]).raw(&[0; 64]);
    let path = file(folder.path(), "usb.pcap", &pcap_of(189, &traffic.packets));
    let run = wslens(&["print", &path]);
    assert_eq!(run.status.code(), Some(0));
    let lines = text(&run.stdout);
    assert!(
        lines.contains("CAP-10  link type 189") && lines.contains("2 packets skipped"),
        "{lines}"
    );
}

#[test]
fn closed_pipe_is_not_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "long.pcap", &conversation(20_000));
    for arguments in [&["print", &path][..], &["print", "--format", "ndjson", &path]] {
        let mut child =
            command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = [0; 10];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let run = child.wait_with_output().unwrap();
        assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
        assert!(run.stderr.is_empty(), "{}", text(&run.stderr));
    }
}
