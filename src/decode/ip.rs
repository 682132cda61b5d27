//! IPv4 and IPv6 with their extension headers, and TCP.
//!
//! Lengths come from the IP header, not from the capture: padding is no payload, and what the snap
//! length cut off is counted as missing. Checksums are ignored, because network cards compute them
//! after the capture was taken.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use etherparse::{
    IpAuthHeaderSlice, IpFragOffset, IpNumber, Ipv4HeaderSlice, Ipv6FragmentHeaderSlice,
    Ipv6HeaderSlice, Ipv6RawExtHeaderSlice, TcpSlice, err,
};

use super::wire::Wire;
use super::{Flags, Reason, Segment};

/// An IP datagram, or a fragment of one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Datagram<'a> {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    /// What the payload is; for a fragment, what the reassembled payload is.
    pub(super) protocol: IpNumber,
    /// What follows the last IP header.
    pub(super) payload: Wire<'a>,
    /// Set when the payload is not whole.
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
            Some(4) => Self::version_4(wire),
            Some(6) => Self::version_6(wire),
            Some(_) => Err(Reason::Malformed),
            None => Err(wire.too_short()),
        }
    }

    /// The datagram whose fragments were put together to `payload`.
    pub(super) fn reassembled(self, payload: Wire<'a>) -> Result<Self, Reason> {
        let whole = Self { payload, fragment: None, ..self }.skip_extensions()?;
        // A fragment header inside a reassembled payload cannot be meant seriously.
        if whole.fragment.is_some() { Err(Reason::Malformed) } else { Ok(whole) }
    }

    /// The TCP segment in the payload.
    pub(super) fn segment(&self) -> Result<Segment<'a>, Reason> {
        let tcp = TcpSlice::from_slice(self.payload.bytes).map_err(|error| match error {
            err::tcp::HeaderSliceError::Len(_) => self.payload.too_short(),
            err::tcp::HeaderSliceError::Content(_) => Reason::Malformed,
        })?;
        let flags = tcp.header_slice().get(TCP_FLAGS).copied().unwrap_or_default();
        let payload = self.payload.skip(tcp.header_slice().len())?;
        Ok(Segment {
            source: SocketAddr::new(self.source, tcp.source_port()),
            destination: SocketAddr::new(self.destination, tcp.destination_port()),
            sequence: tcp.sequence_number(),
            acknowledgement: tcp.acknowledgment_number(),
            flags: Flags(flags),
            window: tcp.window_size(),
            payload: payload.bytes,
            missing: u32::try_from(payload.missing).unwrap_or(u32::MAX),
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

    /// Goes past extension headers, up to a header that says the payload is a fragment.
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
                    // "Atomic" fragments (RFC 6946) are whole.
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

/// The TCP segment in an IPv4 datagram without options that is no fragment: nearly every packet.
///
/// `None` says only that the general way must be taken. That way gives the same segments (a test
/// compares them) and costs more than twice as much.
#[inline]
pub(super) fn plain_ipv4_segment(wire: Wire<'_>) -> Option<Segment<'_>> {
    let header: &[u8; PLAIN_LENGTH] = wire.bytes.first_chunk()?;
    let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let fragment = u16::from_be_bytes([header[6], header[7]]) & FRAGMENT_MASK;
    let start = IPV4_LENGTH + usize::from(header[32] >> 4) * 4;
    let plain = header[0] == PLAIN_VERSION_AND_LENGTH
        && fragment == 0
        && header[9] == IpNumber::TCP.0
        && start >= PLAIN_LENGTH
        && start <= length;
    if !plain {
        return None;
    }
    let payload = wire.bytes.get(start..length.min(wire.bytes.len()))?;
    let missing = length.saturating_sub(wire.bytes.len());
    let source = Ipv4Addr::new(header[12], header[13], header[14], header[15]);
    let destination = Ipv4Addr::new(header[16], header[17], header[18], header[19]);
    Some(Segment {
        source: SocketAddr::new(source.into(), u16::from_be_bytes([header[20], header[21]])),
        destination: SocketAddr::new(
            destination.into(),
            u16::from_be_bytes([header[22], header[23]]),
        ),
        sequence: u32::from_be_bytes([header[24], header[25], header[26], header[27]]),
        acknowledgement: u32::from_be_bytes([header[28], header[29], header[30], header[31]]),
        flags: Flags(header[33]),
        window: u16::from_be_bytes([header[34], header[35]]),
        payload,
        missing: u32::try_from(missing).unwrap_or(u32::MAX),
    })
}

/// Length of an IPv4 header without options (RFC 791, section 3.1).
const IPV4_LENGTH: usize = 20;

/// Length of an IPv4 and a TCP header, both without options (RFC 9293, section 3.1).
const PLAIN_LENGTH: usize = IPV4_LENGTH + 20;

/// Version 4, five words of header.
const PLAIN_VERSION_AND_LENGTH: u8 = 0x45;

/// The more-fragments bit and the fragment offset; without the don't-fragment and reserved bits.
const FRAGMENT_MASK: u16 = 0x3fff;

/// Position of the control bits in a TCP header (RFC 9293, section 3.1).
const TCP_FLAGS: usize = 13;
