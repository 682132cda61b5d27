//! The real binary in a pseudo-terminal: what it shows, what keys do, and how it leaves the terminal.

#![cfg(unix)]
#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "these tests wait for a program that runs beside them, and may panic"
)]

mod filters;
mod live;
mod panics;
mod program;
mod secrets;

use std::fs;

use program::{LARGE, Program, SMALL, Size, sample};

/// Starts with the sample of broken rules, and waits until it is read.
fn errors(size: Size) -> Program {
    Program::start_and_read(size, &sample("protocol-errors.pcap"))
}

pub(crate) fn quit(mut program: Program) {
    program.keys("q");
    assert_eq!(program.ends(), 0);
    program.gives_the_terminal_back();
}

#[test]
fn a_capture_is_shown_with_its_connections_and_messages() {
    for size in [LARGE, SMALL] {
        let program = errors(size);
        for text in
            ["4 connections", "  9 messages", "WS-F01", "masked as it should be", " 1 of 39 "]
        {
            program.shows(text);
        }
        quit(program);
    }
}

#[test]
fn keys_move_through_the_timeline() {
    let mut program = errors(SMALL);
    #[rustfmt::skip]
    let cases = [
        ("j",       "2 of 39"),
        ("\x1b[B",  "3 of 39"),
        ("k",       "2 of 39"),
        ("\x1b[A",  "1 of 39"),
        ("G",       "39 of 39"),
        ("g",       "1 of 39"),
        ("\x1b[F",  "39 of 39"),
        ("\x1b[H",  "1 of 39"),
        ("e",       "5 of 39"),
        ("w",       "6 of 39"),
        ("e",       "15 of 39"),
        ("E",       "5 of 39"),
    ];
    for (keys, place) in cases {
        program.keys_show(keys, &format!(" {place} "));
    }
    quit(program);
}

#[test]
fn the_wheel_of_the_mouse_moves_too() {
    let mut program = errors(LARGE);
    // SGR reports: wheel down in the timeline.
    program.keys("\x1b[<65;60;30M");
    program.hides(" 1 of 39 ");
    quit(program);
}

#[test]
fn a_filter_chooses_rows_and_says_what_is_wrong_with_it() {
    let mut program = errors(LARGE);
    program.keys_show("flenght > 1", "did you mean `length`?");
    program.keys("\x1b");
    program.hides("did you mean");
    program.keys("fopcode == text and from == client\r");
    program.shows(" of 5 ");
    program.hides("close me badly  ◀");
    quit(program);
}

#[test]
fn a_search_finds_its_matches_one_after_the_other() {
    let mut program = errors(LARGE);
    program.keys_show("/Latin\r", " 22 of 39 ");
    program.keys_show("n", " 23 of 39 ");
    program.keys_show("N", " 22 of 39 ");
    quit(program);
}

#[test]
fn the_inspector_shows_a_row_in_six_ways() {
    for size in [LARGE, SMALL] {
        let mut program = errors(size);
        program.keys_show("e", " 5 of 39 ");
        program.keys_show("\r", "Message│Frame│Hex│Handshake│Findings│Connection");
        #[rustfmt::skip]
        let tabs = [
            ("2",  "on the wire 81 0a 6e 6f 74"),
            ("3",  "81 0a 6e 6f"),
            ("4",  "Sec-WebSocket-Key"),
            ("5",  "WS-F01"),
            ("6",  "127.0.0.1:51618"),
            ("1",  "Text, 10 bytes"),
            ("\t", "on the wire 81 0a 6e 6f 74"),
        ];
        for (keys, text) in tabs {
            program.keys_show(keys, text);
        }
        program.keys("\x1b");
        program.shows("f filter");
        quit(program);
    }
}

#[test]
fn frames_and_time_are_toggled() {
    let mut program = errors(LARGE);
    program.keys_show("m", "Timeline: frames");
    program.keys("m");
    program.hides("Timeline: frames");
    program.keys_show("t", "12:37:58.438842");
    quit(program);
}

#[test]
fn help_lists_the_keys() {
    let mut program = errors(SMALL);
    program.keys_show("?", "Everywhere");
    program.keys("\x1b");
    program.hides("Everywhere");
    quit(program);
}

#[test]
fn all_findings_are_listed_and_lead_to_their_places() {
    let mut program = errors(LARGE);
    program.keys_show("F", "Findings by rule");
    program.keys("\r");
    program.hides(" 1 of 39 ");
    quit(program);
}

#[test]
fn a_payload_is_saved_and_not_overwritten_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("payload.txt");
    let save = format!("sp\x15{}\r", path.to_str().unwrap());
    let mut program = errors(LARGE);
    program.keys_show("jj", " 3 of 39 ");
    program.keys(&save);
    program.shows("22 bytes written to");
    assert_eq!(fs::read(&path).unwrap(), b"masked as it should be");

    fs::write(&path, b"precious").unwrap();
    program.keys(&save);
    program.shows("file exists; overwrite?");
    program.keys_show("n", "nothing was written");
    assert_eq!(fs::read(&path).unwrap(), b"precious");

    program.keys(&save);
    program.shows("file exists; overwrite?");
    program.keys_show("y", "22 bytes written to");
    assert_eq!(fs::read(&path).unwrap(), b"masked as it should be");
    quit(program);
}

