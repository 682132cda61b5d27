//! DNS messages (RFC 1035), as far as they contain the addresses of a name.
//!
//! Multicast DNS (RFC 6762) and LLMNR (RFC 4795) have the same form.

use std::net::IpAddr;

use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u16, be_u32};
use nom::{IResult, Parser};

use super::Endpoint;

/// A DNS message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DnsMessage {
    /// Who sent it.
    pub source: Endpoint,
    /// To whom.
    pub destination: Endpoint,
    /// The number that an answer has in common with its question; 0 in multicast DNS.
    pub id: u16,
    /// Whether it is a query or a response.
    pub role: DnsRole,
    /// The response code (RCODE); 0 in a query.
    pub code: DnsCode,
    /// The first question.
    pub question: Option<DnsQuestion>,
    /// The addresses among the answers, at most 64 of them.
    pub addresses: Vec<DnsAddress>,
    /// Whether the response did not fit into a datagram, and must be requested over TCP.
    pub truncated: DnsExtent,
}

/// Whether a message is a query or a response.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DnsRole {
    /// A query.
    Question,
    /// A response.
    Answer,
}

/// Whether a message is complete.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DnsExtent {
    /// It is complete.
    Whole,
    /// The TC bit is set (RFC 1035 §4.1.1).
    Truncated,
}

/// A response code (RFC 1035 §4.1.1, RCODE).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct DnsCode(pub u8);

impl DnsCode {
    /// No error.
    pub const NO_ERROR: Self = Self(0);
    /// The server failed.
    pub const SERVER_FAILURE: Self = Self(2);
    /// The name does not exist.
    pub const NO_SUCH_NAME: Self = Self(3);
    /// The server refuses to answer.
    pub const REFUSED: Self = Self(5);

    /// The name in IANA's registry, if it is a well-known one.
    pub fn name(self) -> Option<&'static str> {
        let names = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"];
        names.get(usize::from(self.0)).copied()
    }
}

/// A question.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DnsQuestion {
    /// The name, in lower case and without the final dot. Bytes that are not printable ASCII are
    /// written as `\DDD` (RFC 1035 §5.1).
    pub name: String,
    /// The requested type of records.
    pub kind: DnsKind,
}

/// A type of records (RFC 1035 §3.2.2).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct DnsKind(pub u16);

impl DnsKind {
    /// IPv4 addresses.
    pub const A: Self = Self(1);
    /// IPv6 addresses (RFC 3596).
    pub const AAAA: Self = Self(28);

    /// Whether it requests addresses.
    pub fn is_address(self) -> bool {
        self == Self::A || self == Self::AAAA
    }
}

/// An address of a name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DnsAddress {
    /// The name, in the form of a question's; after an alias (CNAME) not the requested one.
    pub name: String,
    /// The address.
    pub address: IpAddr,
}

/// Parses a DNS message, as far as it was captured; `None` if it is not one.
pub(super) fn message(source: Endpoint, destination: Endpoint, bytes: &[u8]) -> Option<DnsMessage> {
    let (rest, header) = header(bytes).ok()?;
    let mut message = DnsMessage {
        source,
        destination,
        id: header.id,
        role: if header.flags & RESPONSE == 0 { DnsRole::Question } else { DnsRole::Answer },
        code: DnsCode(header.flags.to_be_bytes()[1] & CODE_BITS),
        question: None,
        addresses: Vec::new(),
        truncated: if header.flags & TRUNCATED == 0 {
            DnsExtent::Whole
        } else {
            DnsExtent::Truncated
        },
    };
    let is_query = header.flags & OPCODE_BITS == 0;
    if !is_query || header.questions > MOST_QUESTIONS {
        return None;
    }
    let mut rest = rest;
    for _ in 0..header.questions {
        let (after, question) = question(bytes, rest)?;
        message.question.get_or_insert(question);
        rest = after;
    }
    for _ in 0..header.answers {
        // What was not captured, or makes no sense, ends the list.
        let Some((after, address)) = record(bytes, rest) else { break };
        message.addresses.extend(address);
        if message.addresses.len() >= MOST_ADDRESSES {
            break;
        }
        rest = after;
    }
    Some(message)
}

/// The counts of authorities and additional records are skipped.
struct Header {
    id: u16,
    flags: u16,
    questions: u16,
    answers: u16,
}

/// RFC 1035 §4.1.1.
fn header(bytes: &[u8]) -> IResult<&[u8], Header> {
    let (rest, (id, flags, questions, answers, _, _)) =
        (be_u16, be_u16, be_u16, be_u16, be_u16, be_u16).parse(bytes)?;
    Ok((rest, Header { id, flags, questions, answers }))
}

