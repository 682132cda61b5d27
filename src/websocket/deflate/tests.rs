use super::*;
use crate::stream::length_usize;
use crate::testkit::frame::deflate;
use crate::testkit::random::Random;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

const TAKEOVER: SideParams = SideParams { no_context_takeover: false, window_bits: 15 };
const FRESH: SideParams = SideParams { no_context_takeover: true, window_bits: 15 };
const LIMIT: u64 = 1 << 26;

/// What a direction takes at most between messages, in bytes.
const MEMORY: usize = 1 << 16;

fn inflate(inflater: &mut Inflater, spares: &mut Spares, pieces: &[&[u8]]) -> Vec<u8> {
    let mut all = Vec::new();
    inflater.begin(spares);
    for piece in pieces {
        inflater.push(spares, piece, &mut |out| all.extend_from_slice(out));
    }
    inflater.end(spares, &mut |out| all.extend_from_slice(out));
    all
}

// RFC 7692 §7.2.3, all of its examples but the one that needs a message before it.
#[rustfmt::skip]
const GOLDEN: &[(&str, &[&[u8]])] = &[
    ("one compressed block (7.2.3.1)", &[&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]]),
    ("split in two frames (7.2.3.1)", &[&[0xf2, 0x48, 0xcd], &[0xc9, 0xc9, 0x07, 0x00]]),
    ("no compression (7.2.3.3)", &[&[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00]]),
    ("BFINAL set to 1 (7.2.3.4)", &[&[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]]),
    ("two blocks (7.2.3.5)", &[&[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00]]),
    ("empty last fragment (7.2.3.6)", &[&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00, 0x00, 0xff, 0xff], &[0x00]]),
];

#[test]
fn examples_of_rfc_7692_inflate_to_hello() {
    for (name, pieces) in GOLDEN {
        for params in [TAKEOVER, FRESH] {
            let (mut inflater, mut spares) =
                (Inflater::new(params, HistoryStart::Seen, LIMIT), Spares::default());
            assert_eq!(inflate(&mut inflater, &mut spares, pieces), b"Hello", "{name}");
            assert_eq!(inflater.failure(), None, "{name}");
            let ending = DeflateEnding { tail: Tail::Removed, after_final: false };
            assert_eq!(inflater.ending(), ending, "{name}");
        }
    }
}

// The two that are kept are zlib's output for "Hello": Z_SYNC_FLUSH and Z_FINISH.
#[rustfmt::skip]
const ENDINGS: &[(&str, &[u8], Tail, bool)] = &[
    ("an empty message",                    &[0x00],                                                             Tail::Removed, false),
    ("BFINAL = 1, then an empty block",     &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0x00], Tail::Removed, true),
    ("the last block has BFINAL = 1",       &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x04],                         Tail::Removed, false),
    ("00 00 ff ff is still there",          &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00, 0x00, 0xff, 0xff], Tail::Kept,    false),
    ("only 00 after BFINAL = 1",           &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],                   Tail::Removed, false),
    ("nothing after BFINAL = 1",           &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],                         Tail::Final,   false),
    ("content after BFINAL = 1",           &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], Tail::Removed, true),
    ("no bytes at all",                     &[],                                                                 Tail::Torn,    false),
    ("cut within a stored block",           &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48],                               Tail::Torn,    false),
    ("cut within a compressed block",       &[0xf2, 0x48, 0xcd],                                                 Tail::Torn,    false),
    ("no DEFLATE",                          &[0x06],                                                             Tail::Unknown, false),
    ("no DEFLATE after BFINAL = 1",        &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x06],                   Tail::Unknown, true),
];

#[test]
fn endings_are_reported_however_the_message_is_cut() {
    let mut spares = Spares::default();
    // One inflater for all: no ending may depend on the message before.
    let mut inflater = Inflater::new(FRESH, HistoryStart::Seen, LIMIT);
    for (name, wire, tail, after_final) in ENDINGS {
        let expected = DeflateEnding { tail: *tail, after_final: *after_final };
        for size in [1, 3, 100] {
            let pieces: Vec<&[u8]> = wire.chunks(size).collect();
            inflate(&mut inflater, &mut spares, &pieces);
            assert_eq!(inflater.ending(), expected, "{name}, in pieces of {size}");
        }
    }
}

