//! Damaged and hostile input: nothing panics, everything ends, and what is reported is consistent.
//!
//! A release build tries every prefix and every byte of the samples (of the largest every second or third), a
//! debug build a part of them.

#![allow(
    clippy::as_conversions,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::large_stack_arrays,
    clippy::or_fun_call,
    reason = "tests make or read their own input and may panic"
)]

mod support;

use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::process::Command;

use wslens::analysis::Analyzer;
use wslens::analysis::AnalyzerOptions;
use wslens::capture;
use wslens::capture::LinkType;
use wslens::stream::PacketId;
use wslens::stream::Timestamp;

use support::seen::read;
use support::testkit::file;
use support::testkit::random::Random;
use support::watch::Watch;

#[test]
fn every_prefix_of_a_sample_is_read_to_its_end() {
    for (name, file) in samples() {
        let step = step(&file, 40);
        let mut before = 0;
        for length in (0..file.len()).step_by(step) {
            let mut watch = Watch::new();
            let packets = read(file[..length].to_vec(), options(), &mut watch).unwrap_or(0);
            watch.finish();
            // Of compressed bytes nothing is promised but that they end.
            if !name.ends_with(".gz") && !name.ends_with(".zst") {
                assert!(packets >= before, "{name}: {packets} packets in {length} bytes");
                before = packets;
            }
        }
    }
}

#[test]
fn a_changed_byte_is_survived() {
    for (name, file) in samples() {
        let mut random = Random(file.len() as u64);
        let step = step(&file, 60);
        for at in (0..file.len()).step_by(step) {
            // Where some are left out, not always the same bytes of a packet's header.
            let at = (at + random.below(step)).min(file.len() - 1);
            let mut changed = file.clone();
            changed[at] ^= 1 << random.below(8);
            let mut watch = Watch::new();
            read(changed, options(), &mut watch);
            watch.finish();
            assert!(!name.is_empty());
        }
    }
}

#[test]
fn many_changed_bytes_are_survived() {
    for (_, file) in samples() {
        for seed in 0..(if cfg!(debug_assertions) { 6 } else { 300 }) {
            let mut random = Random(seed);
            let mut changed = file.clone();
            for _ in 0..1 + random.below(40) {
                // The capture's own header stays, so that there is something to read.
                let at = 24 + random.below(file.len() - 24);
                changed[at] = random.next() as u8;
            }
            let mut watch = Watch::new();
            read(changed, options(), &mut watch);
            watch.finish();
        }
    }
}

#[test]
fn packets_of_samples_may_come_in_any_order_and_number() {
    for (_, file) in samples() {
        let packets = Owned::all(&file);
        for seed in 0..(if cfg!(debug_assertions) { 3 } else { 100 }) {
            let mut random = Random(seed);
            let mut shuffled = packets.clone();
            random.shuffle(&mut shuffled);
            push(&shuffled);
            let mut windows = packets.clone();
            windows.chunks_mut(8).for_each(|window| random.shuffle(window));
            push(&windows);
            // Each up to three times, some lost.
            let repeated: Vec<Owned> =
                packets.iter().flat_map(|packet| vec![packet.clone(); random.below(4)]).collect();
            push(&repeated);
            let mut cut = packets.clone();
            for packet in &mut cut {
                packet.bytes.truncate(random.below(200));
            }
            push(&cut);
            let clocks = [0, 1, u64::MAX, u64::MAX - 1, 1 << 63];
            for packet in &mut cut {
                packet.time = clocks[random.below(clocks.len())];
            }
            push(&cut);
        }
    }
}

#[test]
fn noise_after_a_valid_header_is_survived() {
    let mut random = Random(1);
    for link_type in [0, 1, 12, 101, 105, 108, 113, 127, 228, 229, 276, 147, 0xffff_ffff] {
        for _ in 0..20 {
            let mut file = file::pcap_header(link_type);
            let length = random.below(3_000);
            file.extend(random.bytes(length));
            let mut watch = Watch::new();
            read(file, options(), &mut watch);
            watch.finish();
            // The same noise, but in packets.
            let mut file = file::pcap_header(link_type);
            for time in 0..40 {
                let length = random.below(200);
                file::pcap_packet(&mut file, time, &random.bytes(length));
            }
            let mut watch = Watch::new();
            assert_eq!(read(file, options(), &mut watch), Some(40));
            watch.finish();
        }
    }
    let start = file::pcapng(&[]);
    for _ in 0..200 {
        let mut file = start.clone();
        let length = random.below(2_000);
        file.extend(random.bytes(length));
        let mut watch = Watch::new();
        read(file, options(), &mut watch);
        watch.finish();
    }
}

