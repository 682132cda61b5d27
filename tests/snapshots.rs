//! What the commands print of some samples, word for word, so that a change of it is seen in review.
//!
//! `INSTA_UPDATE=always cargo test --test snapshots` renews the files in `snapshots/`.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::process::{Command, Stdio};

use insta::{Settings, assert_snapshot};

/// One of each kind: inflated, with a hole, against the rules, rejected, refused, begun in the middle, derailed.
const SAMPLES: &[&str] =
    &["deflate", "gap", "protocol-errors", "nginx-no-upgrade", "refused", "midstream", "derailed"];

#[test]
fn print_is_unchanged() {
    compare("print", &["print"]);
}

#[test]
fn print_with_frames_is_unchanged() {
    compare("print-frames", &["print", "--frames"]);
}

#[test]
fn print_as_ndjson_is_unchanged() {
    compare("print-ndjson", &["print", "--format", "ndjson"]);
}

#[test]
fn print_with_findings_is_unchanged() {
    compare("print-findings", &["print", "--findings"]);
}

#[test]
fn check_is_unchanged() {
    compare("check", &["check", "--fail-on", "never"]);
}

#[test]
fn diagnose_is_unchanged() {
    compare("diagnose", &["diagnose", "--fail-on", "never"]);
}

#[test]
fn diagnose_as_ndjson_is_unchanged() {
    compare("diagnose-ndjson", &["diagnose", "--format", "ndjson", "--fail-on", "never"]);
}

#[test]
fn stats_is_unchanged() {
    compare("stats", &["stats"]);
}

#[test]
fn stats_as_ndjson_is_unchanged() {
    compare("stats-ndjson", &["stats", "--format", "ndjson"]);
}

/// Runs a command on every sample, and compares what it prints with `snapshots/SAMPLE-NAME.snap`.
fn compare(name: &str, arguments: &[&str]) {
    for sample in SAMPLES {
        let path = format!("samples/{sample}.pcap");
        let output = Command::new(env!("CARGO_BIN_EXE_wslens"))
            .args(arguments)
            .arg(&path)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("NO_COLOR", "1")
            .env_remove("CLICOLOR_FORCE")
            .env_remove("COLUMNS")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said.as_str()), (Some(0), ""), "{sample}");
        let printed = String::from_utf8(output.stdout).unwrap();
        let mut settings = Settings::clone_current();
        settings.set_omit_expression(true);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_description(format!("wslens {} {path}", arguments.join(" ")));
        settings.bind(|| assert_snapshot!(format!("{sample}-{name}"), printed));
    }
}