#[test]
fn second_message_may_refer_to_the_first() {
    // RFC 7692 §7.2.3.2
    let second: &[u8] = &[0xf2, 0x00, 0x11, 0x00, 0x00];
    let mut spares = Spares::default();
    let mut inflater = Inflater::new(TAKEOVER, HistoryStart::Seen, LIMIT);
    assert_eq!(inflate(&mut inflater, &mut spares, GOLDEN[0].1), b"Hello");
    assert_eq!(inflate(&mut inflater, &mut spares, &[second]), b"Hello");

    let mut late = Inflater::new(TAKEOVER, HistoryStart::Missed, LIMIT);
    inflate(&mut late, &mut spares, &[second]);
    assert_eq!(late.failure(), Some(Failure::HistoryMissing));
    assert_eq!(inflate(&mut late, &mut spares, GOLDEN[0].1), b"Hello", "recovers");
    assert_eq!(inflate(&mut late, &mut spares, &[second]), b"Hello", "and has a history again");

    let mut fresh = Inflater::new(FRESH, HistoryStart::Seen, LIMIT);
    inflate(&mut fresh, &mut spares, GOLDEN[0].1);
    inflate(&mut fresh, &mut spares, &[second]);
    let forgotten = Failure::Forgotten { offset: 1, distance: 5, available: 1 };
    assert_eq!(fresh.failure(), Some(forgotten));
    assert_eq!(inflate(&mut fresh, &mut spares, GOLDEN[0].1), b"Hello", "and only that one");
    assert_eq!(fresh.failure(), None);
}

#[test]
fn a_reference_is_forgotten_only_where_something_was_sent_before() {
    let (reference, hello) = (&[0xf2, 0x00, 0x11, 0x00, 0x00][..], GOLDEN[0].1);
    let before_start = Failure::Invalid { offset: 1, fault: DeflateFault::BeforeStart };
    let forgotten = Failure::Forgotten { offset: 1, distance: 5, available: 1 };
    let mut spares = Spares::default();

    let mut first = Inflater::new(FRESH, HistoryStart::Seen, LIMIT);
    inflate(&mut first, &mut spares, &[reference]);
    assert_eq!(first.failure(), Some(before_start), "the first message");

    let mut late = Inflater::new(FRESH, HistoryStart::Missed, LIMIT);
    inflate(&mut late, &mut spares, &[reference]);
    assert_eq!(late.failure(), Some(forgotten), "unseen messages may have been there");

    let mut torn = Inflater::new(FRESH, HistoryStart::Seen, LIMIT);
    torn.begin(&mut spares);
    torn.abandon(&mut spares);
    inflate(&mut torn, &mut spares, &[reference]);
    assert_eq!(torn.failure(), Some(forgotten), "what a lost message held is unknown");
    assert_eq!(inflate(&mut torn, &mut spares, hello), b"Hello", "none is needed");

    let mut kept = Inflater::new(TAKEOVER, HistoryStart::Seen, LIMIT);
    inflate(&mut kept, &mut spares, &[reference]);
    assert_eq!(kept.failure(), Some(before_start), "no reset was negotiated");
}

#[test]
fn a_reference_to_dropped_output_names_the_memory_limit() {
    let mut spares = Spares::default();
    let mut compressor = Compress::new(Compression::best(), false);
    let noise = data(&mut Random(7), 0, 2_000);
    let wires: Vec<Vec<u8>> = (0..3).map(|_| deflate(&mut compressor, &noise)).collect();
    let mut inflater = Inflater::new(TAKEOVER, HistoryStart::Seen, LIMIT);
    assert_eq!(inflate(&mut inflater, &mut spares, &[&wires[0]]), noise);
    inflater.evict(&mut spares);
    assert_eq!(inflater.history().start, HistoryStart::Evicted);
    for wire in &wires[1..] {
        inflate(&mut inflater, &mut spares, &[wire]);
        assert_eq!(inflater.failure(), Some(Failure::HistoryEvicted));
    }
    // What is missing for another reason is reported as such.
    inflater.begin(&mut spares);
    inflater.abandon(&mut spares);
    assert_eq!(inflater.failure(), Some(Failure::HistoryMissing));
}

