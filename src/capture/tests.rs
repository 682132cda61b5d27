//! Captures built in memory, in every format and with every damage.

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;

/// A block of a pcapng capture in little or big-endian order.
struct Ng {
    big: bool,
    bytes: Vec<u8>,
}

impl Ng {
    fn new() -> Self {
        Self { big: false, bytes: Vec::new() }.section()
    }

    fn big() -> Self {
        Self { big: true, bytes: Vec::new() }.section()
    }

    fn u16(&self, value: u16) -> [u8; 2] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn u32(&self, value: u32) -> [u8; 4] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn block(mut self, block_type: u32, body: &[u8]) -> Self {
        let body = [body, &[0; 3][..(4 - body.len() % 4) % 4]].concat();
        let length = self.u32(u32::try_from(body.len()).unwrap() + 12);
        self.bytes.extend(self.u32(block_type));
        self.bytes.extend(length);
        self.bytes.extend(body);
        self.bytes.extend(length);
        self
    }

    fn section(self) -> Self {
        let version = [self.u16(1), self.u16(0)].concat();
        let body = [&self.u32(0x1a2b_3c4d)[..], &version, &[0xff; 8]].concat();
        self.block(0x0a0d_0d0a, &body)
    }

    /// Turns to the other byte order, which a section must follow.
    fn turn(mut self) -> Self {
        self.big = !self.big;
        self
    }

    fn interface(self, link_type: u16, snap_length: u32, options: &[(u16, &[u8])]) -> Self {
        let mut body = [self.u16(link_type), [0; 2]].concat();
        body.extend(self.u32(snap_length));
        body.extend(self.options(options));
        self.block(1, &body)
    }

