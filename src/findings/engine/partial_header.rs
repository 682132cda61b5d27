//! Headers within which a stream ends: what is there of them can be judged.

use crate::findings::engine::violation::Bits;
use crate::stream::{Direction, Span, length_u64};
use crate::websocket::Frame;
use crate::websocket::frame::{MAX_HEADER_LENGTH, frame_header};

/// A frame whose header begins with `bytes` and continues as a correct one would; `None` if
/// nothing of it is there.
///
/// Only what rules say about [`is_seen`] bits of it counts.
pub(crate) fn frame(bytes: &[u8], span: Span, direction: Direction) -> Option<Frame> {
    if bytes.is_empty() {
        return None;
    }
    let mask = match direction {
        Direction::ClientToServer => 0x80,
        Direction::ServerToClient => 0,
    };
    // The smallest lengths that need 16 and 64 bits, and a masking key.
    let rest: [u8; MAX_HEADER_LENGTH] = match bytes.get(1).map(|second| second & 0x7f) {
        Some(126) => [0, 0, 0, 126, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0],
        Some(127) => [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4],
        Some(_) | None => [0, mask, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0],
    };
    let mut whole = rest;
    for (place, byte) in whole.iter_mut().zip(bytes) {
        *place = *byte;
    }
    let (_, header) = frame_header(&whole).ok()?;
    Some(Frame { header, span, ..Frame::default() })
}

/// Whether all of some bits of a header are among its first bytes.
pub(crate) fn is_seen(bits: Bits, bytes: &[u8]) -> bool {
    u64::from(bits.start) + u64::from(bits.count) <= length_u64(bytes.len()).saturating_mul(8)
}

#[cfg(test)]
mod tests {
    use crate::findings::fixture::Scenario;

    #[test]
    fn only_the_captured_part_of_a_header_is_checked() {
        #[rustfmt::skip]
        let rows: &[(&str, &[u8], &[&str])] = &[
            ("a correct beginning", b"\x81", &[]),
            ("opcode", b"\x83", &["WS-F05 client"]),
            ("FIN of a Ping", b"\x09", &["WS-F10 client"]),
            ("mask not there yet", b"\x81", &[]),
            ("no mask, length not whole", b"\x81\x7e\x00", &["WS-F01 client"]),
            ("length not whole", b"\x81\xfe\x00", &[]),
            ("64-bit length not whole", b"\x81\xff\x80\x00", &[]),
            ("key not whole", b"\x81\x85\x00\x00\x00", &[]),
            ("continuation", b"\x80\x85\x37", &["WS-F11 client"]),
        ];
        for (name, bytes, expected) in rows {
            let mut scenario = Scenario::new();
            scenario.upgraded().client(bytes);
            assert_eq!(scenario.found(), *expected, "{name}");
        }
    }
}
