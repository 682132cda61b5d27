//! The header of a record.

use nom::IResult;
use nom::Parser;
use nom::number::streaming::{be_u8, be_u16};

use super::version::Version;

/// The header of a record, as on the wire (RFC 8446 §5.1, RFC 5246 §6.2.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct RecordHeader {
    pub(super) kind: ContentType,
    /// The version that the record claims; TLS 1.3 pretends to be 1.2 or older here.
    pub(super) version: Version,
    /// Bytes after the header.
    pub(super) length: u16,
}

impl RecordHeader {
    /// The header as it was sent.
    pub(super) fn to_wire(self) -> [u8; HEADER_LENGTH] {
        let [[major, minor], [high, low]] =
            [self.version.0.to_be_bytes(), self.length.to_be_bytes()];
        [self.kind.to_wire(), major, minor, high, low]
    }
}

/// The content type that a record declares. In TLS 1.3 all encrypted records are application data.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ContentType {
    /// 20: from here on its sender encrypts; without meaning in TLS 1.3.
    ChangeCipherSpec,
    /// 21: an alert.
    Alert,
    /// 22: messages of the handshake.
    Handshake,
    /// 23: application data, and in TLS 1.3 whatever is encrypted.
    ApplicationData,
    /// 24: a heartbeat (RFC 6520).
    Heartbeat,
}

impl ContentType {
    /// The number of the type.
    fn to_wire(self) -> u8 {
        match self {
            Self::ChangeCipherSpec => 20,
            Self::Alert => 21,
            Self::Handshake => HANDSHAKE,
            Self::ApplicationData => 23,
            Self::Heartbeat => 24,
        }
    }

    pub(super) fn from_wire(byte: u8) -> Option<Self> {
        Some(match byte {
            20 => Self::ChangeCipherSpec,
            21 => Self::Alert,
            22 => Self::Handshake,
            23 => Self::ApplicationData,
            24 => Self::Heartbeat,
            _ => return None,
        })
    }
}

/// What the bytes are at a position where a record should begin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Header {
    Whole(RecordHeader),
    /// The beginning of one, perhaps.
    Short,
    /// No record begins so.
    Foreign,
}

/// Reads the header of a record.
pub(super) fn header(bytes: &[u8]) -> Header {
    match bytes {
        [] => Header::Short,
        [first, ..] if ContentType::from_wire(*first).is_none() => Header::Foreign,
        [_, major, ..] if *major != MAJOR => Header::Foreign,
        _ => match fields(bytes) {
            Ok((_, (kind, version, length))) => match ContentType::from_wire(kind) {
                Some(kind) if length <= MAX_CIPHERTEXT => {
                    Header::Whole(RecordHeader { kind, version: Version(version), length })
                }
                Some(_) | None => Header::Foreign,
            },
            Err(_) => Header::Short,
        },
    }
}

/// Whether bytes begin with the header of a record.
pub fn begins_record(bytes: &[u8]) -> bool {
    matches!(header(bytes), Header::Whole(header) if header.version <= Version::TLS_1_3)
}

/// Whether bytes are the beginning of a record's header, and too few to be sure.
pub fn may_begin_record(bytes: &[u8]) -> bool {
    !bytes.is_empty() && header(bytes) == Header::Short
}

/// Whether bytes begin with a record that begins with a `ClientHello` (RFC 8446 §4.1.2).
pub fn is_client_hello(bytes: &[u8]) -> bool {
    begins_record(bytes)
        && bytes.first() == Some(&HANDSHAKE)
        && bytes.get(HEADER_LENGTH) == Some(&super::message::CLIENT_HELLO)
}

fn fields(input: &[u8]) -> IResult<&[u8], (u8, u16, u16)> {
    (be_u8, be_u16, be_u16).parse(input)
}

/// Bytes of a header.
pub(super) const HEADER_LENGTH: usize = 5;

/// The content type of messages of the handshake.
const HANDSHAKE: u8 = 22;

/// The first byte of all versions.
const MAJOR: u8 = 3;

/// The longest record: 2^14 bytes of content and 2048 that encryption adds (RFC 5246 §6.2.3).
const MAX_CIPHERTEXT: u16 = (1 << 14) + 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_or_refused() {
        let whole = |kind, version, length| {
            Header::Whole(RecordHeader { kind, version: Version(version), length })
        };
        let rows: [(&str, &[u8], Header); 9] = [
            ("handshake", b"\x16\x03\x01\x02\x00", whole(ContentType::Handshake, 0x0301, 512)),
            ("alert", b"\x15\x03\x03\x00\x02\x02\x46", whole(ContentType::Alert, 0x0303, 2)),
            (
                "largest",
                b"\x17\x03\x03\x48\x00",
                whole(ContentType::ApplicationData, 0x0303, 18_432),
            ),
            ("too large", b"\x17\x03\x03\x48\x01", Header::Foreign),
            ("nothing", b"", Header::Short),
            ("beginning", b"\x16\x03\x01", Header::Short),
            ("text", b"H", Header::Foreign),
            ("other version", b"\x16\x02", Header::Foreign),
            ("other type", b"\x19\x03\x03\x00\x00", Header::Foreign),
        ];
        for (name, bytes, expected) in rows {
            assert_eq!(header(bytes), expected, "{name}");
        }
    }

    #[test]
    fn client_hellos_are_known_by_their_first_bytes() {
        assert!(is_client_hello(b"\x16\x03\x01\x01\x00\x01\x00\x00\xfc"));
        assert!(!is_client_hello(b"\x16\x03\x03\x01\x00\x02\x00\x00\xfc"), "a ServerHello");
        assert!(!is_client_hello(b"\x17\x03\x03\x01\x00\x01"), "encrypted");
        assert!(!is_client_hello(b"\x16\x03\x01\x01\x00"), "too short");
    }
}