/// RFC 1035 §4.1.2.
fn question<'a>(whole: &'a [u8], bytes: &'a [u8]) -> Option<(&'a [u8], DnsQuestion)> {
    let (rest, name) = name(whole, bytes)?;
    let (rest, (kind, _)) = pair(rest).ok()?;
    Some((rest, DnsQuestion { name, kind: DnsKind(kind) }))
}

/// RFC 1035 §4.1.3; the address if it is one.
fn record<'a>(whole: &'a [u8], bytes: &'a [u8]) -> Option<(&'a [u8], Option<DnsAddress>)> {
    let (rest, name) = name(whole, bytes)?;
    let (rest, (kind, _)) = pair(rest).ok()?;
    let (rest, (_, length)) = lifetime_and_length(rest).ok()?;
    let (rest, data) = data(rest, length).ok()?;
    let address = match (DnsKind(kind), data.len()) {
        (DnsKind::A, 4) => data.first_chunk::<4>().map(|octets| IpAddr::from(*octets)),
        (DnsKind::AAAA, 16) => data.first_chunk::<16>().map(|octets| IpAddr::from(*octets)),
        _ => None,
    };
    Some((rest, address.map(|address| DnsAddress { name, address })))
}

fn pair(bytes: &[u8]) -> IResult<&[u8], (u16, u16)> {
    (be_u16, be_u16).parse(bytes)
}

fn lifetime_and_length(bytes: &[u8]) -> IResult<&[u8], (u32, u16)> {
    (be_u32, be_u16).parse(bytes)
}

fn data(bytes: &[u8], length: u16) -> IResult<&[u8], &[u8]> {
    take(length).parse(bytes)
}

/// Reads a name, following pointers into the whole message (RFC 1035 §4.1.4).
///
/// A pointer that does not point before its own name ends the parsing, so that no message causes a
/// loop.
fn name<'a>(whole: &'a [u8], bytes: &'a [u8]) -> Option<(&'a [u8], String)> {
    let mut text = String::new();
    let mut at = bytes;
    let mut after: Option<&[u8]> = None;
    let mut earliest = whole.len().saturating_sub(bytes.len());
    loop {
        let (rest, length) = byte(at).ok()?;
        match length {
            0 => return Some((after.unwrap_or(rest), text)),
            1..=LONGEST_LABEL => {
                let (rest, label) = data(rest, u16::from(length)).ok()?;
                if text.len() > LONGEST_NAME {
                    return None;
                }
                write_label(&mut text, label);
                at = rest;
            }
            POINTER.. => {
                let (rest, low) = byte(rest).ok()?;
                let target = usize::from(u16::from_be_bytes([length & !POINTER, low]));
                if target >= earliest {
                    return None;
                }
                earliest = target;
                after = after.or(Some(rest));
                at = whole.get(target..)?;
            }
            _ => return None,
        }
    }
}

fn byte(bytes: &[u8]) -> IResult<&[u8], u8> {
    be_u8.parse(bytes)
}

/// Appends a label in readable form.
fn write_label(text: &mut String, label: &[u8]) {
    if !text.is_empty() {
        text.push('.');
    }
    for byte in label {
        match byte {
            b'.' | b'\\' => text.extend(['\\', char::from(*byte)]),
            b'!'..=b'~' => text.push(char::from(byte.to_ascii_lowercase())),
            _ => {
                let digits = [byte / 100, byte / 10 % 10, byte % 10];
                text.push('\\');
                text.extend(digits.map(|digit| char::from(b'0' + digit)));
            }
        }
    }
}

/// Bit of the flags: a response.
const RESPONSE: u16 = 0x8000;

/// Bits of the flags: what kind of request it is; 0 for a query.
const OPCODE_BITS: u16 = 0x7800;

/// Bit of the flags: truncated.
const TRUNCATED: u16 = 0x0200;

/// Bits of the second byte of the flags: the response code.
const CODE_BITS: u8 = 0x0f;

/// Bytes of a label (RFC 1035 §2.3.4).
const LONGEST_LABEL: u8 = 63;

/// Bytes of a name (RFC 1035 §2.3.4); in its readable form it may have some more.
const LONGEST_NAME: usize = 255;

/// The first two bits of a pointer.
const POINTER: u8 = 0xc0;

/// More questions than this are not DNS; nearly all messages have one, multicast DNS has several.
const MOST_QUESTIONS: u16 = 64;

