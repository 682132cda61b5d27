//! What an IP datagram other than TCP may carry: mostly another IP header.

use etherparse::IpNumber;

use super::dns::{self, DnsMessage};
use super::ethertype::Header;
use super::ip::Datagram;
use super::wire::Wire;
use super::{Endpoint, Reason};

/// Opens the tunnel in a datagram that is not TCP.
pub(super) fn open<'a>(datagram: &Datagram<'a>) -> Result<(Header, Wire<'a>), Reason> {
    match datagram.protocol {
        IpNumber::UDP => udp(datagram.payload),
        IpNumber::IPV4 | IpNumber::IPV6 => Ok((Header::Ip, datagram.payload)),
        IpNumber::GRE => gre(datagram.payload),
        IpNumber::MPLS_IN_IP => Ok((Header::Mpls, datagram.payload)),
        IpNumber::ENCAPSULATING_SECURITY_PAYLOAD => Err(Reason::Encapsulation("IPsec ESP")),
        _ => Err(Reason::NotTcp),
    }
}

/// The DNS message in a UDP datagram, recognized by its port.
pub(super) fn dns(datagram: &Datagram<'_>) -> Option<DnsMessage> {
    let (header, rest) = datagram.payload.header::<UDP_LENGTH>().ok()?;
    let source = u16::from_be_bytes([header[0], header[1]]);
    let destination = u16::from_be_bytes([header[2], header[3]]);
    let is_dns = DNS_PORTS.contains(&source) || DNS_PORTS.contains(&destination);
    if !is_dns || udp_tunnel(datagram.payload).is_ok() {
        return None;
    }
    dns::message(
        Endpoint::new(datagram.source, source),
        Endpoint::new(datagram.destination, destination),
        rest.bytes,
    )
}

/// Whether a datagram of `protocol` may turn out to carry TCP once its fragments are together.
///
/// `first` holds the payload of its first fragment.
pub(super) fn may_carry_tcp(protocol: IpNumber, first: Option<Wire<'_>>) -> bool {
    match (protocol, first) {
        (IpNumber::UDP, Some(payload)) => udp_tunnel(payload).is_ok(),
        (
            IpNumber::TCP
            | IpNumber::UDP
            | IpNumber::IPV4
            | IpNumber::IPV6
            | IpNumber::GRE
            | IpNumber::MPLS_IN_IP
            | IpNumber::AUTHENTICATION_HEADER
            | IpNumber::IPV6_DESTINATION_OPTIONS
            | IpNumber::IPV6_ROUTE_HEADER,
            _,
        ) => true,
        _ => false,
    }
}

/// Tunnels over UDP, recognized by their ports.
#[derive(Clone, Copy, Debug)]
enum UdpTunnel {
    Vxlan,
    Geneve,
    Mpls,
}

fn udp(wire: Wire<'_>) -> Result<(Header, Wire<'_>), Reason> {
    let (tunnel, rest) = udp_tunnel(wire)?;
    match tunnel {
        UdpTunnel::Vxlan => vxlan(rest),
        UdpTunnel::Geneve => geneve(rest),
        UdpTunnel::Mpls => Ok((Header::Mpls, rest)),
    }
}

/// Reads a UDP header (RFC 768); source ports are random in all these tunnels.
fn udp_tunnel(wire: Wire<'_>) -> Result<(UdpTunnel, Wire<'_>), Reason> {
    let (header, rest) = wire.header::<UDP_LENGTH>()?;
    let tunnel = match u16::from_be_bytes([header[2], header[3]]) {
        VXLAN_PORT | VXLAN_LINUX_PORT => UdpTunnel::Vxlan,
        GENEVE_PORT => UdpTunnel::Geneve,
        MPLS_PORT => UdpTunnel::Mpls,
        _ => return Err(Reason::NotTcp),
    };
    Ok((tunnel, rest))
}

/// RFC 7348, section 5.
fn vxlan(wire: Wire<'_>) -> Result<(Header, Wire<'_>), Reason> {
    let (header, rest) = wire.header::<VXLAN_LENGTH>()?;
    // Without the bit it is not VXLAN, which other traffic on these ports is not either.
    if header[0] & VXLAN_VALID == 0 { Err(Reason::NotTcp) } else { Ok((Header::Ethernet, rest)) }
}

/// RFC 8926, section 3.4.
fn geneve(wire: Wire<'_>) -> Result<(Header, Wire<'_>), Reason> {
    let (header, rest) = wire.header::<GENEVE_LENGTH>()?;
    if header[0] & GENEVE_VERSION != 0 {
        return Err(Reason::NotTcp);
    }
    let options = usize::from(header[0] & GENEVE_OPTIONS) * 4;
    let protocol = u16::from_be_bytes([header[2], header[3]]);
    Ok((Header::EtherType(protocol), rest.skip(options)?))
}

