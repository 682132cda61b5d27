//! IEEE 802.11 data frames, with or without a radiotap header.

use super::Reason;
use super::ethertype::Header;
use super::wire::Wire;

/// Reads a frame's MAC header (IEEE 802.11, clause 9.2.4).
///
/// Only unencrypted data frames lead to IP. Others are reported if they may contain TCP.
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

/// Reads a radiotap header (<https://www.radiotap.org>) and the frame after it.
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

/// The flags field of a radiotap header; 0 if there is none.
fn radiotap_flags(wire: Wire<'_>) -> Result<u8, Reason> {
    let mut rest = wire.skip(RADIOTAP_LENGTH - PRESENT_WORD)?;
    let mut first = None;
    loop {
        let (word, after) = rest.header()?;
        let word = u32::from_le_bytes(*word);
        first = first.or(Some(word));
        rest = after;
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

#[cfg(test)]
mod tests {
    use super::super::craft::{PAYLOAD, decode};
    use super::*;
    use crate::testkit::packet::{TCP, ipv4, join, tcp};

    const IEEE802_11: u32 = 105;
    const RADIOTAP: u32 = 127;

    /// A MAC header of `length` bytes with this frame control field.
    fn mac(kind: u8, flags: u8, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        bytes[..2].copy_from_slice(&[kind, flags]);
        bytes
    }

    fn snap() -> Vec<u8> {
        join(&[&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &ipv4(TCP, &tcp(PAYLOAD))])
    }

    #[test]
    fn unencrypted_data_frames_lead_to_the_segment() {
        for (name, mac) in [
            ("data to an access point", mac(0x08, 0x01, 24)),
            ("data between access points", mac(0x08, 0x03, 30)),
            ("QoS data", mac(0x88, 0x02, 26)),
            ("QoS data with HT control", mac(0x88, 0x81, 30)),
            ("QoS data with four addresses", mac(0x88, 0x03, 32)),
        ] {
            let bytes = join(&[&mac, &snap()]);
            assert_eq!(decode(IEEE802_11, &bytes).as_deref(), Ok(PAYLOAD), "{name}");
            let header = [0, 0, 8, 0, 0, 0, 0, 0];
            let tapped = join(&[&header, &bytes]);
            assert_eq!(decode(RADIOTAP, &tapped).as_deref(), Ok(PAYLOAD), "{name}, radiotap");
            for length in 0..tapped.len() - PAYLOAD.len() {
                assert!(decode(RADIOTAP, &tapped[..length]).is_err(), "{name}, {length} bytes");
            }
        }
    }

    #[test]
    fn radiotap_fields_are_passed_and_padding_is_honored() {
        let timer = [7; 8];
        let plain = mac(0x88, 0x02, 26);
        let padded = join(&[&plain, &[0, 0]]);
        for (name, header, mac) in [
            ("flags, no padding", join(&[&[0, 0, 9, 0, 2, 0, 0, 0], &[0]]), &plain),
            ("flags, padding", join(&[&[0, 0, 9, 0, 2, 0, 0, 0], &[0x20]]), &padded),
            ("timer and flags", join(&[&[0, 0, 17, 0, 3, 0, 0, 0], &timer, &[0x20]]), &padded),
            (
                "two words, timer aligned, flags",
                join(&[&[0, 0, 25, 0, 3, 0, 0, 0x80], &[0; 4], &[0; 4], &timer, &[0x20]]),
                &padded,
            ),
            ("other fields", join(&[&[0, 0, 12, 0, 4, 0, 0, 0], &[0x20; 4]]), &plain),
        ] {
            let bytes = join(&[&header, mac, &snap()]);
            assert_eq!(decode(RADIOTAP, &bytes).as_deref(), Ok(PAYLOAD), "{name}");
        }
    }

    #[test]
    fn other_frames_say_why_not() {
        let aggregate = {
            let mut bytes = mac(0x88, 0x02, 26);
            bytes[24] = 0x80;
            bytes
        };
        let second_fragment = {
            let mut bytes = mac(0x08, 0x01, 24);
            bytes[22] = 0x01;
            bytes
        };
        for (name, mac, reason) in [
            ("beacon", mac(0x80, 0, 24), Reason::NotTcp),
            ("acknowledgement", mac(0xd4, 0, 24), Reason::NotTcp),
            ("no data", mac(0x48, 0x01, 24), Reason::NotTcp),
            ("QoS, no data", mac(0xc8, 0x01, 26), Reason::NotTcp),
            ("encrypted", mac(0x88, 0x42, 26), Reason::Encapsulation("encrypted 802.11")),
            ("first fragment", mac(0x08, 0x05, 24), Reason::Encapsulation("fragmented 802.11")),
            ("second fragment", second_fragment, Reason::Encapsulation("fragmented 802.11")),
            ("several in one", aggregate, Reason::Encapsulation("aggregated 802.11 (A-MSDU)")),
        ] {
            assert_eq!(decode(IEEE802_11, &join(&[&mac, &snap()])), Err(reason), "{name}");
        }
        assert_eq!(decode(RADIOTAP, &[0, 0, 7, 0, 0, 0, 0, 0]), Err(Reason::Malformed));
        assert_eq!(decode(RADIOTAP, &[1, 0, 8, 0, 0, 0, 0, 0]), Err(Reason::Malformed));
    }
}
