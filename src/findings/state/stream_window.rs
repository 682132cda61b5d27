//! The bytes of a stream around the first frame in which something is wrong.
//!
//! Rules see frames and messages; what went wrong with a stream whose frames make no sense only shows in its
//! bytes. While nothing is wrong, the window of a direction holds its latest few frames. From the first
//! frame that breaks a rule on, it is extended until it is full, and then kept until the connection ends.

use crate::stream::{Chunk, Origin, length_usize};
use crate::websocket::{Frame, History};

/// The latest bytes of a direction, or those around the first frame in which something is wrong.
#[derive(Debug, Default)]
pub(crate) struct StreamWindow {
    /// Contiguous, but for the hole.
    bytes: Vec<u8>,
    /// Stream offset of the first one.
    start: u64,
    /// Stream offset of the byte expected next.
    next: u64,
    hole: Option<Hole>,
    /// Where the latest frames start up to the first one in which something is wrong, the latest one first; only
    /// those from `start` on are in the window.
    frames: [FrameStart; FRAMES],
    /// Where the latest frame without FIN starts, as long as its message may be open.
    message: Option<u64>,
    /// Bytes within the latest frame that are not kept: it is too large.
    skipped: Option<[u64; 2]>,
    progress: Progress,
    /// Stream offset of the first byte that was read as frames, if it is known that nothing is missing before it.
    first: Option<u64>,
    derailment: Option<Box<Derailment>>,
}

/// Where a frame starts.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct FrameStart {
    /// Stream offset.
    pub(crate) offset: u64,
    /// The packet that carried its first byte.
    pub(crate) origin: Origin,
}

/// Bytes that are missing in a window.
#[derive(Clone, Copy, Debug)]
struct Hole {
    /// How many bytes of the window are before it.
    index: usize,
    /// Stream offset of the byte after it.
    end: u64,
}

/// How far a window is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Progress {
    /// Nothing was read so far.
    #[default]
    New,
    /// It takes what comes.
    Open,
    /// It takes nothing more, though the stream may continue.
    Full,
}

/// What is remembered of the first frame in which something is wrong.
#[derive(Debug)]
struct Derailment {
    /// Stream offset of its header.
    start: u64,
    /// Stream offset from which on nothing more is kept.
    limit: u64,
    /// What compressed messages may refer to at this point, if that is known.
    history: Option<Vec<u8>>,
}

/// How much all windows together may take.
#[derive(Debug, Default)]
pub(crate) struct WindowBudget {
    /// Bytes taken.
    kept: usize,
    /// Bytes that may be taken.
    limit: usize,
}

/// Bytes of a stream from one offset on, without holes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct WindowPart<'a> {
    /// Stream offset of the first byte.
    pub(crate) offset: u64,
    pub(crate) bytes: &'a [u8],
}

impl WindowBudget {
    /// A budget of which nothing is taken.
    pub(crate) fn new(limit: usize) -> Self {
        Self { kept: 0, limit }
    }

    /// Bytes taken.
    pub(crate) fn kept(&self) -> usize {
        self.kept
    }

    fn change(&mut self, before: usize, after: usize) {
        self.kept = self.kept.saturating_sub(before).saturating_add(after);
    }

    fn has_room_for(&self, more: usize) -> bool {
        self.kept.saturating_add(more) <= self.limit
    }
}

impl StreamWindow {
    /// Takes the next bytes of the stream, before they are read as frames.
    #[inline]
    pub(crate) fn push(&mut self, chunk: Chunk<'_>, budget: &mut WindowBudget) {
        let room = self.bytes.capacity().saturating_sub(self.bytes.len());
        let is_plain = self.progress == Progress::Open
            && self.skipped.is_none()
            && self.derailment.is_none()
            && chunk.offset == self.next
            && chunk.bytes.len() <= room;
        if is_plain {
            self.bytes.extend_from_slice(chunk.bytes);
            self.next = chunk.end();
        } else {
            self.push_rest(chunk, budget);
        }
    }

