//! Formats that are recognized but not read, and the command that makes a capture of each.

use super::compressed;
use super::error::Looks;
use crate::stream::length_u64;
use crate::text::shell::quoted;

/// How to make a capture that can be read of a file in another format.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Remedy {
    /// Wireshark's editcap converts it.
    Convert,
    /// A program writes the decompressed file to its standard output.
    Decompress {
        /// The program and its options.
        program: &'static str,
        /// The usual end of the file's name.
        suffix: &'static str,
    },
    /// A program unpacks the files in it.
    Unpack {
        /// The program and its options.
        program: &'static str,
    },
    /// Wireshark's text2pcap reads the hexadecimal digits.
    ReadHexadecimal,
    /// It has no packets.
    Record,
}

impl Remedy {
    /// What to do about a file, in words that include the command.
    pub(super) fn advice(self, name: &str) -> String {
        if name == STANDARD_INPUT {
            return match self {
                Self::Convert => "convert it: ... | editcap -F pcapng - - | wslens -".to_owned(),
                Self::Decompress { program, .. } => {
                    format!("decompress it: ... | {program} | wslens -")
                }
                Self::Unpack { program } => format!("write it to a file, then {program} FILE"),
                Self::ReadHexadecimal => "convert it: ... | text2pcap - - | wslens -".to_owned(),
                Self::Record => RECORD.to_owned(),
            };
        }
        let file = quoted(name);
        match self {
            Self::Convert => format!("convert it: editcap -F pcapng {file} {}", converted(name)),
            Self::Decompress { program, suffix } => {
                let out = name.strip_suffix(suffix).filter(|stem| !stem.is_empty());
                let out = out.map_or_else(|| converted(name), quoted);
                format!("decompress it: {program} {file} > {out}")
            }
            Self::Unpack { program } => format!("unpack it: {program} {file}"),
            Self::ReadHexadecimal => format!("convert it: text2pcap {file} {}", converted(name)),
            Self::Record => RECORD.to_owned(),
        }
    }
}

/// A format that is recognized but not read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct ForeignFormat {
    /// What it is, with its article.
    pub(super) format: &'static str,
    pub(super) remedy: Remedy,
}

/// Recognizes another format by the first [`SAMPLE_LENGTH`] bytes of a file.
pub(super) fn recognize(first: &[u8]) -> Option<ForeignFormat> {
    let by_magic = FORMATS.iter().find(|(position, magic, ..)| {
        first.get(*position..).is_some_and(|rest| rest.starts_with(magic))
    });
    let by_magic = by_magic.map(|(_, _, format, remedy)| ForeignFormat { format, remedy: *remedy });
    by_magic.or_else(|| by_structure(first))
}

/// Formats without a magic number.
fn by_structure(first: &[u8]) -> Option<ForeignFormat> {
    let text = Text::of(first);
    let (format, remedy) = match text {
        Some(text) if text.is_hexadecimal_dump() => ("a hex dump", Remedy::ReadHexadecimal),
        Some(text) if text.has_line("== dumpstate") => ("an Android bug report", Remedy::Record),
        Some(text) if text.is_har() => ("a HAR file", Remedy::Record),
        Some(text) if text.has_line("date ") && text.has_line("base ") => {
            ("a CAN log (ASC)", Remedy::Convert)
        }
        None if is_erf(first) => ("an Endace ERF capture", Remedy::Convert),
        None if is_pppd(first) => ("a log of pppd", Remedy::Convert),
        Some(_) | None => return None,
    };
    Some(ForeignFormat { format, remedy })
}

/// What bytes of an unknown format look like.
pub(super) fn looks(first: &[u8]) -> Looks {
    if compressed::recognize(first).is_some() {
        Looks::CompressedTwice
    } else if Text::of(first).is_some() {
        Looks::Text
    } else if first.len() < MAGIC_LENGTH {
        Looks::Short { length: length_u64(first.len()) }
    } else {
        Looks::Noise
    }
}