#[test]
fn lost_history_is_whole_again_once_enough_was_put_out() {
    let mut spares = Spares::default();
    let mut compressor = Compress::new(Compression::best(), false);
    let noise = data(&mut Random(5), 0, 20_000);
    let wires: Vec<Vec<u8>> = (0..2).map(|_| deflate(&mut compressor, &noise)).collect();
    let mut inflater = Inflater::new(TAKEOVER, HistoryStart::Seen, LIMIT);
    inflater.abandon(&mut spares);
    inflate(&mut inflater, &mut spares, &[&wires[1]]);
    assert_eq!(inflater.failure(), Some(Failure::HistoryMissing), "it needs the one before");
    let stored = GOLDEN[3].1;
    assert_eq!(inflate(&mut inflater, &mut spares, stored), b"Hello", "it needs nothing");
    assert_eq!(inflater.failure(), None);
    for wire in &wires {
        assert!(inflate(&mut inflater, &mut spares, &[wire]) == noise);
        assert_eq!(inflater.failure(), None);
    }
}

#[test]
fn history_survives_bfinal_in_any_block() {
    let mut spares = Spares::default();
    let mut inflater = Inflater::new(TAKEOVER, HistoryStart::Seen, LIMIT);
    let stored = GOLDEN[2].1[0];
    let mut two_blocks = stored[..stored.len() - 1].to_vec();
    two_blocks.extend_from_slice(GOLDEN[3].1[0]);
    assert_eq!(inflate(&mut inflater, &mut spares, &[&two_blocks]), b"HelloHello");
    assert_eq!(inflate(&mut inflater, &mut spares, &[&[0xf2, 0x00, 0x11, 0x00, 0x00]]), b"Hello");
}

#[test]
fn empty_message_is_one_zero_byte() {
    let (mut inflater, mut spares) =
        (Inflater::new(TAKEOVER, HistoryStart::Seen, LIMIT), Spares::default());
    assert_eq!(inflate(&mut inflater, &mut spares, &[&[0x00]]), b"");
    assert_eq!(inflater.failure(), None);
}

#[test]
fn nonsense_is_invalid_at_its_offset_and_the_limit_is_kept() {
    let mut spares = Spares::default();
    let mut inflater = Inflater::new(TAKEOVER, HistoryStart::Seen, LIMIT);
    inflate(&mut inflater, &mut spares, &[&[0xff, 0xff, 0xff]]);
    assert!(matches!(inflater.failure(), Some(Failure::Invalid { offset: 0..=3, .. })));

    let bomb = deflate(&mut Compress::new(Compression::best(), false), &vec![0; 1 << 20]);
    let mut small = Inflater::new(TAKEOVER, HistoryStart::Seen, 1 << 18);
    let out = inflate(&mut small, &mut spares, &[&bomb]);
    assert_eq!(small.failure(), Some(Failure::TooLarge));
    assert!(out.len() <= 1 << 18);
}

#[test]
fn directions_in_turn_have_each_their_history_and_little_memory() {
    let mut spares = Spares::default();
    let mut directions: Vec<_> = (0..300)
        .map(|_| {
            (
                Inflater::new(TAKEOVER, HistoryStart::Seen, LIMIT),
                Compress::new(Compression::fast(), false),
            )
        })
        .collect();
    for round in 0..4_u32 {
        for (number, (inflater, compressor)) in directions.iter_mut().enumerate() {
            let message = format!("connection {number} says hello, round {round}; ").repeat(300);
            let wire = deflate(compressor, message.as_bytes());
            assert_eq!(inflate(inflater, &mut spares, &[&wire]), message.as_bytes());
        }
    }
    for (inflater, _) in &directions {
        assert!(inflater.stream.memory() <= MEMORY);
    }
}
/// What flate2 makes of a message after `history`: its output, and whether it finds no fault.
fn oracle(history: &[u8], wire: &[u8]) -> (Vec<u8>, bool) {
    let mut inflater = Decompress::new(false);
    let mut all = history.to_vec();
    let restore = |inflater: &mut Decompress, all: &[u8]| {
        inflater.reset(false);
        let last = &all[all.len().saturating_sub(1 << 15)..];
        if !last.is_empty() {
            inflater.set_dictionary(last).unwrap();
        }
    };
    restore(&mut inflater, &all);
    let mut input = wire;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let (read, written) = (inflater.total_in(), inflater.total_out());
        let status = inflater.decompress(input, &mut buffer, FlushDecompress::Sync);
        input = &input[length_usize(inflater.total_in() - read)..];
        let written = length_usize(inflater.total_out() - written);
        all.extend_from_slice(&buffer[..written]);
        let done = match status {
            Err(_) => return (all.split_off(history.len()), false),
            Ok(Status::StreamEnd) => {
                restore(&mut inflater, &all);
                input.is_empty()
            }
            Ok(Status::Ok | Status::BufError) => input.is_empty() && written < buffer.len(),
        };
        if done {
            return (all.split_off(history.len()), true);
        }
    }
}

