//! One direction: its records, and the messages of the handshake in them.

use super::alert::Alert;
use super::message::{Message, Messages};
use super::record::{ContentType, HEADER_LENGTH, Header, RecordHeader, header};
use super::session::RecordSeen;
use crate::stream::{Buffer, Chunk, Gap, Span, length_usize};

/// Reads the records of one direction.
#[derive(Debug, Default)]
pub(super) struct Half {
    state: State,
    messages: Messages,
    /// Whether some bytes of the handshake are missing: message boundaries are no longer known.
    is_cut: bool,
    /// Whether its sender encrypts from here on.
    is_protected: bool,
    /// What was read of an encrypted record, without its header; `None` if such records are not wanted as a
    /// whole.
    body: Option<Buffer>,
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
    /// Whether it is kept as a whole.
    is_sealed: bool,
    /// Whether bytes of it are missing.
    is_cut: bool,
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
    /// An encrypted record is whole, and can be taken by [`Half::take_body`].
    Sealed(RecordHeader, RecordSeen),
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
        self.messages.memory().saturating_add(self.body.as_ref().map_or(0, Buffer::memory))
    }

    /// Gives up a message and an encrypted record that are not whole yet, to save memory.
    pub(super) fn evict(&mut self) {
        self.messages.evict();
        if let Some(body) = &mut self.body {
            *body = Buffer::default();
        }
        if let State::Body(open) = &mut self.state {
            open.is_cut = true;
        }
    }

    /// Keeps encrypted records as a whole from now on, or no longer.
    pub(super) fn collect(&mut self, collects: bool) {
        self.body = if collects { Some(self.body.take().unwrap_or_default()) } else { None };
    }

    /// The bytes of the record that is whole now.
    pub(super) fn take_body(&mut self) -> Buffer {
        self.body.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Takes bytes back that are no longer needed: their memory is used for the next record.
    pub(super) fn recycle(&mut self, mut body: Buffer) {
        body.clear();
        if let Some(place) = &mut self.body {
            *place = body;
        }
    }

    /// Takes decrypted bytes of messages of the handshake.
    pub(super) fn push_plain<'a>(&mut self, chunk: Chunk<'a>) -> Option<(Message, Chunk<'a>)> {
        self.messages.push(chunk)
    }

    /// Whether it is between two records, with no message begun.
    pub(super) fn is_between(&self) -> bool {
        matches!(self.state, State::Header(_, 0, _)) && self.messages.is_between()
    }

    /// Reads on between two records of a sender that encrypts.
    pub(super) fn resume(&mut self) {
        (self.is_protected, self.has_begun) = (true, true);
        self.collect(true);
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
                open.is_cut = true;
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
                let (left, is_sealed) = (usize::from(header.length), self.seals(header.kind));
                if let Some(body) = &mut self.body {
                    body.clear();
                }
                let alert = [0; ALERT_LENGTH];
                let open = Open { header, left, span, alert, is_sealed, is_cut: false };
                self.state = State::Body(open);
            }
        }
        (Step::Nothing, chunk.skip(part.bytes.len()))
    }

    fn body<'a>(&mut self, mut open: Open, chunk: Chunk<'a>) -> (Step<'a>, Chunk<'a>) {
        let part = chunk.take(open.left);
        let mut taken = part.bytes.len();
        let mut step = Step::Nothing;
        if open.is_sealed {
            if let Some(body) = self.body.as_mut().filter(|_| !open.is_cut) {
                body.push(part);
            }
        } else if open.header.kind == ContentType::Handshake && !self.is_protected && !self.is_cut {
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
        let record = RecordSeen {
            kind,
            length: open.header.length,
            is_protected,
            is_data: false,
            span: open.span,
        };
        if open.is_sealed && !open.is_cut {
            Step::Sealed(open.header, record)
        } else {
            Step::Record(record)
        }
    }

    /// Whether a record that begins now is encrypted and wanted as a whole.
    fn seals(&self, kind: ContentType) -> bool {
        let is_encrypted = match kind {
            ContentType::ApplicationData => true,
            ContentType::Alert | ContentType::Handshake | ContentType::Heartbeat => {
                self.is_protected
            }
            ContentType::ChangeCipherSpec => false,
        };
        self.body.is_some() && is_encrypted
    }
}

impl Open {
    /// The alert in it, if unencrypted: encryption makes it longer.
    fn alert(&self) -> Option<Alert> {
        let [level, description] = self.alert;
        let is_clear = self.header.kind == ContentType::Alert
            && !self.is_sealed
            && usize::from(self.header.length) == ALERT_LENGTH;
        is_clear.then_some(Alert { level, description })
    }
}

/// Bytes of an alert (RFC 8446 §6).
const ALERT_LENGTH: usize = 2;
