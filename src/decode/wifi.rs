//! IEEE 802.11 data frames, bare or behind a radiotap header.

use super::Reason;
use super::ethertype::Header;
use super::wire::Wire;

/// Reads a frame's MAC header (IEEE 802.11, clause 9.2.4).
///
/// Only unencrypted data frames lead to IP. The others are named where they may hide TCP.
pub(super) fn frame(wire: Wire<'_>) -> Result<(Header, Wire<'_>), Reason> {
    let (&[kind, flags], _) = wire.header::<2>()?;
    if kind & (VERSION | TYPE) != TYPE_DATA || kind & SUBTYPE_NO_DATA != 0 {
        return Err(Reason::NotTcp);
    }
    if flags & PROTECTED != 0 {
        return Err(Reason::Encapsulation("encrypted 802.11"));
    }
    let (header, rest) = wire.header::<MAC_LENGTH>()?;
    if flags & MORE_FRAGMENTS != 0 || header[SEQUENCE_CONTROL] & FRAGMENT_NUMBER != 0 {
        return Err(Reason::Encapsulation("fragmented 802.11"));
    }
    let fourth_address = if flags & BETWEEN_STATIONS == BETWEEN_STATIONS { ADDRESS } else { 0 };
    let rest = rest.skip(fourth_address)?;
    if kind & SUBTYPE_QOS == 0 {
        return Ok((Header::Llc, rest));
    }
    let (quality, rest) = rest.header::<QOS_CONTROL>()?;
    if quality[0] & AGGREGATE != 0 {
        return Err(Reason::Encapsulation("aggregated 802.11 (A-MSDU)"));
    }
    Ok((Header::Llc, rest.skip(if flags & ORDER == 0 { 0 } else { HT_CONTROL })?))
}

/// Reads a radiotap header (<https://www.radiotap.org>) and the frame behind it.
pub(super) fn radiotap(wire: Wire<'_>) -> Result<(Header, Wire<'_>), Reason> {
    let (header, _) = wire.header::<RADIOTAP_LENGTH>()?;
    let length = usize::from(u16::from_le_bytes([header[2], header[3]]));
    if header[0] != 0 || length < RADIOTAP_LENGTH {
        return Err(Reason::Malformed);
    }
    let (link, payload) = frame(wire.skip(length)?)?;
    if radiotap_flags(wire)? & DATA_PADDED == 0 {
        return Ok((link, payload));
    }
    // The MAC header was padded to a multiple of four bytes.
    let read = wire.bytes.len().saturating_sub(payload.bytes.len()).saturating_sub(length);
    Ok((link, payload.skip(read.next_multiple_of(4) - read)?))
}

/// The flags field of a radiotap header; 0 where there is none.
fn radiotap_flags(wire: Wire<'_>) -> Result<u8, Reason> {
    let mut rest = wire.skip(RADIOTAP_LENGTH - PRESENT_WORD)?;
    let mut first = None;
    loop {
        let (word, behind) = rest.header()?;
        let word = u32::from_le_bytes(*word);
        first = first.or(Some(word));
        rest = behind;
        if word & PRESENT_MORE == 0 {
            break;
        }
    }
    let present = first.unwrap_or_default();
    if present & PRESENT_FLAGS == 0 {
        return Ok(0);
    }
    if present & PRESENT_TIMER != 0 {
        let read = wire.bytes.len().saturating_sub(rest.bytes.len());
        rest = rest.skip(read.next_multiple_of(TIMER) - read + TIMER)?;
    }
    Ok(rest.header::<1>()?.0[0])
}

/// Frame control, duration, three addresses and sequence control.
const MAC_LENGTH: usize = 24;

/// Position of the sequence control field, low byte first.
const SEQUENCE_CONTROL: usize = 22;

/// In sequence control: the number of the fragment.
const FRAGMENT_NUMBER: u8 = 0x0f;

/// Length of an address.
const ADDRESS: usize = 6;

/// Length of the `QoS` control field.
const QOS_CONTROL: usize = 2;

/// In `QoS` control: several frames in one (A-MSDU).
const AGGREGATE: u8 = 0x80;

/// Length of the HT control field.
const HT_CONTROL: usize = 4;

// Frame control, first byte.
const VERSION: u8 = 0x03;
const TYPE: u8 = 0x0c;
const TYPE_DATA: u8 = 0x08;
const SUBTYPE_NO_DATA: u8 = 0x40;
const SUBTYPE_QOS: u8 = 0x80;

// Frame control, second byte.
/// To and from a distribution system: a fourth address follows.
const BETWEEN_STATIONS: u8 = 0x03;
const MORE_FRAGMENTS: u8 = 0x04;
const PROTECTED: u8 = 0x40;
/// In `QoS` frames: an HT control field follows.
const ORDER: u8 = 0x80;

/// Version, padding, length and the first word of what is present.
const RADIOTAP_LENGTH: usize = 8;

/// Length of one word of what is present.
const PRESENT_WORD: usize = 4;

/// Another word follows.
const PRESENT_MORE: u32 = 0x8000_0000;

/// The timer (TSFT), aligned to its own length.
const PRESENT_TIMER: u32 = 0x0000_0001;

/// Length of the timer.
const TIMER: usize = 8;

/// The flags, one byte.
const PRESENT_FLAGS: u32 = 0x0000_0002;

/// In the flags: padding between MAC header and payload.
const DATA_PADDED: u8 = 0x20;