fn with_tail(wire: &[u8]) -> Vec<u8> {
    [wire, &[0, 0, 0xff, 0xff]].concat()
}

/// Bytes that compress in one of several ways.
fn data(random: &mut Random, kind: usize, length: usize) -> Vec<u8> {
    let mut data: Vec<u8> = Vec::new();
    while data.len() < length {
        match kind % 6 {
            // Not at all.
            0 => data.push(random.next().to_le_bytes()[3]),
            // Literals with few values, some much more frequent than others.
            1 => data.push(1 << (random.next().trailing_zeros() & 7)),
            // JSON-like.
            2 => data.extend(
                format!("{{\"price\":{},\"size\":{}}},", random.below(9999), random.below(50))
                    .bytes(),
            ),
            // Runs, and repetitions of a few bytes.
            3 => {
                let unit = random.next().to_le_bytes();
                let unit = &unit[..=random.below(8)];
                for _ in 0..random.below(300) {
                    data.extend_from_slice(unit);
                }
            }
            // Repetitions from far back.
            4 if data.len() > 40_000 && random.below(3) > 0 => {
                let start = data.len() - 1 - random.below(40_000);
                let end = data.len().min(start + 3 + random.below(300));
                data.extend_from_within(start..end);
            }
            // Codes of very different lengths: their longest need subtables.
            5 => {
                let rare = random.next().trailing_zeros().min(20);
                data.push(u8::try_from(rare * 12 + u32::from(random.below(3) == 0)).unwrap());
            }
            _ => data.extend(random.next().to_le_bytes()),
        }
    }
    data.truncate(length);
    data
}

fn compressed(compressor: &mut Compress, message: &[u8], flush: FlushCompress) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() * 2 + 4096);
    compressor.compress_vec(message, &mut out, flush).unwrap();
    out
}

#[test]
fn what_flate2_compresses_inflates_to_the_same() {
    let mut random = Random(0x5eed);
    let mut spares = Spares::default();
    for case in 0..70_usize {
        let level = Compression::new(u32::try_from(case % 10).unwrap());
        let window_bits = u8::try_from(9 + case % 7).unwrap();
        let mut compressor = Compress::new_with_window_bits(level, false, window_bits);
        let mut inflater = Inflater::new(TAKEOVER, HistoryStart::Seen, LIMIT);
        for round in 0..6 {
            let length = [0, 1, 50, 1_900, 20_000, 100_000][random.below(6)];
            let message = data(&mut random, case + round, length);
            let flush = match random.below(4) {
                0 => FlushCompress::Finish,
                1 => FlushCompress::Full,
                _ => FlushCompress::Sync,
            };
            let mut wire = compressed(&mut compressor, &message, flush);
            if flush == FlushCompress::Finish {
                compressor.reset();
                wire.push(0);
            } else {
                assert!(wire.ends_with(&[0, 0, 0xff, 0xff]) || message.is_empty());
                wire.truncate(wire.len().saturating_sub(4));
            }
            let mut pieces = Vec::new();
            let mut rest = wire.as_slice();
            while !rest.is_empty() {
                let most = [1, 20, 1_000, 100_000][random.below(4)];
                let (piece, other) = rest.split_at(rest.len().min(1 + random.below(most)));
                pieces.push(piece);
                rest = other;
            }
            let context = format!("case {case}, round {round}, {length} bytes, {flush:?}");
            let out = inflate(&mut inflater, &mut spares, &pieces);
            assert_eq!(inflater.failure(), None, "{context}");
            assert!(out == message, "{context}: {} bytes", out.len());
            assert!(inflater.farthest() <= 1 << window_bits, "{context}");
            assert!(inflater.stream.memory() <= MEMORY, "{context}");
        }
    }
}

