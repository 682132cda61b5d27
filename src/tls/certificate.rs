//! The fields of a certificate (RFC 5280). Signatures are not verified: the trust store is not known.

use std::fmt;
use std::net::IpAddr;

use nom::IResult;
use nom::Parser;
use nom::bytes::complete::take;
use nom::multi::length_data;
use nom::number::complete::{be_u8, be_u16, be_u24};
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::Decode;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, SubjectAltName};

use crate::stream::Timestamp;

/// The certificate of a peer, with what is known of the chain that it came in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Certificate {
    /// Whom it is for, as in RFC 4514: `CN=localhost,O=Example`.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// The names that it is valid for (the extension subjectAltName); at most [`MOST_NAMES`].
    pub names: Vec<CertificateName>,
    /// Names beyond these.
    pub more_names: usize,
    /// When it begins to be valid.
    pub not_before: Timestamp,
    /// When it ceases to be valid.
    pub not_after: Timestamp,
    /// Whether its issuer is its subject: no authority vouches for it.
    pub is_self_signed: bool,
    /// Whether it may sign others (the extension basicConstraints).
    pub is_authority: bool,
    /// Certificates that were sent, this one included.
    pub chain: usize,
}

/// A name that a certificate is valid for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CertificateName {
    /// A name of DNS, perhaps with a wildcard.
    Dns(String),
    /// An address.
    Address(IpAddr),
}

impl fmt::Display for CertificateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

impl Certificate {
    /// Reads the body of a Certificate message of TLS 1.2 or older (RFC 5246 §7.4.2); `None` if it contains
    /// no certificate that can be read.
    pub(super) fn parse_message(body: &[u8]) -> Option<Self> {
        let (_, mut list) = vector24(body).ok()?;
        let mut certificates = Vec::new();
        while let Ok((left, certificate)) = vector24(list) {
            certificates.push(certificate);
            list = left;
        }
        let chain = certificates.len();
        Some(Self { chain, ..Self::parse(certificates.first()?)? })
    }

    /// Reads the body of a Certificate message of TLS 1.3 (RFC 8446 §4.4.2), as above.
    pub(super) fn parse_modern_message(body: &[u8]) -> Option<Self> {
        let (_, (_, mut list)) = (vector8, vector24).parse(body).ok()?;
        let mut certificates = Vec::new();
        while let Ok((left, (certificate, _))) = (vector24, vector16).parse(list) {
            certificates.push(certificate);
            list = left;
        }
        let chain = certificates.len();
        Some(Self { chain, ..Self::parse(certificates.first()?)? })
    }

    /// Reads one certificate.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let certificate = CertificateInner::<Raw>::from_der(bytes).ok()?;
        let fields = certificate.tbs_certificate();
        let alternatives = fields.get_extension::<SubjectAltName>().ok().flatten();
        let names: Vec<CertificateName> =
            alternatives.iter().flat_map(|(_, names)| &names.0).filter_map(name).collect();
        let constraints = fields.get_extension::<BasicConstraints>().ok().flatten();
        let validity = fields.validity();
        let time = |seconds: u64| Timestamp(seconds.saturating_mul(NANOSECONDS));
        Some(Self {
            subject: fields.subject().to_string(),
            issuer: fields.issuer().to_string(),
            more_names: names.len().saturating_sub(MOST_NAMES),
            names: names.into_iter().take(MOST_NAMES).collect(),
            not_before: time(validity.not_before.to_unix_duration().as_secs()),
            not_after: time(validity.not_after.to_unix_duration().as_secs()),
            is_self_signed: fields.subject() == fields.issuer(),
            is_authority: constraints.is_some_and(|(_, constraints)| constraints.ca),
            chain: 1,
        })
    }

    /// Whether it is valid for a name or address that a client requested (RFC 9525 §6.3, §6.5).
    ///
    /// Only the names of subjectAltName count: clients of today do not look at the subject.
    pub fn is_for(&self, asked: &str) -> bool {
        let address: Option<IpAddr> = asked.parse().ok();
        self.more_names > 0
            || self.names.iter().any(|name| match name {
                CertificateName::Dns(pattern) => address.is_none() && fits(pattern, asked),
                CertificateName::Address(own) => address == Some(*own),
            })
    }
}

