//! Many messages in a short time: all are accounted for, soon printed, and take no memory that grows.

#[path = "../../benches/flood/hearing.rs"]
mod hearing;
#[path = "../../benches/flood/sending.rs"]
mod sending;

use std::env;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::namespace::{Namespace, PATIENCE, Running, ended, signal};
use hearing::Heard;
use sending::Load;

/// Names the file that tells what was sent, where this program is to be the sender.
const SENDER: &str = "WSLENS_TEST_SENDER";

/// Seconds, messages a second (few enough for a debug build on a busy machine), and how they are written.
const LOAD: [&str; 3] = ["6", "15000", "each"];

/// Megabytes that memory may differ by between half time and the end.
const GROWTH: f64 = 8.0;

#[test]
fn a_load_is_accounted_for_and_printed_at_once_in_memory_that_does_not_grow() {
    let Some(namespace) = Namespace::new("load") else { return };
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("sent.json");

    let mut wslens = namespace.command(env!("CARGO_BIN_EXE_wslens"));
    wslens.args(["print", "-i", "lo", "--format", "ndjson"]);
    let mut wslens = Running(wslens.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap());
    let lines = wslens.0.stdout.take().unwrap();
    let reader = thread::spawn(move || Heard::of(lines).unwrap().to_json());
    wait_until_it_captures(&namespace);

    let before = packets(&namespace);
    let mut sender = namespace.command(env::current_exe().unwrap());
    sender.args(["--exact", "load::messages_are_sent_where_another_test_asks_for_it"]);
    sender.env(SENDER, &report).stdout(Stdio::null());
    let mut sender = Running(sender.spawn().unwrap());
    thread::sleep(Duration::from_secs(3));
    let half = memory(wslens.0.id());
    assert!(ended(&mut sender.0).unwrap().success());
    let end = memory(wslens.0.id());
    thread::sleep(Duration::from_millis(300));
    let passed = packets(&namespace) - before;
    signal(&wslens.0, "INT");
    assert_eq!(ended(&mut wslens.0).unwrap().code(), Some(0));

    let heard = reader.join().unwrap();
    let sent: Value = serde_json::from_str(&fs::read_to_string(&report).unwrap()).unwrap();
    let said = format!("{passed} packets, sent {sent}, heard {heard}, {half} and {end} MB");
    let captured = heard["summary"]["packets"].as_u64().unwrap();
    let dropped = dropped(&heard["summary"]);
    assert_eq!(captured + dropped, passed, "{said}");
    assert_eq!(heard["out_of_order"], 0, "{said}");
    if dropped == 0 {
        assert_eq!(heard["messages"], sent["messages"], "{said}");
    }
    assert!(heard["median_ms"].as_f64().unwrap() < 100.0, "{said}");
    assert!((end - half).abs() < GROWTH, "{said}");
}

/// Not a test by itself: the sender must be inside the namespace, where this program is started again.
#[test]
fn messages_are_sent_where_another_test_asks_for_it() {
    let Some(report) = env::var_os(SENDER) else { return };
    let [seconds, rate, writes] = LOAD;
    let sent = Load::parse(seconds, rate, writes).unwrap().send().unwrap();
    fs::write(report, sent.to_json().to_string()).unwrap();
}

fn wait_until_it_captures(namespace: &Namespace) {
    let deadline = Instant::now() + PATIENCE;
    while inside(namespace, "/proc/net/packet").lines().count() < 2 {
        assert!(Instant::now() < deadline, "wslens captures nothing");
        thread::sleep(Duration::from_millis(20));
    }
    // The socket is there a moment before its filter.
    thread::sleep(Duration::from_millis(300));
}

/// Packets that the loopback interface has carried, each counted once.
fn packets(namespace: &Namespace) -> u64 {
    let table = inside(namespace, "/proc/net/dev");
    let line = table.lines().find(|line| line.trim().starts_with("lo:")).unwrap();
    line.split_whitespace().nth(2).unwrap().parse().unwrap()
}

fn inside(namespace: &Namespace, file: &str) -> String {
    let output = namespace.command("cat").arg(file).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Memory of a process in MB.
fn memory(process: u32) -> f64 {
    let status = Path::new("/proc").join(process.to_string()).join("status");
    let status = fs::read_to_string(status).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1000.0
}

/// Packets that the kernel dropped, as the summary notes them.
fn dropped(summary: &Value) -> u64 {
    let notes = summary["notes"].as_array().unwrap().iter();
    notes
        .filter(|note| note["text"].as_str().unwrap().contains("lost by the capturing machine"))
        .map(|note| note["count"].as_u64().unwrap())
        .sum()
}
