use super::*;
use crate::stream::{GapCause, Origin, PacketId, Timestamp};
use crate::websocket::deflate::DeflateFault;
use crate::websocket::message::{Inflation, Tail};

const DEFLATE: Compression =
    Compression::Deflate(SideParams { no_context_takeover: false, window_bits: 15 });

/// What a direction is given.
#[derive(Clone, Copy)]
enum Given<'a> {
    Bytes(&'a [u8]),
    Gap(u64),
}
use Given::{Bytes, Gap as Hole};

/// Decodes a direction, each byte string as one chunk, and describes what was observed in a few words.
fn observe(
    given: &[Given<'_>],
    compression: Compression,
    start: Start,
    keep: usize,
) -> Vec<String> {
    let mut decoder = Decoder::new(compression, start);
    let mut shared = Shared::new(Settings { keep, digest: false, inflated_bytes: 1 << 20 });
    let mut told = Vec::new();
    let mut offset = 0;
    for (number, piece) in (1..).zip(given) {
        let origin = Origin { packet: PacketId(number), time: Timestamp(number) };
        let mut sink = |seen: Observation<'_>| told.push(tell(seen));
        match piece {
            Bytes(bytes) => {
                decoder.push(Chunk { offset, bytes, origin }, &mut shared, &mut sink);
                offset += length_u64(bytes.len());
            }
            Hole(length) => {
                let gap = Gap { offset, length: *length, cause: GapCause::Ended, origin };
                decoder.gap(gap, &mut shared, &mut sink);
                offset += length;
            }
        }
    }
    decoder.finish(&mut shared, &mut |seen| told.push(tell(seen)));
    told.extend(decoder.partial_header().map(|(bytes, _)| format!("header cut {bytes:02x?}")));
    told
}

fn tell(seen: Observation<'_>) -> String {
    match seen {
        Observation::FrameStarted(frame) => {
            let header = frame.header;
            format!(
                "frame {:x} at {} of {}",
                header.opcode, frame.span.start, header.payload_length
            )
        }
        Observation::FrameEnded(frame) if frame.is_complete() => format!("end {}", frame.span.end),
        Observation::FrameEnded(frame) => {
            format!("cut after {}, {} missing", frame.received, frame.missing)
        }
        Observation::InvalidUtf8 { byte, .. } => format!("not UTF-8 at {byte}"),
        Observation::Message(message) => format!(
            "{}{} {:?} of {} in {}{}",
            if message.complete { "" } else { "incomplete " },
            message.opcode.name(),
            String::from_utf8_lossy(message.content),
            message.length,
            message.frames,
            match message.inflation {
                Inflation::None => String::new(),
                inflation => format!(" {inflation:?}"),
            }
        ),
        Observation::SyncLost(span) => format!("lost {}..{}", span.start, span.end),
        Observation::SyncFound(span) => format!("found {}..{}", span.start, span.end),
        Observation::NotAFrame(bytes, _) => format!("text {:?}", String::from_utf8_lossy(bytes)),
    }
}

struct DecoderCase {
    name: &'static str,
    bytes: &'static [u8],
    compression: Compression,
    told: &'static [&'static str],
}

