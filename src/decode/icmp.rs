//! ICMP errors: which packet they quote, and what they report about it.

use std::net::IpAddr;

use etherparse::IpNumber;

use super::ip::Datagram;
use super::wire::Wire;
use super::{Endpoint, Reason};

/// An ICMP or `ICMPv6` error about a TCP segment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct IcmpError {
    /// Who sent it: the host itself, or a router or firewall on the way.
    pub reporter: IpAddr,
    /// What it reports.
    pub kind: IcmpKind,
    /// Sender of the segment that it quotes.
    pub source: Endpoint,
    /// Receiver of that segment.
    pub destination: Endpoint,
}

/// Type and code of an ICMP error, as on the wire.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct IcmpKind {
    /// Which of the two protocols numbers them.
    pub version: IcmpVersion,
    /// The type.
    pub number: u8,
    /// The code.
    pub code: u8,
}

/// Which ICMP it is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum IcmpVersion {
    /// RFC 792.
    V4,
    /// RFC 4443.
    V6,
}

/// What an ICMP error means to the sender of the packet that it quotes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum IcmpMeaning {
    /// The packet did not reach its destination, and none like it will.
    Unreachable,
    /// The packet was too large for a part of the path: it is sent again in smaller ones.
    TooBig,
    /// The packet went through too many routers, or its fragments did not come in time.
    TimeExceeded,
}

impl IcmpKind {
    /// What it means to the sender.
    pub fn meaning(self) -> IcmpMeaning {
        match (self.version, self.number, self.code) {
            (IcmpVersion::V4, UNREACHABLE_4, FRAGMENTATION_NEEDED)
            | (IcmpVersion::V6, TOO_BIG, _) => IcmpMeaning::TooBig,
            (IcmpVersion::V4, TIME_EXCEEDED_4, _) | (IcmpVersion::V6, TIME_EXCEEDED_6, _) => {
                IcmpMeaning::TimeExceeded
            }
            (IcmpVersion::V4 | IcmpVersion::V6, _, _) => IcmpMeaning::Unreachable,
        }
    }

    /// Its name in the standards (RFC 792, RFC 1812 §5.2.7.1, RFC 4443 §3).
    pub fn name(self) -> &'static str {
        let names: &[&str] = match (self.version, self.number) {
            (IcmpVersion::V4, UNREACHABLE_4) => NAMES_4,
            (IcmpVersion::V6, UNREACHABLE_6) => NAMES_6,
            (IcmpVersion::V6, TOO_BIG) => &["packet too big"],
            (IcmpVersion::V4 | IcmpVersion::V6, _) => {
                &["time to live exceeded", "fragment reassembly time exceeded"]
            }
        };
        names.get(usize::from(self.code)).copied().unwrap_or("destination unreachable")
    }
}

/// Parses the error in a datagram of ICMP or `ICMPv6`; ignores everything that is not an error about
/// TCP.
pub(super) fn error(datagram: &Datagram<'_>) -> Result<IcmpError, Reason> {
    let version = match datagram.protocol {
        IpNumber::ICMP => IcmpVersion::V4,
        IpNumber::IPV6_ICMP => IcmpVersion::V6,
        _ => return Err(Reason::NotTcp),
    };
    let (&[number, code, ..], quoted) =
        datagram.payload.header::<ICMP_LENGTH>().map_err(|_| Reason::NotTcp)?;
    let is_error = match version {
        IcmpVersion::V4 => matches!(number, UNREACHABLE_4 | TIME_EXCEEDED_4),
        IcmpVersion::V6 => matches!(number, UNREACHABLE_6 | TOO_BIG | TIME_EXCEEDED_6),
    };
    if !is_error {
        return Err(Reason::NotTcp);
    }
    let quoted = Datagram::read(quoted).map_err(|_| Reason::NotTcp)?;
    let is_first = quoted.fragment.is_none_or(|fragment| fragment.offset.value() == 0);
    if quoted.protocol != IpNumber::TCP || !is_first {
        return Err(Reason::NotTcp);
    }
    let (source, destination) = ports(quoted.payload).ok_or(Reason::NotTcp)?;
    Ok(IcmpError {
        reporter: datagram.source,
        kind: IcmpKind { version, number, code },
        source: Endpoint::new(quoted.source, source),
        destination: Endpoint::new(quoted.destination, destination),
    })
}

/// The ports of a segment of which only the first eight bytes may be quoted (RFC 792).
fn ports(wire: Wire<'_>) -> Option<(u16, u16)> {
    let [a, b, c, d] = *wire.bytes.first_chunk()?;
    Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
}

/// Type, code, checksum, and four bytes that only some types use.
const ICMP_LENGTH: usize = 8;

// Types of RFC 792.
const UNREACHABLE_4: u8 = 3;
const TIME_EXCEEDED_4: u8 = 11;

