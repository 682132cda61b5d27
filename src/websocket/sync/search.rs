//! The search for frames anywhere in one direction of a stream.

use std::collections::BTreeMap;

use super::chain::Chain;
use super::evidence::{Evidence, Repetition, is_inflatable, is_odd_in_text, kind};
use super::{Expectation, Masked};
use crate::stream::{Buffer, Chunk, Gap, length_u64, length_usize};
use crate::websocket::frame::{FrameHeader, MAX_HEADER_LENGTH, frame_header};

/// Looks for chains of frames in the bytes of one direction, and keeps the bytes meanwhile.
///
/// A chain may begin at any byte. It ends, and is forgotten, when a header or payload does not fit. The work
/// is linear in the bytes: each is looked at once as the start of a header, and a bounded part of each
/// payload is examined.
#[derive(Debug)]
pub struct ChainSearch {
    expectation: Expectation,
    buffer: Buffer,
    /// Stream offset of the first byte that was ever given.
    first: Option<u64>,
    /// Stream offsets where segments in the buffer start.
    segments: Vec<u64>,
    /// Segments that were given, those that are gone included.
    segment_count: u64,
    /// Where the bytes after the latest gap start: in the buffer, and in the stream.
    run: (usize, u64),
    /// Stream offset of the next byte that may start a header.
    cursor: u64,
    /// By where the next header is expected, and whether it will be masked.
    chains: BTreeMap<(u64, bool), Chain>,
    /// The best chain that a gap cut.
    cut: Option<Chain>,
    /// How often headers occur in all bytes, and in the latest.
    rarity: Rarity,
    latest: Rarity,
    /// Whether the latest bytes have continued a chain or ended a frame.
    has_grown: bool,
    /// Bytes that may be inflated: as many as were given, so that the work stays linear.
    work_left: u64,
}

/// A chain of frames that reaches the end of what was given.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FoundChain {
    /// Stream offset of its first header; see [`ChainSearch::believed_start`].
    pub start: u64,
    /// What its frames say.
    pub evidence: Evidence,
    /// Whether its last frame is a Close.
    pub is_closed: bool,
}

impl FoundChain {
    /// The evidence that frames begin at its start, in bits, where it is known that there are some.
    pub fn evidence_of_boundary(&self) -> i32 {
        self.evidence.noise.min(self.evidence.records.saturating_add(FRAMES_EXPECTED))
    }
}

impl ChainSearch {
    /// A search that was not given anything yet.
    pub fn new(expectation: Expectation) -> Self {
        Self {
            expectation,
            buffer: Buffer::default(),
            first: None,
            segments: Vec::new(),
            segment_count: 0,
            run: (0, 0),
            cursor: 0,
            chains: BTreeMap::new(),
            cut: None,
            rarity: Rarity::default(),
            latest: Rarity::default(),
            has_grown: false,
            work_left: 0,
        }
    }

    /// Takes the next bytes, which are those of a segment; returns whether a chain has grown.
    pub fn push(&mut self, chunk: Chunk<'_>) -> bool {
        if chunk.bytes.is_empty() {
            return false;
        }
        self.has_grown = false;
        if self.first.is_none() {
            self.first = Some(chunk.offset);
            self.run = (0, chunk.offset);
            self.cursor = chunk.offset;
        }
        self.segments.push(chunk.offset);
        self.segment_count = self.segment_count.saturating_add(1);
        self.buffer.push(chunk);
        let length = length_u64(chunk.bytes.len());
        self.work_left = self.work_left.saturating_add(length.saturating_add(WORK_OF_SEGMENT));
        self.advance(chunk.end());
        self.trim(chunk.end());
        self.has_grown
    }

    /// Bytes are missing. A chain goes on after them if they are within a payload of known length.
    pub fn gap(&mut self, gap: Gap) {
        let end = gap.end();
        for chain in self.chains.values() {
            let is_cut = chain.next() < end;
            if is_cut && self.cut.is_none_or(|cut| self.is_better(chain, &cut)) {
                self.cut = Some(*chain);
            }
        }
        self.chains.retain(|(next, _), _| *next >= end);
        self.run = (self.buffer.bytes().len(), end);
        self.cursor = end;
    }

    /// The chain of frames that are masked, or are not, for which there is most evidence.
    pub fn best(&self, masked: Masked) -> Option<FoundChain> {
        self.chains(masked).max_by_key(|chain| chain.evidence.least())
    }

