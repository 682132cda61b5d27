//! Headers between a link layer and IP: tags, labels, PPP, each identified by a number.

use super::Reason;
use super::wire::Wire;

/// A header below IP, to be read next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Header {
    /// An Ethernet frame from its destination address on.
    Ethernet,
    /// What an `EtherType` names; the type itself is read already.
    EtherType(u16),
    /// IEEE 802.2 logical link control.
    Llc,
    /// PPP from its address and control bytes or from its protocol field on.
    Ppp,
    /// An MPLS label.
    Mpls,
    /// An IP header of the version in its first bits.
    Ip,
}

impl Header {
    /// Reads headers until IP starts.
    pub(super) fn read_to_ip(mut self, mut wire: Wire<'_>) -> Result<Wire<'_>, Reason> {
        for _ in 0..MAX_HEADERS {
            if self == Self::Ip {
                return Ok(wire);
            }
            (self, wire) = self.read(wire)?;
        }
        Err(Reason::TooDeep)
    }

    /// Parses one header and returns which one follows.
    fn read(self, wire: Wire<'_>) -> Result<(Self, Wire<'_>), Reason> {
        match self {
            Self::Ethernet => {
                let (_, rest) = wire.header::<ETHERNET_ADDRESSES>()?;
                next_type(rest)
            }
            Self::EtherType(number) => Self::named(number, wire),
            Self::Llc => llc(wire),
            Self::Ppp => ppp(wire),
            Self::Mpls => mpls(wire),
            Self::Ip => Ok((Self::Ip, wire)),
        }
    }

    /// Reads the header that an `EtherType` names.
    fn named(number: u16, wire: Wire<'_>) -> Result<(Self, Wire<'_>), Reason> {
        match number {
            IPV4 | IPV6 => Ok((Self::Ip, wire)),
            VLAN | VLAN_SERVICE | VLAN_OLD_SERVICE => {
                let (_, rest) = wire.header::<VLAN_TAG>()?;
                next_type(rest)
            }
            MPLS_UNICAST | MPLS_MULTICAST => Ok((Self::Mpls, wire)),
            PPPOE_SESSION => Ok((Self::Ppp, wire.skip(PPPOE_LENGTH)?)),
            PPP => Ok((Self::Ppp, wire)),
            TRANSPARENT_ETHERNET => Ok((Self::Ethernet, wire)),
            MACSEC => macsec(wire),
            _ => Err(Reason::NotTcp),
        }
    }
}

/// Reads an `EtherType`, or the length that IEEE 802.3 frames have in its place.
pub(super) fn next_type(wire: Wire<'_>) -> Result<(Header, Wire<'_>), Reason> {
    let (number, rest) = wire.header()?;
    let number = u16::from_be_bytes(*number);
    let header = if number < SMALLEST_TYPE { Header::Llc } else { Header::EtherType(number) };
    Ok((header, rest))
}

/// The `EtherType` in a SNAP header (IEEE 802); other users of LLC do not carry TCP.
fn llc(wire: Wire<'_>) -> Result<(Header, Wire<'_>), Reason> {
    let (header, rest) = wire.header::<SNAP_LENGTH>()?;
    if *header == SNAP || *header == SNAP_BRIDGED { next_type(rest) } else { Err(Reason::NotTcp) }
}

/// RFC 1661, section 2, and RFC 1662, section 3.1: address and control, and the upper byte of the
/// protocol, may have been left out by agreement.
fn ppp(wire: Wire<'_>) -> Result<(Header, Wire<'_>), Reason> {
    let wire = if wire.bytes.starts_with(&PPP_ADDRESS_CONTROL) { wire.skip(2)? } else { wire };
    let (first, rest) = wire.header::<1>()?;
    // The lowest bit is set in the last byte of a protocol number only.
    let (protocol, rest) = if first[0] & 1 == 1 {
        (u16::from(first[0]), rest)
    } else {
        let (number, rest) = wire.header()?;
        (u16::from_be_bytes(*number), rest)
    };
    match protocol {
        PPP_IPV4 | PPP_IPV6 => Ok((Header::Ip, rest)),
        PPP_MPLS_UNICAST | PPP_MPLS_MULTICAST => Ok((Header::Mpls, rest)),
        PPP_COMPRESSED => Err(Reason::Encapsulation("compressed PPP")),
        PPP_MULTILINK => Err(Reason::Encapsulation("PPP multilink")),
        PPP_VJ_COMPRESSED | PPP_VJ_UNCOMPRESSED => {
            Err(Reason::Encapsulation("PPP with compressed TCP headers"))
        }
        _ => Err(Reason::NotTcp),
    }
}

/// RFC 3032, section 2.1. Nothing specifies what follows the last label; RFC 4928, section 3,
/// distinguishes IP from a pseudowire by the first four bits.
fn mpls(wire: Wire<'_>) -> Result<(Header, Wire<'_>), Reason> {
    let (label, rest) = wire.header::<MPLS_LABEL>()?;
    if label[2] & MPLS_BOTTOM_OF_STACK == 0 {
        return Ok((Header::Mpls, rest));
    }
    match rest.bytes.first().map(|byte| byte >> 4) {
        Some(4 | 6) => Ok((Header::Ip, rest)),
        Some(0) => Ok((Header::Ethernet, rest.skip(PSEUDOWIRE_CONTROL_WORD)?)),
        Some(_) => Err(Reason::NotTcp),
        None => Err(rest.too_short()),
    }
}

/// IEEE 802.1AE, clause 9.3; only frames that are signed, not encrypted, can be read.
fn macsec(wire: Wire<'_>) -> Result<(Header, Wire<'_>), Reason> {
    let (tag, _) = wire.header::<1>()?;
    if tag[0] & (MACSEC_ENCRYPTED | MACSEC_CHANGED) != 0 {
        return Err(Reason::Encapsulation("encrypted MACsec"));
    }
    let channel = if tag[0] & MACSEC_CHANNEL == 0 { 0 } else { MACSEC_CHANNEL_LENGTH };
    next_type(wire.skip(MACSEC_TAG + channel)?)
}

/// Headers accepted below one IP header; real networks stack three or four.
const MAX_HEADERS: usize = 16;

/// Destination and source address of an Ethernet frame.
const ETHERNET_ADDRESSES: usize = 12;

/// Smaller values are lengths (IEEE 802.3, clause 3.2.6).
const SMALLEST_TYPE: u16 = 0x0600;

/// Priority and VLAN number (IEEE 802.1Q, clause 9.6).
const VLAN_TAG: usize = 2;

/// Version, type, code, session and length (RFC 2516, section 4).
const PPPOE_LENGTH: usize = 6;

/// One entry of the label stack (RFC 3032, section 2.1).
const MPLS_LABEL: usize = 4;

/// In the third byte of a label: the last one (RFC 3032, section 2.1).
const MPLS_BOTTOM_OF_STACK: u8 = 0x01;

/// The control word before the Ethernet frame of a pseudowire (RFC 4448, section 4.6).
const PSEUDOWIRE_CONTROL_WORD: usize = 4;

/// Control byte, short length and packet number of a `MACsec` tag.
const MACSEC_TAG: usize = 6;

/// Length of the secure channel identifier, if there is one.
const MACSEC_CHANNEL_LENGTH: usize = 8;

/// TCI bit SC: a secure channel identifier follows.
const MACSEC_CHANNEL: u8 = 0x20;

/// TCI bit E: the payload is encrypted.
const MACSEC_ENCRYPTED: u8 = 0x08;

/// TCI bit C: the payload was changed.
const MACSEC_CHANGED: u8 = 0x04;

/// Length of LLC and SNAP without the `EtherType`.
const SNAP_LENGTH: usize = 6;

/// LLC of SNAP with the organization code of `EtherType`s (RFC 1042).
const SNAP: [u8; SNAP_LENGTH] = [0xaa, 0xaa, 0x03, 0x00, 0x00, 0x00];

/// The same with the organization code of bridge tunnels (IEEE 802.1H).
const SNAP_BRIDGED: [u8; SNAP_LENGTH] = [0xaa, 0xaa, 0x03, 0x00, 0x00, 0xf8];

/// All stations, unnumbered information (RFC 1662, section 3.1).
pub(super) const PPP_ADDRESS_CONTROL: [u8; 2] = [0xff, 0x03];

// PPP protocol numbers (IANA, "Point-to-Point Protocol Field Assignments").
const PPP_IPV4: u16 = 0x0021;
const PPP_VJ_COMPRESSED: u16 = 0x002d;
const PPP_VJ_UNCOMPRESSED: u16 = 0x002f;
const PPP_MULTILINK: u16 = 0x003d;
const PPP_IPV6: u16 = 0x0057;
const PPP_COMPRESSED: u16 = 0x00fd;
const PPP_MPLS_UNICAST: u16 = 0x0281;
const PPP_MPLS_MULTICAST: u16 = 0x0283;

// EtherTypes (IANA, "IEEE 802 Numbers").
pub(super) const IPV4: u16 = 0x0800;
const TRANSPARENT_ETHERNET: u16 = 0x6558;
const VLAN: u16 = 0x8100;
pub(super) const IPV6: u16 = 0x86dd;
const PPP: u16 = 0x880b;
const MPLS_UNICAST: u16 = 0x8847;
const MPLS_MULTICAST: u16 = 0x8848;
const PPPOE_SESSION: u16 = 0x8864;
const VLAN_SERVICE: u16 = 0x88a8;
const MACSEC: u16 = 0x88e5;
/// Never assigned, but used for double tags before IEEE 802.1ad.
const VLAN_OLD_SERVICE: u16 = 0x9100;

#[cfg(test)]
mod tests {
    use super::super::craft::{PAYLOAD, decode};
    use super::*;
    use crate::testkit::packet::{ETHERNET, TCP, ethernet, ipv4, ipv6, join, tcp};

