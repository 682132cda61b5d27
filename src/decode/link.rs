//! Link types: how the first bytes of a packet lead to IP.
//!
//! Numbers and layouts are those of <https://www.tcpdump.org/linktypes.html>.

use super::ethertype::{self, Header, PPP_ADDRESS_CONTROL, next_type};
use super::wire::Wire;
use super::{Reason, Segment, ip, wifi};
use crate::capture::{LinkType, Packet};

/// The name of a link type in the tcpdump.org registry, for messages; knows the common ones,
/// supported or not.
pub fn link_type_name(link_type: LinkType) -> Option<&'static str> {
    NAMES.iter().find(|(number, _)| *number == link_type.0).map(|(_, name)| *name)
}

/// The segment of a packet of the most common shape: Ethernet, plain IP, TCP.
#[inline]
pub(super) fn plain_segment<'a>(packet: &Packet<'a>) -> Option<Segment<'a>> {
    if packet.link_type.0 != ETHERNET {
        return None;
    }
    let (addresses_and_type, bytes) = packet.bytes.split_first_chunk::<ETHERNET_LENGTH>()?;
    let [.., high, low] = *addresses_and_type;
    match u16::from_be_bytes([high, low]) {
        ethertype::IPV4 | ethertype::IPV6 => ip::plain_segment(Wire { bytes, missing: 0 }),
        _ => None,
    }
}

/// Parses what is specific to the link type and returns which header follows.
pub(super) fn first_header(
    link_type: LinkType,
    wire: Wire<'_>,
) -> Result<(Header, Wire<'_>), Reason> {
    match link_type.0 {
        ETHERNET => Ok((Header::Ethernet, wire)),
        NULL => loopback(wire, FamilyByteOrder::Either),
        LOOP => loopback(wire, FamilyByteOrder::Big),
        RAW | RAW_BSD | RAW_OPENBSD | IPV4 | IPV6 => Ok((Header::Ip, wire)),
        LINUX_SLL => linux_cooked(wire),
        LINUX_SLL2 => linux_cooked_2(wire),
        PPP => Ok((Header::Ppp, wire)),
        PPP_HDLC if wire.bytes.starts_with(&PPP_ADDRESS_CONTROL) => Ok((Header::Ppp, wire)),
        PPP_HDLC | C_HDLC => next_type(wire.skip(HDLC_ADDRESS_CONTROL)?),
        // A direction takes the place of the address.
        PPP_PPPD => Ok((Header::Ppp, wire.skip(PPP_ADDRESS_CONTROL.len())?)),
        IEEE802_11 => wifi::frame(wire),
        IEEE802_11_RADIOTAP => wifi::radiotap(wire),
        other => Err(Reason::LinkType(other)),
    }
}

/// Which byte order a loopback header has.
#[derive(Clone, Copy, Debug)]
enum FamilyByteOrder {
    /// That of the capturing machine, so it must be guessed.
    Either,
    /// Network byte order.
    Big,
}

/// An address family in four bytes, as the capturing system numbers it.
fn loopback(wire: Wire<'_>, order: FamilyByteOrder) -> Result<(Header, Wire<'_>), Reason> {
    let (family, rest) = wire.header()?;
    let big = u32::from_be_bytes(*family);
    let family = match order {
        // Families are small numbers, so only one order makes sense.
        FamilyByteOrder::Either => big.min(big.swap_bytes()),
        FamilyByteOrder::Big => big,
    };
    if FAMILIES.contains(&family) { Ok((Header::Ip, rest)) } else { Err(Reason::NotTcp) }
}

/// `LINKTYPE_LINUX_SLL`, for example from the "any" device.
fn linux_cooked(wire: Wire<'_>) -> Result<(Header, Wire<'_>), Reason> {
    let (header, rest) = wire.header::<SLL_LENGTH>()?;
    let hardware = u16::from_be_bytes([header[2], header[3]]);
    let protocol = u16::from_be_bytes([header[14], header[15]]);
    cooked(hardware, protocol, rest)
}

/// `LINKTYPE_LINUX_SLL2`, the default of newer libpcap.
fn linux_cooked_2(wire: Wire<'_>) -> Result<(Header, Wire<'_>), Reason> {
    let (header, rest) = wire.header::<SLL2_LENGTH>()?;
    let protocol = u16::from_be_bytes([header[0], header[1]]);
    let hardware = u16::from_be_bytes([header[8], header[9]]);
    cooked(hardware, protocol, rest)
}

/// What the protocol field means depends on the hardware type in rare cases only.
fn cooked(hardware: u16, protocol: u16, rest: Wire<'_>) -> Result<(Header, Wire<'_>), Reason> {
    match (hardware, protocol) {
        (ARPHRD_NETLINK, _) => Err(Reason::NotTcp),
        (_, SLL_LLC) => Ok((Header::Llc, rest)),
        (_, number) => Ok((Header::EtherType(number), rest)),
    }
}

/// Two addresses and a type.
const ETHERNET_LENGTH: usize = 14;

