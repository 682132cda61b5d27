//! Finding records again after missing bytes: only one that opens with the keys is believed.

use super::record::{HEADER_LENGTH, Header, RecordHeader, header};
use crate::stream::{Buffer, Chunk, length_u64};

/// Bytes among which a record is looked for.
#[derive(Debug, Default)]
pub(super) struct RecordSearch {
    bytes: Buffer,
    /// Bytes before them that were passed over.
    passed: u64,
    /// Where it has looked for headers.
    next: usize,
    /// Where records may begin that are not whole yet.
    waiting: Vec<(usize, RecordHeader)>,
}

impl RecordSearch {
    /// Takes the next bytes.
    pub(super) fn push(&mut self, chunk: Chunk<'_>) {
        self.bytes.push(chunk);
    }

    /// Bytes are missing: what came before them is passed over.
    pub(super) fn pass(&mut self, missing: u64) {
        let before = self.passed.saturating_add(length_u64(self.bytes.bytes().len()));
        *self = Self { passed: before.saturating_add(missing), ..Self::default() };
    }

    /// A place where a whole record may begin, and its header; each is given once.
    pub(super) fn candidate(&mut self) -> Option<(usize, RecordHeader)> {
        while let Some(rest) = self.bytes.bytes().get(self.next..) {
            let Header::Whole(found) = header(rest) else {
                if rest.len() < HEADER_LENGTH {
                    break;
                }
                self.next = self.next.saturating_add(1);
                continue;
            };
            if self.waiting.len() < MOST_WAITING {
                self.waiting.push((self.next, found));
            }
            self.next = self.next.saturating_add(1);
        }
        let length = self.bytes.bytes().len();
        let is_whole = |(at, header): &(usize, RecordHeader)| end_of(*at, *header) <= length;
        let place = self.waiting.iter().position(is_whole)?;
        Some(self.waiting.remove(place))
    }

    /// The body of the record at such a place.
    pub(super) fn body(&self, (at, header): (usize, RecordHeader)) -> Vec<u8> {
        let begin = at.saturating_add(HEADER_LENGTH);
        self.bytes.bytes().get(begin..end_of(at, header)).unwrap_or_default().to_vec()
    }

    /// How many bytes precede such a place, and its bytes and all after them.
    pub(super) fn found(mut self, at: usize) -> (u64, Buffer) {
        let passed = self.passed.saturating_add(length_u64(at));
        (passed, self.bytes.split_off(at))
    }

    /// Bytes that were passed over so far, those that are kept included.
    pub(super) fn passed(&self) -> u64 {
        self.passed.saturating_add(length_u64(self.bytes.bytes().len()))
    }

    /// Drops what no record of interest can begin in.
    pub(super) fn trim(&mut self) {
        let length = self.bytes.bytes().len();
        if length <= MOST_KEPT {
            return;
        }
        let first = self.waiting.iter().map(|(at, _)| *at).min().unwrap_or(self.next);
        let dropped = first.min(self.next);
        self.bytes = self.bytes.split_off(dropped);
        self.passed = self.passed.saturating_add(length_u64(dropped));
        self.next = self.next.saturating_sub(dropped);
        for (at, _) in &mut self.waiting {
            *at = at.saturating_sub(dropped);
        }
    }

    /// Memory taken, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.bytes.memory()
    }
}

/// Where a record ends that begins at a place.
fn end_of(at: usize, header: RecordHeader) -> usize {
    at.saturating_add(HEADER_LENGTH).saturating_add(usize::from(header.length))
}

/// Bytes above which those before the first possible record are dropped. No record is longer, so there never are
/// more than twice as many.
const MOST_KEPT: usize = (1 << 14) + 2048 + HEADER_LENGTH;

/// Places that may wait: in random bytes, a header is found once in some hundred thousand.
const MOST_WAITING: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Origin;

    fn push(search: &mut RecordSearch, offset: u64, bytes: &[u8]) {
        search.push(Chunk { offset, bytes, origin: Origin::default() });
    }

    #[test]
    fn each_place_is_given_once_its_record_is_whole() {
        let mut search = RecordSearch::default();
        push(&mut search, 100, b"..\x17\x03\x03\x00\x08ab\x17\x03\x03\x00\x01x");
        let (at, header) = search.candidate().unwrap();
        assert_eq!((at, header.length), (2, 8));
        assert_eq!(search.body((at, header)), b"ab\x17\x03\x03\x00\x01x");
        let second = search.candidate().unwrap();
        assert_eq!((second.0, search.body(second).as_slice()), (9, &b"x"[..]));
        assert_eq!(search.candidate(), None);
        push(&mut search, 115, b"\x17\x03\x03\x00\x02y");
        assert_eq!(search.candidate(), None, "not whole");
        push(&mut search, 121, b"z!");
        let (at, header) = search.candidate().unwrap();
        assert_eq!((at, search.body((at, header)).as_slice()), (15, &b"yz"[..]));
        let (passed, rest) = search.found(at);
        assert_eq!(
            (passed, rest.bytes(), rest.span().start),
            (15, &b"\x17\x03\x03\x00\x02yz!"[..], 115)
        );
    }

    #[test]
    fn little_is_kept_however_long_it_takes() {
        let mut search = RecordSearch::default();
        for piece in 0..200_u64 {
            push(&mut search, piece * 1_000, &[b'.'; 1_000]);
            assert_eq!(search.candidate(), None);
            search.trim();
        }
        assert!(search.bytes.bytes().len() <= MOST_KEPT);
        assert_eq!(search.passed(), 200_000);
        search.pass(50);
        assert_eq!((search.passed(), search.bytes.bytes().len()), (200_050, 0));
    }
}