#[rustfmt::skip]
const CASES: &[DecoderCase] = &[
    // RFC 6455 §5.7
    DecoderCase { name: "unmasked text", bytes: b"\x81\x05Hello", compression: Compression::None,
           told: &["frame 1 at 0 of 5", "end 7", "text \"Hello\" of 5 in 1"] },
    DecoderCase { name: "masked text", bytes: b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", compression: Compression::None,
           told: &["frame 1 at 0 of 5", "end 11", "text \"Hello\" of 5 in 1"] },
    DecoderCase { name: "fragmented text", bytes: b"\x01\x03Hel\x80\x02lo", compression: Compression::None,
           told: &["frame 1 at 0 of 3", "end 5", "frame 0 at 5 of 2", "end 9", "text \"Hello\" of 5 in 2"] },
    DecoderCase { name: "ping, masked pong", bytes: b"\x89\x05Hello\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", compression: Compression::None,
           told: &["frame 9 at 0 of 5", "end 7", "ping \"Hello\" of 5 in 1", "frame a at 7 of 5", "end 18", "pong \"Hello\" of 5 in 1"] },
    // RFC 7692 §7.2.3.1 and §7.2.3.2, with a plain message and a control frame between
    DecoderCase { name: "compressed messages with context", compression: DEFLATE,
           bytes: b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\x81\x02hi\x89\x00\xc1\x05\xf2\x00\x11\x00\x00",
           told: &["frame 1 at 0 of 7", "end 9", "text \"Hello\" of 5 in 1 Done", "frame 1 at 9 of 2", "end 13", "text \"hi\" of 2 in 1",
                   "frame 9 at 13 of 0", "end 15", "ping \"\" of 0 in 1", "frame 1 at 15 of 5", "end 22", "text \"Hello\" of 5 in 1 Done"] },
    DecoderCase { name: "compressed fragments with a ping between", compression: DEFLATE,
           bytes: b"\x41\x03\xf2\x48\xcd\x89\x01!\x80\x04\xc9\xc9\x07\x00",
           told: &["frame 1 at 0 of 3", "end 5", "frame 9 at 5 of 1", "end 8", "ping \"!\" of 1 in 1",
                   "frame 0 at 8 of 4", "end 14", "text \"Hello\" of 5 in 2 Done"] },
    DecoderCase { name: "a mid-stream start guesses permessage-deflate", compression: Compression::Unknown,
           bytes: b"\xc1\x05\xf2\x00\x11\x00\x00\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00",
           told: &["frame 1 at 0 of 5", "end 7", "incomplete text \"H\" of 1 in 1 HistoryMissing",
                   "frame 1 at 7 of 7", "end 16", "text \"Hello\" of 5 in 1 Done"] },
    DecoderCase { name: "close, close without a body", bytes: b"\x88\x05\x03\xe8bye\x88\x00", compression: Compression::None,
           told: &["frame 8 at 0 of 5", "end 7", "close \"\\u{3}\u{fffd}bye\" of 5 in 1", "frame 8 at 7 of 0", "end 9", "close \"\" of 0 in 1"] },
    DecoderCase { name: "empty frames and fragments", bytes: b"\x81\x00\x01\x00\x00\x00\x80\x00", compression: Compression::None,
           told: &["frame 1 at 0 of 0", "end 2", "text \"\" of 0 in 1", "frame 1 at 2 of 0", "end 4", "frame 0 at 4 of 0", "end 6",
                   "frame 0 at 6 of 0", "end 8", "text \"\" of 0 in 3"] },
    // Broken rules are observed, not refused.
    DecoderCase { name: "reserved opcodes carry no message", bytes: b"\x83\x01a\x8b\x01b\x81\x01c", compression: Compression::None,
           told: &["frame 3 at 0 of 1", "end 3", "frame b at 3 of 1", "end 6", "frame 1 at 6 of 1", "end 9", "text \"c\" of 1 in 1"] },
    DecoderCase { name: "continuation of nothing", bytes: b"\x80\x01a\x81\x01c", compression: Compression::None,
           told: &["frame 0 at 0 of 1", "end 3", "frame 1 at 3 of 1", "end 6", "text \"c\" of 1 in 1"] },
    DecoderCase { name: "a message within a message", bytes: b"\x01\x01a\x81\x01b", compression: Compression::None,
           told: &["frame 1 at 0 of 1", "end 3", "frame 1 at 3 of 1", "incomplete text \"a\" of 1 in 1", "end 6", "text \"b\" of 1 in 1"] },
    DecoderCase { name: "text that is not UTF-8", bytes: b"\x81\x03a\xffb", compression: Compression::None,
           told: &["frame 1 at 0 of 3", "not UTF-8 at 1", "end 5", "text \"a\u{fffd}b\" of 3 in 1"] },
    DecoderCase { name: "text that ends within a character", bytes: b"\x01\x01\xe2\x80\x01\x82", compression: Compression::None,
           told: &["frame 1 at 0 of 1", "end 3", "frame 0 at 3 of 1", "not UTF-8 at 2", "end 6", "text \"\u{fffd}\" of 2 in 2"] },
    DecoderCase { name: "2^63 bytes declared, not UTF-8 long before", bytes: b"\x81\x7f\x80\x00\x00\x00\x00\x00\x00\x00ab\xff", compression: Compression::None,
           told: &["frame 1 at 0 of 9223372036854775808", "not UTF-8 at 2", "cut after 3, 0 missing", "incomplete text \"ab\u{fffd}\" of 3 in 1"] },
    DecoderCase { name: "header cut", bytes: b"\x81\x01a\x82\x7e\x01", compression: Compression::None,
           told: &["frame 1 at 0 of 1", "end 3", "text \"a\" of 1 in 1", "header cut [82, 7e, 01]"] },
    DecoderCase { name: "unfinished fragments", bytes: b"\x01\x01a\x00\x01b", compression: Compression::None,
           told: &["frame 1 at 0 of 1", "end 3", "frame 0 at 3 of 1", "end 6", "incomplete text \"ab\" of 2 in 2"] },
];