#[test]
fn output_comes_as_early_as_it_can_however_the_message_is_cut() {
    let mut random = Random(77);
    let mut spares = Spares::default();
    for case in 0..12 {
        let message = data(&mut random, case, 400);
        let level = Compression::new(u32::try_from(case % 10).unwrap());
        let wire = deflate(&mut Compress::new(level, false), &message);
        for cut in 0..=wire.len() {
            let mut inflater = Inflater::new(TAKEOVER, HistoryStart::Seen, LIMIT);
            let mut all = Vec::new();
            inflater.begin(&mut spares);
            inflater.push(&mut spares, &wire[..cut], &mut |out| all.extend_from_slice(out));
            assert_eq!(all, oracle(&[], &wire[..cut]).0, "case {case}, {cut} bytes");
            inflater.push(&mut spares, &wire[cut..], &mut |out| all.extend_from_slice(out));
            inflater.end(&mut spares, &mut |out| all.extend_from_slice(out));
            assert_eq!(all, message, "case {case}, cut at {cut}");
        }
        let bytes: Vec<&[u8]> = wire.chunks(1).collect();
        let mut inflater = Inflater::new(FRESH, HistoryStart::Seen, LIMIT);
        assert_eq!(inflate(&mut inflater, &mut spares, &bytes), message);
    }
}