fn name(name: &GeneralName) -> Option<CertificateName> {
    match name {
        GeneralName::DnsName(name) => Some(CertificateName::Dns(name.as_str().to_owned())),
        GeneralName::IpAddress(bytes) => {
            let bytes = bytes.as_bytes();
            let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
            let v6 = || <[u8; 16]>::try_from(bytes).map(IpAddr::from);
            v4.or_else(|_| v6()).ok().map(CertificateName::Address)
        }
        _ => None,
    }
}

/// Whether a name matches a pattern: a wildcard matches the whole leftmost label, and only one.
fn fits(pattern: &str, name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    match pattern.strip_prefix("*.") {
        Some(domain) => name
            .split_once('.')
            .is_some_and(|(label, rest)| !label.is_empty() && rest.eq_ignore_ascii_case(domain)),
        None => pattern.eq_ignore_ascii_case(name),
    }
}

/// Bytes after their length in one byte.
fn vector8(input: &[u8]) -> IResult<&[u8], &[u8]> {
    length_data(be_u8).parse(input)
}

/// Bytes after their length in two bytes.
fn vector16(input: &[u8]) -> IResult<&[u8], &[u8]> {
    length_data(be_u16).parse(input)
}

/// Bytes after their length in three bytes.
fn vector24(input: &[u8]) -> IResult<&[u8], &[u8]> {
    let (input, length) = be_u24(input)?;
    take(length)(input)
}

/// Names that are kept of a certificate; with more of them, it is taken to fit.
pub const MOST_NAMES: usize = 128;

/// Nanoseconds in a second.
const NANOSECONDS: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::tls::{EARLY, GOOD, NAMELESS, OLD, OTHER, OWN, chain};

    fn read(text: &str) -> Certificate {
        Certificate::parse_message(&chain(&[text])).unwrap()
    }

    /// Midnight of the first day of a year, as printed by `date -u -d YEAR-01-01 +%s`.
    fn new_year(seconds: u64) -> Timestamp {
        Timestamp(seconds * NANOSECONDS)
    }

    #[test]
    fn certificates_tell_whom_they_are_for() {
        let good = read(GOOD);
        assert_eq!((good.subject.as_str(), good.issuer.as_str()), ("CN=example.org", "CN=Test CA"));
        let names: Vec<_> = good.names.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["example.org", "*.example.org", "10.0.0.2"]);
        assert_eq!(good.not_before, new_year(1_577_836_800));
        assert_eq!(good.not_after, new_year(2_208_988_800));
        assert_eq!((good.is_self_signed, good.is_authority, good.chain), (false, false, 1));
        assert!(read(OWN).is_self_signed);
        assert_eq!(read(OLD).not_after, new_year(1_609_459_200));
        assert_eq!(read(EARLY).not_before, new_year(1_893_456_000));
        assert!(read(NAMELESS).names.is_empty());
    }

    #[test]
    fn the_first_of_a_chain_is_the_peers() {
        let certificate = Certificate::parse_message(&chain(&[OTHER, GOOD])).unwrap();
        assert_eq!(certificate.chain, 2);
        assert_eq!(
            certificate.names.first().map(ToString::to_string).as_deref(),
            Some("*.example.net")
        );
    }

    #[test]
    fn wildcards_stand_for_one_label() {
        let rows = [
            (GOOD, "example.org", true),
            (GOOD, "EXAMPLE.org.", true),
            (GOOD, "www.example.org", true),
            (GOOD, "a.b.example.org", false),
            (GOOD, ".example.org", false),
            (GOOD, "10.0.0.2", true),
            (GOOD, "10.0.0.3", false),
            (OTHER, "example.net", false),
            (OTHER, "xexample.net", false),
            (OTHER, "www.example.com", true),
            (NAMELESS, "example.org", false),
        ];
        for (text, name, expected) in rows {
            assert_eq!(read(text).is_for(name), expected, "{name}");
        }
    }

    #[test]
    fn other_bytes_are_not_a_certificate() {
        let whole = chain(&[GOOD]);
        for end in 0..whole.len() {
            assert_eq!(Certificate::parse_message(&whole[..end]), None, "{end} bytes");
        }
        assert_eq!(Certificate::parse_message(b"\x00\x00\x00"), None, "an empty chain");
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x80;
            // Whatever comes of it, it comes.
            Certificate::parse_message(&damaged);
        }
    }
}