#[test]
fn a_direction_is_read_alike_however_it_is_cut() {
    for case in CASES {
        let expected: Vec<String> = case.told.iter().map(|&told| told.to_owned()).collect();
        let read = |given: &[Given<'_>]| observe(given, case.compression, Start::Boundary, 1 << 16);
        assert_eq!(read(&[Bytes(case.bytes)]), expected, "{}", case.name);
        let bytes: Vec<Given<'_>> = case.bytes.chunks(1).map(Bytes).collect();
        assert_eq!(read(&bytes), expected, "{}, byte by byte", case.name);
        for cut in 0..case.bytes.len() {
            let (a, b) = case.bytes.split_at(cut);
            assert_eq!(read(&[Bytes(a), Bytes(b)]), expected, "{}, cut at {cut}", case.name);
        }
    }
}

#[test]
fn what_is_kept_changes_nothing_else() {
    for case in CASES {
        let without_content = |told: Vec<String>| -> Vec<String> {
            told.into_iter()
                .map(|told| match (told.find('"'), told.rfind('"')) {
                    (Some(first), Some(last)) => told[..first].to_owned() + &told[last..],
                    _ => told,
                })
                .collect()
        };
        let all = observe(&[Bytes(case.bytes)], case.compression, Start::Boundary, 1 << 16);
        for keep in [0, 1, 3] {
            let some = observe(&[Bytes(case.bytes)], case.compression, Start::Boundary, keep);
            let (some, all) = (without_content(some), without_content(all.clone()));
            assert_eq!(some, all, "{}, keeping {keep}", case.name);
        }
    }
}

#[test]
fn a_gap_within_a_payload_keeps_frames_in_sync() {
    let told = observe(
        &[Bytes(b"\x81\x0aabc"), Hole(4), Bytes(b"xyz\x81\x02hi")],
        Compression::None,
        Start::Boundary,
        100,
    );
    let expected = [
        "frame 1 at 0 of 10",
        "cut after 6, 4 missing",
        "incomplete text \"abc\" of 6 in 1",
        "frame 1 at 12 of 2",
        "end 16",
        "text \"hi\" of 2 in 1",
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_gap_that_ends_with_its_frame_keeps_frames_in_sync() {
    let told = observe(
        &[Bytes(b"\x81\x05"), Hole(5), Bytes(b"\x81\x02hi")],
        Compression::None,
        Start::Boundary,
        100,
    );
    assert_eq!(told[1..3], ["cut after 0, 5 missing", "incomplete text \"\" of 0 in 1"]);
    assert_eq!(told[5], "text \"hi\" of 2 in 1");
}

#[test]
fn after_a_gap_over_a_header_frames_are_found_again_at_a_segment_start() {
    let told = observe(
        &[
            Bytes(b"\x81\x02hi"),
            Hole(100),
            Bytes(b"middle of a payload"),
            Bytes(b"\x81\x05Hello\x82\x01"),
            Bytes(b"a"),
        ],
        Compression::None,
        Start::Boundary,
        100,
    );
    let expected = [
        "frame 1 at 0 of 2",
        "end 4",
        "text \"hi\" of 2 in 1",
        "lost 4..104",
        "found 4..123",
        "frame 1 at 123 of 5",
        "end 130",
        "text \"Hello\" of 5 in 1",
        "frame 2 at 130 of 1",
        "end 133",
        "binary \"a\" of 1 in 1",
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_gap_breaks_the_history_of_compression_until_a_message_needs_none() {
    let told = observe(
        &[
            Bytes(b"\xc1\x07\xf2\x48\xcd"),
            Hole(2),
            Bytes(b"\x07\x00"),
            Bytes(b"\xc1\x05\xf2\x00\x11\x00\x00"),
            Bytes(b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00"),
            Bytes(b"\xc1\x05\xf2\x00\x11\x00\x00"),
        ],
        DEFLATE,
        Start::Boundary,
        100,
    );
    let messages: Vec<&str> =
        told.iter().filter(|told| told.contains("text")).map(String::as_str).collect();
    let expected = [
        "incomplete text \"H\" of 1 in 1 Unfinished",
        "incomplete text \"H\" of 1 in 1 HistoryMissing",
        "text \"Hello\" of 5 in 1 Done",
        "text \"Hello\" of 5 in 1 Done",
    ];
    let without_first_content =
        |told: &str| told.replace("\"He\"", "\"H\"").replace("of 2", "of 1");
    assert_eq!(without_first_content(messages[0]), expected[0]);
    assert_eq!(messages[1..], expected[1..]);
}

#[test]
fn after_lost_frames_compressed_messages_may_need_what_was_not_seen() {
    let told = observe(
        &[
            Bytes(b"\x81\x02hi"),
            Hole(100),
            // The reference of RFC 7692 §7.2.3.2, then its stored block (§7.2.3.3), twice each.
            Bytes(b"\xc1\x05\xf2\x00\x11\x00\x00\xc1\x0b\x00\x05\x00\xfa\xffHello\x00"),
            Bytes(b"\xc1\x05\xf2\x00\x11\x00\x00\xc1\x0b\x00\x05\x00\xfa\xffHello\x00"),
        ],
        DEFLATE,
        Start::Boundary,
        100,
    );
    let messages: Vec<&String> = told.iter().filter(|told| told.contains("text")).collect();
    let expected = [
        "text \"hi\" of 2 in 1",
        "incomplete text \"H\" of 1 in 1 HistoryMissing",
        "text \"Hello\" of 5 in 1 Done",
        "text \"Hello\" of 5 in 1 Done",
        "text \"Hello\" of 5 in 1 Done",
    ];
    assert_eq!(messages, expected);
}

#[test]
fn messages_tell_how_they_were_compressed() {
    let agreed = Compression::Deflate(SideParams { no_context_takeover: true, window_bits: 9 });
    let (removed, kept) = ((Tail::Removed, false), (Tail::Kept, false));
    let nothing = (Tail::Unknown, false);
    // Two that are not compressed; six compressed ones, the fifth cut short and the last unfinished.
    let bytes: &[u8] = b"\x81\x02hi\x89\x00\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\
        \xc1\x0b\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff\xc1\x05\xf2\x00\x11\x00\x00\
        \xc1\x06\x4a\x4c\x44\x06\x00\x00\xc1\x01\x06\x41\x02\x06\x06";
    #[rustfmt::skip]
    let expected = [
        (Inflation::None, 0, None, nothing),
        (Inflation::None, 0, None, nothing),
        (Inflation::Done, 0, Some(9), removed),
        (Inflation::Done, 0, Some(9), kept),
        (Inflation::Forgotten { offset: 1, distance: 5, available: 1 }, 0, Some(9), nothing),
        (Inflation::Done, 1, Some(9), removed),
        (Inflation::Invalid { offset: 0, fault: DeflateFault::BlockType }, 0, Some(9), nothing),
        (Inflation::Invalid { offset: 0, fault: DeflateFault::BlockType }, 0, Some(9), nothing),
    ];
    for size in [1, 5, 100] {
        let settings = Settings { keep: 0, digest: false, inflated_bytes: 1 << 20 };
        let (mut decoder, mut shared) =
            (Decoder::new(agreed, Start::Boundary), Shared::new(settings));
        let (mut told, mut offset) = (Vec::new(), 0);
        let mut sink = |seen: Observation<'_>| {
            if let Observation::Message(it) = seen {
                let ending = (it.ending.tail, it.ending.after_final);
                told.push((it.inflation, it.reach, it.window_bits, ending));
            }
        };
        for bytes in bytes.chunks(size) {
            let chunk = Chunk { offset, bytes, origin: Origin::default() };
            decoder.push(chunk, &mut shared, &mut sink);
            offset += length_u64(bytes.len());
        }
        decoder.finish(&mut shared, &mut sink);
        assert_eq!(told, expected, "in chunks of {size}");
    }
}

#[test]
fn what_leads_to_no_header_is_not_taken_for_a_frame() {
    // 126 bytes of payload are promised, and what follows them is not a header.
    let mut bytes = b"\x82\x7e\x00\x7e".to_vec();
    bytes.extend_from_slice(&[7; 126]);
    bytes.extend_from_slice(&[0x7f; 10]);
    let (first, second) = bytes.split_at(60);
    let told = observe(
        &[Bytes(first), Bytes(second), Bytes(b"\x81\x01a\x81\x01b")],
        Compression::None,
        Start::Anywhere,
        0,
    );
    assert_eq!(told[..2], ["found 0..140", "frame 1 at 140 of 1"]);
    assert_eq!(told.last().map(String::as_str), Some("text \"\" of 1 in 1"));
}

#[test]
fn frames_are_found_wherever_segments_begin() {
    let expected = ["frame 1 at 4 of 2", "end 8", "text \"hi\" of 2 in 1"];
    let cuts: [&[Given<'_>]; 2] = [
        &[Bytes(b"rest"), Bytes(b"\x81\x02hi\x81\x02hi")],
        &[Bytes(b"rest"), Bytes(b"\x81\x02"), Bytes(b"hi"), Bytes(b"\x81"), Bytes(b"\x02hi")],
    ];
    for given in cuts {
        let told = observe(given, Compression::None, Start::Anywhere, 100);
        assert_eq!(told[0], "found 0..4", "{told:?}");
        assert_eq!(told[1..4], expected, "{told:?}");
    }
}

#[test]
fn text_instead_of_frames_ends_the_direction() {
    let told = observe(
        &[Bytes(b"\x81\x02hi"), Bytes(b"HTTP/1.1 500 Oh\r\n\r\n"), Bytes(b"\x81\x02hi")],
        Compression::None,
        Start::Boundary,
        9,
    );
    assert_eq!(told[3..], ["text \"HTTP/1.1 500 Oh\\r\\n\\r\\n\""]);
}

#[test]
fn any_bytes_are_read_without_end_or_panic() {
    // A generator of the textbook kind; the seed is part of the test.
    let mut state = 0x1234_5678_9abc_def0_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    for compression in [Compression::None, DEFLATE, Compression::Unknown] {
        for start in [Start::Boundary, Start::Anywhere] {
            for _ in 0..200 {
                let bytes: Vec<u8> = (0..300).map(|_| next()).collect();
                let given: Vec<Given<'_>> = bytes
                    .chunks(40)
                    .flat_map(|chunk| {
                        [
                            Bytes(chunk),
                            if chunk[0] < 20 { Hole(u64::from(chunk[1])) } else { Bytes(b"") },
                        ]
                    })
                    .collect();
                observe(&given, compression, start, 50);
            }
        }
    }
}