/// Code of [`UNREACHABLE_4`]: path MTU discovery (RFC 1191).
const FRAGMENTATION_NEEDED: u8 = 4;

// Types of RFC 4443.
const UNREACHABLE_6: u8 = 1;
const TOO_BIG: u8 = 2;
const TIME_EXCEEDED_6: u8 = 3;

/// Codes of destination unreachable (RFC 792; from 6 on RFC 1122 §3.2.2.1 and RFC 1812 §5.2.7.1).
const NAMES_4: &[&str] = &[
    "network unreachable",
    "host unreachable",
    "protocol unreachable",
    "port unreachable",
    "fragmentation needed",
    "source route failed",
    "destination network unknown",
    "destination host unknown",
    "source host isolated",
    "network administratively prohibited",
    "host administratively prohibited",
    "network unreachable for this type of service",
    "host unreachable for this type of service",
    "communication administratively prohibited",
    "host precedence violation",
    "precedence cutoff in effect",
];

/// Codes of destination unreachable (RFC 4443 §3.1; the last two of RFC 6550 and RFC 8883 are rare).
const NAMES_6: &[&str] = &[
    "no route to destination",
    "communication administratively prohibited",
    "beyond scope of source address",
    "address unreachable",
    "port unreachable",
    "source address failed ingress or egress policy",
    "route to destination rejected",
];

#[cfg(test)]
mod tests {
    use super::super::craft::packet;
    use super::super::{Decoded, Decoder};
    use super::*;
    use crate::testkit::packet::{ETHERNET, TCP, UDP, ethernet, ipv4, ipv6, join, tcp, udp};

    const ICMP: u8 = 1;
    const ICMP_6: u8 = 58;

    fn over_4(number: u8, code: u8, quoted: &[u8]) -> Vec<u8> {
        ethernet(0x0800, &ipv4(ICMP, &join(&[&[number, code, 0, 0, 0, 0, 0, 0], quoted])))
    }

    fn over_6(number: u8, code: u8, quoted: &[u8]) -> Vec<u8> {
        ethernet(0x86dd, &ipv6(ICMP_6, &join(&[&[number, code, 0, 0, 0, 0, 0, 0], quoted])))
    }

    fn read(bytes: &[u8]) -> Option<IcmpError> {
        match Decoder::default().decode(&packet(ETHERNET, bytes)) {
            Decoded::Icmp(error) => Some(error),
            Decoded::Tcp(_) | Decoded::Dns(_) | Decoded::Other(_) => None,
        }
    }

    #[test]
    fn errors_name_the_segment_that_they_quote() {
        let (quoted_4, quoted_6) = (ipv4(TCP, &tcp(b"x")), ipv6(TCP, &tcp(b"x")));
        #[rustfmt::skip]
        let rows = [
            ("IPv4",                  over_4(3, 13, &quoted_4),      "10.0.0.2:80", "communication administratively prohibited", IcmpMeaning::Unreachable),
            ("eight bytes of TCP",    over_4(3, 1, &quoted_4[..28]), "10.0.0.2:80", "host unreachable",        IcmpMeaning::Unreachable),
            ("path MTU",              over_4(3, 4, &quoted_4),       "10.0.0.2:80", "fragmentation needed",    IcmpMeaning::TooBig),
            ("time exceeded",         over_4(11, 0, &quoted_4),      "10.0.0.2:80", "time to live exceeded",   IcmpMeaning::TimeExceeded),
            ("an unknown code",   over_4(3, 99, &quoted_4),      "10.0.0.2:80", "destination unreachable", IcmpMeaning::Unreachable),
            ("IPv6",                  over_6(1, 4, &quoted_6),       "[::2]:80",    "port unreachable",        IcmpMeaning::Unreachable),
            ("IPv6, too big",         over_6(2, 0, &quoted_6),       "[::2]:80",    "packet too big",          IcmpMeaning::TooBig),
        ];
        for (name, bytes, destination, words, meaning) in rows {
            let error = read(&bytes).unwrap();
            assert_eq!(error.destination.socket_address().to_string(), destination, "{name}");
            assert_eq!((error.kind.name(), error.kind.meaning()), (words, meaning), "{name}");
            assert_eq!(error.source.port(), 50_000, "{name}");
        }
    }

    #[test]
    fn errors_about_other_protocols_are_ignored() {
        let quoted = ipv4(TCP, &tcp(b"x"));
        for (name, bytes) in [
            ("an echo", over_4(8, 0, &quoted)),
            ("an error about UDP", over_4(3, 3, &ipv4(UDP, &udp(53, b"x")))),
            ("nothing quoted", over_4(3, 3, b"")),
            ("a header without ports", over_4(3, 3, &quoted[..22])),
            ("nonsense quoted", over_4(3, 3, &[0xff; 40])),
            ("a neighbor solicitation", over_6(135, 0, &[0; 24])),
        ] {
            assert_eq!(read(&bytes), None, "{name}");
        }
    }
}