/// Addresses that are read from one message.
const MOST_ADDRESSES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> Endpoint {
        let address: std::net::SocketAddr = text.parse().unwrap();
        Endpoint::new(address.ip(), address.port())
    }

    fn read(bytes: &[u8]) -> Option<DnsMessage> {
        message(endpoint("10.0.0.53:53"), endpoint("10.0.0.1:40000"), bytes)
    }

    /// The question of RFC 1035 §4.1.4's neighborhood: `f.isi.arpa`, type A, class IN.
    const QUESTION: &[u8] = b"\x01F\x03ISI\x04ARPA\0\0\x01\0\x01";

    fn join(parts: &[&[u8]]) -> Vec<u8> {
        parts.concat()
    }

    #[test]
    fn questions_and_answers_are_read() {
        let question = join(&[b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0", QUESTION]);
        let asked = read(&question).unwrap();
        let expected = DnsQuestion { name: "f.isi.arpa".to_owned(), kind: DnsKind::A };
        assert_eq!((asked.id, asked.role), (0x1234, DnsRole::Question));
        assert_eq!(asked.question, Some(expected));

        let answer = join(&[
            b"\x12\x34\x85\x80\0\x01\0\x03\0\0\0\0",
            QUESTION,
            // An alias, and two addresses after it; 12 is the position of the question's name.
            b"\xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x04\x01b\xc0\x0e",
            b"\x01b\xc0\x0e\0\x01\0\x01\0\0\0\x3c\0\x04\x0a\0\0\x02",
            b"\xc0\x0c\0\x1c\0\x01\0\0\0\x3c\0\x10\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02",
        ]);
        let told = read(&answer).unwrap();
        assert_eq!((told.role, told.code), (DnsRole::Answer, DnsCode::NO_ERROR));
        let found: Vec<(&str, String)> =
            told.addresses.iter().map(|it| (it.name.as_str(), it.address.to_string())).collect();
        let expected =
            [("b.isi.arpa", "10.0.0.2".to_owned()), ("f.isi.arpa", "fd00::2".to_owned())];
        assert_eq!(found, expected);
    }

    #[test]
    fn failures_have_the_names_of_the_registry() {
        for (code, expected) in
            [(0, Some("NOERROR")), (2, Some("SERVFAIL")), (3, Some("NXDOMAIN")), (11, None)]
        {
            let bytes = join(&[&[0, 1, 0x81, 0x80 | code, 0, 1, 0, 0, 0, 0, 0, 0], QUESTION]);
            assert_eq!(read(&bytes).and_then(|message| message.code.name()), expected);
        }
    }

    #[test]
    fn names_are_harmless_text() {
        #[rustfmt::skip]
        let rows: &[(&str, &[u8], Option<&str>)] = &[
            ("root",                       b"\0",                    Some("")),
            ("letters in lower case",      b"\x02Ab\x01C\0",         Some("ab.c")),
            ("bytes of a terminal",        b"\x03\x1b[m\0",          Some("\\027[m")),
            ("a dot within a label",       b"\x03a.b\0",             Some("a\\.b")),
            ("a pointer to itself",        b"\xc0\x0c",              None),
            ("a pointer onwards",          b"\xc0\x0e\x01a\0",       None),
            ("a loop of two",              b"\x01a\xc0\x0c",         None),
            ("a pointer out of the message", b"\xff\xff",            None),
            ("a label of a reserved kind", b"\x40a\0",               None),
            ("cut within a label",         b"\x05abc",               None),
            ("cut before its end",         b"\x03abc",               None),
        ];
        for (title, bytes, expected) in rows {
            let whole = join(&[&[0; 12], bytes]);
            let found = name(&whole, &whole[12..]).map(|(_, name)| name);
            assert_eq!(found.as_deref(), *expected, "{title}");
        }
    }

    #[test]
    fn other_questions_are_ignored() {
        #[rustfmt::skip]
        let rows: &[(&str, &[u8])] = &[
            ("nothing",              b""),
            ("a header cut",         b"\0\x01\x01\0\0\x01"),
            ("an update",            b"\0\x01\x28\0\0\0\0\0\0\0\0\0"),
            ("questions by the thousand", b"\0\x01\x01\0\xff\xff\0\0\0\0\0\0"),
        ];
        for (title, bytes) in rows {
            assert_eq!(read(bytes), None, "{title}");
        }
    }

    #[test]
    fn damaged_messages_never_panic() {
        let record = b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x0a\0\0\x02";
        let whole = join(&[b"\x12\x34\x85\x80\0\x01\0\x02\0\0\0\0", QUESTION, record, record]);
        for at in 0..whole.len() {
            for value in 0..=u8::MAX {
                let mut bytes = whole.clone();
                bytes[at] = value;
                for length in [at, whole.len()] {
                    let names = read(&bytes[..length]).into_iter().flat_map(|it| it.addresses);
                    assert!(names.map(|it| it.name.len()).max().unwrap_or(0) <= 4 * LONGEST_NAME);
                }
            }
        }
    }
}
