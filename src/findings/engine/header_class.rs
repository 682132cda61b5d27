//! Headers that are alike: what rules about headers say of one, they say of all.

use crate::websocket::FrameHeader;

/// All of a header that rules about headers look at, but for a length in 64 bits.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct HeaderClass(u16);

impl HeaderClass {
    /// A shape that is never remembered.
    const UNIQUE: Self = Self(0);

    /// The shape of a header.
    pub(crate) fn of(header: &FrameHeader) -> Self {
        let length = match (header.length_bits(), header.is_length_minimal()) {
            (7, _) => 0,
            (16, true) => 1,
            (_, _) => return Self::UNIQUE,
        };
        let fin = u16::from(header.fin) << 7;
        let first = fin | u16::from(header.rsv & 7) << 4 | u16::from(header.opcode & 0xf);
        let mask = u16::from(header.mask.is_some());
        Self(KNOWN | mask << 9 | length << 8 | first)
    }
}

/// A few shapes: a peer sends frames of few kinds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HeaderClasses {
    list: [HeaderClass; KINDS],
    next: u8,
}

impl HeaderClasses {
    /// Whether it is among them.
    pub(crate) fn has(&self, shape: HeaderClass) -> bool {
        shape != HeaderClass::UNIQUE && self.list.contains(&shape)
    }

    /// Remembers one, and forgets the oldest.
    pub(crate) fn add(&mut self, shape: HeaderClass) {
        if let Some(place) = self.list.get_mut(usize::from(self.next)) {
            *place = shape;
        }
        self.next = if usize::from(self.next) + 1 < KINDS { self.next + 1 } else { 0 };
    }
}

/// Shapes that are remembered: text and binary in two widths, Ping, Pong, and two for fragments.
const KINDS: usize = 8;

/// Set in every shape that can be remembered.
const KNOWN: u16 = 1 << 15;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::websocket::frame::frame_header;

    fn shape(bytes: &[u8]) -> HeaderClass {
        HeaderClass::of(&frame_header(bytes).unwrap().1)
    }

    #[test]
    fn headers_are_alike_when_rules_cannot_tell_them_apart() {
        let hello = shape(b"\x81\x05");
        assert_eq!(hello, shape(b"\x81\x7d"));
        #[rustfmt::skip]
        let others: &[(&str, &[u8])] = &[
            ("FIN", b"\x01\x05"), ("RSV1", b"\xc1\x05"), ("RSV3", b"\x91\x05"), ("opcode", b"\x82\x05"),
            ("mask", b"\x81\x85\0\0\0\0"), ("16 bits", b"\x81\x7e\x01\x00"),
        ];
        let mut shapes = HeaderClasses::default();
        shapes.add(hello);
        assert!(shapes.has(hello));
        for (name, bytes) in others {
            assert!(!shapes.has(shape(bytes)), "{name}");
        }
    }

    #[test]
    fn lengths_that_a_rule_may_speak_of_are_never_remembered() {
        for bytes in [&b"\x81\x7e\x00\x05"[..], b"\x81\x7f\0\0\0\0\0\x01\0\0"] {
            let mut shapes = HeaderClasses::default();
            shapes.add(shape(bytes));
            assert!(!shapes.has(shape(bytes)));
        }
    }
}
