//! One direction of an HTTP/1.x conversation: heads, and bodies that are skipped.

use std::borrow::Cow;

use super::body::{Body, Framing, Missing, Passed};
use super::head::MAX_HEAD;
use super::line::HeadEnd;
use super::probe::{Match, looks_like_head};
use crate::stream::{Buffer, Chunk, Direction, Span};

/// What is read next on one side, and the beginning of a head that is not whole.
#[derive(Debug, Default)]
pub(super) struct Half {
    pub(super) reading: Reading,
    /// A part of a head, or bytes that wait for the other side.
    pub(super) held: Buffer,
    end: HeadEnd,
}

/// What comes next.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Reading {
    /// The first head, or something other than HTTP.
    #[default]
    First,
    /// A head.
    Head,
    /// The rest of a body.
    Body(Body),
    /// Unknown; a head may begin with any chunk.
    Lost,
}

/// What was read.
#[derive(Debug)]
pub(super) enum Read<'a> {
    /// This many bytes were skipped or held.
    Next(usize),
    /// A head.
    Head(Whole<'a>),
    /// A head larger than is read.
    TooLarge,
    /// Bytes that are not the beginning of a head.
    Lost,
    /// The same at the position of the first head.
    NotHttp,
}

/// Whether the position of the next head is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Sync {
    Kept,
    Lost,
}

/// A whole head, wherever its bytes are.
#[derive(Debug)]
pub(super) struct Whole<'a> {
    pub(super) raw: Cow<'a, [u8]>,
    pub(super) span: Span,
    /// Bytes of the current chunk up to its end.
    pub(super) consumed: usize,
}

impl Half {
    /// A side whose next head is at an unknown position.
    pub(super) fn lost() -> Self {
        Self { reading: Reading::Lost, ..Self::default() }
    }

    /// Reads on, up to the end of one head or body.
    pub(super) fn read<'a>(&mut self, direction: Direction, chunk: Chunk<'a>) -> Read<'a> {
        match &mut self.reading {
            Reading::Body(body) => match body.push(chunk.bytes) {
                Passed::All => Read::Next(chunk.bytes.len()),
                Passed::Whole(length) => {
                    self.reading = Reading::Head;
                    Read::Next(length)
                }
                Passed::Broken => Read::Lost,
            },
            Reading::First | Reading::Head | Reading::Lost if self.held.is_empty() => {
                self.head_in_chunk(direction, chunk)
            }
            Reading::First | Reading::Head | Reading::Lost => self.head_in_pieces(direction, chunk),
        }
    }

    /// Continues after a head.
    pub(super) fn follow(&mut self, framing: Framing) -> Sync {
        self.reading = match framing {
            Framing::Nothing => Reading::Head,
            Framing::Body(body) => Reading::Body(body),
            Framing::Unknown => return Sync::Lost,
        };
        Sync::Kept
    }

    /// Skips missing bytes of a body; returns how many are outside of any known body.
    pub(super) fn gap(&mut self, length: u64) -> u64 {
        let Reading::Body(body) = &mut self.reading else { return length };
        match body.gap(length) {
            Missing::Inside => 0,
            Missing::Whole => {
                self.reading = Reading::Head;
                0
            }
            Missing::Beyond(beyond) => beyond,
        }
    }

    /// The common case: the head begins in this chunk, and nothing is copied if it ends there.
    fn head_in_chunk<'a>(&mut self, direction: Direction, chunk: Chunk<'a>) -> Read<'a> {
        if looks_like_head(direction, chunk.bytes) == Match::No {
            return self.mismatch();
        }
        let mut end = HeadEnd::default();
        match end.find(chunk.bytes) {
            Some(place) if place.end <= MAX_HEAD => {
                let consumed = place.end;
                let head = chunk.take(consumed).skip(place.start);
                let mut span = Span::at(head.offset, chunk.origin);
                span.extend(head.end(), chunk.origin);
                Read::Head(Whole { raw: Cow::Borrowed(head.bytes), span, consumed })
            }
            None if chunk.bytes.len() < MAX_HEAD => {
                self.held.push_within(chunk, MAX_HEAD);
                self.end = end;
                Read::Next(chunk.bytes.len())
            }
            Some(_) | None => Read::TooLarge,
        }
    }

    fn head_in_pieces<'a>(&mut self, direction: Direction, chunk: Chunk<'a>) -> Read<'a> {
        let before = self.held.bytes().len();
        self.held.push_within(chunk, MAX_HEAD);
        if looks_like_head(direction, self.held.bytes()) == Match::No {
            self.held.truncate(before);
            return self.mismatch();
        }
        if let Some(place) = self.end.find(self.held.bytes()) {
            self.end = HeadEnd::default();
            let held = std::mem::take(&mut self.held);
            let span = held.part(place.start, place.end);
            let consumed = place.end.saturating_sub(before);
            let raw = held.bytes().get(place).unwrap_or_default().to_vec();
            return Read::Head(Whole { raw: Cow::Owned(raw), span, consumed });
        }
        if self.held.bytes().len() < MAX_HEAD {
            Read::Next(chunk.bytes.len())
        } else {
            Read::TooLarge
        }
    }

    fn mismatch(&self) -> Read<'static> {
        match self.reading {
            Reading::First => Read::NotHttp,
            Reading::Head | Reading::Body(_) | Reading::Lost => Read::Lost,
        }
    }
}
