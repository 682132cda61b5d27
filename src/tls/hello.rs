//! The first message of each side.

use nom::IResult;
use nom::Parser;
use nom::bytes::complete::take;
use nom::combinator::{opt, rest};
use nom::multi::length_data;
use nom::number::complete::{be_u8, be_u16, be_u32};

use super::resumption::ticket_name;
use super::version::{Version, is_grease};

/// What a client offers (RFC 8446 §4.1.2, RFC 5246 §7.4.1.2).
///
/// Values that only test the peer (GREASE, RFC 8701) are left out.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ClientHello {
    /// The version in the fixed part; TLS 1.3 puts 1.2 there.
    pub legacy_version: Version,
    /// Chosen at random; key logs find a connection by it.
    pub random: [u8; 32],
    /// How many cipher suites it offers.
    pub suites: u16,
    /// The versions in the extension `supported_versions`, in the client's order; at most [`MOST_LISTED`].
    pub versions: Vec<Version>,
    /// The requested server name (SNI, RFC 6066 §3).
    pub server_name: Option<Vec<u8>>,
    /// The application protocols that it offers (ALPN, RFC 7301); at most [`MOST_LISTED`].
    pub protocols: Vec<Vec<u8>>,
    /// Whether it may send application data before the server has answered (RFC 8446 §4.2.10).
    pub early_data: bool,
    /// The session that it wants to resume, or a random name for one that it has a ticket of.
    pub session_id: Vec<u8>,
    /// The name of the ticket of a session that it wants to resume (RFC 5077 §3.2).
    pub ticket: Option<Vec<u8>>,
}

/// What a server chose (RFC 8446 §4.1.3, RFC 5246 §7.4.1.3).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ServerHello {
    /// The negotiated version: that of the extension `supported_versions`, if present.
    pub version: Version,
    /// The cipher suite.
    pub suite: u16,
    /// The application protocol (ALPN), if unencrypted: not in TLS 1.3.
    pub protocol: Option<Vec<u8>>,
    /// Whether it requests another `ClientHello` (a `HelloRetryRequest`, RFC 8446 §4.1.4).
    pub retry: bool,
    /// Whether it chose a key that both sides had before, so that no certificate is sent (RFC 8446
    /// §2.2). Sessions of TLS 1.2 and older are resumed without saying so.
    pub resumed: bool,
    /// Chosen at random; keys of TLS 1.2 depend on it.
    pub random: [u8; 32],
    /// Whether blocks are encrypted before they are authenticated (RFC 7366).
    pub encrypts_then_macs: bool,
    /// The name of the session: that of the client if it is resumed.
    pub session_id: Vec<u8>,
}

/// What a server agreed to after its `ServerHello` (`EncryptedExtensions`, RFC 8446 §4.3.1).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct EncryptedExtensions {
    /// The application protocol (ALPN).
    pub(super) protocol: Option<Vec<u8>>,
    /// Whether it accepts what the client sent before it had answered.
    pub(super) early_data: bool,
}

impl EncryptedExtensions {
    /// Parses the body of the message.
    pub(super) fn parse(body: &[u8]) -> Self {
        let mut found = Self::default();
        let content = vector16(body).map_or(&[][..], |(_, content)| content);
        for (kind, content) in Extensions(content) {
            match kind {
                ALPN => found.protocol = protocols(content).into_iter().next(),
                EARLY_DATA => found.early_data = true,
                _ => {}
            }
        }
        found
    }
}

impl ClientHello {
    /// Parses the body of the message; `None` if it is malformed.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let (_, (fixed, suites, _, extensions)) =
            (fixed, vector16, vector8, opt(vector16)).parse(body).ok()?;
        let Fixed { version: legacy_version, random, session_id } = fixed;
        let suites = suites.chunks_exact(2).filter(|it| !is_grease(big_endian(it))).count();
        let mut hello = Self {
            legacy_version,
            random,
            suites: u16::try_from(suites).unwrap_or(u16::MAX),
            session_id: session_id.to_vec(),
            ..Self::default()
        };
        for (kind, content) in Extensions(extensions.unwrap_or_default()) {
            match kind {
                SERVER_NAME => hello.server_name = server_name(content),
                ALPN => hello.protocols = protocols(content),
                SUPPORTED_VERSIONS => hello.versions = versions(content),
                EARLY_DATA => hello.early_data = true,
                SESSION_TICKET if !content.is_empty() => {
                    hello.ticket = Some(ticket_name(content).to_vec());
                }
                _ => {}
            }
        }
        Some(hello)
    }

    /// The highest version that it offers.
    pub fn highest_version(&self) -> Version {
        self.versions.iter().copied().max().unwrap_or(self.legacy_version)
    }
}

impl ServerHello {
    /// Parses the body of the message; `None` if it is malformed.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let (_, (Fixed { version, random, session_id }, suite, _, extensions)) =
            (fixed, be_u16, be_u8, opt(vector16)).parse(body).ok()?;
        let retry = random == RETRY_RANDOM;
        let session_id = session_id.to_vec();
        let mut hello = Self { version, suite, retry, random, session_id, ..Self::default() };
        for (kind, content) in Extensions(extensions.unwrap_or_default()) {
            match (kind, content) {
                (SUPPORTED_VERSIONS, [_, _]) => hello.version = Version(big_endian(content)),
                (ALPN, _) => hello.protocol = protocols(content).into_iter().next(),
                (PRE_SHARED_KEY, _) => hello.resumed = true,
                (ENCRYPT_THEN_MAC, _) => hello.encrypts_then_macs = true,
                _ => {}
            }
        }
        Some(hello)
    }
}

/// What both hellos begin with.
struct Fixed<'a> {
    version: Version,
    random: [u8; 32],
    session_id: &'a [u8],
}