    fn options(&self, options: &[(u16, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (code, value) in options {
            bytes.extend(self.u16(*code));
            bytes.extend(self.u16(u16::try_from(value.len()).unwrap()));
            bytes.extend([value, &[0; 3][..(4 - value.len() % 4) % 4]].concat());
        }
        bytes.extend([0; 4]);
        bytes
    }

    fn packet(self, interface: u32, ticks: u64, bytes: &[u8]) -> Self {
        let length = u32::try_from(bytes.len()).unwrap();
        self.packet_of(interface, ticks, length, bytes)
    }

    fn packet_of(self, interface: u32, ticks: u64, captured: u32, bytes: &[u8]) -> Self {
        let high = u32::try_from(ticks >> 32).unwrap();
        let low = u32::try_from(ticks & 0xffff_ffff).unwrap();
        let fields = [interface, high, low, captured, 100].map(|value| self.u32(value));
        let body = [fields.as_flattened(), bytes].concat();
        self.block(6, &body)
    }
}

/// A classic capture of two packets, 3 and 5 bytes long, at 1.000002 s (or 1.000000002 s).
fn classic(magic: u32, network: u32, big: bool, record: usize) -> Vec<u8> {
    let word = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let half = |value: u16| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let mut bytes = [&word(magic)[..], &half(2), &half(4), &[0; 8]].concat();
    bytes.extend([word(65_535), word(network)].concat());
    for payload in [&b"abc"[..], b"defgh"] {
        let length = word(u32::try_from(payload.len()).unwrap());
        bytes.extend([word(1), word(2), length, word(9)].concat());
        bytes.resize(bytes.len() + record - 16, 0);
        bytes.extend(payload);
    }
    bytes
}

fn simple() -> Vec<u8> {
    classic(0xa1b2_c3d4, 1, false, 16)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    let level = ruzstd::encoding::CompressionLevel::Fastest;
    ruzstd::encoding::compress_to_vec(bytes, level)
}

/// What a test looks at of a packet.
#[derive(Debug, Eq, PartialEq)]
struct ReadPacket {
    time: u64,
    link_type: u32,
    interface: u32,
    bytes: Vec<u8>,
}

fn seen(time: u64, link_type: u32, interface: u32, bytes: &[u8]) -> ReadPacket {
    ReadPacket { time, link_type, interface, bytes: bytes.to_vec() }
}

type BoxedSource = Box<dyn PacketSource + Send>;

fn source(bytes: &[u8]) -> Result<BoxedSource, Error> {
    open_stream(Box::new(io::Cursor::new(bytes.to_vec())), "a.pcap")
}

/// All packets, and the error that ended them.
fn drain(source: &mut BoxedSource) -> (Vec<ReadPacket>, Option<Error>) {
    let mut packets = Vec::new();
    loop {
        match source.next_packet() {
            Ok(Some(packet)) => {
                packets.push(ReadPacket {
                    time: packet.time.0,
                    link_type: packet.link_type.0,
                    interface: packet.interface,
                    bytes: packet.bytes.to_vec(),
                });
                assert_eq!(packet.id.0, u64::try_from(packets.len()).unwrap());
            }
            Ok(None) => return (packets, None),
            Err(error) => {
                assert!(matches!(source.next_packet(), Ok(None)), "ends after {error}");
                return (packets, Some(error));
            }
        }
    }
}

fn read(bytes: &[u8]) -> (Vec<ReadPacket>, Option<Error>) {
    drain(&mut source(bytes).unwrap())
}

/// What is wrong with bytes that must be refused or end with an error.
fn complaint(bytes: &[u8]) -> String {
    match source(bytes) {
        Err(error) => {
            assert!(!error.is_damage(), "{error}");
            error.to_string()
        }
        Ok(mut source) => {
            let error = drain(&mut source).1.unwrap();
            assert!(error.is_damage(), "{error}");
            error.to_string()
        }
    }
}

/// One small capture of each format.
static SAMPLES: LazyLock<Vec<(&str, Vec<u8>)>> = LazyLock::new(|| {
    let ng = Ng::new().interface(1, 0, &[]).packet(0, 7, b"abcde").packet(0, 8, b"").turn();
    let ng = ng.section().interface(101, 0, &[(9, &[9])]).packet(0, 9, b"xy").bytes;
    let two_members = [gzip(&simple()[..30]), gzip(&simple()[30..])].concat();
    let two_frames = [zstd(&simple()[..30]), zstd(&simple()[30..])].concat();
    vec![
        ("classic", simple()),
        ("classic, big-endian", classic(0xa1b2_3c4d, 1, true, 16)),
        ("pcapng in gzip", gzip(&ng)),
        ("pcapng", ng),
        ("gzip", two_members),
        ("zstd", two_frames),
    ]
});

#[test]
fn classic_variants_give_the_same_packets() {
    #[rustfmt::skip]
    let cases = [
        ("microseconds",                classic(0xa1b2_c3d4, 1, false, 16),           1_000_002_000, 1),
        ("nanoseconds",                 classic(0xa1b2_3c4d, 1, false, 16),           1_000_000_002, 1),
        ("big-endian microseconds",     classic(0xa1b2_c3d4, 113, true, 16),          1_000_002_000, 113),
        ("big-endian nanoseconds",      classic(0xa1b2_3c4d, 276, true, 16),          1_000_000_002, 276),
        ("modified",                    classic(0xa1b2_cd34, 1, false, 24),           1_000_002_000, 1),
        ("big-endian modified",         classic(0xa1b2_cd34, 1, true, 24),            1_000_002_000, 1),
        ("link type with FCS length",   classic(0xa1b2_c3d4, 0x2400_0001, false, 16), 1_000_002_000, 1),
        ("two gzip members",            [gzip(&simple()[..30]), gzip(&simple()[30..])].concat(), 1_000_002_000, 1),
        ("two zstd frames",             [zstd(&simple()[..30]), zstd(&simple()[30..])].concat(), 1_000_002_000, 1),
        ("zstd after a skippable one", [b"\x5a\x2a\x4d\x18\x03\0\0\0abc", &zstd(&simple())[..]].concat(), 1_000_002_000, 1),
        ("zstd before a skippable one", [&zstd(&simple())[..], b"\x50\x2a\x4d\x18\x00\0\0\0"].concat(), 1_000_002_000, 1),
    ];
    for (name, bytes, time, link_type) in cases {
        let (packets, error) = read(&bytes);
        assert!(error.is_none(), "{name}: {error:?}");
        let expected = [seen(time, link_type, 0, b"abc"), seen(time, link_type, 0, b"defgh")];
        assert_eq!(packets, expected, "{name}");
    }
}

#[test]
fn packets_tell_where_they_lie_and_how_long_they_were() {
    for (name, bytes) in [("classic", simple()), ("pcapng", SAMPLES[3].1.clone())] {
        let mut source = source(&bytes).unwrap();
        while let Some(packet) = source.next_packet().unwrap() {
            let start = usize::try_from(packet.file_offset).unwrap();
            assert_eq!(packet.bytes, &bytes[start..start + packet.bytes.len()], "{name}");
            assert!(packet.original_length >= 9, "{name}");
        }
        assert_eq!(source.position(), u64::try_from(bytes.len()).unwrap(), "{name}");
        assert_eq!(source.name(), "a.pcap", "{name}");
        assert_eq!(source.dropped(), 0, "{name}");
    }
}

#[test]
fn pcapng_features() {
    let offset = 10_i64;
    // Interface 0, 3 drops, time 5, captured and original length 2.
    let old = b"\0\0\x03\0\0\0\0\0\x05\0\0\0\x02\0\0\0\x02\0\0\0ab";
    #[rustfmt::skip]
    let cases = [
        ("no interface, no packet", Ng::new(), vec![]),
        ("own link types", Ng::new().interface(1, 0, &[]).interface(101, 0, &[]).packet(1, 1, b"a").packet(0, 2, b"bcdef"),
            vec![seen(1000, 101, 1, b"a"), seen(2000, 1, 0, b"bcdef")]),
        ("nanoseconds", Ng::new().interface(1, 0, &[(9, &[9])]).packet(0, 1 << 40, b"a"), vec![seen(1 << 40, 1, 0, b"a")]),
        ("2^-10 seconds after a comment", Ng::new().interface(1, 0, &[(1, b"hello"), (9, &[0x8a])]).packet(0, 512, b"a"),
            vec![seen(500_000_000, 1, 0, b"a")]),
        ("offset", Ng::new().interface(1, 0, &[(14, &offset.to_le_bytes())]).packet(0, 1, b"a"), vec![seen(10_000_001_000, 1, 0, b"a")]),
        ("big-endian offset", Ng::big().interface(1, 0, &[(14, &offset.to_be_bytes())]).packet(0, 1, b"a"), vec![seen(10_000_001_000, 1, 0, b"a")]),
        ("sections of either order", Ng::new().interface(1, 0, &[]).interface(1, 0, &[]).packet(0, 1, b"a").turn().section().interface(113, 0, &[]).packet(0, 2, b"b"),
            vec![seen(1000, 1, 0, b"a"), seen(2000, 113, 2, b"b")]),
        ("simple packet, cut by the snap length", Ng::new().interface(1, 2, &[]).block(3, &[9, 0, 0, 0, b'a', b'b']), vec![seen(0, 1, 0, b"ab")]),
        ("simple packet without limit", Ng::new().interface(1, 0, &[]).block(3, &[3, 0, 0, 0, b'a', b'b', b'c']), vec![seen(0, 1, 0, b"abc")]),
        ("obsolete packet block", Ng::new().interface(1, 0, &[]).block(2, old), vec![seen(5000, 1, 0, b"ab")]),
        ("names, statistics, unknown blocks", Ng::new().interface(1, 0, &[]).block(4, &[0; 4]).block(5, &[0; 12]).block(0x0bad_cafe, b"x").packet(0, 1, b"a"),
            vec![seen(1000, 1, 0, b"a")]),
        ("options that are cut off", Ng::new().block(1, &[1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 200, 0]).packet(0, 1, b"a"), vec![seen(1000, 1, 0, b"a")]),
        ("an unknown block larger than memory allows", Ng::new().interface(1, 0, &[]).block(0x99, &vec![0; 17 << 20]).packet(0, 1, b"a"),
            vec![seen(1000, 1, 0, b"a")]),
        ("a packet larger than the buffer", Ng::new().interface(1, 0, &[]).packet(0, 1, &vec![7; 3 << 20]).packet(0, 1, b"a"),
            vec![seen(1000, 1, 0, &vec![7; 3 << 20]), seen(1000, 1, 0, b"a")]),
    ];
    for (name, ng, expected) in cases {
        let mut source = source(&ng.bytes).unwrap();
        let (packets, error) = drain(&mut source);
        assert!(error.is_none(), "{name}: {error:?}");
        assert!(packets == expected, "{name}");
        assert_eq!(source.skipped_blocks(), &SkippedBlocks::default(), "{name}");
    }
}

#[test]
fn damaged_blocks_are_skipped_and_noted() {
    let start = || Ng::new().interface(1, 0, &[]);
    #[rustfmt::skip]
    let cases = [
        ("unknown interface", start().packet(7, 1, b"x"), 52, Damage::UnknownInterface { interface: 7 }),
        ("captured length", start().packet_of(0, 1, 5, b"x"), 52, Damage::CapturedLength { captured: 5, room: 4 }),
        ("huge captured length", start().packet_of(0, 1, u32::MAX, b""), 52, Damage::CapturedLength { captured: u32::MAX, room: 0 }),
        ("short packet block", start().block(6, &[0; 16]), 52, Damage::ShortBlock { block_type: 6 }),
        ("short obsolete packet block", start().block(2, &[]), 52, Damage::ShortBlock { block_type: 2 }),
        ("short simple packet block", start().block(3, &[]), 52, Damage::ShortBlock { block_type: 3 }),
        ("simple packet longer than its block", start().block(3, &[9, 0, 0, 0]), 52, Damage::CapturedLength { captured: 9, room: 0 }),
        ("short statistics", start().block(5, &[0; 8]), 52, Damage::ShortBlock { block_type: 5 }),
        ("short secrets", start().block(10, &[0, 0, 0, 0, 9, 0, 0, 0]), 52, Damage::ShortBlock { block_type: 10 }),
        ("large packet block", start().block(6, &vec![0; 17 << 20]), 52, Damage::LargeBlock { block_type: 6, length: (17 << 20) + 12 }),
    ];
    for (name, ng, offset, damage) in cases {
        let mut source = source(&ng.packet(0, 1, b"a").bytes).unwrap();
        let (packets, error) = drain(&mut source);
        assert!(error.is_none(), "{name}: {error:?}");
        assert_eq!(packets, [seen(1000, 1, 0, b"a")], "{name}");
        let expected = SkippedBlock { offset, after: PacketId(0), damage };
        assert_eq!(source.skipped_blocks().list(), [expected], "{name}");
    }
}

#[test]
fn damaged_interface_keeps_the_numbers_of_the_others() {
    let ng = Ng::new().block(1, &[1, 0, 0, 0]).interface(101, 0, &[]);
    let mut source = source(&ng.packet(0, 1, b"lost").packet(1, 1, b"a").bytes).unwrap();
    assert_eq!(drain(&mut source).0, [seen(1000, 101, 1, b"a")]);
    let faults =
        source.skipped_blocks().list().iter().map(|notice| notice.damage).collect::<Vec<_>>();
    let unknown = Damage::UnknownInterface { interface: 0 };
    assert_eq!(faults, [Damage::ShortBlock { block_type: 1 }, unknown]);
}

#[test]
fn notices_are_bounded() {
    let mut ng = Ng::new();
    for _ in 0..300 {
        ng = ng.packet(0, 1, b"");
    }
    let mut source = source(&ng.bytes).unwrap();
    assert!(drain(&mut source).1.is_none());
    assert_eq!(
        (source.skipped_blocks().list().len(), source.skipped_blocks().omitted()),
        (256, 44)
    );
}

#[test]
fn secrets_and_drops_are_kept() {
    let secrets = [&0x544c_534b_u32.to_le_bytes()[..], &5_u32.to_le_bytes(), b"CLIEN"].concat();
    let mut ng = Ng::new().interface(1, 0, &[]).block(10, &secrets);
    let counters = ng.options(&[(5, &3_u64.to_le_bytes()), (7, &4_u64.to_le_bytes())]);
    ng = ng.block(5, &[&[0; 12][..], &counters].concat());
    let mut source = source(&ng.section().bytes).unwrap();
    assert!(drain(&mut source).1.is_none());
    assert_eq!(source.secrets(), [Secrets { kind: 0x544c_534b, data: b"CLIEN".to_vec() }]);
    assert_eq!(source.dropped(), 7);
}

#[test]
fn other_files_are_refused_in_one_line() {
    let tail = "; expected a pcap or pcapng file";
    #[rustfmt::skip]
    let cases: &[(&str, &[u8], &str)] = &[
        ("empty",             b"",                             "a.pcap is empty, without even the header of a capture; record it again"),
        ("text",              "GET / HTTP/1.1\r\n".as_bytes(), "a.pcap is not a capture: it looks like a text file"),
        ("one letter",        b"x",                            "a.pcap is not a capture: it looks like a text file"),
        ("cut character",     &"é".as_bytes()[..1],            "a.pcap is not a capture: it ends after 1 byte"),
        ("accents",           "{\"naïve\": 1}".as_bytes(),     "a.pcap is not a capture: it looks like a text file"),
        ("noise",             &[0x80, 1, 2, 3, 4, 5, 6, 7, 8], "a.pcap is not a capture: it does not start like one; expected a pcap or pcapng file; if Wireshark opens it, convert it: editcap -F pcapng a.pcap a.pcap.pcapng"),
        ("half a magic",      &[0xd4, 0xc3],                   "a.pcap is not a capture: it ends after 2 bytes"),
        ("half a header",     &simple()[..23],                 "a.pcap is not a capture: it ends after 23 bytes"),
        ("half a section",    &Ng::new().bytes[..27],          "a.pcap is not a capture: it ends after 27 bytes"),
        ("xz",                b"\xfd7zXZ\0\0\0",               "a.pcap is compressed with xz, which is not supported; decompress it: xz -dc a.pcap > a.pcap.pcapng"),
        ("snoop",             b"snoop\0\0\0\0\0\0\x02",        "a.pcap is a Solaris snoop capture, which is not supported; convert it: editcap -F pcapng a.pcap a.pcap.pcapng"),
        ("empty gzip",        &gzip(b""),                      "a.pcap is empty, without even the header of a capture; record it again"),
        ("text in gzip",      &gzip(b"hello"),                 "a.pcap is not a capture: it looks like a text file"),
        ("gzip in zstd",      &zstd(&gzip(&simple())),         "a.pcap is not a capture: it is compressed more than once"),
        ("start of gzip",     &gzip(&simple())[..12],          "a.pcap cannot be decompressed: its gzip data ends too early at byte 12; copy the file again"),
        ("start of zstd",     &zstd(&simple())[..8],           "a.pcap cannot be decompressed: its zstd data ends too early at byte 8; copy the file again"),
        ("bad gzip",          b"\x1f\x8b\x08\0\0\0\0\0\0\0\xff\xff\xff\xff", "a.pcap cannot be decompressed: its gzip data is corrupt at byte 14; copy the file again"),
    ];
    for (name, bytes, expected) in cases {
        let complaint = complaint(bytes);
        assert_eq!(complaint.strip_suffix(tail).unwrap_or(&complaint), *expected, "{name}");
    }
}

#[test]
fn damage_is_reported_after_the_whole_packets() {
    let bytes = simple();
    let mut long = bytes.clone();
    long[24 + 16 + 3 + 8..][..4].copy_from_slice(&(1_u32 << 30).to_le_bytes());
    let ng = SAMPLES[3].1.clone();
    let mut uneven = ng.clone();
    uneven[92 + 4] = 41;
    let mut ends = ng.clone();
    ends[92 + 28] = 0;
    let mut checksum = gzip(&bytes);
    let at = checksum.len() - 8;
    checksum[at] ^= 1;
    let tail = "; only packets before that are read";
    #[rustfmt::skip]
    let cases: &[(&str, &[u8], usize, &str)] = &[
        ("in a packet",         &bytes[..bytes.len() - 2], 1, "cut off in packet 2 at byte 43: 2 more bytes are missing"),
        ("in a packet's header", &bytes[..50],             1, "cut off in packet 2 at byte 43: 9 more bytes are missing"),
        ("absurd length",       &long,                     1, "damaged at byte 43: a packet of 1073741824 bytes is impossible (limit 327680)"),
        ("pcapng in a packet",  &ng[..60],                 0, "cut off in packet 1 at byte 52: 32 more bytes are missing"),
        ("pcapng in a type",    &ng[..54],                 0, "cut off in a block at byte 52: 6 more bytes are missing"),
        ("uneven block",        &uneven,                   1, "damaged at byte 92: a block of 41 bytes is impossible"),
        ("ends of a block",     &ends,                     1, "damaged at byte 92: a block's length is 32 at its start and 0 at its end"),
        ("version of a section", &[&ng[..], b"\x0a\x0d\x0d\x0a\0\0\0\x1c\x1a\x2b\x3c\x4d\0\x02\0\x01\0\0\0\0\0\0\0\0\0\0\0\0"].concat(), 3,
            "damaged at byte 220: a section of the unknown version 2.1"),
        ("order of a section",  &[&ng[..], b"\x0a\x0d\x0d\x0a\0\0\0\x1c\x1a\x2b\x3c\x4e\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0"].concat(), 3,
            "damaged at byte 220: 0x1a2b3c4e is not a byte order mark"),
        ("gzip checksum",       &checksum,                 2, "damaged: its gzip data is corrupt at byte"),
        ("gzip, noise after",  &[gzip(&bytes), vec![7; 99]].concat(), 2, "damaged: its gzip data is corrupt at byte"),
        ("gzip without its end", &gzip(&bytes)[..at + 4],  2, "damaged: its gzip data ends too early at byte"),
        ("zstd without its end", &[zstd(&bytes), zstd(&bytes)[..7].to_vec()].concat(), 2, "damaged: its zstd data ends too early at byte"),
        ("zstd, noise after",  &[zstd(&bytes), vec![7; 99]].concat(), 2, "damaged: its zstd data is corrupt at byte"),
    ];
    for (name, bytes, packets, expected) in cases {
        let (read, error) = read(bytes);
        assert_eq!(read.len(), *packets, "{name}");
        let error = error.unwrap();
        assert!(error.is_damage(), "{name}: {error}");
        let text = error.to_string();
        let inner = text.strip_prefix("a.pcap is ").and_then(|text| text.strip_suffix(tail));
        assert!(inner.is_some_and(|inner| inner.starts_with(expected)), "{name}: {text}");
    }
}

#[test]
fn zstd_cut_short_gives_what_was_decoded() {
    // Each block of zstd holds 128 KiB; the window, which the decoder keeps, is larger.
    let mut bytes = simple();
    for number in 0..20_000_u32 {
        bytes.extend([[1, 0, 0, 0], [0; 4], [20, 0, 0, 0], [20, 0, 0, 0]].concat());
        for step in 1..=5 {
            bytes.extend(
                number
                    .wrapping_mul(0x9e37_79b9)
                    .rotate_left(step)
                    .wrapping_mul(0x85eb_ca6b)
                    .to_le_bytes(),
            );
        }
    }
    let whole = zstd(&bytes);
    let (packets, error) = read(&whole[..whole.len() * 3 / 4]);
    assert!(error.unwrap().to_string().contains("zstd data ends too early"));
    assert!(packets.len() > 9_000, "{} packets", packets.len());
}

/// Gives one byte at a time, as a slow pipe may, with interruptions, and breaks at the end.
struct Slow {
    bytes: io::Cursor<Vec<u8>>,
    calls: usize,
}

impl Read for Slow {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        self.calls += 1;
        if self.calls.is_multiple_of(7) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        match self.bytes.read(&mut target[..1])? {
            0 => Err(io::ErrorKind::ConnectionReset.into()),
            count => Ok(count),
        }
    }
}

#[test]
fn packets_of_a_pipe_come_as_soon_as_they_are_there() {
    for (name, bytes) in SAMPLES.iter() {
        let expected = read(bytes).0;
        let slow = Slow { bytes: io::Cursor::new(bytes.clone()), calls: 0 };
        let (packets, error) = drain(&mut open_stream(Box::new(slow), "pipe").unwrap());
        // A reader that wanted more than the last packet would have met the broken pipe before it.
        assert_eq!(packets, expected, "{name}");
        let error = error.unwrap();
        assert!(matches!(error, Error::Io { .. }) && !error.is_damage(), "{name}: {error}");
    }
}

#[test]
fn files_are_opened_by_content() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("capture.txt"), gzip(&simple())).unwrap();
    let mut source = open(&path("capture.txt")).unwrap();
    assert_eq!(drain(&mut source).0.len(), 2);
    assert_eq!(length(&path("capture.txt")), Some(source.position()));
    assert_eq!(length(&path("nothing")), None);
    let complaint = |name: &str| open(&path(name)).map(|_| ()).unwrap_err().to_string();
    assert!(complaint("nothing").ends_with("nothing: no such file; check the path"));
    assert!(complaint("").ends_with(" is a directory; name a capture file in it"));
}