    /// The same, if something is special about it.
    #[inline(never)]
    fn push_rest(&mut self, chunk: Chunk<'_>, budget: &mut WindowBudget) {
        match self.progress {
            Progress::New => {
                self.first = Some(chunk.offset);
                self.restart(chunk.offset);
            }
            Progress::Open if chunk.offset != self.next => self.lose(chunk.offset),
            Progress::Open => {}
            Progress::Full => return,
        }
        if self.progress == Progress::Full {
            return;
        }
        if let Some([from, to]) = self.skipped {
            if from <= chunk.offset && chunk.end() <= to {
                self.next = chunk.end();
                return;
            }
            if self.next > from {
                self.cut(chunk.offset);
            }
            if chunk.end() > to {
                self.skipped = None;
            }
        }
        let wanted = self.derailment.as_ref().map_or(usize::MAX, |derailment| {
            length_usize(derailment.limit.saturating_sub(chunk.offset))
        });
        let taken = chunk.take(wanted);
        if !self.make_room(taken.bytes.len(), budget) {
            if self.derailment.is_some() {
                self.progress = Progress::Full;
            } else {
                self.restart(chunk.end());
            }
            return;
        }
        self.bytes.extend_from_slice(taken.bytes);
        self.next = chunk.end();
        if taken.bytes.len() < chunk.bytes.len() {
            self.progress = Progress::Full;
        }
    }

    /// Takes the header of the next frame, whose bytes it has already.
    #[inline]
    pub(crate) fn frame(&mut self, frame: &Frame) {
        if self.derailment.is_some() {
            return;
        }
        let [latest, second, third, _] = self.frames;
        let start = FrameStart { offset: frame.span.start, origin: frame.span.first };
        self.frames = [start, latest, second, third];
        let header = &frame.header;
        if !header.is_control() {
            self.message = match (header.fin, self.message) {
                (true, _) => None,
                (false, None) => Some(frame.span.start),
                (false, Some(start)) => Some(start),
            };
        }
        if header.payload_length >= IMPLAUSIBLE {
            self.derail(frame.span.start);
        } else if header.payload_length > LARGE {
            self.skip_within(frame);
        }
    }

    /// Begins to skip the middle of a frame that is too large to be kept.
    fn skip_within(&mut self, frame: &Frame) {
        let header = &frame.header;
        let payload = frame.span.start.saturating_add(u64::from(header.header_length));
        let from = payload.saturating_add(LARGE / 2);
        let to = payload.saturating_add(header.payload_length).saturating_sub(TAIL);
        // What came with its header was taken already.
        self.skipped = (self.next < to).then_some([from.max(self.next), to]);
    }

    /// Something is wrong with the frame that starts at an offset: from now on nothing is dropped.
    pub(crate) fn derail(&mut self, start: u64) {
        if self.derailment.is_some() || self.progress == Progress::New {
            return;
        }
        let limit = start.max(self.frames[0].offset).saturating_add(AFTER);
        self.derailment = Some(Box::new(Derailment { start, limit, history: None }));
        self.skipped = None;
    }

    /// Whether it asks for what compressed messages may refer to.
    #[inline]
    pub(crate) fn wants_history(&self) -> bool {
        self.derailment.as_ref().is_some_and(|derailment| derailment.history.is_none())
    }

    /// Takes what compressed messages may refer to.
    pub(crate) fn keep_history(&mut self, history: History<'_>, budget: &mut WindowBudget) {
        if let Some(derailment) = &mut self.derailment
            && budget.has_room_for(history.output.len())
        {
            budget.change(0, history.output.len());
            derailment.history = Some(history.output.to_vec());
        }
    }

    /// Bytes of the stream are missing, or it is not known any more where frames start.
    pub(crate) fn gap(&mut self) {
        self.lose(self.next);
    }

    /// The stream has ended within a frame, which may be what is wrong with it.
    pub(crate) fn end_unfinished(&mut self) {
        let latest = self.frames[0].offset;
        if latest >= self.start {
            self.derail(latest);
        }
    }

