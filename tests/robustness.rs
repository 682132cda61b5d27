//! Damaged, mixed and hostile input: an orderly end, within bounds, whatever comes.

#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests read files and may panic"
)]

use std::fs;
use std::path::Path;

use support::observed::Observed;
use support::observed::keep_all;
use support::observed::observe;
use support::observed::observe_file;
use support::scenario::From;
use support::scenario::Made;
use support::scenario::Wire;
use support::scenario::as_packets;
use support::scenario::as_pcap;
use support::scenario::conversation;
use support::scenario::frame;
use support::scenario::handshake;
use wslens::analysis::Options;
use wslens::analysis::event::Limit;
use wslens::analysis::limits::Limits;
use wslens::capture::LinkType;
use wslens::stream::Direction;

mod support;

/// Larger samples are left to the tests that read them once.
const LARGEST: usize = 25_000;

/// How many damaged copies of each sample are read: a debug build is some twenty times slower.
const COPIES: usize = if cfg!(debug_assertions) { 40 } else { 1500 };

/// A generator of the textbook kind (xorshift64); its seed is part of the test.
struct Dice(u64);

impl Dice {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(below.max(1)).unwrap()).unwrap()
    }
}

/// All samples that are small enough, with their names.
fn samples() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let mut samples: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().contains(".pcap"))
        .map(|path| {
            (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap())
        })
        .filter(|(_, bytes)| bytes.len() <= LARGEST)
        .collect();
    samples.sort();
    assert!(samples.len() >= 15, "{} samples", samples.len());
    samples
}

fn said() -> Vec<(From, Vec<u8>)> {
    let mut said = handshake("").to_vec();
    for number in 0..20_u8 {
        said.push(frame(From::Client, 0x81, &[b'a' + number; 300]));
        // Not a run of one value: 02 02 02 reads as frames wherever one begins.
        let mut dice = Dice(u64::from(number) + 1);
        let noise: Vec<u8> = (0..500).map(|_| dice.next(256).to_le_bytes()[0]).collect();
        said.push(frame(From::Server, 0x82, &noise));
    }
    said
}

#[test]
fn every_prefix_of_a_sample_is_read_to_its_end() {
    for (name, bytes) in samples() {
        let whole = observe_file(bytes.clone(), keep_all()).unwrap();
        let step = (bytes.len() / COPIES).max(1);
        let mut before = 0;
        for end in (0..bytes.len()).step_by(step) {
            // A prefix too short to be a capture is refused; everything else is read.
            let Ok(seen) = observe_file(bytes[..end].to_vec(), keep_all()) else { continue };
            let complete = seen.messages.iter().filter(|(_, _, message)| message.complete).count();
            assert!(complete >= before, "{name}: {end} bytes give less than fewer bytes did");
            before = complete;
        }
        assert!(before <= whole.messages.len(), "{name}");
    }
}

#[test]
fn flipped_bytes_are_survived() {
    for (name, bytes) in samples() {
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
        for _ in 0..COPIES {
            let mut damaged = bytes.clone();
            for _ in 0..=dice.next(4) {
                let at = dice.next(damaged.len());
                damaged[at] ^= 1 << dice.next(8);
            }
            if let Ok(seen) = observe_file(damaged, keep_all()) {
                let kept: usize =
                    seen.messages.iter().map(|(_, _, message)| message.content.len()).sum();
                assert!(kept < 64 << 20, "{name}: {kept} bytes of messages");
            }
        }
    }
}

#[test]
fn garbage_behind_a_good_header_is_survived() {
    let header = &as_pcap(&[])[..24];
    let mut dice = Dice(42);
    for link in [0_u32, 1, 9, 12, 50, 101, 105, 108, 113, 127, 228, 229, 276] {
        for _ in 0..COPIES {
            let mut made = Vec::new();
            for _ in 0..8 {
                let length = dice.next(90);
                let bytes = (0..length).map(|_| dice.next(256).to_le_bytes()[0]).collect();
                made.push(Made { bytes, time: 0, data: false });
            }
            let mut file = as_pcap(&made);
            file[20..24].copy_from_slice(&link.to_le_bytes());
            assert!(observe_file(file, keep_all()).is_ok(), "link type {link}");
        }
    }
    let mut noise = header.to_vec();
    noise.extend((0..5000).map(|_| dice.next(256).to_le_bytes()[0]));
    assert!(observe_file(noise, keep_all()).is_ok(), "what follows the header is damage");
}

