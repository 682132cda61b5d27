//! What the binary prints of small samples, character by character.
//!
//! When output is meant to change, `INSTA_UPDATE=always cargo test --test snapshots` writes it anew, and the
//! diff of `tests/snapshots/` shows what users will notice.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and may panic"
)]

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

/// Samples that differ in what there is to print.
const TELLING: &[&str] = &[
    "any-device.pcap",
    "deflate.pcap",
    "heartbeat.pcap",
    "ipv6.pcap",
    "killed-server.pcap",
    "nginx-no-upgrade.pcap",
    "protocol-errors.pcap",
    "refused.pcap",
    "wss.pcap",
];

/// Name of the snapshot, and the arguments that make it.
const VIEWS: &[(&str, &[&str])] = &[
    ("print", &["print"]),
    ("print-frames", &["print", "--frames"]),
    ("print-ndjson", &["print", "--format", "ndjson", "--max-payload", "512"]),
    ("stats", &["stats"]),
    ("stats-ndjson", &["stats", "--format", "ndjson"]),
];

#[test]
fn output_is_what_it_was() {
    for sample in TELLING {
        for (view, arguments) in VIEWS {
            let stem = sample.split('.').next().unwrap();
            let mut settings = insta::Settings::clone_current();
            settings.set_prepend_module_to_snapshot(false);
            settings.set_omit_expression(true);
            settings.set_description(format!("wslens {} samples/{sample}", arguments.join(" ")));
            settings.bind(|| {
                insta::assert_snapshot!(format!("{stem}.{view}"), output(sample, arguments));
            });
        }
    }
}

#[test]
fn damage_is_told_in_one_line_behind_what_was_read() {
    let text = output("cut.pcap", &["stats"]);
    let last = text.lines().last().unwrap();
    assert!(last.starts_with("wslens: samples/cut.pcap is cut off"), "{last}");
}

#[test]
fn contributing_says_how_snapshots_are_renewed() {
    let text = fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
    assert!(text.contains("INSTA_UPDATE=always cargo test --test snapshots"));
}

#[test]
fn snapshots_are_small_and_all_in_use() {
    let mut total = 0;
    for entry in fs::read_dir(root().join("tests/snapshots")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let known = TELLING.iter().any(|sample| {
            let stem = sample.split('.').next().unwrap();
            VIEWS
                .iter()
                .any(|(view, _)| name.strip_suffix(".snap") == Some(&format!("{stem}.{view}")))
        });
        assert!(known, "tests/snapshots/{name} belongs to no test");
        total += entry.metadata().unwrap().len();
    }
    assert!(total < LARGEST, "{total} bytes of snapshots, at most {LARGEST}");
}

/// Both outputs of the binary, run where its samples have the same path everywhere.
fn output(sample: &str, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_wslens"))
        .current_dir(root())
        .args(arguments)
        .arg(format!("samples/{sample}"))
        .env_remove("COLUMNS")
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    text + &errors
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Bytes of all snapshots: what can still be read in a diff.
const LARGEST: u64 = 200_000;
