//! How many messages there are.

use crate::text::amount::counted;

use super::frame::Opcode;

/// Data messages, and control frames counted separately.
///
/// RFC 6455 calls only text and binary data a message (§5.6); Close, Ping and Pong are control frames (§5.5).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct MessageCounts {
    /// Data messages (text, binary, and those whose first frame was not captured), complete or not.
    pub data: u64,
    /// Control frames (Close, Ping, Pong), complete or not.
    pub control: u64,
}

impl MessageCounts {
    /// Counts one more.
    pub fn add(&mut self, opcode: Opcode) {
        let counter = match opcode {
            Opcode::Continuation | Opcode::Text | Opcode::Binary => &mut self.data,
            Opcode::Close | Opcode::Ping | Opcode::Pong => &mut self.control,
        };
        *counter = counter.saturating_add(1);
    }

    /// Together with those of another direction or capture.
    #[must_use]
    pub fn joined(self, other: Self) -> Self {
        Self {
            data: self.data.saturating_add(other.data),
            control: self.control.saturating_add(other.control),
        }
    }

    /// Both kinds: the number of `message` lines of the ndjson output.
    pub fn all(self) -> u64 {
        self.data.saturating_add(self.control)
    }

    /// Appends them in words, `12 messages, 3 control frames`; control frames only if there are any.
    pub fn write(self, out: &mut String) {
        counted(out, self.data, "message");
        if self.control > 0 {
            out.push_str(", ");
            counted(out, self.control, "control frame");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::length_u64;

    #[test]
    fn control_frames_are_not_messages() {
        use Opcode::{Binary, Close, Continuation, Ping, Pong, Text};
        let cases: [(&[Opcode], &str); 5] = [
            (&[], "0 messages"),
            (&[Text], "1 message"),
            (&[Text, Binary, Continuation], "3 messages"),
            (&[Ping], "0 messages, 1 control frame"),
            (&[Text, Ping, Pong, Close, Close], "1 message, 4 control frames"),
        ];
        let mut sum = MessageCounts::default();
        for (opcodes, words) in cases {
            let mut counts = MessageCounts::default();
            for opcode in opcodes {
                counts.add(*opcode);
            }
            let mut out = String::new();
            counts.write(&mut out);
            assert_eq!(out, words);
            assert_eq!(counts.all(), length_u64(opcodes.len()), "{words}");
            sum = sum.joined(counts);
        }
        assert_eq!(sum, MessageCounts { data: 5, control: 5 });
    }
}
