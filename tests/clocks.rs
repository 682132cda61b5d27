//! Clocks that are wrong. Of packets whose time is wrong by decades nothing is concluded, and everything
//! else is shown as if they had the right time; the difference of two clocks is not latency.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;
use support::testkit::file::pcapng;
use support::testkit::frame::{masked_with, plain};
use support::testkit::head;
use support::testkit::traffic::{TestLink, TestTraffic};
use wslens::stream::{Direction, Side};

mod support;

/// Nanoseconds: 1970, and the first day of 2100.
const WRONG_TIMES: [u64; 2] = [0, 4_102_444_800_000_000_000];

/// A healthy conversation with Pings, some of whose packets have a wrong time.
fn capture(wrong: &[(usize, u64)]) -> (Vec<u8>, usize) {
    let mut traffic = TestTraffic::new(TestLink::Ethernet);
    traffic.open();
    traffic.client(&head::request(head::KEY, "")).server(&head::response(head::KEY, ""));
    for number in 0..6_u8 {
        let key = |nth: u32| {
            (u32::from(number) * 2 + nth).wrapping_mul(0x9e37_79b9).wrapping_add(7).to_be_bytes()
        };
        traffic
            .client(&masked_with(key(0), 0x81, b"a question"))
            .server(&plain(0x81, b"an answer"));
        traffic.server(&plain(0x89, &[number])).client(&masked_with(key(1), 0x8a, &[number]));
    }
    traffic.client(&masked_with([9, 7, 5, 3], 0x88, b"\x03\xe8")).server(&plain(0x88, b"\x03\xe8"));
    traffic.end(Side::Server);
    for (place, time) in wrong {
        traffic.packets[*place].time = *time;
    }
    (pcapng(&traffic.packets), traffic.packets.len())
}

fn output(command: &[&str], capture: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clock.pcapng");
    fs::write(&path, capture).unwrap();
    let mut wslens = Command::new(env!("CARGO_BIN_EXE_wslens"));
    wslens.args(command).arg(&path).stdin(Stdio::null());
    String::from_utf8(wslens.output().unwrap().stdout).unwrap()
}