/// RFC 2784, section 2, and RFC 2890, section 2.
fn gre(wire: Wire<'_>) -> Result<(Header, Wire<'_>), Reason> {
    let (&[flags, version, high, low], mut rest) = wire.header::<GRE_LENGTH>()?;
    match version & GRE_VERSION {
        0 => {}
        1 => return Err(Reason::Encapsulation("PPTP (GRE version 1)")),
        _ => return Err(Reason::Malformed),
    }
    if flags & GRE_ROUTING != 0 {
        return Err(Reason::Encapsulation("GRE with source routes"));
    }
    for option in [GRE_CHECKSUM, GRE_KEY, GRE_SEQUENCE] {
        if flags & option != 0 {
            rest = rest.skip(GRE_OPTION_LENGTH)?;
        }
    }
    match u16::from_be_bytes([high, low]) {
        // Type I has neither a sequence number nor a header of its own.
        ERSPAN if flags & GRE_SEQUENCE == 0 => Ok((Header::Ethernet, rest)),
        ERSPAN => Ok((Header::Ethernet, rest.skip(ERSPAN_LENGTH)?)),
        ERSPAN_3 => erspan_3(rest),
        protocol => Ok((Header::EtherType(protocol), rest)),
    }
}

/// draft-foschiano-erspan-03, section 4.3.
fn erspan_3(wire: Wire<'_>) -> Result<(Header, Wire<'_>), Reason> {
    let (header, rest) = wire.header::<ERSPAN_3_LENGTH>()?;
    let subheader = if header[11] & ERSPAN_3_SUBHEADER == 0 { 0 } else { ERSPAN_LENGTH };
    Ok((Header::Ethernet, rest.skip(subheader)?))
}

/// Ports, length and checksum.
const UDP_LENGTH: usize = 8;

/// DNS (RFC 1035 §4.2), multicast DNS (RFC 6762 §3) and LLMNR (RFC 4795 §2).
const DNS_PORTS: [u16; 3] = [53, 5353, 5355];

/// IANA, "vxlan".
const VXLAN_PORT: u16 = 4789;

/// Linux's default from before the assignment.
const VXLAN_LINUX_PORT: u16 = 8472;

/// IANA, "geneve".
const GENEVE_PORT: u16 = 6081;

/// IANA, "mpls-udp" (RFC 7510).
const MPLS_PORT: u16 = 6635;

/// Flags, network identifier, reserved bytes.
const VXLAN_LENGTH: usize = 8;

/// Bit I: the network identifier is valid.
const VXLAN_VALID: u8 = 0x08;

/// The fixed part of the header.
const GENEVE_LENGTH: usize = 8;

/// Version bits in the first byte.
const GENEVE_VERSION: u8 = 0xc0;

/// Length of the options in words, in the first byte.
const GENEVE_OPTIONS: u8 = 0x3f;

/// Flags, version and protocol type.
const GRE_LENGTH: usize = 4;

/// Checksum, key and sequence number have four bytes each.
const GRE_OPTION_LENGTH: usize = 4;

// GRE flags, first byte.
const GRE_CHECKSUM: u8 = 0x80;
const GRE_ROUTING: u8 = 0x40;
const GRE_KEY: u8 = 0x20;
const GRE_SEQUENCE: u8 = 0x10;

/// Version bits in the second byte of GRE.
const GRE_VERSION: u8 = 0x07;

/// Protocol type of ERSPAN types I and II (draft-foschiano-erspan-03).
const ERSPAN: u16 = 0x88be;

/// Protocol type of ERSPAN type III.
const ERSPAN_3: u16 = 0x22eb;

/// Length of the ERSPAN type II header, and of the subheader of type III.
const ERSPAN_LENGTH: usize = 8;

/// Length of the ERSPAN type III header.
const ERSPAN_3_LENGTH: usize = 12;

/// Bit O in the last byte of the type III header: a subheader follows.
const ERSPAN_3_SUBHEADER: u8 = 0x01;

#[cfg(test)]
mod tests {
    use super::super::craft::{PAYLOAD, decode};
    use super::*;
    use crate::testkit::packet::{
        ETHERNET, GRE, IP_IN_IP, IPV6_IN_IP, TCP, UDP, ethernet, ipv4, ipv6, join, tcp, udp,
    };

    const MPLS_IN_IP: u8 = 137;
    const ESP: u8 = 50;

    fn over_ethernet(protocol: u8, payload: &[u8]) -> Vec<u8> {
        ethernet(0x0800, &ipv4(protocol, payload))
    }