#[test]
fn short_packets_of_every_link_type_are_survived() {
    let mut analyzer = Analyzer::new(options());
    let mut watch = Watch::new();
    let mut random = Random(2);
    let mut number = 0;
    for link_type in (0..320).chain([0x7fff, 0xffff, u32::MAX]) {
        for length in 0..=60 {
            let noise = random.bytes(length);
            // A version and header length of IPv4, of IPv6, and of neither, wherever it is read.
            for bytes in [vec![0; length], vec![0x45; length], vec![0x60; length], noise] {
                for original_length in [length as u32, 0, u32::MAX] {
                    number += 1;
                    let time = [0, u64::MAX, number][number as usize % 3];
                    let packet = capture::Packet {
                        id: PacketId(number),
                        time: Timestamp(time),
                        link_type: LinkType(link_type),
                        interface: 0,
                        bytes: &bytes,
                        original_length,
                        file_offset: 0,
                    };
                    analyzer.push(&packet, &mut watch);
                }
            }
        }
    }
    analyzer.finish(&mut watch);
    watch.finish();
    assert_eq!(analyzer.totals().packets, number);
}

#[test]
fn other_files_fail_with_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut noise = Random(3).bytes(5_000);
    noise[0] = 0xee;
    let echo = fs::read(root().join("samples/echo.pcap")).unwrap();
    let files: [(&str, &[u8]); 8] = [
        ("empty.pcap", b""),
        ("one-byte.pcap", b"\xd4"),
        ("text.pcap", b"GET / HTTP/1.1\nHost: example.com\n\nnot a capture\n"),
        ("noise.pcap", &noise),
        ("header-only-half.pcap", &echo[..20]),
        ("cut-in-packet-header.pcap", &echo[..30]),
        ("cut-in-packet.pcap", &echo[..echo.len() - 5]),
        ("cut.pcap.gz", &file::gzip(&echo)[..900]),
    ];
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    fs::create_dir(folder.path().join("folder")).unwrap();
    let names = files.iter().map(|(name, _)| *name).chain(["missing.pcap", "folder"]);
    for name in names {
        for arguments in
            [&["print"][..], &["print", "--format", "ndjson"], &["stats"], &["--color", "never"]]
        {
            let output = Command::new(env!("CARGO_BIN_EXE_wslens"))
                .args(arguments)
                .arg(folder.path().join(name))
                .output()
                .unwrap();
            let errors = String::from_utf8(output.stderr).unwrap();
            let what = format!("{name} {arguments:?}: {errors:?}");
            assert_eq!(output.status.code(), Some(2), "{what}");
            assert_eq!(errors.lines().count(), 1, "{what}");
            assert!(errors.ends_with('\n') && errors.starts_with("wslens: "), "{what}");
            assert!(errors.contains(name), "{what}");
            let shows_packets = name.starts_with("cut");
            assert_eq!(!output.stdout.is_empty(), shows_packets, "{what}");
        }
    }
}

/// Content is kept, so that all of it is touched.
fn options() -> AnalyzerOptions {
    AnalyzerOptions { keep: 4096, digest: true, ..AnalyzerOptions::default() }
}

/// A packet that outlives its reader.
#[derive(Clone)]
struct Owned {
    time: u64,
    link_type: LinkType,
    original_length: u32,
    bytes: Vec<u8>,
}

impl Owned {
    fn all(file: &[u8]) -> Vec<Self> {
        let mut source =
            capture::open_stream(Box::new(Cursor::new(file.to_vec())), "memory").unwrap();
        let mut packets = Vec::new();
        while let Ok(Some(packet)) = source.next_packet() {
            packets.push(Self {
                time: packet.time.0,
                link_type: packet.link_type,
                original_length: packet.original_length,
                bytes: packet.bytes.to_vec(),
            });
        }
        packets
    }
}

fn push(packets: &[Owned]) {
    let mut analyzer = Analyzer::new(options());
    let mut watch = Watch::new();
    for (packet, number) in packets.iter().zip(1..) {
        let packet = capture::Packet {
            id: PacketId(number),
            time: Timestamp(packet.time),
            link_type: packet.link_type,
            interface: 0,
            bytes: &packet.bytes,
            original_length: packet.original_length,
            file_offset: 0,
        };
        analyzer.push(&packet, &mut watch);
    }
    analyzer.finish(&mut watch);
    watch.finish();
}

/// From one place of a file that is tried to the next: `tries` of them in a debug build.
fn step(file: &[u8], tries: usize) -> usize {
    if cfg!(debug_assertions) { file.len() / tries + 1 } else { file.len() / TRIED_EVERYWHERE + 1 }
}

/// The captures in `samples`, without the largest, which take as long as all others together and
/// have nothing in them that the others have not.
fn samples() -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join("samples")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !name.contains(".pcap") {
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        if bytes.len() > LARGEST {
            let is_known = TOO_LARGE.contains(&name.as_str());
            assert!(is_known, "{name}: another sample is too large to be tried everywhere");
            continue;
        }
        found.push((name, bytes));
    }
    found.sort();
    assert!(found.len() > 20, "{} samples", found.len());
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Samples that are large because of what they show.
const TOO_LARGE: &[&str] = &["health.pcap", "large.pcap", "limits.pcap"];

/// A release build tries every place of a sample of fewer bytes, for all work grows with the square of the length.
const TRIED_EVERYWHERE: usize = 20_000;

/// Bytes of a sample that is tried at all.
const LARGEST: usize = 60_000;
