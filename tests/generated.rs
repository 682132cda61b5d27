//! Small captures of every benchmark profile, decoded and compared with what was sent.

#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests read files and may panic"
)]

use std::fs;
use std::path::Path;

use generator::Profile;
use generator::Truth;
use wslens::analysis::Analyzer;
use wslens::analysis::AnalyzerOptions;
use wslens::analysis::Sink;
use wslens::analysis::event::ConnectionEvent;
use wslens::analysis::event::Event;
use wslens::analysis::event::EventKind;
use wslens::analysis::event::Nature;
use wslens::capture;
use wslens::stream::PerDirection;
use wslens::websocket::Utf8;

#[path = "../benches/captures/generator/mod.rs"]
mod generator;

/// Bytes: the least that shows every kind of traffic.
const SIZE: u64 = 1_000_000;

#[test]
fn every_profile_is_decoded_as_it_was_sent() {
    let lossless = Profile::ALL.into_iter().filter(|profile| *profile != Profile::Lossy);
    for profile in lossless {
        let folder = tempfile::tempdir().unwrap();
        let capture = folder.path().join("capture.pcap");
        let truth = generator::generate(profile, SIZE, &capture).unwrap();
        let seen = decode(&capture, profile);
        let name = profile.name();
        assert_eq!(seen.packets, truth.packets, "{name}: packets");
        assert_eq!(seen.connections, truth.connections, "{name}: connections");
        assert_eq!(seen.websockets, truth.websockets, "{name}: WebSockets");
        assert_eq!(seen.opcodes, truth.opcodes, "{name}: frames by opcode");
        assert_eq!(seen.frames, truth.frames, "{name}: frames");
        assert_eq!(seen.messages, truth.messages, "{name}: messages");
        assert_eq!(seen.wire_bytes, truth.wire_bytes, "{name}: payload bytes on the wire");
        assert_eq!(seen.payload_bytes, truth.payload_bytes, "{name}: payload bytes");
        assert_eq!(
            (seen.gaps, seen.incomplete, seen.invalid),
            (0, 0, 0),
            "{name}: gaps and failures"
        );
    }
}

#[test]
fn loss_costs_no_frame_but_those_in_a_hole_and_next_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("capture.pcap");
    let truth = generator::generate(Profile::Lossy, 5 * SIZE, &capture).unwrap();
    let seen = decode(&capture, Profile::Lossy);
    assert!(truth.frames_in_holes > 0, "the profile has no hole");
    assert!(seen.gaps > 0, "holes are not told");
    assert_eq!(seen.websockets, truth.websockets);
    let (sent, decoded) = (total(&truth.messages), total(&seen.messages) - seen.incomplete);
    // A hole over a header costs those after it, up to the next frame that begins a segment.
    let least = sent - 2 * truth.frames_in_holes;
    assert!(
        (least..=sent).contains(&decoded),
        "{decoded} of {sent} messages, at least {least} are whole"
    );
}

#[test]
fn captures_are_the_same_every_time_and_as_large_as_asked() {
    for profile in Profile::ALL {
        let folder = tempfile::tempdir().unwrap();
        let make = |name: &str| -> (Vec<u8>, Truth) {
            let path = folder.path().join(name);
            let truth = generator::generate(profile, SIZE, &path).unwrap();
            (fs::read(&path).unwrap(), truth)
        };
        let ((first, truth), (second, again)) = (make("first"), make("second"));
        let name = profile.name();
        assert!(first == second, "{name}: two captures differ");
        assert_eq!(truth.to_json(profile), again.to_json(profile), "{name}: two truths differ");
        let size = u64::try_from(first.len()).unwrap();
        assert!((SIZE..SIZE + SIZE / 2).contains(&size), "{name}: {size} bytes, not {SIZE}");
    }
}

/// What the analyzer saw of a capture.
#[derive(Default)]
struct Seen {
    packets: u64,
    connections: u64,
    websockets: u64,
    frames: PerDirection<u64>,
    messages: PerDirection<u64>,
    opcodes: [u64; 16],
    wire_bytes: PerDirection<u64>,
    payload_bytes: PerDirection<u64>,
    gaps: u64,
    /// Messages that are not whole.
    incomplete: u64,
    /// Texts that are not UTF-8.
    invalid: u64,
}

impl Sink for Seen {
    fn event(&mut self, event: &Event<'_>) {
        let EventKind::Connection(connection, event) = event.kind else { return };
        match event {
            ConnectionEvent::FrameEnded(direction, frame) => {
                self.opcodes[usize::from(frame.header.opcode)] += 1;
                *self.frames.get_mut(direction) += 1;
                *self.wire_bytes.get_mut(direction) += frame.header.payload_length;
            }
            ConnectionEvent::Message(direction, message) => {
                *self.messages.get_mut(direction) += 1;
                *self.payload_bytes.get_mut(direction) += message.length;
                self.incomplete += u64::from(!message.complete);
                self.invalid += u64::from(matches!(message.utf8, Utf8::Invalid { .. }));
            }
            ConnectionEvent::Gap(..) => self.gaps += 1,
            ConnectionEvent::Ended(_) if connection.nature == Nature::WebSocket => {
                self.websockets += 1;
            }
            _ => {}
        }
    }
}

fn decode(path: &Path, profile: Profile) -> Seen {
    let mut seen = Seen::default();
    let mut options = AnalyzerOptions::default();
    if let Some(log) = profile.key_log() {
        options.keylog.add(log.as_bytes()).unwrap();
    }
    let mut analyzer = Analyzer::new(options);
    let mut source = capture::open(path).unwrap();
    while let Some(packet) = source.next_packet().unwrap() {
        analyzer.push(&packet, &mut seen);
    }
    analyzer.finish(&mut seen);
    seen.packets = analyzer.totals().packets;
    seen.connections = analyzer.totals().connections;
    seen
}

fn total(counts: &PerDirection<u64>) -> u64 {
    counts.client + counts.server
}