    /// `depth` tags with `kind`, then IPv4.
    fn tags(kind: u16, depth: usize) -> Vec<u8> {
        let mut bytes = join(&[&0x0800_u16.to_be_bytes(), &ipv4(TCP, &tcp(PAYLOAD))]);
        for _ in 0..depth {
            bytes = join(&[&kind.to_be_bytes(), &[0x20, 5], &bytes]);
        }
        join(&[&[2; 12], &bytes])
    }

    #[test]
    fn headers_below_ip_are_passed() {
        let over_4 = ipv4(TCP, &tcp(PAYLOAD));
        let over_6 = ipv6(TCP, &tcp(PAYLOAD));
        let frame = ethernet(IPV4, &over_4);
        let pppoe = [0x11, 0, 0, 9, 0, 82];
        for (name, bytes) in [
            ("802.1Q", tags(VLAN, 1)),
            ("802.1ad", tags(VLAN_SERVICE, 1)),
            ("four tags", tags(VLAN, 4)),
            ("four tags of the old kind", tags(VLAN_OLD_SERVICE, 4)),
            ("as many tags as accepted", tags(VLAN, MAX_HEADERS - 3)),
            ("MPLS, one label", ethernet(MPLS_UNICAST, &join(&[&[0, 1, 0x01, 64], &over_4]))),
            (
                "MPLS, two labels, IPv6",
                ethernet(MPLS_MULTICAST, &join(&[&[0, 1, 0, 64, 0, 2, 0x01, 64], &over_6])),
            ),
            (
                "MPLS, pseudowire",
                ethernet(MPLS_UNICAST, &join(&[&[0, 1, 0x01, 64, 0, 0, 0, 0], &frame])),
            ),
            ("PPPoE", ethernet(PPPOE_SESSION, &join(&[&pppoe, &[0, 0x21], &over_4]))),
            (
                "PPPoE with a compressed protocol",
                ethernet(PPPOE_SESSION, &join(&[&pppoe, &[0x57], &over_6])),
            ),
            (
                "PPP with a label",
                ethernet(PPP, &join(&[&[0xff, 3, 2, 0x81, 0, 1, 0x01, 64], &over_4])),
            ),
            ("802.3 with SNAP", ethernet(88, &join(&[&SNAP, &[8, 0], &over_4]))),
            ("802.3 with bridged SNAP", ethernet(88, &join(&[&SNAP_BRIDGED, &[8, 0], &over_4]))),
            ("Ethernet in Ethernet", ethernet(TRANSPARENT_ETHERNET, &frame)),
            ("MACsec", ethernet(MACSEC, &join(&[&[0, 0, 0, 0, 0, 1, 8, 0], &over_4]))),
            (
                "MACsec with a channel",
                ethernet(MACSEC, &join(&[&[0x20, 0, 0, 0, 0, 1], &[3; 8], &[8, 0], &over_4])),
            ),
        ] {
            assert_eq!(decode(ETHERNET, &bytes).as_deref(), Ok(PAYLOAD), "{name}");
            for length in 0..bytes.len() - PAYLOAD.len() {
                assert!(decode(ETHERNET, &bytes[..length]).is_err(), "{name}, {length} bytes");
            }
        }
    }

