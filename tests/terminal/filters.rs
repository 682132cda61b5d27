//! A filter on the screen, in `print` and in `stats`: the same messages, and as many of them.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::program::{LARGE, Program, sample};
use super::quit;

/// What a command writes for a filter.
fn printed(command: &str, format: &str, expression: &str, sample: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_wslens"))
        .args([command, "--format", format, "-Y", expression, sample])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn screen_print_and_stats_agree_on_what_a_filter_chooses() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("messages.ndjson");
    let text = folder.path().join("messages.txt");
    for name in ["protocol-errors.pcap", "deflate.pcap", "close-codes.pcap"] {
        let name = sample(name);
        for expression in [
            "opcode == text and from == client",
            "kind == message and rule",
            "kind == message and outcome == closed and length > 5",
            "text contains \"a\" and not masked",
            "opcode == close or rsv1",
        ] {
            let what = format!("{name}: {expression}");
            let lines = printed("print", "ndjson", expression, &name);
            let messages: Vec<&str> =
                lines.lines().filter(|line| line.starts_with("{\"type\":\"message\"")).collect();
            let count = messages.len();
            let stats = printed("stats", "ndjson", expression, &name);
            assert!(
                stats.contains(&format!("\"matched\":{{\"messages\":{count},")),
                "{what}: {stats}"
            );

            let mut program = Program::start(LARGE, &["-Y", expression, &name]);
            program.shows(" packets");
            program.hides("reading ");
            program.hides("looked at");
            program.shows(&format!(" {} of {count} ", count.min(1)));
            if count > 0 {
                program.keys(&format!("sn\x15{}\r", path.to_str().unwrap()));
                program.shows("written to");
                let saved = fs::read_to_string(&path).unwrap();
                assert_eq!(saved.lines().collect::<Vec<_>>(), messages, "{what}");
                fs::remove_file(&path).unwrap();

                program.keys(&format!("st\x15{}\r", text.to_str().unwrap()));
                program.shows("messages.txt");
                program.hides("messages.ndjson");
                program.shows("written to");
                assert_lines(&text, &printed("print", "text", expression, &name), count, &what);
                fs::remove_file(&text).unwrap();
            }
            quit(program);
        }
    }
}

/// Compares messages that were saved as text with printed ones. Those are cut at some column; the screen
/// knows more findings, those that were made after the line was printed.
fn assert_lines(saved: &Path, printed: &str, count: usize, what: &str) {
    let saved = fs::read_to_string(saved).unwrap();
    // Those about peers have no number.
    let messages = saved.lines().filter(|line| !line.trim_start().starts_with('-'));
    assert_eq!(messages.clone().count(), count, "{what}:\n{saved}");
    // Without the mark and the rules.
    let bare = |line: &str| {
        let line = line.split("  WS-").next().unwrap_or_default();
        line.chars().skip(1).take(UNCUT).collect::<String>()
    };
    let printed: Vec<String> = printed.lines().map(bare).collect();
    for line in messages.map(bare) {
        assert!(printed.contains(&line), "{what}: {line:?} in {printed:#?}");
    }
}

/// Columns that lines have in any case.
const UNCUT: usize = 150;