fn fixed(input: &[u8]) -> IResult<&[u8], Fixed<'_>> {
    let (input, (version, bytes, session_id)) = (be_u16, take(32_usize), vector8).parse(input)?;
    let random = <[u8; 32]>::try_from(bytes).unwrap_or_default();
    Ok((input, Fixed { version: Version(version), random, session_id }))
}

/// The name of the ticket in a message `NewSessionTicket` of TLS 1.2 (RFC 5077 §3.3).
pub(super) fn session_ticket(body: &[u8]) -> Option<&[u8]> {
    let (_, (_lifetime, ticket)) = (be_u32, vector16).parse(body).ok()?;
    (!ticket.is_empty()).then(|| ticket_name(ticket))
}

/// The extensions of a hello, as far as they are whole.
struct Extensions<'a>(&'a [u8]);

impl<'a> Iterator for Extensions<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (left, extension) = (be_u16, vector16).parse(self.0).ok()?;
        self.0 = left;
        Some(extension)
    }
}

/// The first name of kind `host_name` (RFC 6066 §3).
fn server_name(content: &[u8]) -> Option<Vec<u8>> {
    let (_, mut list) = vector16(content).ok()?;
    while let Ok((left, (kind, name))) = (be_u8, vector16).parse(list) {
        if kind == HOST_NAME {
            return Some(name.to_vec());
        }
        list = left;
    }
    None
}

fn protocols(content: &[u8]) -> Vec<Vec<u8>> {
    let mut protocols = Vec::new();
    let Ok((_, mut list)) = vector16(content) else { return protocols };
    while let Ok((left, name)) = vector8(list) {
        let is_test = matches!(name, [high, low] if is_grease(u16::from_be_bytes([*high, *low])));
        if !is_test && protocols.len() < MOST_LISTED {
            protocols.push(name.to_vec());
        }
        list = left;
    }
    protocols
}

fn versions(content: &[u8]) -> Vec<Version> {
    let list = vector8(content).map_or(&[][..], |(_, list)| list);
    let versions = list.chunks_exact(2).map(|pair| Version(big_endian(pair)));
    versions.filter(|version| !version.is_grease()).take(MOST_LISTED).collect()
}

/// Bytes after their length in one byte.
fn vector8(input: &[u8]) -> IResult<&[u8], &[u8]> {
    length_data(be_u8).parse(input)
}

/// Bytes after their length in two bytes, or as many of them as there are.
fn vector16(input: &[u8]) -> IResult<&[u8], &[u8]> {
    let (input, length) = be_u16(input)?;
    let length = usize::from(length);
    if length > input.len() { rest(input) } else { take(length).parse(input) }
}

fn big_endian(pair: &[u8]) -> u16 {
    match pair {
        [high, low, ..] => u16::from_be_bytes([*high, *low]),
        [..] => 0,
    }
}

/// Versions and protocols that are kept of a hello.
pub const MOST_LISTED: usize = 16;

const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;
const ENCRYPT_THEN_MAC: u16 = 22;
const SESSION_TICKET: u16 = 35;
const PRE_SHARED_KEY: u16 = 41;
const EARLY_DATA: u16 = 42;
const SUPPORTED_VERSIONS: u16 = 43;

/// The kind of name that is one of DNS (RFC 6066 §3).
const HOST_NAME: u8 = 0;

/// The random of a `HelloRetryRequest`: the SHA-256 of these words (RFC 8446 §4.1.3).
const RETRY_RANDOM: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::tls;

    /// The body of the first message of a record.
    fn body(record: &[u8]) -> &[u8] {
        &record[9..]
    }

    #[test]
    fn client_hellos_tell_what_they_offer() {
        let hello = ClientHello::parse(body(&tls::hello())).unwrap();
        assert_eq!((hello.legacy_version, hello.random[31]), (Version::TLS_1_2, 0x1f));
        assert_eq!(hello.suites, 2, "one of three is not a suite but GREASE");
        assert_eq!(hello.versions, [Version::TLS_1_3, Version::TLS_1_2]);
        assert_eq!(hello.highest_version(), Version::TLS_1_3);
        assert_eq!(hello.server_name.as_deref(), Some(&b"example.org"[..]));
        assert_eq!(hello.protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
        assert!(!hello.early_data);
        let old = ClientHello::parse(body(&tls::client_hello(&[], None))).unwrap();
        assert_eq!((old.highest_version(), old.server_name), (Version::TLS_1_2, None));
    }

    #[test]
    fn server_hellos_tell_what_was_chosen() {
        let rows = [
            (tls::server_hello(0x0301), Version::TLS_1_0, 0xc02f, true, false),
            (tls::server_hello(0x0303), Version::TLS_1_2, 0xc02f, true, false),
            (tls::server_hello(0x0304), Version::TLS_1_3, 0x1301, false, false),
            (tls::retry_request(), Version::TLS_1_3, 0x1301, false, true),
        ];
        for (record, version, suite, has_protocol, retry) in rows {
            let hello = ServerHello::parse(body(&record)).unwrap();
            assert_eq!((hello.version, hello.suite, hello.retry), (version, suite, retry));
            assert_eq!(hello.protocol.is_some(), has_protocol, "{version}");
        }
    }

    #[test]
    fn beginnings_of_hellos_are_read_as_far_as_they_reach() {
        let record = tls::hello();
        let whole = body(&record);
        let shortest = (0..whole.len()).find(|end| ClientHello::parse(&whole[..*end]).is_some());
        // Version, random, session id, suites and methods, each with its length.
        assert_eq!(shortest, Some(2 + 32 + 1 + 2 + 6 + 2));
    }
}