    #[test]
    fn tunnels_lead_to_the_segment_inside() {
        let (over_4, over_6) = (ipv4(TCP, &tcp(PAYLOAD)), ipv6(TCP, &tcp(PAYLOAD)));
        let frame = ethernet(0x0800, &over_4);
        let vxlan = join(&[&[8, 0, 0, 0, 0, 0, 1, 0], &frame]);
        let gre = |header: &[u8], rest: &[u8]| over_ethernet(GRE, &join(&[header, rest]));
        for (name, bytes) in [
            ("IPv4 in IPv4", over_ethernet(IP_IN_IP, &over_4)),
            ("IPv6 in IPv4", over_ethernet(IPV6_IN_IP, &over_6)),
            ("IPv4 in IPv6", ethernet(0x86dd, &ipv6(IP_IN_IP, &over_4))),
            ("VXLAN", over_ethernet(UDP, &udp(4789, &vxlan))),
            ("VXLAN, Linux's old port", over_ethernet(UDP, &udp(8472, &vxlan))),
            ("VXLAN over IPv6", ethernet(0x86dd, &ipv6(UDP, &udp(4789, &vxlan)))),
            (
                "Geneve",
                over_ethernet(UDP, &udp(6081, &join(&[&[0, 0, 0x65, 0x58, 0, 0, 1, 0], &frame]))),
            ),
            (
                "Geneve with options",
                over_ethernet(
                    UDP,
                    &udp(6081, &join(&[&[2, 0, 8, 0, 0, 0, 1, 0], &[9; 8], &over_4])),
                ),
            ),
            ("MPLS in UDP", over_ethernet(UDP, &udp(6635, &join(&[&[0, 1, 1, 64], &over_4])))),
            ("MPLS in IP", over_ethernet(MPLS_IN_IP, &join(&[&[0, 1, 1, 64], &over_6]))),
            ("GRE", gre(&[0, 0, 8, 0], &over_4)),
            ("GRE, IPv6", gre(&[0, 0, 0x86, 0xdd], &over_6)),
            ("GRE with a checksum", gre(&[0x80, 0, 8, 0, 9, 9, 0, 0], &over_4)),
            ("GRE with a key", gre(&[0x20, 0, 8, 0, 0, 0, 0, 1], &over_4)),
            ("GRE with all options", gre(&join(&[&[0xb0, 0, 8, 0], &[9; 12]]), &over_4)),
            ("GRE, Ethernet", gre(&[0, 0, 0x65, 0x58], &frame)),
            ("ERSPAN type I", gre(&[0, 0, 0x88, 0xbe], &frame)),
            ("ERSPAN type II", gre(&join(&[&[0x10, 0, 0x88, 0xbe], &[0; 12]]), &frame)),
            ("ERSPAN type III", gre(&join(&[&[0x10, 0, 0x22, 0xeb], &[0; 16]]), &frame)),
            (
                "ERSPAN type III with a subheader",
                gre(&join(&[&[0x10, 0, 0x22, 0xeb], &[0; 15], &[1], &[0; 8]]), &frame),
            ),
            (
                "three tunnels",
                over_ethernet(
                    UDP,
                    &udp(
                        4789,
                        &join(&[
                            &[8, 0, 0, 0, 0, 0, 1, 0],
                            &over_ethernet(GRE, &join(&[&[0, 0, 8, 0], &ipv4(IP_IN_IP, &over_4)])),
                        ]),
                    ),
                ),
            ),
        ] {
            assert_eq!(decode(ETHERNET, &bytes).as_deref(), Ok(PAYLOAD), "{name}");
            for length in 0..bytes.len() - PAYLOAD.len() {
                assert!(decode(ETHERNET, &bytes[..length]).is_err(), "{name}, {length} bytes");
            }
        }
    }

    #[test]
    fn unreadable_tunnels_are_reported_with_the_reason() {
        let over_4 = ipv4(TCP, &tcp(PAYLOAD));
        let frame = ethernet(0x0800, &over_4);
        let gre = |header: &[u8]| over_ethernet(GRE, &join(&[header, &over_4]));
        let flagless = join(&[&[0; 8], &frame]);
        let geneve_1 = join(&[&[0x40, 0, 0x65, 0x58, 0, 0, 1, 0], &frame]);
        for (name, bytes, reason) in [
            ("DNS", over_ethernet(UDP, &udp(53, &frame)), Reason::NotTcp),
            ("ICMP", over_ethernet(1, &over_4), Reason::NotTcp),
            ("VXLAN without its flag", over_ethernet(UDP, &udp(4789, &flagless)), Reason::NotTcp),
            ("Geneve version 1", over_ethernet(UDP, &udp(6081, &geneve_1)), Reason::NotTcp),
            ("GRE keepalive", gre(&[0, 0, 0, 0]), Reason::NotTcp),
            ("GRE version 2", gre(&[0, 2, 8, 0]), Reason::Malformed),
            ("PPTP", gre(&[0, 1, 8, 0]), Reason::Encapsulation("PPTP (GRE version 1)")),
            (
                "GRE with routes",
                gre(&[0x40, 0, 8, 0]),
                Reason::Encapsulation("GRE with source routes"),
            ),
            ("ESP", over_ethernet(ESP, &over_4), Reason::Encapsulation("IPsec ESP")),
        ] {
            assert_eq!(decode(ETHERNET, &bytes), Err(reason), "{name}");
        }
    }
}