#[test]
fn random_and_damaged_messages_are_judged_as_by_flate2() {
    let mut random = Random(0xbad);
    let mut spares = Spares::default();
    let history = data(&mut random, 2, 500);
    let before = deflate(&mut Compress::new(Compression::best(), false), &history);
    let mut invalid = 0;
    for case in 0..6_000_usize {
        let mut wire = if case % 3 == 0 {
            let length = 1 + random.below(120);
            let mut wire = data(&mut random, 0, length);
            // Mostly a dynamic block, with any codes.
            wire[0] = if case % 2 == 0 { wire[0] & !7 | 4 } else { wire[0] };
            wire
        } else {
            let length = random.below(600);
            let message = data(&mut random, case, length);
            let level = Compression::new(u32::try_from(random.below(10)).unwrap());
            deflate(&mut Compress::new(level, false), &message)
        };
        for _ in 0..random.below(4) {
            // Half of the damage is to the header.
            let bound = if random.below(2) == 0 { wire.len().min(12) } else { wire.len() };
            let at = random.below(bound.max(1));
            if let Some(byte) = wire.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        let (expected, valid) = oracle(&history, &with_tail(&wire));
        let mut inflater = Inflater::new(TAKEOVER, HistoryStart::Seen, LIMIT);
        inflate(&mut inflater, &mut spares, &[&before]);
        let pieces: Vec<&[u8]> = wire.chunks([1, 7, 1_000][case % 3]).collect();
        let out = inflate(&mut inflater, &mut spares, &pieces);
        assert_eq!(inflater.failure().is_none(), valid, "case {case}: {wire:02x?}");
        assert!(out == expected, "case {case}: {} and {}", out.len(), expected.len());
        invalid += u32::from(!valid);
    }
    assert!((1_000..5_000).contains(&invalid), "{invalid} were invalid");
}

// RFC 1951; the offset is that of the byte that holds the first bit that makes no sense.
#[rustfmt::skip]
const INVALID: &[(&str, &[u8], u64, DeflateFault)] = &[
    ("block type 3",                          &[0x06, 0x00],                               0, DeflateFault::BlockType),
    ("block type 3 after an empty block",    &[0x00, 0x00, 0x00, 0xff, 0xff, 0x06],       5, DeflateFault::BlockType),
    ("lengths of a stored block differ",      &[0x00, 0x01, 0x00, 0xff, 0xff],             1, DeflateFault::StoredLength),
    ("287 literals and lengths",              &[0xf4, 0xff, 0xff, 0xff],                   0, DeflateFault::CodeCounts),
    ("four codes of one bit",                 &[0x04, 0x00, 0x92, 0x04],                   3, DeflateFault::LengthCode),
    ("symbol 16 first",                       &[0x04, 0x00, 0x02, 0x24],                   3, DeflateFault::RepeatOfNothing),
    ("276 lengths for 258 codes",             &[0x04, 0x00, 0x80, 0xe4, 0xff, 0x1f],       4, DeflateFault::RepeatTooLong),
    ("symbol 256 without a code",             &[0x04, 0xc0, 0x81, 0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0xff, 0xd7, 0x00], 11, DeflateFault::NoEndCode),
    ("three literal codes of one bit",        &[0x04, 0xc0, 0x81, 0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0xfe, 0xa7, 0x01], 11, DeflateFault::LiteralCode),
    ("three distance codes of one bit",       &[0x04, 0xc2, 0x81, 0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0xff, 0xd5, 0x00], 11, DeflateFault::DistanceCode),
    ("symbol 286",                            &[0x1a, 0x03],                               0, DeflateFault::Symbol),
    ("distance 30",                           &[0x4a, 0x04, 0x3e],                         1, DeflateFault::Distance),
    ("distance without history",              &[0x02, 0x02, 0x00],                         0, DeflateFault::BeforeStart),
    ("distance 2 after one byte",            &[0x4a, 0x04, 0x42],                         1, DeflateFault::BeforeStart),
    ("zlib's compress(\"Hello\")",            &[0x78, 0x9c, 0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x05, 0x8c, 0x01, 0xf5], 1, DeflateFault::ZlibHeader),
    ("gzip's header",                         &[0x1f, 0x8b, 0x08, 0x00, 0x00],             0, DeflateFault::GzipHeader),
];

#[test]
fn faults_are_reported_with_their_position() {
    for (name, wire, offset, fault) in INVALID {
        let mut spares = Spares::default();
        let mut inflater = Inflater::new(TAKEOVER, HistoryStart::Seen, LIMIT);
        let out = inflate(&mut inflater, &mut spares, &[wire]);
        assert_eq!(oracle(&[], wire), (out, false), "{name}");
        let invalid = Failure::Invalid { offset: *offset, fault: *fault };
        assert_eq!(inflater.failure(), Some(invalid), "{name}");
        let bytes: Vec<&[u8]> = wire.chunks(1).collect();
        let mut again = Inflater::new(TAKEOVER, HistoryStart::Seen, LIMIT);
        inflate(&mut again, &mut spares, &bytes);
        assert_eq!(again.failure(), Some(invalid), "{name}, byte by byte");
    }
}

#[test]
fn the_farthest_reference_is_known() {
    let mut spares = Spares::default();
    let mut inflater = Inflater::new(TAKEOVER, HistoryStart::Seen, LIMIT);
    let mut compressor = Compress::new(Compression::best(), false);
    let noise = data(&mut Random(5), 0, 32_000);
    for (message, farthest) in
        [(&noise[..], 0), (&noise[..200], 32_000), (b"-", 0), (&noise[..200], 201)]
    {
        let wire = deflate(&mut compressor, message);
        assert_eq!(inflate(&mut inflater, &mut spares, &[&wire]), message);
        assert_eq!(inflater.farthest(), farthest);
    }
}

#[test]
fn no_more_than_the_limit_comes_out() {
    let mut spares = Spares::default();
    let message = data(&mut Random(9), 3, 200_000);
    let wire = deflate(&mut Compress::new(Compression::fast(), false), &message);
    for limit in [0, 1, 65_000, 65_536, 150_000, 199_999, 200_000] {
        let mut inflater = Inflater::new(TAKEOVER, HistoryStart::Seen, limit);
        let out = inflate(&mut inflater, &mut spares, &[&wire]);
        assert!(out == message[..length_usize(limit)], "{limit}");
        let expected = (limit < 200_000).then_some(Failure::TooLarge);
        assert_eq!(inflater.failure(), expected, "{limit}");
    }
}