/// The beginning of a file of readable characters.
#[derive(Clone, Copy)]
struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    fn of(sample: &'a [u8]) -> Option<Self> {
        let text = match std::str::from_utf8(sample) {
            Ok(text) => text,
            // The sample may end within a character.
            Err(error) if error.error_len().is_none() => {
                std::str::from_utf8(sample.get(..error.valid_up_to())?).ok()?
            }
            Err(_) => return None,
        };
        let readable = |character: char| !character.is_control() || character.is_ascii_whitespace();
        (!text.is_empty() && text.chars().all(readable)).then_some(Self(text))
    }

    fn has_line(self, start: &str) -> bool {
        self.0.lines().any(|line| line.starts_with(start))
    }

    /// Lines of an offset and bytes, as of `hexdump -C`, `xxd` (apart from its grouping) and `tcpdump -x`.
    fn is_hexadecimal_dump(self) -> bool {
        let is_hex = |word: &str| word.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_dump = |line: &str| {
            let mut words = line.split_ascii_whitespace();
            let offset = words.next().unwrap_or_default();
            let offset = offset.trim_start_matches("0x").trim_end_matches(':');
            let bytes = words.by_ref().take(4).filter(|word| matches!(word.len(), 2 | 4));
            offset.len() >= 4 && is_hex(offset) && bytes.filter(|word| is_hex(word)).count() >= 4
        };
        self.0.lines().filter(|line| is_dump(line)).count() >= 2
    }

    /// The HTTP Archive format: one JSON object whose only member is `log`.
    fn is_har(self) -> bool {
        let mut start = self.0.trim_start_matches('\u{feff}').to_owned();
        start.retain(|character| !character.is_ascii_whitespace());
        start.starts_with("{\"log\":{")
    }
}

/// Two records of an ERF file: a time, a type and a length that leads to the next one.
fn is_erf(first: &[u8]) -> bool {
    let record = |at: usize| {
        let head = first.get(at..)?.first_chunk::<16>()?;
        let (time, rest) = head.split_first_chunk::<8>()?;
        let &[kind, _, high, low, ..] = rest else { return None };
        let seconds = u64::from_le_bytes(*time) >> 32;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let known = ERF_TYPES.contains(&(kind & ERF_TYPE));
        (known && PLAUSIBLE_SECONDS.contains(&seconds) && length >= head.len())
            .then_some((seconds, at.saturating_add(length)))
    };
    let Some((time, next)) = record(0) else { return false };
    record(next).is_some_and(|(later, _)| later.abs_diff(time) < DAY)
}

/// pppd's log starts with a record of the time, after which another record follows.
fn is_pppd(first: &[u8]) -> bool {
    let Some(&[7, a, b, c, d, next]) = first.first_chunk::<6>() else { return false };
    let seconds = u64::from(u32::from_be_bytes([a, b, c, d]));
    PLAUSIBLE_SECONDS.contains(&seconds) && matches!(next, 1..=7)
}

/// The name of a converted file.
fn converted(name: &str) -> String {
    quoted(&format!("{name}.pcapng"))
}

/// The name of standard input in messages.
pub(super) const STANDARD_INPUT: &str = "standard input";

/// Bytes examined to recognize a format.
pub(super) const SAMPLE_LENGTH: usize = 4096;

/// Bytes of the magic number of captures.
const MAGIC_LENGTH: usize = 4;

/// What to do about a file without packets.
const RECORD: &str =
    "it has no network packets: record some, for example tcpdump -i any -w feed.pcap";

/// The upper bit of an ERF record's type announces extension headers.
const ERF_TYPE: u8 = 0x7f;

/// ERF's types of records.
const ERF_TYPES: std::ops::RangeInclusive<u8> = 1..=48;

/// Seconds since 1970: from 1990 to 2100.
const PLAUSIBLE_SECONDS: std::ops::Range<u64> = 631_152_000..4_102_444_800;

/// In seconds.
const DAY: u64 = 86_400;