    /// Frees what it takes.
    pub(crate) fn free(&mut self, budget: &mut WindowBudget) {
        budget.change(self.memory(), 0);
        *self = Self { progress: Progress::Full, ..Self::default() };
    }

    /// Stream offset of the first frame in which something is wrong, if there is one.
    pub(crate) fn derailed(&self) -> Option<u64> {
        Some(self.derailment.as_ref()?.start)
    }

    /// What compressed messages may refer to after what was right, if it was asked for.
    pub(crate) fn history(&self) -> Option<&[u8]> {
        self.derailment.as_ref()?.history.as_deref()
    }

    /// Stream offset of the first byte that was read as frames, if nothing is missing before it.
    pub(crate) fn first(&self) -> Option<u64> {
        self.first
    }

    /// Whether it reaches to the end of what was captured of the stream without a gap.
    pub(crate) fn reaches_end(&self) -> bool {
        self.progress == Progress::Open
    }

    /// The frames that it shows up to the first one in which something is wrong, the latest first.
    pub(crate) fn frames(&self) -> impl Iterator<Item = FrameStart> + '_ {
        let end = self.derailed().unwrap_or(u64::MAX);
        let is_kept = move |frame: &FrameStart| (self.start..=end).contains(&frame.offset);
        self.frames.iter().copied().filter(is_kept)
    }

    /// Its bytes: up to the hole, and after it.
    pub(crate) fn parts(&self) -> [WindowPart<'_>; 2] {
        let (index, end) = match self.hole {
            Some(hole) => (hole.index, hole.end),
            None => (self.bytes.len(), self.next),
        };
        let (front, back) = self.bytes.split_at_checked(index).unwrap_or((&self.bytes, &[]));
        [WindowPart { offset: self.start, bytes: front }, WindowPart { offset: end, bytes: back }]
    }

    fn memory(&self) -> usize {
        let history = self.history().map_or(0, <[u8]>::len);
        self.bytes.capacity().saturating_add(history)
    }

    /// Starts anew at an offset: what was there is of no use.
    fn restart(&mut self, offset: u64) {
        self.bytes.clear();
        (self.start, self.next, self.hole, self.skipped) = (offset, offset, None, None);
        self.progress = Progress::Open;
    }

    /// Bytes are missing before an offset: nothing is tested across a gap.
    fn lose(&mut self, offset: u64) {
        match self.progress {
            Progress::New => self.first = None,
            Progress::Open if self.derailment.is_some() => self.progress = Progress::Full,
            Progress::Open => {
                self.restart(offset);
                self.first = None;
                self.message = None;
            }
            Progress::Full => {}
        }
    }

    /// What comes next starts at a later offset: there is one hole at most.
    fn cut(&mut self, offset: u64) {
        if let Some(hole) = self.hole {
            self.bytes.drain(..hole.index.min(self.bytes.len()));
            self.start = hole.end;
        }
        self.hole = Some(Hole { index: self.bytes.len(), end: offset });
    }

    /// Makes room for more bytes; returns whether there is.
    fn make_room(&mut self, more: usize, budget: &mut WindowBudget) -> bool {
        if self.derailment.is_none() {
            self.drop_front();
        }
        let needed = self.bytes.len().saturating_add(more);
        let capacity = self.bytes.capacity();
        // At least a quarter is free afterwards, so that bytes are seldom moved.
        if needed.saturating_add(needed / 3) <= capacity {
            return true;
        }
        let wanted = needed.saturating_add(needed / 2).next_power_of_two().max(SMALLEST);
        if !budget.has_room_for(wanted.saturating_sub(capacity)) {
            return needed <= capacity;
        }
        self.bytes.reserve_exact(wanted.saturating_sub(self.bytes.len()));
        budget.change(capacity, self.bytes.capacity());
        true
    }

    /// Drops what is before the latest frames.
    fn drop_front(&mut self) {
        let [latest, second, third, fourth] = self.frames.map(|frame| frame.offset);
        let message = self.message.unwrap_or(fourth).min(fourth);
        let wanted = [message, fourth, third, second, latest];
        let is_known = |start: &&u64| **start >= self.start;
        let fits = |start: &&u64| self.bytes.len().saturating_sub(self.index_of(**start)) <= MOST;
        let found = wanted.iter().filter(is_known).find(fits);
        if let Some(start) = found.or_else(|| wanted.iter().rev().find(is_known)) {
            let (start, index) = (*start, self.index_of(*start));
            self.bytes.drain(..index.min(self.bytes.len()));
            self.hole = match self.hole {
                Some(hole) if hole.index > index => {
                    Some(Hole { index: hole.index.saturating_sub(index), ..hole })
                }
                _ => None,
            };
            self.start = start;
        } else if self.bytes.len() > MOST {
            self.restart(self.next);
        }
    }

    /// Where the byte at a stream offset is; that after the hole if it is in it.
    fn index_of(&self, offset: u64) -> usize {
        match self.hole {
            Some(hole) if offset >= hole.end => {
                hole.index.saturating_add(length_usize(offset.saturating_sub(hole.end)))
            }
            Some(hole) => length_usize(offset.saturating_sub(self.start)).min(hole.index),
            None => length_usize(offset.saturating_sub(self.start)),
        }
    }
}

