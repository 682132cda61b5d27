//! IPv4 and IPv6 with their extension headers, and TCP.
//!
//! Lengths come from the IP header, not from the capture: padding is not payload, and what the snap
//! length cut off is counted as missing. Checksums are ignored, because network cards compute them
//! after the capture was taken.

use std::net::IpAddr;

use etherparse::{
    IpAuthHeaderSlice, IpFragOffset, IpNumber, Ipv4HeaderSlice, Ipv6FragmentHeaderSlice,
    Ipv6HeaderSlice, Ipv6RawExtHeaderSlice, TcpSlice, err,
};

use super::wire::Wire;
use super::{Endpoint, Flags, Reason, Segment};

/// An IP datagram, or a fragment of one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Datagram<'a> {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    /// What the payload is; for a fragment, what the reassembled payload is.
    pub(super) protocol: IpNumber,
    /// What follows the last IP header.
    pub(super) payload: Wire<'a>,
    /// Set if the payload is not complete.
    pub(super) fragment: Option<Fragment>,
}

/// Which part of its datagram a fragment is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fragment {
    pub(super) identification: u32,
    pub(super) offset: IpFragOffset,
    /// Whether it is not the last part.
    pub(super) more: bool,
}

impl<'a> Datagram<'a> {
    /// Reads the IP headers.
    pub(super) fn read(wire: Wire<'a>) -> Result<Self, Reason> {
        match wire.bytes.first().map(|byte| byte >> 4) {
            Some(VERSION_4) => Self::version_4(wire),
            Some(VERSION_6) => Self::version_6(wire),
            Some(_) => Err(Reason::Malformed),
            None => Err(wire.too_short()),
        }
    }

    /// The datagram whose fragments were put together to `payload`.
    pub(super) fn reassembled(self, payload: Wire<'a>) -> Result<Self, Reason> {
        let whole = Self { payload, fragment: None, ..self }.skip_extensions()?;
        // A fragment header inside a reassembled payload is nonsense.
        if whole.fragment.is_some() { Err(Reason::Malformed) } else { Ok(whole) }
    }