    /// The same where it is known that there are frames.
    pub fn best_boundary(&self, masked: Masked) -> Option<FoundChain> {
        self.chains(masked).max_by_key(FoundChain::evidence_of_boundary)
    }

    fn chains(&self, masked: Masked) -> impl Iterator<Item = FoundChain> {
        let chains = self.chains.values().chain(&self.cut);
        let chains = chains.filter(move |chain| chain.masked() == masked);
        chains.map(|chain| FoundChain {
            start: chain.start,
            evidence: self.weigh(chain),
            is_closed: chain.is_closed(),
        })
    }

    /// The evidence for the best chain of either kind, in bits.
    pub fn weight(&self) -> i32 {
        let chains = self.chains.values().chain(&self.cut);
        chains.map(|chain| self.weigh(chain).least()).max().unwrap_or(0)
    }

    /// How many bytes were given since the first one.
    pub fn length(&self) -> u64 {
        self.first.map_or(0, |first| self.end().saturating_sub(first))
    }

    /// Memory taken, in bytes.
    pub fn memory(&self) -> usize {
        let chains = self.chains.len().saturating_mul(size_of::<((u64, bool), Chain)>());
        let segments = self.segments.capacity().saturating_mul(size_of::<u64>());
        self.buffer.memory().saturating_add(chains).saturating_add(segments)
    }

    /// Takes out the bytes that are kept, and forgets everything else.
    pub fn take(&mut self) -> Buffer {
        std::mem::replace(self, Self::new(self.expectation)).buffer
    }

    /// The evidence for a chain, its headers included.
    fn weigh(&self, chain: &Chain) -> Evidence {
        let fragments = chain.fragments;
        let last = chain.frames.saturating_sub(fragments);
        let of = |fin: bool, count: u32| {
            let bits = self.rarity.bits(chain.masked(), fin, count.into());
            bits.saturating_mul(i32::try_from(count).unwrap_or(i32::MAX))
        };
        // Zeros are fragments without an end.
        let headers = if last == 0 { 0 } else { of(true, last) + of(false, fragments) };
        let mut evidence = chain.evidence;
        evidence.noise = evidence.noise.saturating_add(headers.min(chain.headers));
        evidence
    }

    /// Whether what was given since the latest gap is text in UTF-8: some letters look like headers.
    pub fn is_text(&self) -> bool {
        let bytes = self.buffer.bytes().get(self.run.0..).unwrap_or_default();
        // The first character may be cut.
        let cut = bytes.iter().take(3).take_while(|byte| matches!(byte, 0x80..=0xbf)).count();
        let bytes = bytes.get(cut..).unwrap_or_default();
        let is_utf8 = match std::str::from_utf8(bytes) {
            Ok(_) => true,
            Err(error) => error.error_len().is_none(),
        };
        is_utf8 && !bytes.iter().any(|byte| is_odd_in_text(*byte))
    }

    /// Whether a chain begins in the second half of what was given: what comes before it must be one frame.
    pub fn begins_late(&self, chain: &FoundChain) -> bool {
        let before = chain.start.saturating_sub(self.first.unwrap_or(0));
        before > self.end().saturating_sub(chain.start)
    }

    fn is_better(&self, chain: &Chain, other: &Chain) -> bool {
        self.weigh(chain).noise > self.weigh(other).noise
    }

    fn end(&self) -> u64 {
        let bytes = self.buffer.bytes().len().saturating_sub(self.run.0);
        self.run.1.saturating_add(length_u64(bytes))
    }

    /// Looks for headers in all that is there.
    fn advance(&mut self, end: u64) {
        while self.cursor < end {
            let expected = self.chains.first_key_value().map_or(end, |((next, _), _)| *next);
            let rest = self.buffer.bytes().get(self.index(self.cursor)..).unwrap_or_default();
            let before = length_usize(expected.saturating_sub(self.cursor)).min(rest.len());
            let before = rest.get(..before).unwrap_or_default();
            let skipped = before.iter().position(|byte| begins_header(*byte));
            let skipped = skipped.unwrap_or(before.len());
            let rest = rest.get(skipped..).unwrap_or_default();
            let header = frame_header(rest.get(..MAX_HEADER_LENGTH).unwrap_or(rest));
            let header = header.map_or(None, |(_, header)| Some(header));
            let is_repeated = repeats(rest.get(..REPEATED).unwrap_or(rest));
            self.cursor = self.cursor.saturating_add(length_u64(skipped));
            self.examine(length_u64(skipped));
            let Some(header) = header else { break };
            let is_empty = header.mask.is_none() && header.payload_length == 0;
            if is_repeated && !is_empty {
                self.chains.remove(&(self.cursor, false));
                self.chains.remove(&(self.cursor, true));
            } else {
                self.header(header);
            }
            self.cursor = self.cursor.saturating_add(1);
            self.examine(1);
        }
        self.end_frames(end);
    }

