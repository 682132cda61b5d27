//! What ends a capture, and what is written of it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::capturing::Capturing;
use crate::namespace::{Namespace, PATIENCE};

const PRINT: &[&str] = &["print", "-i", "lo", "--format", "ndjson"];

#[test]
fn captures_end_by_themselves_if_configured() {
    let Some(namespace) = Namespace::new("ends of captures") else { return };
    let began = Instant::now();
    let capturing = Capturing::start(&namespace, &[PRINT, &["--duration", "1500ms"]].concat());
    let captured = capturing.end();
    captured.summary();
    assert!(began.elapsed() >= Duration::from_millis(1500));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let arguments = [PRINT, &["-c", "2"]].concat();
    let capturing = Capturing::open(namespace.command(env!("CARGO_BIN_EXE_wslens")), &arguments);
    let deadline = Instant::now() + PATIENCE;
    while !capturing.output().contains("summary") {
        assert!(Instant::now() < deadline, "{}", capturing.errors());
        namespace.knock(9);
    }
    assert_eq!(capturing.end().summary()["packets"], 2);
}

#[test]
fn captures_of_silence_end_like_others() {
    let Some(namespace) = Namespace::new("captures of silence") else { return };
    for command in ["print", "check", "stats", "diagnose"] {
        let open = |options: &[&str]| {
            let wslens = namespace.command(env!("CARGO_BIN_EXE_wslens"));
            Capturing::open(wslens, &[&[command, "-i", "lo"], options].concat())
        };
        let captured = open(&["--duration", "200ms"]).end();
        assert_eq!(captured.status.code(), Some(0), "{command}: {}", captured.errors);
        assert!(captured.errors.contains("lo has no packets"), "{command}: {}", captured.errors);
        assert!(!captured.output.is_empty(), "{command}");
        let capturing = open(&[]);
        wait_until_it_listens(&capturing);
        let silent = capturing.interrupt();
        assert_eq!(silent.status.code(), Some(0), "{command}: {}", silent.errors);
        assert_eq!(silent.output, captured.output, "{command}");
    }
}

#[test]
fn the_first_packets_after_a_silence_are_captured() {
    let Some(namespace) = Namespace::new("the first packets") else { return };
    let wslens = namespace.command(env!("CARGO_BIN_EXE_wslens"));
    let capturing = Capturing::open(wslens, PRINT);
    wait_until_it_listens(&capturing);
    namespace.knock(8113);
    capturing.wait_for("refused connection", |output| output.contains("\"refused\""));
    assert_eq!(capturing.interrupt().summary()["packets"], 2);
}

/// Waits until the interfaces are open and signals are listened to, without a packet.
fn wait_until_it_listens(capturing: &Capturing) {
    let deadline = Instant::now() + PATIENCE;
    while !is_nobody(capturing.id()) {
        assert!(Instant::now() < deadline, "{}", capturing.errors());
        thread::sleep(Duration::from_millis(10));
    }
    thread::sleep(Duration::from_millis(500));
}

/// Whether a process has given up the rights of root, which it does when its interfaces are open.
fn is_nobody(process: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("Uid:") && !line.contains("\t0\t"))
}

#[test]
fn what_is_written_is_what_was_printed() {
    let Some(namespace) = Namespace::new("writing a file") else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("capture.pcapng");
    let path = file.to_str().unwrap();
    let capturing = Capturing::start(&namespace, &[PRINT, &["-w", path]].concat());
    for port in 8000..8020 {
        namespace.knock(port);
    }
    capturing.wait_for("the last connection", |output| output.contains(":8019\""));
    let captured = capturing.interrupt();
    captured.summary();
    let again = Command::new(env!("CARGO_BIN_EXE_wslens"))
        .args(["print", path, "--format", "ndjson"])
        .output()
        .unwrap();
    let again = String::from_utf8(again.stdout).unwrap();
    let again: Vec<Value> = again.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    let mut printed = captured.lines();
    for line in &mut printed {
        // What the packets do not show.
        for name in ["process", "listening"] {
            line.as_object_mut().unwrap().remove(name);
        }
    }
    assert_eq!(again, printed);
    let refused = Capturing::open(
        namespace.command(env!("CARGO_BIN_EXE_wslens")),
        &[PRINT, &["-w", path]].concat(),
    );
    let refused = refused.end();
    assert_eq!(refused.status.code(), Some(2));
    assert!(refused.errors.contains("--force"), "{}", refused.errors);
}

#[test]
fn files_begin_anew_at_their_limit_and_the_oldest_go() {
    let Some(namespace) = Namespace::new("writing several files") else { return };
    let folder = tempfile::tempdir().unwrap();
    // The files after the first are made by the user that root has become.
    let opened = Command::new("chmod").arg("a+rwx").arg(folder.path()).status();
    assert!(opened.unwrap().success());
    let file = folder.path().join("capture.pcapng");
    let limits = ["-w", file.to_str().unwrap(), "-b", "packets:10", "-b", "files:3"];
    let capturing = Capturing::start(&namespace, &[PRINT, &limits].concat());
    for port in 8000..8030 {
        namespace.knock(port);
    }
    capturing.wait_for("the last connection", |output| output.contains(":8029\""));
    capturing.interrupt().summary();
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 3, "{files:?}");
    for file in &files[..2] {
        let stats = Command::new(env!("CARGO_BIN_EXE_wslens"))
            .args(["print", file.to_str().unwrap(), "--format", "ndjson"])
            .output()
            .unwrap();
        let text = String::from_utf8(stats.stdout).unwrap();
        assert!(text.lines().last().unwrap().contains("\"packets\":10"), "{text}");
    }
}
