//! Messages of the handshake, put together from records and segments.

use crate::stream::{Chunk, Span, length_usize};

/// Reassembles the messages of one direction; skips irrelevant ones.
#[derive(Debug, Default)]
pub(super) struct Messages {
    state: State,
}

/// A message that is whole.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) kind: u8,
    pub(super) body: Vec<u8>,
    /// From its header to its end, record headers in between included.
    pub(super) span: Span,
}

#[derive(Debug)]
enum State {
    /// So many bytes of a header were seen.
    Header([u8; HEADER_LENGTH], usize, Span),
    /// A message of interest: so many bytes are needed.
    Body(Message, usize),
    /// So many bytes of one that is not.
    Skip(usize),
}

impl Default for State {
    fn default() -> Self {
        Self::Header([0; HEADER_LENGTH], 0, Span::default())
    }
}

impl Messages {
    /// Memory taken by a message that is not whole yet, in bytes.
    pub(super) fn memory(&self) -> usize {
        match &self.state {
            State::Body(message, _) => message.body.capacity(),
            State::Header(..) | State::Skip(_) => 0,
        }
    }

    /// Gives up a message that is not whole yet, to save memory: the rest of it is skipped.
    pub(super) fn evict(&mut self) {
        if let State::Body(message, need) = &self.state {
            self.state = State::Skip(need.saturating_sub(message.body.len()));
        }
    }

    /// Bytes of the message that is under way are missing: what there is of it, if it is the beginning of a
    /// hello.
    pub(super) fn give_up(&mut self) -> Option<Message> {
        match std::mem::take(&mut self.state) {
            State::Body(message, _) if matches!(message.kind, CLIENT_HELLO | SERVER_HELLO) => {
                Some(message)
            }
            State::Body(..) | State::Header(..) | State::Skip(_) => None,
        }
    }

    /// Whether no message is under way.
    pub(super) fn is_between(&self) -> bool {
        matches!(self.state, State::Header(_, 0, _))
    }

    /// Takes some bytes of records of the handshake, which continue the last ones; returns the
    /// first message that they complete and what is left.
    pub(super) fn push<'a>(&mut self, chunk: Chunk<'a>) -> Option<(Message, Chunk<'a>)> {
        let mut chunk = chunk;
        while !chunk.bytes.is_empty() {
            chunk = match std::mem::take(&mut self.state) {
                State::Header(bytes, have, span) => {
                    let (left, message) = self.header(bytes, have, span, chunk);
                    if let Some(message) = message {
                        return Some((message, left));
                    }
                    left
                }
                State::Skip(left) => {
                    let taken = left.min(chunk.bytes.len());
                    if left > taken {
                        self.state = State::Skip(left.saturating_sub(taken));
                    }
                    chunk.skip(taken)
                }
                State::Body(mut message, need) => {
                    let part = chunk.take(need.saturating_sub(message.body.len()));
                    message.body.extend_from_slice(part.bytes);
                    message.span.extend(part.end(), part.origin);
                    let left = chunk.skip(part.bytes.len());
                    if message.body.len() >= need {
                        return Some((message, left));
                    }
                    self.state = State::Body(message, need);
                    left
                }
            };
        }
        None
    }

    fn header<'a>(
        &mut self,
        mut bytes: [u8; HEADER_LENGTH],
        have: usize,
        mut span: Span,
        chunk: Chunk<'a>,
    ) -> (Chunk<'a>, Option<Message>) {
        let part = chunk.take(HEADER_LENGTH.saturating_sub(have));
        if have == 0 {
            span = Span::at(part.offset, part.origin);
        }
        span.extend(part.end(), part.origin);
        for (place, byte) in bytes.iter_mut().skip(have).zip(part.bytes) {
            *place = *byte;
        }
        let have = have.saturating_add(part.bytes.len());
        let [kind, high, middle, low] = bytes;
        let length = length_usize(u64::from(u32::from_be_bytes([0, high, middle, low])));
        let left = chunk.skip(part.bytes.len());
        if have == HEADER_LENGTH && length == 0 {
            let message = Message { kind, body: Vec::new(), span };
            return (left, is_of_interest(kind).then_some(message));
        }
        self.state = if have < HEADER_LENGTH {
            State::Header(bytes, have, span)
        } else if !is_of_interest(kind) || length > MAX_MESSAGE {
            State::Skip(length)
        } else {
            State::Body(Message { kind, body: Vec::new(), span }, length)
        };
        (left, None)
    }
}