    /// The TCP segment in the payload.
    pub(super) fn segment(&self) -> Result<Segment<'a>, Reason> {
        let tcp = match TcpSlice::from_slice(self.payload.bytes) {
            Ok(tcp) => tcp,
            Err(err::tcp::HeaderSliceError::Len(_)) => return self.segment_without_options(),
            Err(err::tcp::HeaderSliceError::Content(_)) => return Err(Reason::Malformed),
        };
        let flags = tcp.header_slice().get(TCP_FLAGS).copied().unwrap_or_default();
        let payload = self.payload.skip(tcp.header_slice().len())?;
        Ok(Segment {
            source: Endpoint::new(self.source, tcp.source_port()),
            destination: Endpoint::new(self.destination, tcp.destination_port()),
            sequence: tcp.sequence_number(),
            acknowledgement: tcp.acknowledgment_number(),
            flags: Flags(flags),
            window: tcp.window_size(),
            payload: payload.bytes,
            missing: u32::try_from(payload.missing).unwrap_or(u32::MAX),
        })
    }

    /// The TCP segment whose options the snap length cut off: those of a SYN do not fit into 68 bytes.
    fn segment_without_options(&self) -> Result<Segment<'a>, Reason> {
        let Wire { bytes, missing } = self.payload;
        let Some((fixed, options)) = bytes.split_first_chunk::<FIXED_TCP_HEADER>() else {
            return Err(self.payload.too_short());
        };
        let length = usize::from(fixed[TCP_DATA_OFFSET] >> 4).saturating_mul(4);
        let recorded = FIXED_TCP_HEADER.saturating_add(options.len());
        // All of the payload is missing, as it follows the options.
        let unrecorded = length.checked_sub(recorded).and_then(|rest| missing.checked_sub(rest));
        let missing = unrecorded.ok_or_else(|| self.payload.too_short())?;
        let mut whole = *fixed;
        whole[TCP_DATA_OFFSET] = NO_OPTIONS | (fixed[TCP_DATA_OFFSET] & 0x0f);
        let tcp = TcpSlice::from_slice(&whole).map_err(|_| Reason::Malformed)?;
        Ok(Segment {
            source: Endpoint::new(self.source, tcp.source_port()),
            destination: Endpoint::new(self.destination, tcp.destination_port()),
            sequence: tcp.sequence_number(),
            acknowledgement: tcp.acknowledgment_number(),
            flags: Flags(whole[TCP_FLAGS]),
            window: tcp.window_size(),
            payload: &[],
            missing: u32::try_from(missing).unwrap_or(u32::MAX),
        })
    }

    /// RFC 791, section 3.1.
    fn version_4(wire: Wire<'a>) -> Result<Self, Reason> {
        use err::ipv4::HeaderSliceError::{Content, Len};
        let header = Ipv4HeaderSlice::from_slice(wire.bytes).map_err(|error| match error {
            Len(_) => wire.too_short(),
            Content(_) => Reason::Malformed,
        })?;
        let wire = match header.total_len() {
            // Left to the network card to fill in, with a segment of up to 64 KiB and more (TSO).
            0 => wire,
            length => wire.limit(usize::from(length)),
        };
        let fragment = header.is_fragmenting_payload().then(|| Fragment {
            identification: u32::from(header.identification()),
            offset: header.fragments_offset(),
            more: header.more_fragments(),
        });
        Self {
            source: IpAddr::V4(header.source_addr()),
            destination: IpAddr::V4(header.destination_addr()),
            protocol: header.protocol(),
            // A total length shorter than the header fails here.
            payload: wire.skip(header.slice().len())?,
            fragment,
        }
        .skip_extensions()
    }

    /// RFC 8200, section 3.
    fn version_6(wire: Wire<'a>) -> Result<Self, Reason> {
        use err::ipv6::HeaderSliceError::{Content, Len};
        let header = Ipv6HeaderSlice::from_slice(wire.bytes).map_err(|error| match error {
            Len(_) => wire.too_short(),
            Content(_) => Reason::Malformed,
        })?;
        let wire = wire.skip(header.slice().len())?;
        let payload = match header.payload_length() {
            // A jumbogram (RFC 2675), which Linux also uses for its own large segments (BIG TCP).
            0 => wire,
            length => wire.limit(usize::from(length)),
        };
        Self {
            source: IpAddr::V6(header.source_addr()),
            destination: IpAddr::V6(header.destination_addr()),
            protocol: header.next_header(),
            payload,
            fragment: None,
        }
        .skip_extensions()
    }

    /// Skips extension headers, up to a header that marks the payload as a fragment.
    fn skip_extensions(mut self) -> Result<Self, Reason> {
        while self.fragment.is_none() {
            let bytes = self.payload.bytes;
            let (next, length) = match self.protocol {
                IpNumber::IPV6_HEADER_HOP_BY_HOP
                | IpNumber::IPV6_DESTINATION_OPTIONS
                | IpNumber::IPV6_ROUTE_HEADER => {
                    let header = Ipv6RawExtHeaderSlice::from_slice(bytes)
                        .map_err(|_| self.payload.too_short())?;
                    (header.next_header(), header.slice().len())
                }
                IpNumber::AUTHENTICATION_HEADER => {
                    let header = IpAuthHeaderSlice::from_slice(bytes)
                        .map_err(|_| self.payload.too_short())?;
                    (header.next_header(), header.slice().len())
                }
                IpNumber::IPV6_FRAGMENTATION_HEADER => {
                    let header = Ipv6FragmentHeaderSlice::from_slice(bytes)
                        .map_err(|_| self.payload.too_short())?;
                    // "Atomic" fragments (RFC 6946) are complete.
                    self.fragment = header.is_fragmenting_payload().then(|| Fragment {
                        identification: header.identification(),
                        offset: header.fragment_offset(),
                        more: header.more_fragments(),
                    });
                    (header.next_header(), header.slice().len())
                }
                _ => break,
            };
            self.protocol = next;
            self.payload = self.payload.skip(length)?;
        }
        Ok(self)
    }
}