/// Length of a Linux cooked header.
const SLL_LENGTH: usize = 16;

/// Length of a Linux cooked header, version 2.
const SLL2_LENGTH: usize = 20;

/// `LINUX_SLL_P_802_2`: an 802.2 header follows.
const SLL_LLC: u16 = 0x0004;

/// The protocol field is a netlink family (`linux/if_arp.h`).
const ARPHRD_NETLINK: u16 = 824;

/// Address and control byte of Cisco HDLC (RFC 1547, section 4.3.1).
const HDLC_ADDRESS_CONTROL: usize = 2;

/// `AF_INET` everywhere, then `AF_INET6` of Linux, Windows, NetBSD and OpenBSD, FreeBSD, Darwin.
const FAMILIES: [u32; 6] = [2, 10, 23, 24, 28, 30];

const NULL: u32 = 0;
const ETHERNET: u32 = 1;
const PPP: u32 = 9;
/// `DLT_RAW` of most systems, found in files of programs that do not translate it.
const RAW_BSD: u32 = 12;
/// `DLT_RAW` of OpenBSD.
const RAW_OPENBSD: u32 = 14;
const PPP_HDLC: u32 = 50;
const RAW: u32 = 101;
const C_HDLC: u32 = 104;
const IEEE802_11: u32 = 105;
const LOOP: u32 = 108;
const LINUX_SLL: u32 = 113;
const IEEE802_11_RADIOTAP: u32 = 127;
const PPP_PPPD: u32 = 166;
const IPV4: u32 = 228;
const IPV6: u32 = 229;
const LINUX_SLL2: u32 = 276;

/// Link types by number.
const NAMES: &[(u32, &str)] = &[
    (NULL, "NULL"),
    (ETHERNET, "ETHERNET"),
    (3, "AX25"),
    (6, "IEEE802_5"),
    (7, "ARCNET_BSD"),
    (8, "SLIP"),
    (PPP, "PPP"),
    (10, "FDDI"),
    (RAW_BSD, "RAW"),
    (RAW_OPENBSD, "RAW"),
    (PPP_HDLC, "PPP_HDLC"),
    (51, "PPP_ETHER"),
    (100, "ATM_RFC1483"),
    (RAW, "RAW"),
    (C_HDLC, "C_HDLC"),
    (IEEE802_11, "IEEE802_11"),
    (107, "FRELAY"),
    (LOOP, "LOOP"),
    (LINUX_SLL, "LINUX_SLL"),
    (114, "LTALK"),
    (117, "PFLOG"),
    (119, "IEEE802_11_PRISM"),
    (122, "IP_OVER_FC"),
    (123, "SUNATM"),
    (IEEE802_11_RADIOTAP, "IEEE802_11_RADIOTAP"),
    (129, "ARCNET_LINUX"),
    (138, "APPLE_IP_OVER_IEEE1394"),
    (143, "DOCSIS"),
    (147, "USER0"),
    (163, "IEEE802_11_AVS"),
    (PPP_PPPD, "PPP_PPPD"),
    (187, "BLUETOOTH_HCI_H4"),
    (189, "USB_LINUX"),
    (192, "PPI"),
    (195, "IEEE802_15_4_WITHFCS"),
    (201, "BLUETOOTH_HCI_H4_WITH_PHDR"),
    (220, "USB_LINUX_MMAPPED"),
    (227, "CAN_SOCKETCAN"),
    (IPV4, "IPV4"),
    (IPV6, "IPV6"),
    (230, "IEEE802_15_4_NOFCS"),
    (231, "DBUS"),
    (239, "NFLOG"),
    (240, "NETANALYZER"),
    (249, "USBPCAP"),
    (251, "BLUETOOTH_LE_LL"),
    (252, "WIRESHARK_UPPER_PDU"),
    (253, "NETLINK"),
    (254, "BLUETOOTH_LINUX_MONITOR"),
    (258, "PKTAP"),
    (271, "VSOCK"),
    (272, "NORDIC_BLE"),
    (LINUX_SLL2, "LINUX_SLL2"),
];

#[cfg(test)]
mod tests {
    use super::super::craft::{PAYLOAD, decode};
    use super::*;
    use crate::testkit::packet::{TCP, ethernet, ipv4, ipv6, join, tcp};