    fn examine(&mut self, positions: u64) {
        self.rarity.positions = self.rarity.positions.saturating_add(positions);
        self.latest.positions = self.latest.positions.saturating_add(positions);
        while self.latest.positions > LATEST {
            self.latest.halve();
        }
    }

    /// Takes the header at the cursor into the chain that leads to it, or into one of its own.
    fn header(&mut self, header: FrameHeader) {
        let at = self.cursor;
        let mut best: Option<Chain> = None;
        for is_masked in [false, true] {
            let Some(mut chain) = self.chains.remove(&(at, is_masked)) else { continue };
            if chain.is_ended || self.end_frame(&mut chain) {
                best = best.or_else(|| chain.with(header, at, self.expectation));
            }
        }
        let begun = Chain::begin(header, at, self.expectation, self.position(at));
        if let Some(chain) = best.as_mut() {
            self.has_grown = true;
            let frames = u64::from(chain.frames);
            let length = (at.saturating_sub(chain.start) / frames.max(1)).max(1);
            let own = frames.min(self.latest.positions / length);
            let bits = self.latest.bits(chain.masked(), header.fin, own);
            chain.headers = chain.headers.saturating_add(bits);
        }
        let begun = begun.map(|mut chain| {
            chain.headers = self.latest.bits(chain.masked(), header.fin, 0);
            self.rarity.count(chain.masked(), header.fin);
            self.latest.count(chain.masked(), header.fin);
            chain
        });
        let most = if self.starts_segment(at) { 2 * MAX_CHAINS } else { MAX_CHAINS };
        let is_crowded = self.chains.len() >= most;
        if !is_crowded
            && let Some(chain) = begun
            && best.is_none_or(|best| self.is_better(&chain, &best))
        {
            best = Some(chain);
        }
        if let Some(chain) = best {
            let key = (chain.next(), chain.masked() == Masked::Yes);
            let other = self.chains.get(&key);
            if other.is_none_or(|other| self.is_better(&chain, other)) {
                self.chains.insert(key, chain);
            }
        }
    }

    /// Weighs the frames that end within what is there, though what follows them is not known yet.
    fn end_frames(&mut self, end: u64) {
        if end < self.cursor {
            // Bytes from before what is known to be missing.
            return;
        }
        let range = (self.cursor, false)..=(end, true);
        let ended: Vec<_> = self
            .chains
            .range(range)
            .filter(|(_, chain)| !chain.is_ended)
            .map(|(key, chain)| (*key, *chain))
            .collect();
        for (key, mut chain) in ended {
            if self.end_frame(&mut chain) {
                self.chains.insert(key, chain);
            } else {
                self.chains.remove(&key);
            }
        }
    }

    /// Weighs the latest frame of a chain, which is whole; whether a correct peer could send it.
    fn end_frame(&mut self, chain: &mut Chain) -> bool {
        self.has_grown = true;
        let work = chain.header.payload_length.max(LEAST_WORK);
        let may_inflate = is_inflatable(&chain.header) && work <= self.work_left;
        if may_inflate {
            self.work_left = self.work_left.saturating_sub(work);
        }
        let (start, end) = (chain.payload_start(), chain.next());
        let payload = (start >= self.run.1 && start >= self.buffered_from())
            .then(|| self.index(start)..self.index(end))
            .and_then(|range| self.buffer.bytes().get(range));
        chain.end(payload, self.segments_of(chain.latest, end), may_inflate)
    }

    /// Over how many segments a part of the stream extends, if it ends where a segment ends.
    fn segments_of(&self, start: u64, end: u64) -> Option<usize> {
        let before = self.segments.partition_point(|segment| *segment <= start);
        let after = self.segments.partition_point(|segment| *segment < end);
        let is_end = end == self.end() || self.segments.get(after) == Some(&end);
        is_end.then(|| after.saturating_sub(before).saturating_add(1))
    }