    #[test]
    fn what_does_not_lead_to_ip_says_why() {
        let over_4 = ipv4(TCP, &tcp(PAYLOAD));
        let ppp = |protocol: &[u8]| ethernet(PPP, &join(&[protocol, &over_4]));
        for (name, bytes, reason) in [
            ("unknown type", ethernet(0x88cc, &over_4), Reason::NotTcp),
            ("LLC of spanning tree", ethernet(38, &[0x42, 0x42, 3, 0, 0, 0, 0]), Reason::NotTcp),
            ("PPP, LCP", ppp(&[0xc0, 0x21]), Reason::NotTcp),
            ("PPP, compressed", ppp(&[0, 0xfd]), Reason::Encapsulation("compressed PPP")),
            ("PPP, multilink", ppp(&[0x3d]), Reason::Encapsulation("PPP multilink")),
            (
                "PPP, Van Jacobson",
                ppp(&[0, 0x2d]),
                Reason::Encapsulation("PPP with compressed TCP headers"),
            ),
            (
                "MPLS of something else",
                ethernet(MPLS_UNICAST, &[0, 1, 0x01, 64, 0x50, 0, 0, 0]),
                Reason::NotTcp,
            ),
            (
                "encrypted MACsec",
                ethernet(MACSEC, &join(&[&[0x0c, 0, 0, 0, 0, 1, 8, 0], &over_4])),
                Reason::Encapsulation("encrypted MACsec"),
            ),
            ("more tags than accepted", tags(VLAN, MAX_HEADERS - 2), Reason::TooDeep),
            ("labels without end", ethernet(MPLS_UNICAST, &[0; 400]), Reason::TooDeep),
        ] {
            assert_eq!(decode(ETHERNET, &bytes), Err(reason), "{name}");
        }
    }
}