    #[test]
    fn every_link_type_leads_to_the_segment() {
        let (over_4, over_6) = (ipv4(TCP, &tcp(PAYLOAD)), ipv6(TCP, &tcp(PAYLOAD)));
        let sll =
            |hardware: [u8; 2], protocol: [u8; 2]| join(&[&[0, 0], &hardware, &[0; 10], &protocol]);
        let sll2 = |hardware: [u8; 2], protocol: [u8; 2]| {
            join(&[&protocol, &[0, 0, 0, 0, 0, 1], &hardware, &[0; 10]])
        };
        let tagged = join(&[&[0, 5, 8, 0], &over_4]);
        let snap = join(&[&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &over_4]);
        for (name, link_type, header, rest) in [
            ("Ethernet", ETHERNET, ethernet(0x0800, b""), &over_4),
            ("Ethernet, IPv6", ETHERNET, ethernet(0x86dd, b""), &over_6),
            ("NULL, little endian", NULL, vec![2, 0, 0, 0], &over_4),
            ("NULL, big endian", NULL, vec![0, 0, 0, 2], &over_4),
            ("NULL, IPv6 of Linux", NULL, vec![10, 0, 0, 0], &over_6),
            ("NULL, IPv6 of Windows", NULL, vec![23, 0, 0, 0], &over_6),
            ("NULL, IPv6 of OpenBSD", NULL, vec![0, 0, 0, 24], &over_6),
            ("NULL, IPv6 of FreeBSD", NULL, vec![28, 0, 0, 0], &over_6),
            ("NULL, IPv6 of macOS", NULL, vec![30, 0, 0, 0], &over_6),
            ("LOOP", LOOP, vec![0, 0, 0, 2], &over_4),
            ("LOOP, IPv6", LOOP, vec![0, 0, 0, 24], &over_6),
            ("RAW", RAW, Vec::new(), &over_4),
            ("RAW, IPv6", RAW, Vec::new(), &over_6),
            ("RAW of BSD", RAW_BSD, Vec::new(), &over_4),
            ("RAW of OpenBSD", RAW_OPENBSD, Vec::new(), &over_4),
            ("IPV4", IPV4, Vec::new(), &over_4),
            ("IPV6", IPV6, Vec::new(), &over_6),
            ("SLL of Ethernet", LINUX_SLL, sll([0, 1], [8, 0]), &over_4),
            ("SLL of loopback", LINUX_SLL, sll([3, 4], [8, 0]), &over_4),
            ("SLL of a tun device", LINUX_SLL, sll([0xff, 0xfe], [0x86, 0xdd]), &over_6),
            ("SLL of PPP", LINUX_SLL, sll([2, 0], [8, 0]), &over_4),
            ("SLL with a tag", LINUX_SLL, sll([0, 1], [0x81, 0]), &tagged),
            ("SLL with LLC", LINUX_SLL, sll([0, 1], [0, 4]), &snap),
            ("SLL2 of Ethernet", LINUX_SLL2, sll2([0, 1], [8, 0]), &over_4),
            ("SLL2 of loopback", LINUX_SLL2, sll2([3, 4], [0x86, 0xdd]), &over_6),
            ("PPP", PPP, vec![0xff, 3, 0, 0x21], &over_4),
            ("PPP in HDLC", PPP_HDLC, vec![0xff, 3, 0, 0x57], &over_6),
            ("Cisco HDLC in PPP_HDLC", PPP_HDLC, vec![0x0f, 0, 8, 0], &over_4),
            ("Cisco HDLC", C_HDLC, vec![0x8f, 0, 8, 0], &over_4),
            ("PPP of pppd", PPP_PPPD, vec![1, 3, 0, 0x21], &over_4),
        ] {
            let bytes = join(&[&header, rest]);
            assert_eq!(decode(link_type, &bytes).as_deref(), Ok(PAYLOAD), "{name}");
            for length in 0..bytes.len() - PAYLOAD.len() {
                assert!(decode(link_type, &bytes[..length]).is_err(), "{name}, {length} bytes");
            }
        }
    }

    #[test]
    fn other_contents_are_not_tcp() {
        let over_4 = ipv4(TCP, &tcp(PAYLOAD));
        for (name, link_type, header) in [
            ("ARP", ETHERNET, ethernet(0x0806, b"")),
            ("NULL of another family", NULL, vec![7, 0, 0, 0]),
            ("LOOP, little endian", LOOP, vec![2, 0, 0, 0]),
            ("SLL of netlink", LINUX_SLL, join(&[&[0, 0, 3, 56], &[0; 10], &[8, 0]])),
            ("PPP, link control", PPP, vec![0xff, 3, 0xc0, 0x21]),
        ] {
            let result = decode(link_type, &join(&[&header, &over_4]));
            assert_eq!(result, Err(Reason::NotTcp), "{name}");
        }
    }

    #[test]
    fn link_types_that_are_not_supported_are_named() {
        assert_eq!(decode(189, &[0; 64]), Err(Reason::LinkType(189)));
        for (number, name) in [
            (1, Some("ETHERNET")),
            (189, Some("USB_LINUX")),
            (276, Some("LINUX_SLL2")),
            (9999, None),
        ] {
            assert_eq!(link_type_name(LinkType(number)), name, "{number}");
        }
        assert!(NAMES.is_sorted_by(|a, b| a.0 < b.0), "sorted, each number once");
    }

    #[test]
    fn every_supported_link_type_has_a_name() {
        for number in 0..=u32::from(u16::MAX) {
            if !matches!(decode(number, &[0; 64]), Err(Reason::LinkType(_))) {
                assert!(link_type_name(LinkType(number)).is_some(), "{number}");
            }
        }
    }
}