fn json(command: &str, capture: &[u8]) -> Vec<Value> {
    let text = output(&[command, "--format", "ndjson"], capture);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The rules that a capture breaks, but for what its clock did.
fn rules(capture: &[u8]) -> BTreeSet<String> {
    let lines = json("check", capture);
    let findings = lines.iter().filter(|line| line["type"] == "finding");
    findings.map(|it| it["rule"].as_str().unwrap().to_owned()).filter(|it| it != "CAP-07").collect()
}

#[test]
fn no_rule_fires_because_of_a_wrong_clock() {
    let (healthy, packets) = capture(&[]);
    assert_eq!(rules(&healthy), BTreeSet::new());
    for time in WRONG_TIMES {
        for place in 0..packets {
            let found = rules(&capture(&[(place, time)]).0);
            assert_eq!(found, BTreeSet::new(), "packet {} has the time {time}", place + 1);
        }
    }
}

/// `1.000022`, but not `56.9`, which is followed by `years`.
fn microseconds(time: &str) -> Option<i64> {
    let (seconds, decimals) = time.split_once('.')?;
    format!("{seconds}{decimals}").parse().ok().filter(|_| decimals.len() == 6)
}

#[test]
fn times_are_relative_to_the_usual_ones() {
    let (healthy, packets) = capture(&[]);
    let expected = output(&["print"], &healthy);
    let time_of = |line: &str| line.split_whitespace().nth(1).unwrap().to_owned();
    for time in WRONG_TIMES {
        for place in [0, 4, packets - 1] {
            let (bytes, _) = capture(&[(place, time)]);
            let text = output(&["print"], &bytes);
            let lines = text.lines().filter(|line| line.contains(" text ")).map(time_of);
            let mut differences = BTreeSet::new();
            for (line, right) in lines.zip(expected.lines().filter(|it| it.contains(" text "))) {
                let Some(shown) = microseconds(&line) else { continue };
                differences.insert(microseconds(&time_of(right)).unwrap() - shown);
            }
            // Without its first packet, a capture begins at the second.
            assert_eq!(differences.len(), 1, "packet {}: {text}", place + 1);
            assert!(differences.iter().all(|it| (0..10_000).contains(it)), "{differences:?}");
            let columns: BTreeSet<_> = text.lines().filter_map(|line| line.find("  #1")).collect();
            assert_eq!(columns.len(), 1, "no time is wider than its column: {text}");
            let summary = json("print", &bytes).pop().unwrap();
            assert_eq!(summary["type"], "summary");
            let shown = text.lines().last().unwrap();
            assert!(!shown.contains("years"), "{shown}");
        }
    }
}

#[test]
fn phases_before_and_after_a_wrong_time_are_measured() {
    let (healthy, _) = capture(&[]);
    let count = json("diagnose", &healthy)[0]["phases"].as_array().unwrap().len();
    for time in WRONG_TIMES {
        let (bytes, _) = capture(&[(0, time)]);
        let story = &json("diagnose", &bytes)[0];
        let phases = story["phases"].as_array().unwrap();
        assert_eq!((story["verdict"].as_str(), phases.len()), (Some("fine"), count));
        assert!(phases[0]["since_ms"].is_null() && phases[0]["duration_ms"].is_null(), "{story}");
        for phase in &phases[1..] {
            assert!(phase["since_ms"].as_f64().unwrap() < 1_000.0, "{phase}");
        }
    }
}

/// Two hosts that talk over TCP, recorded on each of them without the other's packets: the times of
/// the server's packets are those of its own clock.
fn two_machines(difference: i64) -> Vec<u8> {
    let mut traffic = TestTraffic::new(TestLink::Ethernet);
    traffic.open();
    traffic.client(&head::request(head::KEY, "")).server(&head::response(head::KEY, ""));
    for number in 0..6_u8 {
        let key = |nth: u32| (u32::from(number) * 3 + nth).wrapping_mul(0x9e37_79b9).to_be_bytes();
        traffic
            .client(&masked_with(key(1), 0x81, b"a question"))
            .server(&plain(0x81, b"an answer"));
        traffic.server(&plain(0x89, &[number])).client(&masked_with(key(2), 0x8a, &[number]));
        traffic.client(&masked_with(key(3), 0x89, b"c")).server(&plain(0x8a, b"c"));
    }
    traffic.client(&masked_with([9, 7, 5, 3], 0x88, b"\x03\xe8")).server(&plain(0x88, b"\x03\xe8"));
    traffic.end(Side::Server);
    for packet in &mut traffic.packets {
        if packet.direction == Direction::ServerToClient {
            packet.time = packet.time.checked_add_signed(difference).unwrap();
        }
    }
    traffic.packets.sort_by_key(|packet| packet.time);
    pcapng(&traffic.packets)
}

#[test]
fn a_constant_difference_of_two_clocks_is_not_latency() {
    assert_eq!(rules(&two_machines(0)), BTreeSet::new());
    let expected = messages(&two_machines(0));
    for milliseconds in [2, 20, 100, 300, 700, 1_500, 3_000, 10_000, 60_000] {
        for difference in [milliseconds, -milliseconds] {
            let bytes = two_machines(difference * 1_000_000);
            assert_eq!(rules(&bytes), BTreeSet::new(), "{difference} ms");
            assert_eq!(messages(&bytes), expected, "{difference} ms");
            let notes = output(&["check"], &bytes).matches("CAP-07").count();
            assert_eq!(notes, 1, "{difference} ms");
        }
    }
}

/// How many messages a capture has.
fn messages(capture: &[u8]) -> u64 {
    json("check", capture).pop().unwrap()["messages"].as_u64().unwrap()
}