    fn starts_segment(&self, at: u64) -> bool {
        self.segments.binary_search(&at).is_ok()
    }

    /// What speaks against a chain that begins at an offset: as many others could have begun before it.
    fn position(&self, at: u64) -> Evidence {
        let bits = |places: u64| i32::try_from(places.max(1).ilog2()).unwrap_or(i32::MAX);
        if self.starts_segment(at) {
            return Evidence::both(-bits(self.segment_count));
        }
        let places = at.saturating_sub(self.first.unwrap_or(at));
        Evidence::both(-WITHIN_SEGMENT - bits(places))
    }

    /// Stream offset of the first frame of a chain that is more likely to be one than not.
    ///
    /// Before a true frame there are bytes of another one's payload, and among some hundred bytes there is
    /// now and then what looks like a header that leads to it. It is believed if most frames of the chain
    /// begin within segments as it does and are of its kind, or if its text is readable.
    pub fn believed_start(&self, chain: &FoundChain) -> u64 {
        let mut start = chain.start;
        let headers = self.headers(start);
        for (index, (header, next)) in headers.iter().enumerate() {
            let others = headers.get(index.saturating_add(1)..).unwrap_or_default();
            if self.starts_segment(start) || others.is_empty() || self.is_readable(start, header) {
                break;
            }
            let starts = std::iter::once(next).chain(others.iter().map(|(_, next)| next));
            let within = starts.zip(others).filter(|(at, _)| !self.starts_segment(**at)).count();
            let alike = others.iter().filter(|(other, _)| kind(other) == kind(header)).count();
            // Laplace's rule: the shares of frames that begin within segments, and of its kind.
            let shares = (2 * within + 1).saturating_mul(2 * alike + 1);
            let all = (2 * others.len() + 4).saturating_mul(2 * others.len() + 13);
            if shares.saturating_mul(COINCIDENCE) > all {
                break;
            }
            start = *next;
        }
        start
    }

    /// Whether a frame is text that can be read.
    fn is_readable(&self, start: u64, header: &FrameHeader) -> bool {
        let start = start.saturating_add(u64::from(header.header_length));
        let range = self.index(start)..self.index(start.saturating_add(header.payload_length));
        let payload = self.buffer.bytes().get(range).unwrap_or_default();
        let evidence = Repetition::default().payload(header, payload, false);
        evidence.is_some_and(|evidence| evidence.noise >= READABLE)
    }

    /// The first headers of a chain that begins at an offset, and where each frame ends.
    fn headers(&self, start: u64) -> Vec<(FrameHeader, u64)> {
        let mut at = start;
        let mut headers = Vec::new();
        while headers.len() < MOST_HEADERS && at >= self.run.1 {
            let rest = self.buffer.bytes().get(self.index(at)..).unwrap_or_default();
            let Ok((_, header)) = frame_header(rest) else { break };
            at = at
                .saturating_add(u64::from(header.header_length))
                .saturating_add(header.payload_length);
            headers.push((header, at));
        }
        headers
    }

    /// Where in the buffer the byte at a stream offset after the latest gap is.
    fn index(&self, offset: u64) -> usize {
        self.run.0.saturating_add(length_usize(offset.saturating_sub(self.run.1)))
    }

    fn buffered_from(&self) -> u64 {
        self.segments.first().copied().unwrap_or(0)
    }

    /// Drops bytes from the beginning that no chain worth keeping needs.
    fn trim(&mut self, end: u64) {
        let is_long = self.buffer.bytes().len() > 2 * WINDOW;
        let is_scattered = self.segments.len() > MOST_SEGMENTS;
        if !is_long && !is_scattered {
            return;
        }
        let promising = self.chains.values().chain(&self.cut);
        let promising = promising.filter(|chain| self.weigh(chain).least() >= PROMISING);
        let needed = promising.map(|chain| chain.start).min().unwrap_or(end);
        let window = end.saturating_sub(length_u64(WINDOW));
        let most = end.saturating_sub(length_u64(MOST_KEPT));
        let oldest = self.segments.len().saturating_sub(MOST_SEGMENTS / 2);
        let oldest = self.segments.get(oldest).copied().filter(|_| is_scattered).unwrap_or(0);
        let from = needed.min(window).max(most).max(oldest);
        let from = self.segments.partition_point(|segment| *segment <= from).saturating_sub(1);
        let Some(from) = self.segments.get(from).copied() else { return };
        let dropped = self.buffer.index(from);
        if dropped < WINDOW && !is_scattered {
            return;
        }
        self.buffer = self.buffer.split_off(dropped);
        self.segments.retain(|segment| *segment >= from);
        self.run = (self.run.0.saturating_sub(dropped), self.run.1.max(from));
        if self.cut.is_some_and(|cut| cut.start < from) {
            self.cut = None;
        }
        for ((next, _), chain) in &mut self.chains {
            if chain.start < from {
                chain.start = *next;
            }
        }
    }
}

