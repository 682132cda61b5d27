//! Application data that was decrypted, and the packets that carried it.

use std::ops::Range;

use super::session::SavedSession;
use crate::stream::{Buffer, Chunk, Origin, Span, length_u64};

/// The application data of one record.
#[derive(Clone, Debug)]
pub struct PlainRecord {
    /// What came after the header of the record, decrypted.
    pub(super) body: Buffer,
    /// Where in it the data is.
    pub(super) content: Range<usize>,
    /// The position of the record, with its header.
    pub(super) span: Span,
    /// What is missing between the data before and this.
    pub(super) missing: Missing,
    /// The state of the session before it, if it is the first of its direction.
    pub(super) before: Option<Box<SavedSession>>,
}

/// How much data is missing before a record.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Missing {
    /// None.
    #[default]
    Nothing,
    /// So many bytes.
    Bytes(u64),
    /// Some, at most so many bytes.
    UpTo(u64),
}

impl PlainRecord {
    /// How many bytes there are.
    pub fn length(&self) -> usize {
        self.content.len()
    }

    /// The position of the record in the stream that carries it, with its header.
    pub fn span(&self) -> Span {
        self.span
    }

    /// What is missing between the data before and this.
    pub fn missing(&self) -> Missing {
        self.missing
    }

    /// The state of the session before it, if it is the first of its direction.
    pub fn before(&self) -> Option<&SavedSession> {
        self.before.as_deref()
    }

    /// Hands out the data, whose first byte gets an offset of its own stream, by the packets that carried it.
    /// The packets with the beginning and the end of the record carried its first and its last byte.
    pub fn for_each(&self, offset: u64, mut each: impl FnMut(Chunk<'_>)) {
        let bytes = self.body.bytes().get(self.content.clone()).unwrap_or_default();
        let whole = |bytes, at, origin| Chunk {
            offset: offset.saturating_add(length_u64(at)),
            bytes,
            origin,
        };
        let Span { first, last, .. } = self.span;
        if first == last {
            return each(whole(bytes, 0, first));
        }
        for (range, origin) in self.pieces(first, last) {
            let part = bytes.get(range.clone()).unwrap_or_default();
            if !part.is_empty() {
                each(whole(part, range.start, origin));
            }
        }
    }

    /// Which packet carried which part of the data.
    fn pieces(&self, first: Origin, last: Origin) -> Vec<(Range<usize>, Origin)> {
        let (begin, length) = (self.content.start, self.content.len());
        let mut pieces: Vec<(Range<usize>, Origin)> = Vec::new();
        for (_, range, origin) in self.body.pieces() {
            let start = range.start.saturating_sub(begin).min(length);
            let end = range.end.saturating_sub(begin).min(length);
            if start < end {
                pieces.push((start..end, origin));
            }
        }
        if let Some((range, origin)) = pieces.first().cloned()
            && origin != first
            && length > 1
        {
            let inner = range.start.saturating_add(1)..range.end;
            pieces.splice(..1, [(0..1, first), (inner, origin)]);
        }
        if let Some((range, origin)) = pieces.last_mut()
            && *origin != last
        {
            let at = range.end.saturating_sub(1);
            let end = std::mem::replace(&mut range.end, at);
            pieces.push((at..end, last));
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{PacketId, Timestamp};

    fn origin(packet: u64) -> Origin {
        Origin { packet: PacketId(packet), time: Timestamp(packet) }
    }

    #[test]
    fn packets_of_the_record_carried_its_ends() {
        // Header in packet 1, nonce and "ab" in 2, "cdef" and some of the tag in 3, the rest of it in 4.
        let mut body = Buffer::default();
        for (offset, bytes, packet) in [(105, &b"nnab"[..], 2), (109, b"cdeft", 3), (114, b"t", 4)]
        {
            body.push(Chunk { offset, bytes, origin: origin(packet) });
        }
        let mut span = Span::at(100, origin(1));
        span.extend(115, origin(4));
        let missing = Missing::Nothing;
        let record = PlainRecord { body, content: 2..8, span, missing, before: None };
        let mut seen = Vec::new();
        record.for_each(50, |chunk| {
            seen.push((chunk.offset, chunk.bytes.to_vec(), chunk.origin.packet.0));
        });
        let expected = [(50, "a", 1), (51, "b", 2), (52, "cde", 3), (55, "f", 4)];
        assert_eq!(seen, expected.map(|(at, text, packet)| (at, text.as_bytes().to_vec(), packet)));
    }
}
