//! Packets for tests: the one place where they are made.
//!
//! Nothing here knows more of wslens than [`stream`]'s directions, so unit tests (`crate::testkit`), the tests in
//! `tests/` (`support::testkit`) and the benchmarks' generator can all include it. From the inside out:
//!
//! | module | makes |
//! | --- | --- |
//! | [`frame`] | WebSocket frames, masked or not, and compressed payloads |
//! | [`head`] | opening handshakes of HTTP/1.1 |
//! | [`tls`] | TLS records and certificates |
//! | [`secure`] | TLS sessions that are encrypted, with their secrets |
//! | [`packet`] | TCP segments, UDP datagrams, IPv4 and IPv6 with fragments and checksums, Ethernet |
//! | [`traffic`] | whole TCP connections: sequence numbers, acknowledgements, loss, repetition, endings |
//! | [`network`] | what happens below and before a connection: refused SYNs, resent segments, ICMP, DNS |
//! | [`file`] | pcap and pcapng files, plain or compressed |
//! | [`random`] | numbers that are the same in every run |
//!
//! # Example
//!
//! A capture file of one connection on which a client says Hello and the server resets:
//!
//! ```ignore
//! let mut traffic = TestTraffic::new(TestLink::Ethernet);
//! traffic.upgraded().client(&masked(0x81, b"Hello")).wait(20).reset(Side::Server);
//! let capture: Vec<u8> = file::pcap(&traffic.packets);
//! ```
//!
//! `tests/testkit.rs` runs it, and reads the packets with another parser.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests make their bytes themselves and may panic"
)]

// The parent is the root of wslens, or a test that has `use wslens::stream;`.
use super::stream;

pub(crate) mod file;
pub(crate) mod frame;
pub(crate) mod head;
pub(crate) mod network;
pub(crate) mod packet;
pub(crate) mod random;
pub(crate) mod secure;
pub(crate) mod tls;
pub(crate) mod traffic;

/// The bytes that hexadecimal digits encode; blanks between them are passed over.
pub(crate) fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}
