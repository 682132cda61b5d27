//! MQTT (3.1, 3.1.1 §6, 5.0 §6): binary messages are one stream of control packets, cut anywhere.

use crate::stream::{length_u64, length_usize};
use crate::websocket::frame::Opcode;
use crate::websocket::subprotocol::{Misfit, Reason};

/// The control packets of one direction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packets {
    flags: Flags,
    next: MqttNext,
}

/// Whether the flags of a packet's type are fixed (MQTT 3.1.1 §2.2.2) or may be anything (MQTT 3.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Flags {
    Fixed,
    Free,
}

/// What the next byte is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum MqttNext {
    /// Type and flags of a packet.
    Type,
    /// A byte of the remaining length, as many bits of which are known, with this value.
    Length { bits: u32, value: u64 },
    /// One of as many bytes of the packet.
    Body(u64),
    /// Unknown: the boundaries of packets are lost.
    Lost,
}

impl Packets {
    pub(super) fn new(flags: Flags) -> Self {
        Self { flags, next: MqttNext::Type }
    }

    /// Says that bytes are missing.
    pub(super) fn lose(&mut self) {
        self.next = MqttNext::Lost;
    }

    /// Reads a message of which `unseen` bytes follow `content`.
    ///
    /// After the first misfit, packet boundaries are unknown, and nothing more is reported.
    pub(super) fn read(&mut self, opcode: Opcode, content: &[u8], unseen: u64) -> Option<Misfit> {
        if self.next == MqttNext::Lost {
            return None;
        }
        let misfit = if opcode == Opcode::Text {
            // MQTT-6.0.0-1: control packets must be sent in binary data frames.
            Some(Misfit::at(0, Reason::TextMessage))
        } else {
            self.packets(content)
        };
        if misfit.is_some() {
            self.next = MqttNext::Lost;
        } else if unseen > 0 {
            self.next = match self.next {
                MqttNext::Body(left) if left > unseen => {
                    MqttNext::Body(left.saturating_sub(unseen))
                }
                MqttNext::Body(left) if left == unseen => MqttNext::Type,
                MqttNext::Type | MqttNext::Length { .. } | MqttNext::Body(_) | MqttNext::Lost => {
                    MqttNext::Lost
                }
            };
        }
        misfit
    }

    fn packets(&mut self, content: &[u8]) -> Option<Misfit> {
        let mut rest = content;
        while let Some((byte, after)) = rest.split_first() {
            let offset = content.len().saturating_sub(rest.len());
            rest = after;
            self.next = match self.next {
                MqttNext::Type => match self.fault(*byte) {
                    None => MqttNext::Length { bits: 0, value: 0 },
                    Some(reason) => return Some(Misfit::at(offset, reason)),
                },
                MqttNext::Length { bits, value } => {
                    // MQTT 3.1.1 §2.2.3: seven bits a byte, least significant first.
                    let value = value | u64::from(byte & 0x7f) << bits;
                    let bits = bits.saturating_add(7);
                    match (byte & 0x80 != 0, bits) {
                        (true, LENGTH_BITS..) => {
                            return Some(Misfit::at(offset, Reason::MqttLength));
                        }
                        (true, _) => MqttNext::Length { bits, value },
                        (false, _) if value > 0 => MqttNext::Body(value),
                        (false, _) => MqttNext::Type,
                    }
                }
                MqttNext::Body(left) => {
                    // This byte, and the following bytes of the packet.
                    let others = length_usize(left.saturating_sub(1)).min(after.len());
                    rest = after.get(others..).unwrap_or_default();
                    match left.saturating_sub(1).saturating_sub(length_u64(others)) {
                        0 => MqttNext::Type,
                        left => MqttNext::Body(left),
                    }
                }
                MqttNext::Lost => return None,
            };
        }
        None
    }

    /// What is wrong with the first byte of a packet (MQTT 3.1.1 §2.2.1 and §2.2.2, MQTT 5.0 §2.1).
    fn fault(&self, byte: u8) -> Option<Reason> {
        let (kind, flags) = (byte >> 4, byte & 0x0f);
        if self.flags == Flags::Free {
            return matches!(kind, RESERVED | AUTH).then_some(Reason::MqttType);
        }
        let fits = match kind {
            RESERVED => return Some(Reason::MqttType),
            // Bits 1 and 2 are the quality of service, of which 3 is not allowed (§3.3.1.2).
            PUBLISH => flags & 0x06 != 0x06,
            PUBREL | SUBSCRIBE | UNSUBSCRIBE => flags == 0x02,
            _ => flags == 0x00,
        };
        (!fits).then_some(Reason::MqttFlags)
    }
}

/// Bits of the longest remaining length: four bytes of seven (MQTT 3.1.1 §2.2.3).
const LENGTH_BITS: u32 = 28;

/// Packet types (MQTT 5.0 §2.1.2) whose flags are not zero, or that not all versions have.
const RESERVED: u8 = 0;
const PUBLISH: u8 = 3;
const PUBREL: u8 = 6;
const SUBSCRIBE: u8 = 8;
const UNSUBSCRIBE: u8 = 10;
const AUTH: u8 = 15;