/// Other formats: position and bytes of their magic number, their name, and what to do.
///
/// The magic numbers are those of Wireshark's wiretap library and of file(1).
#[rustfmt::skip]
const FORMATS: &[(usize, &[u8], &str, Remedy)] = &[
    (0, b"\xfd7zXZ\0",               "compressed with xz",             Remedy::Decompress { program: "xz -dc", suffix: ".xz" }),
    (0, b"BZh",                       "compressed with bzip2",          Remedy::Decompress { program: "bzip2 -dc", suffix: ".bz2" }),
    (0, b"\x04\x22\x4d\x18",          "compressed with lz4",            Remedy::Decompress { program: "lz4 -dc", suffix: ".lz4" }),
    (0, b"\x02\x21\x4c\x18",          "compressed with lz4",            Remedy::Decompress { program: "lz4 -dc", suffix: ".lz4" }),
    (0, b"LZIP",                      "compressed with lzip",           Remedy::Decompress { program: "lzip -dc", suffix: ".lz" }),
    (0, b"\x5d\0\0",                 "compressed with lzma",           Remedy::Decompress { program: "xz --format=lzma -dc", suffix: ".lzma" }),
    (0, b"\x89LZO\0\r\n\x1a\n",       "compressed with lzop",           Remedy::Decompress { program: "lzop -dc", suffix: ".lzo" }),
    (0, b"\x1f\x9d",                  "compressed with compress",       Remedy::Decompress { program: "gzip -dc", suffix: ".Z" }),
    (0, b"\xff\x06\0\0sNaPpY",        "compressed with Snappy",         Remedy::Decompress { program: "snzip -dc", suffix: ".sz" }),
    (0, b"PK\x03\x04",                "a zip archive",                  Remedy::Unpack { program: "unzip" }),
    (0, b"7z\xbc\xaf\x27\x1c",        "a 7-Zip archive",                Remedy::Unpack { program: "7z x" }),
    (0, b"Rar!\x1a\x07",              "a RAR archive",                  Remedy::Unpack { program: "unrar x" }),
    (257, b"ustar",                   "a tar archive",                  Remedy::Unpack { program: "tar -xf" }),
    (0, b"snoop\0\0\0",              "a Solaris snoop capture",        Remedy::Convert),
    (0, b"GMBU",                      "a Network Monitor capture",      Remedy::Convert),
    (0, b"RTSS",                      "a Network Monitor capture",      Remedy::Convert),
    (0, b"XCP\0",                     "a NetXRay capture",              Remedy::Convert),
    (0, b"TRSNIFF data    \x1a",      "a Sniffer capture",              Remedy::Convert),
    (0, b"iptrace 1.0",               "an AIX iptrace capture",         Remedy::Convert),
    (0, b"iptrace 2.0",               "an AIX iptrace capture",         Remedy::Convert),
    (0, b"+---------+---------------+", "a K12 text capture",           Remedy::Convert),
    (0, b"\0\0\x02\0\x12\x05\0\x10",  "a K12 capture",                  Remedy::Convert),
    (0, b"ObserverPktBuffer",         "an Observer capture",            Remedy::Convert),
    (0, b"\x05VNF",                   "a Visual Networks capture",      Remedy::Convert),
    (0, b"\xaa\xaa\xaa\xaa",          "a 5Views capture",               Remedy::Convert),
    (0, b"\x01\x10\x4c\0",            "a LANalyzer capture",            Remedy::Convert),
    (0, b"\x42\xd2\x00\x34\x12\x66\x22\x88", "a RADCOM capture",         Remedy::Convert),
    (0, b"TR\0\x64\0",                "an HP-UX nettl trace",           Remedy::Convert),
    (0, b"\x7fver",                   "a Peek capture",                 Remedy::Convert),
    (0, b"EyeSDN",                    "an EyeSDN trace",                Remedy::Convert),
    (0, b"btsnoop\0",                 "a Bluetooth capture",            Remedy::Convert),
    (0, b"LOGG",                      "a Vector BLF log",               Remedy::Convert),
    (0, b"\xa1\xb2\x34\xcd",          "a pcap file of a variant",       Remedy::Convert),
    (0, b"\xcd\x34\xb2\xa1",          "a pcap file of a variant",       Remedy::Convert),
    (0, b"\xa1\x2b\x3c\x4d",          "a pcap file of a variant",       Remedy::Convert),
    (0, b"\x4d\x3c\x2b\xa1",          "a pcap file of a variant",       Remedy::Convert),
    (0, b"\x1c\0\x01\xac",            "a pcap file of a variant",       Remedy::Convert),
    (0, b"\xac\x01\0\x1c",            "a pcap file of a variant",       Remedy::Convert),
    (0, b"\x1c\0\x01\xab",            "a pcap file of a variant",       Remedy::Convert),
    (0, b"\xab\x01\0\x1c",            "a pcap file of a variant",       Remedy::Convert),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// An ERF record of Ethernet with so many bytes.
    fn erf(seconds: u32, length: u16) -> Vec<u8> {
        let mut record = [[0; 4], seconds.to_le_bytes()].concat();
        record.extend([2, 4]);
        record.extend(length.to_be_bytes());
        record.resize(usize::from(length), 0);
        record
    }

    fn tar() -> Vec<u8> {
        let mut bytes = vec![0; 512];
        bytes[..6].copy_from_slice(b"a.pcap");
        bytes[257..262].copy_from_slice(b"ustar");
        bytes
    }

    /// What is said of a file of these bytes, with this name.
    fn words(name: &str, bytes: &[u8]) -> Option<String> {
        recognize(bytes).map(|it| format!("{}; {}", it.format, it.remedy.advice(name)))
    }

    #[test]
    fn commands_name_the_file() {
        #[rustfmt::skip]
        let cases: &[(&str, &[u8], &str)] = &[
            ("a.pcap.xz",     b"\xfd7zXZ\0\0\0",    "compressed with xz; decompress it: xz -dc a.pcap.xz > a.pcap"),
            ("a.pcap",        b"BZh91AY&SY",       "compressed with bzip2; decompress it: bzip2 -dc a.pcap > a.pcap.pcapng"),
            ("my a.lz4",      b"\x04\x22\x4d\x18d", "compressed with lz4; decompress it: lz4 -dc 'my a.lz4' > 'my a'"),
            ("a.zip",         b"PK\x03\x04\x14\0",  "a zip archive; unpack it: unzip a.zip"),
            ("a.tar",         &tar(),              "a tar archive; unpack it: tar -xf a.tar"),
            ("a.snoop",       b"snoop\0\0\0\0\0",  "a Solaris snoop capture; convert it: editcap -F pcapng a.snoop a.snoop.pcapng"),
            ("a.cap",         b"GMBU\0\x02",       "a Network Monitor capture; convert it: editcap -F pcapng a.cap a.cap.pcapng"),
            ("a.erf",         &[erf(1_700_000_000, 80), erf(1_700_000_001, 64)].concat(), "an Endace ERF capture; convert it: editcap -F pcapng a.erf a.erf.pcapng"),
            ("ppp.log",       b"\x07\x65\x53\xf1\0\x01\0\x02~~", "a log of pppd; convert it: editcap -F pcapng ppp.log ppp.log.pcapng"),
            ("a.iptrace",     b"iptrace 2.0\0\0",   "an AIX iptrace capture; convert it: editcap -F pcapng a.iptrace a.iptrace.pcapng"),
            ("a.k12",         b"+---------+---------------+----------+\r\n", "a K12 text capture; convert it: editcap -F pcapng a.k12 a.k12.pcapng"),
            ("a.blf",         b"LOGG\x90\0\0\0",     "a Vector BLF log; convert it: editcap -F pcapng a.blf a.blf.pcapng"),
            ("dump.txt",      b"0000  45 00 00 3c 1c 46\n0010  0a 0a 0a 0a 0b 0b\n", "a hex dump; convert it: text2pcap dump.txt dump.txt.pcapng"),
            ("dump.txt",      b"10:00:00 IP a > b\n\t0x0000:  4500 003c 1c46 4000\n\t0x0010:  4006 b1e6 ac10 0a63\n", "a hex dump; convert it: text2pcap dump.txt dump.txt.pcapng"),
            ("site.har",      b"\xef\xbb\xbf{\n  \"log\": {\n \"version\": \"1.2\"", "a HAR file; it has no network packets: record some, for example tcpdump -i any -w feed.pcap"),
            ("bugreport.txt", b"=====\n== dumpstate: 2024-05-01 10:00:00\n=====\n", "an Android bug report; it has no network packets: record some, for example tcpdump -i any -w feed.pcap"),
            (STANDARD_INPUT,  b"\xfd7zXZ\0\0\0",    "compressed with xz; decompress it: ... | xz -dc | wslens -"),
            (STANDARD_INPUT,  b"snoop\0\0\0\0\0",  "a Solaris snoop capture; convert it: ... | editcap -F pcapng - - | wslens -"),
        ];
        for (name, bytes, expected) in cases {
            assert_eq!(words(name, bytes).as_deref(), Some(*expected));
        }
    }

    #[test]
    fn other_files_are_not_mistaken_for_captures() {
        #[rustfmt::skip]
        let cases: &[(&str, Vec<u8>)] = &[
            ("prose",                 b"Added in 2024: ab cd ef\nand more text".to_vec()),
            ("JSON",                  b"{\"logs\": []}".to_vec()),
            ("one record of ERF",     erf(1_700_000_000, 80)),
            ("two of other times",    [erf(1_700_000_000, 80), erf(1_800_000_000, 64)].concat()),
            ("a bell",                b"\x07\0\0\0\0\x01".to_vec()),
            ("nothing",               Vec::new()),
        ];
        for (name, bytes) in cases {
            assert_eq!(words("a", bytes), None, "{name}");
        }
    }
}
