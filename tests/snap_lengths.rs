//! Captures of short packets: what was recorded is used, and nothing is said of the rest.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;
use support::testkit::file::pcapng;
use support::testkit::frame::{masked_with, plain};
use support::testkit::head;
use support::testkit::traffic::{TestLink, TestTraffic};
use wslens::stream::Side;

mod support;

/// Lengths of the texts that both sides send.
const LENGTHS: &[usize] = &[60, 90, 125, 126, 400, 3_000, 20, 70_000, 66];

/// A healthy conversation, of whose packets at most so many bytes were recorded.
fn capture(snap_length: usize) -> Vec<u8> {
    let mut traffic = TestTraffic::new(TestLink::Ethernet);
    traffic.open();
    let fields = "User-Agent: a program with a long name, so that the head is cut\r\n";
    traffic.client(&head::request(head::KEY, fields));
    traffic.server(&head::response(head::KEY, "Server: another program, with a long name\r\n"));
    for (number, length) in (0_u32..).zip(LENGTHS) {
        let text = vec![b'a'; *length];
        let key = number.wrapping_mul(0x9e37_79b9).wrapping_add(0x1234_5678).to_be_bytes();
        traffic.client(&masked_with(key, 0x81, &text));
        traffic.server(&plain(0x81, &text));
    }
    traffic.client(&masked_with([9, 7, 5, 3], 0x88, b"\x03\xe8")).server(&plain(0x88, b"\x03\xe8"));
    traffic.end(Side::Server);
    for packet in &mut traffic.packets {
        packet.bytes.truncate(snap_length);
    }
    pcapng(&traffic.packets)
}

fn lines(command: &[&str], snap_length: usize) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("short.pcap");
    fs::write(&path, capture(snap_length)).unwrap();
    let mut wslens = Command::new(env!("CARGO_BIN_EXE_wslens"));
    wslens.args(command).arg(&path).args(["--format", "ndjson"]).stdin(Stdio::null());
    let output = wslens.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{command:?} at {snap_length}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn messages_are_listed_with_their_lengths() {
    for snap_length in [80, 96, 128, 200] {
        let lines = lines(&["print", "--frames"], snap_length);
        for direction in ["client_to_server", "server_to_client"] {
            let of = |kind: &'static str| {
                lines.iter().filter(move |it| it["type"] == kind && it["direction"] == direction)
            };
            let declared: Vec<_> = of("frame")
                .map(|it| usize::try_from(it["length"].as_u64().unwrap()).unwrap())
                .collect();
            assert_eq!(declared, [LENGTHS, &[2]].concat(), "{direction} at {snap_length}");
            for message in of("message") {
                let length = message["wire_length"].as_u64().unwrap();
                let room = u64::try_from(snap_length).unwrap();
                if message["opcode"] == "text" && length > room {
                    assert_eq!(message["complete"], false, "{message} at {snap_length}");
                }
            }
            assert_eq!(of("message").count(), LENGTHS.len() + 1);
        }
        let connection = lines.iter().find(|line| line["type"] == "connection").unwrap();
        assert_eq!(connection["outcome"], "closed", "{snap_length}");
    }
}

#[test]
fn nothing_is_found_but_what_is_missing() {
    for snap_length in [58, 60, 68, 80, 96, 128, 200] {
        let lines = lines(&["check"], snap_length);
        let rules: Vec<_> = lines.iter().filter_map(|line| line["rule"].as_str()).collect();
        assert!(rules.contains(&"CAP-02"), "{lines:?} at {snap_length}");
        let others: Vec<_> = rules.iter().filter(|rule| !rule.starts_with("CAP-")).collect();
        assert!(others.is_empty(), "{others:?} at {snap_length}");
    }
}

#[test]
fn the_connection_is_shown_however_little_was_recorded() {
    for snap_length in [54, 56, 58, 68, 96] {
        for command in ["print", "diagnose"] {
            let lines = lines(&[command], snap_length);
            let connections = lines.iter().filter(|line| line["type"] == "connection");
            assert_eq!(connections.count(), 1, "{command} at {snap_length}");
        }
    }
}