#[cfg(test)]
mod tests {
    use super::*;

    /// CONNECT of MQTT 3.1.1 with client id "a"; PUBLISH of "hi" to "t" with `QoS` 1; PINGREQ; SUBSCRIBE
    /// to "t"; DISCONNECT. By hand, after the figures of MQTT 3.1.1 §3.
    const SESSION: &[u8] = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a\
        \x32\x07\x00\x01t\x00\x01hi\xc0\x00\x82\x06\x00\x02\x00\x01t\x01\xe0\x00";

    fn read(packets: &mut Packets, content: &[u8]) -> Option<Misfit> {
        packets.read(Opcode::Binary, content, 0)
    }

    #[test]
    fn packets_may_be_split_and_joined_anywhere() {
        for size in 1..=SESSION.len() {
            let mut packets = Packets::new(Flags::Fixed);
            for content in SESSION.chunks(size) {
                assert_eq!(read(&mut packets, content), None, "in messages of {size}");
            }
            assert_eq!(packets.next, MqttNext::Type, "in messages of {size}");
        }
    }

    #[test]
    fn headers_that_fit_and_that_do_not() {
        use Reason::{MqttFlags, MqttLength, MqttType};
        let at = |offset, reason| Some(Misfit::at(offset, reason));
        #[rustfmt::skip]
        let rows: &[(&str, &[u8], Flags, Option<Misfit>)] = &[
            ("CONNACK",                          b"\x20\x02\x00\x00",         Flags::Fixed, None),
            ("AUTH of MQTT 5",                   b"\xf0\x00",                 Flags::Fixed, None),
            ("PUBLISH, QoS 2, DUP, RETAIN",      b"\x3d\x00",                 Flags::Fixed, None),
            ("PUBREL",                           b"\x62\x02\x00\x01",         Flags::Fixed, None),
            ("PUBREL of MQTT 3.1",               b"\x6a\x02\x00\x01",         Flags::Free,  None),
            ("the longest length",               b"\x30\xff\xff\xff\x7f",     Flags::Fixed, None),
            ("a length longer than needed",      b"\xd0\x80\x00",             Flags::Fixed, None),
            ("no bytes",                         b"",                         Flags::Fixed, None),
            ("type 0",                           b"\xc0\x00\x00\x00",         Flags::Fixed, at(2, MqttType)),
            ("type 0 of MQTT 3.1",               b"\x0f\x00",                 Flags::Free,  at(0, MqttType)),
            ("type 15 of MQTT 3.1",              b"\xf0\x00",                 Flags::Free,  at(0, MqttType)),
            ("PUBLISH, QoS 3",                   b"\x36\x00",                 Flags::Fixed, at(0, MqttFlags)),
            ("SUBSCRIBE without its flag",       b"\x80\x00",                 Flags::Fixed, at(0, MqttFlags)),
            ("PINGREQ with a flag",              b"\xc1\x00",                 Flags::Fixed, at(0, MqttFlags)),
            ("five bytes of length",             b"\x30\x80\x80\x80\x80\x01", Flags::Fixed, at(4, MqttLength)),
            ("JSON",                             b"{\"a\":1}",                Flags::Fixed, at(0, MqttFlags)),
            ("a packet shorter than its length",    b"\x20\x01\x00\x00",         Flags::Fixed, at(3, MqttType)),
        ];
        for (name, content, flags, expected) in rows {
            assert_eq!(read(&mut Packets::new(*flags), content), *expected, "{name}");
        }
    }

    #[test]
    fn a_header_may_be_split_over_messages() {
        let mut packets = Packets::new(Flags::Fixed);
        for content in [b"\x30\x80\x80", &b""[..], b"\x80"] {
            assert_eq!(read(&mut packets, content), None);
        }
        let misfit = Some(Misfit::at(0, Reason::MqttLength));
        assert_eq!(read(&mut packets, b"\x80"), misfit);
        assert_eq!(read(&mut packets, b"\x00"), None, "only the first is reported");
    }

    #[test]
    fn unseen_bytes_are_passed_over_where_a_packet_holds_them() {
        // A packet of 100 bytes, of which 10 are seen.
        let content = [&b"\x30\x64"[..], &[7; 10]].concat();
        for (unseen, next, later) in [
            (89, MqttNext::Body(1), Some(Misfit::at(1, Reason::MqttType))),
            (90, MqttNext::Type, Some(Misfit::at(0, Reason::MqttType))),
            (91, MqttNext::Lost, None),
            (u64::MAX, MqttNext::Lost, None),
        ] {
            let mut packets = Packets::new(Flags::Fixed);
            assert_eq!(packets.read(Opcode::Binary, &content, unseen), None);
            assert_eq!(packets.next, next, "{unseen}");
            assert_eq!(read(&mut packets, b"\x00\x00"), later, "{unseen}");
        }
    }

    #[test]
    fn lost_bytes_end_it() {
        let mut packets = Packets::new(Flags::Fixed);
        packets.lose();
        assert_eq!(read(&mut packets, b"\x00"), None);
        assert_eq!(packets.read(Opcode::Text, b"", 0), None);
    }
}