#[test]
fn packets_of_any_length_are_read_on_every_link_type() {
    let made = conversation(&said(), Wire::default());
    for link in (0..300).map(LinkType) {
        for length in 0..80 {
            let cut = as_packets(&made[5..6]).map(|packet| wslens::capture::Packet {
                link_type: link,
                bytes: &packet.bytes[..length.min(packet.bytes.len())],
                ..packet
            });
            observe(cut, keep_all());
        }
    }
}

#[test]
fn shuffled_and_repeated_packets_are_read_to_their_end() {
    let made = conversation(&said(), Wire { segment: 100, ..Wire::default() });
    let mut dice = Dice(7);
    for _ in 0..COPIES {
        let mut mixed = made.clone();
        mixed.extend(made.iter().filter(|packet| packet.data).cloned());
        for at in (1..mixed.len()).rev() {
            mixed.swap(at, dice.next(at + 1));
        }
        let seen = observe(as_packets(&mixed), keep_all());
        assert!(!seen.ended.is_empty());
        let kept: usize = seen.messages.iter().map(|(_, _, message)| message.content.len()).sum();
        assert!(kept <= 2 * 20 * 800, "{kept} bytes of messages");
    }
}

#[test]
fn a_hole_that_is_never_filled_holds_back_no_more_than_the_limit() {
    let limits = Limits { buffered_per_connection: 1 << 16, ..Limits::default() };
    let made = conversation(
        &[
            handshake("").to_vec(),
            (0..200).map(|_| frame(From::Client, 0x82, &[1; 4000])).collect::<Vec<_>>(),
        ]
        .concat(),
        Wire::default(),
    );
    // One packet is lost, and nobody acknowledges anything behind it.
    let lost = made.iter().position(|packet| packet.bytes.len() > 1400).unwrap();
    let one_sided: Vec<Made> = made
        .iter()
        .enumerate()
        .filter(|(at, packet)| *at < 5 || (*at != lost && packet.data))
        .map(|(_, packet)| packet.clone())
        .collect();
    let seen = observe(as_packets(&one_sided), Options { limits, ..keep_all() });
    assert_eq!(seen.limits.first(), Some(&Limit::BufferedPerConnection));
    assert_eq!(seen.gaps, 1, "and the hole is given up");
    let whole = seen.of(Direction::ClientToServer).iter().filter(|m| m.complete).count();
    assert!(whole >= 198, "{whole} of 200 messages are whole");
}

#[test]
fn more_connections_than_the_limit_end_the_oldest_and_say_so() {
    let limits = Limits { connections: 10, ..Limits::default() };
    let mut made = Vec::new();
    for port in 0..50 {
        let wire = Wire { client_port: 40_000 + port, ..Wire::default() };
        // Without their ends.
        let packets = conversation(&said(), wire);
        made.extend(packets[..packets.len() - 3].iter().cloned());
    }
    let seen = observe(as_packets(&made), Options { limits, ..keep_all() });
    assert_eq!(seen.ended.len(), 50);
    assert_eq!(seen.limits, [Limit::Connections; 40]);
    assert_eq!(seen.messages.len(), 50 * 40, "and nothing of what was said is lost");
}

#[test]
fn a_bomb_is_inflated_no_farther_than_the_limit() {
    let mut compressor = flate2::Compress::new(flate2::Compression::best(), false);
    let mut bomb = Vec::with_capacity(1 << 20);
    compressor.compress_vec(&vec![0; 32 << 20], &mut bomb, flate2::FlushCompress::Sync).unwrap();
    let mut said = handshake("Sec-WebSocket-Extensions: permessage-deflate\r\n").to_vec();
    said.push(frame(From::Client, 0xc2, &bomb[..bomb.len() - 4]));
    said.push(frame(From::Client, 0x81, b"still there"));
    let limits = Limits { inflated_bytes: 1 << 20, ..Limits::default() };
    let options = Options { keep: usize::MAX, limits, ..Options::default() };
    let seen = observe(as_packets(&conversation(&said, Wire::default())), options);
    let messages = seen.of(Direction::ClientToServer);
    assert!(!messages[0].complete && messages[0].content.len() <= 1 << 20);
    assert_eq!(messages[1].content, b"still there");
}

#[test]
fn a_head_without_end_is_given_up() {
    let mut endless = b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nX: ".to_vec();
    endless.resize(200_000, b'x');
    let seen =
        observe(as_packets(&conversation(&[(From::Client, endless)], Wire::default())), keep_all());
    assert_eq!(seen.limits.first(), Some(&Limit::HeadBytes));
    assert!(seen.messages.is_empty());
}
