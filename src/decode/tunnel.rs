//! What an IP datagram may carry that leads to another IP header.

use etherparse::IpNumber;

use super::Reason;
use super::ethertype::Header;
use super::ip::Datagram;
use super::wire::Wire;

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

/// Tunnels on top of UDP, told by their ports.
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

/// The part of the header that is always there.
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