/// Lines of the sources that name the crate `pcap`, or anything else by that name.
/// Files that are compiled with libpcap only, and this one.
const NAMING_PCAP: [&str; 4] =
    ["live/libpcap.rs", "live/deduplicate.rs", "live/capture_thread.rs", "capture/tests.rs"];

fn naming_pcap(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            naming_pcap(&path, found);
        } else if !NAMING_PCAP.iter().any(|file| path.ends_with(file)) {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            let words = |line: &str| {
                let between = |c: char| !c.is_alphanumeric() && c != '_';
                let names = ["pcap::", "::pcap", "mod pcap", "{pcap", " pcap,"];
                line.split(between).any(|word| word == "pcap")
                    && names.iter().any(|n| line.contains(n))
            };
            found.extend(code.filter(|line| words(line)).map(str::to_owned));
        }
    }
}

#[test]
fn builds_without_libpcap_never_name_its_crate() {
    let mut found = Vec::new();
    naming_pcap(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    found.retain(|line| !line.contains('"'));
    assert!(found.is_empty(), "use ::pcap in {NAMING_PCAP:?} only: {found:?}");
}

#[test]
fn every_prefix_ends_well() {
    for (name, bytes) in SAMPLES.iter() {
        let whole = read(bytes).0;
        for end in 0..bytes.len() {
            let Ok(mut source) = source(&bytes[..end]) else { continue };
            let (packets, _) = drain(&mut source);
            assert!(whole.starts_with(&packets), "{name}, {end} bytes");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        rng_seed: prop::test_runner::RngSeed::Fixed(1),
        failure_persistence: None,
        cases: 1000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn flipped_bytes_never_panic(
        sample in 0..6_usize,
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = SAMPLES[sample].1.clone();
        for (index, value) in flips {
            let index = index.index(bytes.len());
            bytes[index] = value;
        }
        if let Ok(mut source) = source(&bytes) {
            let (packets, _) = drain(&mut source);
            prop_assert!(packets.len() <= bytes.len());
        }
    }

    #[test]
    fn noise_after_a_header_never_panics(sample in 0..6_usize, noise: Vec<u8>, keep in 4..60_usize) {
        let bytes = &SAMPLES[sample].1;
        let bytes = [&bytes[..keep.min(bytes.len())], &noise].concat();
        if let Ok(mut source) = source(&bytes) {
            prop_assert!(drain(&mut source).0.len() <= bytes.len());
        }
    }
}