/// How often something that looks like a header occurs.
///
/// A header where the one before leads says the more, the rarer they are elsewhere: among random bytes one in
/// fifty looks like one, in some texts and sounds one in three.
#[derive(Clone, Copy, Debug, Default)]
struct Rarity {
    positions: u64,
    /// By whether they are masked and final.
    headers: [u64; 4],
}

impl Rarity {
    fn count(&mut self, masked: Masked, fin: bool) {
        if let Some(headers) = self.headers.get_mut(class(masked, fin)) {
            *headers = headers.saturating_add(1);
        }
    }

    fn halve(&mut self) {
        self.positions /= 2;
        self.headers = self.headers.map(|headers| headers / 2);
    }

    /// What a header says, in bits, where so many are a chain's own.
    fn bits(&self, masked: Masked, fin: bool, own: u64) -> i32 {
        let headers = self.headers.get(class(masked, fin)).copied().unwrap_or(0);
        let elsewhere = headers.saturating_sub(own).saturating_add(USUAL_HEADERS);
        let positions = self.positions.saturating_sub(own).saturating_add(USUAL_POSITIONS);
        let bits = (positions / elsewhere.max(1)).max(1).ilog2();
        i32::try_from(bits).unwrap_or(i32::MAX).min(MOST_OF_HEADER)
    }
}

fn class(masked: Masked, fin: bool) -> usize {
    usize::from(masked == Masked::Yes) * 2 + usize::from(fin)
}

/// Whether bytes repeat the first one, two or three: a key and a payload do not repeat their header.
fn repeats(bytes: &[u8]) -> bool {
    bytes.len() >= LEAST_REPEATED
        && (1..=3).any(|period| bytes.iter().zip(bytes.iter().skip(period)).all(|(a, b)| a == b))
}

/// Whether a byte may begin a header: a defined opcode, no RSV2 or RSV3, whole control frames.
fn begins_header(byte: u8) -> bool {
    matches!(byte, 0x00..=0x02 | 0x41 | 0x42 | 0x80..=0x82 | 0x88..=0x8a | 0xc1 | 0xc2)
}

/// Bits for which it need not be shown that frames are not another protocol's records, where there are frames:
/// only payloads of equal bytes are refused.
const FRAMES_EXPECTED: i32 = 8;

/// Bytes kept in any case. A frame that is larger than this was probably not seen from its beginning.
const WINDOW: usize = 1 << 15;

/// Bytes kept at most, where a promising chain begins that far back.
const MOST_KEPT: usize = 1 << 19;

/// Segments kept at most: each takes as much memory as some dozen bytes.
const MOST_SEGMENTS: usize = 1 << 13;

/// Evidence at which a chain is promising, in bits.
const PROMISING: i32 = 12;

/// Bytes that may begin a header among random ones, which are reckoned with until more was seen, and the most that
/// a header says, in bits.
const USUAL_HEADERS: u64 = 2;
const USUAL_POSITIONS: u64 = 64;
const MOST_OF_HEADER: i32 = 6;

/// The latest bytes that headers are counted in: sounds and tables change.
const LATEST: u64 = 1024;

/// Bytes in which a repeated header is noticed, and how many of them have to be there.
const REPEATED: usize = 8;
const LEAST_REPEATED: usize = 6;

/// What the inflation of a message costs at least, and how much each segment allows for, in bytes.
const LEAST_WORK: u64 = 256;
const WORK_OF_SEGMENT: u64 = 512;

/// Chains followed at a time; as many more may begin where segments do. Random bytes have some twenty.
const MAX_CHAINS: usize = 128;

/// Evidence against a chain that begins within a segment, in bits: most frames do not.
const WITHIN_SEGMENT: i32 = 2;