fn is_of_interest(kind: u8) -> bool {
    matches!(
        kind,
        CLIENT_HELLO
            | SERVER_HELLO
            | NEW_SESSION_TICKET
            | END_OF_EARLY_DATA
            | ENCRYPTED_EXTENSIONS
            | CERTIFICATE
            | FINISHED
            | KEY_UPDATE
    )
}

/// The message that a client begins with (RFC 8446 §4).
pub(super) const CLIENT_HELLO: u8 = 1;

/// The message that a server answers with.
pub(super) const SERVER_HELLO: u8 = 2;

/// The message with which a server lets a client resume the session later (RFC 5077 §3.3, RFC 8446 §4.6.1).
pub(super) const NEW_SESSION_TICKET: u8 = 4;

/// The message after the last data that a client sends before the server has answered (RFC 8446 §4.5).
pub(super) const END_OF_EARLY_DATA: u8 = 5;

/// The message with what TLS 1.3 does not show in the `ServerHello` (RFC 8446 §4.3.1).
pub(super) const ENCRYPTED_EXTENSIONS: u8 = 8;

/// The message with a chain of certificates.
pub(super) const CERTIFICATE: u8 = 11;

/// The message that ends the handshake for its sender.
pub(super) const FINISHED: u8 = 20;

/// The message after which its sender uses the next keys (RFC 8446 §4.6.3).
pub(super) const KEY_UPDATE: u8 = 24;

/// Bytes before the body of a message: its type, and its length in three bytes.
const HEADER_LENGTH: usize = 4;

/// The longest message that is put together, in bytes: chains of certificates are seldom longer than 10 KB.
const MAX_MESSAGE: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{Origin, PacketId, Timestamp, length_u64};

    fn feed(messages: &mut Messages, pieces: &[&[u8]]) -> Vec<(u8, Vec<u8>, u64, u64)> {
        let mut found = Vec::new();
        let (mut offset, mut packet) = (100, 0);
        for bytes in pieces {
            packet += 1;
            let origin = Origin { packet: PacketId(packet), time: Timestamp(packet) };
            let mut chunk = Chunk { offset, bytes, origin };
            offset += length_u64(bytes.len());
            while let Some((message, left)) = messages.push(chunk) {
                found.push((
                    message.kind,
                    message.body,
                    message.span.start,
                    message.span.last.packet.0,
                ));
                chunk = left;
            }
        }
        found
    }

    #[test]
    fn messages_are_whole_however_they_are_cut() {
        let bytes = b"\x02\x00\x00\x03abc\x0e\x00\x00\x00\x0c\x00\x00\x02xy\x0b\x00\x00\x01z";
        let expected = [(2, b"abc".to_vec(), 100), (11, b"z".to_vec(), 117)];
        for size in 1..=bytes.len() {
            let pieces: Vec<&[u8]> = bytes.chunks(size).collect();
            let found = feed(&mut Messages::default(), &pieces);
            let seen: Vec<_> =
                found.into_iter().map(|(kind, body, at, _)| (kind, body, at)).collect();
            assert_eq!(seen, expected, "pieces of {size}");
        }
    }

    #[test]
    fn a_message_that_is_too_long_is_passed_over() {
        let long = vec![0; 0x1_0001];
        let mut messages = Messages::default();
        let found = feed(&mut messages, &[b"\x0b\x01\x00\x01", &long, b"\x01\x00\x00\x01q"]);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].0, found[0].1.as_slice(), found[0].3), (1, &b"q"[..], 3));
    }
}
