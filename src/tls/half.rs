//! One direction: its records, and the messages of the handshake in them.

use super::alert::Alert;
use super::message::{Message, Messages};
use super::record::{ContentType, HEADER_LENGTH, Header, RecordHeader, header};
use super::session::RecordSeen;
use crate::stream::{Chunk, Gap, Span, length_usize};

/// Reads the records of one direction.
#[derive(Debug, Default)]
pub(super) struct Half {
    state: State,
    messages: Messages,
    /// Whether some bytes of the handshake are missing: message boundaries are no longer known.
    is_cut: bool,
    /// Whether its sender encrypts from here on.
    is_protected: bool,
    /// Whether a record was seen.
    has_begun: bool,
}

#[derive(Debug)]
enum State {
    /// So many bytes of a header.
    Header([u8; HEADER_LENGTH], usize, Span),
    Body(Open),
    /// It never was TLS.
    Foreign,
    /// Where the next record begins is unknown.
    Lost,
}

/// A record under way.
#[derive(Clone, Copy, Debug)]
struct Open {
    header: RecordHeader,
    left: usize,
    span: Span,
    alert: [u8; ALERT_LENGTH],
}

/// What a step found.
#[derive(Debug)]
pub(super) enum Step<'a> {
    /// More bytes are needed.
    Nothing,
    Message(Message),
    Alert(Alert, Span),
    /// A record is whole.
    Record(RecordSeen),
    /// No record begins here, and none came before: bytes that were held, and those of the chunk.
    Foreign(Vec<u8>, Chunk<'a>),
    /// No record begins here, though some came before.
    Lost,
}

impl Default for State {
    fn default() -> Self {
        Self::Header([0; HEADER_LENGTH], 0, Span::default())
    }
}

impl Half {
    /// Memory taken by a message that is not whole yet, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.messages.memory()
    }

    /// Gives up a message that is not whole yet, to save memory.
    pub(super) fn evict(&mut self) {
        self.messages.evict();
    }

    /// Whether a step may find something without further bytes.
    pub(super) fn is_ready(&self) -> bool {
        matches!(self.state, State::Body(Open { left: 0, .. }))
    }

    /// Whether nothing more can be read.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, State::Lost)
    }

    /// Its sender encrypts from here on.
    pub(super) fn protect(&mut self) {
        self.is_protected = true;
    }

    /// Reads on, and gives what is left of the chunk.
    pub(super) fn step<'a>(&mut self, chunk: Chunk<'a>) -> (Step<'a>, Chunk<'a>) {
        let nothing_left = chunk.skip(chunk.bytes.len());
        match self.state {
            State::Header(bytes, have, span) => self.header((bytes, have, span), chunk),
            State::Body(open) if open.left == 0 => (self.end(open), chunk),
            State::Body(open) => self.body(open, chunk),
            State::Foreign => (Step::Foreign(Vec::new(), chunk), nothing_left),
            State::Lost => (Step::Nothing, nothing_left),
        }
    }

    /// Skips missing bytes, if it is known what they are.
    pub(super) fn gap(&mut self, gap: Gap) {
        match &mut self.state {
            State::Body(open) if length_usize(gap.length) <= open.left => {
                open.left = open.left.saturating_sub(length_usize(gap.length));
                open.span.extend(gap.end(), gap.origin);
                self.is_cut |= open.header.kind == ContentType::Handshake;
            }
            State::Foreign => {}
            State::Header(..) | State::Body(_) | State::Lost => self.state = State::Lost,
        }
    }

    fn header<'a>(
        &mut self,
        (mut bytes, have, mut span): ([u8; HEADER_LENGTH], usize, Span),
        chunk: Chunk<'a>,
    ) -> (Step<'a>, Chunk<'a>) {
        let part = chunk.take(HEADER_LENGTH.saturating_sub(have));
        for (place, byte) in bytes.iter_mut().skip(have).zip(part.bytes) {
            *place = *byte;
        }
        let now = have.saturating_add(part.bytes.len());
        if have == 0 {
            span = Span::at(part.offset, part.origin);
        }
        match header(bytes.get(..now).unwrap_or_default()) {
            Header::Foreign => {
                let nothing_left = chunk.skip(chunk.bytes.len());
                if self.has_begun {
                    self.state = State::Lost;
                    return (Step::Lost, nothing_left);
                }
                self.state = State::Foreign;
                let held = bytes.get(..have).unwrap_or_default().to_vec();
                return (Step::Foreign(held, chunk), nothing_left);
            }
            Header::Short => {
                span.extend(part.end(), part.origin);
                self.state = State::Header(bytes, now, span);
            }
            Header::Whole(header) => {
                span.extend(part.end(), part.origin);
                self.has_begun = true;
                let left = usize::from(header.length);
                self.state = State::Body(Open { header, left, span, alert: [0; ALERT_LENGTH] });
            }
        }
        (Step::Nothing, chunk.skip(part.bytes.len()))
    }

    fn body<'a>(&mut self, mut open: Open, chunk: Chunk<'a>) -> (Step<'a>, Chunk<'a>) {
        let part = chunk.take(open.left);
        let mut taken = part.bytes.len();
        let mut step = Step::Nothing;
        if open.header.kind == ContentType::Handshake && !self.is_protected && !self.is_cut {
            if let Some((message, left)) = self.messages.push(part) {
                taken = taken.saturating_sub(left.bytes.len());
                step = Step::Message(message);
            }
        } else if open.header.kind == ContentType::Alert {
            let at = usize::from(open.header.length).saturating_sub(open.left);
            for (place, byte) in open.alert.iter_mut().skip(at).zip(part.bytes) {
                *place = *byte;
            }
        }
        let taken = chunk.take(taken);
        open.span.extend(taken.end(), taken.origin);
        open.left = open.left.saturating_sub(taken.bytes.len());
        self.state = State::Body(open);
        if open.left == 0
            && let Some(alert) = open.alert()
        {
            step = Step::Alert(alert, open.span);
        }
        (step, chunk.skip(taken.bytes.len()))
    }

    fn end<'a>(&mut self, open: Open) -> Step<'a> {
        self.state = State::default();
        let kind = open.header.kind;
        let is_protected = match kind {
            ContentType::ApplicationData => true,
            ContentType::ChangeCipherSpec => false,
            ContentType::Alert => open.alert().is_none(),
            ContentType::Handshake | ContentType::Heartbeat => self.is_protected,
        };
        Step::Record(RecordSeen {
            kind,
            length: open.header.length,
            is_protected,
            is_data: false,
            span: open.span,
        })
    }
}

impl Open {
    /// The alert in it, if unencrypted: encryption makes it longer.
    fn alert(&self) -> Option<Alert> {
        let [level, description] = self.alert;
        let is_clear = self.header.kind == ContentType::Alert
            && usize::from(self.header.length) == ALERT_LENGTH;
        is_clear.then_some(Alert { level, description })
    }
}

/// Bytes of an alert (RFC 8446 §6).
const ALERT_LENGTH: usize = 2;