/// Frames that a window remembers: that which is wrong may be noticed a few frames later.
const FRAMES: usize = 4;

/// Bytes that a window holds at most while nothing is wrong, the latest chunk aside.
const MOST: usize = 32 << 10;

/// Payload bytes from which on the middle of a frame is not kept.
const LARGE: u64 = 24 << 10;

/// Bytes that are kept before the end of such a frame.
const TAIL: u64 = 1 << 10;

/// Payload bytes that nobody sends: something is wrong with a frame that declares as many, though its header breaks no
/// rule.
const IMPLAUSIBLE: u64 = 1 << 40;

/// Bytes that are kept from the first frame on in which something is wrong: enough for a frame whose length
/// of 64 bits was misread, and what follows it.
const AFTER: u64 = 96 << 10;

/// The smallest allocation, in bytes.
const SMALLEST: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{Span, length_u64};
    use crate::testkit::frame::push_frame;
    use crate::testkit::random::Random;
    use crate::websocket::frame::frame_header;

    /// A stream of a head and frames, and how it is cut into chunks.
    struct Scene {
        bytes: Vec<u8>,
        /// Where the frames start.
        frames: Vec<usize>,
        cuts: Vec<usize>,
    }

    impl Scene {
        fn new(lengths: &[usize], random: &mut Random) -> Self {
            let mut bytes = b"HTTP/1.1 101 Switching Protocols\r\n\r\n".to_vec();
            let mut frames = Vec::new();
            for length in lengths {
                frames.push(bytes.len());
                push_frame(&mut bytes, 0x82, None, &random.bytes(*length));
            }
            let mut cuts = vec![frames[0]];
            while cuts[cuts.len() - 1] < bytes.len() {
                let most = random.pick(&[20, 1_500, 9_000, 65_000]);
                cuts.push((cuts[cuts.len() - 1] + 1 + random.below(most)).min(bytes.len()));
            }
            Self { bytes, frames, cuts }
        }

        /// Hands all of it to a window; the frame `wrong` breaks a rule.
        fn read(&self, wrong: usize, budget: &mut WindowBudget) -> StreamWindow {
            let mut window = StreamWindow::default();
            let mut frames = self.frames.iter().enumerate().peekable();
            for cut in self.cuts.windows(2) {
                window.push(self.chunk(cut[0], cut[1]), budget);
                while let Some((number, start)) = frames.next_if(|it| *it.1 < cut[1]) {
                    let (_, header) = frame_header(&self.bytes[*start..]).unwrap();
                    let span = Span::at(length_u64(*start), Origin::default());
                    window.frame(&Frame { header, span, ..Frame::default() });
                    if number == wrong {
                        window.derail(span.start);
                    }
                }
                assert_eq!(window.memory(), budget.kept());
            }
            window
        }

        fn chunk(&self, start: usize, end: usize) -> Chunk<'_> {
            let (offset, bytes) = (length_u64(start), &self.bytes[start..end]);
            Chunk { offset, bytes, origin: Origin::default() }
        }
    }

    #[test]
    fn it_shows_what_was_sent_around_the_frame_that_is_wrong() {
        let mut random = Random(7);
        for round in 0..400 {
            let most = random.pick(&[40, 400, 4_000, 90_000]);
            let lengths: Vec<_> = (0..40).map(|_| random.below(most)).collect();
            let scene = Scene::new(&lengths, &mut random);
            let wrong = random.below(40);
            let mut budget = WindowBudget::new(1 << 20);
            let window = scene.read(wrong, &mut budget);
            let start = scene.frames[wrong];
            assert_eq!(window.derailed(), Some(length_u64(start)), "{round}");
            assert_eq!(window.first(), Some(length_u64(scene.frames[0])), "{round}");
            let mut longest = 0;
            for part in window.parts() {
                let from = length_usize(part.offset);
                let sent = &scene.bytes[from..from + part.bytes.len()];
                assert!(sent == part.bytes, "{round}: what it shows from {from} was not sent");
                if (from..from + part.bytes.len()).contains(&start) {
                    longest = from + part.bytes.len() - start;
                }
            }
            let expected = (scene.bytes.len() - start).min(length_usize(AFTER));
            assert!(longest >= expected, "{round}: {longest} of {expected} bytes after {start}");
            let before = wrong.saturating_sub(1);
            let latest = window.frames().map(|it| it.offset).find(|it| *it < length_u64(start));
            if wrong > 0 && start - scene.frames[before] <= MOST / 2 {
                assert_eq!(latest, Some(length_u64(scene.frames[before])), "{round}");
            }
        }
    }

    #[test]
    fn while_nothing_is_wrong_it_keeps_little() {
        let mut random = Random(8);
        for (length, most) in [(60, 1 << 10), (1_000, 16 << 10), (1 << 20, 256 << 10)] {
            let scene = Scene::new(&[length; 60], &mut random);
            let mut budget = WindowBudget::new(1 << 20);
            let mut window = scene.read(usize::MAX, &mut budget);
            let small_cuts = scene.cuts.windows(2).all(|cut| cut[1] - cut[0] <= 1_500);
            let most = if small_cuts { most } else { most.max(256 << 10) };
            assert!(budget.kept() <= most, "{length}: {} bytes", budget.kept());
            window.free(&mut budget);
            assert_eq!(budget.kept(), 0, "{length}");
        }
    }

    #[test]
    fn it_never_takes_more_than_there_is() {
        let mut random = Random(9);
        let scene = Scene::new(&[3_000; 60], &mut random);
        for limit in [0, 600, 5_000, 40_000] {
            let mut budget = WindowBudget::new(limit);
            let window = scene.read(50, &mut budget);
            assert!(budget.kept() <= limit, "{} of {limit} bytes", budget.kept());
            for part in window.parts() {
                let from = length_usize(part.offset);
                assert_eq!(part.bytes, &scene.bytes[from..from + part.bytes.len()]);
            }
        }
    }

    #[test]
    fn nothing_is_shown_across_a_gap() {
        let mut random = Random(10);
        let scene = Scene::new(&[100; 8], &mut random);
        let [second, third, fourth] = [scene.frames[1], scene.frames[2], scene.frames[3]];
        let mut budget = WindowBudget::new(1 << 20);
        let mut window = StreamWindow::default();
        window.push(scene.chunk(scene.frames[0], second), &mut budget);
        window.gap();
        window.push(scene.chunk(third, fourth), &mut budget);
        let [front, back] = window.parts();
        assert_eq!(front.offset, length_u64(third));
        assert_eq!((front.bytes, back.bytes), (&scene.bytes[third..fourth], &[][..]));
        assert_eq!(window.first(), None);
        window.derail(length_u64(third));
        assert!(window.reaches_end());
        window.gap();
        window.push(scene.chunk(fourth, scene.frames[4]), &mut budget);
        assert!(!window.reaches_end());
        assert_eq!(window.parts()[0].bytes.len(), fourth - third);
    }
}