/// The TCP segment in an IP datagram without options and extension headers that is not a fragment:
/// nearly every packet.
///
/// `None` means only that [`Datagram::read`] must be used. It gives the same segments (a test
/// compares them) and costs more than twice as much.
#[inline]
pub(super) fn plain_segment(wire: Wire<'_>) -> Option<Segment<'_>> {
    match wire.bytes.first()? {
        &PLAIN_IPV4 => plain_version_4(wire),
        byte if byte >> 4 == VERSION_6 => plain_version_6(wire),
        _ => None,
    }
}

/// The same for an IPv4 header of five words.
#[inline]
fn plain_version_4(wire: Wire<'_>) -> Option<Segment<'_>> {
    let header: &[u8; IPV4_LENGTH] = wire.bytes.first_chunk()?;
    let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let fragment = u16::from_be_bytes([header[6], header[7]]) & FRAGMENT_MASK;
    if header[9] != IpNumber::TCP.0 || fragment != 0 || length < IPV4_LENGTH {
        return None;
    }
    let source = |port| Endpoint::v4([header[12], header[13], header[14], header[15]], port);
    let destination = |port| Endpoint::v4([header[16], header[17], header[18], header[19]], port);
    plain_tcp(source, destination, wire.limit(length).skip(IPV4_LENGTH).ok()?)
}

/// The same for an IPv6 header directly before TCP.
#[inline]
fn plain_version_6(wire: Wire<'_>) -> Option<Segment<'_>> {
    let (header, rest) = wire.header::<IPV6_LENGTH>().ok()?;
    let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
    if header[6] != IpNumber::TCP.0 || length == 0 {
        return None;
    }
    let (_, addresses) = header.split_first_chunk::<IPV6_ADDRESSES>()?;
    let (source, addresses) = addresses.split_first_chunk::<16>()?;
    let destination = addresses.first_chunk::<16>()?;
    plain_tcp(
        |port| Endpoint::v6(*source, port),
        |port| Endpoint::v6(*destination, port),
        rest.limit(length),
    )
}

/// Reads a TCP header, if it was captured completely, and takes the rest as payload.
#[inline]
fn plain_tcp(
    source: impl Fn(u16) -> Endpoint,
    destination: impl Fn(u16) -> Endpoint,
    wire: Wire<'_>,
) -> Option<Segment<'_>> {
    let header: &[u8; TCP_LENGTH] = wire.bytes.first_chunk()?;
    let length = usize::from(header[12] >> 4) * 4;
    if length < TCP_LENGTH {
        return None;
    }
    Some(Segment {
        source: source(u16::from_be_bytes([header[0], header[1]])),
        destination: destination(u16::from_be_bytes([header[2], header[3]])),
        sequence: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
        acknowledgement: u32::from_be_bytes([header[8], header[9], header[10], header[11]]),
        flags: Flags(header[TCP_FLAGS]),
        window: u16::from_be_bytes([header[14], header[15]]),
        payload: wire.bytes.get(length..)?,
        missing: u32::try_from(wire.missing).unwrap_or(u32::MAX),
    })
}

/// In the first four bits of an IP header.
const VERSION_4: u8 = 4;

/// In the first four bits of an IP header.
const VERSION_6: u8 = 6;

/// First byte of IPv4: version 4, a header of five words.
const PLAIN_IPV4: u8 = 0x45;

/// Length of an IPv4 header without options (RFC 791, section 3.1).
const IPV4_LENGTH: usize = 20;

/// Length of an IPv6 header (RFC 8200, section 3).
const IPV6_LENGTH: usize = 40;

/// Position of the addresses in an IPv6 header.
const IPV6_ADDRESSES: usize = 8;

/// Length of a TCP header without options (RFC 9293, section 3.1).
const TCP_LENGTH: usize = 20;

/// The more-fragments bit and the fragment offset; without the don't-fragment and reserved bits.
const FRAGMENT_MASK: u16 = 0x3fff;

/// Bytes of a TCP header without options (RFC 9293 §3.1).
const FIXED_TCP_HEADER: usize = 20;

/// Position of the length of a TCP header, in words of four bytes, in its upper four bits.
const TCP_DATA_OFFSET: usize = 12;

/// The length of a TCP header without options, as written there.
const NO_OPTIONS: u8 = 0x50;

/// Position of the control bits in a TCP header (RFC 9293, section 3.1).
const TCP_FLAGS: usize = 13;

#[cfg(test)]
mod tests {
    use etherparse::{IpHeaders, PacketBuilder, PacketBuilderStep};

    fn endpoint(text: &str) -> Endpoint {
        let address: std::net::SocketAddr = text.parse().unwrap();
        Endpoint::new(address.ip(), address.port())
    }

    use super::super::craft::PAYLOAD;
    use super::*;
    use crate::testkit::packet::{TCP, ipv4, ipv6, join, tcp};

    fn general(bytes: &[u8], missing: usize) -> Result<Segment<'_>, Reason> {
        Datagram::read(Wire { bytes, missing }).and_then(|datagram| datagram.segment())
    }

    /// An IPv4 datagram with four bytes of options.
    fn with_options() -> Vec<u8> {
        let mut bytes = ipv4(TCP, &join(&[&[1, 1, 1, 0], &tcp(PAYLOAD)]));
        bytes[0] = 0x46;
        bytes
    }

    #[test]
    fn short_cut_and_general_way_agree() {
        let padded = |bytes: Vec<u8>| join(&[&bytes, &[0xee; 6]]);
        for (name, whole) in [
            ("IPv4", ipv4(TCP, &tcp(PAYLOAD))),
            ("IPv6", ipv6(TCP, &tcp(PAYLOAD))),
            ("IPv4, no payload, padded", padded(ipv4(TCP, &tcp(b"")))),
            ("IPv6, no payload, padded", padded(ipv6(TCP, &tcp(b"")))),
        ] {
            assert!(plain_segment(Wire { bytes: &whole, missing: 0 }).is_some(), "{name}");
            for length in 0..=whole.len() {
                let (bytes, missing) = (&whole[..length], whole.len() - length);
                if let Some(segment) = plain_segment(Wire { bytes, missing }) {
                    assert_eq!(general(bytes, missing), Ok(segment), "{name}, {length} bytes");
                }
            }
            for at in 0..whole.len() {
                for value in 0..=u8::MAX {
                    let mut bytes = whole.clone();
                    bytes[at] = value;
                    if let Some(segment) = plain_segment(Wire { bytes: &bytes, missing: 0 }) {
                        assert_eq!(general(&bytes, 0), Ok(segment), "{name}, {at} set to {value}");
                    }
                }
            }
        }
    }

    #[test]
    fn fields_are_those_that_etherparse_writes() {
        let write = |builder: PacketBuilderStep<IpHeaders>| {
            let mut bytes = Vec::new();
            let tcp = builder.tcp(50_000, 8080, 0xfedc_ba98, 512).syn().ack(77);
            tcp.write(&mut bytes, PAYLOAD).unwrap();
            bytes
        };
        let over_4 = write(PacketBuilder::ipv4([192, 0, 2, 1], [192, 0, 2, 9], 64));
        let over_6 = write(PacketBuilder::ipv6([1; 16], [2; 16], 64));
        for (name, bytes, source, destination) in [
            ("IPv4", &over_4, "192.0.2.1:50000", "192.0.2.9:8080"),
            (
                "IPv6",
                &over_6,
                "[101:101:101:101:101:101:101:101]:50000",
                "[202:202:202:202:202:202:202:202]:8080",
            ),
        ] {
            let expected = Segment {
                source: endpoint(source),
                destination: endpoint(destination),
                sequence: 0xfedc_ba98,
                acknowledgement: 77,
                flags: Flags(Flags::SYN.0 | Flags::ACK.0),
                window: 512,
                payload: PAYLOAD,
                missing: 0,
            };
            assert_eq!(general(bytes, 0), Ok(expected), "{name}");
            assert_eq!(plain_segment(Wire { bytes, missing: 0 }), Some(expected), "{name}");
        }
    }

    #[test]
    fn lengths_come_from_the_ip_header() {
        let no_length = |mut bytes: Vec<u8>, at: usize| {
            bytes[at..at + 2].fill(0);
            bytes
        };
        let whole = PAYLOAD.len();
        for (name, bytes, cut, payload, missing) in [
            ("IPv4", ipv4(TCP, &tcp(PAYLOAD)), 0, whole, 0),
            ("IPv4 with options", with_options(), 0, whole, 0),
            ("IPv4 with options, cut", with_options(), 5, whole - 5, 5),
            ("IPv6, cut", ipv6(TCP, &tcp(PAYLOAD)), 5, whole - 5, 5),
            ("all of the payload cut", ipv4(TCP, &tcp(PAYLOAD)), whole, 0, whole),
            ("no length (TSO)", no_length(ipv4(TCP, &tcp(PAYLOAD)), 2), 0, whole, 0),
            ("no length (TSO), cut", no_length(ipv4(TCP, &tcp(PAYLOAD)), 2), 5, whole - 5, 5),
            ("no length in IPv6", no_length(ipv6(TCP, &tcp(PAYLOAD)), 4), 0, whole, 0),
        ] {
            let segment = general(&bytes[..bytes.len() - cut], cut).unwrap();
            assert_eq!(segment.payload, &PAYLOAD[..payload], "{name}");
            assert_eq!(usize::try_from(segment.missing), Ok(missing), "{name}");
        }
    }

    #[test]
    fn nonsense_is_malformed() {
        let changed = |at: usize, value: u8| {
            let mut bytes = ipv4(TCP, &tcp(PAYLOAD));
            bytes[at] = value;
            bytes
        };
        for (name, bytes) in [
            ("nothing", Vec::new()),
            ("version 5", changed(0, 0x55)),
            ("IPv4 header of four words", changed(0, 0x44)),
            ("total length inside the header", changed(3, 19)),
            ("total length inside the TCP header", changed(3, 39)),
            ("data offset of four words", changed(32, 0x40)),
            ("data offset beyond the packet", {
                let mut bytes = ipv4(TCP, &tcp(b"too short"));
                bytes[32] = 0xf0;
                bytes
            }),
            ("IPv6 length inside the TCP header", {
                let mut bytes = ipv6(TCP, &tcp(PAYLOAD));
                bytes[5] = 19;
                bytes
            }),
        ] {
            let plain = plain_segment(Wire { bytes: &bytes, missing: 0 });
            assert_eq!(plain, None, "{name}");
            assert_eq!(general(&bytes, 0), Err(Reason::Malformed), "{name}");
        }
    }

    #[test]
    fn a_header_cut_by_the_snap_length_is_not_malformed() {
        for (name, bytes, headers) in [
            ("IPv4", ipv4(TCP, &tcp(PAYLOAD)), 40),
            ("IPv4 with options", with_options(), 44),
            ("IPv6", ipv6(TCP, &tcp(PAYLOAD)), 60),
        ] {
            for length in 0..bytes.len() {
                let result = general(&bytes[..length], bytes.len() - length);
                if length < headers {
                    assert_eq!(result, Err(Reason::Cut), "{name}, {length} bytes");
                } else {
                    assert!(result.is_ok(), "{name}, {length} bytes");
                }
            }
        }
    }

    #[test]
    fn options_of_tcp_may_be_cut() {
        // A SYN with 20 bytes of options, and a segment with 12 before its payload.
        for (name, options, payload) in [("SYN", 20_usize, &b""[..]), ("data", 12, PAYLOAD)] {
            let mut segment = tcp(b"");
            segment[12] = u8::try_from((20 + options) / 4).unwrap() << 4;
            segment.extend(vec![1; options]);
            segment.extend_from_slice(payload);
            let bytes = ipv4(TCP, &segment);
            let whole = general(&bytes, 0).unwrap();
            for length in 40..bytes.len() {
                let cut = general(&bytes[..length], bytes.len() - length).unwrap();
                let missing = usize::try_from(cut.missing).unwrap();
                assert_eq!(cut.payload.len() + missing, payload.len(), "{name}, {length} bytes");
                assert_eq!(
                    Segment { payload: &[], missing: 0, ..cut },
                    Segment { payload: &[], ..whole }
                );
            }
        }
    }

    #[test]
    fn extension_headers_are_passed() {
        const HOP_BY_HOP: u8 = 0;
        const ROUTING: u8 = 43;
        const FRAGMENT: u8 = 44;
        const AUTHENTICATION: u8 = 51;
        const DESTINATION: u8 = 60;
        let raw = |next: u8, rest: &[u8]| join(&[&[next, 0, 1, 4, 0, 0, 0, 0], rest]);
        let authentication = |rest: &[u8]| join(&[&[TCP, 4], &[0; 22], rest]);
        let segment = tcp(PAYLOAD);
        for (name, bytes) in [
            ("hop by hop", ipv6(HOP_BY_HOP, &raw(TCP, &segment))),
            (
                "three in a row",
                ipv6(HOP_BY_HOP, &raw(DESTINATION, &raw(ROUTING, &raw(TCP, &segment)))),
            ),
            ("authentication in IPv6", ipv6(AUTHENTICATION, &authentication(&segment))),
            ("authentication in IPv4", ipv4(AUTHENTICATION, &authentication(&segment))),
            (
                "a fragment that is whole",
                ipv6(FRAGMENT, &join(&[&[TCP, 0, 0, 0, 0, 0, 0, 9], &segment])),
            ),
        ] {
            assert_eq!(general(&bytes, 0).map(|segment| segment.payload), Ok(PAYLOAD), "{name}");
            for length in 0..bytes.len() - PAYLOAD.len() {
                let result = general(&bytes[..length], bytes.len() - length);
                assert_eq!(result, Err(Reason::Cut), "{name}, {length} bytes");
            }
        }
    }
}