/// How much more likely a true frame of the kind of all others is than other bytes that look alike at one
/// of the hundred positions from which a 7-bit length leads to the next frame.
const COINCIDENCE: usize = 4;

/// Evidence at which a text is readable, in bits.
const READABLE: i32 = 8;

/// Headers of a chain that are considered in deciding where it begins.
const MOST_HEADERS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{GapCause, Origin};
    use crate::testkit::frame::{masked, plain};
    use crate::websocket::sync::Rsv1;

    fn search() -> ChainSearch {
        ChainSearch::new(Expectation { masked: None, rsv1: Rsv1::Allowed })
    }

    fn push(search: &mut ChainSearch, offset: u64, bytes: &[u8]) -> u64 {
        let chunk = Chunk { offset, bytes, origin: Origin::default() };
        search.push(chunk);
        chunk.end()
    }

    #[test]
    fn a_chain_begins_at_any_byte() {
        let mut search = search();
        let frames: Vec<u8> =
            (0..6_u8).flat_map(|n| masked(0x82, &vec![n; usize::from(n) + 3])).collect();
        push(&mut search, 100, &[b"within a payload".as_slice(), &frames].concat());
        let best = search.best(Masked::Yes).unwrap();
        assert_eq!((best.start, search.believed_start(&best)), (116, 116));
    }

    #[test]
    fn short_frames_may_hide_others() {
        let segments: [&[u8]; 3] = [
            b"\x82\x82\xc1\x80\x83\xe3\xc1\x93",
            b"\x82\x93\xae\xbd\xff\x8c\xdd\xdc\x92\xfc\xc2\xd8\x8c\xa3\xda\xd8\x92\xfc\xcb\xcf\x9e\xf8\xdb\xcf\x9a",
            b"\x82\x82\xfb\xbe\xd1\xa7\x1c\xc4",
        ];
        let mut search = search();
        let mut offset = 0;
        for bytes in segments {
            offset = push(&mut search, offset, bytes);
        }
        let best = search.best(Masked::Yes).unwrap();
        assert_eq!((best.start, search.believed_start(&best)), (0, 0));
    }

    #[test]
    fn what_does_not_fit_ends_a_chain() {
        let cases: [(&str, &[u8], bool); 7] = [
            ("texts", b"\x81\x02hi\x81\x05Hello", true),
            ("text that is not UTF-8", b"\x81\x02hi\x81\x02\xff\xff\x89\x00", false),
            ("a code that must not be sent", b"\x81\x02hi\x88\x02\x03\xed", false),
            ("data after a Close", b"\x88\x02\x03\xe8\x81\x02hi", false),
            ("a message within a message", b"\x01\x02hi\x81\x02hi", false),
            ("a long length in a short form", b"\x81\x02hi\x82\x7e\x00\x05Hello", false),
            ("a fragmented Ping", b"\x81\x02hi\x09\x00\x81\x02hi", false),
        ];
        for (name, bytes, is_whole) in cases {
            let mut search = search();
            push(&mut search, 0, bytes);
            let start = search.chains(Masked::No).map(|chain| chain.start).min();
            assert_eq!(start == Some(0), is_whole, "{name}: {start:?}");
        }
    }

    #[test]
    fn a_chain_goes_on_after_a_gap_in_a_payload() {
        let mut search = search();
        let frame = plain(0x82, &[7; 200]);
        let end = push(&mut search, 0, frame.get(..100).unwrap());
        let (cause, origin) = (GapCause::Acknowledged, Origin::default());
        search.gap(Gap { offset: end, length: 50, cause, origin });
        push(&mut search, end + 50, frame.get(150..).unwrap());
        push(&mut search, 204, &plain(0x81, b"Hello"));
        assert_eq!(search.best(Masked::No).unwrap().start, 0);
    }

    #[test]
    fn little_is_kept_of_what_is_not_frames() {
        let mut search = search();
        let mut offset = 0;
        let mut state = 1_u32;
        for _ in 0..400 {
            let noise: Vec<u8> = (0..1400)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    state.to_be_bytes()[0]
                })
                .collect();
            offset = push(&mut search, offset, &noise);
        }
        assert!(search.memory() < 8 * WINDOW, "{}", search.memory());
        assert!(search.chains.len() < MAX_CHAINS);
        assert!(search.weight() < PROMISING + 8, "{}", search.weight());
    }
}
