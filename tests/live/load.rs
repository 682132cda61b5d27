//! Many messages in a short time: all are accounted for, soon printed, and take no memory that grows.

#[path = "../../benches/flood/hearing.rs"]
mod hearing;
#[path = "../../benches/flood/sending.rs"]
mod sending;

use std::env;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::namespace::{Namespace, PATIENCE, Running, ended, signal};
use hearing::Heard;
use sending::Load;

/// Names the file with what was sent, if this program is the sender.
const SENDER: &str = "WSLENS_TEST_SENDER";

/// What to send, as the words of [`Load::parse`].
const LOAD: &str = "WSLENS_TEST_LOAD";

/// Megabytes that memory may differ by between half time and the end.
const GROWTH: f64 = 8.0;

#[test]
fn a_load_is_accounted_for_and_printed_at_once_in_memory_that_does_not_grow() {
    let Some(namespace) = Namespace::new("load") else { return };
    let (mut wslens, reader) = listen(&namespace, &[]);
    let before = packets(&namespace);
    // Few enough for a debug build on a busy machine.
    let mut sender = Sender::start(&namespace, "6 15000 each");
    thread::sleep(Duration::from_secs(3));
    let half = memory(wslens.0.id());
    let sent = sender.end();
    let end = memory(wslens.0.id());
    thread::sleep(Duration::from_millis(300));
    let passed = packets(&namespace) - before;
    stop(&mut wslens);

    let heard = reader.join().unwrap();
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

#[test]
fn of_the_loopback_interface_a_filter_takes_what_it_takes_elsewhere() {
    let Some(namespace) = Namespace::new("a filter on the loopback interface") else { return };
    let rows = [
        ("what carries data", "tcp[tcpflags] & tcp-push != 0", true),
        ("what is long", "tcp and greater 100", true),
        ("another port", "tcp port 7", false),
    ];
    for (name, filter, matches) in rows {
        let (mut wslens, reader) = listen(&namespace, &["-f", filter]);
        let sent = Sender::start(&namespace, "0.5 200 each").end();
        thread::sleep(Duration::from_millis(300));
        stop(&mut wslens);
        let heard = reader.join().unwrap();
        let captured = heard["summary"]["packets"].as_u64().unwrap();
        let messages = sent["messages"].as_u64().unwrap();
        if matches {
            assert_eq!(heard["messages"], sent["messages"], "{name}: {heard}");
            // The heads, the Close frames, and nothing that only acknowledges.
            assert!(captured <= messages + 4, "{name}: {captured} packets, {messages} messages");
        } else {
            assert_eq!(captured, 0, "{name}: {heard}");
        }
    }
}

/// Not a test by itself: the sender must be inside the namespace, where this program is started again.
#[test]
fn messages_are_sent_where_another_test_asks_for_it() {
    let (Some(report), Ok(load)) = (env::var_os(SENDER), env::var(LOAD)) else { return };
    let words: Vec<&str> = load.split(' ').collect();
    let sent = Load::parse(words[0], words[1], words[2]).unwrap().send().unwrap();
    fs::write(report, sent.to_json().to_string()).unwrap();
}

/// Starts wslens, with a reader of its lines, and waits until it captures.
fn listen(namespace: &Namespace, arguments: &[&str]) -> (Running, JoinHandle<Value>) {
    let mut wslens = namespace.command(env!("CARGO_BIN_EXE_wslens"));
    wslens.args(["print", "-i", "lo", "--format", "ndjson"]).args(arguments);
    wslens.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut wslens = Running(wslens.spawn().unwrap());
    let lines = wslens.0.stdout.take().unwrap();
    let reader = thread::spawn(move || Heard::of(lines).unwrap().to_json());
    wait_until_it_captures(namespace);
    (wslens, reader)
}

fn stop(wslens: &mut Running) {
    signal(&wslens.0, "INT");
    assert_eq!(ended(&mut wslens.0).unwrap().code(), Some(0));
}

/// A program that sends, in the namespace.
struct Sender {
    program: Running,
    folder: tempfile::TempDir,
}

impl Sender {
    fn start(namespace: &Namespace, load: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut program = namespace.command(env::current_exe().unwrap());
        program.args(["--exact", "load::messages_are_sent_where_another_test_asks_for_it"]);
        program.env(SENDER, folder.path().join("sent")).env(LOAD, load).stdout(Stdio::null());
        Self { program: Running(program.spawn().unwrap()), folder }
    }

    /// Waits for its end; gives what it sent.
    fn end(&mut self) -> Value {
        assert!(ended(&mut self.program.0).unwrap().success());
        let sent = fs::read_to_string(self.folder.path().join("sent")).unwrap();
        serde_json::from_str(&sent).unwrap()
    }
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