#[test]
fn the_capture_being_read_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("feed.pcap");
    fs::copy(sample("protocol-errors.pcap"), &path).unwrap();
    let before = fs::read(&path).unwrap();
    let name = path.to_str().unwrap();
    let mut program = Program::start_and_read(LARGE, name);
    for item in ["p", "n", "c"] {
        program.keys(&format!("s{item}\x15{name}\r"));
        program.shows("is the capture being read; save to another file");
        program.keys("j");
        program.hides("is the capture being read");
        assert_eq!(fs::read(&path).unwrap(), before, "{item}");
    }
    quit(program);
}

#[test]
fn shown_messages_are_saved_as_print_writes_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("messages.ndjson");
    for name in ["protocol-errors.pcap", "echo.pcap", "deflate.pcap", "gap.pcap"] {
        let printed = std::process::Command::new(env!("CARGO_BIN_EXE_wslens"))
            .args(["print", "--format", "ndjson", &sample(name)])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        let printed = String::from_utf8(printed.stdout).unwrap();
        let expected: Vec<&str> =
            printed.lines().filter(|line| line.starts_with("{\"type\":\"message\"")).collect();
        let mut program = Program::start_and_read(LARGE, &sample(name));
        program.keys(&format!("sn\x15{}\r", path.to_str().unwrap()));
        program.shows(&format!("{} messages written to", expected.len()));
        let saved = fs::read_to_string(&path).unwrap();
        assert_eq!(saved.lines().collect::<Vec<_>>(), expected, "{name}");
        fs::remove_file(&path).unwrap();
        quit(program);
    }
}

#[test]
fn packets_of_a_connection_are_a_capture_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("packets.pcapng");
    let name = path.to_str().unwrap();
    let mut program = errors(LARGE);
    program.keys(&format!("sc\x15{name}\r"));
    // As many as tshark has of its ports.
    program.shows(" 16 packets written to");
    quit(program);
    let program = Program::start(LARGE, &[name]);
    program.shows("1 connection ");
    program.shows("  4 messages");
    program.shows("WS-F01");
    quit(program);
}

#[test]
fn a_payload_goes_to_the_clipboard() {
    let mut program = errors(LARGE);
    program.keys_show("jj", " 3 of 39 ");
    program.keys_show("y", "payload, decoded");
    program.keys("p");
    // "masked as it should be" in base64.
    program.writes("\x1b]52;c;bWFza2VkIGFzIGl0IHNob3VsZCBiZQ==");
    quit(program);
}

#[test]
fn the_screen_follows_the_size_of_the_terminal() {
    let program = errors(LARGE);
    program.resize(SMALL);
    program.shows("protocol-errors.pcap  4 connections");
    program.resize(Size(60, 15));
    program.shows("This terminal is too small.");
    program.shows("It is 60x15");
    program.resize(LARGE);
    program.shows("protocol-errors.pcap");
    program.shows("1 of 39");
    quit(program);
}

#[test]
fn a_truncated_file_shows_what_is_there_and_says_so() {
    let program = Program::start(LARGE, &[&sample("cut.pcap")]);
    program.shows("damaged");
    program.shows("13 messages");
    quit(program);
}

#[test]
fn signals_give_the_terminal_back() {
    for name in ["TERM", "HUP", "INT"] {
        let mut program = errors(SMALL);
        program.signal(name);
        program.ends();
        program.gives_the_terminal_back();
    }
}

#[test]
fn other_files_are_reported_in_one_line() {
    let mut program = Program::start(LARGE, &["Cargo.toml"]);
    assert_eq!(program.ends(), 2);
    program.shows("Cargo.toml");
    let lines = program.screen();
    assert_eq!(lines.lines().filter(|line| !line.is_empty()).count(), 1, "{lines}");
    let written = program.written();
    assert!(!written.contains("\x1b[?1049h"), "{written:?}");
}

#[test]
fn no_color_means_no_color() {
    let mut program =
        Program::start_with(LARGE, &[&sample("protocol-errors.pcap")], &[("NO_COLOR", "1")]);
    program.shows("1 of 39");
    program.keys_show("e", " 5 of 39 ");
    program.keys_show("F", "Findings by rule");
    let written = program.written();
    let colors: Vec<&str> = styles(&written).filter(|it| is_color(it)).collect();
    assert!(colors.is_empty(), "{colors:?}");
    program.keys("\x1b");
    program.hides("Findings by rule");
    quit(program);
}

#[test]
fn ascii_means_ascii() {
    let mut program = Program::start(LARGE, &["--ascii", &sample("protocol-errors.pcap")]);
    program.shows("1 of 39");
    program.keys_show("?", "Everywhere");
    program.keys("\x1b");
    program.hides("Everywhere");
    program.keys_show("G", " 39 of 39 ");
    assert!(program.written().is_ascii(), "{}", program.screen());
    quit(program);
}

/// The parameters of each `CSI ... m`.
fn styles(written: &str) -> impl Iterator<Item = &str> {
    written.split("\x1b[").skip(1).filter_map(|rest| {
        let end = rest.find(|it: char| !(it.is_ascii_digit() || it == ';' || it == ':'))?;
        rest[end..].starts_with('m').then(|| &rest[..end])
    })
}

/// Whether one of the parameters sets a color; 39, 49 and 59 set none.
fn is_color(parameters: &str) -> bool {
    parameters
        .split([';', ':'])
        .filter_map(|it| it.parse::<u32>().ok())
        .any(|number| matches!(number, 30..=38 | 40..=48 | 58 | 90..=97 | 100..=107))
}
